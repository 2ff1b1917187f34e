"""Find pictures whose labels look wrong, by confident learning on predictions for held-out pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct.color.decoding import softmax
from tinct.color.inputs import PICTURE
from tinct.color.spaces import FloatArray
from tinct.data.duplicates import near_duplicates
from tinct.data.labelled import common_size, find_labelled, load
from tinct.learn.recognize.candidates import STATISTICS_SPACE, statistics_of
from tinct.learn.recognize.folds import stratified_folds
from tinct.learn.recognize.heads import measure_all
from tinct.learn.recognize.yardstick import held_out_logits
from tinct.runtime.scores import fit_temperature

FOLDS = 5


@dataclass(frozen=True)
class Suspect:
    """A picture whose label looks wrong.

    Attributes:
        path: the file.
        label: its class.
        likely: the class that it looks like.
        share: probability of its own class, 0..1.
        likely_share: probability of the other class, 0..1.
    """

    path: Path
    label: str
    likely: str
    share: float
    likely_share: float


@dataclass(frozen=True)
class LabelReport:
    """The result of looking for wrong labels.

    Attributes:
        suspects: the likeliest first.
        count: number of pictures examined.
        accuracy: share of these whose predicted class is their label, 0..1; if it is near chance, suspects mean little.
        chance: share of the largest class.
        left_out: path and reason of each that could not be read.
    """

    suspects: list[Suspect]
    count: int
    accuracy: float
    chance: float
    left_out: list[tuple[str, str]]


def find_wrong_labels(
    source: str | Path, *, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> LabelReport:
    """Find pictures or arrays whose labels look wrong.

    Each is judged by statistics that were fitted to others, without copies of it: a classifier that has seen a wrong
    label may have learned it by heart.

    Args:
        source: as for `tinct.data.labelled.find_labelled`; splits are ignored.
        seed: of the folds and the forest.
        progress: called with (done, total), first for reading, then for measuring.

    Raises:
        DataError: there are no classes, one class only, a class with one picture only, or no readable picture.
    """
    labelled = find_labelled(source)
    loaded = load(labelled, size=common_size(labelled), progress=progress)
    labels, classes = loaded.labelled.labels, loaded.labelled.classes
    features = statistics_of(STATISTICS_SPACE if labelled.kind == PICTURE else "", loaded.pixels)
    values = measure_all(loaded.pixels, features, progress=progress)
    folds = stratified_folds(labels, near_duplicates(loaded.compared), folds=FOLDS, seed=seed)
    rows, logits = held_out_logits(values, labels, folds, classes=len(classes), seed=seed)
    logits = logits[np.argsort(rows)]
    shares = softmax(logits, temperature=fit_temperature(logits, labels))
    paths = loaded.labelled.paths
    return LabelReport(
        [
            Suspect(paths[row], classes[labels[row]], classes[other], float(shares[row, labels[row]]),
                    float(shares[row, other]))
            for row, other in confident_errors(shares, labels)
        ],
        len(labels),
        float((shares.argmax(axis=1) == labels).mean()),
        float(np.bincount(labels).max() / len(labels)),
        loaded.left_out,
    )  # fmt: skip


def confident_errors(shares: FloatArray, labels: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Return (row, class) for rows whose labels are confidently contradicted by another class, the clearest first.

    A row is confidently of a class if its probability is at least the mean probability of rows with that label; if
    there are several such classes, the likeliest counts.

    Args:
        shares: (N, classes) probabilities by models that have not seen the row.
        labels: (N,) classes.

    Source: Northcutt, Jiang & Chuang 2021, "Confident learning", section 3.1 (the confident joint) and the ranking by
        normalised margin of section 3.2.
    """
    classes = shares.shape[1]
    sure = np.array(
        [shares[labels == label, label].mean() if (labels == label).any() else np.inf for label in range(classes)]
    )
    confident = np.where(shares >= sure, shares, -1.0)
    named = confident.argmax(axis=1)
    rows = np.flatnonzero((confident.max(axis=1) >= 0) & (named != labels))
    margins = shares[rows, labels[rows]] - shares[rows, named[rows]]
    return [(int(row), int(named[row])) for row in rows[np.argsort(margins, kind="stable")]]

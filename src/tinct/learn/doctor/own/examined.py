"""Everything that is measured of a user's training, and when it falls short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from tinct.data.duplicates import near_duplicates
from tinct.learn.doctor.evidence import Measured
from tinct.learn.doctor.own.answers import kind_of_answers, make_reading
from tinct.learn.doctor.own.case import Case, Looked, Run, Suspect
from tinct.learn.doctor.own.given import Sample
from tinct.learn.doctor.plain import (
    FeatureSet,
    LabelTest,
    check_labels,
    clearly_better,
    feature_sets,
    named_by_statistics,
    side_by_side,
)
from tinct.learn.doctor.probes import ByHeart

EDGE = 64  # pixels: plain statistics are computed on pictures no larger than this
NUMBERS = 2000  # of each input that is not a picture, plain statistics use at most this many


@dataclass(kw_only=True)
class Examined(Measured):
    """What was measured.

    Attributes:
        case: the training as asked for.
        classes: their names.
        looked: what is known before any training.
        given: whether the held-out samples came from a loader of their own.
        labels: (N,) classes of the training samples; None if there are no classes.
        held_test: `test` for the held-out samples, if they came from a loader of their own.
        named: (M,) the class that plain statistics name for each held-out sample.
        groups: (N + M,) near-duplicates among training and held-out samples, as `near_duplicates` returns them.
        suspects: possible faults.
        tried: kind of a suspect -> the training with its mend alone.
        together: the training with all mends.
        needed: kinds of the suspects without whose mend all the other mends are not enough.
        plain_heart: a plain network's attempt to learn the batch by heart, if the user's network cannot.
    """

    asked: Run | None = None
    case: Case
    classes: list[str]
    looked: Looked
    given: bool
    labels: NDArray[np.intp] | None
    held_test: LabelTest | None = None
    named: NDArray[np.intp] | None = None
    groups: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    suspects: list[Suspect] = field(default_factory=list)
    tried: dict[str, Run] = field(default_factory=dict)
    together: Run | None = None
    needed: set[str] = field(default_factory=set)
    plain_heart: ByHeart | None = None

    def works(self, kind: str) -> bool:
        """Return whether a mend alone makes the training work."""
        return kind in self.tried and not self.falls_short(self.tried[kind])

    def helps(self, kind: str) -> bool:
        """Return whether a training with a mend alone did clearly better than the one as asked for."""
        asked, tried = self.asked, self.tried.get(kind)
        return asked is not None and tried is not None and clearly_better(tried.right, asked.right)

    @property
    def explained(self) -> bool:
        """Whether a mend alone, or all of them together, make it work."""
        return any(map(self.works, self.tried)) or (self.together is not None and not self.falls_short(self.together))

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        trials = {"as asked": self.asked, **self.tried, "all mends": self.together}
        return {
            "chance": self.chance,
            "guess": self.case.reading.guess,
            "task": self.case.reading.kind,
            "answers": self.looked.answers,
            "steps": self.case.steps,
            "labels": self.test.to_json() if self.test else None,
            "reference": None if self.reference is None else float(self.reference.mean()),
            "sees": self.seen.pixels,
            **self.probed.to_json(),
            "trials": [{"name": name, **trial.to_json()} for name, trial in trials.items() if trial is not None],
        }


def begin(
    bare: Case, train: Sample, held: Sample, some: Sample, *, given: bool, classes: int | Sequence[str] | None
) -> Examined:
    """Look at some outputs, and find out what kind of task it is.

    Args:
        bare: the training, whose answers cannot be read yet.
        train: samples to train on.
        held: samples to measure on.
        some: samples to look at.
        given: whether `held` came from a loader of its own.
        classes: number of classes, or their names; None: counted from the labels.
    """
    network = bare.make()
    with torch.no_grad():
        outputs = network.eval()(some.inputs).detach()
    answers = kind_of_answers(network, some.inputs)
    reading = make_reading(bare.loss, outputs, some.targets, answers)
    labels, truth = reading.labels(train.targets), reading.labels(held.targets)
    count = 0 if labels is None or truth is None else int(max(labels.max(), truth.max())) + 1
    names = [str(name) for name in (range(classes) if isinstance(classes, int) else classes or range(count))]
    return Examined(
        case=replace(bare, train=train, held=held, reading=reading),
        classes=names + [str(label) for label in range(len(names), count)],
        looked=Looked(answers, outputs, some),
        given=given,
        labels=labels,
        truth=truth,
    )


def look_at_samples(examined: Examined) -> None:
    """Measure what needs no network: copies, plain statistics, and whether they tell the classes apart."""
    train, held = examined.case.train, examined.case.held
    both = torch.cat([train.inputs, held.inputs]) if train.inputs.shape[1:] == held.inputs.shape[1:] else train.inputs
    values = both.detach().float().cpu()
    examined.groups = _copies(values, picture=train.is_picture)
    if examined.labels is None or len(np.unique(examined.labels)) < 2 or not train.inputs.is_floating_point():
        return
    sets = _features(values, picture=train.is_picture)
    count, classes = len(train.inputs), len(examined.classes)
    # A copy would be recognized by its original.
    alone = np.flatnonzero(examined.groups[:count] == np.arange(count))
    if len(alone) < 2 * classes or len(np.unique(examined.labels[alone])) < 2:
        return
    examined.test = check_labels(_rows(sets, alone), examined.labels[alone], classes=classes)
    if examined.given and examined.truth is not None and not examined.telling and len(np.unique(examined.truth)) > 1:
        examined.held_test = check_labels(_rows(sets, np.arange(count, len(values))), examined.truth, classes=classes)
    if examined.truth is not None and len(values) > count:
        joined = side_by_side(sets)
        examined.named = named_by_statistics(joined[:count], examined.labels, joined[count:])
        examined.reference = examined.named == examined.truth


def _rows(sets: list[FeatureSet], chosen: NDArray[np.intp]) -> list[FeatureSet]:
    return [FeatureSet(features.name, features.extent, features.values[chosen]) for features in sets]


def pixels_of(values: torch.Tensor) -> NDArray[np.uint8]:
    """Return inputs (N, C, H, W) as uint8 pictures (N, H, W, 3), all scaled alike to 0..255."""
    arrays = np.moveaxis(values.numpy(), 1, -1)
    low, high = np.quantile(arrays, (0.001, 0.999))
    scaled = np.clip(np.rint(255 * (arrays - low) / max(float(high - low), 1e-12)), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(scaled, 3, axis=-1) if scaled.shape[-1] == 1 else scaled)


def _copies(values: torch.Tensor, *, picture: bool) -> NDArray[np.intp]:
    if picture and min(values.shape[2:]) >= 16:
        return near_duplicates(pixels_of(values))
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(row.numpy().tobytes(), index) for index, row in enumerate(values)], np.intp)


def _features(values: torch.Tensor, *, picture: bool) -> list[FeatureSet]:
    if not picture:
        flat = values.reshape(len(values), -1).numpy()
        kept = np.linspace(0, flat.shape[1] - 1, min(flat.shape[1], NUMBERS)).astype(int)
        return [FeatureSet("values", 0, np.nan_to_num(flat[:, kept]))]
    arrays = np.ascontiguousarray(np.moveaxis(values.numpy(), 1, -1))
    height, width = arrays.shape[1:3]
    scale = EDGE / max(height, width)
    if scale < 1:
        size = (max(4, round(width * scale)), max(4, round(height * scale)))
        small = [cv2.resize(array, size, interpolation=cv2.INTER_AREA) for array in arrays]
        arrays = np.stack(small).reshape(len(arrays), size[1], size[0], -1)
    return feature_sets(arrays) if arrays.shape[-1] == 3 else feature_sets(np.repeat(arrays, 3, axis=-1))


def sample_without_copies(sample: Sample, random: np.random.Generator) -> tuple[Sample, Sample]:
    """Return training and held-out samples: a third is held out, copies stay on one side, the order is kept."""
    groups = _copies(sample.inputs.detach().float().cpu(), picture=sample.is_picture)
    heads = random.permutation(np.unique(groups))
    held = np.isin(groups, heads[: max(1, len(heads) // 3)])
    return sample.part(np.flatnonzero(~held)), sample.part(np.flatnonzero(held))

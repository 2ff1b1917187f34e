"""What plain statistics of the pictures show: whether colour separates the classes, and whether networks do better."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinct.color.features import ColorFeatures
from tinct.color.inputs import ARRAY, COLOR_TESTS, without_color
from tinct.color.spaces import FloatArray
from tinct.data.labelled import Loaded
from tinct.errors import SettingError
from tinct.learn.recognize.augment import Augmentation
from tinct.learn.recognize.candidates import COLOR_STATISTICS, STATISTICS_SPACE, Candidate, features_of, statistics_of
from tinct.learn.recognize.folds import Fold
from tinct.learn.recognize.heads import JOINED, LOGISTIC, fit_head, measure_all, seconds_to_measure
from tinct.learn.recognize.trial import Judged
from tinct.runtime.scores import balanced

GREY_SPACE = "lab"  # for grey pictures, all colour spaces are equivalent
LOOKED_AT = 800  # pictures on which separation is fitted, at most; half of that to measure it
LEAD = 0.05  # colours separate the classes if they are more accurate than grey by more than this
ERRORS = 2.0  # and by more than this number of standard errors
WHAT = {
    "hue": "rotates hues",
    "saturation": "changes saturation",
    "grey": "makes some pictures grey",
    "per_image": "removes each picture's own mean and contrast",
}


def held_out_logits(
    values: FloatArray, labels: NDArray[np.intp], folds: Sequence[Fold], *, classes: int, seed: int, head: str = JOINED
) -> tuple[NDArray[np.intp], FloatArray]:
    """Fit a head of `tinct.learn.recognize.heads.HEADS` to the training part of each fold, and ask it for the rest.

    Args:
        values: (N, features) of all pictures.
        labels: (N,) classes.
        folds: of the pictures.
        classes: number of classes.
        seed: of the forest.
        head: its name.

    Returns:
        The indices (M,) of the pictures held out of the folds, and their logits (M, classes).
    """
    fitted = (fit_head(head, values[fold.train], labels[fold.train], classes=classes, seed=seed) for fold in folds)
    logits = [one.logits(values[fold.val]) for one, fold in zip(fitted, folds, strict=True)]
    return np.concatenate([fold.val for fold in folds]), np.concatenate(logits)


def learned_in_grey(
    loaded: Loaded, folds: Sequence[Fold], *, seed: int = 0, seconds: float | None = None
) -> float | None:
    """Return the balanced accuracy, 0..1, of statistics that are fitted to and measured on grey pictures.

    A model that was fitted to coloured pictures fails on grey ones even if grey pictures tell the classes apart. The
    answer is None if measuring the pictures would take more than `seconds`; `seed` is the forest's.
    """
    features = statistics_of(GREY_SPACE, loaded.pixels)
    if seconds is not None and seconds_to_measure(loaded.pixels, features) > seconds:
        return None
    return _balanced_accuracy(measure_all(COLOR_TESTS["grey"](loaded.pixels), features), loaded, folds, seed)


def statistics_ahead(
    table: Sequence[Judged], loaded: Loaded, folds: Sequence[Fold], *, seed: int = 0, seconds: float | None = None
) -> list[str]:
    """Return a warning if plain statistics, which were not asked for, are better than the best candidate.

    `table` holds the candidates, the best first. There is no warning if measuring the pictures would take more than
    `seconds`; `seed` is the forest's.
    """
    best = table[0]
    if best.scores is None or any(judged.outcome.candidate.network == COLOR_STATISTICS for judged in table):
        return []
    space = STATISTICS_SPACE if best.outcome.candidate.color_space else ""
    features = features_of(Candidate(COLOR_STATISTICS, space, JOINED), loaded.pixels)
    if seconds is not None and seconds_to_measure(loaded.pixels, features) > seconds:
        return []
    reached = _balanced_accuracy(measure_all(loaded.pixels, features), loaded, folds, seed)
    count = sum(len(fold.val) for fold in folds)
    if reached <= best.scores.balanced + math.sqrt(max(reached * (1 - reached), 1 / count) / count):
        return []
    return [
        f"plain statistics, which were not asked for, are right in {100 * reached:.1f} %, but "
        f"{best.outcome.candidate.name} in {100 * best.scores.balanced:.1f} %; to try them too, leave out --network"
    ]


def _balanced_accuracy(values: FloatArray, loaded: Loaded, folds: Sequence[Fold], seed: int) -> float:
    labels = loaded.labelled.labels
    rows, logits = held_out_logits(values, labels, folds, classes=len(loaded.labelled.classes), seed=seed)
    return balanced(logits.argmax(axis=1), labels[rows])


def check_augmentation(
    augmentation: Augmentation, loaded: Loaded, fold: Fold, *, force: bool = False, seed: int = 0
) -> list[str]:
    """Check that augmentation does not destroy what separates the classes, by one fold of the pictures.

    With `force`, it warns instead of refusing; `seed` is of the choice of pictures.

    Returns:
        A warning, or none.

    Raises:
        SettingError: a change destroys the label, and `force` is not set; or it changes colours, but there are arrays.
    """
    asked = augmentation.destroys_color
    if not asked:
        return []
    if loaded.labelled.kind == ARRAY:
        if asked == ["per_image"]:
            lost = "each array's own mean and deviation; if the classes differ in these, that is lost"
            return [f"per_image removes {lost}"]
        raise SettingError(f"arrays have no colours to change; leave out --augment {asked[0]}")
    colored, grey, count = _separation(loaded, fold, seed)
    what = " and ".join(f"--augment {name} {WHAT[name]}" for name in asked)
    if colored - grey <= max(LEAD, ERRORS * 0.5 / math.sqrt(count)):
        return [f"{what}; colour does not seem to separate the classes here, so this may be harmless"]
    evidence = (
        f"{what}, but colour is what separates the classes: plain statistics are right in {100 * colored:.0f} % "
        f"of the pictures, in {100 * grey:.0f} % without colour"
    )
    if not force:
        raise SettingError(f"{evidence}; leave it out, or add --force")
    return [evidence]


def _separation(loaded: Loaded, fold: Fold, seed: int) -> tuple[float, float, int]:
    """Measure how well plain statistics tell the classes apart, on some of a fold's pictures.

    Returns:
        The accuracy of a logistic regression on coloured pictures, that of one on grey pictures, and the number of
        pictures on which both were measured.
    """
    random = np.random.default_rng(seed)
    train, val = random.permutation(fold.train)[:LOOKED_AT], random.permutation(fold.val)[: LOOKED_AT // 2]
    looked_at = np.concatenate([train, val])
    part = Fold(np.arange(len(train)), np.arange(len(train), len(looked_at)))
    pixels, labels = loaded.pixels[looked_at], loaded.labelled.labels[looked_at]
    features, classes = ColorFeatures(space="lab", center=False), len(loaded.labelled.classes)
    right = []
    for shown in (pixels, without_color(pixels)):
        values = measure_all(shown, features)
        rows, logits = held_out_logits(values, labels, [part], classes=classes, seed=seed, head=LOGISTIC)
        right.append(float((logits.argmax(axis=1) == labels[rows]).mean()))
    return right[0], right[1], len(val)

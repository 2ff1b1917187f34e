"""Measure whether classes can be told apart without colour: fit statistics to the same pictures in grey."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinct.color.inputs import COLOR_TESTS
from tinct.data.labelled import Loaded
from tinct.learn.recognize.candidates import statistics_of
from tinct.learn.recognize.folds import Fold
from tinct.learn.recognize.heads import JOINED, fit_head, measure_all, seconds_to_measure
from tinct.runtime.scores import balanced

GREY_SPACE = "lab"  # for grey pictures, all colour spaces are equivalent


def learned_in_grey(loaded: Loaded, folds: list[Fold], *, seed: int = 0, seconds: float | None = None) -> float | None:
    """Return the balanced accuracy of statistics that are fitted to and measured on grey pictures.

    A model that was fitted to coloured pictures fails on grey ones even if grey pictures tell the classes apart.

    Args:
        loaded: pictures, not arrays.
        folds: pictures to fit to and to measure on.
        seed: of the forest.
        seconds: give up if measuring the pictures would take longer.

    Returns:
        0..1; None if the time is too short.
    """
    features = statistics_of(GREY_SPACE, loaded.pixels)
    if seconds is not None and seconds_to_measure(loaded.pixels, features) > seconds:
        return None
    values, labels = measure_all(COLOR_TESTS["grey"](loaded.pixels), features), loaded.labelled.labels
    named: list[NDArray[np.intp]] = []
    for fold in folds:
        classes = len(loaded.labelled.classes)
        head = fit_head(JOINED, values[fold.train], labels[fold.train], classes=classes, seed=seed)
        named.append(head.logits(values[fold.val]).argmax(axis=1))
    measured = np.concatenate([fold.val for fold in folds])
    return balanced(np.concatenate(named), labels[measured])

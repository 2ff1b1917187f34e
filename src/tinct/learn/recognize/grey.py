"""Whether classes can be told apart without colour: statistics learned anew on the same pictures made grey."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from tinct.color.features import ColorFeatures
from tinct.color.inputs import COLOR_TESTS
from tinct.data.labelled import Loaded
from tinct.learn.recognize.candidates import STATISTICS_EDGE
from tinct.learn.recognize.folds import Fold
from tinct.learn.recognize.statistics import JOINED, fit_head, measure_all
from tinct.runtime.scores import balanced

GREY_SPACE = "lab"  # grey pictures say the same in every colour space
TIMED = 8  # pictures by which the time to measure all is estimated


def learned_in_grey(loaded: Loaded, folds: list[Fold], *, seed: int = 0, seconds: float | None = None) -> float | None:
    """Compute the balanced accuracy of statistics that are learned and measured on grey pictures.

    A model that was learned in colour and is shown grey pictures fails on them even where grey tells the classes apart.

    Args:
        loaded: pictures, not arrays.
        folds: what to learn from and to measure on.
        seed: of the forest.
        seconds: give up where measuring the pictures would take longer.

    Returns:
        0..1; None where the time was too short.
    """
    features = ColorFeatures(space=GREY_SPACE, texture=True, longest_edge=STATISTICS_EDGE)
    grey, labels = COLOR_TESTS["grey"], loaded.labelled.labels
    began = time.monotonic()
    measure_all(grey(loaded.pixels[:TIMED]), features)
    needed = (time.monotonic() - began) / min(TIMED, len(loaded.pixels)) * len(loaded.pixels)
    if seconds is not None and needed > seconds:
        return None
    values = measure_all(grey(loaded.pixels), features)
    named: list[NDArray[np.intp]] = []
    for fold in folds:
        classes = len(loaded.labelled.classes)
        head = fit_head(JOINED, values[fold.train], labels[fold.train], classes=classes, seed=seed)
        named.append(head.logits(values[fold.val]).argmax(axis=1))
    measured = np.concatenate([fold.val for fold in folds])
    return balanced(np.concatenate(named), labels[measured])

"""What each class of labelled pictures weighs in a training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def class_weights(labels: NDArray[np.intp], classes: int) -> NDArray[np.float32]:
    """Give each class the weight by which all classes count alike: 1 on average over the pictures.

    Args:
        labels: (N,) class of each picture.
        classes: how many there are; one without pictures weighs 0.
    """
    counts = np.bincount(labels, minlength=classes)
    present = int((counts > 0).sum())
    weights = np.where(counts > 0, len(labels) / (present * np.maximum(counts, 1)), 0.0)
    return weights.astype(np.float32)

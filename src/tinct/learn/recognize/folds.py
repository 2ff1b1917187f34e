"""Split labelled pictures so that near-duplicates are never on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinct.errors import DataError, SettingError


@dataclass(frozen=True)
class Fold:
    """One way of splitting pictures."""

    train: NDArray[np.intp]  # indices of the pictures to train on
    val: NDArray[np.intp]  # indices of the pictures to measure on


def stratified_folds(
    labels: NDArray[np.intp], groups: NDArray[np.intp], *, folds: int = 5, seed: int = 0
) -> list[Fold]:
    """Split into folds with the same share of each class, and with groups kept together.

    Args:
        labels: (N,) class of each picture.
        groups: (N,) as from `tinct.data.duplicates.near_duplicates`.
        folds: number of folds, at least 2; there are fewer if a class has fewer pictures, not counting copies.
        seed: of the order.

    Returns:
        The folds; every picture is measured in one of them.

    Raises:
        SettingError: fewer than 2 folds.
        DataError: a class has fewer than 2 pictures, not counting copies.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    if folds < 2:
        raise SettingError(f"at least 2 folds are needed, not {folds}")
    smallest = min(len(np.unique(groups[labels == label])) for label in np.unique(labels))
    if smallest < 2:
        raise DataError("a class has only one picture, or only copies of one; add others, or leave the class out")
    splitter = StratifiedGroupKFold(min(folds, smallest), shuffle=True, random_state=seed)
    return [Fold(train, val) for train, val in splitter.split(labels, labels, groups)]


def leaks(groups: NDArray[np.intp], train: NDArray[np.intp], val: NDArray[np.intp]) -> int:
    """Return the number of pictures to measure on that have a near-duplicate among those to train on."""
    return int(np.isin(groups[val], groups[train]).sum())

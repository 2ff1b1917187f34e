"""Split labelled pictures so that near-duplicates are never on both sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinct.data.duplicates import near_duplicates
from tinct.data.labelled import Loaded
from tinct.data.pictures import TEST, TRAIN, VAL
from tinct.errors import DataError, SettingError

FIVE_FOLDS_TO = 600  # below this number of pictures, there are five folds
THREE_FOLDS_TO = 2000  # below this number, there are three; otherwise one


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


def choose_folds(loaded: Loaded, wanted: int | None, warnings: list[str]) -> list[Fold]:
    """Return the folds: the given validation split, or splits that keep near-duplicates together; add warnings.

    With a number of folds `wanted`, the validation split's pictures take part in them; 1 holds one fifth out.

    Raises:
        DataError: a split lacks a class, or a class has only copies of one picture.
    """
    labelled = loaded.labelled
    groups = near_duplicates(loaded.compared)
    train, val, test = (loaded.of(*names) for names in ((TRAIN, ""), (VAL,), (TEST,)))
    for name, what, part in (("val/", "validation", val), ("test/", "test", test)):
        if count := leaks(groups, train, part):
            warnings.append(f"{count} of {len(part)} pictures of {what} have a copy among the training pictures")
        absent = [label for index, label in enumerate(labelled.classes) if index not in labelled.labels[part]]
        if len(part) and absent:
            raise DataError(
                f"{labelled.place}: {name} has no readable picture of '{absent[0]}', so it cannot measure how well "
                f"classes are told apart; add some, or move {name} away"
            )
    if len(val) and wanted is None:
        return [Fold(train, val)]
    both = np.sort(np.concatenate([train, val]))
    count = wanted or (5 if len(both) < FIVE_FOLDS_TO else 3 if len(both) < THREE_FOLDS_TO else 1)
    for label, name in enumerate(labelled.classes):
        alone = np.unique(groups[both][labelled.labels[both] == label])
        if len(alone) < 2:
            raise DataError(f"the class '{name}' has only copies of one picture; add others, or move its folder away")
    if copies := len(both) - len(np.unique(groups[both])):
        are = "is a copy of another" if copies == 1 else "are copies of others"
        warnings.append(f"{copies} of {len(both)} pictures {are}; copies are kept in one fold")
    made = stratified_folds(labelled.labels[both], groups[both], folds=max(count, 5 if count == 1 else 2))
    return [Fold(both[fold.train], both[fold.val]) for fold in (made[:1] if count == 1 else made)]

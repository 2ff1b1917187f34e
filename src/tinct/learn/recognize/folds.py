"""Splitting labelled pictures so that near-duplicates never stand on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tinct.data.duplicates import fingerprint, look_alikes
from tinct.errors import DataError, SettingError

# Plain pictures of one subject have alike fingerprints; copies also have the same fine detail.
SAME_DETAIL = 0.5
DETAIL_EDGE = 64
# Where less than this of a picture's detail (1 in all) is its own, only rounding tells it from others.
OWN_DETAIL = 1e-3
FEWEST_SHARING = 10


@dataclass(frozen=True)
class Fold:
    """One way of splitting: (N,) indices of the pictures to train on, and of those to measure on."""

    train: NDArray[np.intp]
    val: NDArray[np.intp]


def near_duplicates(pixels: NDArray[Any]) -> NDArray[np.intp]:
    """Find pictures that show the same: the file copied, recompressed, or resized.

    Args:
        pixels: (N, H, W, 3) uint8, or (N, H, W, C) floats.

    Returns:
        (N,) each picture's group: the smallest index in it. Pictures alone are their own group.
    """
    pictures = pixels if pixels.dtype == np.uint8 else _as_pictures(pixels)
    prints = [fingerprint(picture) for picture in pictures]
    whole = np.stack([_detail(picture) for picture in pictures])
    details = _own_details(whole)
    pairs = [
        (one, other)
        for one, other in look_alikes(prints)
        if (whole[one].any() and np.array_equal(pictures[one], pictures[other]))
        or float(details[one] @ details[other]) >= SAME_DETAIL
    ]
    places = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    copies = coo_array((np.ones(len(pairs)), (places[:, 0], places[:, 1])), shape=(len(prints), len(prints)))
    group = connected_components(copies, directed=False)[1]
    return np.unique(group, return_index=True)[1][group]


def _as_pictures(arrays: NDArray[Any]) -> NDArray[np.uint8]:
    """Draw arrays in grey, all in one range."""
    values = arrays.mean(axis=-1)
    low, high = float(values.min()), float(values.max())
    grey = np.rint(255 * (values - low) / max(high - low, 1e-12)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _detail(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what is finer than 5 of 64 pixels, as a vector of length 1; zeros for a flat picture.

    In two pictures that are both flat there is nothing to tell them apart, and they count as no copies.
    """
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(luma, (DETAIL_EDGE, DETAIL_EDGE), interpolation=cv2.INTER_AREA)
    fine = (small - cv2.blur(small, (5, 5))).ravel()
    length = float(np.linalg.norm(fine))
    return np.asarray(fine / length if length > 1e-3 else fine * 0, dtype=np.float32)


def _own_details(details: NDArray[np.float32]) -> NDArray[np.float32]:
    """Subtract what all pictures have in common: the axes and captions of a plot are no sign of a copy.

    Args:
        details: (N, D) as `_detail` gives them.

    Returns:
        (N, D) vectors of length 1; zeros for flat pictures and where nothing of its own is left. Of fewer than 10,
        which may all be copies, they are given as they are.
    """
    if len(details) < FEWEST_SHARING:
        return details
    own = np.where(details.any(axis=1, keepdims=True), details - details.mean(axis=0), 0)
    lengths = np.linalg.norm(own, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.where(lengths > OWN_DETAIL, own / np.maximum(lengths, 1e-12), 0).astype(np.float32)
    return unit


def stratified_folds(
    labels: NDArray[np.intp], groups: NDArray[np.intp], *, folds: int = 5, seed: int = 0
) -> list[Fold]:
    """Split into folds that have the classes' shares and keep groups together.

    Args:
        labels: (N,) class of each picture.
        groups: (N,) as `near_duplicates` gives them.
        folds: how many, at least 2; fewer where a class has fewer pictures that are no copies of one another.
        seed: of the order.

    Returns:
        The folds; every picture is measured once.

    Raises:
        SettingError: fewer than 2 folds.
        DataError: a class has fewer than 2 pictures that are no copies.
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
    """Count the pictures to measure on that have a near-duplicate among those to train on."""
    return int(np.isin(groups[val], groups[train]).sum())

"""Measure by plain statistics what the augmentation of training pictures takes away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.learn.doctor.plain import SIGNIFICANT, feature_sets, named_by_statistics, paired_p, side_by_side
from tinct.learn.recognize.augment import Augmentation, augment

NOTHING = Augmentation(flip=False, shift=0.0, brightness=0.0, mixup=0.0)
# Changes that may destroy colours or their shapes; mixing and moving do not.
TRIED = ("hue", "saturation", "grey", "per_image", "brightness", "flip")
WORTH = 0.05  # a loss of accuracy below this is a fair price for the variety that changes bring


@dataclass(frozen=True)
class ChangeFacts:
    """What some changes cost.

    Attributes:
        name: `all` or one of `TRIED`.
        before: accuracy of plain statistics on unchanged pictures.
        after: the same on changed pictures, after fitting to changed pictures.
        p: p-value for both accuracies being equal.
    """

    name: str
    before: float
    after: float
    p: float

    @property
    def destroys(self) -> bool:
        """Whether the loss of accuracy is significant, and at least `WORTH`."""
        return self.p < SIGNIFICANT and self.before - self.after >= WORTH


@dataclass(frozen=True)
class Split:
    """Indices of the loaded pictures to fit on and to measure on."""

    train: NDArray[np.intp]
    val: NDArray[np.intp]


def try_changes(
    pixels: NDArray[Any],
    labels: NDArray[np.intp],
    split: Split,
    change: Augmentation,
    *,
    classes: int,
    plain: NDArray[np.bool_],
) -> list[ChangeFacts]:
    """Measure what augmentation takes away: first all changes together and, if they destroy much, each alone.

    Args:
        pixels: (N, H, W, 3) uint8, or (N, H, W, C) float32.
        labels: (N,) classes.
        split: pictures to fit on and to measure on.
        change: the augmentation asked for.
        classes: number of classes.
        plain: whether plain statistics are right on each unchanged picture to measure on.
    """
    active = [name for name in TRIED if getattr(change, name)]
    if pixels.dtype != np.uint8:  # arrays have no colours to change
        active = [name for name in active if name in ("flip", "per_image")]
    if not active:
        return []

    def facts(name: str, asked: Augmentation) -> ChangeFacts:
        changed = _changed(pixels, split, asked)
        train, val = (side_by_side(feature_sets(changed[rows])) for rows in (split.train, split.val))
        right = named_by_statistics(train, labels[split.train], val, classes=classes) == labels[split.val]
        return ChangeFacts(name, float(plain.mean()), float(right.mean()), paired_p(plain, right))

    together = facts("all", _only(change, active))
    if not together.destroys:
        return [together]
    return [together, *(facts(name, _only(change, [name])) for name in active)]


def suspects(tried: list[ChangeFacts], change: Augmentation) -> list[str]:
    """Name the changes that may destroy what tells the classes apart.

    Args:
        tried: as `try_changes` returns them.
        change: the augmentation asked for.

    Returns:
        Those that alone cost plain statistics much accuracy. If none does, all that change colours: a network may not
        cope with what plain statistics cope with.
    """
    return [facts.name for facts in tried[1:] if facts.destroys] or change.destroys_color


def _only(change: Augmentation, names: list[str]) -> Augmentation:
    return replace(NOTHING, **{name: getattr(change, name) for name in names})


def _changed(pixels: NDArray[Any], split: Split, change: Augmentation) -> NDArray[Any]:
    """Return the pictures with those of a split changed."""
    changed = pixels.copy()
    some = np.concatenate([split.train, split.val])
    values: FloatArray = np.asarray(augment(pixels[some], change, np.random.default_rng(0)), dtype=np.float32)
    if change.per_image:
        mean, spread = values.mean(axis=(1, 2), keepdims=True), values.std(axis=(1, 2), keepdims=True)
        values = (values - mean) / np.maximum(spread, 1e-4)
        if pixels.dtype == np.uint8:  # three standard deviations either way fit into the range
            values = np.clip(0.5 + values / 6, 0, 1)
    changed[some] = np.rint(255 * values).astype(np.uint8) if pixels.dtype == np.uint8 else values
    return changed

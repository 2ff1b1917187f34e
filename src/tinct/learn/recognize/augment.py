"""Augment training pictures, and refuse augmentation that destroys what the classes differ in."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.features import ColorFeatures
from tinct.color.inputs import ARRAY, without_color
from tinct.color.spaces import FloatArray, hsv_to_rgb, rgb_to_hsv
from tinct.data.labelled import Loaded
from tinct.errors import SettingError
from tinct.learn.recognize.folds import Fold
from tinct.learn.recognize.heads import LOGISTIC, fit_head, measure_all

LOOKED_AT = 800  # pictures on which separation is fitted, at most; half of that to measure it
LEAD = 0.05  # colours separate the classes if they are more accurate than grey by more than this
ERRORS = 2.0  # and by more than this number of standard errors
WHAT = {
    "hue": "rotates hues",
    "saturation": "changes saturation",
    "grey": "makes some pictures grey",
    "per_image": "removes each picture's own mean and contrast",
}


@dataclass(frozen=True)
class Augmentation:
    """How training pictures are changed.

    The last four change colours, and so destroy the label if the classes differ in colour.

    Attributes:
        flip: mirror half of the pictures, left to right.
        shift: move pictures by up to this share of their edges; the gap is filled by reflection.
        brightness: multiply red, green and blue by the same factor, 1 ± this, which keeps hue and saturation.
        mixup: mix pairs of pictures and labels, with shares drawn from Beta(mixup, mixup); 0: do not mix.
        hue: rotate the hue by up to this share of the circle.
        saturation: multiply saturation by a factor of 1 ± this.
        grey: make this share of the pictures grey.
        per_image: standardise each picture by its own mean and standard deviation.
    """

    flip: bool = True
    shift: float = 0.06
    brightness: float = 0.15
    mixup: float = 0.2
    hue: float = 0.0
    saturation: float = 0.0
    grey: float = 0.0
    per_image: bool = False

    @property
    def destroys_color(self) -> list[str]:
        """Names of the changes asked for that change colours."""
        return [name for name in ("hue", "saturation", "grey", "per_image") if getattr(self, name)]


def augment(pixels: NDArray[Any], change: Augmentation, random: np.random.Generator) -> NDArray[Any]:
    """Change a batch of training pictures.

    Args:
        pixels: (N, H, W, 3) sRGB uint8, or (N, H, W, C) floats, which are only mirrored and moved.
        change: how to change them.
        random: generator of random numbers.

    Returns:
        The same shape: floats in 0..1 for pictures, floats in their own range for arrays.
    """
    colored = pixels.dtype == np.uint8
    whole: FloatArray = pixels.astype(np.float32) / np.float32(255) if colored else pixels.astype(np.float32)
    values: FloatArray = np.stack([_moved(picture, change, random) for picture in whole])
    if not colored:
        return values
    if change.brightness:
        light = random.uniform(1 - change.brightness, 1 + change.brightness, (len(values), 1, 1, 1))
        values *= light.astype(np.float32)
    if change.hue or change.saturation:
        values = _recolored(values, change, random)
    if change.grey:
        grey = random.random(len(values)) < change.grey
        values[grey] = values[grey].mean(axis=-1, keepdims=True)
    clipped: FloatArray = np.clip(values, 0, 1)
    return clipped


def _moved(values: FloatArray, change: Augmentation, random: np.random.Generator) -> FloatArray:
    if change.flip and random.random() < 0.5:
        values = values[:, ::-1]
    rows, columns = (round(change.shift * edge) for edge in values.shape[:2])
    if not rows and not columns:
        return values
    padded: FloatArray = np.pad(values, ((rows, rows), (columns, columns), (0, 0)), mode="reflect")
    top, left = int(random.integers(2 * rows + 1)), int(random.integers(2 * columns + 1))
    return padded[top : top + values.shape[0], left : left + values.shape[1]]


def _recolored(values: FloatArray, change: Augmentation, random: np.random.Generator) -> FloatArray:
    hsv = rgb_to_hsv(np.clip(values, 0, 1))
    shape = (len(values), 1, 1)
    hsv[..., 0] += random.uniform(-change.hue, change.hue, shape)
    hsv[..., 1] = np.clip(hsv[..., 1] * random.uniform(1 - change.saturation, 1 + change.saturation, shape), 0, 1)
    return hsv_to_rgb(hsv)


@dataclass(frozen=True)
class Separation:
    """How well plain colour statistics tell the classes apart.

    Attributes:
        color: accuracy of a logistic regression on them.
        grey: the same for grey pictures, after fitting to grey pictures.
        count: number of pictures on which both were measured.
    """

    color: float
    grey: float
    count: int

    @property
    def by_color(self) -> bool:
        """Whether colours separate the classes clearly better than grey pictures do."""
        error = math.sqrt(max(0.25 / self.count, 1e-12))
        return self.color - self.grey > max(LEAD, ERRORS * error)


def separation(loaded: Loaded, fold: Fold, *, seed: int = 0) -> Separation:
    """Measure whether colour is what separates the classes.

    Args:
        loaded: pictures, not arrays.
        fold: statistics are fitted to some of its training part, and measured on some of the other.
        seed: of the choice of pictures.
    """
    random = np.random.default_rng(seed)
    train = random.permutation(fold.train)[:LOOKED_AT]
    val = random.permutation(fold.val)[: LOOKED_AT // 2]
    labels = loaded.labelled.labels
    features = ColorFeatures(space="lab", center=False)
    classes = len(loaded.labelled.classes)

    def accuracy(change: Callable[[NDArray[Any]], NDArray[Any]]) -> float:
        values, others = (measure_all(change(loaded.pixels[rows]), features) for rows in (train, val))
        head = fit_head(LOGISTIC, values, labels[train], classes=classes, seed=seed)
        return float((head.logits(others).argmax(axis=1) == labels[val]).mean())

    return Separation(accuracy(lambda pixels: pixels), accuracy(without_color), len(val))


def check_augmentation(
    augmentation: Augmentation, loaded: Loaded, fold: Fold, *, force: bool = False, seed: int = 0
) -> str:
    """Check that augmentation does not destroy what separates the classes.

    Args:
        augmentation: the changes asked for.
        loaded: the pictures.
        fold: one fold of them.
        force: warn instead of refusing.
        seed: of the choice of pictures.

    Returns:
        A warning, or an empty text.

    Raises:
        SettingError: a change destroys the label, and `force` is not set; or it changes colours, but there are arrays.
    """
    asked = augmentation.destroys_color
    if not asked:
        return ""
    if loaded.labelled.kind == ARRAY:
        if asked == ["per_image"]:
            return "per_image removes each array's own mean and deviation; if the classes differ in these, that is lost"
        raise SettingError(f"arrays have no colours to change; leave out --augment {asked[0]}")
    apart = separation(loaded, fold, seed=seed)
    what = " and ".join(f"--augment {name} {WHAT[name]}" for name in asked)
    if not apart.by_color:
        return f"{what}; colour does not seem to separate the classes here, so this may be harmless"
    evidence = (
        f"{what}, but colour is what separates the classes: plain statistics are right in {100 * apart.color:.0f} % "
        f"of the pictures, in {100 * apart.grey:.0f} % without colour"
    )
    if not force:
        raise SettingError(f"{evidence}; leave it out, or add --force")
    return evidence

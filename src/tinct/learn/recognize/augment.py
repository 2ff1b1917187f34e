"""Augment training pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray, hsv_to_rgb, rgb_to_hsv


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
    return np.clip(values, 0, 1)


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

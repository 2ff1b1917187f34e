"""Inputs for recognition, by networks and by statistics: pictures in one colour space, or in several stacked.

| space | channels                                         |
|-------|--------------------------------------------------|
| rgb   | red, green, blue, 0..1                           |
| hsv   | hue_sin, hue_cos, ±1; saturation, value, 0..1    |
| hsl   | hue_sin, hue_cos, ±1; saturation, lightness 0..1 |
| lab   | lightness 0..100; a, b, about ±110               |
| yuv   | luma 0..1; u ±0.436; v ±0.615                    |
| xyz   | x, y, z, about 0..1, linear in light             |

Several joined by `+`, such as `lab+hsv`, are stacked one after the other. How much a decision depends on colour shows
on pictures without colours, or with rotated hues.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import (
    RGB_TO_YUV,
    FloatArray,
    as_colors,
    hsv_to_rgb,
    hue_to_circle,
    rgb_to_hsl,
    rgb_to_hsv,
    rgb_to_lab,
    rgb_to_xyz,
    rgb_to_yuv,
)
from tinct.color.statistics import as_unit_rgb
from tinct.errors import SettingError

# Kinds of inputs: pictures, or arrays of numbers that are not colours.
PICTURE, ARRAY = "picture", "array"
KINDS = (PICTURE, ARRAY)
_BATCH = 64  # pictures whose hues are rotated at once


@dataclass(frozen=True)
class InputSpace:
    """One colour space, or several stacked, as the input of a recogniser.

    Attributes:
        name: as `input_space` takes it.
        channels: each channel's name, such as `lab.a`.
        parts: for each stacked space, the conversion from sRGB in 0..1.
    """

    name: str
    channels: tuple[str, ...]
    parts: tuple[Callable[[NDArray[Any]], FloatArray], ...]

    def from_rgb(self, rgb: NDArray[Any]) -> FloatArray:
        """Convert a picture.

        Args:
            rgb: (..., 3) sRGB: uint8 0..255, uint16 0..65535, or floats in 0..1.

        Returns:
            (..., channels) float32, in the units of the spaces.

        Raises:
            SettingError: the last axis is not of length 3.
        """
        unit = as_unit_rgb(rgb)
        converted = [part(unit) for part in self.parts]
        return converted[0] if len(converted) == 1 else np.concatenate(converted, axis=-1)


def _hsv(rgb: NDArray[Any]) -> FloatArray:
    return hue_to_circle(rgb_to_hsv(rgb))


def _hsl(rgb: NDArray[Any]) -> FloatArray:
    return hue_to_circle(rgb_to_hsl(rgb))


INPUT_SPACES: dict[str, InputSpace] = {
    name: InputSpace(name, tuple(f"{name}.{channel}" for channel in channels.split()), (convert,))
    for name, channels, convert in (
        ("rgb", "red green blue", as_colors),
        ("hsv", "hue_sin hue_cos saturation value", _hsv),
        ("hsl", "hue_sin hue_cos saturation lightness", _hsl),
        ("lab", "lightness a b", rgb_to_lab),
        ("yuv", "luma u v", rgb_to_yuv),
        ("xyz", "x y z", rgb_to_xyz),
    )
}


def input_space(name: str) -> InputSpace:
    """Return the space called `rgb`, `hsv`, `hsl`, `lab`, `yuv` or `xyz`, or a stack of several joined by `+`.

    Raises:
        SettingError: there is no such space, or a stack names one twice.

    >>> input_space("lab+hsv").channels
    ('lab.lightness', 'lab.a', 'lab.b', 'hsv.hue_sin', 'hsv.hue_cos', 'hsv.saturation', 'hsv.value')
    """
    names = [part.strip() for part in name.lower().split("+")]
    for part in names:
        if part not in INPUT_SPACES:
            raise SettingError(
                f"no colour space '{part}'; there are {', '.join(INPUT_SPACES)}, or several joined by +, as in lab+hsv"
            )
    if len(set(names)) < len(names):
        raise SettingError(f"the colour space '{name}' holds one space twice; name each once")
    spaces = [INPUT_SPACES[part] for part in names]
    return InputSpace(
        "+".join(names),
        tuple(channel for space in spaces for channel in space.channels),
        tuple(part for space in spaces for part in space.parts),
    )


def without_color(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return grey pictures: all three channels hold the luma (BT.601).

    Args:
        pixels: (..., 3) sRGB uint8.

    Returns:
        The same shape.

    Raises:
        SettingError: the last axis is not of length 3, or the type is not uint8.

    >>> without_color(np.array([255, 0, 0], dtype=np.uint8)).tolist()
    [76, 76, 76]
    """
    _check(pixels)
    # In place and by channel, so that thousands of pictures need no copy in floats of three channels.
    luma = pixels[..., 0] * RGB_TO_YUV[0, 0]
    for channel in (1, 2):
        luma += pixels[..., channel] * RGB_TO_YUV[0, channel]
    grey = np.rint(luma).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def with_hue_turned(pixels: NDArray[Any], *, degrees: float) -> NDArray[np.uint8]:
    """Rotate every pixel's hue by an angle; saturation and value (HSV) stay.

    Args:
        pixels: (..., 3) sRGB uint8.
        degrees: the angle; 360 changes nothing.

    Returns:
        The same shape.

    Raises:
        SettingError: the last axis is not of length 3, or the type is not uint8.
    """
    _check(pixels)
    rows = pixels if pixels.ndim > 3 else pixels[None]
    turned = np.empty_like(rows)
    for start in range(0, len(rows), _BATCH):
        hsv = rgb_to_hsv(as_unit_rgb(rows[start : start + _BATCH]))
        hsv[..., 0] = (hsv[..., 0] + degrees / 360) % 1
        turned[start : start + _BATCH] = np.rint(np.clip(hsv_to_rgb(hsv), 0, 1) * 255)
    return turned.reshape(pixels.shape)


# Changes to pictures after which the accuracy shows how much decisions depend on colour.
COLOR_TESTS: dict[str, Callable[[NDArray[Any]], NDArray[np.uint8]]] = {
    "grey": without_color,
    "hue 30": partial(with_hue_turned, degrees=30),
    "hue 180": partial(with_hue_turned, degrees=180),
}


def _check(pixels: NDArray[Any]) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim == 0 or pixels.shape[-1] != 3:
        raise SettingError(f"needs 8-bit pictures of three channels, not {pixels.dtype} of the shape {pixels.shape}")

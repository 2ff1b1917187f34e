"""The colour spaces in which networks and statistics look at a picture to recognise something, alone or stacked.

| space | channels                                         |
|-------|--------------------------------------------------|
| rgb   | red, green, blue, 0..1                           |
| hsv   | hue_sin, hue_cos, ±1; saturation, value, 0..1    |
| hsl   | hue_sin, hue_cos, ±1; saturation, lightness 0..1 |
| lab   | lightness 0..100; a, b, about ±110               |
| yuv   | luma 0..1; u ±0.436; v ±0.615                    |
| xyz   | x, y, z, about 0..1, linear in light             |

Several joined by `+`, as `lab+hsv`, are stacked one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import (
    FloatArray,
    hue_to_circle,
    rgb_to_hsl,
    rgb_to_hsv,
    rgb_to_lab,
    rgb_to_xyz,
    rgb_to_yuv,
)
from tinct.color.statistics import as_unit_rgb
from tinct.errors import SettingError

# What is looked at: pictures, or arrays of numbers without colours.
PICTURE, ARRAY = "picture", "array"
KINDS = (PICTURE, ARRAY)


@dataclass(frozen=True)
class InputSpace:
    """One colour space, or several stacked, as what looks at a picture takes it.

    Attributes:
        name: as `input_space` takes it.
        channels: each channel's name, as `lab.a`.
        parts: what makes the channels of each stacked space from sRGB in 0..1.
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


def _rgb(rgb: NDArray[Any]) -> FloatArray:
    if rgb.ndim == 0 or rgb.shape[-1] != 3:
        raise SettingError(f"colours need a last axis of length 3, this array has the shape {rgb.shape}")
    return np.asarray(rgb, dtype=np.float32)


def _hsv(rgb: NDArray[Any]) -> FloatArray:
    return hue_to_circle(rgb_to_hsv(rgb))


def _hsl(rgb: NDArray[Any]) -> FloatArray:
    return hue_to_circle(rgb_to_hsl(rgb))


INPUT_SPACES: dict[str, InputSpace] = {
    name: InputSpace(name, tuple(f"{name}.{channel}" for channel in channels.split()), (convert,))
    for name, channels, convert in (
        ("rgb", "red green blue", _rgb),
        ("hsv", "hue_sin hue_cos saturation value", _hsv),
        ("hsl", "hue_sin hue_cos saturation lightness", _hsl),
        ("lab", "lightness a b", rgb_to_lab),
        ("yuv", "luma u v", rgb_to_yuv),
        ("xyz", "x y z", rgb_to_xyz),
    )
}


def input_space(name: str) -> InputSpace:
    """Look up a space, or a stack of them.

    Args:
        name: `rgb`, `hsv`, `hsl`, `lab`, `yuv` or `xyz`, or several joined by `+`.

    Returns:
        The space.

    Raises:
        SettingError: there is no such space, or one stands twice in a stack.
    """
    names = [part.strip() for part in name.lower().split("+")]
    for part in names:
        if part not in INPUT_SPACES:
            raise SettingError(
                f"no colour space '{part}'; there are {', '.join(INPUT_SPACES)}, and several joined by +, as lab+hsv"
            )
    if len(set(names)) < len(names):
        raise SettingError(f"the colour space '{name}' holds one space twice; name each once")
    spaces = [INPUT_SPACES[part] for part in names]
    return InputSpace(
        "+".join(names),
        tuple(channel for space in spaces for channel in space.channels),
        tuple(part for space in spaces for part in space.parts),
    )

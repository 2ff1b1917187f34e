"""Colour spaces: sRGB to and from BT.601 YUV, CIE Lab (D65) and HSV, and to CIE XYZ and HSL.

All functions take arrays of shape (..., 3), return float32, and are vectorised over the leading axes. sRGB is in 0..1.
They raise SettingError if the last axis is not of length 3.

| space | first channel        | second          | third           |
|-------|----------------------|-----------------|-----------------|
| yuv   | Y, luma, 0..1        | U, ±0.436       | V, ±0.615       |
| lab   | L, lightness, 0..100 | a, about ±110   | b, about ±110   |
| hsv   | hue, 0..1 (a circle) | saturation 0..1 | value 0..1      |
| hsl   | hue, 0..1 (a circle) | saturation 0..1 | lightness 0..1  |
| xyz   | X, 0..0.9505         | Y, 0..1         | Z, 0..1.0888    |

`hue_to_circle` replaces the hue of HSV and HSL by its sine and cosine, so that red at 0 and red at 1 are one colour.

`ChromaSpace` describes the two spaces in which a network may predict chroma, YUV and Lab: luma is always scaled to
0..1, and chroma is in the space's own units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.errors import SettingError

FloatArray = NDArray[np.float32]

# ITU-R BT.601 luma, and colour differences in the ranges of analogue PAL: U = 0.492 (B - Y), V = 0.877 (R - Y).
RGB_TO_YUV: FloatArray = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.14714119, -0.28886916, 0.43601035],
        [0.61497538, -0.51496512, -0.10001026],
    ],
    dtype=np.float32,
)
YUV_TO_RGB: FloatArray = np.linalg.inv(RGB_TO_YUV.astype(np.float64)).astype(np.float32)

# sRGB primaries in CIE XYZ, and the white point, both for D65 and the 2-degree observer (IEC 61966-2-1).
_RGB_TO_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]], dtype=np.float64
)
_XYZ_TO_RGB = np.linalg.inv(_RGB_TO_XYZ)
_WHITE = np.array([0.95047, 1.0, 1.08883], dtype=np.float64)
_LAB_EPSILON = (6 / 29) ** 3
_LAB_SLOPE = (29 / 6) ** 2 / 3


def as_colors(array: NDArray[Any]) -> FloatArray:
    """Return an array (..., 3) as float32.

    Raises:
        SettingError: the last axis is not of length 3.
    """
    values = np.asarray(array, dtype=np.float32)
    if values.ndim == 0 or values.shape[-1] != 3:
        raise SettingError(f"colours need a last axis of length 3, this array has the shape {values.shape}")
    return values


def rgb_to_yuv(rgb: NDArray[Any]) -> FloatArray:
    """Convert sRGB to BT.601 YUV.

    Args:
        rgb: (..., 3) sRGB in 0..1.

    Returns:
        (..., 3) float32: Y in 0..1, U in ±0.436, V in ±0.615.

    Source: ITU-R BT.601.

    >>> [round(float(value), 3) for value in rgb_to_yuv(np.array([1.0, 0.0, 0.0]))]
    [0.299, -0.147, 0.615]
    """
    return as_colors(rgb) @ RGB_TO_YUV.T


def yuv_to_rgb(yuv: NDArray[Any]) -> FloatArray:
    """Convert BT.601 YUV to sRGB, without clipping: colours out of gamut lie outside 0..1.

    Args:
        yuv: (..., 3), Y in 0..1, U in ±0.436, V in ±0.615.

    Returns:
        (..., 3) float32 sRGB, 0..1 where the colour is in gamut.

    Source: ITU-R BT.601.
    """
    return as_colors(yuv) @ YUV_TO_RGB.T


def _xyz(rgb: NDArray[Any]) -> NDArray[np.float64]:
    srgb = as_colors(rgb).astype(np.float64)
    linear = np.where(srgb > 0.04045, ((np.maximum(srgb, 0.0) + 0.055) / 1.055) ** 2.4, srgb / 12.92)
    xyz: NDArray[np.float64] = linear @ _RGB_TO_XYZ.T
    return xyz


def _rgb(xyz: NDArray[np.float64]) -> FloatArray:
    linear = xyz @ _XYZ_TO_RGB.T
    srgb = np.where(linear > 0.0031308, 1.055 * np.maximum(linear, 0.0) ** (1 / 2.4) - 0.055, 12.92 * linear)
    return srgb.astype(np.float32)


def rgb_to_xyz(rgb: NDArray[Any]) -> FloatArray:
    """Convert sRGB to CIE XYZ (D65, 2-degree observer).

    Args:
        rgb: (..., 3) sRGB in 0..1.

    Returns:
        (..., 3) float32, linear in light: X in 0..0.9505, Y in 0..1, Z in 0..1.0888; white has the largest of each.

    Source: IEC 61966-2-1.
    """
    return _xyz(rgb).astype(np.float32)


def rgb_to_lab(rgb: NDArray[Any]) -> FloatArray:
    """Convert sRGB to CIE Lab (D65, 2-degree observer).

    Args:
        rgb: (..., 3) sRGB in 0..1.

    Returns:
        (..., 3) float32: L in 0..100, a in -86..98, b in -108..94 over the sRGB gamut.

    Source: CIE 15:2004; sRGB transfer curve of IEC 61966-2-1.

    >>> [round(float(value)) for value in rgb_to_lab(np.array([1.0, 0.0, 0.0]))]
    [53, 80, 67]
    """
    xyz = _xyz(rgb) / _WHITE
    f = np.where(xyz > _LAB_EPSILON, np.cbrt(xyz), _LAB_SLOPE * xyz + 4 / 29)
    lab = np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)
    return lab.astype(np.float32)


def lab_to_rgb(lab: NDArray[Any]) -> FloatArray:
    """Convert CIE Lab (D65) to sRGB, without clipping: colours out of gamut lie outside 0..1.

    Args:
        lab: (..., 3), L in 0..100, a and b in about ±110.

    Returns:
        (..., 3) float32 sRGB, 0..1 where the colour is in gamut.

    Source: CIE 15:2004; sRGB transfer curve of IEC 61966-2-1.
    """
    values = as_colors(lab).astype(np.float64)
    fy = (values[..., 0] + 16) / 116
    f = np.stack([fy + values[..., 1] / 500, fy, fy - values[..., 2] / 200], axis=-1)
    return _rgb(np.where(f > 6 / 29, f**3, (f - 4 / 29) / _LAB_SLOPE) * _WHITE)


def _hue(rgb: FloatArray, largest: FloatArray, spread: FloatArray) -> FloatArray:
    """Return hue in 0..1 (0 for greys) from the largest channel and the spread between largest and smallest."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    safe = np.where(spread > 0, spread, 1)
    hue = np.select(
        [largest == red, largest == green],
        [(green - blue) / safe, 2 + (blue - red) / safe],
        4 + (red - green) / safe,
    )
    return np.where(spread > 0, (hue / 6) % 1.0, 0).astype(np.float32)


def rgb_to_hsv(rgb: NDArray[Any]) -> FloatArray:
    """Convert sRGB to HSV.

    Args:
        rgb: (..., 3) sRGB in 0..1.

    Returns:
        (..., 3) float32: hue in 0..1 (a circle; 0 for greys), saturation 0..1, value 0..1.

    Source: Smith 1978, "Color gamut transform pairs".

    >>> [round(float(value), 3) for value in rgb_to_hsv(np.array([0.0, 0.0, 0.5]))]
    [0.667, 1.0, 0.5]
    """
    values = as_colors(rgb)
    largest, smallest = values.max(axis=-1), values.min(axis=-1)
    spread = largest - smallest
    saturation = np.where(largest > 0, spread / np.where(largest > 0, largest, 1), 0)
    return np.stack([_hue(values, largest, spread), saturation, largest], axis=-1).astype(np.float32)


def hsv_to_rgb(hsv: NDArray[Any]) -> FloatArray:
    """Convert HSV to sRGB.

    Args:
        hsv: (..., 3): hue (its whole part is ignored), saturation 0..1, value 0..1.

    Returns:
        (..., 3) float32 sRGB in 0..1.

    Source: Smith 1978, "Color gamut transform pairs".
    """
    values = as_colors(hsv)
    chroma = values[..., 1] * values[..., 2]
    sixths = values[..., :1] * 6 + np.array([0, 4, 2], dtype=np.float32)
    ramp = np.clip(np.abs(sixths % 6 - 3) - 1, 0, 1)
    rgb: FloatArray = ((values[..., 2] - chroma)[..., None] + chroma[..., None] * ramp).astype(np.float32)
    return rgb


def rgb_to_hsl(rgb: NDArray[Any]) -> FloatArray:
    """Convert sRGB to HSL.

    Args:
        rgb: (..., 3) sRGB in 0..1.

    Returns:
        (..., 3) float32: hue in 0..1 (a circle; 0 for greys), saturation 0..1, lightness 0..1.

    Source: Joblove & Greenberg 1978, "Color spaces for computer graphics".
    """
    values = as_colors(rgb)
    largest, smallest = values.max(axis=-1), values.min(axis=-1)
    spread, total = largest - smallest, largest + smallest
    room = np.where(total <= 1, total, 2 - total)
    saturation = np.where(spread > 0, spread / np.where(room > 0, room, 1), 0)
    return np.stack([_hue(values, largest, spread), saturation, total / 2], axis=-1).astype(np.float32)


def hue_to_circle(colors: NDArray[Any]) -> FloatArray:
    """Replace the hue of HSV or HSL by its sine and cosine, which are continuous where hue jumps from 1 to 0.

    Args:
        colors: (..., 3): hue (its whole part is ignored), saturation 0..1, value or lightness 0..1.

    Returns:
        (..., 4) float32: sine and cosine of the hue, both 0 if saturation is 0, since a grey has no hue; then the other
        two channels unchanged.

    >>> [round(float(value), 3) for value in hue_to_circle(np.array([0.125, 1.0, 0.5]))]
    [0.707, 0.707, 1.0, 0.5]
    """
    values = as_colors(colors)
    angle = values[..., 0] * np.float32(2 * np.pi)
    colored = values[..., 1] > 0
    sine, cosine = np.where(colored, np.sin(angle), 0), np.where(colored, np.cos(angle), 0)
    return np.stack([sine, cosine, values[..., 1], values[..., 2]], axis=-1).astype(np.float32)


@dataclass(frozen=True)
class ChromaSpace:
    """A space whose first channel is luma and whose other two are chroma, as networks predict it.

    Attributes:
        name: `yuv` or `lab`.
        luma_scale: divides the first channel, so that it lies in 0..1.
        chroma_low: smallest chroma of the grid of bins, in the space's units.
        chroma_high: largest chroma of the grid of bins, in the space's units.
        from_rgb: sRGB 0..1 to the space, on (..., 3).
        to_rgb: the space to sRGB, on (..., 3).
    """

    name: str
    luma_scale: float
    chroma_low: tuple[float, float]
    chroma_high: tuple[float, float]
    from_rgb: Callable[[NDArray[Any]], FloatArray]
    to_rgb: Callable[[NDArray[Any]], FloatArray]

    def split(self, rgb: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
        """Return luma (...) in 0..1 and chroma (..., 2) in the space's units from sRGB (..., 3) in 0..1."""
        values = self.from_rgb(rgb)
        return values[..., 0] / np.float32(self.luma_scale), values[..., 1:]

    def join(self, luma: NDArray[Any], chroma: NDArray[Any]) -> FloatArray:
        """Return sRGB (..., 3), not clipped, from luma (...) in 0..1 and chroma (..., 2) in the space's units."""
        first = np.asarray(luma, dtype=np.float32)[..., None] * np.float32(self.luma_scale)
        return self.to_rgb(np.concatenate([first, np.asarray(chroma, dtype=np.float32)], axis=-1))


CHROMA_SPACES: dict[str, ChromaSpace] = {
    "yuv": ChromaSpace("yuv", 1.0, (-0.45, -0.65), (0.45, 0.65), rgb_to_yuv, yuv_to_rgb),
    "lab": ChromaSpace("lab", 100.0, (-110.0, -110.0), (110.0, 110.0), rgb_to_lab, lab_to_rgb),
}


def chroma_space(name: str) -> ChromaSpace:
    """Return the space called `yuv` or `lab`.

    Raises:
        SettingError: there is no such space.
    """
    try:
        return CHROMA_SPACES[name]
    except KeyError:
        raise SettingError(f"no colour space '{name}'; there are: {', '.join(CHROMA_SPACES)}") from None

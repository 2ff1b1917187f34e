"""Statistics of a picture's colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray, rgb_to_lab
from tinct.errors import InputError

# A picture whose mean chroma in Lab lies below this looks grey or faintly toned.
NEAR_GREY_CHROMA = 4.0


def as_unit_rgb(rgb: NDArray[Any]) -> FloatArray:
    """Return sRGB (..., 3), uint8 0..255, uint16 0..65535 or floats in 0..1, as float32 in 0..1."""
    if np.issubdtype(rgb.dtype, np.integer):
        return rgb.astype(np.float32) / np.float32(np.iinfo(rgb.dtype).max)
    return np.asarray(rgb, dtype=np.float32)


def valid_pixels(array: NDArray[Any], mask: NDArray[Any] | None) -> NDArray[Any]:
    """Return the pixels (N, channels) of an array (H, W, channels) where a mask (H, W) is true; all without a mask.

    Raises:
        InputError: no pixel counts.
    """
    pixels = array.reshape(-1, array.shape[-1]) if mask is None else array[mask.astype(bool)]
    if not len(pixels):
        raise InputError("the picture has no pixels that count; its mask is empty")
    return pixels


def colorfulness(rgb: NDArray[Any], *, mask: NDArray[Any] | None = None) -> float:
    """Measure how colourful a picture looks.

    Args:
        rgb: (H, W, 3) sRGB: uint8, uint16 or floats in 0..1.
        mask: (H, W), true where a pixel counts; all of them without it.

    Returns:
        The authors' measure on their 0..255 scale: 0 for grey, about 15 slightly, 45 averagely, 82 highly colourful.

    Raises:
        InputError: no pixel counts.

    Source: Hasler & Suesstrunk 2003, "Measuring colourfulness in natural images", equation for M^(3).

    >>> round(colorfulness(np.full((2, 2, 3), (255, 0, 0), dtype=np.uint8)), 1)
    85.5
    """
    red, green, blue = (as_unit_rgb(valid_pixels(rgb, mask)) * np.float32(255)).T
    red_green = red - green
    yellow_blue = (red + green) / 2 - blue
    spread = np.hypot(red_green.std(dtype=np.float64), yellow_blue.std(dtype=np.float64))
    shift = np.hypot(red_green.mean(dtype=np.float64), yellow_blue.mean(dtype=np.float64))
    return float(spread + 0.3 * shift)


def mean_chroma(rgb: NDArray[Any], *, mask: NDArray[Any] | None = None) -> float:
    """Return the mean distance from grey in CIE Lab, hypot(a, b); arguments as for `colorfulness`.

    Raises:
        InputError: no pixel counts.
    """
    lab = rgb_to_lab(as_unit_rgb(valid_pixels(rgb, mask)))
    return float(np.hypot(lab[:, 1], lab[:, 2]).mean(dtype=np.float64))

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
    """Scale sRGB to floats.

    Args:
        rgb: (..., 3) sRGB: uint8 0..255, uint16 0..65535, or floats in 0..1.

    Returns:
        (..., 3) float32 sRGB in 0..1.
    """
    if np.issubdtype(rgb.dtype, np.integer):
        return rgb.astype(np.float32) / np.float32(np.iinfo(rgb.dtype).max)
    return np.asarray(rgb, dtype=np.float32)


def valid_pixels(array: NDArray[Any], mask: NDArray[Any] | None) -> NDArray[Any]:
    """Return the pixels where the mask is true, or all of them, as one row each.

    Args:
        array: (H, W, channels).
        mask: (H, W), true where a pixel counts; all of them without it.

    Returns:
        (pixels, channels), of the array's type.

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
    """
    red, green, blue = (as_unit_rgb(valid_pixels(rgb, mask)) * np.float32(255)).T
    red_green = red - green
    yellow_blue = (red + green) / 2 - blue
    spread = np.hypot(red_green.std(dtype=np.float64), yellow_blue.std(dtype=np.float64))
    shift = np.hypot(red_green.mean(dtype=np.float64), yellow_blue.mean(dtype=np.float64))
    return float(spread + 0.3 * shift)


def mean_chroma(rgb: NDArray[Any], *, mask: NDArray[Any] | None = None) -> float:
    """Return the mean distance from grey in CIE Lab.

    Args:
        rgb: (H, W, 3) sRGB: uint8, uint16 or floats in 0..1.
        mask: (H, W), true where a pixel counts; all of them without it.

    Returns:
        The mean of hypot(a, b), 0 for grey.

    Raises:
        InputError: no pixel counts.
    """
    lab = rgb_to_lab(as_unit_rgb(valid_pixels(rgb, mask)))
    return float(np.hypot(lab[:, 1], lab[:, 2]).mean(dtype=np.float64))

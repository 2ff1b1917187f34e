"""Statistics of a picture's colours, and of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray


def as_unit_rgb(rgb: NDArray[Any]) -> FloatArray:
    """Return sRGB (..., 3), uint8 0..255, uint16 0..65535 or floats in 0..1, as float32 in 0..1."""
    if np.issubdtype(rgb.dtype, np.integer):
        return rgb.astype(np.float32) / np.float32(np.iinfo(rgb.dtype).max)
    return np.asarray(rgb, dtype=np.float32)


def colorfulness(rgb: NDArray[Any]) -> float:
    """Measure how colourful a picture looks.

    Args:
        rgb: (H, W, 3) sRGB: uint8, uint16 or floats in 0..1.

    Returns:
        The authors' measure on their 0..255 scale: 0 is grey; about 15 slightly, 45 averagely, 82 highly colourful.

    Source: Hasler & Suesstrunk 2003, "Measuring colourfulness in natural images", equation for M^(3).

    >>> round(colorfulness(np.full((2, 2, 3), (255, 0, 0), dtype=np.uint8)), 1)
    85.5
    """
    red, green, blue = (as_unit_rgb(rgb.reshape(-1, 3)) * np.float32(255)).T
    red_green = red - green
    yellow_blue = (red + green) / 2 - blue
    spread = np.hypot(red_green.std(dtype=np.float64), yellow_blue.std(dtype=np.float64))
    shift = np.hypot(red_green.mean(dtype=np.float64), yellow_blue.mean(dtype=np.float64))
    return float(spread + 0.3 * shift)


def median(values: NDArray[Any], *, axis: int | None = None) -> Any:
    """Return the median of numbers, none of which is NaN: of all, or along an axis.

    NumPy's own, and its quantiles, import its masked arrays first, a twentieth of a short run, and take several times
    as long over a thousand numbers.

    >>> float(median(np.array([3.0, 1.0, 2.0, 10.0])))
    2.5
    """
    count = values.size if axis is None else values.shape[axis]
    middle = [(count - 1) // 2, count // 2]
    return np.partition(values, middle, axis=axis).take(middle, axis=axis).mean(axis=axis)


def quantiles(values: NDArray[Any], shares: Sequence[float]) -> list[float]:
    """Return the quantiles of all numbers, none of which is NaN, at shares in 0..1, interpolated linearly.

    >>> quantiles(np.array([3.0, 1.0, 2.0, 10.0]), [0, 0.5, 0.75, 1])
    [1.0, 2.5, 4.75, 10.0]
    """
    places = [share * (values.size - 1) for share in shares]
    below = [int(place) for place in places]
    above = [min(place + 1, values.size - 1) for place in below]
    ordered = np.partition(values, sorted({*below, *above}), axis=None)
    pairs = ((float(ordered[low]), float(ordered[high])) for low, high in zip(below, above, strict=True))
    return [low + (high - low) * (place % 1) for (low, high), place in zip(pairs, places, strict=True)]

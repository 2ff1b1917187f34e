"""The visible difference of two colours: CIEDE2000."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray


def ciede2000(first: NDArray[Any], second: NDArray[Any]) -> FloatArray:
    """Compute the difference of colours; 1 is about the smallest visible one.

    Args:
        first: (..., 3) CIE Lab.
        second: (..., 3) CIE Lab, of a shape that broadcasts with the first's.

    Returns:
        (...) float32, at least 0.

    Source: CIE 142-2001 with all weights 1, in the form of Sharma, Wu & Dalal 2005.

    >>> blue, another = np.array([50, 2.6772, -79.7751]), np.array([50, 0, -82.7485])
    >>> round(float(ciede2000(blue, another)), 4)
    2.0425
    """
    (light, red, yellow), (other_light, other_red, other_yellow) = (
        np.moveaxis(np.asarray(lab, dtype=np.float64), -1, 0) for lab in (first, second)
    )
    mean = (np.hypot(red, yellow) + np.hypot(other_red, other_yellow)) / 2
    stretch = 1 + 0.5 * (1 - _strong(mean))
    chroma, other_chroma = np.hypot(red * stretch, yellow), np.hypot(other_red * stretch, other_yellow)
    hue, other_hue = np.arctan2(yellow, red * stretch), np.arctan2(other_yellow, other_red * stretch)

    # Hues lie on a circle. A grey has none, and is given the other colour's.
    turn = np.where(chroma * other_chroma == 0, 0, (other_hue - hue + np.pi) % (2 * np.pi) - np.pi)
    middle = np.where(chroma == 0, other_hue, hue) + turn / 2
    in_light, in_chroma = other_light - light, other_chroma - chroma
    in_hue = 2 * np.sqrt(chroma * other_chroma) * np.sin(turn / 2)

    mean_light, mean_chroma = (light + other_light) / 2, (chroma + other_chroma) / 2
    uneven = (
        1
        - 0.17 * np.cos(middle - np.radians(30))
        + 0.24 * np.cos(2 * middle)
        + 0.32 * np.cos(3 * middle + np.radians(6))
        - 0.20 * np.cos(4 * middle - np.radians(63))
    )
    from_blue = (np.degrees(middle) - 275 + 180) % 360 - 180
    turned = np.radians(60 * np.exp(-((from_blue / 25) ** 2)))
    scaled_light = in_light / (1 + 0.015 * (mean_light - 50) ** 2 / np.sqrt(20 + (mean_light - 50) ** 2))
    scaled_chroma = in_chroma / (1 + 0.045 * mean_chroma)
    scaled_hue = in_hue / (1 + 0.015 * mean_chroma * uneven)
    rotation = -2 * _strong(mean_chroma) * np.sin(turned)
    squared = scaled_light**2 + scaled_chroma**2 + scaled_hue**2 + rotation * scaled_chroma * scaled_hue
    difference: FloatArray = np.sqrt(np.maximum(squared, 0)).astype(np.float32)
    return difference


def _strong(chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sqrt(C^7 / (C^7 + 25^7)), 0..1, which is near 1 for strong chroma."""
    power = chroma**7
    strong: NDArray[np.float64] = np.sqrt(power / (power + 25.0**7))
    return strong

"""Arrays brought to another size: averaged where it is smaller, interpolated where it is larger."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray

# OpenCV averages over an area at most this many channels at once, and interpolates at most that many.
_AVERAGED_AT_ONCE, _INTERPOLATED_AT_ONCE = 4, 128


def small_size(height: int, width: int, *, size: float) -> tuple[int, int]:
    """Return height and width with sqrt(height x width) = `size`, aspect kept, never enlarged, at least 1 each.

    >>> small_size(300, 1200, size=300)
    (150, 600)
    """
    factor = min(1.0, size / (height * width) ** 0.5, 8 * size / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def resized(values: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return (H, W) or (H, W, k) values of uint8, uint16 or floats at another height and width, their type kept."""
    height, width = values.shape[:2]
    if (height, width) == size:
        return values
    smaller = size[0] <= height and size[1] <= width
    way, at_once = (cv2.INTER_AREA, _AVERAGED_AT_ONCE) if smaller else (cv2.INTER_LINEAR, _INTERPOLATED_AT_ONCE)
    if values.ndim == 2 or values.shape[2] <= at_once:
        result = cv2.resize(np.ascontiguousarray(values), size[::-1], interpolation=way)
    else:
        planes = np.ascontiguousarray(np.moveaxis(values, -1, 0))
        result = np.stack([cv2.resize(plane, size[::-1], interpolation=way) for plane in planes], axis=-1)
    return np.asarray(result).reshape(*size, *values.shape[2:])


def shrunk(values: NDArray[Any], size: float) -> FloatArray:
    """Return (H, W) or (H, W, k) values as float32 with sqrt(height x width) = `size`, never enlarged."""
    return resized(np.ascontiguousarray(values, dtype=np.float32), small_size(*values.shape[:2], size=size))

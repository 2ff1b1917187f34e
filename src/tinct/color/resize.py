"""Resizing arrays: averaged if the new size is smaller, interpolated if it is larger."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray

# Most channels that OpenCV averages over an area, and interpolates, at once.
_AVERAGED_AT_ONCE, _INTERPOLATED_AT_ONCE = 4, 128


def small_size(height: int, width: int, *, size: float) -> tuple[int, int]:
    """Return height and width with sqrt(height x width) = `size`; the aspect is kept, and nothing is enlarged.

    Neither is below 1; for very long pictures the longer one is at most 8 times `size`.

    >>> small_size(300, 1200, size=300)
    (150, 600)
    """
    factor = min(1.0, size / (height * width) ** 0.5, 8 * size / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def resized(values: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return values (H, W) or (H, W, k), uint8, uint16 or floats, resized to height and width `size`, in their type."""
    height, width = values.shape[:2]
    if (height, width) == size:
        return values
    smaller = size[0] <= height and size[1] <= width
    method, at_once = (cv2.INTER_AREA, _AVERAGED_AT_ONCE) if smaller else (cv2.INTER_LINEAR, _INTERPOLATED_AT_ONCE)
    if values.ndim == 2 or values.shape[2] <= at_once:
        result = cv2.resize(np.ascontiguousarray(values), size[::-1], interpolation=method)
    else:
        planes = np.ascontiguousarray(np.moveaxis(values, -1, 0))
        result = np.stack([cv2.resize(plane, size[::-1], interpolation=method) for plane in planes], axis=-1)
    return np.asarray(result).reshape(*size, *values.shape[2:])


def shrunk(values: NDArray[Any], size: float) -> FloatArray:
    """Return values (H, W) or (H, W, k) as float32, resized to `small_size`."""
    return resized(np.ascontiguousarray(values, dtype=np.float32), small_size(*values.shape[:2], size=size))

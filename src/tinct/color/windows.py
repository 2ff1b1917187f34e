"""Means over windows around each place of a plane, and linear fits of one plane by another within them.

What is averaged need not be pixels: a plane may be given by cells of several pixels each, with the mean of its squares
beside its own, and then takes a fraction of the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray


def window_mean(values: NDArray[Any], wide: float) -> FloatArray:
    """Average over the window around each cell (h, w), as wide as some cells and parts of two more."""
    inner = 2 * (int(wide - 1) // 2) + 1
    part = (wide - inner) / 2
    if part < 1e-3:
        result: Any = cv2.blur(values, (inner, inner), borderType=cv2.BORDER_REPLICATE)
    else:
        line = np.array([part, *[1.0] * inner, part], dtype=np.float32) / np.float32(wide)
        result = cv2.sepFilter2D(values, -1, line, line, borderType=cv2.BORDER_REPLICATE)
    mean: FloatArray = result
    return mean


@dataclass(frozen=True, eq=False)
class Window:
    """What the guided filter's fit around each cell (h, w) needs of the guide, whatever is fitted to it."""

    weights: FloatArray
    weighted_guide: FloatArray
    share: FloatArray
    mean: FloatArray
    variance: FloatArray
    wide: float

    @classmethod
    def around(cls, guide: FloatArray, square: FloatArray, weights: FloatArray, wide: float, epsilon: float) -> Window:
        """Average a guide and its square over the window around each cell, `wide` cells wide, by their weights."""
        share: FloatArray = np.float32(1) / window_mean(weights, wide)
        weighted = weights * guide
        mean = window_mean(weighted, wide) * share
        spread: FloatArray = np.maximum(window_mean(weights * square, wide) * share - mean * mean, 0)
        return cls(weights, weighted, share, mean, spread + np.float32(epsilon), wide)

    def fit(self, colors: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return slope and offset (h, w) of colours (h, w) over the guide."""
        mean_color = window_mean(self.weights * colors, self.wide) * self.share
        covariance = window_mean(self.weighted_guide * colors, self.wide) * self.share - self.mean * mean_color
        slope: FloatArray = covariance / self.variance
        return slope, mean_color - slope * self.mean

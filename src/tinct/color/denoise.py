"""Removing grain from the network's small copy, since networks colour grain in blotches; results keep their grain."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.color.statistics import quantiles

# In films, grain with a standard deviation above this, in 8-bit steps, is smoothed, along the motion.
TOLERATED_NOISE = 6.0
# The same for photographs. With a lower limit, many clean leaves and ripples would be taken for grain, and fade
# (benchmarks/damage.json).
TOLERATED_IN_STILLS = 4.2
# In photographs the estimate is multiplied by this before smoothing, since it is that of calm places.
MORE_IN_STILLS = 1.5
_STRENGTH_PER_NOISE = 0.8  # strength of non-local means divided by the noise's standard deviation
_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
_BLOCK = 8  # pixels, edge of the blocks that noise is estimated in


def estimate_noise(luma: NDArray[Any]) -> float:
    """Estimate the standard deviation of the noise of luma (h, w) in 0..1, in 8-bit steps.

    It is measured in the picture's calmer places, since texture looks like noise; 0 if the picture is too small.

    Source: Immerkaer 1996, "Fast noise variance estimation", here in blocks, whose 20 % quantile is returned.
    """
    if min(luma.shape) < 3 * _BLOCK:
        return 0.0
    values = np.asarray(luma, dtype=np.float32) * 255
    response = cv2.filter2D(values, -1, _LAPLACIAN)[1:-1, 1:-1]
    noise = np.sqrt(_block_means(response * response)) / 6
    # Clipping removes grain from black and white, so that dark and light blocks say nothing about it.
    level = _block_means(values[1:-1, 1:-1])
    telling = noise[(level > 12) & (level < 243)]
    return quantiles(telling, [0.2])[0] if telling.size >= 8 else 0.0


def _block_means(values: FloatArray) -> FloatArray:
    """Return the mean of each whole block of values (h, w); NumPy takes ten times as long."""
    rows, columns = (length // _BLOCK for length in values.shape)
    whole = np.ascontiguousarray(values[: rows * _BLOCK, : columns * _BLOCK])
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA))


def denoised(luma: NDArray[Any], *, denoise: str | float, still: bool = False) -> tuple[FloatArray, float]:
    """Smooth the grain of a small picture.

    Args:
        luma: (h, w) in 0..1.
        denoise: `auto` smooths if the grain is stronger than tolerated; `off` never; a number is the grain's standard
            deviation in 8-bit steps. `tinct.coloring.settings.checked_denoise` checks it.
        still: the picture is a photograph, not a frame of a film, for `auto`.

    Returns:
        Luma (h, w) float32, and the standard deviation that it was smoothed for; 0 means unchanged.
    """
    values = np.asarray(luma, dtype=np.float32)
    more = 1.0
    if denoise == "auto":
        noise = estimate_noise(values)
        noise = noise if noise > (TOLERATED_IN_STILLS if still else TOLERATED_NOISE) else 0.0
        more = MORE_IN_STILLS if still else 1.0
    else:
        noise = 0.0 if isinstance(denoise, str) else denoise
    if noise <= 0:
        return values, 0.0
    levels = np.clip(np.rint(values * 255), 0, 255).astype(np.uint8)
    smooth = cv2.fastNlMeansDenoising(
        levels, h=_STRENGTH_PER_NOISE * more * noise, templateWindowSize=5, searchWindowSize=15
    )
    return smooth.astype(np.float32) / np.float32(255), noise

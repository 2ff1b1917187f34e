"""Pictures with their colours taken or turned: how much of a decision is colour is seen by what is left without it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import hsv_to_rgb, rgb_to_hsv
from tinct.color.statistics import as_unit_rgb
from tinct.errors import SettingError

# BT.601, as in YUV.
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
# As many pictures are turned at once.
_BATCH = 64


def without_color(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return each pixel its luma in all three channels.

    Args:
        pixels: (..., 3) sRGB uint8.

    Returns:
        The same shape.

    Raises:
        SettingError: the last axis is not of length 3, or the type is another.
    """
    _check(pixels)
    # In place and by channel, so that thousands of pictures need no second copy in floats of three channels.
    luma = pixels[..., 0] * LUMA[0]
    for channel in (1, 2):
        luma += pixels[..., channel] * LUMA[channel]
    grey = np.rint(luma).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def with_hue_turned(pixels: NDArray[Any], *, degrees: float) -> NDArray[np.uint8]:
    """Turn every pixel's hue by an angle; saturation and value (HSV) stay.

    Args:
        pixels: (..., 3) sRGB uint8.
        degrees: of the circle; 360 changes nothing.

    Returns:
        The same shape.

    Raises:
        SettingError: the last axis is not of length 3, or the type is another.
    """
    _check(pixels)
    rows = pixels if pixels.ndim > 3 else pixels[None]
    turned = np.empty_like(rows)
    for start in range(0, len(rows), _BATCH):
        hsv = rgb_to_hsv(as_unit_rgb(rows[start : start + _BATCH]))
        hsv[..., 0] = (hsv[..., 0] + degrees / 360) % 1
        turned[start : start + _BATCH] = np.rint(np.clip(hsv_to_rgb(hsv), 0, 1) * 255)
    return turned.reshape(pixels.shape)


def _check(pixels: NDArray[Any]) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim == 0 or pixels.shape[-1] != 3:
        raise SettingError(f"needs 8-bit pictures of three channels, not {pixels.dtype} of the shape {pixels.shape}")

"""What any colorizer has to beat: leaving the picture grey, and giving every pixel the same colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import RGB_TO_YUV, FloatArray, rgb_to_yuv
from tinct.color.statistics import as_unit_rgb
from tinct.color.upsample import yuv_colors
from tinct.data.pictures import Picture
from tinct.errors import TinctError

Pixels = NDArray[np.uint8]


def grey_of(rgb: Pixels) -> Pixels:
    """Give a picture's BT.601 luma (H, W) uint8 from its sRGB (H, W, 3) uint8: what a colorizer is given."""
    luma: Pixels = np.rint(rgb.astype(np.float32) @ RGB_TO_YUV[0]).astype(np.uint8)
    return luma


def leave_grey(luma: Pixels) -> Pixels:
    """Give the luma (H, W) uint8 as a grey picture (H, W, 3) uint8."""
    return np.repeat(luma[..., None], 3, axis=-1)


def one_color(luma: Pixels, chroma: NDArray[Any]) -> Pixels:
    """Give every pixel the same chroma, as far as there is such a colour at its luma.

    Args:
        luma: (H, W) uint8.
        chroma: (2,) U and V.

    Returns:
        (H, W, 3) uint8 sRGB; where the colour would be out of gamut its chroma shrinks and its luma stays.
    """
    levels = np.arange(256, dtype=np.float32) / 255
    colors = yuv_colors(levels, np.broadcast_to(np.asarray(chroma, dtype=np.float32), (256, 2)))
    table: Pixels = np.rint(255 * colors).astype(np.uint8)
    return table[luma]


def mean_chroma(pictures: Sequence[Picture]) -> FloatArray:
    """Give the mean U and V, (2,), of pictures, each counting alike; those that cannot be read are left out."""
    means = []
    for picture in pictures:
        try:
            rgb = picture.read(longest=128)
        except TinctError:
            continue  # whoever evaluates reads it again, and says so
        means.append(rgb_to_yuv(as_unit_rgb(rgb)).reshape(-1, 3)[:, 1:].mean(axis=0, dtype=np.float64))
    return np.mean(means, axis=0).astype(np.float32) if means else np.zeros(2, dtype=np.float32)

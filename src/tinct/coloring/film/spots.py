"""Find where a grey frame of a film has colours: captions, inserts, a hand-painted rose."""

from __future__ import annotations

import cv2
import numpy as np

from tinct.color.resize import resized
from tinct.color.spaces import FloatArray
from tinct.color.toning import OwnColors

# With this chroma beside the tone, in 8-bit steps, a pixel near a spot begins to belong to it.
_LEAST = 6.0
# With this chroma it belongs to it entirely.
_FULL = 14.0


def spot_share(colors: OwnColors, blue: FloatArray, red: FloatArray) -> FloatArray | None:
    """Find the spots of colour in a frame that is otherwise grey.

    Args:
        colors: of a small copy of the frame.
        blue: (h, w) the frame's own Cb in -0.5..0.5.
        red: (h, w) the frame's own Cr in -0.5..0.5.

    Returns:
        (h, w) in 0..1, how far each pixel belongs to a spot; None if there are none.
    """
    spots = colors.spot_map
    if spots is None:
        return None
    # The small copy misses spots of fine detail, and half of each spot's edge.
    near = resized(cv2.dilate(spots.astype(np.float32), np.ones((5, 5), np.float32)), blue.shape)
    tone = resized(colors.tone / np.float32(255), blue.shape)
    beside = np.hypot(blue - tone[..., 0], red - tone[..., 1]) * np.float32(255)
    # The codec makes the chroma of single pixels noisy.
    beside = cv2.blur(beside, (3, 3))
    share: FloatArray = np.clip((beside - _LEAST) / (_FULL - _LEAST), 0, 1) * np.minimum(2 * near, 1)
    return share.astype(np.float32)

"""Where a grey frame of a film has colours: captions, inserts, a rose that somebody painted."""

from __future__ import annotations

import cv2
import numpy as np

from tinct.color.resize import resized
from tinct.color.spaces import FloatArray
from tinct.color.toning import OwnColors

# Chroma beside the tone, in 8-bit steps, from which a pixel near a spot is a little of it, and from which wholly.
_LEAST, _FULL = 6.0, 14.0


def spot_share(colors: OwnColors, blue: FloatArray, red: FloatArray) -> FloatArray | None:
    """Find the spots of colour of a frame that is grey otherwise.

    Args:
        colors: of a small copy of the frame.
        blue: (h, w) the frame's own Cb in -0.5..0.5.
        red: likewise, Cr.

    Returns:
        (h, w) in 0..1, how far each place is one; None where there are none.
    """
    spots = colors.spot_map
    if spots is None:
        return None
    # Fine detail hides a spot from the small copy, and half of its edge.
    near = resized(cv2.dilate(spots.astype(np.float32), np.ones((5, 5), np.float32)), blue.shape)
    tone = resized(colors.tone / np.float32(255), blue.shape)
    beside = np.hypot(blue - tone[..., 0], red - tone[..., 1]) * np.float32(255)
    # Chroma of single pixels is noise of the codec.
    beside = cv2.blur(beside, (3, 3))
    share: FloatArray = np.clip((beside - _LEAST) / (_FULL - _LEAST), 0, 1) * np.minimum(2 * near, 1)
    return share.astype(np.float32)

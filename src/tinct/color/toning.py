"""Telling colour photographs from grey and toned ones.

A toned photograph (sepia, cyanotype, a yellowed print) has colours, but each is decided by luma alone. So chroma is
written as a smooth function of luma, and what that leaves over is colour that somebody would miss.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import rgb_to_yuv

# Chroma off the tone, in 8-bit steps: where 1 pixel of 20 exceeds this, the picture counts as coloured. Toned pictures
# stay below, down to JPEG quality 60; of colour photographs 99 in 100 lie above, the rest being of one hue throughout.
COLOR_OFF_TONE = 5.5
_SIZE = 48
_KNOTS = 7
_ROUNDS = 5


def color_off_tone(rgb: NDArray[Any]) -> float:
    """Measure how much colour a picture has beside its tone.

    Args:
        rgb: (h, w, 3) sRGB in 0..1, with or without alpha, or (h, w, 1) grey; a small copy serves.

    Returns:
        The 95th percentile of chroma's distance from the tone's curve, in 8-bit steps; 0 for grey.
    """
    if rgb.shape[-1] < 3:
        return 0.0
    height, width = rgb.shape[:2]
    factor = min(1.0, _SIZE / (height * width) ** 0.5)
    size = (max(4, round(width * factor)), max(4, round(height * factor)))
    # Area averages take grain and JPEG's chroma noise out.
    small = cv2.resize(np.ascontiguousarray(rgb[..., :3], dtype=np.float32), size, interpolation=cv2.INTER_AREA)
    yuv = rgb_to_yuv(small.reshape(-1, 3)).astype(np.float64)
    luma, chroma = yuv[:, 0], yuv[:, 1:] * 255
    spread = np.linspace(luma.min(), luma.max() + 1e-3, _KNOTS)
    knots = np.unique(np.concatenate([np.quantile(luma, np.linspace(0, 1, _KNOTS)), spread]).round(3))
    basis = np.stack([np.interp(luma, knots, row) for row in np.eye(len(knots))], axis=1)
    weights = np.ones(len(luma))
    left = np.zeros(len(luma))
    calm = 1e-5 * len(luma) * np.eye(len(knots))
    for _ in range(_ROUNDS):  # least absolute deviations: a few coloured things must not bend the curve
        weighted = (basis * weights[:, None]).T
        left = np.hypot(*(chroma - basis @ np.linalg.solve(weighted @ basis + calm, weighted @ chroma)).T)
        weights = 1 / np.maximum(left, max(1.0, float(np.median(left))))
    return float(np.percentile(left, 95))


def is_colored(rgb: NDArray[Any]) -> bool:
    """Return whether a picture (h, w, 3) in 0..1, or (h, w, 1) grey, has colours of its own, beyond a tone."""
    return color_off_tone(rgb) > COLOR_OFF_TONE

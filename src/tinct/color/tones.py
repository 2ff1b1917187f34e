"""Faded, dark and bright pictures brought to the tones that networks know; only a network's copy is ever changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray

# What lies below and above these quantiles of luma are specks, and no black or white.
_BLACK_SHARE, _WHITE_SHARE = 0.01, 0.99
# A picture whose black is brighter than the first, or whose white is darker than the second, is stretched to there.
_BRIGHTEST_BLACK, _DARKEST_WHITE = 0.2, 0.75
# A picture whose median luma lies outside these is bent until it lies on them, by a gamma within the limits after.
_DARKEST_MIDDLE, _BRIGHTEST_MIDDLE = 0.15, 0.7
_LEAST_GAMMA, _MOST_GAMMA = 0.4, 2.5
# Pictures with less contrast than this hold nothing to stretch.
_LEAST_CONTRAST = 0.02
# Pixels that are enough for quantiles.
_ENOUGH = 1 << 16


@dataclass(frozen=True)
class Tones:
    """A curve of luma: (gain x luma + offset) ** gamma, within 0..1.

    Attributes:
        gain: of contrast; 1 leaves it.
        offset: added after it; 0 leaves it.
        gamma: above 1 darker, below 1 brighter; 1 leaves it.
    """

    gain: float = 1.0
    offset: float = 0.0
    gamma: float = 1.0

    @property
    def plain(self) -> bool:
        """Whether they leave luma as it is."""
        return self == Tones()

    def stretched(self, luma: NDArray[Any]) -> FloatArray:
        """Return luma (...) in 0..1 with gain and offset alone, not limited."""
        values = np.asarray(luma, dtype=np.float32)
        return values if self.plain else values * np.float32(self.gain) + np.float32(self.offset)

    def applied(self, luma: NDArray[Any]) -> FloatArray:
        """Return luma (...) in 0..1 by the whole curve."""
        values = self.stretched(luma)
        return values if self.plain else np.clip(values, 0, 1) ** np.float32(self.gamma)


def normal_tones(luma: NDArray[Any]) -> Tones:
    """Choose the curve that brings a picture's tones to those of ordinary photographs; `Tones()` where they are there.

    Black and white are stretched apart where they are too near each other, and the middle is bent where it is too dark
    or too bright, as far as needed and no further.

    Args:
        luma: (h, w) in 0..1.
    """
    step = max(1, round((luma.size / _ENOUGH) ** 0.5))
    black, middle, white = (
        float(value) for value in np.quantile(luma[::step, ::step], [_BLACK_SHARE, 0.5, _WHITE_SHARE])
    )
    if white - black < _LEAST_CONTRAST:
        return Tones()
    low, high = min(black, _BRIGHTEST_BLACK), max(white, _DARKEST_WHITE)
    gain = (high - low) / (white - black)
    offset = low - gain * black
    middle = min(max(gain * middle + offset, 1e-3), 1 - 1e-3)
    wanted = min(max(middle, _DARKEST_MIDDLE), _BRIGHTEST_MIDDLE)
    gamma = float(np.clip(np.log(wanted) / np.log(middle), _LEAST_GAMMA, _MOST_GAMMA))
    return Tones(gain, offset, 1.0 if wanted == middle else gamma)

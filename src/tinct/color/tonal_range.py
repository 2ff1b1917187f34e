"""Bringing faded, dark and bright pictures to the tones that networks know; only the network's copy is changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.color.statistics import quantiles

# Quantiles of luma that count as black and as white; what lies beyond them are specks.
_BLACK_SHARE, _WHITE_SHARE = 0.01, 0.99
_BRIGHTEST_BLACK = 0.2  # a brighter black than this is brought to it
_DARKEST_WHITE = 0.75  # a darker white than this is brought to it
# A median luma outside this range is brought to its nearer end by a gamma.
_DARKEST_MIDDLE, _BRIGHTEST_MIDDLE = 0.15, 0.7
_LEAST_GAMMA, _MOST_GAMMA = 0.4, 2.5  # limits of that gamma
_LEAST_CONTRAST = 0.02  # a picture with less contrast than this is not stretched
_ENOUGH = 1 << 16  # pixels that are enough for quantiles


@dataclass(frozen=True)
class Tones:
    """A curve of luma: (gain x luma + offset) ** gamma, within 0..1.

    Attributes:
        gain: multiplies luma; 1 changes nothing.
        offset: is added to the product; 0 changes nothing.
        gamma: above 1 makes luma darker, below 1 brighter; 1 changes nothing.
    """

    gain: float = 1.0
    offset: float = 0.0
    gamma: float = 1.0

    @property
    def plain(self) -> bool:
        """Whether the curve leaves luma unchanged."""
        return self == Tones()

    def stretched(self, luma: NDArray[Any]) -> FloatArray:
        """Return luma (...) in 0..1 after gain and offset only, not clipped."""
        values = np.asarray(luma, dtype=np.float32)
        return values if self.plain else values * np.float32(self.gain) + np.float32(self.offset)

    def applied(self, luma: NDArray[Any]) -> FloatArray:
        """Return luma (...) in 0..1 after the whole curve."""
        values = self.stretched(luma)
        return values if self.plain else np.clip(values, 0, 1) ** np.float32(self.gamma)


def normal_tones(luma: NDArray[Any]) -> Tones:
    """Choose the curve that brings a picture's tones to those of ordinary photographs.

    It stretches contrast that is too low, and brightens or darkens the middle tones, no more than needed; an ordinary
    photograph gets `Tones()`, which changes nothing.

    Args:
        luma: (h, w) in 0..1.
    """
    step = max(1, round((luma.size / _ENOUGH) ** 0.5))
    black, middle, white = quantiles(luma[::step, ::step], [_BLACK_SHARE, 0.5, _WHITE_SHARE])
    if white - black < _LEAST_CONTRAST:
        return Tones()
    low, high = min(black, _BRIGHTEST_BLACK), max(white, _DARKEST_WHITE)
    gain = (high - low) / (white - black)
    offset = low - gain * black
    middle = min(max(gain * middle + offset, 1e-3), 1 - 1e-3)
    wanted = min(max(middle, _DARKEST_MIDDLE), _BRIGHTEST_MIDDLE)
    gamma = float(np.clip(np.log(wanted) / np.log(middle), _LEAST_GAMMA, _MOST_GAMMA))
    return Tones(gain, offset, 1.0 if wanted == middle else gamma)

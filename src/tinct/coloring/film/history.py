"""Carry a history along the motion, so that what is known about a thing moves with the thing and stays nowhere else.

A history holds, for each pixel, a weighted sum of values (the network's answers, or only luma), the sum of the weights,
and the luma that the values belong to. The flow moves it to the next frame, where each pixel keeps its history as far
as its luma agrees with the remembered luma. So things that move leave no trail. A cut that was not found, a dissolve or
a fade drops the old history; flickering exposure and grain do not.

`tinct.coloring.film.smoothing` carries the network's answers this way; here, a film's grain is averaged away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.denoise import TOLERATED_NOISE, denoised, estimate_noise
from tinct.color.motion import flow, warp
from tinct.color.spaces import FloatArray
from tinct.color.statistics import median
from tinct.coloring.settings import checked_denoise

# Every frame multiplies a history's weights by this, so that it reaches back about 10 frames.
DECAY = 0.9
# Luma is compared in windows with sides of this many pixels of the distribution.
_WINDOW = 5
# Luma may differ by about this many 8-bit steps, in addition to the grain and the local contrast.
_TOLERANCE = 8.0
# And by about this many where what stands still is compared in its place.
_STILL_TOLERANCE = 5.0
# A difference all over the picture counts as grain up to this many 8-bit steps.
_MOST_GRAIN = 8.0
# A change of exposure by a factor of e^0.3 costs a history most of its weight: in a fade, earlier answers are wrong.
_EXPOSURE = 0.3
# Nothing of a history is believed if its luma correlates with the frame's by less than the first, all from the second.
_FOREIGN, _FAMILIAR = 0.4, 0.7
# A variance of luma that means nothing: (2 / 255)^2.
_FAINT = 6e-5
# How many times exposure is fitted to what stays the same.
_ROUNDS = 3
# This share is kept of a history that does not agree at all, so that it counts only where nothing else is known.
_LAST_RESORT = 1e-4
# The weight of earlier estimates of a film's grain, which changes slowly and is hard to measure in a single frame.
_REMEMBERED = 0.9


def unit(levels: NDArray[Any]) -> FloatArray:
    """Return luma of 8 bits as floats in 0..1."""
    luma: FloatArray = np.divide(levels, np.float32(255), dtype=np.float32)
    return luma


def carry(sums: FloatArray, motion: FloatArray, luma: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Move a history's weights and luma to the next frame, and keep what agrees with that frame.

    Args:
        sums: (k, l, 2): the weights, and the weighted sum of luma.
        motion: (k, l, 2) flow from the next frame to the history's.
        luma: (k, l) of the next frame, in 0..1.

    Returns:
        (k, l, 2) the sums at the next frame's places and exposure, with their new weights; and (k, l) the factor for
        other sums that are moved there.
    """
    moved = warp(sums, motion)
    weights = np.ascontiguousarray(moved[..., 0])  # planes of their own: arithmetic over a stride takes twice as long
    remembered: FloatArray = np.divide(moved[..., 1], np.maximum(weights, np.float32(1e-6)))
    gain, offset, kept = agreement(np.ascontiguousarray(luma), remembered)
    moved[..., 1] = (gain * remembered + offset) * weights
    kept *= np.float32(DECAY)
    moved *= kept[..., None]
    return moved, kept


def agreement(luma: FloatArray, remembered: FloatArray) -> tuple[np.float32, np.float32, FloatArray]:
    """Compare luma (k, l) in 0..1 with a history's luma, moved to the same places.

    Returns:
        The gain and the offset that bring the remembered exposure to the frame's, and (k, l) in 0..1 how much of its
        history each pixel keeps.
    """
    gain, offset, correlation = _exposure(luma, remembered, None)
    left = np.abs(luma - gain * remembered - offset)
    scale = np.float32(1.5) * median(left[::2, ::2]) + np.float32(2 / 255)
    # Fitted again without what moved or was damaged, which is no change of exposure.
    gain, offset, _ = _exposure(luma, remembered, 1 / (1 + np.square(left / scale)))
    kept = _kept(luma - gain * remembered - offset, _contrast(luma), _TOLERANCE) * _trust(gain, correlation)
    return gain, offset, np.maximum(kept, np.float32(_LAST_RESORT), out=kept)


def still_agreement(luma: FloatArray, remembered: FloatArray, inside: FloatArray) -> FloatArray:
    """Compare luma (k, l) in 0..1 with remembered luma in its place, even if most of the picture shows other things.

    Exposure is fitted to what stays the same, beginning with no change.

    Args:
        luma: of the frame.
        remembered: (k, l) the other luma.
        inside: (k, l) in 0..1, where there is other luma.

    Returns:
        (k, l) in 0..1, how far each place shows the same.
    """
    here, there, counts = luma[::2, ::2], remembered[::2, ::2], inside[::2, ::2]
    left = here - there
    left -= median(left)
    gain = offset = correlation = np.float32(1)
    for _ in range(_ROUNDS):
        scale = np.float32(1.5) * median(np.abs(left)) + np.float32(2 / 255)
        gain, offset, correlation = _exposure(here, there, counts / np.square(1 + np.square(left / scale)))
        left = here - gain * there - offset
    left = luma - gain * remembered - offset
    # Both must have the texture: fur in front of a plain wall has the wall's luma in some places.
    contrast = np.minimum(_contrast(luma), np.square(gain) * _contrast(remembered))
    return _kept(left, contrast, _STILL_TOLERANCE) * inside * _trust(gain, correlation)


def _contrast(luma: FloatArray) -> FloatArray:
    """Return the variance of luma (k, l) around each place."""
    mean = cv2.blur(luma, (_WINDOW, _WINDOW))
    variance: FloatArray = np.maximum(cv2.blur(luma * luma, (_WINDOW, _WINDOW)) - mean * mean, 0)
    return variance


def _kept(left: FloatArray, contrast: FloatArray, tolerance: float) -> FloatArray:
    """Return how far each place agrees, (k, l) in 0..1, by the difference `left` that remains at equal exposure."""
    error = cv2.blur(left * left, (_WINDOW, _WINDOW))
    grain = min(float(median(error[::2, ::2])), (_MOST_GRAIN / 255) ** 2)
    misfit = np.maximum(error - np.float32(grain), 0) / (contrast + np.float32((tolerance / 255) ** 2))
    kept: FloatArray = np.exp(-misfit)
    return kept


def _trust(gain: np.float32, correlation: np.float32) -> np.float32:
    """Return how far a history is believed at all, in 0..1, by its exposure and its correlation with the frame."""
    familiar = np.clip((correlation - _FOREIGN) / (_FAMILIAR - _FOREIGN), 0, 1)
    return np.float32(familiar * math.exp(-((math.log(gain) / _EXPOSURE) ** 2)))


def _exposure(luma: FloatArray, remembered: FloatArray, weights: FloatArray | None) -> tuple[Any, Any, Any]:
    """Fit luma = gain x remembered + offset by weighted least squares; return both and the correlation."""
    share = np.full_like(luma, 1 / luma.size) if weights is None else weights / weights.sum()
    mean, mean_remembered = np.vdot(share, luma), np.vdot(share, remembered)
    there, here = remembered - mean_remembered, luma - mean
    weighted = share * there
    product, spread = np.vdot(weighted, here) + _FAINT, np.vdot(weighted, there) + _FAINT
    correlation = product / np.sqrt(spread * (np.vdot(share * here, here) + _FAINT))
    gain = np.float32(np.clip(product / spread, 0.3, 3))
    return gain, np.float32(mean - gain * mean_remembered), correlation


class GrainCleaner:
    """Removes grain from the small luma that the network sees of a film, frame by frame; the film keeps its own.

    Each frame of a grainy film is averaged with those before it along the motion, which keeps details that denoising a
    single picture takes for grain. The grain that is left is then smoothed within the picture. Films without grain pass
    unchanged.
    """

    def __init__(self, *, denoise: str | float = "auto") -> None:
        """Begin a film; `denoise` as in `tinct.coloring.settings.Decoding`, SettingError if it is out of range."""
        self._denoise = checked_denoise(denoise)
        self._noise: float | None = None
        self._luma: FloatArray | None = None
        self._sums: FloatArray | None = None

    def push(self, luma: FloatArray) -> FloatArray:
        """Return the next frame (k, l) in 0..1 as the network should see it; all frames are of one size.

        It need not know of cuts: a history that does not agree with the frame is dropped.
        """
        noise = self._grain(luma)
        if noise <= 0:
            self._luma = self._sums = None
            return luma
        sample = np.stack([np.ones_like(luma), luma], axis=-1)
        if self._sums is None or self._luma is None:
            self._sums = sample
        else:
            self._sums = carry(self._sums, flow(luma, self._luma), luma)[0]
            self._sums += sample
        self._luma = luma
        weight = self._sums[..., 0]
        left = noise / float(median(weight)) ** 0.5
        clean = np.ascontiguousarray(self._sums[..., 1] / weight)
        return denoised(clean, denoise=left)[0] if left > TOLERATED_NOISE else clean

    def _grain(self, luma: FloatArray) -> float:
        """Return the standard deviation of the grain to remove, in 8-bit steps; 0 for none."""
        if self._denoise == "off":
            return 0.0
        if not isinstance(self._denoise, str):
            return self._denoise
        here = estimate_noise(luma)
        self._noise = here if self._noise is None else _REMEMBERED * self._noise + (1 - _REMEMBERED) * here
        return self._noise if self._noise > TOLERATED_NOISE else 0.0

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the state as arrays; a cleaner that restores it continues as this one would, bit for bit."""
        state: dict[str, NDArray[Any]] = {}
        if self._noise is not None:
            state["noise"] = np.array(self._noise)
        if self._luma is not None and self._sums is not None:
            state |= {"luma": self._luma, "sums": self._sums}
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from the state of a cleaner with the same settings."""
        self._noise = float(state["noise"]) if "noise" in state else None
        self._luma, self._sums = state.get("luma"), state.get("sums")

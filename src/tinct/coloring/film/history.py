"""Smooth along the motion: what was said about a thing stays with it where it moves, and nowhere else.

A history is carried from frame to frame: weighted sums of what the network said about each place, how much weight there
is, and the luma that all this was said about. Flow moves it to the next frame, where every place keeps as much of its
history as the luma found there agrees with the luma remembered. So things that move leave no trail, and a cut that
nobody noticed, a dissolve or a fade sheds the old colours, while a flicker of exposure or grain sheds nothing.

A few frames are held back so that the same can be done backwards: every frame then learns from those after it as well,
and the first frames of a shot are as calm as the rest. A frame about which nothing was said gets what is said about its
neighbours, so the network need not be asked about every one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.motion import flow, inverse, levels, resized, warp
from tinct.color.spaces import FloatArray
from tinct.coloring.film.smoothing import FOREIGN_STATE, Smoother, check_size
from tinct.errors import InputError

# What a history's weight is multiplied with each frame: it reaches back about 10 frames.
DECAY = 0.9
# Frames that are given out at once, and frames beyond them from which they learn.
BLOCK = 6
LOOK_AHEAD = 3

# Side of the windows in which luma is compared, in pixels of the distribution.
_WINDOW = 5
# Luma differs without meaning anything by about this (8-bit steps), beside the grain and the local contrast.
_TOLERANCE = 8.0
# Differences all over the picture up to this (8-bit steps) are taken for grain.
_MOST_GRAIN = 8.0
# A change of exposure by a factor e^0.3 costs history most of its weight: fades tell the network something else.
_EXPOSURE = 0.3
# Correlation of the luma with the remembered luma from which nothing, and from which all, of the history is believed.
_FOREIGN, _FAMILIAR = 0.4, 0.7
# Luma variance that tells nothing: (2 / 255)^2.
_FAINT = 6e-5
# What is kept of a history that does not agree at all: it counts only where nothing else is known.
_LAST_RESORT = 1e-4


@dataclass(frozen=True, eq=False)
class _Frame:
    """A frame held back.

    Attributes:
        luma: (k, l) in 0..1.
        sample: (k, l, n + 2): its own values, the weight 1, its luma; None where nothing was said about it.
        carried: (k, l, n + 2): weighted sums over the frames before, at this frame's places; None at a beginning.
        motion: (k, l, 2) flow from this frame to the one before; None at a beginning.
    """

    luma: FloatArray
    sample: FloatArray | None
    carried: FloatArray | None
    motion: FloatArray | None


class MotionSmoother(Smoother):
    """Exponential averages forwards and backwards along the motion, for one film.

    The weights are e^(-i / 9.5) for a thing well seen i frames ago or, within the frames held back, ahead. Blank frames
    come out blank and what was before them is remembered through them.

    Source: recursive averages along flow are common, as in Lang, Wang, Aydin, Smolic & Gross 2012, "Practical temporal
    consistency for image-based graphics applications"; the comparison with the luma of the history is tinct's own.
    """

    def __init__(self, *, block: int = BLOCK, look_ahead: int = LOOK_AHEAD) -> None:
        """Begin a film; `block` at least 1 frame given out at once, learning from `look_ahead` frames beyond them."""
        self.delay = block + look_ahead - 1
        self._block = block
        self._shape: tuple[int, int] | None = None
        self._luma: NDArray[np.uint8] | None = None
        self._sums: FloatArray | None = None
        self._held: list[_Frame | None] = []

    def push(
        self, values: FloatArray | None, luma: NDArray[Any], *, cut: bool = False, unknown: bool = False
    ) -> list[FloatArray | None]:
        ready = self.flush() if cut else []
        if values is None and not (unknown and self._shape):
            self._held.append(None)
        else:
            self._take(values, levels(luma))
        if len(self._held) > self.delay:
            ready += self._give(self._block)
        return ready

    def flush(self) -> list[FloatArray | None]:
        ready = self._give(len(self._held))
        self._luma = self._sums = None
        return ready

    def _take(self, values: FloatArray | None, luma: NDArray[np.uint8]) -> None:
        """Add a frame, and what its past says about it."""
        if values is not None:
            if self._sums is not None:
                check_size(values, (*self._sums.shape[:2], self._sums.shape[2] - 2))
            self._shape = values.shape[:2]
        assert self._shape is not None
        small = cv2.resize(luma, self._shape[::-1], interpolation=cv2.INTER_AREA).reshape(self._shape)
        plane: FloatArray = np.divide(small, np.float32(255), dtype=np.float32)
        sample = None if values is None else _sample(values, plane)
        motion = None if self._luma is None else resized(flow(luma, self._luma), self._shape)
        carried = None if self._sums is None or motion is None else carry(self._sums, motion, plane)
        self._luma = luma
        self._sums = _added(carried, sample)
        self._held.append(_Frame(plane, sample, carried, motion))

    def _give(self, count: int) -> list[FloatArray | None]:
        """Return the first `count` frames held, with what all later ones say about them."""
        results: list[FloatArray | None] = []
        sums: FloatArray | None = None
        motion: FloatArray | None = None
        for index in reversed(range(len(self._held))):
            frame = self._held[index]
            if frame is not None:
                if sums is not None and motion is not None:
                    sums = carry(sums, inverse(motion), frame.luma)
                sums = _added(sums, frame.sample)
                motion = frame.motion
            if index < count:
                results.append(None if frame is None else _average(frame.carried, sums))
        del self._held[:count]
        return results[::-1]

    def state(self) -> dict[str, NDArray[Any]]:
        state: dict[str, NDArray[Any]] = {"blank": np.array([frame is None for frame in self._held], dtype=bool)}
        now = {"luma": self._luma, "sums": self._sums, "shape": self._shape and np.array(self._shape)}
        state |= {name: value for name, value in now.items() if value is not None}
        for number, frame in enumerate(self._held):
            parts = {} if frame is None else vars(frame)
            state |= {f"{number}.{name}": value for name, value in parts.items() if value is not None}
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        if "blank" not in state or ("sums" in state and "luma" not in state):
            raise InputError(FOREIGN_STATE)
        held: list[_Frame | None] = []
        for number, blank in enumerate(state["blank"]):
            sample, carried, motion = (state.get(f"{number}.{name}") for name in ("sample", "carried", "motion"))
            if not blank and f"{number}.luma" not in state:
                raise InputError(FOREIGN_STATE)
            held.append(None if blank else _Frame(state[f"{number}.luma"], sample, carried, motion))
        self._held = held
        self._luma, self._sums = state.get("luma"), state.get("sums")
        self._shape = (int(state["shape"][0]), int(state["shape"][1])) if "shape" in state else None


def carry(sums: FloatArray, motion: FloatArray, luma: FloatArray) -> FloatArray:
    """Move a history to the next frame and keep of it what agrees with that frame.

    Args:
        sums: (k, l, n + 2): weighted sums of values, the weights, and the weighted sum of luma.
        motion: (k, l, 2) flow from the next frame to the history's.
        luma: (k, l) of the next frame, in 0..1.

    Returns:
        (k, l, n + 2): the sums, weighted anew, at the next frame's places and exposure.
    """
    moved = warp(sums, motion)
    weights = np.ascontiguousarray(moved[..., -2])  # planes of their own: arithmetic over a stride takes twice as long
    remembered: FloatArray = np.divide(moved[..., -1], np.maximum(weights, np.float32(1e-6)))
    gain, offset, kept = agreement(np.ascontiguousarray(luma), remembered)
    moved[..., -1] = (gain * remembered + offset) * weights
    kept *= np.float32(DECAY)
    moved *= kept[..., None]
    return moved


def agreement(luma: FloatArray, remembered: FloatArray) -> tuple[np.float32, np.float32, FloatArray]:
    """Compare a frame's luma with the luma that a history is about.

    Args:
        luma: (k, l) in 0..1.
        remembered: (k, l) in 0..1, moved to the places of `luma`.

    Returns:
        Gain and offset that bring the remembered exposure to the frame's, and (k, l) in 0..1: how much of the history
        each place may keep.
    """
    gain, offset, correlation = _exposure(luma, remembered, None)
    left = np.abs(luma - gain * remembered - offset)
    scale = np.float32(1.5) * np.median(left[::2, ::2]) + np.float32(2 / 255)
    # Once more without what moved or was damaged, which must not be taken for a change of exposure.
    gain, offset, _ = _exposure(luma, remembered, 1 / (1 + np.square(left / scale)))
    left = luma - gain * remembered - offset
    error = cv2.blur(left * left, (_WINDOW, _WINDOW))
    grain = min(float(np.median(error[::2, ::2])), (_MOST_GRAIN / 255) ** 2)
    mean = cv2.blur(luma, (_WINDOW, _WINDOW))
    contrast = np.maximum(cv2.blur(luma * luma, (_WINDOW, _WINDOW)) - mean * mean, 0)
    misfit = np.maximum(error - np.float32(grain), 0) / (contrast + np.float32((_TOLERANCE / 255) ** 2))
    trust = np.clip((correlation - _FOREIGN) / (_FAMILIAR - _FOREIGN), 0, 1)
    trust *= math.exp(-((math.log(gain) / _EXPOSURE) ** 2))
    kept: FloatArray = np.exp(-misfit)
    kept *= np.float32(trust)
    return gain, offset, np.maximum(kept, np.float32(_LAST_RESORT), out=kept)


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


def _sample(values: FloatArray, luma: FloatArray) -> FloatArray:
    height, width, count = values.shape
    sample = np.empty((height, width, count + 2), dtype=np.float32)
    sample[..., :count] = values
    sample[..., count] = 1
    sample[..., count + 1] = luma
    return sample


def _added(first: FloatArray | None, second: FloatArray | None) -> FloatArray | None:
    if first is None or second is None:
        return second if first is None else first
    return first + second


def _average(first: FloatArray | None, second: FloatArray | None) -> FloatArray | None:
    sums = _added(first, second)
    return None if sums is None else sums[..., :-2] / sums[..., -2, None]

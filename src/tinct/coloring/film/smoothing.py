"""Smooth over time what the network answered for a film's frames, so that colours do not flicker.

Each frame is coloured on its own, and small changes of the picture can change the network's answer. So its
distributions over colour bins are averaged over neighbouring frames before colours are made of them: by the kernel of
Billaut, de Rochemonteix & Thibault 2018 (section 4.3), or along the motion. Frames are pushed one by one and come out
in the same order, some of them later; memory does not grow with the film.

Along the motion, a few frames are held back so that the history of `tinct.coloring.film.history` can be carried
backwards as well: every frame then learns from those after it too, and the first frames of a shot are as calm as the
rest. A frame that was not shown to the network gets the answers of its neighbours, so not every one need be shown.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.motion import flow, inverse, levels, resized, warp
from tinct.color.spaces import FloatArray
from tinct.coloring.film.history import carry, unit
from tinct.errors import InputError, SettingError

PAPER_ALPHA = 0.2  # decay a frame of the paper's kernel
PAPER_SPAN = 20  # frames that the paper's kernel reaches back
LONGEST_SPAN = 250  # each frame of a kernel's span takes about 1 MB of memory
# Along the motion one frame in this many is shown to the network: as good as every frame (benchmarks/smoothing.json).
ASKED = 3
BLOCK = 6  # frames that are returned at once
LOOK_AHEAD = 3  # later frames that they are averaged with as well

_ALIKE = 5  # as many channels as this, or more, are interpolated alike

FOREIGN_STATE = "the saved state belongs to another kind of smoothing; start the film anew, or use the same settings"


@dataclass(frozen=True)
class Smoothing:
    """How to smooth over time, as the option gives it; `str` returns the option's text.

    Attributes:
        way: `off`; `kernel`, an exponential kernel over the frames before; or `motion`, along the motion.
        alpha: the kernel's decay a frame.
        span: how many frames back the kernel reaches.
    """

    way: str
    alpha: float = PAPER_ALPHA
    span: int = PAPER_SPAN

    @classmethod
    def parse(cls, text: str) -> Smoothing:
        """Read an option: `off`; `paper`, the kernel with alpha 0.2 over 20 frames; `ALPHA,FRAMES`; or `motion`.

        Raises:
            SettingError: it is none of these.
        """
        if text in ("off", "motion"):
            return cls(text)
        if text == "paper":
            return cls("kernel")
        first, comma, second = text.partition(",")
        try:
            alpha, span = float(first), int(second)
        except ValueError:
            alpha, span = -1.0, -1
        if not (comma and math.isfinite(alpha) and alpha >= 0 and 0 <= span <= LONGEST_SPAN):
            raise SettingError(
                f"smoothing must be off, motion, paper, or ALPHA,FRAMES such as 0.2,20 (ALPHA at least 0, FRAMES in "
                f"0..{LONGEST_SPAN}), not {text!r}"
            )
        return cls("kernel", alpha, span)

    def __str__(self) -> str:
        if self.way != "kernel":
            return self.way
        return "paper" if (self.alpha, self.span) == (PAPER_ALPHA, PAPER_SPAN) else f"{self.alpha},{self.span}"

    @property
    def every(self) -> int:
        """The network is shown one frame in this many; along the motion, its neighbours share its answer."""
        return ASKED if self.way == "motion" else 1

    def start(self) -> Smoother:
        if self.way == "motion":
            return MotionSmoother()
        return KernelSmoother(alpha=self.alpha, span=self.span if self.way == "kernel" else 0)


class Smoother(ABC):
    """One film being smoothed. Frames go in with `push` and come out of `push` and `flush`, in the same order."""

    delay: int = 0  # at most this many frames are held back: a frame's result comes with one of the next `delay` frames

    @abstractmethod
    def push(
        self, values: FloatArray | None, luma: NDArray[Any], *, cut: bool = False, unknown: bool = False
    ) -> list[FloatArray | None]:
        """Take the next frame.

        Args:
            values: (k, l, n) float32, the frame's distribution over n bins (or its chroma, n = 2, for a network
                without bins); kept for a while, so do not change it afterwards. None for a blank frame, which has no
                colours of its own and must not change those of others.
            luma: (h, w) luma of the frame, about as large as the network saw it, uint8 or floats in 0..1; kept too.
            cut: this frame begins another shot.
            unknown: `values` is None not because the frame is blank, but because it was not shown to the network or
                the network failed; along the motion it gets the answers of its neighbours.

        Returns:
            The frames that are ready, oldest first: (k, l, n) float32 each; None for blank ones, and for unknown ones
            whose neighbours have no answers.

        Raises:
            InputError: the frame's size is not that of the frames before.
        """

    def flush(self) -> list[FloatArray | None]:
        """End the film: return the frames held back, oldest first."""
        return []

    @abstractmethod
    def state(self) -> dict[str, NDArray[Any]]:
        """Return the state as arrays; a smoother that restores it continues as this one would, bit for bit."""

    @abstractmethod
    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from the state of a smoother with the same settings; InputError if it is of another kind."""


class KernelSmoother(Smoother):
    """The causal kernel p'(t) = sum over i = 0..span of p(t - i) e^(-alpha i), divided by the sum of the weights.

    Its time does not depend on the span: with d = e^-alpha, the sum is S(t) = p(t) + d S(t-1) - d^(span+1) p(t-span-1),
    in double precision, so that the subtraction's errors stay below single precision even in a film that lasts days and
    without any decay. It ignores cuts and motion. Neither `alpha` nor `span` is below 0.

    Source: Billaut, de Rochemonteix & Thibault 2018, section 4.3.
    """

    def __init__(self, *, alpha: float = PAPER_ALPHA, span: int = PAPER_SPAN) -> None:
        self._decay = math.exp(-alpha)
        self._leaving = math.exp(-alpha * (span + 1))
        self._span = span
        self._recent: deque[FloatArray | None] = deque()
        self._sum: NDArray[np.float64] | None = None
        self._weight = 0.0

    def push(
        self, values: FloatArray | None, luma: NDArray[Any], *, cut: bool = False, unknown: bool = False
    ) -> list[FloatArray | None]:
        if self._span == 0:
            return [values]
        if self._sum is not None:
            check_size(values, self._sum.shape)
            self._sum *= self._decay
            self._weight *= self._decay
        elif values is not None:
            self._sum = np.zeros(values.shape)
        self._recent.append(values)
        self._add(values, 1.0)
        if len(self._recent) > self._span + 1:
            self._add(self._recent.popleft(), -self._leaving)
        if values is None or self._sum is None:
            return [None]
        return [(self._sum / self._weight).astype(np.float32)]

    def _add(self, values: FloatArray | None, weight: float) -> None:
        if values is None or self._sum is None:
            return
        self._sum += values.astype(np.float64) * weight
        self._weight += weight

    def state(self) -> dict[str, NDArray[Any]]:
        kept = [values for values in self._recent if values is not None]
        blank = np.array([values is None for values in self._recent], dtype=bool)
        state: dict[str, NDArray[Any]] = {"blank": blank, "weight": np.array(self._weight)}
        if self._sum is not None:
            state["sum"] = self._sum.copy()
        return state | ({"recent": np.stack(kept)} if kept else {})

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        try:
            blank, weight = state["blank"], float(state["weight"])
            recent = iter(state.get("recent", ()))
            frames = [None if absent else next(recent) for absent in blank]
        except (KeyError, StopIteration) as error:
            raise InputError(FOREIGN_STATE) from error
        if len(frames) > self._span + 1:
            raise InputError(FOREIGN_STATE)
        self._recent = deque(frames)
        self._sum = state["sum"].copy() if "sum" in state else None
        self._weight = weight


@dataclass(frozen=True, eq=False)
class _History:
    """What is known about each place.

    These are two arrays, since OpenCV moves no more channels at once than there are bins (`MOST_CHANNELS`).

    Attributes:
        values: (k, l, n) weighted sums of values.
        sums: (k, l, 2) the weights, and the weighted sum of luma.
    """

    values: FloatArray
    sums: FloatArray

    @classmethod
    def of(cls, values: FloatArray, luma: FloatArray) -> _History:
        """Begin with a frame's own values, and its luma (k, l)."""
        return cls(values, np.stack([np.ones_like(luma), luma], axis=-1))

    def carried(self, motion: FloatArray, luma: FloatArray) -> _History:
        """Return the history at the places of a frame of this luma (k, l), from which the flow leads here."""
        sums, kept = carry(self.sums, motion, luma)
        count = self.values.shape[-1]
        # OpenCV interpolates 1, 3 and 4 channels otherwise than 2, or more; values and weights must go one way.
        few = count < _ALIKE and count != 2
        padded = np.pad(self.values, ((0, 0), (0, 0), (0, _ALIKE - count))) if few else self.values
        values = warp(padded, motion)[..., :count]
        values *= kept[..., None]
        return _History(values, sums)

    def mean(self) -> FloatArray:
        mean: FloatArray = self.values / self.sums[..., :1]
        return mean


@dataclass(frozen=True, eq=False)
class _Frame:
    """A frame held back.

    Attributes:
        luma: (k, l) in 0..1.
        values: (k, l, n) its own values; None where the network was not asked.
        carried: of the frames before, at this frame's places; None for a shot's first.
        motion: (k, l, 2) flow from this frame to the one before; None for a shot's first.
    """

    luma: FloatArray
    values: FloatArray | None
    carried: _History | None
    motion: FloatArray | None

    @property
    def own(self) -> _History | None:
        """What the frame itself tells; None where the network was not asked."""
        return None if self.values is None else _History.of(self.values, self.luma)


class MotionSmoother(Smoother):
    """Exponential averages forwards and backwards along the motion, for one film.

    A thing seen clearly i frames before, or among the frames held back i frames after, has the weight e^(-i / 9.5).
    Blank frames come out blank, and what came before them is remembered across them.

    Source: recursive averages along flow are common, as in Lang, Wang, Aydin, Smolic & Gross 2012, "Practical temporal
    consistency for image-based graphics applications"; the comparison with the luma of the history is tinct's own.
    """

    def __init__(self, *, block: int = BLOCK, look_ahead: int = LOOK_AHEAD) -> None:
        """Begin a film; `block` frames (1 or more) are returned at once, averaged also with `look_ahead` later ones."""
        self.delay = block + look_ahead - 1
        self._block = block
        self._shape: tuple[int, int] | None = None
        self._luma: NDArray[np.uint8] | None = None
        self._history: _History | None = None
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
        self._luma = self._history = None
        return ready

    def _take(self, values: FloatArray | None, luma: NDArray[np.uint8]) -> None:
        """Add a frame, and what earlier frames tell about it."""
        if values is not None:
            if self._history is not None:
                check_size(values, self._history.values.shape)
            self._shape = values.shape[:2]
        assert self._shape is not None
        small = cv2.resize(luma, self._shape[::-1], interpolation=cv2.INTER_AREA).reshape(self._shape)
        plane = unit(small)
        motion = None if self._luma is None else resized(flow(luma, self._luma), self._shape)
        carried = None if self._history is None or motion is None else self._history.carried(motion, plane)
        frame = _Frame(plane, values, carried, motion)
        self._luma = luma
        self._history = _together(carried, frame.own)
        self._held.append(frame)

    def _give(self, count: int) -> list[FloatArray | None]:
        """Return the first `count` frames held, with what all later ones tell about them."""
        results: list[FloatArray | None] = []
        history: _History | None = None
        motion: FloatArray | None = None
        for index in reversed(range(len(self._held))):
            frame = self._held[index]
            if frame is not None:
                if history is not None and motion is not None:
                    history = history.carried(inverse(motion), frame.luma)
                history = _together(history, frame.own)
                motion = frame.motion
            if index < count:
                known = None if frame is None else _together(frame.carried, history)
                results.append(None if known is None else known.mean())
        del self._held[:count]
        return results[::-1]

    def state(self) -> dict[str, NDArray[Any]]:
        state: dict[str, NDArray[Any]] = {"blank": np.array([frame is None for frame in self._held], dtype=bool)}
        now = {"luma": self._luma, "shape": self._shape and np.array(self._shape), **_arrays(self._history)}
        state |= {name: value for name, value in now.items() if value is not None}
        for number, frame in enumerate(self._held):
            if frame is not None:
                parts = {"luma": frame.luma, "own": frame.values, "motion": frame.motion, **_arrays(frame.carried)}
                state |= {f"{number}.{name}": value for name, value in parts.items() if value is not None}
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        if "blank" not in state or ("sums" in state and not {"luma", "values"} <= state.keys()):
            raise InputError(FOREIGN_STATE)
        held: list[_Frame | None] = []
        for number, blank in enumerate(state["blank"]):
            if not blank and f"{number}.luma" not in state:
                raise InputError(FOREIGN_STATE)
            own, motion = (state.get(f"{number}.{name}") for name in ("own", "motion"))
            carried = _history(state, f"{number}.")
            held.append(None if blank else _Frame(state[f"{number}.luma"], own, carried, motion))
        self._held = held
        self._luma, self._history = state.get("luma"), _history(state, "")
        self._shape = (int(state["shape"][0]), int(state["shape"][1])) if "shape" in state else None


def _together(first: _History | None, second: _History | None) -> _History | None:
    if first is None or second is None:
        return second if first is None else first
    return _History(first.values + second.values, first.sums + second.sums)


def _arrays(history: _History | None) -> dict[str, NDArray[Any] | None]:
    return {} if history is None else {"values": history.values, "sums": history.sums}


def _history(state: Mapping[str, NDArray[Any]], begins: str) -> _History | None:
    """Return the history whose arrays' names in a state begin so; None where there is none."""
    values, sums = state.get(f"{begins}values"), state.get(f"{begins}sums")
    return None if values is None or sums is None else _History(values, sums)


def check_size(values: FloatArray | None, shape: tuple[int, ...]) -> None:
    """Check that a frame has the size of those before; InputError if not."""
    if values is not None and values.shape != shape:
        raise InputError(f"a film's frames must be of one size; this one gives {values.shape}, those before {shape}")

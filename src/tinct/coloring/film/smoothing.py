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

from tinct.color.motion import flow, inverse, levels, resized
from tinct.color.spaces import FloatArray
from tinct.coloring.film.history import carry
from tinct.errors import InputError, SettingError

PAPER_ALPHA = 0.2  # decay a frame of the paper's kernel
PAPER_SPAN = 20  # frames that the paper's kernel reaches back
LONGEST_SPAN = 250  # each frame of a kernel's span takes about 1 MB of memory
# Along the motion one frame in this many is shown to the network: as good as every frame (benchmarks/smoothing.json).
ASKED = 3
BLOCK = 6  # frames that are returned at once
LOOK_AHEAD = 3  # later frames that they are averaged with as well

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
        """Begin a film."""
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
    without any decay. It ignores cuts and motion.

    Source: Billaut, de Rochemonteix & Thibault 2018, section 4.3.
    """

    def __init__(self, *, alpha: float = PAPER_ALPHA, span: int = PAPER_SPAN) -> None:
        """Begin a film; `alpha` at least 0, `span` at least 0 frames."""
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
class _Frame:
    """A frame held back.

    Attributes:
        luma: (k, l) in 0..1.
        sample: (k, l, n + 2): its own values, the weight 1, its luma; None where the network was not asked.
        carried: (k, l, n + 2): weighted sums over the frames before, at this frame's places; None for a shot's first.
        motion: (k, l, 2) flow from this frame to the one before; None for a shot's first.
    """

    luma: FloatArray
    sample: FloatArray | None
    carried: FloatArray | None
    motion: FloatArray | None


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
        """Add a frame, and what earlier frames tell about it."""
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
        """Return the first `count` frames held, with what all later ones tell about them."""
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


def check_size(values: FloatArray | None, shape: tuple[int, ...]) -> None:
    """Check that a frame has the size of those before; InputError if not."""
    if values is not None and values.shape != shape:
        raise InputError(f"a film's frames must be of one size; this one gives {values.shape}, those before {shape}")


def _sample(values: FloatArray, luma: FloatArray) -> FloatArray:
    return np.concatenate([values, np.ones_like(luma)[..., None], luma[..., None]], axis=-1, dtype=np.float32)


def _added(first: FloatArray | None, second: FloatArray | None) -> FloatArray | None:
    if first is None or second is None:
        return second if first is None else first
    return first + second


def _average(first: FloatArray | None, second: FloatArray | None) -> FloatArray | None:
    sums = _added(first, second)
    return None if sums is None else sums[..., :-2] / sums[..., -2, None]

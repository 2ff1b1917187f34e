"""Smooth what the network said about a film's frames over time, so that colours do not flicker.

Each frame is coloured on its own, and small changes of the picture can change the network's mind. So its distributions
over colour bins are averaged over neighbouring frames before colours are made of them: by the kernel of Billaut,
de Rochemonteix & Thibault 2018 (section 4.3), or along the motion (`tinct.coloring.film.history`). Frames are pushed
one by one and come out in the same order, some of them later; memory does not grow with the film.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.errors import InputError

# The paper's kernel.
PAPER_ALPHA = 0.2
PAPER_SPAN = 20
FOREIGN_STATE = "the saved state belongs to another kind of smoothing; start the film anew, or use the same settings"


class Smoother(ABC):
    """One film being smoothed. Frames go in with `push` and come out of `push` and `flush`, in the same order.

    Attributes:
        delay: the most frames that are held back: a frame's result comes with one of the next `delay` frames.
    """

    delay: int = 0

    @abstractmethod
    def push(
        self, values: FloatArray | None, luma: NDArray[Any], *, cut: bool = False, unknown: bool = False
    ) -> list[FloatArray | None]:
        """Take the next frame.

        Args:
            values: (k, l, n) float32, the frame's distribution over n bins (or its chroma, n = 2, for a network
                without bins); held for a while, so do not change it afterwards. None for a blank frame, which has no
                colours of its own and must lend none to others.
            luma: (h, w) luma of the frame, about as large as the network saw it, uint8 or floats in 0..1; held too.
            cut: this frame begins another shot.
            unknown: `values` is None not because the frame is blank, but because the network was not asked about it or
                failed; a smoother that can gives it what is said about its neighbours.

        Returns:
            The frames that are ready, oldest first: (k, l, n) float32 each, None for blank ones, and for unknown ones
            about which nothing can be said.

        Raises:
            InputError: the frame's size is not that of the frames before.
        """

    def flush(self) -> list[FloatArray | None]:
        """End the film: return the frames held back, oldest first."""
        return []

    @abstractmethod
    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that is known, as arrays; a smoother that is given it goes on bit by bit as this one would."""

    @abstractmethod
    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on where another smoother with the same settings was.

        Raises:
            InputError: the state is no such smoother's.
        """


class KernelSmoother(Smoother):
    """The causal kernel p'(t) = sum over i = 0..span of p(t - i) e^(-alpha i), divided by the weights there were.

    Time a frame does not depend on the span: with d = e^-alpha, the sum is S(t) = p(t) + d S(t-1) - d^(span+1)
    p(t-span-1). Sums are kept in double precision, so that what the subtraction leaves stays below single precision
    even in a film of days and without any decay. Cuts and motion do not matter to it.

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


def check_size(values: FloatArray | None, shape: tuple[int, ...]) -> None:
    """Raise InputError where a frame is not of the size of those before."""
    if values is not None and values.shape != shape:
        raise InputError(f"a film's frames must be of one size; this one gives {values.shape}, those before {shape}")

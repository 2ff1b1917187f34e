"""Keep a film's grain out of the network's sight, by averaging along the motion; the film itself is never touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.denoise import TOLERATED_NOISE, denoised, estimate_noise
from tinct.color.motion import flow
from tinct.color.spaces import FloatArray
from tinct.coloring.film.history import carry
from tinct.coloring.settings import checked_denoise

# The grain of a film changes slowly; single frames tell it badly.
_REMEMBERED = 0.9


class GrainCleaner:
    """One film's small luma, frame by frame, without its grain.

    Where the film is grainy, each frame is averaged with those before along the motion, as colours are in
    `MotionSmoother`, which keeps what a single picture's denoising would take for grain; what is left of the grain is
    then smoothed in the picture. Films without grain pass as they are.
    """

    def __init__(self, *, denoise: str | float = "auto") -> None:
        """Begin a film.

        Args:
            denoise: `auto`, `off`, or the grain's standard deviation in 8-bit steps, 0..100.

        Raises:
            SettingError: `denoise` is none of these.
        """
        self._denoise = checked_denoise(denoise)
        self._noise: float | None = None
        self._luma: FloatArray | None = None
        self._sums: FloatArray | None = None

    def push(self, luma: FloatArray) -> FloatArray:
        """Take the next frame. Cuts need not be told: what does not fit the frame is forgotten.

        Args:
            luma: (k, l) float32 in 0..1, of one size throughout the film.

        Returns:
            (k, l) float32 in 0..1: the frame as the network should see it.
        """
        noise = self._grain(luma)
        if noise <= 0:
            self._luma = self._sums = None
            return luma
        sample = np.stack([np.ones_like(luma), luma], axis=-1)
        if self._sums is None or self._luma is None:
            self._sums = sample
        else:
            self._sums = carry(self._sums, flow(luma, self._luma), luma)
            self._sums += sample
        self._luma = luma
        weight = self._sums[..., 0]
        left = noise / float(np.median(weight)) ** 0.5
        clean = np.ascontiguousarray(self._sums[..., 1] / weight)
        return denoised(clean, denoise=left)[0] if left > TOLERATED_NOISE else clean

    def _grain(self, luma: FloatArray) -> float:
        """Return the standard deviation to clean for, in 8-bit steps; 0 for none."""
        if self._denoise == "off":
            return 0.0
        if not isinstance(self._denoise, str):
            return self._denoise
        found = estimate_noise(luma)
        self._noise = found if self._noise is None else _REMEMBERED * self._noise + (1 - _REMEMBERED) * found
        return self._noise if self._noise > TOLERATED_NOISE else 0.0

    def state(self) -> dict[str, NDArray[Any]]:
        """Return all that is known, as arrays; a cleaner that is given it goes on bit by bit as this one would."""
        state: dict[str, NDArray[Any]] = {}
        if self._noise is not None:
            state["noise"] = np.array(self._noise)
        if self._luma is not None and self._sums is not None:
            state |= {"luma": self._luma, "sums": self._sums}
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on where another cleaner with the same settings was."""
        self._noise = float(state["noise"]) if "noise" in state else None
        self._luma, self._sums = state.get("luma"), state.get("sums")

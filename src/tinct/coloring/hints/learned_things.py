"""How likely each pixel belongs to the thing at a hint, by a network that learned it from masks of things.

It sees what the photo model's encoder sees, at 1/8 to 1/32 of the size, and luma; `tinct.runtime.thing` describes the
file, `tinct.learn.things` how it was trained. Where it fits the model that colorizes, the regression in
`tinct.coloring.hints.things` only has a say beside it: it knows borders on the way, and so fewer colours lie outside.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from tinct.color.resize import resized, shrunk
from tinct.color.spaces import FloatArray
from tinct.coloring.hints.things import FEATURES, KEPT, Things
from tinct.runtime.session import Session
from tinct.runtime.thing import ThingModel, distance

# Of several hints on one thing each counts most near itself: what the distance, in parts of the root of height x width,
# takes from a hint's log odds beside those of others.
_PER_DISTANCE = 12.0
# How much the regression's log odds count beside the network's.
_BESIDE = 0.5


class PointedThings:
    """A picture in which the things at hints are told by a network. Several threads may use one at once.

    Attributes:
        shape: (h, w) of the copy in which they are.
    """

    certain = 0.0

    def __init__(
        self, model: ThingModel, luma: NDArray[np.floating], see: Callable[[FloatArray], Mapping[str, FloatArray]]
    ) -> None:
        """Look at the picture once.

        Args:
            model: the network.
            luma: (H, W) in 0..1, as the model that colorizes takes it.
            see: returns that model's features (h, w, c) of luma, by name.
        """
        self._model = model
        self._luma = model.seen_at(luma)
        self._features = see(self._luma)
        self.shape: tuple[int, int] = (self._luma.shape[0] // 4, self._luma.shape[1] // 4)
        self._kept: dict[bytes, FloatArray] = {}
        self._beside: Things | None = None

    def beside(self, luma: FloatArray, answers: NDArray[np.floating]) -> PointedThings:
        """Return the same with the regression beside the network.

        Args:
            luma: (i, j) of the picture in 0..1.
            answers: (k, l, n) the roots of the colorizing model's distribution.
        """
        other = copy.copy(self)
        other._kept = {}
        other._beside = Things(luma, self._features[FEATURES], answers)
        return other

    def odds(self, places: NDArray[np.floating]) -> FloatArray:
        """Return the log odds that each pixel belongs to the thing which a hint covers, (h, w) of `shape`.

        Args:
            places: (n, 2) rows and columns of the hint's points in 0..1 of the picture, at least one.
        """
        key = places.tobytes()
        odds = self._kept.get(key)
        if odds is None:
            odds = self._model.odds(self._luma, self._features, places)
            if self._beside is not None:
                other: FloatArray = resized(self._beside.odds(places) - np.float32(self._beside.certain), self.shape)
                odds = (odds + np.float32(_BESIDE) * other).astype(np.float32)
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = odds
        return odds

    def rank(self, odds: FloatArray, places: NDArray[np.floating]) -> FloatArray:
        """Return by what one hint takes pixels from others: its log odds (h, w), less where it is farther away."""
        away = distance(places, (4 * self.shape[0], 4 * self.shape[1]))
        rank: FloatArray = odds - np.float32(_PER_DISTANCE / (self.shape[0] * self.shape[1]) ** 0.5) * away
        return rank


def look_for_things(session: Session, luma: FloatArray) -> FloatArray | PointedThings | None:
    """Return what tells things apart in luma (h, w) in 0..1 as a model takes it; None if the model sees nothing.

    These are the things that the network tells where it fits the model, otherwise the model's features.
    """
    if session.things is not None:
        return PointedThings(session.things, luma, session.features)
    return session.features(shrunk(luma, session.card.working_size)).get(FEATURES)

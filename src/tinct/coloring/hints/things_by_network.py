"""How likely each pixel belongs to the thing at a hint, according to a network trained on masks of things.

Its inputs are luma and the features of the photo model's encoder at 1/8 to 1/32 of the size; `tinct.runtime.thing`
describes the file, `tinct.learn.things` how it was trained. If it fits the model that colorizes, the regression in
`tinct.coloring.hints.things_by_features` is only added to its answer, with a smaller weight: that knows the borders
between a pixel and the hint, so less colour gets outside. The network looks at the picture and at its mirror image, and
the mean counts: it errs differently in each.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from tinct.color.resize import resized, shrunk
from tinct.color.spaces import FloatArray
from tinct.coloring.hints.things_by_features import FEATURES, KEPT, Things
from tinct.runtime.session import Session
from tinct.runtime.thing import ThingModel, distance

# Of several hints on one thing each wins near itself: compared with others, a hint's log odds fall by this per distance
# of sqrt(height x width).
_PER_DISTANCE = 12.0
# Weight of the regression's log odds, which are added to the network's.
_BESIDE = 0.5


class PointedThings:
    """A picture in which a network finds the things at hints. Several threads may use one at once.

    Attributes:
        shape: (h, w) of the copy in which they are found.
        certain: log odds at which a pixel belongs to a thing by half.
    """

    certain = 0.0

    def __init__(
        self, model: ThingModel, luma: NDArray[np.floating], see: Callable[[FloatArray], Mapping[str, FloatArray]]
    ) -> None:
        """Compute the features, once a picture.

        Args:
            model: the network that finds things.
            luma: (H, W) in 0..1, as the model that colorizes takes it.
            see: returns that model's features (h, w, c) of luma, by name.
        """
        self._model = model
        seen = model.seen_at(luma)
        # Luma and features of the picture, and of its mirror image.
        self._views = tuple((view, see(view)) for view in (seen, np.ascontiguousarray(seen[:, ::-1])))
        self.shape: tuple[int, int] = (seen.shape[0] // 4, seen.shape[1] // 4)
        self._kept: dict[bytes, FloatArray] = {}
        self._beside: Things | None = None

    def beside(self, luma: FloatArray, answers: NDArray[np.floating]) -> PointedThings:
        """Return a copy that adds the regression's answer to the network's.

        Args:
            luma: (i, j) of the picture in 0..1.
            answers: (k, l, n) square roots of the colorizing model's distribution.
        """
        other = copy.copy(self)
        other._kept = {}
        other._beside = Things(luma, self._views[0][1][FEATURES], answers)
        return other

    def odds(self, places: NDArray[np.floating]) -> FloatArray:
        """Return the log odds that each pixel belongs to the thing at a hint, (h, w) of `shape`.

        Args:
            places: (n, 2) rows and columns of the hint's points in 0..1 of the picture, at least one.
        """
        key = places.tobytes()
        odds = self._kept.get(key)
        if odds is None:
            odds = self._told(places)
            if self._beside is not None:
                other: FloatArray = resized(self._beside.odds(places) - np.float32(self._beside.certain), self.shape)
                odds = (odds + np.float32(_BESIDE) * other).astype(np.float32)
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = odds
        return odds

    def _told(self, places: NDArray[np.floating]) -> FloatArray:
        """Return the network's log odds, the mean of both views."""
        own, mirrored = (
            self._model.odds(luma, features, there)
            for (luma, features), there in zip(self._views, (places, places * (1, -1) + (0, 1)), strict=True)
        )
        mean: FloatArray = (own + mirrored[:, ::-1]) / np.float32(2)
        return mean

    def rank(self, odds: FloatArray, places: NDArray[np.floating]) -> FloatArray:
        """Return how strongly a hint competes with others for each pixel: its log odds (h, w), less with distance."""
        away = distance(places, (4 * self.shape[0], 4 * self.shape[1]))
        rank: FloatArray = odds - np.float32(_PER_DISTANCE / (self.shape[0] * self.shape[1]) ** 0.5) * away
        return rank


def look_for_things(session: Session, luma: FloatArray) -> FloatArray | PointedThings | None:
    """Return what tells things apart in luma (h, w) in 0..1 as a model takes it.

    This is the network's finder of things if there is one that fits the model, else the model's features; None if the
    model file has none.
    """
    if session.things is not None:
        return PointedThings(session.things, luma, session.features)
    return session.features(shrunk(luma, session.card.working_size)).get(FEATURES)

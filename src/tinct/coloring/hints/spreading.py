"""Hints joined with what the network said: how far a colour that a person names carries, and what it replaces.

Each pixel belongs to the hints by some share A in 0..1, and gets the colour S / A of those it belongs to. Both spread
together by `tinct.color.propagate`: A is 1 at the hints, and elsewhere holds to a target, the firmer the surer the
network is of its own colour there. The target is 0 where the network sees something else than at the hint, and up to 1
where it sees the same and finds the hint's colour likely, so that a hint also colours the parts of a thing that
another thing cuts off from it. What is added to the picture is A (S / A - chroma): nothing at all where A is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.propagate import Propagator
from tinct.color.resize import resized, small_size
from tinct.color.spaces import FloatArray
from tinct.color.upsample import ChromaGuide, fit_guide
from tinct.coloring.hints.placing import PlacedHints

# Root of height x width at which hints spread: a factorisation takes half a second there, and a hint milliseconds.
SPREAD_SIZE = 160
# How firmly a pixel holds to its target where the network has no idea of its colour, and where it is certain.
LOOSE, FIRM = 3e-8, 3e-6
# How unlike the network's answers at two pixels may be, as 1 - Bhattacharyya coefficient, and they still see one thing.
_LIKENESS = 0.05
# How unlike the luma of two pixels may be, and they still belong to one thing.
_SHADE = 0.1
# How far a hint reaches to parts cut off from it, as a share of the root of height x width.
_REACH = 0.4
# How far a suggestion's point stands for others.
_NEAR = 0.2
# Below the first share a pixel stays as it was, above the second it has the hint's colour entirely.
_SHARE_FROM, _SHARE_TO = 0.3, 0.7
# Of a stroke's pixels the solver is given this many; all of them are exact in the end.
_MOST_PLACES = 7


class HintSpreader:
    """One picture, ready for hints. Making it takes most of the time; several threads may then use it at once.

    Attributes:
        luma: (h, w) luma in 0..1 at the size at which hints spread.
    """

    def __init__(self, luma: NDArray[Any], *, shares: NDArray[Any] | None = None, size: int = SPREAD_SIZE) -> None:
        """Look at the picture.

        Args:
            luma: (H, W) in 0..1, as chroma is fitted to it.
            shares: (k, l, n) the network's calibrated distribution; without it, luma alone says what belongs together.
            size: root of height x width at which hints spread.
        """
        self._full_luma = np.ascontiguousarray(luma, dtype=np.float32)
        height, width = (max(2, edge) for edge in small_size(*luma.shape, size=size))
        self.luma: FloatArray = resized(self._full_luma, (height, width))
        self._features: FloatArray | None = None
        trust: NDArray[Any] | float = LOOSE
        if shares is not None:
            larger = resized(shares, (height, width))
            sure = larger.max(axis=-1).astype(np.float64)
            trust = LOOSE * (FIRM / LOOSE) ** np.clip(sure, 0, 1)
            roots = np.sqrt(np.maximum(larger, 0))
            self._features = roots / np.maximum(np.linalg.norm(roots, axis=-1, keepdims=True), np.float32(1e-6))
        self._propagator = Propagator(self.luma, trust=trust, features=self._features)

    def added(self, guide: ChromaGuide, shares: tuple[FloatArray, FloatArray]) -> ChromaGuide:
        """Return a guide of the luma's size with the hints' colours in it, by their `shares`."""
        share, colors = shares
        change = share[..., None] * (colors - self._chroma(guide))
        fitted = fit_guide(self._full_luma, change).planes
        return ChromaGuide(guide.planes + fitted)

    def shares(self, hints: PlacedHints) -> tuple[FloatArray, FloatArray]:
        """Compute how far each pixel belongs to the hints, (h, w) in 0..1, and which U and V (h, w, 2) they give it."""
        places, owners = hints.on_grid(*self.luma.shape)
        chroma = hints.chroma[owners]
        given = np.concatenate([chroma, np.ones((len(chroma), 1))], axis=1)
        target = self._target(places, owners, hints.chroma)
        few = _spaced(owners)
        spread = self._propagator.spread(places[few], given[few], target=target)
        rows, columns = places[:, 0], places[:, 1]
        spread[rows, columns] = given
        share = spread[..., 2]
        colors = (spread[..., :2] / np.maximum(share, np.float32(1e-3))[..., None]).astype(np.float32)
        step = np.clip((share - _SHARE_FROM) / (_SHARE_TO - _SHARE_FROM), 0, 1)
        share = step * step * (3 - 2 * step)
        return share.astype(np.float32), colors

    def _target(self, places: NDArray[np.intp], owners: NDArray[np.intp], chroma: FloatArray) -> FloatArray | None:
        """Return what each pixel holds to, (h, w, 3): share times U, share times V, and share."""
        features = self._features
        if features is None:
            return None
        height, width = self.luma.shape
        target = np.zeros((height, width, 3), dtype=np.float32)
        for owner in np.unique(owners):
            mine = places[owners == owner]
            row, column = mine[len(mine) // 2]
            like = features @ features[row, column]
            share = np.exp(-np.square(np.maximum(1 - like, 0) / _LIKENESS))
            share *= np.exp(-np.square((self.luma - self.luma[row, column]) / _SHADE) / 2)
            reach = _REACH * (height * width) ** 0.5
            down, across = np.ogrid[:height, :width]
            away = np.full((height, width), np.inf, dtype=np.float32)
            for y, x in mine[_spaced(np.zeros(len(mine), dtype=np.intp))]:
                np.minimum(away, (down - y) ** 2 + (across - x) ** 2, out=away)
            share = share * np.exp(-away / (2 * reach * reach))
            own = np.concatenate([chroma[owner], [1]])
            target = np.where(share[..., None] > target[..., 2:], share[..., None] * own, target)
        return target.astype(np.float32)

    def _chroma(self, guide: ChromaGuide) -> FloatArray:
        """Return U and V (h, w, 2) of a guide at the size of `luma`."""
        return resized(guide.chroma(self._full_luma), self.luma.shape)


def likeness(shares: NDArray[Any], luma: NDArray[Any]) -> FloatArray:
    """Measure how far any two pixels belong together: near each other, and one thing to the network.

    Args:
        shares: (h w, n) the network's distribution.
        luma: (h, w) in 0..1.

    Returns:
        (h w, h w) in 0..1.
    """
    height, width = luma.shape
    roots = np.sqrt(shares).astype(np.float32)
    roots /= np.linalg.norm(roots, axis=-1, keepdims=True)
    exponent = np.square(np.maximum(1 - roots @ roots.T, 0) / np.float32(_LIKENESS))
    reach = _NEAR * (height * width) ** 0.5
    down, across = (places.ravel().astype(np.float32) for places in np.mgrid[:height, :width])
    for values, scale in ((down, reach), (across, reach)):
        exponent += np.square(values[:, None] - values[None]) / np.float32(2 * scale * scale)
    result: FloatArray = np.exp(-exponent)
    return result


def _spaced(owners: NDArray[np.intp]) -> NDArray[np.intp]:
    """Choose some of the places of each owner, evenly."""
    chosen = []
    for owner in np.unique(owners):
        mine = np.flatnonzero(owners == owner)
        if len(mine) > _MOST_PLACES:
            mine = mine[np.linspace(0, len(mine) - 1, _MOST_PLACES).round().astype(np.intp)]
        chosen.append(mine)
    return np.sort(np.concatenate(chosen))

"""How likely each pixel belongs to the thing at a hint, by what the network sees there and on the way to it.

The network's features at 1/16 of the size tell a coat from a throat of the same grey, and its distribution over colours
tells them apart by the colours they may have. The log odds that a pixel belongs to a hint's thing are a sum of these
terms: how alike the pixel and the hint are in features and in distribution (cosine); how much either changes along the
cheapest path from the hint to the pixel (square root); how much luma changes along its cheapest path (square root); and
how much luma differs between the two. So a thing is filled up to its borders however its parts are shaded, but what
looks alike and lies beyond a border is not.

The weights of the sum come from a logistic regression on masks of 275 things in some 150 photographs of SYSU-Scene and
Clothing Co-Parsing (Yang, Luo & Lin 2014); `benchmarks/hint_things.py` measures it on others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.resize import resized, small_size
from tinct.color.spaces import FloatArray

# SciPy is imported where it is used, since only runs with hints need it.
if TYPE_CHECKING:
    from scipy import sparse

# Name of the features in a model file's card.
FEATURES = "features_16"
# sqrt(height x width) at which paths are sought; the features' own pixels are larger.
_SIZE = 80
# Changes of luma up to this, from pixel to pixel, are taken as grain.
_GRAIN = 0.01
# The cost of a step along which nothing changes.
_STEP = 5e-4

# The sum of log odds:
_HERE = 0.04  # constant term
_PER_LUMA = -0.54  # weight of the changes of luma along the path
_PER_SHADE = -1.36  # weight of the difference of luma
_PER_LIKENESS = (3.3, 2.33)  # weights of the likeness of features, and of distributions
_PER_CHANGE = (-4.2, -2.53)  # weights of the changes of features, and of distributions, along the path

# Results kept for hints that stay where they are while others are added; at 80 x 80 pixels they take 25 KB each.
KEPT = 256
# At most this many of a stroke's pixels are compared with others.
_MOST_MODELS = 7
# A pixel and its neighbour, in rows and columns; each pair once.
_PAIRS = ((0, 1), (1, 0), (1, 1), (1, -1))

_Ends = tuple[tuple[slice, slice], tuple[slice, slice], float]


class Things:
    """A picture in which the things at hints are sought. Several threads may use one at once.

    Attributes:
        shape: (h, w) of the copy in which they are found.
        certain: log odds at which a pixel belongs to a thing by half: above 0, so that colours tend to stay inside.
    """

    certain = 1.0

    def __init__(self, luma: NDArray[Any], features: NDArray[Any], answers: NDArray[Any], *, size: int = _SIZE) -> None:
        """Measure what changes between neighbours.

        Args:
            luma: (H, W) in 0..1.
            features: (k, l, c) the network's, of the same picture.
            answers: (i, j, n) square roots of its distribution over colours.
            size: sqrt(height x width) at which things are sought.
        """
        self.shape: tuple[int, int] = small_size(*luma.shape, size=size)
        self._luma = resized(np.ascontiguousarray(luma, dtype=np.float32), self.shape)
        deviation = features.std(axis=(0, 1)) + np.float32(1e-3)
        self._seen = (
            _directions((features - features.mean(axis=(0, 1))) / deviation, self.shape),
            _directions(answers, self.shape),
        )
        steps = _steps(*self.shape)
        by_luma = [np.maximum(np.abs(self._luma[here] - self._luma[there]) - _GRAIN, 0) for here, there, _ in steps]
        self._by_luma = _graph(by_luma, self.shape)
        self._by_sight = tuple(
            _graph([np.maximum(1 - (seen[here] * seen[there]).sum(axis=-1), 0) for here, there, _ in steps], self.shape)
            for seen in self._seen
        )
        self._kept: dict[bytes, FloatArray] = {}

    def odds(self, places: NDArray[Any]) -> FloatArray:
        """Return the log odds that each pixel belongs to the thing at a hint, (h, w) of `shape`.

        Args:
            places: (n, 2) rows and columns of the hint's points in 0..1 of the picture, at least one.
        """
        height, width = self.shape
        cells = np.clip((places * self.shape).astype(np.intp), 0, (height - 1, width - 1))
        sources = np.unique(cells[:, 0] * width + cells[:, 1])
        key = sources.tobytes()
        odds = self._kept.get(key)
        if odds is None:
            odds = self._odds(sources)
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = odds
        return odds

    def rank(self, odds: FloatArray, places: NDArray[Any]) -> FloatArray:
        """Return how strongly a hint competes with others for each pixel, (h, w): its log odds, as they are."""
        return odds

    def _odds(self, sources: NDArray[np.intp]) -> FloatArray:
        from scipy.sparse.csgraph import dijkstra

        odds = np.full(self.shape, _HERE)
        rows, columns = np.divmod(sources, self.shape[1])
        few = np.linspace(0, len(rows) - 1, min(_MOST_MODELS, len(rows))).round().astype(np.intp)
        for seen, weight in zip(self._seen, _PER_LIKENESS, strict=True):
            odds += weight * (seen @ _models(seen, rows[few], columns[few]).T).max(axis=-1)
        odds += _PER_SHADE * np.abs(self._luma[..., None] - self._luma[rows[few], columns[few]]).min(axis=-1)
        for graph, weight in zip((*self._by_sight, self._by_luma), (*_PER_CHANGE, _PER_LUMA), strict=True):
            ways = dijkstra(graph, directed=False, indices=sources, min_only=True)
            odds += weight * np.sqrt(ways.reshape(self.shape))
        return odds.astype(np.float32)


def _models(seen: FloatArray, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> FloatArray:
    """Return what is seen (h, w, c) at some pixels, averaged with their neighbours, as vectors (n, c) of length 1."""
    around = np.stack(
        [
            seen[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].mean(axis=(0, 1))
            for y, x in zip(rows, columns, strict=True)
        ]
    )
    models: FloatArray = around / np.maximum(np.linalg.norm(around, axis=-1, keepdims=True), np.float32(1e-6))
    return models


def _directions(values: NDArray[Any], shape: tuple[int, int]) -> FloatArray:
    """Return vectors (k, l, c) enlarged to (h, w, c), each of length 1."""
    larger = resized(np.asarray(values, dtype=np.float32), shape)
    directions: FloatArray = larger / np.maximum(np.linalg.norm(larger, axis=-1, keepdims=True), np.float32(1e-6))
    return directions


def _steps(height: int, width: int) -> list[_Ends]:
    """Return, for each of four directions, the slices of all steps' first and second ends, and a step's length."""
    return [
        (
            (slice(0, height - down), slice(max(0, -right), width - max(0, right))),
            (slice(down, height), slice(max(0, right), width + min(0, right))),
            float(np.hypot(down, right)),
        )
        for down, right in _PAIRS
    ]


def _graph(changes: list[NDArray[Any]], shape: tuple[int, int]) -> sparse.csr_array:
    """Return the cost of each step, (h w, h w), from how much changes along it."""
    from scipy import sparse

    places = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape)
    steps = _steps(*shape)
    rows = np.concatenate([places[here].ravel() for here, _, _ in steps])
    columns = np.concatenate([places[there].ravel() for _, there, _ in steps])
    costs = [(change + _STEP * length).ravel() for change, (_, _, length) in zip(changes, steps, strict=True)]
    entries = (np.concatenate(costs).astype(np.float64), (rows, columns))
    return sparse.csr_array(sparse.coo_array(entries, shape=(places.size, places.size)))

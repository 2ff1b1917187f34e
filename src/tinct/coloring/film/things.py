"""Give a thing one colour in all key frames of a shot, however it moves.

What stands still is found again in its place, and what moves for a moment along the flow; see
`tinct.coloring.film.agreed`. A jacket whose wearer turns around and walks through a room is found by neither, and the
network may see it blue from the front and brown from behind. But its encoder's features of the jacket stay alike: by
these each place of a key frame is looked for in all others, and a match counts if it also leads back. The answers for
what is found are averaged, coarsely; each key frame keeps its own answer in fine detail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from tinct.color.resize import resized
from tinct.color.spaces import FloatArray
from tinct.coloring.hints.reference import descriptors, leads_back, ramp

# Inner features of a picture, finest first, (k, l, n) each.
Features = tuple[FloatArray, ...]

# A match counts a little from the first cosine of features, and fully from the second.
_ALIKE, _SAME = 0.5, 0.7
# How many times the mean is taken: a thing seen from behind is found in a key frame that shows it from the side first.
_ROUNDS = 3

# Where each place of a key frame is found in another one, (k l,), and how surely, (k l, 1) in 0..1.
_Found = tuple[NDArray[np.intp], FloatArray]


def one_color_each(values: Sequence[FloatArray], features: Sequence[Features]) -> list[FloatArray]:
    """Draw the network's answers for key frames towards what it answers for the same things in the others.

    Args:
        values: (k, l, n) for each key frame, of one shape.
        features: of the same key frames, of one shape each; empty ones if the network has none.
    """
    if not values or not all(features):
        return list(values)
    grid = features[0][0].shape[:2]
    own = [resized(answer, grid).reshape(-1, answer.shape[-1]) for answer in values]
    places = descriptors(features)
    found: dict[tuple[int, int], _Found] = {}
    for here, there in combinations(range(len(values)), 2):
        cosines = places[here] @ places[there].T
        found[here, there], found[there, here] = _found_again(cosines, grid), _found_again(cosines.T, grid)
    means = own
    for _ in range(_ROUNDS):
        means = [_mean(here, means, found) for here in range(len(means))]
    return [
        answer + resized((mean - before).reshape(*grid, -1), answer.shape[:2])
        for answer, mean, before in zip(values, means, own, strict=True)
    ]


def _found_again(cosines: FloatArray, grid: tuple[int, int]) -> _Found:
    places = cosines.argmax(axis=1)
    sure = ramp(cosines[np.arange(len(places)), places], _ALIKE, _SAME) * leads_back(cosines, grid)
    return places, sure[:, None]


def _mean(here: int, values: Sequence[FloatArray], found: Mapping[tuple[int, int], _Found]) -> FloatArray:
    """Return the mean of a key frame's answer (k l, n) and those for the same things in the others."""
    sums, weights = values[here].copy(), np.ones((len(values[here]), 1), dtype=np.float32)
    for there, answer in enumerate(values):
        if there != here:
            places, sure = found[here, there]
            sums += sure * answer[places]
            weights += sure
    return sums / weights

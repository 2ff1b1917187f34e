"""What a shot's key frames agree on, and what of it a frame shows.

Each place takes the mean of all key frames that show the same there. A key frame counts less beside what moves in it:
the network spreads the colours of things a little way around them, onto walls that other key frames show without.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.motion import STILL, camera_motion, joined, reverse, warp
from tinct.color.spaces import FloatArray
from tinct.coloring.film.alike import Alike, followed, standing_still

Levels = NDArray[np.uint8]

# How far the network spreads the colours of what moves: a share of the longer side.
_SPREADS = 0.06
# What a key frame counts at the least beside what moves in it.
_LEAST_SURE = 0.1
# How often the mean of key frames is taken.
_ROUNDS = 3
# Key frames beside the nearest ones that may be asked, while more than this share of a frame is not known.
_MOST_ASKED, _WORTHWHILE = 3, 0.03


@dataclass(frozen=True, eq=False)
class Told:
    """A key frame unpacked.

    Attributes:
        pts: when it is shown.
        levels: (h, w) uint8 luma.
        values: (k, l, n) what is said of it.
        carried: (k, l, 3) what it takes from references, if anything.
    """

    pts: int
    levels: Levels
    values: FloatArray
    carried: FloatArray | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what is said."""
        return self.values.shape[0], self.values.shape[1]

    def moved(self, motion: FloatArray) -> Told:
        """Return it with its values, and what it carries, at another frame's places."""
        if self.carried is None:
            return replace(self, values=warp(self.values, motion))
        both = warp(np.concatenate([self.values, self.carried], axis=-1), motion)
        return replace(self, values=both[..., :-3], carried=both[..., -3:])


class Agreed:
    """A shot's key frames with what they, and those of other shots like it, agree on."""

    def __init__(self, own: Sequence[Told], others: Sequence[Told]) -> None:
        """Take a shot's key frames in their order, and such of other shots."""
        every = [*own, *(told for told in others if own and told.values.shape == own[0].values.shape)]
        ways = _ways([told.levels for told in own], [told.levels for told in every[len(own) :]])
        stills = {
            (here, there): standing_still(
                told.levels, other.levels, (joined(reverse(ways[here]), ways[there]), STILL), told.shape
            )
            for here, told in enumerate(own)
            for there, other in enumerate(every)
            if here != there
        }
        self._cameras = {pair: still.camera for pair, still in stills.items()}
        self._known = _averaged(own, every, stills)

    def at(self, pts: int, levels: Levels) -> list[tuple[Told, FloatArray]]:
        """Return what is known of a frame.

        Returns:
            Key frames with their values and what they carry moved to the frame's places, and (k, l) in 0..1 how much
            each place counts.
        """
        near = _nearest([told.pts for told in self._known], pts)
        if not near:
            return []
        first = max(near, key=lambda index: near[index])
        still = self._still(levels, first, (camera_motion(levels, self._known[first].levels), STILL))
        found = []
        left = np.ones(still.kept.shape, dtype=np.float32)
        for index, share in near.items():
            here = still if index == first else self._still(levels, index, (self._camera(still, first, index),))
            alike = followed(levels, self._known[index].levels, here)
            counts = np.float32(share) * _sharpened(alike.kept)
            found.append((self._known[index].moved(alike.motion), counts))
            left -= counts
        others = sorted(set(range(len(self._known))) - set(near), key=lambda index: abs(index - first))
        for index in others[:_MOST_ASKED]:
            if left.mean() < _WORTHWHILE:
                break
            here = self._still(levels, index, (self._camera(still, first, index),))
            counts = left * _sharpened(here.kept)
            if counts.mean() >= _WORTHWHILE:
                found.append((self._known[index].moved(here.motion), counts))
                left -= counts
        return found

    def _still(self, levels: Levels, index: int, cameras: Sequence[FloatArray]) -> Alike:
        told = self._known[index]
        return standing_still(levels, told.levels, cameras, told.shape)

    def _camera(self, still: Alike, first: int, index: int) -> FloatArray:
        """Return the camera's motion to a key frame, by way of another one."""
        return joined(still.camera, self._cameras[first, index])


def _sharpened(kept: FloatArray) -> FloatArray:
    """Return how much each place counts: what half agrees is most often another thing."""
    return kept * kept * kept


def _ways(own: Sequence[Levels], others: Sequence[Levels]) -> list[FloatArray]:
    """Return the camera's motion from a shot's first key frame to each: from one to the next, and to other shots'."""
    ways = [STILL] if own else []
    for here, there in pairwise(own):
        ways.append(joined(ways[-1], camera_motion(here, there)))
    return ways + [camera_motion(own[0], other) for other in others]


def _nearest(known: Sequence[int], pts: int) -> dict[int, float]:
    """Return which key frames are before and after a time, and how much each counts; together 1."""
    after = bisect_right(known, pts)
    if not known or after == 0:
        return {0: 1.0} if known else {}
    if after == len(known):
        return {after - 1: 1.0}
    begin, end = known[after - 1], known[after]
    share = (pts - begin) / (end - begin)
    return {after - 1: 1 - share, after: share}


def _averaged(own: Sequence[Told], every: Sequence[Told], stills: Mapping[tuple[int, int], Alike]) -> list[Told]:
    """Return a shot's key frames with the mean of all key frames' values where they show the same.

    What moves is found again in the next key frame rather than in a distant one, so the mean is taken several times:
    each time it comes from further away.
    """
    sure = [_sure(index, told, stills) for index, told in enumerate(every)]
    shares: dict[tuple[int, int], tuple[FloatArray, FloatArray]] = {}
    for (here, there), still in stills.items():
        alike = followed(every[here].levels, every[there].levels, still)
        certain = np.where(alike.flows, sure[here], warp(sure[there], alike.motion))
        shares[here, there] = alike.motion, _sharpened(alike.kept) * certain
    values = [told.values for told in every]
    for _ in range(_ROUNDS):
        means = []
        for here in range(len(own)):
            sums, weights = sure[here][..., None] * values[here], sure[here].copy()
            for there in range(len(every)):
                if there != here:
                    motion, counts = shares[here, there]
                    sums += counts[..., None] * warp(values[there], motion)
                    weights += counts
            means.append(sums / weights[..., None])
        values[: len(own)] = means
    return [replace(told, values=mean) for told, mean in zip(own, values, strict=False)]


def _sure(index: int, told: Told, stills: Mapping[tuple[int, int], Alike]) -> FloatArray:
    """Return how far from what moves each place of a key frame is, (k, l) in 0..1, by how many others agree with it."""
    agree = [still.kept for (here, _), still in stills.items() if here == index]
    if not agree:
        return np.ones(told.shape, dtype=np.float32)
    reach = 2 * max(1, round(_SPREADS * max(told.shape))) + 1
    far = cv2.blur(cv2.erode(np.mean(agree, axis=0), np.ones((3, 3), np.uint8)), (reach, reach))
    sure: FloatArray = np.maximum(far * far, np.float32(_LEAST_SURE))
    return sure

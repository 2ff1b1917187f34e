"""What a shot's key frames agree on, and what of it a frame shows.

Frames are matched in two steps. What stands still is compared in its place, apart from the camera's own motion, so that
a wall is recognised behind somebody who walks past. What moves is followed along the flow. What neither finds, the
network's features may; see `tinct.coloring.film.things`.

Each place of a key frame gets the mean of the network's answers for all key frames that show the same there. A key
frame counts less beside what moves in it, because the network spreads the colours of moving things a little way around
them, onto walls that other key frames show uncovered.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import resize
from tinct.color.motion import (
    STILL,
    camera_at,
    camera_motion,
    consistent,
    flow,
    joined,
    motion_of_camera,
    resized,
    reverse,
    seen_before,
    turned,
    warp,
)
from tinct.color.spaces import FloatArray
from tinct.coloring.film.history import agreement, still_agreement, unit
from tinct.coloring.film.shots import Levels
from tinct.coloring.film.things import Features, one_color_each

# What stands still is compared at this many times the size of answers, which shows the edges of what moves.
_FINER = 2
# Within what moves, small regions agree by chance. A region stands still if the places that agree by more than `_CORE`
# make up at least this share of the picture.
_LEAST_STILL, _CORE = 0.02, 0.3
# What moves by less than this share of the longer side, apart from the camera's motion, stands still.
_LITTLE = 0.02
# The flow is believed only where it agrees better by more than this than what stands still.
_STANDS = 0.2
# If a motion of the camera explains more than `_ENOUGH` of a frame, no other is tried; beyond `_ALL`, no flow either.
_ENOUGH, _ALL = 0.9, 0.99

# The network spreads the colours of what moves about this far: a share of the longer side.
_SPREADS = 0.06
# A key frame counts at least this much beside what moves in it.
_LEAST_SURE = 0.1
# How many times the mean of the key frames is taken.
_ROUNDS = 3
# While more than the share `_WORTHWHILE` of a frame is unknown, at most this many more key frames are tried.
_MOST_ASKED, _WORTHWHILE = 3, 0.03


@dataclass(frozen=True, eq=False)
class Match:
    """Where a frame shows what another one shows.

    Attributes:
        camera: (2, 3) the camera's motion; see `tinct.color.motion.camera_motion`.
        motion: (k, l, 2) flow from the frame to the other.
        alike: (k, l) in 0..1, how far each place shows the same.
        moves: (k, l) where a thing moved, apart from the camera.
    """

    camera: FloatArray
    motion: FloatArray
    alike: FloatArray
    moves: NDArray[np.bool_]


def match_still(levels: Levels, other: Levels, cameras: Sequence[FloatArray], shape: tuple[int, int]) -> Match:
    """Match what stands still in two frames.

    Args:
        levels: (h, w) uint8 luma of the frame.
        other: of the other one.
        cameras: motions that the camera may have made, the likeliest first; the one that explains most is taken.
        shape: (k, l) of the answer.
    """
    tries = []
    for camera in cameras:
        tries.append((camera, _explained(levels, other, camera, shape)))
        if float(tries[-1][1].mean()) > _ENOUGH:
            break
    camera, alike = max(tries, key=lambda found: float(found[1].mean()))
    motion = motion_of_camera(camera_at(camera, levels.shape[:2], shape), shape)
    return Match(camera, motion, resize.resized(alike, shape), np.zeros(shape, dtype=bool))


def match_moving(levels: Levels, other: Levels, still: Match) -> Match:
    """Add to a match of what stands still what moved, where little stands still; see `match_still`."""
    shape = still.alike.shape
    if still.alike.mean() > _ALL:
        return still
    there = turned(other, still.camera)
    apart = flow(levels, there)  # the motion apart from the camera's
    aligned = motion_of_camera(still.camera, levels.shape[:2])
    motion = resized(apart + warp(aligned, apart), shape)
    luma, remembered = (unit(resize.resized(picture, shape)) for picture in (levels, other))
    moved = warp(remembered, motion)
    follows = agreement(luma, moved)[2]
    far = np.abs(resized(apart, shape)).max(axis=-1) >= _LITTLE * max(shape)
    if (far & (follows > still.alike + np.float32(_STANDS))).any():  # a thing is found if the flow back leads to it
        follows *= np.where(far, resize.resized(consistent(flow(there, levels), apart).astype(np.float32), shape), 1)
    still_there = still_agreement(luma, moved, np.ones_like(luma))
    follows = np.maximum(follows, np.where(far, np.float32(0), still_there))
    flows = follows > still.alike + np.float32(_STANDS)
    return Match(
        still.camera,
        np.where(flows[..., None], motion, still.motion),
        np.where(flows, follows, still.alike),
        flows & far,
    )


def _explained(levels: Levels, other: Levels, camera: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Return how far a camera's motion explains each place, in 0..1, `_FINER` times as fine as `shape`."""
    finer = (_FINER * shape[0], _FINER * shape[1])
    way = camera_at(camera, levels.shape[:2], finer)
    luma, remembered = (unit(resize.resized(picture, finer)) for picture in (levels, other))
    return _without_islands(still_agreement(luma, turned(remembered, way), seen_before(way, finer)))


def _without_islands(alike: FloatArray) -> FloatArray:
    """Return how far each place agrees, (k, l) in 0..1, without regions too small to be sure of."""
    square = np.ones((3, 3), np.uint8)
    cores = cv2.erode(alike, square) > _CORE
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cores.astype(np.uint8), connectivity=4)
    large = stats[:, cv2.CC_STAT_AREA] >= _LEAST_STILL * alike.size
    large[0] = False
    whole: FloatArray = alike * cv2.dilate(large[labels].astype(np.uint8), square, iterations=2)
    return whole


@dataclass(frozen=True, eq=False)
class KeyAnswer:
    """A key frame with the network's answer for it.

    Attributes:
        pts: when it is shown.
        levels: (h, w) uint8 luma.
        values: (k, l, n) the answer.
        carried: (k, l, 3) what it takes from references, if anything.
        features: the network's inner features, by which things are found in other key frames; none if it has none.
    """

    pts: int
    levels: Levels
    values: FloatArray
    carried: FloatArray | None = None
    features: Features = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the answer."""
        return self.values.shape[0], self.values.shape[1]

    def moved(self, motion: FloatArray) -> KeyAnswer:
        """Return it with its answer, and what it takes from references, moved to another frame's places."""
        if self.carried is None:
            return replace(self, values=warp(self.values, motion))
        both = warp(np.concatenate([self.values, self.carried], axis=-1), motion)
        return replace(self, values=both[..., :-3], carried=both[..., -3:])


class Agreed:
    """A shot's key frames, with the answers that they and those of similar shots agree on."""

    def __init__(self, own: Sequence[KeyAnswer], others: Sequence[KeyAnswer]) -> None:
        """Take a shot's key frames in their order, and some of other shots that show the same place."""
        every = [*own, *(key for key in others if own and key.values.shape == own[0].values.shape)]
        cameras = _cameras([key.levels for key in own], [key.levels for key in every[len(own) :]])
        matches = {
            (here, there): match_still(
                key.levels, other.levels, (joined(reverse(cameras[here]), cameras[there]), STILL), key.shape
            )
            for here, key in enumerate(own)
            for there, other in enumerate(every)
            if here != there
        }
        self._cameras = {pair: match.camera for pair, match in matches.items()}
        values = one_color_each([key.values for key in every], [key.features for key in every])
        settled = [replace(key, values=value, features=()) for key, value in zip(every, values, strict=True)]
        self._keys = _averaged(settled[: len(own)], settled, matches)

    def at(self, pts: int, levels: Levels) -> list[tuple[KeyAnswer, FloatArray]]:
        """Return what is known of a frame.

        Returns:
            Key frames whose answers, and what they take from references, are moved to the frame's places; and (k, l) in
            0..1 how much each place of them counts.
        """
        near = _nearest([key.pts for key in self._keys], pts)
        if not near:
            return []
        first = max(near, key=lambda index: near[index])
        cameras = (camera_motion(levels, self._keys[first].levels), STILL)
        still = match_still(levels, self._keys[first].levels, cameras, self._keys[first].shape)

        def match(index: int) -> Match:
            """Match the frame with another key frame, with the camera's motion by way of the first one."""
            camera = joined(still.camera, self._cameras[first, index])
            return match_still(levels, self._keys[index].levels, (camera,), self._keys[index].shape)

        found = []
        left = np.ones(still.alike.shape, dtype=np.float32)
        for index, share in near.items():
            whole = match_moving(levels, self._keys[index].levels, still if index == first else match(index))
            counts = np.float32(share) * _weight(whole.alike)
            found.append((self._keys[index].moved(whole.motion), counts))
            left -= counts
        others = sorted(set(range(len(self._keys))) - set(near), key=lambda index: abs(index - first))
        for index in others[:_MOST_ASKED]:
            if left.mean() < _WORTHWHILE:
                break
            here = match(index)
            counts = left * _weight(here.alike)
            if counts.mean() >= _WORTHWHILE:
                found.append((self._keys[index].moved(here.motion), counts))
                left -= counts
        return found


def _weight(alike: FloatArray) -> FloatArray:
    """Return how much each place counts: places that agree only by half mostly show another thing."""
    return alike * alike * alike


def _cameras(own: Sequence[Levels], others: Sequence[Levels]) -> list[FloatArray]:
    """Return the camera's motion from a shot's first key frame to each of its own, step by step, and to the others."""
    cameras = [STILL] if own else []
    for here, there in pairwise(own):
        cameras.append(joined(cameras[-1], camera_motion(here, there)))
    return cameras + [camera_motion(own[0], other) for other in others]


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


def _averaged(
    own: Sequence[KeyAnswer], every: Sequence[KeyAnswer], matches: Mapping[tuple[int, int], Match]
) -> list[KeyAnswer]:
    """Return a shot's key frames with the mean of all key frames' answers where they show the same.

    What moves is found in the next key frame rather than in a distant one. So the mean is taken several times, and each
    time it takes in answers from further away.
    """
    sure = [_sure(index, key, matches) for index, key in enumerate(every)]
    shares: dict[tuple[int, int], tuple[FloatArray, FloatArray]] = {}
    for (here, there), still in matches.items():
        match = match_moving(every[here].levels, every[there].levels, still)
        certain = np.where(match.moves, sure[here], warp(sure[there], match.motion))
        shares[here, there] = match.motion, _weight(match.alike) * certain
    values = [key.values for key in every]
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
    return [replace(key, values=mean) for key, mean in zip(own, values, strict=False)]


def _sure(index: int, key: KeyAnswer, matches: Mapping[tuple[int, int], Match]) -> FloatArray:
    """Return how far each place of a key frame is from what moves, (k, l) in 0..1, judged by how many others agree."""
    alike = [match.alike for (here, _), match in matches.items() if here == index]
    if not alike:
        return np.ones(key.shape, dtype=np.float32)
    reach = 2 * max(1, round(_SPREADS * max(key.shape))) + 1
    far = cv2.blur(cv2.erode(np.mean(alike, axis=0), np.ones((3, 3), np.uint8)), (reach, reach))
    sure: FloatArray = np.maximum(far * far, np.float32(_LEAST_SURE))
    return sure

"""Find where two frames of a film show the same: what stands still, the camera's own motion aside, and what moves.

What stands still is compared in its place, so that a wall is known again behind somebody who walked by. What moves is
followed along the flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import resize
from tinct.color.motion import camera_at, consistent, flow, motion_of_camera, resized, seen_before, turned, warp
from tinct.color.spaces import FloatArray
from tinct.coloring.film.history import agreement, standing

Levels = NDArray[np.uint8]

# What stands still is compared at so many times the size of answers: the edges of what moves are seen sooner.
_FINER = 2
# Islands of less than this share of the picture agree by chance, inside what moves; they are sought above this.
_LEAST_STILL, _CORE = 0.02, 0.3
# What moves by less than this beside the camera's motion stands still: a share of the longer side.
_LITTLE = 0.02
# Where the flow agrees better by less than this, what stands still is believed.
_STANDS = 0.2
# Another motion of the camera is not tried where one explains more than this, nor the flow looked for beyond this.
_ENOUGH, _ALL = 0.9, 0.99


@dataclass(frozen=True, eq=False)
class Alike:
    """Where a frame shows what another one does.

    Attributes:
        camera: (2, 3) the camera's motion; see `tinct.color.motion.camera_motion`.
        motion: (k, l, 2) flow from the frame to the other.
        kept: (k, l) in 0..1, how much each place shows the same.
        flows: (k, l) where a thing moved beside the camera.
    """

    camera: FloatArray
    motion: FloatArray
    kept: FloatArray
    flows: NDArray[np.bool_]


def standing_still(levels: Levels, other: Levels, cameras: Sequence[FloatArray], shape: tuple[int, int]) -> Alike:
    """Find what stands still.

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
    camera, kept = max(tries, key=lambda found: float(found[1].mean()))
    motion = motion_of_camera(camera_at(camera, levels.shape[:2], shape), shape)
    return Alike(camera, motion, resize.resized(kept, shape), np.zeros(shape, dtype=bool))


def followed(levels: Levels, other: Levels, still: Alike) -> Alike:
    """Follow what moved where little is known to stand still; see `standing_still`."""
    shape = still.kept.shape
    if still.kept.mean() > _ALL:
        return still
    there = turned(other, still.camera)
    beside = flow(levels, there)
    aligned = motion_of_camera(still.camera, levels.shape[:2])
    motion = resized(beside + warp(aligned, beside), shape)
    luma, remembered = (_unit(picture, shape) for picture in (levels, other))
    moved = warp(remembered, motion)
    follows = agreement(luma, moved)[2]
    far = np.abs(resized(beside, shape)).max(axis=-1) >= _LITTLE * max(shape)
    if (far & (follows > still.kept + np.float32(_STANDS))).any():  # what does not come back was not found
        follows *= np.where(far, resize.resized(consistent(flow(there, levels), beside).astype(np.float32), shape), 1)
    follows = np.maximum(follows, np.where(far, np.float32(0), standing(luma, moved, np.ones_like(luma))))
    flows = follows > still.kept + np.float32(_STANDS)
    return Alike(
        still.camera,
        np.where(flows[..., None], motion, still.motion),
        np.where(flows, follows, still.kept),
        flows & far,
    )


def _explained(levels: Levels, other: Levels, camera: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Return where a camera's motion explains what is seen, `_FINER` times as fine as `shape`, in 0..1."""
    finer = (_FINER * shape[0], _FINER * shape[1])
    way = camera_at(camera, levels.shape[:2], finer)
    luma, remembered = (_unit(picture, finer) for picture in (levels, other))
    return _without_islands(standing(luma, turned(remembered, way), seen_before(way, finer)))


def _without_islands(kept: FloatArray) -> FloatArray:
    """Return where things stand still, (k, l) in 0..1, without islands too small to be sure of."""
    square = np.ones((3, 3), np.uint8)
    cores = cv2.erode(kept, square) > _CORE
    _, labels, stats, _ = cv2.connectedComponentsWithStats(cores.astype(np.uint8), connectivity=4)
    large = stats[:, cv2.CC_STAT_AREA] >= _LEAST_STILL * kept.size
    large[0] = False
    whole: FloatArray = kept * cv2.dilate(large[labels].astype(np.uint8), square, iterations=2)
    return whole


def _unit(levels: Levels, shape: tuple[int, int]) -> FloatArray:
    unit: FloatArray = np.divide(resize.resized(levels, shape), np.float32(255), dtype=np.float32)
    return unit

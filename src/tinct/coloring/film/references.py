"""Carry a coloured still of a film through its shot: its frame is found, and its colours follow the motion.

A reference that shows a frame of the film, whether named (`120@FILE`) or recognised, is aligned with that frame. From
there, forwards and backwards up to the cuts, it is tracked from frame to frame where in the reference each pixel lies.
At each key frame this is corrected by the luma of both, and colours are taken where the two agree. Key frames of other
shots of the scene are aligned with the reference directly. What is lost along the motion may still be found by
features; see `tinct.coloring.hints.reference`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.motion import flow, warp
from tinct.color.resize import resized
from tinct.color.spaces import FloatArray, rgb_to_yuv
from tinct.coloring.film.history import agreement, unit
from tinct.coloring.film.shots import Levels, correlation, difference, smaller, thumbnail
from tinct.coloring.hints.reference import Reference
from tinct.media.video.film import Film

# What a frame takes from a reference, (h, w, 3): U and V times their certainty, and the certainty, 0..1.
Carried = NDArray[np.float16]

# Colours are carried to this many frames on either side of a still: 12 seconds at 25 frames a second.
REACH = 300
# A reference may show a frame if their thumbnails correlate by more than this.
_LOOKS_ALIKE = 0.85
# It does show the frame if they differ by less than this; see `shots.difference`.
_ALIKE = 0.2
# Once aligned, a frame and the reference that shows it must agree at least this much, on average.
_FITS = 0.35


@dataclass(frozen=True, eq=False)
class Still:
    """A reference in the form of a film's frames.

    Attributes:
        number: of the reference.
        name: for messages.
        levels: (h, w) uint8 its luma, of the frames' size.
        chroma: (h, w, 2) its U and V.
        frame, seconds: number or time of the frame that it is for; None if it has to be recognised.
    """

    number: int
    name: str
    levels: Levels
    chroma: FloatArray
    frame: int | None
    seconds: float | None

    @classmethod
    def of(
        cls, number: int, reference: Reference, film: Film, area: tuple[int, int, int, int], shape: tuple[int, int]
    ) -> Still:
        """Bring a reference to the form of a film's frames: rotated as they are stored, without black borders.

        Args:
            number: of the reference.
            reference: the reference as read.
            area: top, bottom, left and right of the picture in a frame.
            shape: (h, w) of the frames as the network sees them.
        """
        stored = np.rot90(reference.rgb, -film.turns)
        height, width = stored.shape[:2]
        top, bottom, left, right = area
        rows = slice(round(top * height / film.height), max(1, round(bottom * height / film.height)))
        columns = slice(round(left * width / film.width), max(1, round(right * width / film.width)))
        yuv = rgb_to_yuv(resized(np.ascontiguousarray(stored[rows, columns]), shape))
        levels = np.clip(np.rint(yuv[..., 0] * 255), 0, 255).astype(np.uint8)
        return cls(
            number, reference.name, levels, np.ascontiguousarray(yuv[..., 1:]), reference.frame, reference.seconds
        )

    def is_past(self, number: int, seconds: float) -> bool:
        """Check whether it is for a named frame, and that is this one or an earlier one."""
        return self.is_placed and self.likeness(number, seconds, 0.0) > 0

    @property
    def is_placed(self) -> bool:
        """Whether it is for a named frame."""
        return self.frame is not None or self.seconds is not None

    def likeness(self, number: int, seconds: float, correlation: float) -> float:
        """Return how well it shows a frame, up to 1: the thumbnails' correlation, unless its frame was named.

        A named frame is the first one from that number or time on, so that gaps in numbers and times do not matter.
        """
        if not self.is_placed:
            return correlation
        due = number >= self.frame if self.frame is not None else seconds >= (self.seconds or 0) - 1e-3
        return 1.0 if due else 0.0

    def fits(self, levels: Levels, agrees: FloatArray) -> bool:
        """Check whether it does show a frame with which it was aligned."""
        return float(agrees.mean()) >= _FITS and (
            self.is_placed or difference(smaller(levels), smaller(self.levels)) < _ALIKE
        )

    def laid_onto(self, levels: Levels, ways: FloatArray | None = None) -> tuple[FloatArray, FloatArray]:
        """Align it with a frame (h, w).

        Args:
            levels: of the frame.
            ways: (h, w, 2) about where in the reference each pixel of the frame lies, as x and y in pixels; by default
                at the same position.

        Returns:
            The ways corrected by the luma of both, and (h, w) in 0..1 how well each pixel agrees.
        """
        start = _places(self.levels.shape) if ways is None else ways
        here = unit(levels)
        moved = np.clip(_sampled(self.levels, start), 0, 255).astype(np.uint8)
        mended = warp(start, flow(levels, moved))
        tries = [(way, agreement(here, unit(_sampled(self.levels, way)))[2]) for way in (start, mended)]
        return max(tries, key=lambda attempt: float(attempt[1].mean()))

    def seen_in(self, levels: Levels) -> Carried | None:
        """Return what a frame of another shot takes; None if it does not show what this still shows."""
        ways, agrees = self.laid_onto(levels)
        return self.carried(ways, agrees) if self.fits(levels, agrees) else None

    def carried(self, ways: FloatArray, agrees: FloatArray) -> Carried:
        """Return what a frame takes, at half its size, by its ways into the reference and how well they agree."""
        sure = np.square(agrees)[..., None]
        taken = np.concatenate([sure * _sampled(self.chroma, ways), sure], axis=-1)
        return resized(taken, (-(-len(taken) // 2), -(-taken.shape[1] // 2))).astype(np.float16)


@dataclass(eq=False)
class _Track:
    """A still that is tracked through a shot: where in it each pixel of the last frame lies, and the frames so far."""

    still: Still
    ways: FloatArray
    steps: int = 0

    def step(self, before: Levels, here: Levels) -> None:
        """Move on from one frame to the next."""
        self.ways = warp(self.ways, flow(here, before))
        self.steps += 1


class Carrier:
    """Carries stills through one shot, frame by frame, to its key frames.

    Attributes:
        carried: what key frames take, by their pts; at each pixel from the most certain of the stills that fit.
        placed: the numbers of the references that show a frame of the shot, or were named for one.
    """

    def __init__(self, stills: Sequence[Still]) -> None:
        """Begin a shot."""
        self.carried: dict[int, Carried] = {}
        self.placed: set[int] = set()
        self._waiting = {still.number: (still, thumbnail(still.levels)) for still in stills}
        self._found: dict[int, tuple[int, float]] = {}  # number -> pts of the frame it shows best, and how well
        self._frames: deque[tuple[int, Levels]] = deque(maxlen=2 * REACH + 1)
        self._keys: set[int] = set()
        self._tracks: list[_Track] = []

    def push(self, pts: int, number: int, seconds: float, levels: Levels, *, is_key: bool) -> None:
        """Take the next frame, of this number and time; only a key frame takes colours."""
        if not (self._waiting or self._tracks):
            return
        before = self._frames[-1][1] if self._frames else None
        self._frames.append((pts, levels))
        if is_key:
            self._keys.add(pts)
        self._tracks = [track for track in self._tracks if track.steps < REACH]
        for track in self._tracks:
            assert before is not None
            track.step(before, levels)
            self._take(track, pts, levels)
        here = thumbnail(levels)
        for still, small in self._waiting.values():
            best = self._found[still.number][1] if still.number in self._found else _LOOKS_ALIKE
            likeness = still.likeness(number, seconds, correlation(here, small))
            if likeness > best:
                self._found[still.number] = (pts, likeness)
        if len(self._frames) == self._frames.maxlen:
            self._settle(up_to=self._frames[REACH][0])

    def end(self) -> None:
        """End the shot, and free what is no longer needed."""
        if self._frames:
            self._settle(up_to=self._frames[-1][0])
        self._frames.clear()
        self._tracks.clear()
        self._waiting.clear()

    def _settle(self, *, up_to: int) -> None:
        """Carry the stills whose frames are found, up to a pts, through the frames that are held."""
        for number, (pts, _) in list(self._found.items()):
            if pts > up_to:
                continue
            still = self._waiting.pop(number)[0]
            del self._found[number]
            frames = list(self._frames)
            at = next((index for index, (own, _) in enumerate(frames) if own == pts), 0)
            levels = frames[at][1]
            ways, agrees = still.laid_onto(levels)
            fits = still.fits(levels, agrees)
            if fits or still.is_placed:
                self.placed.add(number)
            if not fits:
                continue
            for walk in (frames[at::-1], frames[at:]):
                track = _Track(still, ways)
                self._take(track, *walk[0])
                for (_, earlier), (there, later) in pairwise(walk[: REACH + 1]):
                    track.step(earlier, later)
                    self._take(track, there, later)
            self._tracks.append(track)

    def _take(self, track: _Track, pts: int, levels: Levels) -> None:
        """Correct a still's ways at a key frame, and take its colours where it agrees."""
        if pts not in self._keys:
            return
        track.ways, agrees = track.still.laid_onto(levels, track.ways)
        taken = surer(self.carried.get(pts), track.still.carried(track.ways, agrees))
        assert taken is not None
        self.carried[pts] = taken


def surer(one: Carried | None, other: Carried | None) -> Carried | None:
    """Return, at each pixel, the more certain of two that a frame may take."""
    if one is None or other is None:
        return other if one is None else one
    return np.where(one[..., 2:] >= other[..., 2:], one, other)


def _places(shape: tuple[int, int]) -> FloatArray:
    """Return x and y of each pixel, (h, w, 2)."""
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return np.stack([columns, rows], axis=-1)


def _sampled(values: NDArray[Any], ways: FloatArray) -> FloatArray:
    """Return values (h, w) or (h, w, n) at x and y (h, w, 2)."""
    columns, rows = (np.ascontiguousarray(ways[..., axis]) for axis in (0, 1))
    sampled: FloatArray = cv2.remap(
        values.astype(np.float32), columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return sampled

"""Keep key frames of a film's shots, about one a second, and find by them which shots show the same place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np

from tinct.color.spaces import FloatArray
from tinct.coloring.film.references import Carried
from tinct.coloring.film.shots import Levels, correlation, difference, smaller, thumbnail

# Seconds between a shot's key frames; doubled each time that a shot has too many.
_SPACING = 1.0
# The most key frames of a shot.
MOST_KEYS = 12
# A frame is dimmed if mean and contrast of its luma fall by about the same factor:
_EVENLY = 0.15  # their factors may differ by this share of their mean
_FAINT = 0.01  # plus this
_DIMMED = 0.92  # and their mean must be below this
# JPEG quality of packed key frames: about 10 kB each, 30 MB for an hour of film.
_QUALITY = 95

# A shot uses the key frames of at most about this many shots of its scene.
_MOST_SHARED = 6
# Shots of the same scene are looked for this many shots back.
_REACH = 40
# Two shots are of one scene if a key frame of each differs by less than this; see `shots.difference`.
_ALIKE = 0.28
# Key frames whose thumbnails correlate less than this are not compared any further.
_LOOKS_ALIKE = 0.6


@dataclass(frozen=True, eq=False)
class Key:
    """A key frame: its pts, and its luma as the network sees it, packed as JPEG.

    `carried` is what it takes from references that show its shot.
    """

    pts: int
    packed: bytes
    colored: bool = False
    carried: Carried | None = None

    @classmethod
    def of(cls, pts: int, levels: Levels, *, colored: bool = False) -> Key:
        """Pack a frame's luma (h, w) uint8, with whether the frame has colours of its own."""
        return cls(pts, cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes(), colored)

    @property
    def levels(self) -> Levels:
        """Luma (h, w) uint8."""
        levels: Levels = np.asarray(cv2.imdecode(np.frombuffer(self.packed, np.uint8), cv2.IMREAD_GRAYSCALE))
        return levels

    @cached_property
    def light(self) -> tuple[float, float]:
        """Mean and standard deviation of luma."""
        levels = self.levels
        return float(levels.mean()), float(levels.std())


@dataclass(eq=False)
class KeyedShot:
    """A shot: the pts of its first frame, its key frames in order, and which shots show the same place.

    `references` are the numbers of the references that its frames are compared with; None for all of them.
    """

    pts: int
    keys: list[Key] = field(default_factory=list)
    alike: list[int] = field(default_factory=list)
    references: tuple[int, ...] | None = None
    spacing: float = _SPACING
    _last: float = 0.0

    def is_due(self, seconds: float) -> bool:
        """Check whether a frame shown at this time would be kept."""
        return not self.keys or seconds >= self._last + self.spacing - 1e-6

    def take(self, pts: int, seconds: float, levels: Levels, *, colored: bool = False) -> None:
        """Keep a frame as a key frame if it is due; drop every other key frame if there are too many."""
        if not self.is_due(seconds):
            return
        self._last = seconds
        self.keys.append(Key.of(pts, levels, colored=colored))
        if len(self.keys) > MOST_KEYS:
            self.keys = self.keys[::2]
            self.spacing *= 2

    @cached_property
    def strongest(self) -> tuple[float, float]:
        """Mean and standard deviation of luma of the key frame with the most contrast."""
        return max((key.light for key in self.keys), key=lambda light: light[1])


def dimming(light: tuple[float, float], shot: KeyedShot) -> float:
    """Return how dim a frame is compared with its shot's strongest key frame, 0..1, where 1 is not dimmed.

    `light` is the mean and the standard deviation of its luma.
    """
    ratios = [own / max(strongest, 1.0) for own, strongest in zip(light, shot.strongest, strict=True)]
    dim = min(1.0, sum(ratios) / 2)
    alike = abs(ratios[0] - ratios[1]) <= _EVENLY * dim + _FAINT
    return dim if alike and dim < _DIMMED else 1.0


def find_scenes(shots: Sequence[KeyedShot]) -> None:
    """Note in each shot which ones show the same place from the same side; all shots of a scene get the same list."""
    scene = list(range(len(shots)))
    thumbnails = [[thumbnail(key.levels) for key in _ends(shot)] for shot in shots]
    for later in range(len(shots)):
        for earlier in range(max(0, later - _REACH), later):
            if scene[earlier] != scene[later] and _same_place(shots, thumbnails, earlier, later):
                first, second = sorted((scene[earlier], scene[later]))
                scene = [first if number == second else number for number in scene]
    for number in set(scene):
        members = [index for index, own in enumerate(scene) if own == number and shots[index].keys]
        step = max(1, -(-len(members) // _MOST_SHARED))
        for index in members:
            shots[index].alike = members[::step] if len(members) > 1 else []


def _same_place(
    shots: Sequence[KeyedShot], thumbnails: Sequence[Sequence[FloatArray]], first: int, second: int
) -> bool:
    return any(
        correlation(one, other) > _LOOKS_ALIKE and difference(smaller(key.levels), smaller(like.levels)) < _ALIKE
        for one, key in zip(thumbnails[first], _ends(shots[first]), strict=True)
        for other, like in zip(thumbnails[second], _ends(shots[second]), strict=True)
    )


def _ends(shot: KeyedShot) -> list[Key]:
    """Return a shot's first and last key frames, which are most like the shots before and after."""
    return shot.keys[:1] + (shot.keys[-1:] if len(shot.keys) > 1 else [])

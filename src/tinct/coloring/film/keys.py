"""Key frames of a film's shots: about one a second, packed as JPEG."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.coloring.film.references import Carried

# Seconds between a shot's key frames; doubled each time that a shot has too many.
SPACING = 1.0
# The most key frames of a shot.
MOST_KEYS = 12
# A frame is dimmed if mean and contrast of its luma fall by about the same factor:
_EVENLY = 0.15  # their factors may differ by this share of their mean
_FAINT = 0.01  # plus this
_DIMMED = 0.92  # and their mean must be below this
# JPEG quality of packed key frames: about 10 kB each, 30 MB for an hour of film.
_QUALITY = 95

Levels = NDArray[np.uint8]


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
    spacing: float = SPACING

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

    _last: float = 0.0


def dimming(light: tuple[float, float], shot: KeyedShot) -> float:
    """Return how dim a frame is compared with its shot's strongest key frame, 0..1, where 1 is not dimmed.

    `light` is the mean and the standard deviation of its luma.
    """
    ratios = [own / max(strongest, 1.0) for own, strongest in zip(light, shot.strongest, strict=True)]
    dim = min(1.0, sum(ratios) / 2)
    alike = abs(ratios[0] - ratios[1]) <= _EVENLY * dim + _FAINT
    return dim if alike and dim < _DIMMED else 1.0

"""Find where a film's shots begin and which frames are blank, from small luma.

Two frames belong to one shot if one can be moved along the flow until it looks like the other. The difference that is
left is measured relative to the picture's own contrast, after evening out exposure. So the flicker and grain of old
films, pans and quick motion count for little, and a cut in a night scene counts as much as any other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.motion import flow, warp
from tinct.color.resize import resized, small_size
from tinct.color.spaces import FloatArray
from tinct.color.statistics import median
from tinct.errors import InputError
from tinct.media.video.read import Frame

Levels = NDArray[np.uint8]

# sqrt(height x width) at which frames are compared: grain and small motion vanish, and flow takes a fraction of a
# millisecond.
_SIZE = (64 * 48) ** 0.5
# A difference of at least this much may be a cut; different pictures differ by 0.4 to 0.9, frames of one shot by 0.15
# at most, unless the picture moves by a tenth of its width a frame.
_CUT = 0.33
# All frames on one side of a cut differ by at least this much from those on the other, also a few frames away.
_APART = 0.25
# Frames compared on either side of a cut, so that a flash of up to two frames is not taken for one.
_AROUND = 3
# At a cut the difference is larger by this factor than those of the frames before, and of those after.
_STANDS_OUT = 2.0
# The differences of this many frames before are remembered for that.
_REMEMBERED = 8
# After this many blank frames a picture begins another shot, whatever came before: the film faded through one colour.
_BLANK_RUN = 3

_BLANK_RANGE = 6  # the cells of a blank frame differ by no more than this (8-bit steps)
_BLANK_CELLS = (12, 16)  # rows and columns of these cells
_SPECKS = 2  # darkest and brightest cells that do not count
_THUMBNAIL = (16, 12)  # width and height of thumbnails


@dataclass
class Shot:
    """What lies between two cuts.

    Attributes:
        frame: number of its first frame.
        seconds: the time at which that is shown.
        colored: whether it has colours of its own, which are kept; None while all its frames are blank.
    """

    frame: int
    seconds: float
    colored: bool | None = None


class CutFinder:
    """Finds the first frames of shots in a film, one frame at a time, two frames late.

    A flash or damage of one or two frames is not a cut, and neither are blank frames; a picture after three or more
    blank ones begins a shot. Dissolves are not found. Two cuts are at least three frames apart.

    Source: the running comparison with neighbours follows the idea of PySceneDetect's adaptive detector; the
    difference itself is tinct's own, see `difference`.
    """

    delay = _AROUND - 1  # an answer comes at most this many frames after its frame

    def __init__(self) -> None:
        self._before: deque[Levels] = deque(maxlen=_AROUND)
        self._waiting: list[Levels | None] = []
        self._scores: deque[float] = deque(maxlen=_REMEMBERED)
        self._blanks = 0
        self._since_cut = _AROUND

    def push(self, luma: Levels) -> list[bool]:
        """Take the next frame: (h, w) uint8, small, without black borders, of one size throughout the film.

        Returns:
            Whether a frame begins another shot, for each frame that can be decided now, oldest first: one for every
            frame pushed, `delay` frames late. The film's first frame does not.
        """
        self._waiting.append(None if is_blank(luma) else resized(luma, small_size(*luma.shape, size=_SIZE)))
        return [self._decide()] if len(self._waiting) == _AROUND else []

    def flush(self) -> list[bool]:
        """End the film; return the answers for the frames that are left."""
        return [self._decide() for _ in range(len(self._waiting))]

    def _decide(self) -> bool:
        frame = self._waiting.pop(0)
        if frame is None:
            self._blanks += 1
            return False
        cut = bool(self._before) and self._is_cut(frame)
        if cut:
            self._before.clear()
            self._scores.clear()
        self._since_cut = 0 if cut else self._since_cut + 1
        self._before.append(frame)
        self._blanks = 0
        return cut

    def _is_cut(self, frame: Levels) -> bool:
        if self._blanks >= _BLANK_RUN:
            return True
        score = difference(frame, self._before[-1])
        usual = float(median(np.array(self._scores))) if self._scores else 0.0
        self._scores.append(score)
        if score < max(_CUT, _STANDS_OUT * usual) or self._since_cut < _AROUND - 1:
            return False
        after = [later for later in self._waiting if later is not None]
        steps = [difference(*pair) for pair in zip(after, [frame, *after], strict=False)]
        if len(after) > 1:
            steps.append(difference(after[-1], frame))  # small if only the frame between flashes
        if steps and score < _STANDS_OUT * min(steps):
            return False
        pairs = ((later, earlier) for later in [frame, *after] for earlier in self._before)
        return all(difference(*pair) >= _APART for pair in pairs)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the state as arrays; a finder that restores it continues as this one would."""
        held = [frame for frame in (*self._before, *self._waiting) if frame is not None]
        return {
            "frames": np.stack(held) if held else np.zeros((0, 1, 1), dtype=np.uint8),
            "before": np.array(len(self._before)),
            "blank": np.array([frame is None for frame in self._waiting], dtype=bool),
            "scores": np.array(self._scores, dtype=np.float64),
            "blanks": np.array(self._blanks),
            "since_cut": np.array(self._since_cut),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from another finder's state; InputError if it is not a cut finder's."""
        try:
            frames, before = iter(state["frames"]), int(state["before"])
            self._before = deque((next(frames) for _ in range(before)), maxlen=_AROUND)
            self._waiting = [None if blank else next(frames) for blank in state["blank"]]
            self._scores = deque((float(score) for score in state["scores"]), maxlen=_REMEMBERED)
            self._blanks, self._since_cut = int(state["blanks"]), int(state["since_cut"])
        except (KeyError, StopIteration, RuntimeError) as error:
            raise InputError("the saved state is not that of a cut finder; start the film anew") from error


def looked_at(
    frames: Generator[Frame, None, None], look: Callable[[Frame], Levels]
) -> Generator[tuple[Frame, Levels, bool], None, None]:
    """Yield frames with their luma (h, w) uint8 as `look` returns it, and whether each begins another shot."""
    finder = CutFinder()
    waiting: deque[tuple[Frame, Levels]] = deque()
    with closing(frames):
        for frame in frames:
            waiting.append((frame, look(frame)))
            for cut in finder.push(waiting[-1][1]):
                yield (*waiting.popleft(), cut)
        for cut in finder.flush():
            yield (*waiting.popleft(), cut)


def difference(current: Levels, previous: Levels) -> float:
    """Compute how unlike two frames (h, w) uint8 are, apart from motion and exposure.

    It is about 0 within a shot, and 0.4 to 0.9 otherwise: the mean of two measures, both after moving `previous` along
    the flow. One is 1 - Pearson's correlation, which judges the whole picture, the other the share of pixels that do
    not look alike, which local damage hardly raises.
    """
    now, then = _even(current), _even(previous)
    moved = warp(then, flow(*(np.clip(128 + 40 * even, 0, 255).astype(np.uint8) for even in (now, then))))
    now -= now.mean()
    moved -= moved.mean()
    product, spread, spread_now = (
        float((first * second).mean()) for first, second in ((now, moved), (moved, moved), (now, now))
    )
    correlation = product / max(1e-6, (spread * spread_now) ** 0.5)
    left = now - np.float32(np.clip((product + 0.01) / (spread + 0.01), 0.3, 3)) * moved
    error = cv2.blur(left * left, (5, 5))
    grain = min(float(median(error)), 0.3**2)
    contrast = np.maximum(cv2.blur(now * now, (5, 5)) - cv2.blur(now, (5, 5)) ** 2, 0)
    alike = np.exp(-np.maximum(error - np.float32(grain), 0) / (contrast + np.float32(0.15**2)))
    return float(1 - (alike.mean() + correlation) / 2)


def thumbnail(levels: Levels) -> FloatArray:
    """Return a frame (h, w) uint8 as a few pixels with even exposure and contrast, for `correlation`."""
    small = cv2.resize(levels, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small.mean()
    even: FloatArray = small / (small.std() + np.float32(3))
    return even


def correlation(one: FloatArray, other: FloatArray) -> float:
    """Compute how alike two thumbnails are: about 1 if they are equal, 0 if they have nothing in common."""
    return float((one * other).mean())


def smaller(levels: Levels) -> Levels:
    """Return a frame (h, w) uint8 at the size at which `difference` compares frames that are far apart."""
    factor = min(1.0, 64 / max(levels.shape))
    return resized(levels, (max(1, round(len(levels) * factor)), max(1, round(levels.shape[1] * factor))))


def is_blank(luma: Levels) -> bool:
    """Check whether a frame (h, w) uint8 shows nothing: black, white or even grey, except grain and a few specks."""
    cells = np.sort(resized(luma, (min(_BLANK_CELLS[0], len(luma)), min(_BLANK_CELLS[1], luma.shape[1]))), axis=None)
    specks = min(_SPECKS, (cells.size - 1) // 2)
    return int(cells[-1 - specks]) - int(cells[specks]) <= _BLANK_RANGE


def _even(levels: Levels) -> FloatArray:
    """Return a picture with even exposure and contrast: mean 0, standard deviation about 1."""
    values = levels.astype(np.float32)
    values -= values.mean()
    values /= values.std() + np.float32(3)
    return values

"""Find where a film's shots begin and which frames are blank, from small luma.

Two frames belong to one shot when one can be moved along the flow until it looks like the other. What is left over
then is measured against the picture's own contrast, after evening out exposure, so that old films' flicker and grain,
pans and quick motion count for little, and a night scene's cut for as much as any.
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
from tinct.color.resize import resized
from tinct.color.spaces import FloatArray
from tinct.errors import InputError
from tinct.media.video.read import Frame

Levels = NDArray[np.uint8]

# Pixels that frames are compared at: grain and small motion vanish, flow takes a fraction of a millisecond.
_AREA = 64 * 48
# Frames that differ at least this much may be a cut; different pictures differ by 0.4 to 0.9, frames of one shot by
# 0.15 at most unless it moves by a tenth of its width a frame.
_CUT = 0.33
# Frames on either side of a cut differ at least this much, a few frames apart too.
_APART = 0.25
# Frames looked at on either side of a cut, so that a flash of up to two frames is none.
_AROUND = 3
# A cut stands out from the differences of the frames before, and of those after, by this factor.
_STANDS_OUT = 2.0
_REMEMBERED = 8
# Blank frames after which a picture begins another shot, whatever was before: it went through black or white.
_BLANK_RUN = 3

# A blank frame's cells, a few specks aside, differ by no more than this (8-bit steps).
_BLANK_RANGE = 6
_BLANK_CELLS = (12, 16)
_SPECKS = 2
# Width and height of thumbnails.
_THUMBNAIL = (16, 12)


@dataclass
class Shot:
    """What lies between two cuts.

    Attributes:
        frame: number of its first frame.
        seconds: when that is shown.
        colored: whether it has colours of its own, which are kept; None while all its frames are blank.
    """

    frame: int
    seconds: float
    colored: bool | None = None


class CutFinder:
    """Finds the first frames of shots in a film, one frame at a time, two frames late.

    A flash, or damage, of one or two frames is no cut, nor are blank frames; a picture after three or more blank ones
    begins a shot. Dissolves are not found. Two cuts are at least three frames apart.

    Source: the running comparison with neighbours follows the idea of PySceneDetect's adaptive detector; the
    difference itself is tinct's own, see `difference`.
    """

    delay = _AROUND - 1  # the most frames by which an answer comes later than its frame

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
        self._waiting.append(None if is_blank(luma) else _shrunk(luma))
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
        usual = float(np.median(self._scores)) if self._scores else 0.0
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
        """Return the state as arrays; a finder that restores it goes on as this one would."""
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
        """Go on where another finder was; InputError where the state is no cut finder's."""
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
    """Yield frames with their luma (h, w) uint8 as `look` gives it, and whether each begins another shot."""
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
    """Compute how unlike two frames (h, w) uint8 are, motion and exposure aside: about 0 in a shot, 0.4 to 0.9 else.

    The mean of two measures, both after moving `previous` along the flow: 1 - Pearson's correlation, which sees the
    whole, and the share of places that do not look alike, which damage in a few of them does not raise.
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
    grain = min(float(np.median(error)), 0.3**2)
    contrast = np.maximum(cv2.blur(now * now, (5, 5)) - cv2.blur(now, (5, 5)) ** 2, 0)
    alike = np.exp(-np.maximum(error - np.float32(grain), 0) / (contrast + np.float32(0.15**2)))
    return float(1 - (alike.mean() + correlation) / 2)


def thumbnail(levels: Levels) -> FloatArray:
    """Return a frame (h, w) uint8 as a few pixels of even exposure and contrast, whose product is a `correlation`."""
    small = cv2.resize(levels, _THUMBNAIL, interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small.mean()
    even: FloatArray = small / (small.std() + np.float32(3))
    return even


def correlation(one: FloatArray, other: FloatArray) -> float:
    """Compute how alike two thumbnails are: 1 where they are the same, 0 where nothing is."""
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


def _shrunk(luma: Levels) -> Levels:
    height, width = luma.shape
    factor = (_AREA / (height * width)) ** 0.5
    if factor >= 1:
        return luma.copy()
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    return resized(luma, size)


def _even(levels: Levels) -> FloatArray:
    """Return a picture with even exposure and contrast: mean 0, standard deviation about 1."""
    values = levels.astype(np.float32)
    values -= values.mean()
    values /= values.std() + np.float32(3)
    return values

"""Find where a film's shots begin, which frames are blank, and where its black borders are: all from small luma.

Two frames belong to one shot when one can be moved along the flow until it looks like the other. What is left over
then is measured against the picture's own contrast, after evening out exposure, so that old films' flicker and grain,
pans and quick motion count for little, and a night scene's cut for as much as any.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.motion import flow, warp
from tinct.color.resize import resized
from tinct.color.spaces import FloatArray
from tinct.errors import InputError

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

# Borders are no brighter than this, and even within the second (8-bit steps); the picture beside them is brighter by
# the third, somewhere in the film, along the fourth of their length.
_BLACK, _EVEN, _BRIGHTER, _ALONG = 40, 8, 24, 0.6
# Less than this of the height or width is never left.
_LEAST_LEFT = 0.3


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


def is_blank(luma: Levels) -> bool:
    """Check whether a frame (h, w) uint8 shows nothing: black, white or even grey, except grain and a few specks."""
    cells = np.sort(resized(luma, (min(_BLANK_CELLS[0], len(luma)), min(_BLANK_CELLS[1], luma.shape[1]))), axis=None)
    specks = min(_SPECKS, (cells.size - 1) // 2)
    return int(cells[-1 - specks]) - int(cells[specks]) <= _BLANK_RANGE


def active_area(lumas: Iterable[Levels]) -> tuple[int, int, int, int]:
    """Find the picture between black borders, above and below (letterbox) or at the sides (pillarbox).

    A border must be black in all frames, hairs and specks aside, and end in a straight line beside which the picture
    gets clearly brighter in some frames, so a dark film is not cropped. What is not sure is picture.

    Args:
        lumas: (h, w) uint8, some dozens of frames from all over the film; only one is held at once.

    Returns:
        Top, bottom, left and right, for `luma[top:bottom, left:right]`: even, or the frame's own edges.

    Raises:
        InputError: there are no frames, or they are of several sizes.
    """
    brightest: Levels | None = None
    rows, columns = np.zeros(0), np.zeros(0)
    for luma in lumas:
        brightest = luma if brightest is None else brightest
        if luma.shape != brightest.shape:
            raise InputError(f"a film's frames must be of one size, not {luma.shape} and {brightest.shape}")
        brightest = np.maximum(brightest, luma)
        across, down = (np.quantile(luma, 0.98, axis=axis) for axis in (1, 0))
        rows = np.maximum(rows, across) if rows.size else across
        columns = np.maximum(columns, down) if columns.size else down
    if brightest is None:
        raise InputError("finding black borders needs at least one frame")
    (top, bottom), (left, right) = _lit(rows), _lit(columns)
    inner_rows = _confirmed(top, bottom, brightest[:, left:right])
    return *inner_rows, *_confirmed(left, right, brightest[top:bottom].T)


def _lit(lines: NDArray[np.float64]) -> tuple[int, int]:
    """Return the first row that is not black, and the one after the last, from each row's level (h,)."""
    bright = np.flatnonzero(lines > lines.min() + _EVEN)
    if lines.min() > _BLACK or not len(bright) or np.ptp(bright) + 1 < _LEAST_LEFT * len(lines):
        return 0, len(lines)
    return int(bright[0]), int(bright[-1]) + 1


def _confirmed(start: int, end: int, brightest: Levels) -> tuple[int, int]:
    """Return where the picture begins and ends among the rows of (h, w), black borders left out where they are sure."""
    count = len(brightest)
    edge = max(3, count // 40)  # a border's last rows are mixed with the picture's first

    def sure(border: Levels, beside: Levels) -> bool:
        if not border.size:
            return False
        brighter = beside.max(axis=0) >= float(np.quantile(border, 0.98)) + _BRIGHTER
        return bool(np.mean(brighter) >= _ALONG)

    start = start if sure(brightest[:start], brightest[start : start + edge]) else 0
    end = end if sure(brightest[end:], brightest[max(0, end - edge) : end]) else count
    return start - start % 2, min(count, end + end % 2)


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

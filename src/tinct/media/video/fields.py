"""Find out whether a film is interlaced, or film spread over fields (3:2 pulldown), by looking at its frames.

FFmpeg's `idet` compares lines with those beside them in the frames before and after. Two things mislead it, and are
detected here: frames whose lines are doubled, and fine lines of a picture that gets brighter or darker.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tinct.media.video.film import Fields
from tinct.media.video.planes import PlanesFilter

_LEAST_FRAMES = 8  # frames outweigh what the file says if at least this many of them show which kind they are,
_LEAST_SHARE = 0.4  # at least this share of all that are looked at,
_MOST_AGAINST = 0.1  # and at most this share of their number show the contrary
# A frame's lines are doubled if the lines of a pair differ by less than this share of the difference between pairs.
_PAIRED = 0.15
# Up to this share, they must also differ by less than this share of the difference from the next frame's lines: in
# interlaced films that move up or down, neighbouring lines are alike too, but those of the next field just as much.
_PERHAPS_PAIRED = 0.4
# If pairs differ by less than this many 8-bit steps, a frame does not tell whether its lines are doubled.
_LEAST_STEPS = 0.5
# Doubled lines count only if at least this share of the frames has them; a stretch is combed if more than this share of
# its frames is.
_MOSTLY = 0.8
# Combs of two moments move, but lines of the picture stay. Pixels count that change by more than this many 8-bit steps.
_CHANGED = 2
_LEAST_PIXELS = 20  # fewer changed pixels than this do not tell which of the two it is
_SAME_COMBS = 0.97  # from this correlation between two frames on, what differs from line to line has stayed
_COLUMNS = 480  # at most this many columns of a frame are looked at for both
# A field repeats if it is this many times nearer to the frame before than the other field; coding makes both differ.
_REPEAT_THRESHOLD = 2
# A stretch of frames is in 3:2 pulldown if a field repeats in at least this share of the frames where one must
_REPEATED = 0.6
# and in at most this share of the other frames.
_MOST_OTHERS = 0.25
_CYCLE = 5  # a cycle of 3:2 pulldown, in frames; two of them repeat a field each, one two frames after the other
_LEAST_STRETCHES = 2  # a film is interlaced in parts if at least this many stretches are, all with the same lines first
_PULLDOWN_RATE = 30  # the rate of video that film is spread over, within one per cent


@dataclass
class Votes:
    """What frames looked like.

    Attributes:
        frames: number of frames.
        top: number that are interlaced, with the even lines first.
        bottom: number that are interlaced, with the odd lines first.
        progressive: number that hold one moment. The remaining frames, such as still pictures, do not tell.
        drawn: number with enough detail to tell whether their lines are doubled.
        doubled: number of those whose lines are doubled.
        telecined: number of stretches in 3:2 pulldown.
        combed: number of stretches that are interlaced, and not in 3:2 pulldown.
    """

    frames: int = 0
    top: int = 0
    bottom: int = 0
    progressive: int = 0
    drawn: int = 0
    doubled: int = 0
    telecined: int = 0
    combed: int = 0

    def count(self, lumas: Iterable[NDArray[Any]]) -> None:
        """Examine a stretch of consecutive frames: (H, W) luma, uint8 or uint16."""
        graph: PlanesFilter | None = None
        shown: list[VideoFrame] = []
        fooled: list[bool] = []
        before: NDArray[np.float32] | None = None
        for luma in lumas:
            graph = graph or PlanesFilter.of_plane("idet", f"rep_thres={_REPEAT_THRESHOLD}", luma)
            shown += graph.feed((luma,))
            thin = _thin(luma)
            fooled.append(before is not None and _combs_stay(before, thin))
            if before is not None:
                self._count_doubled(before, thin)
            before = thin
        shown += graph.feed(None) if graph is not None else []
        self.frames += len(fooled)
        kinds = [frame.metadata.get("lavfi.idet.single.current_frame") for frame in shown]
        kinds = [None if wrong else kind for kind, wrong in zip(kinds, fooled, strict=True)]
        top, bottom = kinds.count("tff"), kinds.count("bff")
        self.top, self.bottom = self.top + top, self.bottom + bottom
        self.progressive += kinds.count("progressive")
        if _repeats([frame.metadata.get("lavfi.idet.repeated.current_frame") for frame in shown]):
            self.telecined += 1
        elif max(top, bottom) > _MOSTLY * len(kinds):
            self.combed += 1

    def decide(self, *, flagged: bool, top_first: bool, rate: Fraction) -> Fields:
        """Decide whether a film is interlaced.

        Args:
            flagged: whether the file says that it is; this is believed unless frames clearly show the contrary.
            top_first: which lines it says come first; this, too, is believed unless frames clearly show the contrary.
            rate: frames a second.
        """
        if self.drawn >= _LEAST_FRAMES and self.doubled >= _MOSTLY * self.drawn:
            return Fields()
        if abs(rate / _PULLDOWN_RATE - 1) < 0.01 and self.telecined > self.combed:
            return Fields(interlaced=True, top_first=self.top >= self.bottom, way="film")
        fields = max(self.top, self.bottom)
        if self._clear(fields, self.progressive + min(self.top, self.bottom)):
            return Fields(interlaced=True, top_first=self.top >= self.bottom, flagged=flagged)
        if flagged and not self._clear(self.progressive, self.top + self.bottom):
            return Fields(interlaced=True, top_first=top_first, flagged=True)
        some = self.combed >= _LEAST_STRETCHES and fields >= _LEAST_FRAMES
        if some and min(self.top, self.bottom) <= _MOST_AGAINST * fields:
            return Fields(interlaced=True, top_first=self.top >= self.bottom, mixed=True)
        return Fields()

    def _clear(self, votes: int, against: int) -> bool:
        return votes >= max(_LEAST_FRAMES, _LEAST_SHARE * self.frames) and against <= _MOST_AGAINST * votes

    def _count_doubled(self, now: NDArray[np.float32], after: NDArray[np.float32]) -> None:
        rows = len(now) // 2 * 2

        def apart(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
            return float(np.abs(first - second).mean())

        within, between = apart(now[:rows:2], now[1:rows:2]), apart(now[1 : rows - 1 : 2], now[2:rows:2])
        less, more = sorted((within, between))
        if more < _LEAST_STEPS:
            return
        self.drawn += 1
        if less == within:  # the next field's lines are below, or above where the odd lines are first
            following = apart(now[1 : rows - 1 : 2], after[2:rows:2]), apart(now[2:rows:2], after[1 : rows - 1 : 2])
        else:
            following = apart(now[1:rows:2], after[:rows:2]), apart(now[:rows:2], after[1:rows:2])
        sure = less < _PAIRED * more
        self.doubled += sure or less < _PERHAPS_PAIRED * min(more, *following)


def _thin(luma: NDArray[Any]) -> NDArray[np.float32]:
    """Return some of a frame's columns in 8-bit steps."""
    step = -(-luma.shape[1] // _COLUMNS)
    scale = np.float32(1 if luma.dtype == np.uint8 else 255 / max(255, int(luma.max())))
    return luma[:, ::step].astype(np.float32) * scale


def _combs_stay(before: NDArray[np.float32], now: NDArray[np.float32]) -> bool:
    """Check whether the differences from line to line stay the same where two frames differ."""
    changed = np.abs(now[1:-1] - before[1:-1]) > _CHANGED
    if np.count_nonzero(changed) < _LEAST_PIXELS:
        return False
    first, second = (rows[1:-1] - (rows[:-2] + rows[2:]) / 2 for rows in (before, now))
    first *= changed  # several times as fast as taking these alone out
    size = float(np.sqrt(np.vdot(first, first) * np.vdot(second * changed, second)))
    return size > 0 and float(np.vdot(first, second)) >= _SAME_COMBS * size


def _repeats(fields: list[str | None]) -> bool:
    """Check whether the fields that repeat in a stretch are those of 3:2 pulldown."""
    places = range(1, len(fields))  # the first frame has none before it

    def hits(kind: str, phase: int) -> tuple[int, int]:
        return sum(fields[n] == kind for n in places if n % _CYCLE == phase), sum(n % _CYCLE == phase for n in places)

    repeated = sum(fields[n] in ("top", "bottom") for n in places)
    for phase in range(_CYCLE):
        for apart in (2, 3):
            top, bottom = hits("top", phase), hits("bottom", (phase + apart) % _CYCLE)
            met, wanted = top[0] + bottom[0], top[1] + bottom[1]
            others = repeated - met
            if top[0] and bottom[0] and met >= _REPEATED * wanted and others <= _MOST_OTHERS * (len(places) - wanted):
                return True
    return False


class FrameFinder:
    """Tells whether each frame holds one moment, by the frames before and after it, when the next one is in."""

    def __init__(self) -> None:
        self._graph: PlanesFilter | None = None

    def feed(self, luma: NDArray[Any] | None) -> list[bool]:
        """Put in a frame's luma, or None after the last; return the answers that are ready."""
        if luma is not None and self._graph is None:
            self._graph = PlanesFilter.of_plane("idet", "", luma)
        shown = [] if self._graph is None else self._graph.feed(None if luma is None else (luma,))
        return [frame.metadata.get("lavfi.idet.single.current_frame") == "progressive" for frame in shown]

"""Interlaced films: found by looking at frames (FFmpeg's `idet`), made progressive (`bwdif`), plane by plane.

An interlaced frame holds two moments, one in its even and one in its odd lines. Chroma made for such a frame would
smear the colours of one over the other, and a network sees combs where edges are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tinct.media.video.film import Fields
from tinct.media.video.planes import frame_of

# At least this many frames, and this share of all that are looked at, must show which kind they are before that
# outweighs the file.
_LEAST_FRAMES = 8
_LEAST_SHARE = 0.4
# At most this many may show the contrary, as a share of those that show the one.
_MOST_AGAINST = 0.1


@dataclass
class Votes:
    """What frames looked like.

    Attributes:
        frames: number of frames.
        top: number that are interlaced, with the even lines first.
        bottom: number that are interlaced, with the odd lines first.
        progressive: number that hold one moment. The others show neither, as still pictures do.
    """

    frames: int = 0
    top: int = 0
    bottom: int = 0
    progressive: int = 0

    def count(self, lumas: Iterable[NDArray[Any]]) -> None:
        """Look at frames that follow each other: (H, W) luma, uint8 or uint16."""
        graph: _PlaneFilter | None = None
        shown: list[VideoFrame] = []
        for luma in lumas:
            graph = graph or _PlaneFilter("idet", "", luma)
            shown += graph.feed(luma)
            self.frames += 1
        shown += graph.feed(None) if graph is not None else []
        if not shown:
            return
        last = shown[-1].metadata  # which counts all so far

        def seen(kind: str) -> int:
            return round(float(last.get(f"lavfi.idet.single.{kind}", 0)))

        self.top += seen("tff")
        self.bottom += seen("bff")
        self.progressive += seen("progressive")

    def decide(self, *, flagged: bool, top_first: bool) -> Fields:
        """Decide whether a film is interlaced.

        Args:
            flagged: whether the file says that it is; believed unless frames clearly show the contrary.
            top_first: which lines it says come first; believed unless frames clearly show the contrary.
        """
        combed = max(self.top, self.bottom)
        if self._clear(combed, self.progressive + min(self.top, self.bottom)):
            return Fields(interlaced=True, top_first=self.top >= self.bottom, flagged=flagged)
        if flagged and not self._clear(self.progressive, self.top + self.bottom):
            return Fields(interlaced=True, top_first=top_first, flagged=True)
        return Fields()

    def _clear(self, votes: int, against: int) -> bool:
        return votes >= max(_LEAST_FRAMES, _LEAST_SHARE * self.frames) and against <= _MOST_AGAINST * votes


class Deinterlacer:
    """Makes progressive frames of interlaced ones, as many and at the same times; each is the frame's earlier moment.

    A frame comes out when the next has gone in, since both are looked at.
    """

    def __init__(self, *, top_first: bool, depth: int) -> None:
        """Begin a film; `top_first` if the even lines are the earlier moment, `depth` bits of the codes."""
        self._arguments = f"mode=send_frame:parity={'tff' if top_first else 'bff'}:deint=all"
        self._most = (1 << depth) - 1
        self._filters: list[_PlaneFilter] = []

    def feed(self, planes: tuple[NDArray[Any], ...] | None) -> list[tuple[NDArray[Any], ...]]:
        """Put in a frame's planes, or None after the last; return those that are ready."""
        if planes is not None and not self._filters:
            self._filters = [_PlaneFilter("bwdif", self._arguments, plane) for plane in planes]
        ready = [
            [self._codes(frame) for frame in graph.feed(None if planes is None else planes[number])]
            for number, graph in enumerate(self._filters)
        ]
        return list(zip(*ready, strict=True))

    def _codes(self, frame: VideoFrame) -> NDArray[Any]:
        # Codes of 10 bits travel in planes of 16, which leave room to overshoot.
        codes = frame.to_ndarray()
        return np.minimum(codes, self._most).astype(codes.dtype)


class _PlaneFilter:
    """One of FFmpeg's filters, fed with planes as if they were grey pictures."""

    def __init__(self, name: str, arguments: str, plane: NDArray[Any]) -> None:
        self._form = "gray" if plane.dtype == np.uint8 else "gray16le"
        self._size = (plane.shape[1], plane.shape[0])
        self._graph = Graph()
        self._graph.threads = 1
        source = self._graph.add_buffer(
            width=self._size[0],
            height=self._size[1],
            format=av.VideoFormat(self._form),
            time_base=Fraction(1, 25),
        )
        self._graph.link_nodes(source, self._graph.add(name, arguments), self._graph.add("buffersink")).configure()
        self._fed = 0

    def feed(self, plane: NDArray[Any] | None) -> list[VideoFrame]:
        """Put in a plane, or None after the last; return what is ready."""
        if plane is None:
            self._graph.vpush(None)
        else:
            frame = frame_of((plane,), self._form, self._size)
            frame.pts = self._fed
            frame.time_base = Fraction(1, 25)
            self._fed += 1
            self._graph.vpush(frame)
        ready = []
        while True:
            try:
                ready.append(self._graph.vpull())
            except (av.error.BlockingIOError, av.error.EOFError):
                return ready

"""FFmpeg's filters, fed with planes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tinct.media.video.planes import frame_of


class PlanesFilter:
    """A chain of FFmpeg's filters for frames of one form and size."""

    def __init__(self, steps: tuple[tuple[str, str], ...], form: str, size: tuple[int, int]) -> None:
        """Set up filters.

        Args:
            steps: their names and arguments, in order.
            form: FFmpeg's name of a planar format that all of them take as it is.
            size: width and height.
        """
        self._form, self._size = form, size
        self._graph = Graph()
        self._graph.threads = 1
        # Some filters need a constant rate; any will do.
        source = f"video_size={size[0]}x{size[1]}:pix_fmt={form}:time_base=1/25:frame_rate=25"
        names = [("buffer", source), *steps, ("buffersink", "")]
        self._graph.link_nodes(*[self._graph.add(name, arguments) for name, arguments in names]).configure()
        self._fed = 0

    @classmethod
    def of_plane(cls, name: str, arguments: str, plane: NDArray[Any]) -> PlanesFilter:
        """Return one filter for planes like this one, as if they were grey pictures."""
        form = "gray" if plane.dtype == np.uint8 else "gray16le"
        return cls(((name, arguments),), form, (plane.shape[1], plane.shape[0]))

    def feed(self, planes: tuple[NDArray[Any], ...] | None) -> list[VideoFrame]:
        """Put in a frame's planes, or None after the last; return what is ready."""
        if planes is None:
            self._graph.vpush(None)
        else:
            frame = frame_of(planes, self._form, self._size)
            frame.pts, frame.time_base = self._fed, Fraction(1, 25)
            self._fed += 1
            self._graph.vpush(frame)
        ready = []
        while True:
            try:
                ready.append(self._graph.vpull())
            except (av.error.BlockingIOError, av.error.EOFError):
                return ready

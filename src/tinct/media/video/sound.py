"""Prepare sound for encoding: in the nearest form that an encoder takes, and stretched in time if needed."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from itertools import product
from typing import cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.filter import Graph

_COMMON_RATE = 48_000  # the sample rate for encoders that do not take the source's
# The arrangements of this many channels for encoders that do not take the source's; `stereo` for other numbers.
_COMMON_LAYOUTS = {1: "mono", 6: "5.1", 8: "7.1"}
_SLOWEST = Fraction(1, 2)  # the lowest tempo that one `atempo` filter takes


class Stretcher:
    """Makes sound longer or shorter, by FFmpeg's `atempo`, which keeps its pitch.

    It begins at the first frame's time, and the rest follows without gaps.
    """

    def __init__(self, stretch: Fraction) -> None:
        """Begin a track that is made longer by the factor `stretch`."""
        tempo = 1 / stretch
        self._tempos = []
        while tempo < _SLOWEST:
            self._tempos.append(_SLOWEST)
            tempo /= _SLOWEST
        self._tempos.append(tempo)
        self._graph: Graph | None = None
        self._rate = 0
        self._next = 0

    def feed(self, frame: AudioFrame | None) -> list[AudioFrame]:
        """Put in a frame whose time is stretched already, or None after the last; return what is ready."""
        if frame is not None and self._graph is None:
            self._begin(frame)
        if self._graph is None:
            return []
        if frame is not None:
            frame.pts = None  # the filter counts samples
        self._graph.push(frame)
        ready: list[AudioFrame] = []
        while True:
            try:
                made = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return ready
            assert isinstance(made, AudioFrame)
            made.pts, made.time_base = self._next, Fraction(1, self._rate)
            self._next += made.samples
            ready.append(made)

    def _begin(self, frame: AudioFrame) -> None:
        self._rate = frame.sample_rate
        self._next = round((frame.pts or 0) * (frame.time_base or Fraction(1, self._rate)) * self._rate)
        self._graph = Graph()
        self._graph.threads = 1
        source = self._graph.add_abuffer(
            format=frame.format.name,
            sample_rate=frame.sample_rate,
            layout=frame.layout.name,
            time_base=Fraction(1, self._rate),
        )
        filters = [self._graph.add("atempo", f"{float(tempo):.9f}") for tempo in self._tempos]
        self._graph.link_nodes(source, *filters, self._graph.add("abuffersink")).configure()


def nearest(encoder: str, source: AudioStream) -> tuple[int, str]:
    """Return the rate and the channels nearest to a source's that an encoder takes, by trying."""
    common = _COMMON_LAYOUTS.get(source.channels, "stereo")
    for rate, layout in product((source.rate, _COMMON_RATE), (source.layout.name, common, "stereo")):
        context = cast(AudioCodecContext, CodecContext.create(encoder, "w"))
        context.sample_rate, context.layout = rate, layout
        if not context.codec.audio_formats:
            break
        context.format = context.codec.audio_formats[0]
        with suppress(av.FFmpegError, ValueError):
            context.open()
            return rate, layout
    return _COMMON_RATE, "stereo"

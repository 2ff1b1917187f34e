"""Decode a film's file: its frames at the times that the film gives them, continuing after damaged parts."""

from __future__ import annotations

import heapq
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import cast

import av
from av.codec.context import ThreadType
from av.container import Flags
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tinct.errors import UnreadableError
from tinct.media.video.film import Film
from tinct.media.video.problems import BROKEN, CUT_OFF, LOST, MISSING, UNKEYED, Problems
from tinct.media.video.sequence import decode_image
from tinct.media.video.source import opened
from tinct.media.video.timeline import packets_on_line

_EARLY_SECONDS = Fraction(1, 2)  # a film is cut off if it ends earlier than it says by more than this many seconds
_EARLY_FRAMES = 3  # and by more than this many frames
# A longer gap between frames (in seconds) may be a picture that was held, so no frames count as missing.
_MOST_LOST = 10


@dataclass(frozen=True, eq=False)
class Decoded:
    """A frame as it came from the decoder; see `read.Frame` for its times."""

    frame: VideoFrame
    pts: int
    duration: int | None


def decode(film: Film, *, place: int | None, since: int | None, problems: Problems) -> Generator[Decoded, None, None]:
    """Decode a film.

    Args:
        place: pts before which to begin, at a key frame; the film's beginning without it. If a file cannot be read
            from there on, nothing is yielded.
        since: note only what goes wrong from this pts on.
        problems: where to note it.

    Raises:
        UnreadableError: the file is gone, or another film has taken its place.
    """
    if film.images:
        return _decode_images(film, place or 0, problems)
    return _decode_file(film, place, _Times(film, since, problems))


def _decode_images(film: Film, first: int, problems: Problems) -> Generator[Decoded, None, None]:
    units = film.units
    for number in range(max(0, first // units), len(film.images)):
        try:
            yield Decoded(decode_image(film.images[number]), number * units, units)
        except UnreadableError:
            problems.add(LOST, film, number * units)


def _decode_file(film: Film, place: int | None, times: _Times) -> Generator[Decoded, None, None]:
    with opened(film.path) as container:
        stream = container.streams[film.stream] if film.stream < len(container.streams) else None
        if not isinstance(stream, VideoStream):
            raise UnreadableError(f"{film.path}: is another film than before; open it again")
        # In files without times it must be known which packet failed; decoding several frames at once would hide that.
        stream.thread_type = ThreadType.SLICE if film.counted else ThreadType.AUTO
        if film.counted:
            container.flags &= ~cast(int, Flags.gen_pts.value)
        if place is not None:
            try:
                container.seek(place // film.units, stream=stream)
            except av.FFmpegError:
                return
        for packet in chain(packets_on_line(film, container, stream), [None]):
            if packet is not None:
                times.given(packet)
            try:
                frames = stream.decode(packet)
            except av.error.MemoryError:
                raise
            except av.FFmpegError:
                times.failed(packet)
                continue
            if packet is None and len(frames) < times.waiting and not film.counted and film.divisible:
                frames = list(_last_frames(film, times))
            for frame in frames:
                yield times.came(frame)
        times.ended()


def _last_frames(film: Film, times: _Times) -> Iterator[VideoFrame]:
    """Decode again what follows the last frame that came, one frame at a time.

    If a file is damaged at its end, a decoder that works on several frames at once loses those before the damage too.
    """
    with opened(film.path) as container:
        stream = cast(VideoStream, container.streams[film.stream])
        stream.thread_type = ThreadType.SLICE
        last = times.last
        with suppress(av.FFmpegError):
            container.seek(last // film.units, stream=stream)
        for packet in chain(packets_on_line(film, container, stream), [None]):
            try:
                frames = stream.decode(packet)
            except av.error.MemoryError:
                raise
            except av.FFmpegError:
                if packet is not None and packet.pts is not None and packet.pts * film.units > last:
                    times.failed(packet)
                continue
            yield from (frame for frame in frames if frame.pts is not None and frame.pts * film.units > last)


class _Times:
    """Computes the times of frames, and finds out which were lost.

    A frame has the time of its packet. In files without times (AVI, bare streams) the n-th frame shown has the n-th
    smallest time at which a packet is decoded.
    """

    def __init__(self, film: Film, since: int | None, problems: Problems) -> None:
        self._film = film
        self._since = since
        self._problems = problems
        self._waiting: list[int] = []  # a heap of the times of packets whose frames have not come
        self._failures = 0
        self._next = film.start_pts
        self._last: int | None = None
        self._stored = round(film.frame_ticks * film.fields.gain)

    @property
    def last(self) -> int:
        return self._film.start_pts if self._last is None else self._last

    @property
    def waiting(self) -> int:
        """Return how many packets have not given a frame yet; 0 before the first frame."""
        return 0 if self._last is None else len(self._waiting)

    def given(self, packet: Packet[Stream]) -> None:
        time = packet.dts if self._film.counted else packet.pts
        if time is not None and not packet.is_discard:
            heapq.heappush(self._waiting, time * self._film.units)

    def failed(self, packet: Packet[Stream] | None) -> None:
        """Note that the decoder refused a packet, or one of those before it."""
        self._failures += 1
        time = packet.dts * self._film.units if packet is not None and packet.dts is not None else None
        if self._film.counted and time in self._waiting:
            self._waiting.remove(time)
            heapq.heapify(self._waiting)
            self._lost([time])

    def came(self, frame: VideoFrame) -> Decoded:
        units = self._film.units
        pts = None if frame.pts is None else frame.pts * units
        if self._film.counted:
            pts = heapq.heappop(self._waiting) if self._waiting else self._next
        elif pts is None:
            pts = self._next
        lost = []
        while self._waiting and self._waiting[0] <= pts:
            time = heapq.heappop(self._waiting)
            if time < pts:
                lost.append(time)
        if self._last is None and lost:  # decoders silently skip frames until they can begin
            self._note(UNKEYED, lost[0], len(lost))
            self._failures = 0
        else:
            self._missing(pts, self._lost(lost))
        if frame.is_corrupt:
            self._note(BROKEN, pts, 1)
        duration = frame.duration * units if frame.duration else None
        self._last, self._next = pts, pts + (duration or self._stored)
        return Decoded(frame, pts, duration)

    def ended(self) -> None:
        self._lost(sorted(self._waiting))
        end = self._film.video_end
        if end is None:
            return
        missing = end - self._next * self._film.time_base
        if missing > _EARLY_SECONDS and missing * self._film.rate > _EARLY_FRAMES:
            self._note(CUT_OFF, self._next, 1)

    def _missing(self, pts: int, lost: int) -> None:
        """Note frames without a packet, in a film of a constant rate."""
        film, last = self._film, self._last
        if last is None or not (film.even and film.broadcast):
            return
        usual = self._stored
        count = round((pts - last) / usual) - 1 - lost
        if count > 0 and (pts - last) * film.time_base < _MOST_LOST:
            self._note(MISSING, last + usual, count)

    def _lost(self, times: list[int]) -> int:
        # Not every packet makes a frame (a field may have its own), so only failures tell that one is missing.
        count = min(self._failures, len(times))
        if count:
            self._note(LOST, times[0], count)
            self._failures -= count
        return count

    def _note(self, kind: str, pts: int, count: int) -> None:
        if self._since is None or pts >= self._since:
            self._problems.add(kind, self._film, pts, count=count)

"""Read a film's frames one after the other: Y planes as they are stored, at the times that the film gives them.

Reading goes on after what is damaged. It may begin in the middle, and yields exactly the frames then that reading from
the beginning yields.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from typing import Any, cast

import av
from av.codec.context import ThreadType
from av.container import Flags
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tinct.errors import InputError, UnreadableError
from tinct.media.video.fields import Deinterlacer
from tinct.media.video.film import Film, clock
from tinct.media.video.planes import depth_of, planes_of
from tinct.media.video.problems import BROKEN, CUT_OFF, LOST, MISSING, MOVED, Problems
from tinct.media.video.sequence import decode_image
from tinct.media.video.source import opened
from tinct.media.video.timeline import packets_on_line

# Seconds before a place in the middle from which decoding begins; the next where that was too close.
_BEFORE = (4, 30, 180)
# Number of key frames that must have been decoded before that place: frames after the second depend on nothing before
# the first, whatever the codec.
_KEY_FRAMES = 2
# Frames before that place which the deinterlacer sees.
_CONTEXT = 2

_Planes = tuple[NDArray[Any], ...]


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame.

    Attributes:
        number: from 0, or from where the caller counts.
        pts: when it is shown, in units of the film's `time_base`; rises from frame to frame.
        duration: likewise, where the film says.
        luma: (H, W) uint8 or uint16 codes of Y, of the film's depth and range.
        chroma: (h, w) codes of U and V at the size the film has them; None for films without.
        damaged: it was decoded with errors, and what it shows is not to be relied on.
    """

    number: int
    pts: int
    duration: int | None
    luma: NDArray[Any]
    chroma: tuple[NDArray[Any], NDArray[Any]] | None
    damaged: bool = False


def read_frames(
    film: Film,
    *,
    start_pts: int | None = None,
    start_number: int = 0,
    end_pts: int | None = None,
    problems: Problems | None = None,
) -> Generator[Frame, None, None]:
    """Read a film's frames. The file is closed when the generator is, or has yielded its last frame.

    Args:
        film: the film.
        start_pts: leave out the frames before; the others come exactly as from a run from the beginning.
        start_number: number of the first frame that is yielded.
        end_pts: leave out the frames from there on.
        problems: gathers what goes wrong from the first frame yielded on.

    Yields:
        The frames. Those of interlaced films are made progressive, one for one, except those that the film says are
        progressive; all other Y planes are as they are stored, and those of RGB are computed (`planes.planes_of`).

    Raises:
        InputError: the film changes its size or its depth in the middle.
        UnreadableError: the file is gone, or its times jump back.
    """
    noted = Problems() if problems is None else problems
    decoded = _rising(film, _exact(film, start_pts, noted), start_pts, noted)
    number = start_number
    with closing(_progressive(film, decoded)) as frames:
        for item, planes in frames:
            if start_pts is not None and item.pts < start_pts:
                continue
            if end_pts is not None and item.pts >= end_pts:
                return
            yield Frame(
                number=number,
                pts=item.pts,
                duration=item.duration,
                luma=planes[0],
                chroma=(planes[1], planes[2]) if len(planes) == 3 else None,
                damaged=item.frame.is_corrupt,
            )
            number += 1


def _exact(film: Film, start_pts: int | None, problems: Problems) -> Generator[Decoded, None, None]:
    """Decode from the beginning, or from far enough before a place in the middle that the frames there are exact."""
    if film.images:
        yield from decode(film, place=start_pts, since=None, problems=problems)
        return
    if start_pts is not None and film.seekable:
        for before in _BEFORE:
            place = start_pts - int(before / film.time_base)
            if place <= film.start_pts:
                break
            context: deque[Decoded] = deque(maxlen=_CONTEXT)
            keys = 0
            with closing(decode(film, place=place, since=start_pts, problems=problems)) as decoded:
                for item in decoded:
                    if item.pts < start_pts:
                        keys += item.frame.key_frame
                        context.append(item)
                    elif keys < _KEY_FRAMES:
                        break
                    else:
                        yield from context
                        yield item
                        yield from decoded
                        return
    with closing(decode(film, place=None, since=start_pts, problems=problems)) as decoded:
        yield from decoded


def _rising(
    film: Film, decoded: Generator[Decoded, None, None], since: int | None, problems: Problems
) -> Generator[Decoded, None, None]:
    """Make times rise: a frame at the same time as the one before, or earlier, comes one tick after it."""
    last: int | None = None
    with closing(decoded):
        for item in decoded:
            if last is not None and item.pts <= last:
                if (last - item.pts) * film.time_base > 1:
                    raise UnreadableError(
                        f"{film.path}: its times jump back at {clock(film.seconds_at(last))}; give it one time line "
                        "first, with  mkvmerge  or  ffmpeg -i IN -c copy OUT.mkv"
                    )
                if since is None or last >= since:
                    problems.add(MOVED, film, last + 1)
                last += 1
                yield replace(item, pts=last)
            else:
                last = item.pts
                yield item


def _progressive(film: Film, decoded: Generator[Decoded, None, None]) -> Generator[tuple[Decoded, _Planes], None, None]:
    """Yield each frame's planes: Y alone, or Y, U and V."""
    with closing(decoded):
        if not film.interlaced:
            for item in decoded:
                yield item, _planes(film, item)
            return
        deinterlacer = Deinterlacer(top_first=film.fields.top_first, depth=film.depth)
        waiting: deque[tuple[Decoded, _Planes]] = deque()
        for item in decoded:
            stored = _planes(film, item)
            waiting.append((item, stored))
            for planes in deinterlacer.feed(stored):
                yield _chosen(film, *waiting.popleft(), planes)
        for planes in deinterlacer.feed(None):
            yield _chosen(film, *waiting.popleft(), planes)


def _chosen(film: Film, item: Decoded, stored: _Planes, progressive: _Planes) -> tuple[Decoded, _Planes]:
    return item, stored if film.fields.flagged and not item.frame.interlaced_frame else progressive


def _planes(film: Film, item: Decoded) -> _Planes:
    frame = item.frame
    if (frame.width, frame.height, depth_of(frame.format)) != (film.width, film.height, film.depth):
        raise InputError(
            f"{film.path}: changes at {clock(film.seconds_at(item.pts))} from {film.width} x {film.height} pixels of "
            f"{film.depth} bits to {frame.width} x {frame.height} of {depth_of(frame.format)}; cut it there first"
        )
    luma, chroma = planes_of(frame)
    return (luma,) if chroma is None else (luma, *chroma)


# A film that ends earlier than it says by more than both is cut off.
_EARLY_SECONDS, _EARLY_FRAMES = Fraction(1, 2), 3
# Where nothing came for longer than this (seconds), a picture may have been held.
_MOST_LOST = 10


@dataclass(frozen=True, eq=False)
class Decoded:
    """A frame as it came from the decoder; see `Frame` for its times."""

    frame: VideoFrame
    pts: int
    duration: int | None


def decode(film: Film, *, place: int | None, since: int | None, problems: Problems) -> Generator[Decoded, None, None]:
    """Decode a film.

    Args:
        film: the film.
        place: pts before which to begin, at a key frame; the film's beginning without it. Where a file cannot be
            read from a place on, nothing comes.
        since: note only what goes wrong from this pts on.
        problems: where to note it.

    Raises:
        UnreadableError: the file is gone or another one.
    """
    if film.images:
        return _decode_images(film, place or 0, problems)
    return _decode_file(film, place, _Times(film, since, problems))


def _decode_images(film: Film, first: int, problems: Problems) -> Generator[Decoded, None, None]:
    for number in range(max(0, first), len(film.images)):
        try:
            yield Decoded(decode_image(film.images[number]), number, 1)
        except UnreadableError:
            problems.add(LOST, film, number)


def _decode_file(film: Film, place: int | None, times: _Times) -> Generator[Decoded, None, None]:
    with opened(film.path) as container:
        stream = container.streams[film.stream] if film.stream < len(container.streams) else None
        if not isinstance(stream, VideoStream):
            raise UnreadableError(f"{film.path}: is another film than before; open it again")
        # In files that keep no times the packet that failed must be known, which several frames at once would hide.
        stream.thread_type = ThreadType.SLICE if film.counted else ThreadType.AUTO
        if film.counted:
            container.flags &= ~cast(int, Flags.gen_pts.value)
        if place is not None:
            try:
                container.seek(place, stream=stream)
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
            for frame in frames:
                yield times.came(frame)
        times.ended()


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

    def given(self, packet: Packet[Stream]) -> None:
        time = packet.dts if self._film.counted else packet.pts
        if time is not None and not packet.is_discard:
            heapq.heappush(self._waiting, time)

    def failed(self, packet: Packet[Stream] | None) -> None:
        """Note that the decoder refused a packet, or one of those before it."""
        self._failures += 1
        if self._film.counted and packet is not None and packet.dts in self._waiting:
            self._waiting.remove(packet.dts)
            heapq.heapify(self._waiting)
            self._lost([packet.dts])

    def came(self, frame: VideoFrame) -> Decoded:
        pts = frame.pts
        if self._film.counted:
            pts = heapq.heappop(self._waiting) if self._waiting else self._next
        elif pts is None:
            pts = self._next
        lost = []
        while self._waiting and self._waiting[0] <= pts:
            time = heapq.heappop(self._waiting)
            if time < pts:
                lost.append(time)
        self._missing(pts, self._lost(lost))
        if frame.is_corrupt:
            self._note(BROKEN, pts, 1)
        self._last, self._next = pts, pts + (frame.duration or self._film.frame_ticks)
        return Decoded(frame, pts, frame.duration or None)

    def ended(self) -> None:
        self._lost(sorted(self._waiting))
        end = self._film.video_end
        if end is None:
            return
        missing = end - self._next * self._film.time_base
        if missing > _EARLY_SECONDS and missing * self._film.rate > _EARLY_FRAMES:
            self._note(CUT_OFF, self._next, 1)

    def _missing(self, pts: int, lost: int) -> None:
        """Note frames of which nothing came, in a film whose frames come at a constant rate."""
        film, last = self._film, self._last
        if last is None or not (film.even and film.broadcast):
            return
        usual = film.frame_ticks
        count = round((pts - last) / usual) - 1 - lost
        if count > 0 and (pts - last) * film.time_base < _MOST_LOST:
            self._note(MISSING, last + usual, count)

    def _lost(self, times: list[int]) -> int:
        # Not every packet makes a frame (a field may be one of its own), so only failures tell that one is missing.
        count = min(self._failures, len(times))
        if count:
            self._note(LOST, times[0], count)
            self._failures -= count
        return count

    def _note(self, kind: str, pts: int, count: int) -> None:
        if self._since is None or pts >= self._since:
            self._problems.add(kind, self._film, pts, count=count)

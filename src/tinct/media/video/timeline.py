"""Find out when a film's frames are shown: its rate and length by the time stamps of its packets, and jumps in them.

What a header says about the rate may be wrong, and a clock may start again in the middle, where broadcasts or parts of
them were joined. So all packets are read once, without decoding them. Times after a jump are moved, so that all lie on
one line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.format import Flags
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tinct.color.statistics import median
from tinct.media.video.film import FIELD_ORDERS, Film, Jump
from tinct.media.video.source import opened, packets_of

_WITHOUT_PLACES = {"gif", "apng"}  # formats whose frames depend on all frames before them
_BACK = 0.2  # a clock jumps if a packet is decoded this many seconds before the packet stored before it,
_AHEAD = 10.0  # or, in formats whose clocks may start again, this many seconds after it,
_UNUSUAL = 20  # unless that is at most this many times the step before, as in films that show each picture for long
_ODD_STEP = 1.5  # a step ahead is a jump from this many seconds on if another stream has shown the new clock already
_NEAR = 10.0  # streams whose times differ by at most this many seconds are on one clock
# Where two clocks meet, pictures continue without a gap; for that, sound may lack or repeat this many seconds.
_MOVED = 0.5
_WRAP = (1 << 33) / 90_000  # clocks of broadcasts have 33 bits, and 90,000 units a second
_MOSTLY = 0.9  # a film has a constant rate if at least this share of its frames is shown for equally long
# With 3:2 pulldown by flags, 24 frames a second are shown for two and three of 60 fields in turns: the longer step is
# this many times the shorter one,
_LONGER = 1.5
_GIVE = 0.1  # within this tolerance,
_SHARE = 0.35  # and each of the two makes up at least this share of all steps
_SLOWED_FILM = Fraction(24_000, 1001)
# Rates of films and broadcasts, for files that name none with which their times agree.
_USUAL_RATES = (
    *(Fraction(rate) for rate in (24, 25, 30, 50, 60, 18, 16, 15, 12, 48, 100, 120)),
    *(Fraction(1000 * rate, 1001) for rate in (24, 30, 60, 120)),
)


@dataclass
class _Clock:
    """One clock of a file: seconds to subtract from its times, and the earliest and latest time that it showed."""

    shift: Fraction
    first: float
    latest: float


@dataclass
class _Hand:
    """Where a stream stands: its clock, its last packet's time, its last step, and how many packets it has had.

    `delay` is the time from a packet's decoding to its showing.
    """

    clock: int = 0
    last: float | None = None
    step: float = 0.0
    delay: float = 0.0
    packets: int = 0

    def decoded_at(self, packet: Packet[Stream]) -> float | None:
        """Return when the next packet is decoded, in seconds; None if unknown."""
        if packet.dts is None:
            return None
        unit = float(packet.time_base)
        time = packet.dts * unit
        delay = 0.0 if packet.pts is None else packet.pts * unit - time
        if abs(delay) > _NEAR:  # a clock starts again here, and FFmpeg has continued the one before
            return time + delay - self.delay
        self.delay = delay
        return time


@dataclass
class _Joiner:
    """Finds jumps, in the order in which packets are stored.

    Attributes:
        video: index of the stream whose frames go on without a gap.
        may_leap: whether the format's clocks may start again, so that a long step ahead is a jump too.
    """

    video: int
    may_leap: bool
    _clocks: list[_Clock] = field(default_factory=list)
    _hands: dict[int, _Hand] = field(default_factory=dict)
    _changes: list[tuple[int, int, int, float, Fraction]] = field(default_factory=list)

    @property
    def jumps(self) -> list[Jump]:
        return [
            Jump(stream, packet, self._clocks[clock].shift, self._wrapped(by), at)
            for stream, packet, clock, by, at in self._changes
        ]

    def shift(self, packet: Packet[Stream]) -> Fraction:
        """Take the next packet; return the seconds to subtract from its times, so that they lie on the film's line."""
        hand = self._hands.setdefault(packet.stream_index, _Hand())
        hand.packets += 1
        now = hand.decoded_at(packet)
        if now is None:
            return self._clocks[hand.clock].shift if self._clocks else Fraction(0)
        if not self._clocks:
            self._clocks.append(_Clock(Fraction(0), now, now))
        if hand.last is None:
            hand.last = now
            self._move(hand, packet, self._newer(now, after=-1) or 0)
        elif now - hand.last < -_BACK or (self.may_leap and now - hand.last > _ODD_STEP):
            self._jump(hand, packet, now)
        else:
            hand.step = now - hand.last
        hand.last = now
        clock = self._clocks[hand.clock]
        clock.first, clock.latest = min(clock.first, now), max(clock.latest, now)
        return clock.shift

    def _jump(self, hand: _Hand, packet: Packet[Stream], now: float) -> None:
        assert hand.last is not None
        usual = packet.duration * float(packet.time_base) if packet.duration else max(hand.step, 0.0)
        by = now - hand.last - usual
        shift = self._clocks[hand.clock].shift + Fraction(by).limit_denominator(90_000)
        newer = self._newer(now, after=hand.clock)
        if newer is not None:
            clock = self._clocks[newer]
            if packet.stream_index == self.video and abs(shift - clock.shift) < _MOVED:
                clock.shift = shift
            self._move(hand, packet, newer)
        elif now > hand.last and (
            now - hand.last <= max(_AHEAD, _UNUSUAL * hand.step if hand.step else now)
            or self._clocks[hand.clock].latest >= now - _NEAR
        ):
            hand.step = now - hand.last  # a gap, perhaps in this stream alone, since others have shown these times
        elif packet.stream.type in ("video", "audio"):
            self._clocks.append(_Clock(shift, now, now))
            self._move(hand, packet, len(self._clocks) - 1, by=by)

    def _newer(self, now: float, *, after: int) -> int | None:
        """Return the newest clock after a given one that has shown about this time; None if there is none."""
        for number in range(len(self._clocks) - 1, after, -1):
            if self._clocks[number].first - _NEAR <= now <= self._clocks[number].latest + _NEAR:
                return number
        return None

    def _move(self, hand: _Hand, packet: Packet[Stream], clock: int, *, by: float = 0.0) -> None:
        assert hand.last is not None
        if clock != hand.clock:
            at = Fraction(hand.last).limit_denominator(90_000) - self._clocks[hand.clock].shift
            self._changes.append((packet.stream_index, hand.packets - 1, clock, by, at))
            hand.clock = clock

    def _wrapped(self, by: float) -> Fraction:
        """Return by how much a clock jumped, which itself starts again after 33 bits."""
        wrapped = (by + _WRAP / 2) % _WRAP - _WRAP / 2 if self.may_leap else by
        return Fraction(wrapped).limit_denominator(90_000)


@dataclass(frozen=True)
class _Steps:
    """How far apart a film's frames are.

    Attributes:
        usual, longest: seconds.
        mean, slack: of the usual steps, and by how much it may be wrong, in seconds.
        even: whether almost all steps are the usual one.
        pulldown: whether they are those of 3:2 pulldown by flags.
        frames, span: number of frames, and seconds from the first to the last.
    """

    usual: Fraction
    longest: Fraction
    mean: float
    slack: float
    even: bool
    pulldown: bool
    frames: int
    span: Fraction

    @classmethod
    def of(cls, times: Iterable[int], unit: Fraction) -> _Steps | None:
        """Measure frames shown at these times, in any order; None for fewer than three."""
        shown = np.array(sorted(set(times)), dtype=np.int64)  # np.unique imports NumPy's masked arrays
        if len(shown) < 3:
            return None
        steps = np.diff(shown)
        usual = int(median(steps))
        regular = steps[np.abs(steps - usual) <= max(1, usual // 100)]
        return cls(
            usual=usual * unit,
            longest=int(steps.max()) * unit,
            mean=float(regular.mean()) * float(unit),
            slack=float(unit) * 2 / len(regular),
            even=len(regular) >= _MOSTLY * len(steps),
            pulldown=_is_pulldown(steps, float(unit)),
            frames=len(shown),
            span=int(shown[-1] - shown[0]) * unit,
        )

    def rate(self, named: Sequence[Fraction]) -> Fraction:
        """Return the first rate named by the file that its times agree with, else a usual one or the measured one."""
        if self.pulldown:
            return _SLOWED_FILM
        if not self.even:
            average = (self.frames - 1) / self.span
            known = (rate for rate in named if abs(rate / average - 1) < 0.02)
            return next(known, average.limit_denominator(1001))

        def agrees(rate: Fraction) -> bool:
            return abs(float(1 / rate) - self.mean) <= self.slack + self.mean / 5000

        near = sorted(_USUAL_RATES, key=lambda rate: abs(float(1 / rate) - self.mean))
        chosen = next((rate for rate in (*named, near[0]) if agrees(rate)), None)
        return chosen or Fraction(1 / self.mean).limit_denominator(1001)


def _is_pulldown(steps: NDArray[np.int64], unit: float) -> bool:
    middle = steps.mean()
    short, long = steps[steps < middle], steps[steps >= middle]
    if min(len(short), len(long)) < max(2, _SHARE * len(steps)):
        return False
    ratio, rate = median(long) / median(short), 1 / (middle * unit)
    spread = max(np.ptp(short), np.ptp(long))
    return bool(abs(ratio - _LONGER) <= _GIVE and abs(rate / _SLOWED_FILM - 1) <= 0.02 and spread <= 0.1 * middle)


def read_times(container: InputContainer, stream: VideoStream, first: VideoFrame, path: Path) -> dict[str, Any]:
    """Read what a file says about time, as fields of `Film`; files without an index are read once to their end.

    Args:
        container: the file, open.
        stream: its pictures.
        first: its first frame.
        path: of the file.
    """
    unit = stream.time_base or Fraction(1, 90_000)
    raw = bool(container.format.flags & cast(int, Flags.no_timestamps.value))
    # AVI counts frames; the times that FFmpeg makes of that are wrong for frames stored out of order.
    counted = raw or container.format.name == "avi"
    start = Fraction(container.start_time or 0, av.time_base)
    start_pts = (stream.start_time if stream.start_time is not None else first.pts) or 0
    duration = Fraction(container.duration, av.time_base) if container.duration and container.duration > 0 else None
    jumps: list[Jump] = []
    steps, per_field = None, False
    if container.format.name.startswith("mov"):
        steps = _Steps.of((entry.timestamp for entry in stream.index_entries), unit)
    elif container.format.name == "avi":  # DV may count in tiny units, with empty frames between
        steps = _Steps.of((entry.timestamp for entry in stream.index_entries if entry.size), unit)
    elif not counted:
        with opened(path) as again:
            times, end, jumps = _read_all(again, stream.index)
        steps = _Steps.of(times, unit)
        ending = Fraction(end).limit_denominator(90_000) - start
        duration = ending if ending > 0 else duration
        per_field = steps is not None and _are_fields(steps, stream)
    named = [rate for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate) if rate]
    rate = steps.rate(named) if steps is not None else next(iter(named), Fraction(25))
    rate = rate / 2 if per_field else rate
    frames = stream.frames or (round(duration * rate) if duration is not None else None)
    avi, mov = container.format.name == "avi", container.format.name.startswith("mov")
    if steps is not None and (avi or not (stream.frames or mov)):  # the index of MOV may grow; AVI counts empty ones
        frames = steps.frames // 2 if per_field else steps.frames
    return {
        "rate": rate,
        "time_base": unit,
        "frames": frames,
        "start": start,
        "start_pts": start_pts,
        "duration": duration,
        "video_end": None if jumps else _video_end(container, stream, start_pts, unit),
        "counted": counted,
        "seekable": not counted and not jumps and container.format.name not in _WITHOUT_PLACES,
        "usual": None if steps is None else 1 / rate if steps.even or steps.pulldown else steps.usual,
        "longest": None if steps is None else steps.longest,
        "even": steps is not None and steps.even,
        "pulldown": steps is not None and steps.pulldown,
        "jumps": tuple(jumps),
    }


def _are_fields(steps: _Steps, stream: VideoStream) -> bool:
    """Check whether each packet holds a field, two of which make a frame, as in some broadcasts in H.264."""
    average = stream.average_rate
    interlaced = stream.codec_context.field_order in FIELD_ORDERS
    return bool(interlaced and steps.even and average and abs(1 / steps.mean / float(average) - 2) < 0.01)


def _read_all(container: InputContainer, video: int) -> tuple[list[int], float, list[Jump]]:
    """Return when frames are shown, on one line, in units of their stream; when the film ends; and jumps."""
    joiner = _Joiner(video, may_leap=bool(container.format.flags & cast(int, Flags.ts_discont.value)))
    streams = [stream for stream in container.streams if stream.index == video or stream.type in ("audio", "subtitle")]
    times: list[int] = []
    end = 0.0
    for packet in packets_of(container, *streams):
        shift = joiner.shift(packet)
        if packet.pts is None:
            continue
        unit = packet.time_base
        ticks = packet.pts - round(shift / unit) if shift else packet.pts
        if packet.stream.type != "subtitle":  # stray ones may be days away
            end = max(end, (ticks + (packet.duration or 0)) * float(unit))
        if packet.stream_index == video and not packet.is_discard:
            times.append(ticks)
    return times, end, joiner.jumps


def packets_on_line(film: Film, container: InputContainer, *streams: Stream) -> Iterator[Packet[Stream]]:
    """Yield the packets of some streams of a film from its beginning, with times that do not jump.

    They are stretched if another rate was asked for. If two clocks have sound for the same time, it is yielded once.
    """
    jumps = {stream.index: [jump for jump in film.jumps if jump.stream == stream.index] for stream in streams}
    counts = dict.fromkeys(jumps, 0)
    ends = dict.fromkeys(jumps, Fraction(0))
    for packet in packets_of(container, *streams):
        index = packet.stream_index
        if any(jumps.values()):
            shift = next((jump.shift for jump in reversed(jumps[index]) if jump.packet <= counts[index]), Fraction(0))
            counts[index] += 1
            ticks = round(shift / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts - ticks
            packet.dts = None if packet.dts is None else packet.dts - ticks
            if packet.stream.type == "audio" and packet.pts is not None:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                if end <= ends[index]:
                    continue
                ends[index] = end
        if film.stretch != 1:
            packet.time_base *= film.stretch
        yield packet


def _video_end(container: InputContainer, stream: VideoStream, start_pts: int, unit: Fraction) -> Fraction | None:
    """Return when the last frame ends, if the file states it; FFmpeg's own guesses do not count."""
    if container.format.name.startswith("mov") and stream.duration:
        return (start_pts + stream.duration) * unit
    if container.format.name == "avi" and stream.frames and stream.average_rate:
        return stream.frames / stream.average_rate
    written = next((text for name, text in stream.metadata.items() if name.upper().startswith("DURATION")), None)
    if container.format.name.startswith("matroska") and written is not None:
        with suppress(ValueError):
            hours, minutes, seconds = written.strip("\0 ").split(":")
            return Fraction(hours) * 3600 + Fraction(minutes) * 60 + Fraction(seconds)
    return None

"""Everything in a film's file beside its pictures, on the way into another file: in sync, cut where the film is cut."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Discard, Stream

from tinct.errors import OutputError, SettingError
from tinct.media.video.codecs import CONTAINERS, Container
from tinct.media.video.convert import CaptionEncoder, Copy, Route, SoundEncoder
from tinct.media.video.film import Chapter, Film, Track
from tinct.media.video.source import opened, packets_of

# What may be done with sound: passed on as it is, encoded anew where the container cannot hold it, or left out.
SOUND = ("copy", "encode", "none")
# So many packets are written to find out whether a container can hold them; those of subtitles may be far away.
_TRIED = {"audio": 8, "video": 1}
# What Matroska calls cover pictures, by their codecs: file names and kinds.
_COVERS = {"mjpeg": ("cover.jpg", "image/jpeg"), "png": ("cover.png", "image/png")}


@dataclass(frozen=True)
class Window:
    """The part of a film's time that a result holds.

    Attributes:
        start: in seconds on the film's clock; None for the beginning.
        end: likewise; None for the end.
        shift: seconds by which all times become less.
    """

    start: Fraction | None = None
    end: Fraction | None = None
    shift: Fraction = Fraction(0)

    def fitted(self, packet: Packet[Stream], *, text: bool) -> Packet[Stream] | None:
        """Move a packet to the result's clock; None if it lies outside. What is read is shortened to what is inside."""
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None:
            return packet
        unit = packet.time_base
        begin, span = time * unit, (packet.duration or 0) * unit
        if self.end is not None and begin >= self.end:
            return None
        if self.start is not None and begin < self.start:
            inside = begin + span - self.start
            # Sound cannot be cut within a packet: some hundredths of a second are missing at the beginning.
            if not text or inside <= 0:
                return None
            packet.pts = packet.dts = round(self.start / unit)
            packet.duration = round(inside / unit)
        if text and self.end is not None and begin + span > self.end and packet.pts is not None:
            packet.duration = round(self.end / unit) - packet.pts
        ticks = round(self.shift / unit)
        packet.pts = None if packet.pts is None else packet.pts - ticks
        packet.dts = None if packet.dts is None else packet.dts - ticks
        return packet

    def chapters(self, chapters: tuple[Chapter, ...]) -> list[Chapter]:
        """Move chapters to the result's clock, without those that lie outside."""
        found = []
        for chapter in chapters:
            begin = chapter.start if self.start is None else max(chapter.start, self.start)
            end = chapter.end if self.end is None else min(chapter.end, self.end)
            if begin < end:
                found.append(replace(chapter, start=begin - self.shift, end=end - self.shift))
        return found


class Tracks:
    """A film's sound, subtitles and the rest, as streams of another file.

    Attributes:
        remarks: what could not be taken along, a sentence each.
    """

    def __init__(
        self, film: Film, source: InputContainer, output: OutputContainer, container: Container, *, sound: str
    ) -> None:
        """Add the streams to the other file.

        Raises:
            OutputError: the container cannot hold the sound, which is to be copied.
            SettingError: there is no such way with sound.
        """
        if sound not in SOUND:
            raise SettingError(f"sound is one of {', '.join(SOUND)}, not {sound}")
        self.remarks: list[str] = []
        self._film = film
        self._source = source
        self._output = output
        self._container = container
        self._routes: dict[int, Route] = {}
        for track in film.audio if sound != "none" else ():
            self._routes[track.index] = self._sound(track, encode=sound == "encode")
        for track in (*film.subtitles, *film.others):
            route = self._other(track)
            if route is not None:
                self._routes[track.index] = route

    def packets(self, window: Window) -> Iterator[Packet[Stream]]:
        """Give the packets of all streams in the order they are stored in, on the result's clock."""
        streams = [self._source.streams[index] for index in self._routes]
        for stream in self._source.streams:
            if stream.index not in self._routes:
                stream.discard = Discard.all
        moving = [stream for stream in streams if stream.type != "attachment"]
        if not moving:
            return
        for packet in packets_of(self._source, *moving):
            index, text = packet.stream.index, packet.stream.type == "subtitle"
            fitted = window.fitted(packet, text=text)
            if fitted is not None:
                yield from self._routes[index].packets(fitted)
        for stream in moving:
            yield from self._routes[stream.index].packets(None)

    def _sound(self, track: Track, *, encode: bool) -> Route:
        source = self._source.streams[track.index]
        if holds(self._container, self._film, track):
            return Copy(self._output, source)
        if encode and source.codec_context is not None:
            return SoundEncoder(self._output, source, self._container.sound)
        others = [suffix for suffix, other in CONTAINERS.items() if holds(other, self._film, track)]
        write = f"write {' or '.join(others)}, or " if others else ""
        raise OutputError(
            f"{self._film.path}: its sound ({track.codec}, stream {track.index}) cannot be held by "
            f"{self._container.suffix}; {write}let it be encoded (--sound encode) or left out (--sound none)"
        )

    def _other(self, track: Track) -> Route | None:
        """Take along what can be, and note the rest."""
        source = self._source.streams[track.index]
        which = f"stream {track.index}, {track.codec}"
        if track.cover and self._container.suffix == ".mkv" and track.codec in _COVERS:
            # As a stream it would become a second film.
            self._output.add_attachment(*_COVERS[track.codec], b"".join(_first_packets(self._film, track, 1)))
        elif track.kind == "video" and not track.cover:
            self.remarks.append(f"a further film in the file ({which}) is left out")
        elif track.kind == "data":
            # Chapters and time codes, which MOV keeps as streams as well, are written anew from what else says them.
            if not self._film.chapters and "timecode" not in source.metadata:
                self.remarks.append(f"data ({which}) is left out")
        elif holds(self._container, self._film, track):
            return Copy(self._output, source)
        else:
            if track.kind == "subtitle":
                with suppress(ValueError, av.FFmpegError):
                    return CaptionEncoder(self._output, source, self._container.captions)
            kind = "the cover picture" if track.cover else track.kind
            self.remarks.append(f"{kind} ({which}) cannot be held by {self._container.suffix} and is left out")
        return None


def holds(container: Container, film: Film, track: Track) -> bool:
    """Say whether a kind of file can hold a track as it is, by writing its beginning into one."""
    if track.kind == "attachment":
        return container.suffix == ".mkv"
    if track.codec.startswith(container.refused):
        return False
    with opened(film.path) as source, suppress(ValueError, av.FFmpegError):
        with av.open(io.BytesIO(), "w", format=container.muxer) as output:
            stream = source.streams[track.index]
            route = Copy(output, stream)
            output.start_encoding()
            for packet in islice(packets_of(source, stream), _TRIED.get(track.kind, 0)):
                output.mux(route.packets(packet))
        return True
    return False


def _first_packets(film: Film, track: Track, count: int) -> list[bytes]:
    with opened(film.path) as source:
        return [bytes(packet) for packet in islice(packets_of(source, source.streams[track.index]), count)]

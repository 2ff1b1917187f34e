"""Copy everything in a film's file besides its pictures to another file: in sync, and cut where the film is cut.

Packets of sound and subtitles are copied, or encoded again if the container cannot hold them.
"""

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
from tinct.media.video.film import Chapter, Film, Track
from tinct.media.video.routes import CaptionEncoder, Copy, Route, SoundEncoder, WaveCopy, spelled
from tinct.media.video.source import opened, packets_of, readable
from tinct.media.video.timeline import packets_on_line

# What may be done with sound: copy it as it is, encode it again if the container cannot hold it, or leave it out.
SOUND = ("copy", "encode", "none")
# Number of packets that are written to find out whether a container can hold them; those of subtitles may be far away.
_TRIED = {"audio": 8, "video": 1}
# What Matroska calls cover pictures, by their codecs: file names and kinds.
_COVERS = {
    "mjpeg": ("cover.jpg", "image/jpeg"),
    "png": ("cover.png", "image/png"),
    "gif": ("cover.gif", "image/gif"),
    "tiff": ("cover.tif", "image/tiff"),
    "bmp": ("cover.bmp", "image/bmp"),
    "webp": ("cover.webp", "image/webp"),
}


@dataclass(frozen=True)
class Window:
    """The part of a film's time that a result holds.

    Attributes:
        start: in seconds on the film's clock; None for the beginning.
        end: likewise; None for the end.
        shift: seconds subtracted from all times.
    """

    start: Fraction | None = None
    end: Fraction | None = None
    shift: Fraction = Fraction(0)

    def fitted(self, packet: Packet[Stream], *, text: bool) -> Packet[Stream] | None:
        """Move a packet to the result's clock; None if it lies outside the window. Text is shortened to the window."""
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

    def stays(self, packet: Packet[Stream]) -> bool:
        """Check whether a title from before the beginning stays until another one comes, as those of discs do."""
        return self.start is not None and not packet.duration and (packet.pts or 0) * packet.time_base < self.start

    def first(self, packet: Packet[Stream]) -> Packet[Stream]:
        """Move a title that stays to the beginning, on the result's clock."""
        packet.pts = packet.dts = round(((self.start or 0) - self.shift) / packet.time_base)
        return packet

    def chapters(self, chapters: tuple[Chapter, ...]) -> list[Chapter]:
        """Move chapters to the result's clock, without those that lie outside."""
        inside = []
        for chapter in chapters:
            begin = chapter.start if self.start is None else max(chapter.start, self.start)
            end = chapter.end if self.end is None else min(chapter.end, self.end)
            if begin < end:
                inside.append(replace(chapter, start=begin - self.shift, end=end - self.shift))
        return inside


class Tracks:
    """A film's sound, subtitles and the rest, as streams of another file; `remarks` says what had to be left out."""

    def __init__(
        self, film: Film, source: InputContainer, output: OutputContainer, container: Container, *, sound: str
    ) -> None:
        """Add the streams to the other file.

        Raises:
            OutputError: the container cannot hold the sound that is to be copied.
            SettingError: `sound` is not one of `SOUND`.
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
        for track in (*film.audio, *film.subtitles):
            if track.index in self._routes and not spelled(track.language, output.format.name):
                which = f"stream {track.index}, {track.codec}"
                self.remarks.append(f"the language {track.language} ({which}) cannot be recorded in {container.suffix}")

    def packets(self, window: Window) -> Iterator[Packet[Stream]]:
        """Yield the packets of all streams in the order they are stored in, on the result's clock."""
        streams = [self._source.streams[index] for index in self._routes]
        for stream in self._source.streams:
            if stream.index not in self._routes:
                stream.discard = Discard.all
        moving = [stream for stream in streams if stream.type != "attachment"]
        if not moving:
            return
        shown: dict[int, Packet[Stream]] = {}
        for packet in packets_on_line(self._film, self._source, *moving):
            index, text = packet.stream.index, packet.stream.type == "subtitle"
            if text and window.stays(packet):
                shown[index] = packet
                continue
            fitted = window.fitted(packet, text=text)
            if fitted is not None:
                for at, title in shown.items():
                    yield from self._routes[at].packets(window.first(title))
                shown.clear()
                yield from self._routes[index].packets(fitted)
        for at, title in shown.items():
            yield from self._routes[at].packets(window.first(title))
        for stream in moving:
            yield from self._routes[stream.index].packets(None)

    def _sound(self, track: Track, *, encode: bool) -> Route:
        source = self._source.streams[track.index]
        stretch = self._film.stretch
        if stretch == 1 and holds(self._container, self._film, track):
            return Copy(self._output, source)
        header = wave_header(self._container, self._film, track) if stretch == 1 else None
        if header is not None:
            return WaveCopy(self._output, source, header)
        if encode and source.codec_context is not None:
            return SoundEncoder(self._output, source, self._container.sound, stretch=stretch)
        if stretch != 1:
            raise OutputError(
                f"{self._film.path}: its sound is timed for {float(self._film.rate * stretch):g} frames a second, not "
                f"{float(self._film.rate):g}; stretch it at the same pitch (--sound encode), or leave it out "
                "(--sound none)"
            )
        others = [
            suffix
            for suffix, other in CONTAINERS.items()
            if holds(other, self._film, track) or wave_header(other, self._film, track) is not None
        ]
        write = f"write {' or '.join(others)}, or " if others else ""
        raise OutputError(
            f"{self._film.path}: its sound ({track.codec}, stream {track.index}) cannot be held by "
            f"{self._container.suffix}; {write}encode it (--sound encode) or leave it out (--sound none)"
        )

    def _other(self, track: Track) -> Route | None:
        """Return the route of a track that the container can hold; note what is left out."""
        source = self._source.streams[track.index]
        name = source.metadata.get("filename", source.metadata.get("handler_name", ""))
        which = f"stream {track.index}, {readable(name) if name and track.codec == 'unknown' else track.codec}"
        if track.cover and self._container.suffix == ".mkv" and track.codec in _COVERS:
            # As a stream it would become a second film.
            name, kind = _COVERS[track.codec]
            name = source.metadata.get("filename", name)
            self._output.add_attachment(name, kind, _first_packet(self._film, track))
        elif track.kind == "video" and not track.cover:
            self.remarks.append(f"a further film in the file ({which}) is left out")
        elif track.kind == "data":
            # Chapters and time codes, which MOV also keeps as streams, are written again from where else they are.
            if source.discard == Discard.all or "timecode" in source.metadata:
                return None
            if holds(self._container, self._film, track):  # such as what a GoPro measures
                return Copy(self._output, source)
            self.remarks.append(f"data ({which}) cannot be held by {self._container.suffix} and is left out")
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
    """Check whether a container can hold a track as it is, by writing its beginning into one."""
    if track.kind == "attachment":
        return container.suffix == ".mkv"
    if track.codec.startswith(container.refused) or (track.cover and container.suffix == ".mov"):
        return False  # FFmpeg accepts a cover for .mov, but does not write it
    return _beginning(container.muxer, film, track, packets=_TRIED.get(track.kind, 0)) is not None


def _beginning(muxer: str, film: Film, track: Track, *, packets: int) -> bytes | None:
    """Return a file of one track with its first packets, copied; None if such files cannot hold it."""
    content = io.BytesIO()
    with opened(film.path) as source, suppress(ValueError, av.FFmpegError):
        with av.open(content, "w", format=muxer) as output:
            stream = source.streams[track.index]
            route = Copy(output, stream)
            output.start_encoding()
            for packet in islice(packets_of(source, stream), packets):
                output.mux(route.packets(packet))
        return content.getvalue()
    return None


def wave_header(container: Container, film: Film, track: Track) -> bytes | None:
    """Return the header, WAVEFORMATEX, of sound that Matroska holds as Windows does, such as WMA and ADPCM.

    Returns:
        None for another container, and for sound that WAV files cannot hold.
    """
    if container.suffix != ".mkv" or track.kind != "audio":
        return None
    data = _beginning("wav", film, track, packets=1)
    if data is None or (place := data.find(b"fmt ") + 4) < 4:
        return None
    return data[place + 4 : place + 4 + int.from_bytes(data[place : place + 4], "little")]


def _first_packet(film: Film, track: Track) -> bytes:
    with opened(film.path) as source:
        return next((bytes(packet) for packet in packets_of(source, source.streams[track.index])), b"")

"""The ways of one stream's packets into another file: copied, or encoded anew where it cannot hold them."""

from __future__ import annotations

from fractions import Fraction
from typing import Protocol, cast

import av
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from tinct.media.video.languages import spelled
from tinct.media.video.matroska import wave_name
from tinct.media.video.sound import Stretcher, nearest
from tinct.media.video.source import readable

_CHANNEL_RATE = 96_000  # bits a second for each channel: enough that no difference is heard


class Route(Protocol):
    """A route of one stream's packets into another file."""

    def packets(self, packet: Packet[Stream] | None) -> list[Packet[Stream]]:
        """Take a packet, or None after the last; return those that are ready, of the other file's stream."""
        ...


class Copy:
    """Passes packets on as they are, but makes times rise that fall in a damaged file."""

    def __init__(self, output: OutputContainer, source: Stream) -> None:
        """Add a stream like the source's; ValueError if the container cannot hold it."""
        self._stream: Stream = output.add_stream_from_template(source, opaque=True)
        self._next: int | None = None
        describe(self._stream, source, output)

    def packets(self, packet: Packet[Stream] | None) -> list[Packet[Stream]]:
        if packet is None:
            return []
        if packet.dts is None:
            packet.dts = packet.pts if packet.pts is not None else self._next or 0
        if self._next is not None and packet.dts < self._next:
            packet.dts = self._next
        if packet.pts is None or packet.pts < packet.dts:
            packet.pts = packet.dts
        self._next = packet.dts + 1
        packet.stream = self._stream
        return [packet]


class WaveCopy(Copy):
    """Passes packets on to a track declared as PCM; `set_wave_headers` declares the real sound, since PyAV cannot."""

    def __init__(self, output: OutputContainer, source: Stream, header: bytes) -> None:
        """Add a stream of the source's rate and channels, with a header of WAV files in its name."""
        sound = cast(AudioStream, source)
        stream = output.add_stream("pcm_s16le", rate=sound.rate)
        stream.layout = sound.layout.name
        describe(stream, source, output)
        stream.metadata["title"] = wave_name(stream.metadata.get("title", ""), header)
        self._stream = stream
        self._next = None


class SoundEncoder:
    """Decodes sound and encodes it again, stretched if the film gets another rate; damaged packets are left out."""

    def __init__(self, output: OutputContainer, source: Stream, encoder: str, *, stretch: Fraction) -> None:
        """Add a stream of sound like the source's, or the nearest that the encoder has; ValueError if that fails."""
        self._source = cast(AudioStream, source)
        rate, layout = nearest(encoder, self._source)
        stream = cast(AudioStream, output.add_stream(encoder, rate=rate))
        stream.layout = layout
        stream.codec_context.bit_rate = _CHANNEL_RATE * AudioLayout(layout).nb_channels
        stream.codec_context.time_base = Fraction(1, rate)
        self._stream = stream
        self._stretcher = Stretcher(stretch) if stretch != 1 else None
        describe(stream, source, output)

    def packets(self, packet: Packet[Stream] | None) -> list[Packet[Stream]]:
        try:
            frames = self._source.decode(cast("Packet[AudioStream] | None", packet))
        except av.FFmpegError:
            return []
        made = []
        for frame in frames:
            # Frames have the time base of a packet, and there is none at the end.
            frame.time_base = frame.time_base or self._source.time_base
        if self._stretcher is not None:
            frames = [ready for frame in frames for ready in self._stretcher.feed(frame)]
            frames += self._stretcher.feed(None) if packet is None else []
        for frame in frames:
            made += self._stream.encode(frame)
        if packet is None:
            made += self._stream.encode(None)
        return cast("list[Packet[Stream]]", made)


# Duration, in milliseconds, that FFmpeg gives to a title if it does not know it.
_ENDLESS = (1 << 32) - 1


class CaptionEncoder:
    """Converts text subtitles to another kind of text subtitles."""

    def __init__(self, output: OutputContainer, source: Stream, encoder: str) -> None:
        """Add a stream of subtitles like the source's; ValueError if they are pictures, or cannot be held."""
        self._source = cast(SubtitleStream, source)
        if not source.codec_context.codec.text_sub:
            raise ValueError("subtitles that are pictures cannot be written as text")
        source.codec_context.open(strict=False)
        stream = cast(SubtitleStream, output.add_stream(encoder))
        stream.codec_context.subtitle_header = self._source.codec_context.subtitle_header
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.time_base = Fraction(1, 1000)
        self._stream = stream
        describe(stream, source, output)

    def packets(self, packet: Packet[Stream] | None) -> list[Packet[Stream]]:
        if packet is None or packet.pts is None:
            return []
        titles = self._source.decode2(cast("Packet[SubtitleStream]", packet))
        if titles is None:
            return []
        # Closed captions are known when they end: what decodes them tells when they began, and how long they lasted.
        # It counts in the source's units, whatever rate the film gets.
        unit, source_unit = packet.time_base, cast(Fraction, self._source.time_base)
        begin = packet.pts if titles.pts is None else round(Fraction(titles.pts, 1_000_000) / source_unit)
        lasted = titles.end_display_time - titles.start_display_time
        span = round(Fraction(lasted, 1000) / source_unit) if 0 < lasted < _ENDLESS else packet.duration or 0
        made: list[Packet[Stream]] = []
        for title in titles:
            if isinstance(title, AssSubtitle):
                text = SubtitleSet.create(text=title.ass, start=0, end=round(span * unit * 1000))
                written = cast("Packet[Stream]", self._stream.codec_context.encode_subtitle(text))
                written.pts = written.dts = begin
                written.duration = span
                written.time_base = unit
                written.stream = self._stream
                made.append(written)
        return made


# Prefixes of the names of notes that are true only of the source's file.
_STALE = (
    "BPS",
    "DURATION",
    "NUMBER_OF_",
    "_STATISTICS",
    "ENCODER",
    "VENDOR_ID",
    "MAJOR_BRAND",
    "MINOR_VERSION",
    "COMPAT",
)


def lasting(notes: dict[str, str]) -> dict[str, str]:
    """Return the notes on a stream or a file that stay true when it is written again, such as language and title."""
    return {name: readable(value) for name, value in notes.items() if not name.upper().startswith(_STALE)}


def describe(stream: Stream, source: Stream, output: OutputContainer) -> None:
    """Copy what the source says of its stream: title, language and role."""
    notes = lasting(source.metadata)
    if "name" in notes:  # as FFmpeg calls it in MP4 and MOV
        notes.setdefault("title", notes.pop("name"))
    if "language" in notes:
        notes["language"] = spelled(notes["language"], output.format.name) or notes["language"]
    stream.metadata.update(notes)
    stream.disposition = source.disposition

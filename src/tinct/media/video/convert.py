"""What becomes of packets of sound and subtitles on their way from one file into another: copied, or encoded anew."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from itertools import product
from typing import Protocol, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from tinct.media.video.source import readable

# Bits a second for each channel: enough that nobody hears a difference.
_CHANNEL_RATE = 96_000
# What encoders take that take neither the source's rate nor its arrangement of channels.
_COMMON_RATE = 48_000
_COMMON_LAYOUTS = {1: "mono", 6: "5.1", 8: "7.1"}


class Route(Protocol):
    """The way of one stream's packets into another file."""

    def packets(self, packet: Packet[Stream] | None) -> list[Packet[Stream]]:
        """Take a packet, or None after the last; give those that are ready, of the other file's stream."""
        ...


class Copy:
    """Passes packets on as they are; their times are made to rise where a damaged file has them fall."""

    def __init__(self, output: OutputContainer, source: Stream) -> None:
        """Add a stream like the source's.

        Raises:
            ValueError: the container cannot hold it.
        """
        self._stream = output.add_stream_from_template(source, opaque=True)
        self._next: int | None = None
        describe(self._stream, source)

    def packets(self, packet: Packet[Stream] | None) -> list[Packet[Stream]]:
        """Give the packet."""
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


class SoundEncoder:
    """Decodes sound and encodes it anew."""

    def __init__(self, output: OutputContainer, source: Stream, encoder: str) -> None:
        """Add a stream of sound like the source's, or the nearest to it that the encoder has.

        Raises:
            ValueError: the container cannot hold it, or the encoder is not there.
        """
        self._source = cast(AudioStream, source)
        rate, layout = _nearest(encoder, self._source)
        stream = cast(AudioStream, output.add_stream(encoder, rate=rate))
        stream.layout = layout
        stream.codec_context.bit_rate = _CHANNEL_RATE * AudioLayout(layout).nb_channels
        stream.codec_context.time_base = Fraction(1, rate)
        self._stream = stream
        describe(stream, source)

    def packets(self, packet: Packet[Stream] | None) -> list[Packet[Stream]]:
        """Give what the packet becomes; nothing for one that is damaged."""
        try:
            frames = self._source.decode(cast("Packet[AudioStream] | None", packet))
        except av.FFmpegError:
            return []
        made = []
        for frame in frames:
            # The time base goes with packets, of which there is none at the end.
            frame.time_base = frame.time_base or self._source.time_base
            made += self._stream.encode(frame)
        if packet is None:
            made += self._stream.encode(None)
        return cast("list[Packet[Stream]]", made)


def _nearest(encoder: str, source: AudioStream) -> tuple[int, str]:
    """Give the rate and the channels nearest to a source's that an encoder takes, by trying."""
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


class CaptionEncoder:
    """Writes text subtitles as another kind of them."""

    def __init__(self, output: OutputContainer, source: Stream, encoder: str) -> None:
        """Add a stream of subtitles like the source's.

        Raises:
            ValueError: the container cannot hold it, or the source's are pictures.
        """
        self._source = cast(SubtitleStream, source)
        if not source.codec_context.codec.text_sub:
            raise ValueError("subtitles that are pictures cannot be written as text")
        source.codec_context.open(strict=False)
        stream = cast(SubtitleStream, output.add_stream(encoder))
        stream.codec_context.subtitle_header = self._source.codec_context.subtitle_header
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.time_base = Fraction(1, 1000)
        self._stream = stream
        describe(stream, source)

    def packets(self, packet: Packet[Stream] | None) -> list[Packet[Stream]]:
        """Give what the packet becomes."""
        if packet is None or packet.pts is None:
            return []
        made: list[Packet[Stream]] = []
        span = packet.duration or 0
        for title in self._source.decode(cast("Packet[SubtitleStream]", packet)):
            if isinstance(title, AssSubtitle):
                text = SubtitleSet.create(text=title.ass, start=0, end=round(span * packet.time_base * 1000))
                written = cast("Packet[Stream]", self._stream.codec_context.encode_subtitle(text))
                written.pts = written.dts = packet.pts
                written.duration = span
                written.time_base = packet.time_base
                written.stream = self._stream
                made.append(written)
        return made


# What a source's file says of a stream as it is stored there, and what is not so any more.
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
    """Give what remains true of a stream or a file when it is written anew: its language, its title and the like."""
    return {name: readable(value) for name, value in notes.items() if not name.upper().startswith(_STALE)}


def describe(stream: Stream, source: Stream) -> None:
    """Say of a stream what the source says of its own."""
    stream.metadata.update(lasting(source.metadata))
    stream.disposition = source.disposition

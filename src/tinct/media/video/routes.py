"""The ways of one stream's packets into another file: copied, or encoded anew where it cannot hold them.

What the source says of the stream goes with them. Languages are spelled as the file's format wants it: by ISO 639, by
the Macintosh's codes, or not at all.
"""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from itertools import product
from typing import cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import OutputContainer
from av.filter import Graph
from av.packet import Packet
from av.stream import Stream
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from tinct.media.video.matroska import wave_name
from tinct.media.video.source import readable

_CHANNEL_RATE = 96_000  # bits a second for each channel: enough that no difference is heard
_COMMON_RATE = 48_000  # the sample rate for encoders that do not take the source's
# The arrangements of this many channels for encoders that do not take the source's; `stereo` for other numbers.
_COMMON_LAYOUTS = {1: "mono", 6: "5.1", 8: "7.1"}
_SLOWEST = Fraction(1, 2)  # the lowest tempo that one `atempo` filter takes


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
        rate, layout = _nearest(encoder, self._source)
        stream = cast(AudioStream, output.add_stream(encoder, rate=rate))
        stream.layout = layout
        stream.codec_context.bit_rate = _CHANNEL_RATE * AudioLayout(layout).nb_channels
        stream.codec_context.time_base = Fraction(1, rate)
        self._stream = stream
        self._stretcher = _Stretcher(stretch) if stretch != 1 else None
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


class _Stretcher:
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


def _nearest(encoder: str, source: AudioStream) -> tuple[int, str]:
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


# The ways of packets: each takes a packet, or None after the last, and returns those that are ready for the other file.
Route = Copy | SoundEncoder | CaptionEncoder

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


# Codes of two letters (ISO 639-1), and of three (ISO 639-2).
_LONG = {
    "ar": "ara", "bg": "bul", "ca": "cat", "cs": "ces", "da": "dan", "de": "deu", "el": "ell", "en": "eng",
    "es": "spa", "et": "est", "fa": "fas", "fi": "fin", "fo": "fao", "fr": "fra", "he": "heb", "hi": "hin",
    "hr": "hrv", "hu": "hun", "is": "isl", "it": "ita", "ja": "jpn", "ko": "kor", "lt": "lit", "lv": "lav",
    "nl": "nld", "no": "nor", "pa": "pan", "pl": "pol", "pt": "por", "ro": "ron", "ru": "rus", "sk": "slk",
    "sl": "slv", "sr": "srp", "sv": "swe", "th": "tha", "tr": "tur", "uk": "ukr", "vi": "vie", "zh": "zho",
}  # fmt: skip
# FFmpeg's codes for the languages of the Macintosh, the only ones that QuickTime files can name.
_QUICKTIME = (
    " alb amh ara arm asm aym aze baq bel ben bul bur cat ces chi dan dut dzo eng epo est fin fo fra geo ger "
    "gre grn guj heb hin hr hun ice ind iri ita jav jpn kan kas kaz khm kin kir kor kur lao lat lav lit mac "
    "mal mar may mlg mlt mol mon nep nor nya ori orm pa per pol por pus que ron run rus san sin slk slv snd "
    "som spa sr sve swa tam tat tel tgk tgl tha tib tir tuk tur uig ukr urd uzb vie wel yid "
)
# Languages that have another code there.
_OTHERWISE = {
    "bod": "tib", "cym": "wel", "cze": "ces", "deu": "ger", "ell": "gre", "eus": "baq", "fao": "fo ", "fas": "per",
    "fre": "fra", "gle": "iri", "hrv": "hr ", "hye": "arm", "isl": "ice", "kat": "geo", "mkd": "mac", "msa": "may",
    "mya": "bur", "nld": "dut", "nob": "nor", "pan": "pa ", "rum": "ron", "slo": "slk", "sqi": "alb", "srp": "sr ",
    "swe": "sve", "zho": "chi",
}  # fmt: skip
# Codes that are used nowhere else, and the usual ones.
_PLAIN = {"fo ": "fao", "hr ": "hrv", "iri": "gle", "pa ": "pan", "sr ": "srp", "sve": "swe"}


def spelled(language: str | None, muxer: str) -> str | None:
    """Return how a language is spelled in a file.

    Args:
        language: as another file says, such as `deu`; None if it does not say.
        muxer: FFmpeg's name of the file's format.

    Returns:
        None if the format has no code for it; `und`, undetermined, is always known.
    """
    if language is None or language == "und":
        return "und"
    plain = _PLAIN.get(language, language)
    if muxer not in ("mov", "mp4"):
        return plain
    long = _LONG.get(plain, plain)
    if muxer == "mp4":
        return long if len(long) == 3 and long.isascii() and long.isalpha() and long.islower() else None
    code = _OTHERWISE.get(long, long)
    return code if f" {code.strip()} " in _QUICKTIME else None

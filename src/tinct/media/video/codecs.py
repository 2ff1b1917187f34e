"""What films can be written as: codecs, containers, and named settings, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tinct.errors import OutputError, SettingError


@dataclass(frozen=True)
class Codec:
    """A way to encode pictures, and how its encoder spells the settings.

    Attributes:
        name: what people call it.
        encoder: FFmpeg's name of the encoder.
        forms: FFmpeg's pixel format for each number of bits.
        suffixes: of the containers that hold it, the usual one first.
        crf: least, usual and greatest constant rate factor: less is better and larger; None where there is none.
        presets: from quick to thorough, or whatever else the encoder has; none where empty.
        preset: the usual one.
        preset_option: what the encoder calls it.
        options: always set.
        even: whether both sides must be even.
        ranged: whether it can say that codes use all values.
    """

    name: str
    encoder: str
    forms: Mapping[int, str]
    suffixes: tuple[str, ...]
    crf: tuple[int, int, int] | None = None
    presets: tuple[str, ...] = ()
    preset: str | None = None
    preset_option: str = "preset"
    options: Mapping[str, str] = field(default_factory=dict)
    even: bool = False
    ranged: bool = True


@dataclass(frozen=True)
class Container:
    """A kind of file.

    Attributes:
        suffix: of its files.
        muxer: FFmpeg's name for it.
        codec: what pictures in it are encoded with where nobody says.
        sound: FFmpeg's encoder for sound that it cannot hold as it is.
        captions: FFmpeg's encoder for written subtitles that it cannot hold as they are.
        refused: beginnings of the names of codecs that FFmpeg would put in and hardly any player knows there.
        options: always set.
    """

    suffix: str
    muxer: str
    codec: str
    sound: str
    captions: str
    refused: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Named:
    """Settings for a purpose.

    Attributes:
        codec: to use.
        suffix: of the file, where nobody names one.
        purpose: in words.
        crf: constant rate factor; the codec's usual one without.
        preset: the codec's usual one without.
        bits: the film's own without.
    """

    codec: str
    suffix: str
    purpose: str
    crf: int | None = None
    preset: str | None = None
    bits: int | None = None


_X26_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
_FAST_START = {"movflags": "+faststart"}

CODECS = {
    codec.name: codec
    for codec in (
        Codec(
            "h264",
            "libx264",
            {8: "yuv420p", 10: "yuv420p10le"},
            (".mp4", ".mov", ".m4v", ".mkv"),
            crf=(0, 18, 51),
            presets=_X26_PRESETS,
            preset="medium",
            # Otherwise x264 with AVX-512 reads past rows of macroblocks when it looks ahead, and the same frames give
            # other bytes each time. Looking 40 frames ahead, as `medium` does, takes 140 MB more at 1080p than 20, and
            # makes no smaller films.
            options={"x264-params": "cpu-independent=1:rc-lookahead=20"},
            even=True,
        ),
        Codec(
            "hevc",
            "libx265",
            {8: "yuv420p", 10: "yuv420p10le", 12: "yuv420p12le"},
            (".mp4", ".mov", ".m4v", ".mkv"),
            crf=(0, 20, 51),
            presets=_X26_PRESETS,
            preset="medium",
            # Segments begin with a frame on which all others depend; `info` would write thread counts into headers.
            options={"x265-params": "log-level=none:info=0:open-gop=0"},
            even=True,
        ),
        Codec(
            "vp9",
            "libvpx-vp9",
            {8: "yuv420p"},
            (".webm", ".mkv", ".mp4"),
            crf=(0, 28, 63),
            presets=tuple("876543210"),
            preset="2",
            preset_option="cpu-used",
            options={"b": "0", "deadline": "good", "row-mt": "1"},
        ),
        Codec(
            "av1",
            "libsvtav1",
            {8: "yuv420p", 10: "yuv420p10le"},
            (".mp4", ".webm", ".mkv"),
            crf=(1, 28, 63),
            presets=tuple(str(number) for number in range(10, -1, -1)),
            preset="6",
        ),
        Codec(
            "prores",
            "prores_ks",
            {10: "yuv422p10le"},
            (".mov", ".mkv"),
            presets=("proxy", "lt", "standard", "hq"),
            preset="hq",
            preset_option="profile",
            options={"vendor": "apl0"},
            ranged=False,
        ),
        Codec(
            "ffv1",
            "ffv1",
            {8: "yuv420p", 10: "yuv420p10le", 12: "yuv420p12le", 16: "yuv420p16le"},
            (".mkv",),
            # Each frame for itself, and with checksums, as archives want it.
            options={"level": "3", "g": "1", "slicecrc": "1", "context": "1"},
        ),
    )
}

CONTAINERS = {
    container.suffix: container
    for container in (
        Container(".mp4", "mp4", "h264", "aac", "mov_text", ("pcm_", "vorbis"), _FAST_START),
        Container(".mov", "mov", "h264", "aac", "mov_text", (), _FAST_START),
        Container(".m4v", "mp4", "h264", "aac", "mov_text", ("pcm_", "vorbis"), _FAST_START),
        Container(".mkv", "matroska", "h264", "libopus", "subrip"),
        Container(".webm", "webm", "vp9", "libopus", "webvtt"),
    )
}

NAMED = {
    "archive": Named("ffv1", ".mkv", "lossless, for keeping"),
    "master": Named("hevc", ".mkv", "hardly a loss, to make other copies from", crf=12, preset="slow", bits=10),
    "edit": Named("prores", ".mov", "for editing programs"),
    "share": Named("h264", ".mp4", "plays everywhere", crf=20, bits=8),
    "small": Named("av1", ".mp4", "for little space", crf=36),
}

# Kinds that people name and that cannot hold a film as it is.
_REFUSED = {
    ".avi": "AVI keeps no times of frames",
    ".gif": "GIF has 256 colours a frame and no sound",
    ".mpg": "MPEG-1 and MPEG-2 files are not written",
    ".wmv": "Windows Media files are not written",
}


def codec_named(name: str) -> Codec:
    """Find a codec.

    Raises:
        SettingError: there is none of that name.
    """
    if name not in CODECS:
        raise SettingError(f"there is no codec {name}; choose one of {', '.join(CODECS)}")
    return CODECS[name]


def container_of(target: str | Path) -> Container:
    """Find the kind of a file to be written, by its suffix.

    Raises:
        OutputError: films are not written as that.
    """
    suffix = Path(target).suffix.lower()
    if suffix not in CONTAINERS:
        why = _REFUSED.get(suffix, f"films are not written as {suffix or 'a file without a suffix'}")
        raise OutputError(f"{target}: {why}; choose one of {', '.join(CONTAINERS)}")
    return CONTAINERS[suffix]

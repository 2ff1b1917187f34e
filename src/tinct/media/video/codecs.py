"""What films are encoded with: codecs, containers and purposes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tinct.errors import OutputError, SettingError
from tinct.media.video.sequence import is_pattern

IMAGES = "images"


@dataclass(frozen=True)
class Codec:
    """A way to encode pictures, and how its encoder spells the settings.

    Attributes:
        encoder: FFmpeg's name of the encoder.
        forms: FFmpeg's pixel format for each number of bits, at the usual chroma subsampling.
        suffixes: of the containers that hold it, the usual one first.
        crf: lowest, usual and highest constant rate factor: a lower one gives better and larger files; None if it has
            none.
        presets: from fast to thorough, or what else the encoder offers.
        preset: the usual one.
        preset_option: the encoder's name for this option.
        options: that are always set.
        even: whether width and height must be even.
        ranged: whether a file can say that it has full range.
        samplings: chroma subsamplings that it supports, such as 422 for 4:2:2; the usual one first.
        lossless: whether all codes are kept exactly.
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
    samplings: tuple[str, ...] = ("420",)
    lossless: bool = False

    def form(self, bits: int, sampling: str) -> str:
        """Return FFmpeg's pixel format for a number of bits and a chroma subsampling that the codec has."""
        return self.forms[bits].replace(self.samplings[0], sampling)


@dataclass(frozen=True)
class Container:
    """A kind of file.

    Attributes:
        muxer: FFmpeg's name for it; `IMAGES` for pictures, one for each frame.
        codec: the usual one for pictures.
        sound: FFmpeg's encoder for sound that it cannot hold as it is.
        captions: FFmpeg's encoder for text subtitles that it cannot hold as they are.
        refused: prefixes of the names of codecs that FFmpeg would write but hardly any player reads there.
        options: that are always set.
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
    """Settings for a purpose; for those that are None, the codec's or the film's own are used."""

    codec: str
    suffix: str
    purpose: str
    crf: int | None = None
    preset: str | None = None
    bits: int | None = None
    sampling: str | None = None


# The kind of ProRes that holds 4:4:4.
PRORES_444 = "4444"
_SAMPLINGS = ("420", "422", "444")
_FAST_START = {"movflags": "+faststart"}
_x26 = partial(
    Codec,
    suffixes=(".mp4", ".mov", ".m4v", ".mkv"),
    presets=("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"),
    preset="medium",
    even=True,
    samplings=_SAMPLINGS,
)

CODECS = {
    codec.name: codec
    for codec in (
        _x26(
            "h264",
            "libx264",
            {8: "yuv420p", 10: "yuv420p10le"},
            crf=(0, 18, 51),
            # Otherwise x264 with AVX-512 reads past rows of macroblocks when it looks ahead, and the same frames give
            # different bytes each time. Looking 40 frames ahead, as `medium` does, takes 140 MB more at 1080p than 20,
            # and does not make films smaller.
            options={"x264-params": "cpu-independent=1:rc-lookahead=20"},
        ),
        _x26(
            "hevc",
            "libx265",
            {8: "yuv420p", 10: "yuv420p10le", 12: "yuv420p12le"},
            crf=(0, 20, 51),
            # Closed GOPs, so that a segment depends on no other; `info` would write thread counts into headers.
            options={"x265-params": "log-level=none:info=0:open-gop=0"},
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
            samplings=_SAMPLINGS,
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
            presets=("proxy", "lt", "standard", "hq", PRORES_444),
            preset="hq",
            preset_option="profile",
            options={"vendor": "apl0"},
            ranged=False,
            samplings=("422", "444"),
        ),
        Codec(
            "ffv1",
            "ffv1",
            {8: "yuv420p", 10: "yuv420p10le", 12: "yuv420p12le", 16: "yuv420p16le"},
            (".mkv",),
            # Every frame stands alone and has checksums, as archives want it.
            options={"level": "3", "g": "1", "slicecrc": "1", "context": "1"},
            samplings=_SAMPLINGS,
            lossless=True,
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
    "master": Named("hevc", ".mkv", "nearly lossless, for making other copies", crf=12, preset="slow", bits=10),
    "edit": Named("prores", ".mov", "for editing programs"),
    "share": Named("h264", ".mp4", "plays everywhere", crf=20, bits=8, sampling="420"),
    "small": Named("av1", ".mp4", "takes little space", crf=36),
}

_rgb = partial(Codec, samplings=("rgb",))
_TIFF = {8: "rgb24", 16: "rgb48le"}
_DPX = {8: "rgb24", 10: "gbrp10be", 12: "gbrp12be", 16: "rgb48be"}
_EXR = {"format": "half", "compression": "zip16"}
_NEARLY_LOSSLESS = {"flags": "+qscale", "global_quality": "236"}  # twice FFmpeg's unit
# Formats of pictures, one for each frame.
PICTURES = {
    codec.name: codec
    for codec in (
        _rgb("png", "png", {8: "rgb24", 16: "rgb48be"}, (".png",), lossless=True),
        _rgb("tiff", "tiff", _TIFF, (".tif", ".tiff"), options={"compression_algo": "deflate"}, lossless=True),
        _rgb("jpeg", "mjpeg", {8: "yuvj444p"}, (".jpg", ".jpeg"), options=_NEARLY_LOSSLESS),
        _rgb("exr", "exr", {16: "gbrpf32le"}, (".exr",), options=_EXR, lossless=True),
        _rgb("dpx", "dpx", _DPX, (".dpx",), lossless=True),
    )
}

# Formats that users may ask for, but that cannot hold a film as it is.
_REFUSED = {
    ".avi": "AVI keeps no times of frames",
    ".gif": "GIF has 256 colours a frame and no sound",
    ".mpg": "MPEG-1 and MPEG-2 files are not written",
    ".wmv": "Windows Media files are not written",
}


def codec_named(name: str) -> Codec:
    """Return the codec of a name; SettingError if there is none."""
    if name not in CODECS:
        raise SettingError(f"there is no codec {name}; choose one of {', '.join(CODECS)}")
    return CODECS[name]


def container_of(target: str | Path) -> Container:
    """Return the container that a file's suffix names; OutputError if films are not written as that."""
    suffix = Path(target).suffix.lower()
    pictures = next((codec for codec in PICTURES.values() if suffix in codec.suffixes), None)
    if pictures is not None:
        if not is_pattern(target):
            name = Path(target).with_suffix("").name
            raise OutputError(
                f"{target}: is one picture; name a film's pictures by a pattern, such as {name}_%04d{suffix}"
            )
        return Container(suffix, IMAGES, pictures.name, "", "")
    if suffix not in CONTAINERS:
        why = _REFUSED.get(suffix, f"films are not written as {suffix or 'a file without a suffix'}")
        raise OutputError(
            f"{target}: {why}; choose one of {', '.join(CONTAINERS)}, or pictures, such as frame_%04d.png"
        )
    return CONTAINERS[suffix]

"""How films are encoded: codecs, containers and purposes, and the recipe for one film."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tinct.errors import OutputError, SettingError
from tinct.media.video.encoders import check_size, ffv1_slices
from tinct.media.video.film import (
    MATRIX_CODES,
    MATRIX_NAMES,
    RANGE_FULL,
    RANGE_LIMITED,
    UNSPECIFIED,
    ColorTags,
    Film,
)


@dataclass(frozen=True)
class Codec:
    """A way to encode pictures, and how its encoder spells the settings.

    Attributes:
        encoder: FFmpeg's name of the encoder.
        forms: FFmpeg's pixel format for each number of bits.
        suffixes: of the containers that hold it, the usual one first.
        crf: least, usual and greatest constant rate factor: less is better and larger; None where there is none.
        presets: from quick to thorough, or whatever else the encoder has.
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
        muxer: FFmpeg's name for it.
        codec: the usual one of its pictures.
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
    """Settings for a purpose; `crf`, `preset` and `bits` are the codec's or the film's own where they are None."""

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
    """Return the codec of a name; SettingError where there is none."""
    if name not in CODECS:
        raise SettingError(f"there is no codec {name}; choose one of {', '.join(CODECS)}")
    return CODECS[name]


def container_of(target: str | Path) -> Container:
    """Return the container that a file's suffix names; OutputError where films are not written as that."""
    suffix = Path(target).suffix.lower()
    if suffix not in CONTAINERS:
        why = _REFUSED.get(suffix, f"films are not written as {suffix or 'a file without a suffix'}")
        raise OutputError(f"{target}: {why}; choose one of {', '.join(CONTAINERS)}")
    return CONTAINERS[suffix]


@dataclass(frozen=True)
class Recipe:
    """How a film is encoded.

    Attributes:
        bits: of the codes.
        form: FFmpeg's pixel format.
        width: of the Y plane as it is encoded: the film's, made even where the codec needs that; `height` likewise.
        chroma_shape: (h, w) of the planes of U and V.
        full_range: whether codes use all values in the file; planes are always given in the film's own range.
        tags: what the file says of its colours.
        options: of the encoder, pairs of names and values.
        remarks: what the result lacks of the film, a sentence each.
    """

    codec: Codec
    container: Container
    bits: int
    form: str
    width: int
    height: int
    chroma_shape: tuple[int, int]
    full_range: bool
    tags: ColorTags
    options: tuple[tuple[str, str], ...]
    crf: int | None
    preset: str | None
    remarks: tuple[str, ...]

    def describe(self) -> str:
        """Format it in a line, such as `h264, 8 bits, crf 18, preset medium`."""
        words = [self.codec.name, f"{self.bits} bits"]
        words += [f"crf {self.crf}"] if self.crf is not None else []
        words += [f"preset {self.preset}"] if self.preset is not None else []
        return ", ".join(words)


def choose_recipe(
    film: Film,
    target: str | Path,
    *,
    codec: str | None = None,
    crf: int | None = None,
    preset: str | None = None,
    bits: int | None = None,
    named: str | None = None,
) -> Recipe:
    """Decide how a film is encoded; 8-bit luma becomes 10-bit luma by two zero bits (with full range by 1023 / 255).

    Args:
        film: the film.
        target: the file to write; its suffix names the container.
        codec: `h264`, `hevc`, `vp9`, `av1`, `prores` or `ffv1`; the container's usual one without it.
        crf: constant rate factor; the codec's usual one without it.
        preset: the codec's usual one without it.
        bits: of the codes; without it as few as hold the film's, or the most that the codec has.
        named: a purpose of `NAMED`, whose crf, preset and bits the other arguments may change.

    Raises:
        OutputError: films are not written as the target's suffix says.
        SettingError: settings do not go together; the message says which do.
    """
    container = container_of(target)
    purpose = _named(named)
    if purpose is not None and codec not in (None, purpose.codec):
        raise SettingError(f"{named} means the codec {purpose.codec}, not {codec}; name one of the two")
    chosen = codec_named(codec or (purpose.codec if purpose is not None else container.codec))
    if container.suffix not in chosen.suffixes:
        others = ", ".join(name for name, other in CODECS.items() if container.suffix in other.suffixes)
        raise SettingError(
            f"{target}: {container.suffix} cannot hold {chosen.name}; write {' or '.join(chosen.suffixes)}, "
            f"or choose one of the codecs {others}"
        )
    if purpose is not None:
        crf = purpose.crf if crf is None else crf
        preset = preset or purpose.preset
        bits = bits or purpose.bits
    crf, preset = _checked_crf(chosen, crf), _checked_preset(chosen, preset)
    bits = _checked_bits(chosen, bits, film.depth)
    width, height = (side + side % 2 if chosen.even else side for side in (film.width, film.height))
    full_range = film.full_range and chosen.ranged
    across, down = (2, 1) if "422" in chosen.forms[bits] else (2, 2)
    return Recipe(
        codec=chosen,
        container=container,
        bits=bits,
        form=chosen.forms[bits],
        width=width,
        height=height,
        chroma_shape=(-(-film.height // down), -(-film.width // across)),
        full_range=full_range,
        tags=_tags(film, full_range=full_range),
        options=_options(chosen, crf, preset, width, height, chosen.forms[bits]),
        crf=crf,
        preset=preset,
        remarks=_remarks(film, chosen, bits, even=(width, height) == (film.width, film.height)),
    )


def default_target(
    film: Film, *, folder: Path | None = None, codec: str | None = None, named: str | None = None
) -> Path:
    """Return the usual place of a result: NAME_color.EXT beside the film, or in a folder.

    EXT is the film's own where that can be written and holds the codec; else the codec's usual one, and .mkv for films
    with sound or subtitles, which holds all kinds.

    Raises:
        SettingError: there is no codec or purpose of that name.
    """
    purpose = _named(named)
    own = film.path.suffix.lower() if not film.images else ""
    if codec is not None:
        suffixes = codec_named(codec).suffixes
    elif purpose is not None:
        suffixes = (purpose.suffix,)
    else:
        suffixes = tuple(CONTAINERS)
    usual = ".mkv" if ".mkv" in suffixes and (film.audio or film.subtitles) else suffixes[0]
    stem = film.path.resolve().name if film.images else film.path.stem
    beside = film.path.resolve().parent if film.images else film.path.parent
    return (folder or beside) / f"{stem}_color{own if own in suffixes else usual}"


def _named(named: str | None) -> Named | None:
    if named is None:
        return None
    if named not in NAMED:
        raise SettingError(f"there are no settings named {named}; choose one of {', '.join(NAMED)}")
    return NAMED[named]


def _checked_crf(codec: Codec, crf: int | None) -> int | None:
    if codec.crf is None:
        if crf is not None:
            rest = f"choose a preset instead: {', '.join(codec.presets)}" if codec.presets else "it is lossless"
            raise SettingError(f"{codec.name} has no constant rate factor (crf); {rest}")
        return None
    least, usual, most = codec.crf
    if crf is not None and not least <= crf <= most:
        raise SettingError(f"the constant rate factor (crf) of {codec.name} must lie in {least}..{most}, not {crf}")
    return usual if crf is None else crf


def _checked_preset(codec: Codec, preset: str | None) -> str | None:
    if preset is not None and preset not in codec.presets:
        known = f"choose one of {', '.join(codec.presets)}" if codec.presets else "leave it out"
        raise SettingError(f"{codec.name} has no preset {preset}; {known}")
    return preset or codec.preset


def _checked_bits(codec: Codec, bits: int | None, depth: int) -> int:
    if bits is None:
        return min((known for known in codec.forms if known >= depth), default=max(codec.forms))
    if bits not in codec.forms:
        known = " or ".join(str(number) for number in codec.forms)
        others = ", ".join(name for name, other in CODECS.items() if bits in other.forms)
        rest = f"; {bits} bits have {others}" if others else ""
        raise SettingError(f"{codec.name} has {known} bits here, not {bits}{rest}")
    return bits


def _options(
    codec: Codec, crf: int | None, preset: str | None, width: int, height: int, form: str
) -> tuple[tuple[str, str], ...]:
    check_size(codec.name, width, height)
    options = dict(codec.options)
    if crf is not None:
        options["crf"] = str(crf)
    if preset is not None:
        options[codec.preset_option] = preset
    if codec.name == "ffv1":
        options["slices"] = ffv1_slices(width, height, form)
    return tuple(sorted(options.items()))


def _tags(film: Film, *, full_range: bool) -> ColorTags:
    """Return what the result says of its colours: what the film said, except what was changed."""
    matrix, span = film.tags.matrix, film.tags.range
    if matrix != UNSPECIFIED and MATRIX_NAMES.get(matrix) != film.matrix_name:
        matrix = MATRIX_CODES[film.matrix_name]
    if full_range:
        span = RANGE_FULL
    elif film.full_range:
        span = RANGE_LIMITED
    return ColorTags(matrix, film.tags.primaries, film.tags.transfer, span)


def _remarks(film: Film, codec: Codec, bits: int, *, even: bool) -> tuple[str, ...]:
    remarks = []
    if bits < film.depth:
        remarks.append(f"its {film.depth} bits of luma became {bits}")
    if not even:
        remarks.append(f"{codec.name} needs even sides: its last column or row is repeated")
    if film.full_range and not codec.ranged:
        remarks.append(f"{codec.name} has no full range: luma was scaled to the limited one")
    return tuple(remarks)

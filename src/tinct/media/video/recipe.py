"""Choose how a film is encoded, by what is asked for, what the film is, and what codecs and containers can do."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from pathlib import Path

import av

from tinct.errors import SettingError
from tinct.media.video.codecs import (
    CODECS,
    CONTAINERS,
    IMAGES,
    NAMED,
    PICTURES,
    PRORES_444,
    Codec,
    Container,
    Named,
    codec_named,
    container_of,
)
from tinct.media.video.film import (
    MATRIX_CODES,
    MATRIX_NAMES,
    RANGE_FULL,
    RANGE_LIMITED,
    UNSPECIFIED,
    ColorTags,
    Film,
)
from tinct.media.video.planes import CHROMA_STEPS, has_alpha
from tinct.media.video.sequence import place_of

_CHROMA_STEPS = {**CHROMA_STEPS, "rgb": (1, 1)}
# The codes (ISO/IEC 23091-2) of sRGB's primaries and transfer curve (IEC 61966-2-1), for pictures that name none.
_SRGB = (1, 13)
# FFV1 cuts frames with at least this many pixels into 16 slices, which are encoded in parallel, and others into 4.
_MANY_SLICES = 640 * 360
# Numbers of slices to try if the usual one does not fit, as with some odd sizes; 0 leaves it to FFmpeg.
_OTHER_SLICES = (16, 4, 24, 30, 0)
_LEAST_HEVC = 64  # x265 writes beyond its memory, or refuses, if an edge is shorter than its coding unit of 64 pixels


@dataclass(frozen=True)
class Recipe:
    """How a film is encoded.

    Attributes:
        bits: of the codes.
        form: FFmpeg's pixel format.
        width: of the Y plane as it is encoded: the film's, made even if the codec needs that; `height` likewise.
        chroma_shape: (h, w) of the planes of U and V.
        full_range: whether codes use all values in the file; planes are always given in the film's own range.
        tags: what the file says about its colours.
        options: of the encoder, pairs of names and values.
        remarks: what of the film the result lacks, one sentence each.
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
    sampling: str | None = None,
    named: str | None = None,
) -> Recipe:
    """Decide how a film is encoded; 8-bit luma becomes 10-bit luma by two zero bits (at full range, times 1023 / 255).

    Args:
        target: the file to write, whose suffix names the container; or a pattern of pictures, such as `f_%04d.dpx`.
        codec: `h264`, `hevc`, `vp9`, `av1`, `prores` or `ffv1`; the container's usual one without it.
        crf: constant rate factor; the codec's usual one without it.
        preset: the codec's usual one without it.
        bits: of the codes; without it as few as hold the film's, or the most that the codec has.
        sampling: chroma subsampling: 420, 422 or 444; without it the film's own if the codec has it.
        named: a purpose of `NAMED`, whose settings the other arguments may change.

    Raises:
        OutputError: films are not written as the target's suffix says.
        SettingError: settings do not go together; the message says which do.
    """
    container = container_of(target)
    purpose = _named(named)
    chosen = _chosen_codec(target, container, codec, purpose, named)
    if purpose is not None:
        crf = purpose.crf if crf is None else crf
        preset = preset or purpose.preset
        bits = bits or purpose.bits
        sampling = sampling or purpose.sampling
    sampling = _chosen_sampling(chosen, film, sampling, preset)
    if chosen.name == "prores" and sampling == "444":
        preset = PRORES_444
    crf, preset = _checked_crf(chosen, crf), _checked_preset(chosen, preset)
    bits = _checked_bits(chosen, bits, film.depth)
    form = chosen.form(bits, sampling)
    width, height = (side + side % 2 if chosen.even else side for side in (film.width, film.height))
    # Pictures have full range; as a film they get the limited range that all players expect, unless it is lossless.
    full_range = film.full_range and chosen.ranged and (chosen.lossless or not film.images)
    across, down = _CHROMA_STEPS[sampling]
    return Recipe(
        codec=chosen,
        container=container,
        bits=bits,
        form=form,
        width=width,
        height=height,
        chroma_shape=(-(-film.height // down), -(-film.width // across)),
        full_range=full_range,
        tags=_tags(film, full_range=full_range, rgb=sampling == "rgb"),
        options=_options(chosen, crf, preset, width, height, form),
        crf=crf,
        preset=preset,
        remarks=_remarks(film, chosen, bits, sampling, even=(width, height) == (film.width, film.height)),
    )


def default_target(
    film: Film, *, folder: Path | None = None, codec: str | None = None, named: str | None = None
) -> Path:
    """Return the usual place of a result: NAME_color.EXT beside the film, or in a folder.

    EXT is the film's own if it can be written and holds the codec; else the codec's usual one, or .mkv for films with
    sound or subtitles, since it holds all kinds of them.

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
    beside, stem = place_of(film.path) if film.images else (film.path.parent, film.path.stem)
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
        rest = f"; codecs with {bits} bits: {others}" if others else ""
        raise SettingError(f"{codec.name} takes {known} bits here, not {bits}{rest}")
    return bits


def _chosen_codec(
    target: str | Path, container: Container, codec: str | None, purpose: Named | None, named: str | None
) -> Codec:
    """Return the codec that was asked for, the purpose's, or else the container's usual one; the container holds it."""
    if container.muxer == IMAGES and (codec, purpose) != (None, None):
        raise SettingError(f"{target}: pictures are not encoded as a film; leave {codec or named} out")
    if purpose is not None and codec not in (None, purpose.codec):
        raise SettingError(f"{named} means the codec {purpose.codec}, not {codec}; name only one of the two")
    chosen = PICTURES.get(container.codec) or codec_named(codec or (purpose.codec if purpose else container.codec))
    if container.suffix not in chosen.suffixes:
        others = ", ".join(name for name, other in CODECS.items() if container.suffix in other.suffixes)
        raise SettingError(
            f"{target}: {container.suffix} cannot hold {chosen.name}; write {' or '.join(chosen.suffixes)}, "
            f"or choose one of the codecs {others}"
        )
    return chosen


def _chosen_sampling(codec: Codec, film: Film, asked: str | None, preset: str | None) -> str:
    """Return the chroma subsampling: what was asked for, the film's, or else the codec's usual one."""
    usual = codec.samplings[0]
    if asked is not None and asked not in codec.samplings:
        raise SettingError(f"{codec.name} takes chroma of {' or '.join(codec.samplings)} here, not {asked}")
    if codec.name == "prores" and preset is not None:
        if asked is not None and (asked == "444") != (preset == PRORES_444):
            raise SettingError(f"prores has 444 chroma with the preset {PRORES_444}, and 422 with the others")
        return "444" if preset == PRORES_444 else usual
    own = film.sampling if film.sampling in codec.samplings else usual
    return asked or own


def _options(
    codec: Codec, crf: int | None, preset: str | None, width: int, height: int, form: str
) -> tuple[tuple[str, str], ...]:
    if codec.name == "hevc" and min(width, height) < _LEAST_HEVC:
        least = f"hevc needs edges of at least {_LEAST_HEVC} pixels"
        raise SettingError(f"{least}, and the film has {width} x {height}; choose another codec, such as h264")
    options = dict(codec.options)
    if crf is not None:
        options["crf"] = str(crf)
    if preset is not None:
        options[codec.preset_option] = preset
    if codec.name == "ffv1":
        options["slices"] = _ffv1_slices(width, height, form)
    return tuple(sorted(options.items()))


def _ffv1_slices(width: int, height: int, form: str) -> str:
    """Return a number of slices for FFV1 that FFmpeg does not refuse at this size and pixel format."""
    usual = 16 if width * height >= _MANY_SLICES else 4
    for count in (usual, *_OTHER_SLICES):
        context = av.CodecContext.create("ffv1", "w")
        context.width, context.height, context.pix_fmt = width, height, form
        context.time_base = Fraction(1, 25)
        context.options = {"level": "3", "slices": str(count)}
        try:
            context.open()
        except av.FFmpegError:
            continue
        return str(count)
    return str(usual)


def _tags(film: Film, *, full_range: bool, rgb: bool) -> ColorTags:
    """Return what the result says about its colours: what the film stated, except what was changed."""
    matrix, span = film.tags.matrix, film.tags.range
    if matrix != UNSPECIFIED and MATRIX_NAMES.get(matrix) != film.matrix_name:
        matrix = MATRIX_CODES[film.matrix_name]
    if rgb:  # pictures of RGB have no matrix, and keep the film's own curve
        return ColorTags(range=RANGE_FULL)
    if full_range:
        span = RANGE_FULL
    elif film.full_range:
        span = RANGE_LIMITED
    if not film.images:
        return ColorTags(matrix, film.tags.primaries, film.tags.transfer, span)
    usual = (MATRIX_CODES[film.matrix_name], *_SRGB)
    stated = (matrix, film.tags.primaries, film.tags.transfer)
    known = [default if own == UNSPECIFIED else own for own, default in zip(stated, usual, strict=True)]
    return ColorTags(known[0], known[1], known[2], span)


def _remarks(film: Film, codec: Codec, bits: int, sampling: str, *, even: bool) -> tuple[str, ...]:
    remarks = []
    if bits < film.depth:
        remarks.append(f"its {film.depth} bits of luma became {bits}")
    if film.sampling is not None and prod(_CHROMA_STEPS[film.sampling]) < prod(_CHROMA_STEPS[sampling]):
        own, became = (":".join(name) for name in (film.sampling, sampling))
        remarks.append(f"its {own} chroma became {became}")
    remarks += [f"what its frames hold besides pixels is left out: {what}" for what in sorted(film.beside)]
    if film.codec != "gif" and has_alpha(film.pixel_format):
        remarks.append("its transparency is left out")
    if not even:
        remarks.append(f"{codec.name} needs an even width and height: its last column or row is repeated")
    if film.full_range and not codec.ranged and not film.images:
        remarks.append(f"{codec.name} cannot mark full range: luma was scaled to limited range")
    return (*remarks, *(_lost_in_pictures(film) if sampling == "rgb" else ()))


def _lost_in_pictures(film: Film) -> list[str]:
    """Return what of a film pictures do not hold, one sentence each."""
    lost = []
    if not film.images:
        lost.append(f"pictures hold no times: the film has {film.rate} frames a second")
    if film.display_matrix is not None:
        lost.append(f"pictures are not turned, whereas players turn the film by {film.rotation:g} degrees")
    if film.sample_aspect != 1:
        lost.append(f"the film's pixels are {film.sample_aspect.numerator}:{film.sample_aspect.denominator} wide")
    kinds = {"subtitles": film.subtitles, "chapters": film.chapters, "attachments, data or covers": film.others}
    return lost + [f"pictures hold no {kind}: {len(held)} left out" for kind, held in kinds.items() if held]

"""How one film is to be encoded: what was asked for, what the film is and what codec and container can do, together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinct.errors import SettingError
from tinct.media.video.codecs import CODECS, CONTAINERS, NAMED, Codec, Container, Named, codec_named, container_of
from tinct.media.video.film import (
    MATRIX_CODES,
    MATRIX_NAMES,
    RANGE_FULL,
    RANGE_LIMITED,
    UNSPECIFIED,
    ColorTags,
    Film,
)

# FFV1 cuts frames with at least so many pixels into 16 slices, which are encoded side by side, and others into 4.
_MANY_SLICES = 640 * 360


@dataclass(frozen=True)
class Recipe:
    """How a film is encoded.

    Attributes:
        codec: what encodes the pictures.
        container: the kind of file.
        bits: of the codes.
        form: FFmpeg's pixel format.
        width: of the Y plane as it is encoded: the film's, made even where the codec needs that.
        height: likewise.
        chroma_shape: (h, w) of the planes of U and V.
        full_range: whether codes use all values in the file; planes are always given in the film's own range.
        tags: what the file says of its colours.
        options: of the encoder, pairs of names and values.
        crf: constant rate factor, where the codec has one.
        preset: where the codec has any.
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
        """Write it in a line, such as `h264, 8 bits, crf 18, preset medium`."""
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
    """Decide how a film is encoded.

    Args:
        film: what it is.
        target: the file to write; its suffix names the container.
        codec: `h264`, `hevc`, `vp9`, `av1`, `prores` or `ffv1`; the container's usual one without it.
        crf: constant rate factor; the codec's usual one without it.
        preset: the codec's usual one without it.
        bits: of the codes; without it as few as hold the film's, or the most that the codec has.
        named: `archive`, `master`, `edit`, `share` or `small` (`codecs.NAMED`): settings for a purpose, of which crf,
            preset and bits may be changed.

    Returns:
        The recipe. 8-bit luma becomes 10-bit luma by two zero bits (with full range by 1023 / 255).

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
        options=_options(chosen, crf, preset, film),
        crf=crf,
        preset=preset,
        remarks=_remarks(film, chosen, bits, even=(width, height) == (film.width, film.height)),
    )


def default_target(
    film: Film, *, folder: Path | None = None, codec: str | None = None, named: str | None = None
) -> Path:
    """Give where a result goes if nobody says: NAME_color.EXT beside the film, or in a folder.

    EXT is the film's own where that can be written and holds the codec; else the codec's usual one, and .mkv for films
    with sound or subtitles, which holds all kinds.

    Raises:
        SettingError: there is no codec or named setting of that name.
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
    return (folder or film.path.resolve().parent) / f"{stem}_color{own if own in suffixes else usual}"


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


def _options(codec: Codec, crf: int | None, preset: str | None, film: Film) -> tuple[tuple[str, str], ...]:
    options = dict(codec.options)
    if crf is not None:
        options["crf"] = str(crf)
    if preset is not None:
        options[codec.preset_option] = preset
    if codec.name == "ffv1":
        options["slices"] = "16" if film.width * film.height >= _MANY_SLICES else "4"
    return tuple(sorted(options.items()))


def _tags(film: Film, *, full_range: bool) -> ColorTags:
    """Give what the result says of its colours: what the film said, but for what was changed."""
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

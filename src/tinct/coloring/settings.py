"""Settings of how colours are computed: one frozen `Decoding`, checked when it is made and then passed on whole.

`PhotoSettings` and `VideoSettings` add what concerns only photographs or only films. The command line, the API and the
docs take their options, defaults and texts from the fields. Nothing heavy is imported here, so that `tinct --help`
stays fast.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from tinct.errors import SettingError
from tinct.media.video import DEINTERLACE
from tinct.runtime import DEFAULT_MODEL, RUNTIMES, VIEWS, check_running

if TYPE_CHECKING:
    from tinct.coloring.directions import ShotSettings
    from tinct.coloring.hints.hint import FilmHint, Hint


MEMORIES = ("off", "shot", "scene")
# A value of `keep` instead of a mask: spots of colour are found in a film's grey frames and kept.
KEEP_AUTO = "auto"


class Options(TypedDict, total=False):
    """The fields of `Decoding` except the model, as keywords of the public functions."""

    runtime: str
    temperature: float | None
    caution: float | None
    cautious: bool
    saturation: float
    size: int | None
    views: int | None
    denoise: str | float
    tones: str
    frames: str
    negative: bool
    references: tuple[str | Path, ...]
    keep: str | Path | None
    threads: int | None


def described(default: Any, text: str, metavar: str | None = None, *, flag: str | None = None, **limits: float) -> Any:
    """Return a field with its default, help text, value placeholder, flag, and limits `gt`, `ge` and `le`."""
    return field(default=default, metadata={"help": text, "metavar": metavar, "flag": flag, "limits": limits})


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """A model, and how its answer becomes colours. A value of None means the model's own.

    Each field's text below says what it is for. `cautious` replaces `caution`: it means the larger of
    `tinct.color.decoding.CAUTIOUS` and the model's own caution. The network sees a copy of the picture whose
    sqrt(height x width) is at most `size` pixels. `views` of a photograph are: as it is, mirrored, and both enlarged.
    `denoise` is `auto`, `off`, or the grain's standard deviation in 8-bit steps; the picture itself is never denoised.
    `tones` is `auto` or `off`; see `tinct.color.tonal_range.normal_tones`. `frames` is `auto` or
    `off`; see `tinct.color.page_layout`. `negative` is for photographs; films cannot be inverted.

    Raises:
        SettingError: a value is out of range.
    """

    model: str | Path = described(  # noqa: RUF009 - a field
        DEFAULT_MODEL, "Use this model: a name that `tinct models` lists, or a model file.", "NAME|FILE"
    )
    runtime: str = described("auto", "Choose what runs the network.", "|".join(RUNTIMES))
    temperature: float | None = described(
        None, "Set how vivid colours are: more vivid towards 0, muted at 1. Default: the model's own.", "T", gt=0
    )
    caution: float | None = described(
        None,
        "Fade colours where opposite hues are likely: 0 not at all, 1 strongly. Default: the model's own.",
        "X",
        ge=0,
        le=4,
    )
    cautious: bool = described(False, "Fade colours wherever the network is unsure of the hue, like a caution of 2.")
    saturation: float = described(
        1.0, "Multiply the strength of the colours: 0 is grey, 1 unchanged, 2 twice as strong.", "X", ge=0, le=4
    )
    size: int | None = described(
        None,
        "Set the size at which the network sees the picture; above the model's own, colours gain detail and otherwise "
        "stay the same. Default: the model's own.",
        "PIXELS",
        ge=16,
        le=4096,
    )
    views: int | None = described(
        None,
        "Average the network's answers to this many views of a photograph (mirrored, enlarged); 1 is fastest. "
        "Default: the model's own.",
        "|".join(map(str, VIEWS)),
    )
    denoise: str | float = described(
        "auto",
        "Denoise the copy that the network sees, never the picture itself; N is the grain's strength in 8-bit steps.",
        "auto|off|N",
        ge=0,
        le=100,
    )
    tones: str = described(
        "auto",
        "Correct the tones of a faded, dark or bright photograph in the copy that the network sees, never in the "
        "picture itself.",
        "auto|off",
    )
    frames: str = described(
        "auto",
        "Find the photographs on a scan, colour each by itself, and leave the frame and page around them as they are.",
        "auto|off",
    )
    negative: bool = described(
        False,
        "Invert a photographic negative, for the network and in the result; the orange mask of colour film stays.",
    )
    references: tuple[str | Path, ...] = described(
        (),
        "Take colours from this colour picture wherever it shows the same thing or a similar one; may be given several "
        "times.",
        "FILE",
        flag="--reference",
    )
    keep: str | Path | None = described(  # noqa: RUF009 - a field
        None,
        "Keep the picture's own colours where this mask, a picture of the same proportions, is white or painted.",
        "MASK",
    )
    threads: int | None = described(None, "Use this many processor threads. Default: all cores.", "N", ge=1)

    def __post_init__(self) -> None:
        """Check the values."""
        from tinct.color.decoding import check_decoding

        check_decoding(temperature=1.0 if self.temperature is None else self.temperature, caution=self.caution or 0.0)
        if self.cautious and self.caution is not None:
            raise SettingError(f"cautious and a caution of {self.caution:g} exclude each other; give only one of them")
        strength = limits("saturation")
        if not strength["ge"] <= self.saturation <= strength["le"]:
            raise SettingError(f"saturation must lie in {strength['ge']}..{strength['le']}, not {self.saturation}")
        check_running(runtime=self.runtime, threads=self.threads)
        size = limits("size")
        if self.size is not None and not size["ge"] <= self.size <= size["le"]:
            raise SettingError(f"the working size must lie in {size['ge']}..{size['le']} pixels, not {self.size}")
        if self.views is not None and self.views not in VIEWS:
            raise SettingError(f"there can be 1, 2 or 4 views, not {self.views}")
        for name in ("tones", "frames"):
            if getattr(self, name) not in ("auto", "off"):
                raise SettingError(f"{name} must be auto or off, not {getattr(self, name)!r}")
        object.__setattr__(self, "denoise", checked_denoise(self.denoise))
        object.__setattr__(self, "references", tuple(str(path) for path in self.references))
        object.__setattr__(self, "keep", None if self.keep is None else str(self.keep))

    @property
    def keep_mask(self) -> str | None:
        """Return the file of the mask that `keep` names; None if there is none, or if spots are to be found."""
        return None if self.keep is None or self.keep == KEEP_AUTO else str(self.keep)

    def changed(self, **options: Unpack[Options]) -> Self:
        """Return these settings with the given options changed; None leaves an option as it is."""
        given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        if "caution" in given:
            given.setdefault("cautious", False)
        return replace(self, **given)


@dataclass(frozen=True, kw_only=True)
class PhotoSettings(Decoding):
    """How to colorize photographs. `hints` belong to one picture, so with hints only one can be colorized.

    Sheets and maps are called NAME_color_sheet.EXT and NAME_color_confidence.EXT; `explain_to` gets a subfolder for
    each picture.
    """

    hints: tuple[Hint, ...] = ()
    compare: bool = described(False, "Write a before/after sheet beside each result.")
    confidence: bool = described(False, "Write, beside each result, maps of how sure the network was.")
    explain: bool = described(False, "Say what was decided at each stage of colouring a picture.")
    explain_to: str | Path | None = described(  # noqa: RUF009 - a field
        None, "Explain, and also write a picture of each stage into this folder.", "FOLDER"
    )
    pages: str = described(
        "first",
        "Colorize the first page of TIFF files with several pages, or all of them, as NAME_p1_color.EXT and so on.",
        "first|all",
    )
    crop: bool = described(
        False,
        "Write each photograph found on a scan by itself, upright: the first under the result's name, the others as "
        "NAME_color_2.EXT and so on.",
    )
    strict: bool = described(False, "Refuse damaged pictures, instead of colorizing what can be read of them.")
    recolor: bool = described(False, "Colorize even pictures that have colours already.")
    update: bool = described(
        False, "Replace results in the output folder whose picture, settings or model have changed since."
    )
    overwrite: bool = described(False, "Replace existing results.")

    def __post_init__(self) -> None:
        """Check the values."""
        super().__post_init__()
        if self.pages not in ("first", "all"):
            raise SettingError(f"pages must be first or all, not {self.pages!r}")
        if self.keep == KEEP_AUTO:
            raise SettingError(
                "keep auto is for films only; for photographs name a mask (./auto if the file is called auto)"
            )
        if self.crop and self.keep is not None:
            raise SettingError(
                "crop writes each photograph by itself, but the mask of keep is for the whole scan; leave one out"
            )
        if self.crop and self.frames == "off":
            raise SettingError("crop writes the photographs that frames finds, but frames is off; leave one out")


@dataclass(frozen=True, kw_only=True)
class VideoSettings(Decoding):
    """How to colorize a film.

    `hints` belong to single frames, see `tinct.coloring.film.hints`; `shots` are settings of single shots, in order.
    """

    hints: tuple[FilmHint, ...] = ()
    shots: tuple[ShotSettings, ...] = ()
    references: tuple[str | Path, ...] = described(
        (),
        "Take colours from this colour picture wherever it shows the same thing or a similar one; a still of the film "
        "is recognised. 120@FILE is only for frame 120 and its scene, 4.8s@FILE or 1:02.5@FILE for the frame at that "
        "time. May be given several times.",
        "[FRAME@|TIME@]FILE",
        flag="--reference",
    )
    keep: str | Path | None = described(  # noqa: RUF009 - a field
        None,
        "Keep the film's own colours where this mask, a picture of the same proportions, is white or painted; auto "
        "keeps spots of colour found in grey frames: captions, inserts, painted parts.",
        "MASK|auto",
    )
    smoothing: str = described(
        "motion",
        "Smooth colours over time: along the motion (motion), with the kernel of Billaut et al. 2018 (paper) or one of "
        "your own (ALPHA,FRAMES), or not at all (off).",
        "WAY",
    )
    memory: str | None = described(
        None,
        "Remember what a shot, or all shots of a scene, show, so that things keep their colours. Default: scene if the "
        "smoothing is motion, else off.",
        "off|shot|scene",
    )
    purpose: str | None = described(
        None, "Choose codec and quality for a purpose: archive, master, edit, share or small.", "NAME"
    )
    codec: str | None = described(None, "Encode with h264, hevc, vp9, av1, prores or ffv1.", "NAME")
    crf: int | None = described(None, "Set the codec's quality: lower is better.", "N")
    preset: str | None = described(None, "Set the encoder's own effort, such as slow or fast.", "NAME")
    bits: int | None = described(None, "Write 8, 10, 12 or 16 bits a channel. Default: the film's.", "8|10|12|16")
    chroma: str | None = described(
        None,
        "Set the chroma subsampling: 4:2:0, 4:2:2 or 4:4:4. Default: the film's, if the codec has it.",
        "420|422|444",
    )
    negative: bool = False  # it has no help text, so no command offers it
    sound: str = described(
        "copy", "Copy the sound, encode it anew where necessary, or leave it out.", "copy|encode|none"
    )
    start: float | None = described(None, "Leave out what comes before this time.", "SECONDS")
    end: float | None = described(None, "Leave out everything from this time on.", "SECONDS")
    rate: float | None = described(
        None,
        "Play pictures, or a film's frames, at this many a second, such as 18 for Super-8; with --sound encode, a "
        "film's sound is stretched to match, at the same pitch.",
        "FPS",
    )
    deinterlace: str = described(
        "auto",
        "Deinterlace to one frame for each frame (single) or for each field (double), or restore the film frames from "
        "3:2 pulldown (film). Default: as needed; off leaves all frames as they are.",
        "auto|off|single|double|film",
    )
    compare: bool = described(False, "Show the original film beside the result, in one picture.")
    recolor: bool = described(False, "Colorize even shots that have colours already.")
    update: bool = described(
        False, "Replace results in the output folder whose film, settings or model have changed since."
    )
    overwrite: bool = described(False, "Replace existing results.")

    def __post_init__(self) -> None:
        """Check the values."""
        super().__post_init__()
        if self.deinterlace not in DEINTERLACE:
            raise SettingError(f"deinterlace must be {', '.join(DEINTERLACE)}, not {self.deinterlace!r}")
        if self.negative:
            raise SettingError("tinct cannot invert a film; invert it with FFmpeg's filter negate first")
        if self.memory not in (None, *MEMORIES):
            raise SettingError(f"memory must be {', '.join(MEMORIES)}, not {self.memory!r}")
        # A shot's reference is one for its first frame, and applies from there to whatever shows the same.
        named = [f"{shot.frame}@{path}" for shot in self.shots for path in shot.references]
        missing = [name for name in named if name not in self.references]
        object.__setattr__(self, "references", (*self.references, *missing))
        if self.chroma not in (None, "420", "422", "444"):
            raise SettingError(f"chroma must be 420, 422 or 444, not {self.chroma!r}")


def help_of(name: str) -> str:
    """Return the help text of a field of `Decoding`."""
    return str(Decoding.__dataclass_fields__[name].metadata["help"])


def limits(name: str) -> dict[str, float]:
    """Return those limits `gt`, `ge` and `le` that a field has."""
    return dict(Decoding.__dataclass_fields__[name].metadata["limits"])


def checked_denoise(denoise: str | float) -> str | float:
    """Return `auto`, `off`, or a number within the limits.

    Raises:
        SettingError: it is none of these.
    """
    if denoise in ("auto", "off"):
        return denoise
    try:
        number = float(denoise)
    except (TypeError, ValueError):
        number = -1.0
    least, most = limits("denoise")["ge"], limits("denoise")["le"]
    if not least <= number <= most:
        raise SettingError(f"denoise must be auto, off, or a number in {least}..{most}, not {denoise!r}")
    return number

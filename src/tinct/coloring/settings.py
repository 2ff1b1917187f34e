"""How colours are computed: one frozen `Decoding`, checked where it is made and carried whole from there on.

What photographs and films have beside it are `PhotoSettings` and `VideoSettings`. The command line, the API and the
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
# In place of a mask of what keeps its colours: spots of colour that are found in grey frames of a film.
KEEP_AUTO = "auto"


class Options(TypedDict, total=False):
    """The fields of `Decoding` but for the model, as keywords of the public functions."""

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
    """Return a field with default, text, the placeholder of its value, its flag, and its limits `gt`, `ge` and `le`."""
    return field(default=default, metadata={"help": text, "metavar": metavar, "flag": flag, "limits": limits})


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """A model, and how its answer becomes colours. Where a value is None, the model's own is taken.

    What each field is for stands in its text below. `cautious` is a caution of `tinct.color.decoding.CAUTIOUS`, or the
    model's own where that is more, and stands in place of `caution`. The network sees a picture with
    sqrt(height x width) of `size` pixels. `views` are of a photograph: as it is, mirrored, and both from nearer.
    `denoise` is `auto`, `off`, or the grain's standard deviation in 8-bit steps; the picture itself is never denoised.
    `tones` is `auto` or `off`; see `tinct.color.tones.normal_tones`. `frames` is `auto` or
    `off`; see `tinct.color.frames`. `negative` is for photographs; films cannot be inverted.

    Raises:
        SettingError: a value is out of range.
    """

    model: str | Path = described(  # noqa: RUF009 - a field
        DEFAULT_MODEL, "Use this model: a name that `tinct models` lists, or a model file.", "NAME|FILE"
    )
    runtime: str = described("auto", "Choose what runs the network.", "|".join(RUNTIMES))
    temperature: float | None = described(
        None, "Set how vivid: towards 0 more, at 1 muted. Default: the model's own.", "T", gt=0
    )
    caution: float | None = described(
        None,
        "Fade colours where opposite hues are likely: 0 not at all, 1 much. Default: the model's own.",
        "X",
        ge=0,
        le=4,
    )
    cautious: bool = described(False, "Fade colours wherever the network is unsure of the hue, as a caution of 2.")
    saturation: float = described(
        1.0, "Multiply the strength of the colours: 0 is grey, 1 as they come, 2 twice as strong.", "X", ge=0, le=4
    )
    size: int | None = described(
        None,
        "Set the size at which the network looks; above the model's own it adds detail, and no other colours. "
        "Default: the model's own.",
        "PIXELS",
        ge=16,
        le=4096,
    )
    views: int | None = described(
        None,
        "Average the network's answers to this many views of a photograph (mirrored, from nearer); 1 is quickest. "
        "Default: the model's own.",
        "|".join(map(str, VIEWS)),
    )
    denoise: str | float = described(
        "auto", "Denoise what the network sees, never the picture.", "auto|off|N", ge=0, le=100
    )
    tones: str = described(
        "auto",
        "Bring a faded, dark or bright photograph to usual tones for the network, never the picture.",
        "auto|off",
    )
    frames: str = described(
        "auto",
        "Find the photographs on a scan, look at each by itself, and leave frame and page as they are.",
        "auto|off",
    )
    negative: bool = described(
        False, "Invert a photographic negative, for the network and in the result; not the orange mask of colour film."
    )
    references: tuple[str | Path, ...] = described(
        (),
        "Take colours from this colour picture wherever it shows the same thing, or one of its kind; may be given "
        "several times.",
        "FILE",
        flag="--reference",
    )
    keep: str | Path | None = described(  # noqa: RUF009 - a field
        None,
        "Keep the colours that the picture or film has wherever this mask, a picture of its proportions, is white or "
        "painted.",
        "MASK",
    )
    threads: int | None = described(None, "Use this many processor threads. Default: all cores.", "N", ge=1)

    def __post_init__(self) -> None:
        """Check the values."""
        from tinct.color.decoding import check_decoding

        check_decoding(temperature=1.0 if self.temperature is None else self.temperature, caution=self.caution or 0.0)
        if self.cautious and self.caution is not None:
            raise SettingError(f"cautious, and a caution of {self.caution:g}: give one of the two")
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
        """Return the file of the mask of what keeps its colours; None without one, and where spots are found."""
        return None if self.keep is None or self.keep == KEEP_AUTO else str(self.keep)

    def changed(self, **options: Unpack[Options]) -> Self:
        """Return these settings with some others; what is None stays as it is."""
        given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        if "caution" in given:
            given.setdefault("cautious", False)
        return replace(self, **given)


@dataclass(frozen=True, kw_only=True)
class PhotoSettings(Decoding):
    """How to colorize photographs. `hints` are of one picture; there can be no others then.

    Sheets and maps are called NAME_color_sheet.EXT and NAME_color_confidence.EXT; `explain_to` gets a subfolder for
    each picture.
    """

    hints: tuple[Hint, ...] = ()
    compare: bool = described(False, "Write a before/after sheet beside each result.")
    confidence: bool = described(False, "Write maps of how sure the network was beside each result.")
    explain: bool = described(False, "Say what was decided at each stage of a picture's way.")
    explain_to: str | Path | None = described(  # noqa: RUF009 - a field
        None, "Explain, and write a picture of each stage into this folder.", "FOLDER"
    )
    pages: str = described(
        "first", "Take the first page of TIFF files with several, or each, as NAME_p1_color.EXT and so on.", "first|all"
    )
    crop: bool = described(
        False, "Write the photographs found on a scan alone, upright: the first, and NAME_color_2.EXT and so on."
    )
    strict: bool = described(False, "Refuse damaged pictures, instead of colorizing what can be saved of them.")
    recolor: bool = described(False, "Colorize even pictures that have colours already.")
    update: bool = described(
        False, "Replace results of an output folder whose picture, settings or model changed since."
    )
    overwrite: bool = described(False, "Replace results that are there already.")

    def __post_init__(self) -> None:
        """Check the values."""
        super().__post_init__()
        if self.pages not in ("first", "all"):
            raise SettingError(f"pages must be first or all, not {self.pages!r}")
        if self.keep == KEEP_AUTO:
            raise SettingError(
                "keep auto is for films, where captions come and go; name a mask (./auto if it is called so)"
            )
        if self.crop and self.keep is not None:
            raise SettingError("crop writes photographs alone, and keep is a mask of the whole scan; leave one out")
        if self.crop and self.frames == "off":
            raise SettingError("crop writes what frames finds, and frames is off; leave one out")


@dataclass(frozen=True, kw_only=True)
class VideoSettings(Decoding):
    """How to colorize a film.

    `hints` are of some frames, see `tinct.coloring.film.hints`; `shots` are settings of some shots, in their order.
    """

    hints: tuple[FilmHint, ...] = ()
    shots: tuple[ShotSettings, ...] = ()
    references: tuple[str | Path, ...] = described(
        (),
        "Take colours from this colour picture wherever it shows the same thing, or one of its kind; a still of the "
        "film is recognised. 120@FILE is for frame 120 and its scene alone, 4.8s@FILE or 1:02.5@FILE for the frame at "
        "that time. May be given several times.",
        "[FRAME@|TIME@]FILE",
        flag="--reference",
    )
    keep: str | Path | None = described(  # noqa: RUF009 - a field
        None,
        "Keep the film's own colours wherever this mask, a picture of its proportions, is white or painted; auto keeps "
        "spots of colour that are found in grey frames: captions, inserts, what somebody painted.",
        "MASK|auto",
    )
    smoothing: str = described(
        "motion", "Smooth colours over time: motion, paper (its kernel), ALPHA,FRAMES (such a kernel), or off.", "WAY"
    )
    memory: str | None = described(
        None,
        "Remember what a shot, or all shots of a scene, show, so that colours last. Default: scene with the smoothing "
        "motion, else off.",
        "off|shot|scene",
    )
    purpose: str | None = described(
        None, "Choose codec and quality for a purpose: archive, master, edit, share or small.", "NAME"
    )
    codec: str | None = described(None, "Encode with h264, hevc, vp9, av1, prores or ffv1.", "NAME")
    crf: int | None = described(None, "Set the codec's quality: lower is better.", "N")
    preset: str | None = described(None, "Set the encoder's own effort, such as slow or fast.", "NAME")
    bits: int | None = described(None, "Write 8 or 10 bits a channel, or 12 or 16. Default: the film's.", "8|10|12|16")
    chroma: str | None = described(
        None,
        "Store colours at this size: 4:2:0, 4:2:2 or 4:4:4. Default: the film's, where the codec has it.",
        "420|422|444",
    )
    negative: bool = False  # without a text, so that no command offers it
    sound: str = described(
        "copy", "Copy the sound, encode it anew where it must be, or leave it out.", "copy|encode|none"
    )
    start: float | None = described(None, "Leave out what comes before this time.", "SECONDS")
    end: float | None = described(None, "Leave out what comes from this time on.", "SECONDS")
    rate: float | None = described(
        None,
        "Show pictures, or a film's frames, at this many a second, such as 18 for Super-8; a film's sound "
        "is stretched, its pitch kept, with --sound encode.",
        "FPS",
    )
    deinterlace: str = described(
        "auto",
        "Make a frame of each interlaced one (single), one of each field (double), or the film frames of 3:2 pulldown "
        "(film). Default: what is found; off leaves them as they are.",
        "auto|off|single|double|film",
    )
    compare: bool = described(False, "Put the film as it was beside the result, in one picture.")
    recolor: bool = described(False, "Colorize even shots that have colours already.")
    update: bool = described(False, "Replace results of an output folder whose film, settings or model changed since.")
    overwrite: bool = described(False, "Replace results that are there already.")

    def __post_init__(self) -> None:
        """Check the values."""
        super().__post_init__()
        if self.deinterlace not in DEINTERLACE:
            raise SettingError(f"deinterlace must be {', '.join(DEINTERLACE)}, not {self.deinterlace!r}")
        if self.negative:
            raise SettingError("a film cannot be inverted here; do so with FFmpeg's filter negate first")
        if self.memory not in (None, *MEMORIES):
            raise SettingError(f"memory must be {', '.join(MEMORIES)}, not {self.memory!r}")
        # A reference of a shot is one for its first frame, and so for what shows the same.
        named = [f"{shot.frame}@{path}" for shot in self.shots for path in shot.references]
        missing = [name for name in named if name not in self.references]
        object.__setattr__(self, "references", (*self.references, *missing))
        if self.chroma not in (None, "420", "422", "444"):
            raise SettingError(f"chroma must be 420, 422 or 444, not {self.chroma!r}")


def help_of(name: str) -> str:
    """Return what a field of `Decoding` is for, as the help shows it."""
    return str(Decoding.__dataclass_fields__[name].metadata["help"])


def limits(name: str) -> dict[str, float]:
    """Return a field's limits by `gt`, `ge` and `le`, those that it has."""
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

"""How colours are computed: one frozen `Decoding`, checked where it is made and carried whole from there on.

The command line, the API and the docs take their options, defaults and texts from its fields. Nothing heavy is imported
here, so that `tinct --help` stays fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

from tinct.errors import SettingError
from tinct.runtime import DEFAULT_MODEL, RUNTIMES, VIEWS, check_running


class Options(TypedDict, total=False):
    """The fields of `Decoding` but for the model, as keywords of the public functions."""

    runtime: str
    temperature: float | None
    caution: float | None
    cautious: bool
    size: int | None
    views: int | None
    denoise: str | float
    threads: int | None


def _text(help: str, metavar: str | None = None, **limits: float) -> dict[str, Any]:  # noqa: A002
    """Return a field's metadata: its text, and its limits `gt`, `ge` and `le`, as Pydantic calls them."""
    return {"help": help, "metavar": metavar, "limits": limits}


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """A model, and how its answer becomes colours. Where a value is None, the model's own is taken.

    What each field is for stands in its text below. `cautious` is a caution of `tinct.color.decoding.CAUTIOUS`, or the
    model's own where that is more, and stands in place of `caution`. The network sees a picture with
    sqrt(height x width) of `size` pixels. `views` are of a photograph: as it is, mirrored, and both from nearer.
    `denoise` is `auto`, `off`, or the grain's standard deviation in 8-bit steps; the picture itself is never denoised.

    Raises:
        SettingError: a value is out of range.
    """

    model: str | Path = field(
        default=DEFAULT_MODEL,
        metadata=_text("Use this model: a name that `tinct models` lists, or a model file.", "NAME|FILE"),
    )
    runtime: str = field(default="auto", metadata=_text("Choose what runs the network.", "|".join(RUNTIMES)))
    temperature: float | None = field(
        default=None, metadata=_text("Set how vivid: towards 0 more, at 1 muted. Default: the model's own.", "T", gt=0)
    )
    caution: float | None = field(
        default=None,
        metadata=_text(
            "Fade colours where opposite hues are likely: 0 not at all, 1 much. Default: the model's own.",
            "X",
            ge=0,
            le=4,
        ),
    )
    cautious: bool = field(
        default=False, metadata=_text("Fade colours wherever the network is unsure of the hue, as a caution of 2.")
    )
    size: int | None = field(
        default=None,
        metadata=_text("Set the size at which the network looks. Default: the model's own.", "PIXELS", ge=16, le=4096),
    )
    views: int | None = field(
        default=None,
        metadata=_text(
            "Average the network's answers to this many views of a photograph (mirrored, from nearer); 1 is quickest. "
            "Default: the model's own.",
            "|".join(map(str, VIEWS)),
        ),
    )
    denoise: str | float = field(
        default="auto", metadata=_text("Denoise what the network sees, never the picture.", "auto|off|N", ge=0, le=100)
    )
    threads: int | None = field(
        default=None, metadata=_text("Use this many processor threads. Default: all cores.", "N", ge=1)
    )

    def __post_init__(self) -> None:
        """Check the values."""
        from tinct.color.decoding import check_decoding

        check_decoding(temperature=1.0 if self.temperature is None else self.temperature, caution=self.caution or 0.0)
        if self.cautious and self.caution is not None:
            raise SettingError(f"cautious, and a caution of {self.caution:g}: give one of the two")
        check_running(runtime=self.runtime, threads=self.threads)
        size = limits("size")
        if self.size is not None and not size["ge"] <= self.size <= size["le"]:
            raise SettingError(f"the working size must lie in {size['ge']}..{size['le']} pixels, not {self.size}")
        if self.views is not None and self.views not in VIEWS:
            raise SettingError(f"there can be 1, 2 or 4 views, not {self.views}")
        object.__setattr__(self, "denoise", checked_denoise(self.denoise))

    def changed(self, **options: Unpack[Options]) -> Self:
        """Return these settings with some others; what is None stays as it is."""
        given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        if "caution" in given:
            given.setdefault("cautious", False)
        return replace(self, **given)


def help_of(name: str) -> str:
    """Return what a field of `Decoding` is for, as the help shows it."""
    return str(_facts(name)["help"])


def metavar_of(name: str) -> str | None:
    """Return the placeholder for a field's value in the help; None for a flag."""
    metavar: str | None = _facts(name)["metavar"]
    return metavar


def limits(name: str) -> dict[str, float]:
    """Return a field's limits by `gt`, `ge` and `le`, those that it has."""
    return dict(_facts(name)["limits"])


def _facts(name: str) -> Mapping[str, Any]:
    return Decoding.__dataclass_fields__[name].metadata


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

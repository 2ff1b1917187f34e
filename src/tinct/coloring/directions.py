"""Settings for single shots of a film: how vivid and how cautious, which references, or left as it is.

As JSON it is a list, or an object with the list as `shots`, as `tinct video reel.mp4 --list-shots --json` prints it:

    [{"frame": 0, "end": 120, "temperature": 0.5, "caution": null, "saturation": null, "reference": [], "keep": null}]

Frames count from 0, from the film's beginning; `end` is the first frame after the shot, and without it the shot lasts
until the next one begins. null means: as for the whole film.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tinct.color.decoding import check_decoding
from tinct.errors import InputError, SettingError
from tinct.files import read_json

_NUMBERS = ("temperature", "caution", "saturation")
_KNOWN = ("frame", "end", "seconds", *_NUMBERS, "reference", "keep")


@dataclass(frozen=True, kw_only=True)
class ShotSettings:
    """How one shot is coloured; None means: as for the whole film.

    Attributes:
        frame: number of its first frame.
        end: number of the first frame after it; with None it lasts until the next shot or the film's end.
        temperature, caution, saturation: as in `tinct.coloring.settings.Decoding`.
        references: paths of colour pictures to take colours from, for this shot.
        keep: True leaves it as it is, grey or in its own colours; False colours it even if it has colours.

    Raises:
        SettingError: a value is out of range.
    """

    frame: int
    end: int | None = None
    temperature: float | None = None
    caution: float | None = None
    saturation: float | None = None
    references: tuple[str, ...] = ()
    keep: bool | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if self.frame < 0 or (self.end is not None and self.end <= self.frame):
            raise SettingError(f"it must begin at frame 0 or later, and end after that, not {self.frame} to {self.end}")
        check_decoding(temperature=1.0 if self.temperature is None else self.temperature, caution=self.caution or 0.0)
        if self.saturation is not None and not 0 <= self.saturation <= 4:
            raise SettingError(f"saturation must lie in 0..4, not {self.saturation}")

    @property
    def options(self) -> dict[str, Any]:
        """The decoding options that are not None."""
        own = {name: getattr(self, name) for name in _NUMBERS}
        return {name: value for name, value in own.items() if value is not None}

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON values."""
        return asdict(self) | {"references": list(self.references)}


def skeleton(beginnings: Sequence[tuple[int, float]]) -> list[dict[str, Any]]:
    """Return settings to fill in, as plain JSON values, for shots that begin at these frames and seconds."""
    ends = [frame for frame, _ in beginnings[1:]]
    return [
        {"frame": frame, "end": end, "seconds": round(seconds, 3)}
        | dict.fromkeys(_NUMBERS)
        | {"reference": [], "keep": None}
        for (frame, seconds), end in zip(beginnings, [*ends, None], strict=True)
    ]


def load_shots(path: str | Path) -> tuple[ShotSettings, ...]:
    """Read settings of shots from a JSON file; paths of references in it are relative to its folder.

    Raises:
        UnreadableError: the file cannot be read, or is not valid JSON.
        InputError: its form is wrong, a key is unknown, a value is wrong, or shots overlap; the message says which.
    """
    place = Path(path)
    entries = _entries(place)
    shots = []
    for number, entry in enumerate(entries, 1):
        try:
            shots.append(_shot_of(entry, place.parent))
        except (SettingError, TypeError, ValueError) as error:
            raise InputError(f"{place}: shot {number}: {error}") from error
    shots.sort(key=lambda shot: shot.frame)
    for earlier, later in pairwise(shots):
        if later.frame == earlier.frame or (earlier.end is not None and earlier.end > later.frame):
            raise InputError(
                f"{place}: the shots at frames {earlier.frame} and {later.frame} overlap; "
                f"let the first end at {later.frame} or before"
            )
    return tuple(shots)


def _entries(place: Path) -> list[Any]:
    value = read_json(place, what="a file of shots")
    entries = value.get("shots") if isinstance(value, dict) else value
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{place}: holds no shots; tinct video FILM --list-shots --json prints a list to fill in")
    return entries


def _shot_of(entry: Any, folder: Path) -> ShotSettings:
    if not isinstance(entry, dict):
        raise TypeError("must be an object with the key frame")
    if unknown := sorted(set(entry) - set(_KNOWN)):
        raise ValueError(f"unknown: {', '.join(unknown)}; the known keys are {', '.join(_KNOWN)}")
    if "frame" not in entry:
        raise ValueError("needs frame, the number of its first frame")
    numbers: dict[str, Any] = {name: entry.get(name) for name in ("frame", "end", "seconds", *_NUMBERS)}
    for name, value in numbers.items():
        kinds = (int,) if name in ("frame", "end") else (int, float)
        if (value is not None or name == "frame") and (isinstance(value, bool) or not isinstance(value, kinds)):
            raise TypeError(f"{name} must be a {'whole ' if kinds == (int,) else ''}number, not {value!r}")
    keep, reference = entry.get("keep"), entry.get("reference") or []
    if keep is not None and not isinstance(keep, bool):
        raise TypeError(f"keep must be true, false or null, not {keep!r}")
    paths = [reference] if isinstance(reference, str) else reference
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise TypeError(f"reference must be a path, or a list of them, not {reference!r}")
    del numbers["seconds"]
    return ShotSettings(**numbers, references=tuple(str(folder / path) for path in paths), keep=keep)

"""What a person knows about a picture's colours: points and strokes, from a text, a file or a painted layer.

Coordinates are those of the upright picture, as a viewer shows it: x to the right, y down, in pixels from 0, or in per
cent of width and height. The picture keeps its own brightness: only the chroma of a hint's colour is used, and less of
it in the shade.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyvips

from tinct.errors import InputError, MissingExtraError, SettingError, UnreadableError, one_line
from tinct.files import read_json
from tinct.media.image.opening import open_image

# A painted layer is reduced to this many cells along its longer edge; colours need no finer ones.
PAINTED_CELLS = 512
# The form of a hint on the command line, for messages.
_FORM = "X,Y=#RRGGBB or X%,Y%=#RRGGBB, such as 120,340=#b03020 or 25%,60%=#b03020"

# On the command line, this behind a hint's colour lowers luma.
DARKEN = ":darken"

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_POINT = re.compile(rf"({_NUMBER})(%?),({_NUMBER})(%?)")
# Before the @ of a hint in a film: the frame's number, or the time as seconds with an s, or as minutes and seconds.
_WHEN = re.compile(
    r"(?P<frame>\d{1,9})|(?P<seconds>\d{1,9}(?:\.\d+)?)s|(?:(?P<h>\d+):)?(?P<m>\d+):(?P<s>\d{1,2}(?:\.\d+)?)"
)
_COLOR = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")

Point = tuple[float, float]
Color = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Hint:
    """One colour, at a point, along a stroke, or at every point of a painted area.

    Attributes:
        points: (x, y) each, at least one.
        color: sRGB, 0..255 each; only its chroma is used, and less of it where the picture is darker.
        unit: of the points: `pixels`, from 0 to width or height minus one, or `percent`, 0..100.
        width: of the stroke, in the unit of x; 0 for the thinnest possible.
        joined: whether straight lines join the points; otherwise they are separate.
        canvas: width and height of the picture that pixels refer to, if it is a copy of another size but with the
            same proportions.
        darken: lower the picture's luma there to the colour's own, if that is darker, so that a white sky can be blue.
    """

    points: tuple[Point, ...]
    color: Color
    unit: Literal["pixels", "percent"] = "pixels"
    width: float = 0.0
    joined: bool = True
    canvas: tuple[int, int] | None = None
    darken: bool = False

    def __post_init__(self) -> None:
        """Check the values; SettingError if there are no points, or a value is out of range."""
        if not self.points:
            raise SettingError("a hint needs at least one point")
        if self.unit not in ("pixels", "percent"):
            raise SettingError(f"hint {self}: the unit must be pixels or percent, not {self.unit!r}")
        if len(self.color) != 3 or not all(0 <= part <= 255 for part in self.color):
            raise SettingError(f"hint {self}: a colour must be red, green and blue in 0..255 each")
        if not (np.isfinite(self.width) and self.width >= 0):
            raise SettingError(f"hint {self}: a stroke's width must be at least 0, not {self.width}")
        if not np.isfinite(self.points).all():
            raise SettingError(f"hint {self}: coordinates must be numbers")

    def __str__(self) -> str:
        """Return the hint as the command line takes it, with only its first point."""
        mark = "%" if self.unit == "percent" else ""
        (x, y), more = self.points[0], " ..." if len(self.points) > 1 else ""
        return f"{x:g}{mark},{y:g}{mark}{more}={color_text(self.color)}{DARKEN if self.darken else ''}"


@dataclass(frozen=True, kw_only=True)
class FilmHint:
    """A hint in one frame of a film, which is given by its number, from 0, or by the time at which it is shown.

    Raises:
        SettingError: not exactly one of frame and seconds is given, it is below 0, or the hint darkens.
    """

    hint: Hint
    frame: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.frame is None) == (self.seconds is None):
            raise SettingError(f"hint {self.hint}: a hint in a film needs either a frame or a time")
        if (self.frame or 0) < 0 or not 0 <= (self.seconds or 0) < float("inf"):
            raise SettingError(f"hint {self.hint}: frame and time count from 0, the film's beginning")
        if self.hint.darken:
            raise SettingError(f"hint {self.hint}: the luma of films stays as it is; leave darken out")

    def to_json(self) -> dict[str, Any]:
        """Return the hint as plain JSON values."""
        return hints_to_json([self.hint])[0] | {"frame": self.frame, "time": self.seconds}


def parse_hint(text: str) -> Hint:
    """Read a hint as the command line takes it: `X,Y=#RRGGBB`, or `X%,Y%=#RRGGBB` for per cent.

    Several points with spaces between them are a stroke; `:darken` behind the colour lowers the luma there.

    Raises:
        SettingError: the text has another form.
    """
    plain = text.strip().removesuffix(DARKEN)
    where, separator, shade = plain.partition("=")
    matches = [match for part in where.split() if (match := _POINT.fullmatch(part))]
    if not separator or not matches or len(matches) != len(where.split()):
        raise SettingError(f"hint {text!r}: must have the form {_FORM}")
    marks = {mark for match in matches for mark in (match[2], match[4])}
    if len(marks) > 1:
        raise SettingError(f"hint {text!r}: write % after all of its numbers or after none")
    return Hint(
        points=tuple((float(match[1]), float(match[3])) for match in matches),
        color=parse_color(shade, name=f"hint {text!r}"),
        unit="percent" if "%" in marks else "pixels",
        darken=plain != text.strip(),
    )


def parse_moment(text: str) -> tuple[int | None, float | None] | None:
    """Return the frame's number in `120`, or the seconds in `4.8s`, `1:02.5` or `1:02:03`; None for any other text."""
    match = _WHEN.fullmatch(text.strip())
    if match is None:
        return None
    if match["frame"] is not None:
        return int(match["frame"]), None
    if match["seconds"] is not None:
        return None, float(match["seconds"])
    return None, 3600 * int(match["h"] or 0) + 60 * int(match["m"]) + float(match["s"])


def parse_film_hint(text: str) -> FilmHint:
    """Read a hint in a film as the command line takes it: `FRAME@X,Y=#RRGGBB` or `TIME@X,Y=#RRGGBB`.

    FRAME is the frame's number from 0, TIME is `4.8s`, `1:02.5` or `1:02:03`; the rest is as for `parse_hint`.

    Raises:
        SettingError: the text has another form, or darkens.
    """
    when, separator, rest = text.strip().partition("@")
    moment = parse_moment(when)
    if not separator or moment is None:
        form = "FRAME@X,Y=#RRGGBB or TIME@X,Y=#RRGGBB, such as 120@25%,60%=#b03020 or 0:04.8@120,340=#b03020"
        raise SettingError(f"hint {text!r}: needs a frame or a time; write {form}")
    frame, seconds = moment
    return FilmHint(hint=parse_hint(rest), frame=frame, seconds=seconds)


def parse_color(text: str, *, name: str) -> Color:
    """Read a colour written as `#RRGGBB` or `#RGB`; `name` says in messages what it belongs to.

    Raises:
        SettingError: the text has another form.
    """
    match = _COLOR.fullmatch(text.strip())
    if match is None:
        raise SettingError(f"{name}: {text.strip()!r} is not a colour; write it as #RRGGBB, such as #b03020")
    digits = match[1] if len(match[1]) == 6 else "".join(2 * digit for digit in match[1])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def load_hints(path: str | Path) -> list[Hint]:
    """Read a file of hints: JSON, or a picture that is transparent except where colours are painted.

    JSON is a list of objects, or an object with such a list as `hints`. Each has `color` (`#RRGGBB`), and `x` and `y`
    or a list of `points` ([x, y] each); it may have `unit` (`pixels` or `percent`), `width` (of the stroke), and
    `darken` (true or false).

    A file whose name ends in .json is read as JSON, any other as a picture.

    Raises:
        UnreadableError: the file cannot be read, or is neither.
        InputError: it holds no hints, or a hint in it has a wrong form; the message says which.
    """
    place = Path(path)
    if place.suffix.lower() == ".json":
        return hints_from_json(read_json(place, what="a file of hints"), name=str(place))
    return _painted(place)


def gather_hints(texts: Sequence[str], file: str | Path | None) -> tuple[Hint, ...]:
    """Return the hints of a file followed by those of a command line, which win where they overlap.

    Raises:
        SettingError: a text has not the form that `parse_hint` takes.
        InputError: as `load_hints`.
    """
    return (*(load_hints(file) if file is not None else ()), *(parse_hint(text) for text in texts))


def gather_film_hints(texts: Sequence[str], file: str | Path | None) -> tuple[FilmHint, ...]:
    """Return the hints of a file for a film followed by those of a command line, which win where they overlap.

    Raises:
        SettingError: a text has not the form that `parse_film_hint` takes.
        InputError, UnreadableError: as `load_film_hints`.
    """
    return (*(load_film_hints(file) if file is not None else ()), *(parse_film_hint(text) for text in texts))


def as_hints(hints: Any) -> list[Hint]:
    """Return hints from one or several `Hint`s or texts, or from the path of a file: a single text without `=`.

    Raises:
        SettingError: a hint is something else.
        InputError: as `load_hints`.
    """
    if isinstance(hints, Path) or (isinstance(hints, str) and "=" not in hints):
        return load_hints(hints)
    if isinstance(hints, str | Hint):
        hints = [hints]
    for hint in (hints := list(hints)):
        if not isinstance(hint, str | Hint):
            raise SettingError(f"a hint must be a tinct.Hint or a text, {_FORM}; not {type(hint).__name__}")
    return [parse_hint(hint) if isinstance(hint, str) else hint for hint in hints]


def hints_from_json(value: Any, *, name: str, extra: Sequence[str] = ()) -> list[Hint]:
    """Return hints from plain JSON values; see `load_hints`. `name` is the file's; `extra` lists keys to ignore.

    Raises:
        InputError: there are no hints, or one has a wrong form.
    """
    hints = []
    for number, entry in enumerate(_entries(value, name), start=1):
        try:
            hints.append(_hint_of(entry, extra))
        except (SettingError, KeyError, TypeError, ValueError) as error:
            reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
            raise InputError(f"{name}: hint {number}: {reason}; docs/hints.md shows the form") from error
    return hints


def load_film_hints(path: str | Path) -> tuple[FilmHint, ...]:
    """Read a JSON file of hints for a film: as for a photograph, each with `frame` or `time` (in seconds) as well.

    Raises:
        UnreadableError: the file cannot be read or is not valid JSON.
        InputError: it holds no hints, or one has a wrong form; the message says which.
    """
    place = Path(path)
    if place.suffix.lower() != ".json":
        raise InputError(f"{place}: hints for a film must be a .json file, since each needs its frame or time")
    entries = _entries(read_json(place, what="a file of hints"), str(place))
    plain = hints_from_json(entries, name=str(place), extra=("frame", "time"))
    hints = []
    for number, (hint, entry) in enumerate(zip(plain, entries, strict=True), start=1):
        frame, seconds = entry.get("frame"), entry.get("time")
        try:
            if frame is not None and (isinstance(frame, bool) or not isinstance(frame, int)):
                raise SettingError(f"frame must be a whole number, not {frame!r}")
            if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, int | float)):
                raise SettingError(f"time must be a number of seconds, not {seconds!r}")
            hints.append(FilmHint(hint=hint, frame=frame, seconds=None if seconds is None else float(seconds)))
        except SettingError as error:
            raise InputError(f"{place}: hint {number}: {error}") from error
    return tuple(hints)


def _entries(value: Any, name: str) -> list[Any]:
    entries = value.get("hints") if isinstance(value, dict) else value
    if not isinstance(entries, list) or not entries:
        form = '[{"x": 120, "y": 340, "color": "#b03020"}]'
        raise InputError(f"{name}: holds no hints; it must be a list such as {form}")
    return entries


def hints_to_json(hints: Sequence[Hint]) -> list[dict[str, Any]]:
    """Return hints as plain JSON values, which `hints_from_json` turns back into hints; painted ones as points."""
    values = []
    for hint in hints:
        value: dict[str, Any] = {"points": [list(point) for point in hint.points], "color": color_text(hint.color)}
        for name in ("unit", "width", "joined", "darken"):
            if getattr(hint, name) != getattr(Hint, name):
                value[name] = getattr(hint, name)
        if hint.canvas is not None:
            value["canvas"] = list(hint.canvas)
        values.append(value)
    return values


def color_text(color: Sequence[int]) -> str:
    """Write a colour as `#rrggbb`."""
    return "#" + "".join(f"{int(part):02x}" for part in color)


def _hint_of(entry: Any, extra: Sequence[str]) -> Hint:
    if not isinstance(entry, dict):
        raise TypeError("must be an object with color, and x and y or points")
    known = {"x", "y", "points", "color", "unit", "width", "joined", "canvas", "darken"}
    if unknown := set(entry) - known - set(extra):
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; the known keys are {', '.join(sorted(known))}")
    points = entry["points"] if "points" in entry else [[entry["x"], entry["y"]]]
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise TypeError("points must be a list of [x, y]")
    if not isinstance(entry["color"], str):
        raise TypeError("color must be a text such as #b03020")
    canvas = entry.get("canvas")
    if canvas is not None and not (isinstance(canvas, list) and len(canvas) == 2 and min(map(_number, canvas)) >= 1):
        raise ValueError(f"canvas must be [width, height] in pixels, not {canvas!r}")
    return Hint(
        points=tuple((_number(x), _number(y)) for x, y in points),
        color=parse_color(entry["color"], name="color"),
        unit=entry.get("unit", "pixels"),
        width=_number(entry.get("width", 0)),
        joined=bool(entry.get("joined", True)),
        canvas=None if canvas is None else (int(canvas[0]), int(canvas[1])),
        darken=bool(entry.get("darken", False)),
    )


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is not a number")
    return float(value)


def _painted(path: Path) -> list[Hint]:
    """Read a painted layer: the mean colour of the paint in each cell of a grid."""
    if not path.is_file():
        raise UnreadableError(f"{path}: there is no such file of hints")
    try:
        image = open_image(path, access="sequential", fail_on="error").autorot()
        if not image.hasalpha():
            raise InputError(
                f"{path}: has no transparency to show what was painted; save only the strokes, as a transparent PNG"
            )
        image = image.colourspace("srgb").cast("uchar")
        canvas = (image.width, image.height)
        factor = max(1, -(-max(canvas) // PAINTED_CELLS))
        width, height = (-(-edge // factor) * factor for edge in canvas)
        # Averaging colour times alpha keeps the colours of transparent pixels out of the strokes.
        small = image.premultiply().embed(0, 0, width, height).shrink(factor, factor).cast("float").numpy()
    except MissingExtraError as error:
        raise UnreadableError(f"{path}: {error}") from error
    except pyvips.Error as error:
        reason = one_line(error)[:200]
        raise UnreadableError(f"{path}: is neither JSON (.json) nor a picture ({reason})") from error
    alpha = small[..., 3] / 255
    rows, columns = np.nonzero(alpha >= 0.25)
    if not len(rows):
        raise InputError(f"{path}: nothing is painted there; it is transparent everywhere")
    shades = np.clip(np.rint(small[rows, columns, :3] / alpha[rows, columns, None]), 0, 255).astype(int)
    # One hint for each colour; mixed colours where two strokes meet become hints of their own.
    groups: dict[Color, list[Point]] = {}
    for row, column, shade in zip(rows.tolist(), columns.tolist(), shades.tolist(), strict=True):
        x = min((column + 0.5) * factor, canvas[0] - 0.5) - 0.5
        y = min((row + 0.5) * factor, canvas[1] - 0.5) - 0.5
        groups.setdefault((shade[0], shade[1], shade[2]), []).append((x, y))
    return [Hint(points=tuple(points), color=color, joined=False, canvas=canvas) for color, points in groups.items()]

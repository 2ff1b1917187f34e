"""Where a hint would help most, which colours are plausible there, and a picture that shows both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.bins import ColorBins
from tinct.color.decoding import softmax
from tinct.color.resize import resized, small_size
from tinct.color.spaces import FloatArray
from tinct.color.upsample import yuv_colors
from tinct.coloring.hints.hint import Color, Hint, color_text
from tinct.coloring.hints.spreading import PlacedHints, likeness, place_hints
from tinct.coloring.photo.arrays import grey_levels, shown_luma
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.prediction import Prediction, yuv_chroma
from tinct.coloring.photo.sheet import write_sheet
from tinct.coloring.settings import Decoding
from tinct.errors import SettingError
from tinct.media.image.picture import check_target, open_picture

# sqrt(height x width) at which points are sought: a hint is for a thing, not for a pixel.
_SIZE = 56
# At most this many colours are named for a point.
_MOST_COLORS = 4
# A colour is named only if it is at least this probable.
_LEAST_SHARE = 0.04
# Bins nearer to each other than this many cells of their grid look like one colour.
_ALIKE_CELLS = 2.0
# A mean squared error of chroma that nobody sees.
_NOTHING = 1e-6
# A point is left out if it helps less than this share of what the first one helps.
_WORTHWHILE = 0.05
# The picture with marks is shrunk to this longest edge,
_EDGE = 1200
# or enlarged to this one, so that the marks do not hide it.
_LEAST_EDGE = 640
# Edge of a colour's square, in pixels.
_SWATCH = 22


@dataclass(frozen=True)
class Suggestion:
    """A point whose colour would be worth knowing.

    Attributes:
        x, y: in pixels of the upright picture, from the left and from the top.
        gain: share of the expected squared error of the picture's chroma that a right hint there would remove, 0..1.
        colors: plausible colours, sRGB 0..255, at the picture's own luma there; the likeliest first.
        shares: how likely each is, 0..1.
    """

    x: int
    y: int
    gain: float
    colors: tuple[Color, ...]
    shares: tuple[float, ...]

    def text(self) -> str:
        """Return one line: the point as `--hint` takes it, and the colours with their shares."""
        likely = zip(self.colors, self.shares, strict=True)
        colors = ", ".join(f"{color_text(color)} {round(100 * share)} %" for color, share in likely)
        return f"{self.x},{self.y}  {colors}  (helps {100 * self.gain:.0f} %)"

    def to_json(self) -> dict[str, Any]:
        """Return the suggestion as plain JSON values."""
        likely = zip(self.colors, self.shares, strict=True)
        colors = [{"color": color_text(color), "share": round(share, 4)} for color, share in likely]
        return {"x": self.x, "y": self.y, "gain": round(self.gain, 4), "colors": colors}


def suggest_hints(
    prediction: Prediction, *, width: int, height: int, count: int = 5, hints: PlacedHints | None = None
) -> list[Suggestion]:
    """Choose points one after the other, each where a hint removes most of the error that the earlier ones leave.

    The error at a pixel is the expected squared distance between the true colour and the one it gets, according to the
    network's calibrated distribution; a hint removes it as far as the network's answers there and at the hint agree.

    Args:
        prediction: the network's answer.
        width: of the upright picture, in pixels.
        height: of the upright picture, in pixels.
        count: return at most this many points, 1..50.
        hints: those that are given already.

    Returns:
        The points, the most helpful first; fewer if more would not help.

    Raises:
        SettingError: `count` is out of range, or the model has no bins.
    """
    bins = prediction.bins
    if bins is None:
        raise SettingError("this model predicts chroma directly and cannot tell where it is unsure; use one with bins")
    if not 1 <= count <= 50:
        raise SettingError(f"the number of points must lie in 1..50, not {count}")
    size = small_size(*prediction.luma.shape, size=_SIZE)
    shares = resized(softmax(prediction.output, temperature=prediction.calibration), size)
    luma = resized(prediction.luma, size)
    error = _expected_error(shares, resized(prediction.native_chroma(), size), bins)
    error = error * prediction.inside(*size)
    if hints is not None:
        error = error * (1 - resized(prediction.spreader.shares(hints).share, size)) ** 2
    reach = likeness(shares.reshape(-1, bins.count), luma)
    left, whole = error.ravel(), float(error.sum())
    if whole < _NOTHING * error.size:
        return []
    calm = _calm(luma).ravel()
    points: list[Suggestion] = []
    for _ in range(count):
        gains = (reach @ left) * calm
        best = int(gains.argmax())
        gain = float((left * (1 - (1 - reach[best]) ** 2)).sum()) / whole
        if gain <= (_WORTHWHILE * points[0].gain if points else 0):
            break
        row, column = divmod(best, size[1])
        colors, parts = _plausible(shares, luma, reach[best], (row, column), bins)
        x, y = (column + 0.5) * width / size[1], (row + 0.5) * height / size[0]
        points.append(Suggestion(int(x), int(y), gain, colors, parts))
        left = left * (1 - reach[best]) ** 2
    return points


def plausible_colors(prediction: Prediction, *, x: float, y: float) -> tuple[tuple[Color, ...], tuple[float, ...]]:
    """Return the few colours that the network finds plausible at a point, the likeliest first, and their probabilities.

    The point is given as shares of width and height, 0..1. Colours are sRGB 0..255 at the picture's own luma there.

    Raises:
        SettingError: the model has no bins.
    """
    bins = prediction.bins
    if bins is None:
        raise SettingError("this model predicts chroma directly and knows no other colours; use one with bins")
    height, width = small_size(*prediction.luma.shape, size=_SIZE)
    shares = resized(softmax(prediction.output, temperature=prediction.calibration), (height, width))
    luma = resized(prediction.luma, (height, width))
    place = (min(height - 1, int(y * height)), min(width - 1, int(x * width)))
    reach = likeness(shares.reshape(-1, bins.count), luma)[place[0] * width + place[1]]
    return _plausible(shares, luma, reach, place, bins)


def _expected_error(shares: FloatArray, chroma: FloatArray, bins: ColorBins) -> FloatArray:
    """Return the expected squared distance between the true chroma and `chroma`, (h, w)."""
    lengths = (bins.centers**2).sum(axis=1)
    cross = ((shares @ bins.centers) * chroma).sum(axis=-1)
    error: FloatArray = np.maximum(shares @ lengths - 2 * cross + (chroma**2).sum(axis=-1), 0)
    return error


def _calm(luma: FloatArray) -> FloatArray:
    """Return 1 inside things and less at their edges, where a click would be ambiguous, (h, w)."""
    mean = cv2.blur(luma, (3, 3))
    spread = np.sqrt(np.maximum(cv2.blur(luma * luma, (3, 3)) - mean * mean, 0))
    result: FloatArray = 1 / (1 + (spread / np.float32(0.05)) ** 2)
    return result


def _plausible(
    shares: FloatArray, luma: FloatArray, reach: FloatArray, place: tuple[int, int], bins: ColorBins
) -> tuple[tuple[Color, ...], tuple[float, ...]]:
    """Group the bins at a point into the few colours that a person would tell apart."""
    height, width = luma.shape
    down, across = np.ogrid[:height, :width]
    near = np.exp(-((down - place[0]) ** 2 + (across - place[1]) ** 2) / np.float32(8))
    weights = reach * near.ravel()
    left = (weights @ shares.reshape(-1, bins.count)) / weights.sum()
    chroma: list[FloatArray] = []
    parts: list[float] = []
    while len(parts) < _MOST_COLORS:
        first = int(left.argmax())
        close = np.linalg.norm(bins.centers - bins.centers[first], axis=1) < _ALIKE_CELLS * bins.cell
        part = float(left[close].sum())
        if part < (_LEAST_SHARE if parts else 1e-9):
            break
        chroma.append(left[close] @ bins.centers[close] / part)
        parts.append(part)
        left = np.where(close, 0, left)
    order = np.argsort(-np.array(parts), kind="stable")
    luma_here = np.full((len(parts), 1), luma[place], dtype=np.float32)
    native = np.array(chroma, dtype=np.float32)[:, None]
    rgb = yuv_colors(luma_here, yuv_chroma(luma_here, native, space=bins.space))[:, 0]
    levels = np.rint(rgb * 255).astype(int)
    colors: Sequence[Color] = [(int(r), int(g), int(b)) for r, g, b in levels[order]]
    return tuple(colors), tuple(parts[index] for index in order)


def suggest_for(
    picture: str | Path,
    *,
    marked: str | Path | None = None,
    count: int = 5,
    hints: Sequence[Hint] = (),
    recolor: bool = False,
    overwrite: bool = False,
    decoding: Decoding | None = None,
) -> list[Suggestion]:
    """Return the points of a file where a hint would help most; see `suggest_hints`.

    Args:
        picture: the file.
        marked: write the picture, grey, with numbered points and their plausible colours to this file.
        count: return at most this many points, 1..50.
        hints: what is known already.
        recolor: accept a picture that has colours already.
        overwrite: replace an existing file `marked`.
        decoding: the model, with bins, and its settings; by default as `Decoding()`.

    Raises:
        InputError: the picture cannot be used; AlreadyColorError if it has colours.
        OutputError: `marked` cannot be written.
        SettingError: an option is out of range, or the model has no bins.
        ModelError: there is no such model.
    """
    if marked is not None:
        check_target(Path(marked), Path(picture), overwrite=overwrite)
    decoding = decoding or Decoding()
    opened = open_picture(picture, negative=decoding.negative)
    prediction = Colorizer(decoding).look(picture, recolor=recolor)
    size = {"width": opened.width, "height": opened.height}
    placed = place_hints(hints, **size) if hints else None
    points = suggest_hints(prediction, **size, count=count, hints=placed)
    if marked is not None:
        grey = grey_levels(shown_luma(opened, longest=_EDGE))
        draw_points(grey, points, marked, factor=grey.shape[1] / opened.width)
    return points


def draw_points(picture: NDArray[np.uint8], points: Sequence[Suggestion], target: str | Path, *, factor: float) -> Path:
    """Write a picture (h, w, 3) with numbered points, `factor` times their x and y, and each one's colours."""
    larger = max(1.0, _LEAST_EDGE / max(picture.shape[:2]))
    canvas: NDArray[Any] = picture.copy()
    if larger > 1:
        canvas = cv2.resize(canvas, None, fx=larger, fy=larger, interpolation=cv2.INTER_CUBIC)
    for number, point in enumerate(points, start=1):
        _mark(canvas, number, point, x=round(point.x * factor * larger), y=round(point.y * factor * larger))
    return write_sheet(canvas, Path(target))


def _mark(canvas: NDArray[Any], number: int, point: Suggestion, *, x: int, y: int) -> None:
    for radius, color, thick in ((7, (0, 0, 0), 4), (7, (255, 255, 255), 2)):
        cv2.circle(canvas, (x, y), radius, color, thick, cv2.LINE_AA)
    height, width = canvas.shape[:2]
    wide, high = _SWATCH * (1 + len(point.colors)), _SWATCH
    left = x + 14 if x + 14 + wide < width else max(0, x - 14 - wide)
    top = min(max(0, y - high // 2), height - high - 1)
    cv2.rectangle(canvas, (left - 1, top - 1), (left + wide, top + high), (0, 0, 0), -1)
    text = str(number)
    (across, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.55, 1)
    corner = (left + (_SWATCH - across) // 2, top + high - 6)
    cv2.putText(canvas, text, corner, cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255, 255, 255), 1, cv2.LINE_AA)
    for place, color in enumerate(point.colors, start=1):
        start = left + place * _SWATCH
        canvas[max(0, top) : top + high - 1, start : start + _SWATCH - 1] = color

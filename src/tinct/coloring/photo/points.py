"""The points where a hint would help, for a file, and a picture that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.coloring.hints.hint import Hint
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.editor import Editor
from tinct.coloring.photo.sheet import pixels_image, write_sheet
from tinct.coloring.photo.suggest import Suggestion
from tinct.coloring.settings import Decoding
from tinct.media.image.picture import check_target

# Longest edge of the picture with the points, and at least so much, so that the marks do not hide it.
_EDGE, _LEAST_EDGE = 1200, 640
# Edge of a colour's square, in pixels.
_SWATCH = 22


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
    """Return the points of a file where a hint would help most.

    Args:
        picture: the file.
        marked: write the picture, grey, with numbered points and their plausible colours to this file.
        count: how many points at most, 1..50.
        hints: what is known already.
        recolor: take pictures that have colours already.
        overwrite: replace a file `marked` that is there already.
        decoding: the model, with bins, and its settings; the defaults without it.

    Raises:
        InputError: the picture cannot be used; AlreadyColorError where it has colours.
        OutputError: `marked` cannot be written.
        SettingError: an option is out of range, or the model has no bins.
        ModelError: there is no such model.
    """
    if marked is not None:
        check_target(Path(marked), Path(picture), overwrite=overwrite)
    colorizer = Colorizer(decoding or Decoding())
    with Editor(picture, colorizer=colorizer, preview=_EDGE, recolor=recolor) as editor:
        points = editor.suggest(count, hints=hints)
        if marked is not None:
            factor = editor.grey().shape[1] / editor.width
            draw_points(editor.grey(), points, marked, factor=factor)
    return points


def draw_points(picture: NDArray[np.uint8], points: Sequence[Suggestion], target: str | Path, *, factor: float) -> Path:
    """Write a picture (h, w, 3) with numbered points on it, and the colours that are plausible at each beside them.

    `factor` is how many of its pixels make one of the points' own.

    Raises:
        OutputError: the file cannot be written.
    """
    larger = max(1.0, _LEAST_EDGE / max(picture.shape[:2]))
    canvas: NDArray[Any] = picture.copy()
    if larger > 1:
        canvas = cv2.resize(canvas, None, fx=larger, fy=larger, interpolation=cv2.INTER_CUBIC)
    for number, point in enumerate(points, start=1):
        _mark(canvas, number, point, x=round(point.x * factor * larger), y=round(point.y * factor * larger))
    return write_sheet(pixels_image(canvas), Path(target))


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

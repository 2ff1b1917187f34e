"""Screening photographs from which colour is to be learned: finding frames, near-grey and toned ones.

A sheet of those that lack colours lets users check the judgement.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import rgb_to_yuv
from tinct.color.statistics import as_unit_rgb
from tinct.color.toning import color_off_tone
from tinct.errors import UnreadableError
from tinct.files import written_beside
from tinct.media.image.small import read_small

Picture = NDArray[np.uint8]

# A photograph with less colour beside its tone than this (8-bit steps, see `color_off_tone`) teaches that the world is
# grey or brown. Snow, dunes and clouds have little chroma, too, but more beside their tone: benchmarks/tone.json.
OFF_TONE = 2.0
# Such a photograph is near-grey if its mean chroma is below this (YUV units; full red is 0.63), and toned otherwise.
NEAR_GREY = 0.02
NEAR_GREY_KIND, TONED_KIND = "near-grey", "toned"
KEPT_KINDS = (NEAR_GREY_KIND, TONED_KIND)
GREY_LEVELS = 4  # channels that differ by at most this many of 255 levels show no colour: JPEG changes greys by as much
FRAME_SPREAD = 4.0  # largest standard deviation along a line of a frame, in 8-bit steps
FRAME_STEP = 8.0  # largest difference between the means of a frame's lines, in 8-bit steps
SINGLE_SPREAD = 1.5  # `FRAME_SPREAD` for a frame at one edge only
SINGLE_STEP = 40.0  # least mean difference, in 8-bit steps, between a frame at one edge only and the picture after it
SMALLEST_SIDE = 64  # pixels
# Of the sheet: pictures, columns, pixels of a picture's square, and pixels of a line of text below it.
_SHOWN, _COLUMNS, _EDGE, _LINE = 48, 8, 144, 18


@dataclass(frozen=True)
class Frame:
    """The width in pixels of a frame at each edge of a picture."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def present(self) -> bool:
        """Whether there is any frame."""
        return max(self.top, self.bottom, self.left, self.right) > 0


def find_frame(picture: Picture) -> Frame:
    """Find a frame of one colour around a picture.

    Args:
        picture: (H, W, 3) sRGB uint8.

    Returns:
        The frame's width at each edge. A smooth or overexposed sky is not a frame: opposite edges must have the same
        colour; a frame at one edge must be plain black or white and end abruptly.
    """
    lines = picture.astype(np.float32)
    across = lines.transpose(1, 0, 2)
    return Frame(*_pair(lines), *_pair(across))


def _pair(lines: NDArray[np.float32]) -> tuple[int, int]:
    first, last = _flat_lines(lines, FRAME_SPREAD), _flat_lines(lines[::-1], FRAME_SPREAD)
    if first and last and np.abs(lines[0].mean(axis=0) - lines[-1].mean(axis=0)).max() < FRAME_STEP:
        return first, last
    return _abrupt(lines), _abrupt(lines[::-1])


def _flat_lines(lines: NDArray[np.float32], spread: float) -> int:
    """Count the lines of one colour, beginning with the first; at most half of all."""
    head = lines[: max(1, len(lines) // 2)]
    flat = (head.std(axis=1).max(axis=1) < spread) & (
        np.abs(head.mean(axis=1) - head[0].mean(axis=0)).max(axis=1) < FRAME_STEP
    )
    return int(len(head) if flat.all() else flat.argmin())


def _abrupt(lines: NDArray[np.float32]) -> int:
    """Count the lines of a frame at one edge only: plain black or white, followed by a quite different line."""
    count = _flat_lines(lines, SINGLE_SPREAD)
    color = lines[0].mean(axis=0)
    if count == 0 or count >= len(lines) // 2 or not (color.max() < 20 or color.min() > 240):
        return 0
    after = lines[min(count + 1, len(lines) - 1)]
    return count if np.abs(after - color).mean() > SINGLE_STEP else 0


def is_grey(picture: Picture) -> bool:
    """Return whether a picture (H, W, 3) has no colour at all: its channels hardly differ in 99 of 100 pixels."""
    red, green, blue = cv2.split(picture)
    steps = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    return bool(np.quantile(steps, 0.99) <= GREY_LEVELS)


def color_fault(picture: Picture) -> str:
    """Return `grey` (no colour at all), `near_grey`, `toned` (in one hue), or an empty text for a picture (H, W, 3)."""
    return "grey" if is_grey(picture) else _lack_of_color(picture)[0]


def grey_reason(picture: Picture) -> str | None:
    """Return why a picture, (H, W, 3) sRGB uint8, has too little colour to learn from; None if it has enough."""
    return _lack_of_color(picture)[1] or None


def _lack_of_color(picture: Picture) -> tuple[str, str]:
    """Return the fault and the reason; both are empty for a picture with enough colour."""
    off_tone = color_off_tone(as_unit_rgb(picture))
    if off_tone >= OFF_TONE:
        return "", ""
    small = as_unit_rgb(np.asarray(cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA)))
    chroma = rgb_to_yuv(small)[..., 1:]
    amount = float(np.hypot(chroma[..., 0], chroma[..., 1]).mean())
    if amount < NEAR_GREY:
        return "near_grey", f"{NEAR_GREY_KIND} (mean chroma {amount:.3f})"
    return "toned", f"{TONED_KIND} in one hue (chroma off the tone {off_tone:.1f} of 255)"


def crop_frame(picture: Picture, frame: Frame) -> Picture:
    """Cut a frame off, with one more pixel at each cut edge, where frame and picture blend."""
    height, width = picture.shape[:2]
    top, bottom = (side + 1 if side else 0 for side in (frame.top, frame.bottom))
    left, right = (side + 1 if side else 0 for side in (frame.left, frame.right))
    cropped: NDArray[Any] = picture[top : height - bottom, left : width - right]
    return np.ascontiguousarray(cropped)


def draw_rejected(notes: Iterable[tuple[str, str]], path: Path) -> None:
    """Write a sheet of the first photographs that lack colours, or delete it if there are none.

    Args:
        notes: path and reason of each photograph that was left out.
        path: the .jpg file; an existing one is replaced.

    Raises:
        OutputError: it cannot be written.
    """
    lacking = ((name, reason) for name, reason in notes if reason.startswith(KEPT_KINDS))
    tiles = [tile for name, reason in islice(lacking, _SHOWN) if (tile := _tile(name, reason)) is not None]
    if not tiles:
        path.unlink(missing_ok=True)
        return
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % _COLUMNS)
    rows = [np.hstack(tiles[start : start + _COLUMNS]) for start in range(0, len(tiles), _COLUMNS)]
    with written_beside(path) as beside:
        beside.write_bytes(cv2.imencode(".jpg", np.vstack(rows)[..., ::-1])[1].tobytes())


def _tile(name: str, reason: str) -> Picture | None:
    """Return a picture with its reason and its file's name below; None if it can no longer be read."""
    try:
        picture = read_small(Path(name).read_bytes(), longest=_EDGE, name=name)
    except (OSError, UnreadableError):
        return None
    tile = np.full((_EDGE + 2 * _LINE, _EDGE + 6, 3), 255, dtype=np.uint8)
    tile[: picture.shape[0], : picture.shape[1]] = picture
    short = Path(name).name.encode("ascii", "replace").decode()[:22]
    for line, text in enumerate((reason.partition("(")[0].strip(), short), start=1):
        at = (2, _EDGE + line * _LINE - 5)
        cv2.putText(tile, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.38, (40, 40, 40), 1, cv2.LINE_AA)
    return tile

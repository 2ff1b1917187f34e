"""Hints put on a picture of known size, and drawn on any smaller copy of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray, rgb_to_yuv
from tinct.coloring.hints.hint import Hint
from tinct.errors import InputError, SettingError


@dataclass(frozen=True, eq=False)
class PlacedHints:
    """Hints on a picture of known size, ready for any smaller copy of it.

    Attributes:
        lines: for each hint its points (k, 2) as x and y in 0..1 of width and height.
        widths: for each hint the width of its stroke, as a part of the picture's width.
        joined: for each hint whether its points are joined.
        colors: (n, 3) sRGB in 0..1.
    """

    lines: tuple[NDArray[np.float64], ...]
    widths: tuple[float, ...]
    joined: tuple[bool, ...]
    colors: FloatArray

    def __len__(self) -> int:
        """How many hints there are."""
        return len(self.lines)

    @property
    def chroma(self) -> FloatArray:
        """U and V of each hint, (n, 2)."""
        return np.ascontiguousarray(rgb_to_yuv(self.colors)[:, 1:])

    def on_grid(self, height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Draw the hints on a small copy of the picture.

        Returns:
            (k, 2) rows and columns of the pixels that hints cover, and (k,) the hint of each; where several cover one,
            the last of them.
        """
        owner = np.full((height, width), -1, dtype=np.int32)
        for number, (line, stroke, joined) in enumerate(zip(self.lines, self.widths, self.joined, strict=True)):
            cells = np.floor(line * (width, height)).astype(np.int32)
            cells = np.clip(cells, 0, (width - 1, height - 1))
            thick = max(1, round(stroke * width))
            if joined and len(cells) > 1:
                cv2.polylines(owner, [cells.reshape(-1, 1, 2)], False, number, thickness=thick)
            elif thick > 1:
                for cell in cells:
                    cv2.circle(owner, (int(cell[0]), int(cell[1])), thick // 2, number, thickness=-1)
            else:
                owner[cells[:, 1], cells[:, 0]] = number
        rows, columns = np.nonzero(owner >= 0)
        return np.stack([rows, columns], axis=1), owner[rows, columns].astype(np.intp)


def place_hints(hints: Sequence[Hint], *, width: int, height: int) -> PlacedHints:
    """Check hints against the upright picture's width and height in pixels, and put them on it.

    Raises:
        InputError: a hint lies outside the picture, or was painted on one of other proportions; it is named.
        SettingError: there are no hints.
    """
    if not hints:
        raise SettingError("there are no hints")
    lines, widths = [], []
    for hint in hints:
        across, down = _extent(hint, width, height)
        points = np.asarray(hint.points, dtype=np.float64)
        within = points <= (across, down) if hint.unit == "percent" else points < (across, down)
        if not ((points >= 0).all() and within.all()):
            limits = "0%..100%" if hint.unit == "percent" else f"x 0..{across - 1:g} and y 0..{down - 1:g}"
            raise InputError(f"hint {hint}: lies outside the picture of {width} x {height} pixels; give {limits}")
        middle = 0.0 if hint.unit == "percent" else 0.5
        lines.append((points + middle) / (across, down))
        widths.append(hint.width / across)
    colors = np.array([hint.color for hint in hints], dtype=np.float32) / np.float32(255)
    return PlacedHints(tuple(lines), tuple(widths), tuple(hint.joined for hint in hints), colors)


def _extent(hint: Hint, width: int, height: int) -> tuple[float, float]:
    """Return what the hint's coordinates go up to."""
    if hint.unit == "percent":
        return 100.0, 100.0
    if hint.canvas is None:
        return float(width), float(height)
    across, down = hint.canvas
    # Scaled to the picture's size, neither edge may be off by more than one per cent, or a pixel of the canvas.
    if abs(across * height - down * width) > max(0.01 * down * width, height, width):
        raise InputError(
            f"the hints were painted on {across} x {down} pixels, which has not the proportions of the picture of "
            f"{width} x {height}; paint them on a copy of the upright picture"
        )
    return float(across), float(down)

"""Recognise halftones and bilevel scans by a picture's rows, while they are coloured.

Both show only at full resolution, and each row is read once anyway.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.scan_kinds import PIECE, dots_apart, is_bilevel

_PIECES = 3  # square pieces examined along each edge of the picture
_EVERY = 4  # levels are counted for every fourth pixel of every fourth row

BILEVEL = "it looks bilevel: black and white without greys; colours follow greys, so a greyscale scan gives better ones"


class Watch:
    """Examines a picture's rows, which come in any order and from several threads."""

    def __init__(self, width: int, height: int) -> None:
        """Take the size of the upright picture."""
        self._tops = _starts(height)
        self._lefts = _starts(width)
        self._bands = np.zeros((len(self._tops), PIECE, len(self._lefts) * PIECE), dtype=np.float32)
        self._levels: list[NDArray[np.int64]] = []

    def see(self, luma: NDArray[Any], top: int) -> None:
        """Examine luma rows (n, W) in 0..1, of which the first is row `top`."""
        levels = np.clip(luma[::_EVERY, ::_EVERY] * 255 + 0.5, 0, 255).astype(np.uint8)
        self._levels.append(np.bincount(levels.ravel(), minlength=256))
        for band, start in zip(self._bands, self._tops, strict=True):
            first, last = max(top, start), min(top + len(luma), start + PIECE)
            if first >= last:
                continue
            rows = luma[first - top : last - top] * np.float32(255)
            for number, left in enumerate(self._lefts):
                band[first - start : last - start, number * PIECE : (number + 1) * PIECE] = rows[:, left : left + PIECE]

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know of the original; nothing for ordinary photographs."""
        if not self._levels:
            return ()
        pieces = [piece for band in self._bands for piece in np.split(band, len(self._lefts) or 1, axis=1)]
        apart = dots_apart([piece for piece in pieces if piece.shape[1]])
        if apart is not None:
            return (
                f"it looks like a halftone print: its dots, {apart:.1f} pixels apart, stay as they are; "
                "descreen the scan first for a smoother picture",
            )
        return (BILEVEL,) if is_bilevel(np.sum(self._levels, axis=0)) else ()


def _starts(length: int) -> list[int]:
    """Return where pieces begin along an edge; an edge shorter than a piece has none."""
    count = min(_PIECES, length // PIECE)
    return [round((length - PIECE) * (number + 0.5) / count) for number in range(count)]

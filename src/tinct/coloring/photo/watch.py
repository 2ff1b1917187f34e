"""What the rows of a picture tell of its original while they are coloured: dots of a screen, or two levels alone.

Both are seen at full resolution only, and the rows pass by once anyway.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.originals import PIECE, dots_apart, is_bilevel

# Pieces along each edge of the picture, and every which pixel is counted by its level.
_PIECES, _EVERY = 3, 4

BILEVEL = "it looks bilevel: black and white without greys, and colours follow greys; a scan in greys gives better ones"


class Watch:
    """Looks at a picture's rows, which come in any order and from several threads."""

    def __init__(self, width: int, height: int) -> None:
        """Watch a picture of a size, as it is shown."""
        self._tops = _starts(height)
        self._lefts = _starts(width)
        self._bands = np.zeros((len(self._tops), PIECE, len(self._lefts) * PIECE), dtype=np.float32)
        self._levels: list[NDArray[np.int64]] = []

    def see(self, luma: NDArray[Any], top: int) -> None:
        """Look at rows (n, W) in 0..1, of which the first is row `top`."""
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
        """What a person should know of the original; nothing of usual photographs."""
        if not self._levels:
            return ()
        pieces = [piece for band in self._bands for piece in np.split(band, len(self._lefts) or 1, axis=1)]
        apart = dots_apart([piece for piece in pieces if piece.shape[1]])
        if apart is not None:
            return (
                f"it looks like a halftone: printed dots {apart:.1f} pixels apart, which stay as they are; "
                "a descreened scan looks smoother",
            )
        return (BILEVEL,) if is_bilevel(np.sum(self._levels, axis=0)) else ()


def _starts(length: int) -> list[int]:
    """Return where pieces begin along an edge; nowhere along one that is too short."""
    count = min(_PIECES, length // PIECE)
    return [round((length - PIECE) * (number + 0.5) / count) for number in range(count)]

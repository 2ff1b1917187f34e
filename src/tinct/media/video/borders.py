"""Find the picture between a film's black borders, above and below (letterbox) or at the sides (pillarbox)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from tinct.errors import InputError
from tinct.media.video.film import Film
from tinct.media.video.form import Area, FrameForm
from tinct.media.video.probe import sample_lumas

Levels = NDArray[np.uint8]

_BORDER_FRAMES = 24  # number of frames, spread over the film, that are searched for black borders
_BLACK = 40  # the darkest line of a border is at most this bright, in 8-bit steps
_EVEN = 8  # its other lines are brighter by at most this many steps
_BRIGHTER = 24  # the picture beside a border is brighter than the border by this many steps, in some frame,
_ALONG = 0.6  # along at least this share of the border
_LINE_PIXELS = 480  # at most this many pixels of a line, spread evenly, tell whether it is black
_LEAST_LEFT = 0.3  # borders that would leave less than this share of the height or width count as picture


def picture_area(film: Film) -> Area:
    """Find a film's picture between black borders."""
    form = FrameForm.of(film)
    lumas = (np.rint(form.unit(luma) * 255).astype(np.uint8) for luma in sample_lumas(film, _BORDER_FRAMES))
    first = next(lumas, None)
    return active_area(chain([first], lumas)) if first is not None else (0, film.height, 0, film.width)


def active_area(lumas: Iterable[Levels]) -> tuple[int, int, int, int]:
    """Find the picture between black borders, above and below (letterbox) or at the sides (pillarbox).

    A border must be black in all frames, hairs and specks aside, and end in a straight line beside which the picture
    gets clearly brighter in some frames, so a dark film is not cropped. In doubt it counts as picture.

    Args:
        lumas: (h, w) uint8, some dozens of frames spread over the film; only one is held at once.

    Returns:
        Top, bottom, left and right, for `luma[top:bottom, left:right]`: even, or the frame's own edges.

    Raises:
        InputError: there are no frames, or they are of several sizes.
    """
    brightest: Levels | None = None
    rows, columns = np.zeros(0), np.zeros(0)
    for luma in lumas:
        brightest = luma if brightest is None else brightest
        if luma.shape != brightest.shape:
            raise InputError(f"a film's frames must be of one size, not {luma.shape} and {brightest.shape}")
        brightest = np.maximum(brightest, luma)
        height_step, width_step = (-(-edge // _LINE_PIXELS) for edge in luma.shape)
        across = np.quantile(luma[:, ::width_step], 0.98, axis=1)
        down = np.quantile(luma[::height_step], 0.98, axis=0)
        rows = np.maximum(rows, across) if rows.size else across
        columns = np.maximum(columns, down) if columns.size else down
    if brightest is None:
        raise InputError("finding black borders needs at least one frame")
    (top, bottom), (left, right) = _lit(rows), _lit(columns)
    inner_rows = _confirmed(top, bottom, brightest[:, left:right])
    return *inner_rows, *_confirmed(left, right, brightest[top:bottom].T)


def _lit(lines: NDArray[np.float64]) -> tuple[int, int]:
    """Return the first row that is not black, and the one after the last, from each row's level (h,)."""
    bright = np.flatnonzero(lines > lines.min() + _EVEN)
    if lines.min() > _BLACK or not len(bright) or np.ptp(bright) + 1 < _LEAST_LEFT * len(lines):
        return 0, len(lines)
    return int(bright[0]), int(bright[-1]) + 1


def _confirmed(start: int, end: int, brightest: Levels) -> tuple[int, int]:
    """Return where the picture begins and ends among the rows of (h, w); only borders that are sure are left out."""
    count = len(brightest)
    edge = max(3, count // 40)  # a border's last rows are mixed with the picture's first

    def sure(border: Levels, beside: Levels) -> bool:
        if not border.size:
            return False
        brighter = beside.max(axis=0) >= float(np.quantile(border, 0.98)) + _BRIGHTER
        return bool(np.mean(brighter) >= _ALONG)

    start = start if sure(brightest[:start], brightest[start : start + edge]) else 0
    end = end if sure(brightest[end:], brightest[max(0, end - edge) : end]) else count
    return start - start % 2, min(count, end + end % 2)

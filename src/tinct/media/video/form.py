"""What all frames of a film have in common: the meaning of their codes, their sizes, and the picture's place.

The picture may lie between black borders, above and below (letterbox) or at the sides (pillarbox).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.errors import InputError
from tinct.media.video.film import Film
from tinct.media.video.probe import sample_frames

Area = tuple[int, int, int, int]  # top, bottom, left and right
Levels = NDArray[np.uint8]

# The weights of red and blue in luma, for each matrix: ITU-R BT.601-7, BT.709-6, BT.2020-2.
LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}

_BORDER_FRAMES = 24  # number of frames, spread over the film, that are searched for black borders
_BLACK = 40  # the darkest line of a border is at most this bright, in 8-bit steps
_EVEN = 8  # its other lines are brighter by at most this many steps
_BRIGHTER = 24  # the picture beside a border is brighter than the border by this many steps, in some frame,
_ALONG = 0.6  # along at least this share of the border
_LINE_PIXELS = 480  # at most this many pixels of a line, spread evenly, tell whether it is black
_LEAST_LEFT = 0.3  # borders that would leave less than this share of the height or width count as picture


def code_type(bits: int) -> type[np.unsignedinteger[Any]]:
    return np.uint8 if bits == 8 else np.uint16


@dataclass(frozen=True)
class FrameForm:
    """What all frames of a film have in common.

    Attributes:
        luma_shape, depth: (H, W) of the Y plane, and its bits.
        full_range: whether codes use all values; otherwise black is 16 and white 235, times 2^(depth - 8).
        matrix: `bt601`, `bt709` or `bt2020`.
        area: (top, bottom, left, right) of the picture between black borders, in luma pixels, all even.
        chroma_shape, chroma_depth: (h, w) of the planes of U and V, and their bits.
    """

    luma_shape: tuple[int, int]
    depth: int
    full_range: bool
    matrix: str
    area: Area
    chroma_shape: tuple[int, int]
    chroma_depth: int

    @classmethod
    def of(
        cls, film: Film, *, area: Area | None = None, chroma_shape: tuple[int, int] | None = None, chroma_depth: int = 8
    ) -> Self:
        """Return a film's form; unless given, there are no borders, and chroma is as large as luma."""
        return cls(
            luma_shape=(film.height, film.width),
            depth=film.depth,
            full_range=film.full_range,
            matrix=film.matrix_name,
            area=area or (0, film.height, 0, film.width),
            chroma_shape=chroma_shape or (film.height, film.width),
            chroma_depth=chroma_depth,
        )

    def unit(self, codes: NDArray[Any]) -> FloatArray:
        """Return codes of Y as luma in 0..1."""
        scale = 1 << (self.depth - 8)
        black, white = (0, 256 * scale - 1) if self.full_range else (16 * scale, 235 * scale)
        luma = codes.astype(np.float32)
        luma -= np.float32(black)
        luma *= np.float32(1 / (white - black))
        return np.clip(luma, 0, 1, out=luma)

    def unit_chroma(self, codes: NDArray[Any]) -> FloatArray:
        """Return codes of the film's own U or V as Cb or Cr in -0.5..0.5."""
        return self._centred(codes, self.depth)

    def chroma_codes(self, chroma: NDArray[Any]) -> NDArray[Any]:
        """Return Cb or Cr in -0.5..0.5 as codes."""
        codes = chroma * np.float32(self._chroma_span(self.chroma_depth))
        codes += np.float32(1 << (self.chroma_depth - 1))
        np.rint(codes, out=codes)
        return np.clip(codes, 0, (1 << self.chroma_depth) - 1, out=codes).astype(code_type(self.chroma_depth))

    def rgb(self, luma: FloatArray, blue: FloatArray, red: FloatArray) -> FloatArray:
        """Return luma in 0..1 and Cb and Cr in -0.5..0.5, all (h, w), as sRGB (h, w, 3) in 0..1."""
        red_weight, blue_weight = LUMA_WEIGHTS[self.matrix]
        rgb = np.empty((*luma.shape, 3), dtype=np.float32)
        rgb[..., 0] = luma + 2 * (1 - red_weight) * red
        rgb[..., 2] = luma + 2 * (1 - blue_weight) * blue
        rest = 1 - red_weight - blue_weight
        rgb[..., 1] = (luma - red_weight * rgb[..., 0] - blue_weight * rgb[..., 2]) / rest
        return np.clip(rgb, 0, 1, out=rgb)

    def rgb_codes(self, luma: NDArray[Any], chroma: tuple[NDArray[Any], NDArray[Any]], *, bits: int) -> NDArray[Any]:
        """Return a frame's codes of Y, and of U and V with `chroma_depth` bits, all (h, w), as sRGB.

        Returns:
            (h, w, 3) codes of this many bits: uint8, or uint16 for more than 8.
        """
        rgb = self.rgb(self.unit(luma), *(self._centred(plane, self.chroma_depth) for plane in chroma))
        rgb *= np.float32((1 << bits) - 1)
        return np.rint(rgb, out=rgb).astype(code_type(bits))

    def neutral(self) -> NDArray[Any]:
        """Return a plane of U or V without colour."""
        return np.full(self.chroma_shape, 1 << (self.chroma_depth - 1), dtype=code_type(self.chroma_depth))

    def _chroma_span(self, depth: int) -> int:
        return (1 << depth) - 1 if self.full_range else 224 << (depth - 8)

    def _centred(self, codes: NDArray[Any], depth: int) -> FloatArray:
        return (codes.astype(np.float32) - np.float32(1 << (depth - 1))) / np.float32(self._chroma_span(depth))


def picture_area(film: Film) -> Area:
    """Find a film's picture between black borders."""
    form = FrameForm.of(film)
    lumas = (np.rint(form.unit(luma) * 255).astype(np.uint8) for luma, _ in sample_frames(film, _BORDER_FRAMES))
    first = next(lumas, None)
    return active_area(chain([first], lumas)) if first is not None else (0, film.height, 0, film.width)


def active_area(lumas: Iterable[Levels]) -> Area:
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
    across, down = [], []
    for luma in lumas:
        brightest = luma if brightest is None else brightest
        if luma.shape != brightest.shape:
            raise InputError(f"a film's frames must be of one size, not {luma.shape} and {brightest.shape}")
        brightest = np.maximum(brightest, luma)
        height_step, width_step = (-(-edge // _LINE_PIXELS) for edge in luma.shape)
        across.append(np.quantile(luma[:, ::width_step], 0.98, axis=1))
        down.append(np.quantile(luma[::height_step], 0.98, axis=0))
    if brightest is None:
        raise InputError("finding black borders needs at least one frame")
    (top, bottom), (left, right) = _lit(np.max(across, axis=0)), _lit(np.max(down, axis=0))
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

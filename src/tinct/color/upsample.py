"""Full-size colours from small chroma and full-size luma: the fast guided filter, and colours that keep their luma.

At a small size, chroma is fitted in every window by a linear function of luma, U = a Y + b. The two coefficients of
each channel vary slowly, so they can be enlarged bilinearly; with the full-size luma they give chroma that follows its
edges. He, Sun & Tang 2013, "Guided image filtering"; He & Sun 2015, "Fast guided filter" (arXiv 1505.00996).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import RGB_TO_YUV, YUV_TO_RGB, FloatArray, yuv_to_rgb
from tinct.color.windows import Window, window_mean
from tinct.errors import InputError, SettingError

# Luma differences well above the square root of this are edges that chroma follows; smaller ones are texture and grain.
EPSILON = 5e-4
_PURE = 1e-3  # a coarse pixel with this luma variance counts half as much as an even one, since its colour is a mixture
_CALM = 2e-2  # luma variance below which coarse colours are trusted in every detail
_CELLS = 3  # how many windows are fitted along three quarters of a coarse pixel
# Half the width of the windows in which smooth places get even colours, as a share of the picture's shorter edge.
_EVEN_WINDOW = 0.07
_SMOOTH = 3e-3  # luma variance in these windows below which a place is smooth
_EVEN_EDGE = 1e-3  # luma variance of edges at which the even colours stop: the epsilon of their guided filter
_BLOCK_PIXELS = 1 << 17  # coloured at once: they fit in the processor's cache
_WIDE = 2048  # rows of at least this many pixels are worth one call of OpenCV each
_RED, _GREEN, _BLUE = (float(weight) for weight in RGB_TO_YUV[0])
_RED_PER_V, _BLUE_PER_U = float(YUV_TO_RGB[0, 2]), float(YUV_TO_RGB[2, 1])
# Green that keeps luma for any red and blue: G - Y = -(0.299 (R - Y) + 0.114 (B - Y)) / 0.587.
_GREEN_PER_RED, _GREEN_PER_BLUE = -_RED / _GREEN, -_BLUE / _GREEN


@dataclass(frozen=True, eq=False)
class ChromaGuide:
    """Chroma as a linear function of luma at every place of a small picture.

    Attributes:
        planes: (4, h, w) float32: slope and offset of R - Y, slope and offset of B - Y, for luma in 0..1.
        dimming: (2, h, w) float32: slope and offset of the share of luma that is taken away, if a person asked for it;
            None leaves luma unchanged.
    """

    planes: FloatArray
    dimming: FloatArray | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the small picture."""
        return self.planes.shape[1], self.planes.shape[2]

    def chroma(self, luma: NDArray[Any]) -> FloatArray:
        """Return U and V (h, w, 2) for a picture of the guide's size, before they are brought into gamut.

        Args:
            luma: (h, w) in 0..1.
        """
        red, blue = (self.planes[place] * luma + self.planes[place + 1] for place in (0, 2))
        return np.stack([blue / np.float32(_BLUE_PER_U), red / np.float32(_RED_PER_V)], axis=-1)

    def of_luma(self, gain: float, offset: float) -> ChromaGuide:
        """Return this guide for luma to which gain and offset have not been applied yet."""
        if gain == 1 and offset == 0:
            return self
        planes = self.planes.copy()
        planes[1::2] += planes[::2] * np.float32(offset)
        planes[::2] *= np.float32(gain)
        return replace(self, planes=planes)

    def stronger(self, factor: float) -> ChromaGuide:
        """Return a guide that gives `factor` times the chroma."""
        return self if factor == 1 else replace(self, planes=self.planes * np.float32(factor))

    def rows(self, top: int, count: int, *, height: int, width: int) -> FloatArray:
        """Enlarge some rows to the full size, bilinearly.

        Args:
            top: first row of the full-size picture.
            count: how many rows.
            height: of the full-size picture.
            width: of the full-size picture.

        Returns:
            (4, count, width) float32, a new array with `planes`, or six with those of `dimming`.
        """
        return _Enlarger(self, top, count, height=height, width=width).planes(0, count)


class _Enlarger:
    """Some rows of a guide at the full size, bilinearly."""

    def __init__(self, guide: ChromaGuide, top: int, count: int, *, height: int, width: int, full: float = 1.0) -> None:
        """Take the rows as `ChromaGuide.rows` does, for luma in 0..`full` and chroma in its units."""
        planes = guide.planes if guide.dimming is None else np.concatenate([guide.planes, guide.dimming])
        small_height = planes.shape[1]
        place = np.clip((np.arange(top, top + count) + 0.5) * (small_height / height) - 0.5, 0, small_height - 1)
        above = np.floor(place).astype(np.intp)
        below = np.minimum(above + 1, small_height - 1)
        first = int(above[0])
        self._near = planes[:, first : int(below[-1]) + 1]
        if full != 1:
            self._near = self._near.copy()
            self._near[1:4:2] *= np.float32(full)  # the offsets of chroma
        self._above, self._below, self._part = above - first, below - first, place - above
        self._width, self._same = width, (height, width) == guide.size
        if width >= _WIDE and not self._same:
            self._near = self._widened(self._near, np.empty((*self._near.shape[:2], width), dtype=np.float32))

    def planes(self, start: int, count: int, *, out: FloatArray | None = None) -> FloatArray:
        """Return rows (4 or 6, count, width), the first being number `start` of those taken; in `out` if it fits."""
        shape = (len(self._near), count, self._width)
        planes = out if out is not None and out.shape == shape else np.empty(shape, dtype=np.float32)
        here = slice(start, start + count)
        if self._same:
            planes[...] = self._near[:, here]
        elif self._width >= _WIDE:  # one call interpolates one row
            places = list(zip(*(part[here].tolist() for part in (self._above, self._below, self._part)), strict=True))
            for near, plane in zip(self._near, planes, strict=True):
                rows = list(near)
                for row, (above, below, part) in zip(plane, places, strict=True):
                    cv2.addWeighted(rows[above], 1 - part, rows[below], part, 0, row)
        else:
            part = self._part[here].astype(np.float32)[:, None]
            between = self._near[:, self._above[here]] * (1 - part)
            between += self._near[:, self._below[here]] * part
            self._widened(between, planes)
        return planes

    def _widened(self, planes: FloatArray, out: FloatArray) -> FloatArray:
        """Write planes (k, n, w) into (k, n, W) at the full width."""
        wide = out.reshape(-1, self._width)
        cv2.resize(planes.reshape(len(wide), -1), wide.shape[::-1], wide, interpolation=cv2.INTER_LINEAR)
        return out


def fit_guide(
    luma: NDArray[Any],
    chroma: NDArray[Any],
    *,
    radius: int | None = None,
    epsilon: float = EPSILON,
    cells: int = _CELLS,
) -> ChromaGuide:
    """Fit chroma as a local linear function of luma.

    Args:
        luma: (h, w) in 0..1.
        chroma: (k, l, 2) YUV chroma, of the same picture and often at a smaller size.
        radius: half the window's width in pixels of `luma`; default: 1.5 pixels of `chroma`, since its colours may lie
            that far beside an edge.
        epsilon: luma variance below which a window counts as flat, so that chroma is averaged there.
        cells: how many windows are fitted along three quarters of a coarse pixel, and at most one for each pixel.

    Returns:
        The guide, at the size of `luma`.

    Raises:
        InputError: the arrays have other shapes.
        SettingError: `radius` is below 1 or `epsilon` not above 0.

    Source: He & Sun 2015, section 3, with two additions: pixels whose coarse colour is a mixture count less in the
    fit, and one step of back-projection (Irani & Peleg 1991) restores what the windows averaged away. As there, windows
    are fitted every few pixels; but all pixels count in each.
    """
    if luma.ndim != 2 or chroma.ndim != 3 or chroma.shape[2] != 2 or 0 in luma.shape or 0 in chroma.shape:
        raise InputError(f"luma must be (h, w) and chroma (k, l, 2), not {luma.shape} and {chroma.shape}")
    coarseness = max(1.0, luma.shape[0] / chroma.shape[0], luma.shape[1] / chroma.shape[1])
    if radius is None:
        radius = max(2, round(1.5 * coarseness))
    if radius < 1 or not epsilon > 0:
        raise SettingError(f"the guided filter's radius must be at least 1 ({radius}) and epsilon above 0 ({epsilon})")
    near = max(1, round(0.75 * coarseness))
    step = max(1, near // cells)
    size = (max(1, round(luma.shape[1] / step)), max(1, round(luma.shape[0] / step)))
    full = np.ascontiguousarray(luma, dtype=np.float32)
    guide, square = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (full, full * full))
    wide, near_wide = ((2 * half + 1) / step for half in (radius, near))
    mean = window_mean(guide, near_wide)
    contrast = np.maximum(window_mean(square, near_wide) - mean * mean, 0)
    window = Window.around(guide, square, np.float32(_PURE) / (contrast + np.float32(_PURE)), wide, epsilon)
    calm = np.float32(_CALM) / (contrast + np.float32(_CALM))
    coarse = (min(chroma.shape[1], size[0]), min(chroma.shape[0], size[1]))
    planes = np.empty((4, *luma.shape), dtype=np.float32)
    # One channel at a time: NumPy and OpenCV take twice as long over two interleaved channels.
    for index, (channel, factor) in enumerate(((1, _RED_PER_V), (0, _BLUE_PER_U))):
        small = np.ascontiguousarray(chroma[..., channel], dtype=np.float32) * np.float32(factor)
        colors = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
        slope, offset = (window_mean(plane, near_wide) for plane in window.fit(colors))
        # What the windows averaged away is added back at the chroma's own size, so that small things keep their colour;
        # but hardly beside edges, where it would be the neighbour's colour.
        lost = cv2.resize((colors - slope * guide - offset) * calm, coarse, interpolation=cv2.INTER_AREA)
        offset += cv2.resize(lost, size, interpolation=cv2.INTER_LINEAR)
        for plane, fitted in zip(planes[2 * index :], (slope, offset), strict=False):
            cv2.resize(fitted, luma.shape[::-1], plane, interpolation=cv2.INTER_LINEAR)
    return ChromaGuide(planes)


def fit_dimming(luma: NDArray[Any], taken: NDArray[Any]) -> FloatArray:
    """Fit the share (k, l) that is taken from luma (h, w), in the way of chroma; return a guide's `dimming`."""
    fitted = fit_guide(luma, np.stack([np.zeros_like(taken), taken], axis=-1))
    dimming: FloatArray = fitted.planes[:2] / np.float32(_RED_PER_V)
    return dimming


def even_out(luma: NDArray[Any], chroma: NDArray[Any]) -> FloatArray:
    """Make the colours of smooth places even: a wall or a sky has one colour, or one that changes slowly.

    A network decides for each place separately, and errs in patches: half a grey wall comes out blue. In smooth places
    a guided filter averages its chroma over a wide window and stops at edges of luma; textured places stay as they are.
    On photographs of the validation split this removes a third (landscapes) to two thirds (others) of the smooth area
    whose colour differs from its surroundings, at no loss of CIEDE2000.

    Args:
        luma: (h, w) in 0..1.
        chroma: (k, l, 2) of the same picture, from the network.

    Returns:
        (k, l, 2) float32.

    Source: He, Sun & Tang 2013; restricting it to smooth places is tinct's own.
    """
    size = chroma.shape[1::-1]
    guide = np.asarray(cv2.resize(np.asarray(luma, dtype=np.float32), size, interpolation=cv2.INTER_AREA))
    radius = max(1, round(_EVEN_WINDOW * min(size)))
    wide = 2 * radius + 1
    window = Window.around(guide, guide * guide, np.ones_like(guide), wide, _EVEN_EDGE)
    smooth = np.float32(_SMOOTH) / (window.variance - np.float32(_EVEN_EDGE) + np.float32(_SMOOTH))
    result = np.array(chroma, dtype=np.float32)
    for channel in range(2):
        slope, offset = (window_mean(plane, wide) for plane in window.fit(np.ascontiguousarray(result[..., channel])))
        result[..., channel] += smooth * (slope * guide + offset - result[..., channel])
    return result


def color_rows(
    luma: NDArray[Any], guide: ChromaGuide, *, top: int, height: int, dtype: type[np.generic]
) -> NDArray[Any]:
    """Colour some full-width rows of a picture; their BT.601 luma stays the same, unless the guide dims it.

    Colours out of gamut lose chroma, never luma: chroma is scaled by the largest s <= 1 that keeps R, G and B in range.
    For integers, red and blue are rounded first, and green is then chosen so that the luma is nearest.

    Args:
        luma: (n, W) float32 in 0..1.
        guide: gives the chroma.
        top: number of the first row in the whole picture.
        height: of the whole picture.
        dtype: of the result: uint8, uint16 or float32.

    Returns:
        (n, W, 3) sRGB, over the whole range of an integer type, else in 0..1. The luma of each pixel differs from the
        given one by at most 0.3 of a step of an integer type.
    """
    count, width = luma.shape
    result = np.empty((count, width, 3), dtype=dtype)
    full = float(np.iinfo(result.dtype).max) if np.issubdtype(dtype, np.integer) else 1.0
    enlarger = _Enlarger(guide, top, count, height=height, width=width, full=full)
    step = max(1, min(count, _BLOCK_PIXELS // width))
    planes, free = None, np.empty((2, step, width), dtype=np.float32)
    for start in range(0, count, step):
        part = np.ascontiguousarray(luma[start : start + step], dtype=np.float32)
        planes = enlarger.planes(start, len(part), out=planes)
        _color_block(part, planes, result[start : start + step], free=free[:, : len(part)], full=full)
    return result


def _color_block(luma: FloatArray, planes: FloatArray, result: NDArray[Any], *, free: FloatArray, full: float) -> None:
    """Colour (n, W) luma in 0..1 into (n, W, 3) in 0..`full`.

    `planes` are 4 or 6 planes (n, W) of enlarged coefficients; they and the two of `free` are overwritten.
    """
    scaled, spare = free
    shown = np.multiply(luma, np.float32(full), out=scaled)
    if len(planes) > 4:
        taken = np.clip(planes[4] * luma + planes[5], 0, 1)
        shown = np.multiply(scaled, 1 - taken, out=planes[5])
    red, blue = _taken_within_gamut(scaled, planes, weights=(_RED, _BLUE), shown=shown, spare=spare, full=full)
    np.subtract(shown, red, out=red)
    np.subtract(shown, blue, out=blue)
    if full > 1:
        np.rint(red, out=red)
        np.rint(blue, out=blue)
    green = cv2.addWeighted(red, _GREEN_PER_RED, blue, _GREEN_PER_BLUE, 0, spare)
    cv2.scaleAdd(shown, 1 / _GREEN, green, green)
    if result.dtype == np.uint8:
        cv2.threshold(green, 0, 0, cv2.THRESH_TOZERO, green)
        colors = [cv2.convertScaleAbs(values) for values in (red, green, blue)]  # rounds, and clips to 255
    else:
        if full > 1:
            np.rint(green, out=green)
        colors = [np.clip(values, 0, full, out=values).astype(result.dtype) for values in (red, green, blue)]
    cv2.merge(colors, result)


def _taken_within_gamut(
    luma: FloatArray,
    planes: FloatArray,
    *,
    weights: tuple[float, float],
    shown: FloatArray,
    spare: FloatArray,
    full: float,
) -> tuple[FloatArray, FloatArray]:
    """Return Y - R and Y - B (n, W), scaled so that no channel leaves 0..`full`.

    Args:
        luma: (n, W) in 0..`full`.
        planes: (4 or more, n, W) enlarged coefficients; the result overwrites them.
        weights: of red and blue in luma.
        shown: (n, W) the luma of the result, dimmed or not.
        spare: (n, W) is overwritten.
        full: white.
    """
    red_slope, red, blue_slope, blue = planes[:4]
    cv2.accumulateProduct(red_slope, luma, red)
    cv2.accumulateProduct(blue_slope, luma, blue)
    rest = 1 - weights[0] - weights[1]
    green = cv2.addWeighted(red, -weights[0] / rest, blue, -weights[1] / rest, 0, red_slope)
    # The largest channel may reach white, the smallest black.
    most = np.maximum(np.maximum(red, green, out=blue_slope), blue, out=blue_slope)
    least = np.minimum(np.minimum(red, green, out=green), blue, out=green)
    room = np.subtract(shown, np.float32(full * (1 + 1e-6)), out=spare)
    np.divide(most, room, out=most)
    np.add(shown, np.float32(full * 1e-6), out=room)
    np.divide(least, room, out=least)
    # Both are 0 or below; division by the one that exceeds its limit more also turns chroma's sign.
    _, excess = cv2.threshold(np.minimum(most, least, out=most), -1, 0, cv2.THRESH_TRUNC, most)
    red /= excess
    blue /= excess
    return red, blue


def chroma_planes(
    luma: NDArray[Any], guide: ChromaGuide, *, weights: tuple[float, float]
) -> tuple[FloatArray, FloatArray]:
    """Return the colour differences of a picture, as films store them.

    Args:
        luma: (h, w) float32 in 0..1, at the size of the chroma that is wanted.
        guide: gives the chroma.
        weights: of red and blue in luma: (0.299, 0.114) in BT.601, (0.2126, 0.0722) in BT.709.

    Returns:
        Cb and Cr, (h, w) float32 in -0.5..0.5 each, scaled into gamut at this luma.

    Source: ITU-R BT.601-7, section 2.5.1; BT.709-6, item 3.3.
    """
    height, width = luma.shape
    blue_out, red_out = np.empty((2, height, width), dtype=np.float32)
    step = max(1, min(height, _BLOCK_PIXELS // width))
    enlarger = _Enlarger(guide, 0, height, height=height, width=width)
    planes, spare = None, np.empty((step, width), dtype=np.float32)
    for top in range(0, height, step):
        part = np.ascontiguousarray(luma[top : top + step], dtype=np.float32)
        planes = enlarger.planes(top, len(part), out=planes)
        red, blue = _taken_within_gamut(part, planes, weights=weights, shown=part, spare=spare[: len(part)], full=1)
        np.multiply(blue, np.float32(-0.5 / (1 - weights[1])), out=blue_out[top : top + step])
        np.multiply(red, np.float32(-0.5 / (1 - weights[0])), out=red_out[top : top + step])
    return blue_out, red_out


def yuv_colors(luma: NDArray[Any], chroma: NDArray[Any]) -> FloatArray:
    """Return sRGB (..., 3) in 0..1 from luma (...) and U and V (..., 2), scaled into gamut, luma kept."""
    grey = np.asarray(luma, dtype=np.float32)[..., None]
    offsets = yuv_to_rgb(np.concatenate([np.zeros_like(grey), np.asarray(chroma, dtype=np.float32)], axis=-1))
    most = np.maximum(offsets.max(axis=-1, keepdims=True), np.float32(1e-6))
    least = np.maximum(-offsets.min(axis=-1, keepdims=True), np.float32(1e-6))
    scale = np.minimum(np.minimum((1 - grey) / most, grey / least), 1)
    colors: FloatArray = np.clip(grey + scale * offsets, 0, 1)
    return colors

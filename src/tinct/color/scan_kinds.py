"""Recognising originals that are not ordinary photographs: negatives, bilevel pictures and halftone prints."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.color.statistics import median

PIECE = 96  # edge, in pixels, of the pieces of a picture at full resolution in which a halftone screen is sought
_FINEST = 2.1  # dots closer to each other than this, in pixels, cannot be told from grain
_COARSEST = 14.0  # dots farther apart than this, in pixels, are things that the picture shows
# A screen's frequency stands out in two directions by more than this, the logarithm of a ratio of powers. Ordinary
# photographs reach 3.6, screens begin at 4.4.
_SCREENED = 4.0
_STRONG = 7.0  # a screen's least amplitude, in 8-bit steps
_EVEN = 3.0  # pieces with less contrast than this, in 8-bit steps, show no dots
_BETWEEN = 0.02  # in a bilevel picture at most this share of the pixels is near neither the dark nor the light level
_NEAR = 20  # pixels within this many 8-bit steps of a level are near it
_APART = 100  # least difference of the two levels, in 8-bit steps
_LOOK = 96  # edge, in pixels, of the square that a picture is resized to before it is compared with its negative
NEGATIVE = 3.3  # log odds above which a picture counts as a negative by its luma alone
# Numbers of bins of the features of negatives: of luma, of spots' contrast, of local spread, of edges' directions,
# and of a picture's height.
_LEVELS, _SIGNS, _SPREADS, _TURNS, _THIRDS = 6, 9, 8, 8, 3
# A pixel's 8 neighbours, in rows and columns of its 3 x 3 pixels.
_AROUND = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))


def dots_apart(pieces: Sequence[NDArray[Any]]) -> float | None:
    """Return the distance of a halftone screen's dots in pixels; None if there is no screen.

    A screen repeats itself along two perpendicular directions, in the same way all over the picture. So the whitened
    power spectra of several pieces are averaged, and one frequency must stand out in both directions.

    Args:
        pieces: (PIECE, PIECE) luma in 8-bit steps, from several places, at the picture's full resolution.
    """
    window, down, across, looked_at, steepness = _spectral_grid()
    uneven = [piece for piece in pieces if np.std(piece, dtype=np.float32) >= _EVEN]
    if not uneven:
        return None
    values = np.array(uneven, dtype=np.float32)
    values -= values.mean(axis=(1, 2), keepdims=True)
    values *= window
    half = PIECE // 2 + 1  # NumPy's own transform takes several times as long
    spectra = np.array([cv2.dft(piece, flags=cv2.DFT_COMPLEX_OUTPUT)[:, :half] for piece in values])
    strength = np.square(spectra[..., 0]) + np.square(spectra[..., 1])
    power = strength.mean(axis=0) * (2 / window.sum()) ** 2
    if power[looked_at].max() <= _STRONG**2:
        return None
    flat = np.log(strength[:, looked_at] + np.float32(1e-3 * PIECE**2)) + steepness
    ratio = np.full(power.shape, -np.inf)
    ratio[looked_at] = (flat - median(flat, axis=1)[:, None]).mean(axis=0)
    row, column = np.unravel_index(ratio.argmax(), ratio.shape)
    y, x = float(down[row, 0]), float(across[0, column])
    beside = np.minimum(np.hypot(down + x, across - y), np.hypot(down - x, across + y)) <= 1.6 / PIECE
    if not (beside & looked_at).any():
        return None
    screened = min(ratio[row, column], ratio[beside].max())
    strong = min(power[row, column], power[beside].max())
    return float(1 / np.hypot(y, x)) if screened > _SCREENED and strong > _STRONG**2 else None


def is_bilevel(histogram: NDArray[Any]) -> bool:
    """Return whether a picture has only two levels, but for JPEG's noise, from the histogram (256,) of its luma."""
    counts = np.asarray(histogram, dtype=np.float64)
    levels, total = np.arange(256), counts.sum()
    below = np.cumsum(counts)
    mean = np.cumsum(counts * levels)
    with np.errstate(divide="ignore", invalid="ignore"):  # Otsu's threshold
        between = (mean[-1] * below / total - mean) ** 2 / (below * (total - below))
    if not np.isfinite(between).any():
        return False
    cut = int(np.nanargmax(np.where(np.isfinite(between), between, -1))) + 1
    dark, light = int(counts[:cut].argmax()), cut + int(counts[cut:].argmax())
    near = (np.abs(levels - dark) <= _NEAR) | (np.abs(levels - light) <= _NEAR)
    return light - dark >= _APART and counts[~near].sum() <= _BETWEEN * total


def negative_odds(luma: NDArray[Any]) -> float:
    """Return the log odds that luma (h, w) in 0..1 is that of a negative: above `NEGATIVE` for about half of them.

    `tinct.coloring.photo.negative` recognises more.

    Luma is compared with its inverse by what photographs have in common: light comes from above, shadows hold less
    detail than lights, and edges and spots have typical shapes. A logistic regression was fitted to 16,000 photographs
    and their inverses; a picture and its inverse have opposite scores.
    """
    seen = cv2.resize(np.asarray(luma, dtype=np.float32), (_LOOK, _LOOK), interpolation=cv2.INTER_AREA)
    seen = np.rint(np.clip(seen, 0, 1) * 255).astype(np.float32) / 255
    features, inverted = _features(seen)
    return float((inverted - features) @ _weights())


@cache
def _spectral_grid() -> tuple[NDArray[Any], ...]:
    """Return what the spectra of all pieces have in common.

    These are the pieces' window; frequencies along columns and along rows, in 1 per pixel; which of them are looked at;
    and by how much pictures' power falls towards each of these (its logarithm).
    """
    window = np.outer(np.hanning(PIECE), np.hanning(PIECE)).astype(np.float32)
    places = np.arange(PIECE)
    down = (np.where(places < PIECE // 2, places, places - PIECE) / PIECE)[:, None]
    across = (places[: PIECE // 2 + 1] / PIECE)[None]
    frequency = np.hypot(down, across)
    looked_at = (frequency >= 1 / _COARSEST) & (frequency <= 1 / _FINEST)
    return window, down, across, looked_at, (2 * np.log(frequency[looked_at])).astype(np.float32)


@cache
def _weights() -> FloatArray:
    weights: FloatArray = np.load(Path(__file__).with_name("negatives.npy")).astype(np.float32)
    return weights


def _features(luma: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the features (n,) of a picture (96, 96) in 0..1 that differ between photographs and negatives.

    Those of its inverse come second; most of them are the same numbers in another order.
    """
    both: tuple[list[NDArray[Any]], list[NDArray[Any]]] = ([], [])
    ways = [luma, 1 - luma]
    for scale in range(3):
        if scale:
            half = (ways[0].shape[1] // 2, ways[0].shape[0] // 2)
            ways = [np.asarray(cv2.resize(way, half, interpolation=cv2.INTER_AREA)) for way in ways]
        for found, shares in zip(both, _shares_at(*ways), strict=True):
            found += shares
    coarse = cv2.resize(luma, (8, 8), interpolation=cv2.INTER_AREA).ravel() - np.float32(0.5)
    for found, values, places in zip(both, (luma, 1 - luma), (coarse, -coarse), strict=True):
        found += [places, np.bincount(_steps(values, 24).ravel(), minlength=24) / luma.size]
    features, inverted = (np.concatenate(found) for found in both)
    return rooted(features), rooted(inverted)


def rooted(values: NDArray[Any]) -> FloatArray:
    """Return the square roots of the absolute values, with the signs of the values."""
    return np.asarray(np.sqrt(np.abs(values)) * np.sign(values), dtype=np.float32)


def _steps(luma: FloatArray, count: int) -> NDArray[np.int32]:
    """Return which of some even steps of 0..1 each pixel lies in."""
    return np.clip((luma * count).astype(np.int32), 0, count - 1)


def _shares_at(luma: FloatArray, inverse: FloatArray) -> tuple[list[NDArray[Any]], list[NDArray[Any]]]:
    """Return histograms of luma (h, w) at one scale: 3 x 3 patterns, spots, local contrast, edge directions.

    Those of its inverse come second.
    """
    height = len(luma)
    third = (np.arange(height, dtype=np.int32) * _THIRDS // height)[:, None]
    signs = []
    for size, step in ((3, 0.01), (9, 0.03)):
        spot = luma - cv2.blur(luma, (size, size))
        signs.append(np.clip(np.rint(np.sign(spot) * np.sqrt(np.abs(spot) / step) * 1.5), -4, 4).astype(np.int32))
    variance = cv2.blur(luma * luma, (5, 5)) - cv2.blur(luma, (5, 5)) ** 2
    spread = np.clip((np.log2(np.sqrt(np.maximum(variance, 0)) + 1 / 512) + 9), 0, _SPREADS - 1).astype(np.int32)
    x, y = cv2.Sobel(luma, cv2.CV_32F, 1, 0), cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    turn = (np.arctan2(y, x) / (2 * np.pi) * _TURNS + _TURNS + 0.5).astype(np.int32)
    strength = np.sqrt(cv2.magnitude(x, y)).ravel()
    both = []
    for way, values in ((1, luma), (-1, inverse)):
        level = _steps(values, _LEVELS)
        spots = [(way * sign + 4) * _LEVELS + level for sign in signs]
        contrast = (third * _SPREADS + spread) * _LEVELS + level
        turned = third * _TURNS + (turn + (0 if way > 0 else _TURNS // 2)) % _TURNS
        shares = [
            np.bincount(_patterns(values).ravel(), minlength=256),
            *(np.bincount(spot.ravel(), minlength=_SIGNS * _LEVELS) for spot in spots),
            np.bincount(contrast.ravel(), minlength=_THIRDS * _SPREADS * _LEVELS),
            np.bincount(turned.ravel(), weights=strength, minlength=_THIRDS * _TURNS),
        ]
        both.append([share / luma.size for share in shares])
    return both[0], both[1]


def _patterns(luma: FloatArray) -> NDArray[np.uint8]:
    """Return which of its eight neighbours are brighter than each pixel, a bit for each."""
    height, width = luma.shape
    padded = cv2.copyMakeBorder(luma, 1, 1, 1, 1, cv2.BORDER_REFLECT_101)
    pattern = np.zeros(luma.shape, dtype=np.uint8)
    for bit, (top, left) in enumerate(_AROUND):
        pattern |= (padded[top : top + height, left : left + width] > luma).view(np.uint8) << np.uint8(bit)
    return pattern

"""Spread hints over a picture and combine them with the network's answer.

Each pixel belongs to the hints by a share A in 0..1, and gets the mean colour S / A of those it belongs to. A and S
spread together by `tinct.color.propagate`: A is 1 at the hints, and elsewhere is drawn to a target, the more firmly the
surer the network is of its own colour there. The target is 0 where the network sees something else than at the hint,
and up to 1 where it sees the same, so that a hint also colours parts of a thing that another thing cuts off from it.
A (S / A - chroma) is added to the picture: nothing at all where A is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.propagate import Propagator
from tinct.color.resize import resized, small_size
from tinct.color.spaces import FloatArray, rgb_to_yuv
from tinct.color.upsample import ChromaGuide, fit_dimming, fit_guide, yuv_colors
from tinct.coloring.hints.hint import Hint
from tinct.coloring.hints.things_by_features import Things
from tinct.coloring.hints.things_by_network import PointedThings
from tinct.errors import InputError, SettingError

# sqrt(height x width) at which hints spread: a factorisation takes half a second there, and a hint milliseconds.
SPREAD_SIZE = 160
# The firmness with which a pixel is drawn to its target at that size, if the network has no idea of its colour;
# a colour reaches about firmness ** -0.25 pixels.
LOOSE = 3e-8
# The firmness if the network is certain of the pixel's colour.
FIRM = 3e-6
# The firmness if the network's features show where things end.
BOUND = 3e-5
# Scale of how unlike the network's answers at two pixels of one thing are, as 1 - Bhattacharyya coefficient.
_LIKENESS = 0.05
# Scale of how unlike the luma of two pixels of one thing is.
_SHADE = 0.1
# How far a hint reaches to parts that are cut off from it, as a share of sqrt(height x width).
_REACH = 0.4
# Radius within which one suggested point speaks for its neighbours, as a share of sqrt(height x width).
_NEAR = 0.2
# Up to this share a pixel stays as it was.
_SHARE_FROM = 0.3
# From this share on a pixel has the hint's colour entirely.
_SHARE_TO = 0.7
# A hint with less chroma than this is as good as grey, and can be shown at any luma.
_GREY = 0.02
# The solver gets this many of a stroke's pixels; all of them are exact in the result.
_MOST_PLACES = 7


@dataclass(frozen=True, eq=False)
class PlacedHints:
    """Hints on a picture of known size, ready for any smaller copy of it.

    Attributes:
        lines: points (k, 2) of each hint as x and y in 0..1 of width and height.
        widths: of each hint's stroke, as a share of the picture's width.
        joined: whether each hint's points are joined.
        colors: (n, 3) sRGB in 0..1.
        names: of the hints, for messages.
        darken: the numbers of those that lower luma.
    """

    lines: tuple[NDArray[np.float64], ...]
    widths: tuple[float, ...]
    joined: tuple[bool, ...]
    colors: FloatArray
    names: tuple[str, ...] = ()
    darken: frozenset[int] = frozenset()

    def __len__(self) -> int:
        """Return the number of hints."""
        return len(self.lines)

    @property
    def yuv(self) -> FloatArray:
        """Y, U and V of each hint, (n, 3)."""
        return rgb_to_yuv(self.colors)

    def on_grid(self, height: int, width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return rows and columns (k, 2) of the pixels of a small copy that hints cover, and the hint of each (k,).

        A pixel that several hints cover belongs to the last of them.
        """
        owner = np.full((height, width), -1, dtype=np.int32)
        for number, (line, stroke, joined) in enumerate(zip(self.lines, self.widths, self.joined, strict=True)):
            cells = np.clip(np.floor(line * (width, height)).astype(np.int32), 0, (width - 1, height - 1))
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
        InputError: a hint lies outside the picture, or was painted on one of other proportions; the message says which.
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
    return PlacedHints(
        tuple(lines),
        tuple(widths),
        tuple(hint.joined for hint in hints),
        colors,
        names=tuple(str(hint) for hint in hints),
        darken=frozenset(number for number, hint in enumerate(hints) if hint.darken),
    )


class Spread(NamedTuple):
    """How far hints carry over a small copy of a picture.

    Attributes:
        share: (h, w) in 0..1, how far each pixel belongs to them.
        chroma: (h, w, 2) the U and V that they give it.
        taken: (h, w) the share of its luma that they take away; None if no hint darkens.
    """

    share: FloatArray
    chroma: FloatArray
    taken: FloatArray | None


def _extent(hint: Hint, width: int, height: int) -> tuple[float, float]:
    """Return the limits of the hint's x and y."""
    if hint.unit == "percent":
        return 100.0, 100.0
    if hint.canvas is None:
        return float(width), float(height)
    across, down = hint.canvas
    # Scaled to the picture's size, neither edge may be off by more than one per cent, or a pixel of the canvas.
    if abs(across * height - down * width) > max(0.01 * down * width, height, width):
        raise InputError(
            f"the hints were painted on {across} x {down} pixels, which are not the proportions of the picture of "
            f"{width} x {height}; paint them on a copy of the upright picture"
        )
    return float(across), float(down)


class HintSpreader:
    """A picture prepared for hints. Preparing takes most of the time; several threads may then use it at once.

    Attributes:
        luma: (h, w) luma in 0..1 at the size at which hints spread.
    """

    def __init__(
        self,
        luma: NDArray[Any],
        *,
        shares: NDArray[Any] | None = None,
        features: NDArray[Any] | PointedThings | None = None,
        size: int = SPREAD_SIZE,
    ) -> None:
        """Prepare a picture.

        Args:
            luma: (H, W) in 0..1, as chroma is fitted to it.
            shares: (k, l, n) the network's calibrated distribution; without it, colours spread by luma alone.
            features: (i, j, c) the network's features, which show with the distribution where things end (see
                `tinct.coloring.hints.things_by_features`), or a finder of things (see `learned_things` there). Without
                it, only the distribution shows it.
            size: sqrt(height x width) at which hints spread.
        """
        self._full_luma = np.ascontiguousarray(luma, dtype=np.float32)
        height, width = (max(2, edge) for edge in small_size(*luma.shape, size=size))
        self.luma: FloatArray = resized(self._full_luma, (height, width))
        self._answers: FloatArray | None = None
        self._things: Things | PointedThings | None = None
        # At another size a colour reaches equally far as a share of the picture, not in pixels.
        scale = (SPREAD_SIZE / size) ** 4
        trust: NDArray[Any] | float = LOOSE * scale
        if shares is not None:
            larger = resized(shares, (height, width))
            sure = larger.max(axis=-1).astype(np.float64)
            trust = LOOSE * scale * (FIRM / LOOSE) ** np.clip(sure, 0, 1)
            roots = np.sqrt(np.maximum(larger, 0))
            self._answers = roots / np.maximum(np.linalg.norm(roots, axis=-1, keepdims=True), np.float32(1e-6))
            if features is not None:
                if isinstance(features, PointedThings):
                    self._things = features.beside(self.luma, roots)
                else:
                    self._things = Things(self.luma, features, roots)
                trust = BOUND * scale
        self._propagator = Propagator(self.luma, trust=trust, features=self._answers)

    def added(self, guide: ChromaGuide, spread: Spread) -> ChromaGuide:
        """Return the guide with the hints' colours added, according to `spread`."""
        change = spread.share[..., None] * (spread.chroma - self._chroma(guide))
        fitted = fit_guide(self._full_luma, change).planes
        taken = spread.taken
        dimming = guide.dimming if taken is None else fit_dimming(self._full_luma, spread.share * taken)
        return ChromaGuide(guide.planes + fitted, dimming)

    def pale(self, hints: PlacedHints) -> tuple[int, ...]:
        """Return the numbers of hints at places too bright to show half of their chroma, except those that darken."""
        bright = self._brightness(hints)
        wanted = hints.yuv
        shown = rgb_to_yuv(yuv_colors(bright, wanted[:, 1:]))[:, 1:]
        asked, left = (np.linalg.norm(chroma, axis=-1) for chroma in (wanted[:, 1:], shown))
        too_bright = (bright > wanted[:, 0]) & (asked > _GREY) & (left < asked / 2)
        return tuple(int(number) for number in np.flatnonzero(too_bright) if number not in hints.darken)

    def shares(self, hints: PlacedHints) -> Spread:
        """Compute how far each pixel belongs to the hints, and what they give it.

        At a pixel darker than the hint's colour, the colour's chroma shrinks in proportion to luma; at a brighter one
        it stays as it is.
        """
        places, owners = hints.on_grid(*self.luma.shape)
        # Y, U and V of each hint, the share of luma that it takes away, and 1.
        values = np.concatenate([hints.yuv, self._taken(hints)[:, None], np.ones((len(hints), 1))], axis=1)
        present, numbers = np.unique(owners, return_inverse=True)
        # Spreading is linear. Of few hints only the shares spread, and what they give is mixed later: that is quicker.
        mixed_later = len(present) < values.shape[1]
        given = np.eye(len(present)) if mixed_later else values[present]
        target = self._target(places, numbers, given)
        few = _spaced(numbers)
        spread = self._propagator.spread(places[few], given[numbers[few]], target=target)
        if mixed_later:
            spread = (spread @ values[present]).astype(np.float32)
        spread[places[:, 0], places[:, 1]] = values[owners]
        share = spread[..., 4]
        own = spread[..., :4] / np.maximum(share, np.float32(1e-3))[..., None]
        taken = np.clip(own[..., 3], 0, 1).astype(np.float32) if hints.darken else None
        shown = self.luma if taken is None else self.luma * (1 - taken)
        # In the shade a colour has less chroma, in proportion to its luma; else beige on black cloth would be olive.
        shade = np.minimum(shown / np.maximum(own[..., 0], np.float32(1e-3)), 1)
        colors = (own[..., 1:3] * shade[..., None]).astype(np.float32)
        step = np.clip((share - _SHARE_FROM) / (_SHARE_TO - _SHARE_FROM), 0, 1)
        share = step * step * (3 - 2 * step)
        return Spread(share.astype(np.float32), colors, taken)

    def _brightness(self, hints: PlacedHints) -> FloatArray:
        """Return the picture's mean luma at each hint, (n,); 0 for hints that others cover."""
        places, owners = hints.on_grid(*self.luma.shape)
        luma = self.luma[places[:, 0], places[:, 1]]
        count = np.bincount(owners, minlength=len(hints))
        return (np.bincount(owners, luma, minlength=len(hints)) / np.maximum(count, 1)).astype(np.float32)

    def _taken(self, hints: PlacedHints) -> FloatArray:
        """Return the share of luma that each hint takes away, (n,), so that its place gets the luma of its colour."""
        taken = np.zeros(len(hints), dtype=np.float32)
        if hints.darken:
            chosen = sorted(hints.darken)
            bright = np.maximum(self._brightness(hints), np.float32(1e-3))
            taken[chosen] = np.clip(1 - hints.yuv[chosen, 0] / bright[chosen], 0, 1)
        return taken

    def _target(self, places: NDArray[np.intp], owners: NDArray[np.intp], given: NDArray[Any]) -> FloatArray | None:
        """Return what each pixel is drawn to, (h, w, c): its share, times what its hint gives of (n, c)."""
        if self._things is not None:
            return self._bounded(self._things, places, owners, given)
        features = self._answers
        if features is None:
            return None
        height, width = self.luma.shape
        target = np.zeros((height, width, given.shape[1]), dtype=np.float32)
        most = np.zeros((height, width), dtype=np.float32)
        for owner, own in enumerate(given):
            mine = places[owners == owner]
            row, column = mine[len(mine) // 2]
            like = features @ features[row, column]
            share = np.exp(-np.square(np.maximum(1 - like, 0) / _LIKENESS))
            share *= np.exp(-np.square((self.luma - self.luma[row, column]) / _SHADE) / 2)
            reach = _REACH * (height * width) ** 0.5
            down, across = np.ogrid[:height, :width]
            away = np.full((height, width), np.inf, dtype=np.float32)
            for y, x in mine[_spaced(np.zeros(len(mine), dtype=np.intp))]:
                np.minimum(away, (down - y) ** 2 + (across - x) ** 2, out=away)
            share = share * np.exp(-away / (2 * reach * reach))
            target = np.where((share > most)[..., None], share[..., None] * own, target)
            np.maximum(share, most, out=most)
        return target.astype(np.float32)

    def _bounded(
        self, things: Things | PointedThings, places: NDArray[np.intp], owners: NDArray[np.intp], given: NDArray[Any]
    ) -> FloatArray:
        """As `_target`, if it is known where things end; of several hints on one thing, each wins near itself."""
        height, width = self.luma.shape
        covered = [(places[owners == owner] + 0.5) / (height, width) for owner in range(len(given))]
        odds = [things.odds(there) for there in covered]
        rank = np.stack([things.rank(own, there) for own, there in zip(odds, covered, strict=True)], axis=-1)
        share = 1 / (1 + np.exp(things.certain - np.max(odds, axis=0)[..., None]))
        parts = np.exp(rank - rank.max(axis=-1, keepdims=True))
        target = share * (parts / parts.sum(axis=-1, keepdims=True) @ given)
        return resized(target.astype(np.float32), (height, width))

    def _chroma(self, guide: ChromaGuide) -> FloatArray:
        """Return U and V (h, w, 2) of a guide at the size of `luma`."""
        return resized(guide.chroma(self._full_luma), self.luma.shape)


def likeness(shares: NDArray[Any], luma: NDArray[Any]) -> FloatArray:
    """Measure how far any two pixels belong together, (h w, h w) in 0..1: close, and alike to the network.

    Args:
        shares: (h w, n) the network's distribution.
        luma: (h, w) in 0..1.
    """
    height, width = luma.shape
    roots = np.sqrt(shares).astype(np.float32)
    roots /= np.linalg.norm(roots, axis=-1, keepdims=True)
    exponent = np.square(np.maximum(1 - roots @ roots.T, 0) / np.float32(_LIKENESS))
    reach = _NEAR * (height * width) ** 0.5
    down, across = (places.ravel().astype(np.float32) for places in np.mgrid[:height, :width])
    for values, scale in ((down, reach), (across, reach)):
        exponent += np.square(values[:, None] - values[None]) / np.float32(2 * scale * scale)
    result: FloatArray = np.exp(-exponent)
    return result


def _spaced(owners: NDArray[np.intp]) -> NDArray[np.intp]:
    """Choose up to `_MOST_PLACES` evenly spaced places of each owner."""
    chosen = []
    for owner in np.unique(owners):
        mine = np.flatnonzero(owners == owner)
        if len(mine) > _MOST_PLACES:
            mine = mine[np.linspace(0, len(mine) - 1, _MOST_PLACES).round().astype(np.intp)]
        chosen.append(mine)
    return np.sort(np.concatenate(chosen))

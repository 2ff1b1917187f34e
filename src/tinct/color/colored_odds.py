"""How likely a picture is a photograph in colour, by what is left of its chroma beside a tone, uneven light and stains.

How strong these colours are does not settle it alone. Stains on a grey print, channels a line apart and an app's toning
leave as much as mist, snow or a black cat in colour. But what is left of a grey one is yellow to brown, or lies along
one direction; it is noise rather than in patches; and stains end where they like, colours where things end. Logistic
regression weighs this; its weights were fitted to 1,900 photographs, and to greys made of others by code.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.statistics import median, quantiles

# By the name of each value of `evidence`; the log odds begin at the first.
_AT_NOTHING = -2.72
_WEIGHTS: dict[str, float] = {
    "light at 50 %": 1.77,
    "light at 75 %": -1.00,
    "light at 90 %": -1.66,
    "light at 95 %": -2.08,
    "light across": -0.14,
    "light warm": 1.42,
    "light patches at 75 %": 0.01,
    "light patches at 95 %": 1.24,
    "light in patches": 5.15,
    "stains at 50 %": 0.73,
    "stains at 75 %": 0.58,
    "stains at 90 %": 2.96,
    "stains at 95 %": 1.32,
    "stains across": 3.52,
    "stains warm": 0.71,
    "stains patches at 75 %": 0.81,
    "stains patches at 95 %": 1.53,
    "stains in patches": 0.74,
    "stains along edges": 5.28,
    "edges at stains": 2.21,
    "light along edges": -0.30,
    "bend of the tone": 1.35,
    "place": -1.52,
}
# Keeps logarithms of chroma, in 8-bit steps, from what is noise.
_LEAST, _LEAST_SQUARE = 0.3, 0.05
_QUANTILES, _BLURRED_QUANTILES = (50, 75, 90, 95), (75, 95)
_STRONGEST = 80  # the percentile above which what is left has a direction
_PATCH = 5  # pixels that are averaged, since things have patches of one colour and noise has none
_LEVELS, _LEAST_OF_LEVEL = 8, 8  # levels of luma that the tone is read at, and pixels that tell one
_WARM = np.deg2rad(150.0)  # the direction of U and V from blue to yellow

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Left:
    """What a small copy (h, w) of n = h * w pixels has, and what is left of it.

    Attributes:
        shape: height and width.
        luma: (n,) in 0..1.
        chroma: (n, 2) in 8-bit steps, as are the next two.
        beside_light: (n, 2) what tone and uneven light leave over.
        beside_stains: (n, 2) what stains leave over, too.
        stains: (n,) how strong they are, in 8-bit steps at luma 1.
        calm: (n,) 1 where all is smooth, less where detail makes chroma uncertain.
    """

    shape: tuple[int, int]
    luma: Array
    chroma: Array
    beside_light: Array
    beside_stains: Array
    stains: Array
    calm: Array

    def odds(self) -> float:
        """Return the log odds that the picture is in colour."""
        values = self.evidence()
        return float(_AT_NOTHING + sum(weight * values[name] for name, weight in _WEIGHTS.items()))

    def evidence(self) -> dict[str, float]:
        """Return what tells photographs in colour from greys."""
        found: dict[str, float] = {}
        for name, left in (("light", self.beside_light), ("stains", self.beside_stains)):
            found |= {f"{name} {kind}": value for kind, value in _of_left(left, self.calm, self.shape).items()}
        found |= self._edges()
        found |= self._tone()
        return found

    def _edges(self) -> dict[str, float]:
        """Compare edges of chroma with those of luma, from which what stains darken is taken."""
        stains = self.stains.reshape(self.shape)
        bare = self.luma.reshape(self.shape) / np.maximum(1 - stains / 255, 0.5)
        along, more = _common_edges(stains, bare)
        warm = self.beside_light @ np.array([np.cos(_WARM), np.sin(_WARM)], dtype=np.float32)
        beside, _ = _common_edges(warm.reshape(self.shape), self.luma.reshape(self.shape))
        return {"stains along edges": along, "edges at stains": more, "light along edges": beside}

    def _tone(self) -> dict[str, float]:
        """Tell how far the tone is from a straight line over luma, and how much place adds to it."""
        fitted = self.chroma - self.beside_light
        level = np.clip((self.luma * _LEVELS).astype(int), 0, _LEVELS - 1)
        counts = np.bincount(level, minlength=_LEVELS)
        seen = np.flatnonzero(counts >= _LEAST_OF_LEVEL)
        at = (seen + 0.5) / _LEVELS
        curve = np.stack([median(fitted[level == number], axis=0) for number in seen])
        share = counts[seen] / counts[seen].sum()
        bend = 0.0
        if len(seen) > 2:
            line = np.stack([np.ones(len(seen)), at], axis=1) * np.sqrt(share)[:, None]
            weighted = curve * np.sqrt(share)[:, None]
            bend = float(np.sqrt(((weighted - line @ np.linalg.lstsq(line, weighted, rcond=None)[0]) ** 2).sum()))
        along = np.stack([np.interp(self.luma, at, values) for values in curve.T], axis=1)
        place = float(np.sqrt(((fitted - along) ** 2).sum(axis=1).mean()))
        return {"bend of the tone": np.log(bend + _LEAST), "place": np.log(place + _LEAST)}


def _of_left(left: Array, calm: Array, shape: tuple[int, int]) -> dict[str, float]:
    """Describe what is left (n, 2): how strong it is, in which direction, in patches or as noise."""
    size = np.hypot(left[:, 0], left[:, 1])
    heeded = size * calm
    *shown, strongest = quantiles(heeded, [percent / 100 for percent in (*_QUANTILES, _STRONGEST)])
    found = {f"at {percent} %": np.log(value + _LEAST) for percent, value in zip(_QUANTILES, shown, strict=True)}
    strong = (left * calm[:, None])[heeded >= strongest]
    spread, directions = np.linalg.eigh(strong.T @ strong / len(strong))
    angle = np.arctan2(directions[1, 1], directions[0, 1])
    found["across"] = 0.5 * np.log(spread[0] + 0.1)
    found["warm"] = np.cos(2 * (angle - _WARM))
    patches = cv2.blur(left.reshape(*shape, 2), (_PATCH, _PATCH)).reshape(-1, 2)
    smooth = np.hypot(patches[:, 0], patches[:, 1])
    shown = quantiles(smooth, [percent / 100 for percent in _BLURRED_QUANTILES])
    found |= {
        f"patches at {percent} %": np.log(value + _LEAST)
        for percent, value in zip(_BLURRED_QUANTILES, shown, strict=True)
    }
    found["in patches"] = 0.5 * np.log(((smooth**2).mean() + _LEAST_SQUARE) / ((size**2).mean() + _LEAST_SQUARE))
    return {name: float(value) for name, value in found.items()}


def _common_edges(plane: NDArray[np.floating], luma: NDArray[np.floating]) -> tuple[float, float]:
    """Return the correlation of two planes' edges, and how strong luma's are at the plane's strongest (a logarithm)."""
    edges, others = (np.sqrt(_slope(values)) for values in (plane, luma))
    if min(edges.std(), others.std()) < 1e-3:
        return 0.0, 0.0
    strongest = edges >= quantiles(edges, [0.9])[0]
    more = (others[strongest].mean() + 1e-4) / (others.mean() + 1e-4)
    return float(np.corrcoef(edges, others)[0, 1]), float(np.log(more))


def _slope(plane: NDArray[np.floating]) -> Array:
    values = np.ascontiguousarray(plane, dtype=np.float32)
    slope: Array = np.hypot(cv2.Sobel(values, cv2.CV_32F, 1, 0), cv2.Sobel(values, cv2.CV_32F, 0, 1))[1:-1, 1:-1]
    return slope.ravel()

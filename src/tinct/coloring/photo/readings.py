"""Other readings of a picture: visibly different colourings that the network also finds plausible.

For many places the network has several answers: a dress may be blue or brown, the light warm or cool. The usual colours
are their average. A reading chooses one answer, and the same one all over a thing. The picture is divided into things,
that is, places with similar answers. Each thing has a few likely colours, the modes of its distribution; a reading
settles on one for each thing, and answers far from that colour count little. Candidates shift all things towards one
hue, or towards more or less colour, or change a single large thing. Among them a few are chosen that are likely and far
from each other, as a determinantal point process would choose them.

Source: Kulesza & Taskar 2012, "Determinantal point processes for machine learning" (arXiv 1207.6083), section 2, and
Chen, Zhang & Zhou 2018 (arXiv 1709.05135) for the greedy choice; the rest is tinct's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.bins import ColorBins
from tinct.color.decoding import softmax
from tinct.color.resize import resized, small_size
from tinct.color.spaces import FloatArray, rgb_to_yuv
from tinct.color.upsample import yuv_colors
from tinct.coloring.photo.prediction import Prediction, yuv_chroma
from tinct.errors import SettingError

MOST_READINGS = 5  # besides the usual one
_SIZE = 36  # sqrt(height x width) at which candidates are compared

# Dividing a picture into things by k-means:
_THINGS = 24  # things at most
_ROUNDS = 12  # rounds
_UNLIKE = 0.08  # scale of 1 - Bhattacharyya coefficient of two answers
_SHADE = 0.3  # scale of luma, in 0..1
_AWAY = 0.8  # scale of distance, as a share of sqrt(height x width)

# Distances of colours, in cells of the bins' grid:
_SETTLED = 1.3  # standard deviation around the colour that a thing settles on
_ALIKE = 2.0  # nearer colours look the same
_APART = 1.6  # RMS distance at which two readings count as clearly different
_TOO_NEAR = 0.25  # a reading within this RMS distance of a chosen one is left out

_LEFT = 0.003  # weight left to answers far from the colour that a thing settles on
_LEAST_SHARE = 0.04  # a likely colour has at least this share of a thing's distribution,
_LEAST_RATIO = 0.15  # and at least this ratio to the likeliest colour's share
_LEANINGS = (0.25, 0.5, 1.0, 2.0)  # nats of likelihood given up for moving one cell in the candidate's direction
_DIRECTIONS = 8  # directions of hue
_ALONE = 5  # this many large, uncertain things are also changed one at a time
_SAME = 0.5  # things more alike than this change together
_PLAUSIBLE = 1.5  # weight of a nat of mean likelihood in the choice
# Words for a hue, by its angle from V towards U in eighths of a turn.
_HUES = ("Redder", "Rosier", "Bluer", "Cooler", "Fresher", "Greener", "Golden", "Warmer")
_NAMED = 0.012  # mean change of U and V from which a hue is named


@dataclass(frozen=True, eq=False)
class Reading:
    """One colouring.

    Attributes:
        name: how it differs from the usual one, in a word or two; unique within a picture.
        prediction: gives the colours, as the usual one does.
        likelihood: mean log-probability of its colours under the network, in nats, minus that of the usual ones.
    """

    name: str
    prediction: Prediction
    likelihood: float


def other_readings(prediction: Prediction, *, count: int = MOST_READINGS) -> list[Reading]:
    """Return other readings of a picture, each far from the usual one and those before it; hints stay as they are.

    Args:
        prediction: the network's answer.
        count: return at most this many, 1..5; there are fewer if the network is sure.

    Raises:
        SettingError: `count` is out of range, or the model has no bins.
    """
    if prediction.bins is None:
        raise SettingError("this model predicts chroma directly and knows no other readings; use one with bins")
    if not 1 <= count <= MOST_READINGS:
        raise SettingError(f"the number of readings must lie in 1..{MOST_READINGS}, not {count}")
    usual = replace(prediction, tilt=None, reading="")
    things = _Things(usual, prediction.bins)
    candidates = list(things.candidates())
    chroma = np.stack([things.seen(None), *(things.seen(colors) for colors in candidates)])
    likelihood = np.array([things.likelihood(seen) for seen in chroma])
    likelihood -= likelihood[0]
    readings: list[Reading] = []
    for number in _diverse((chroma / things.cell).astype(np.float32), likelihood, count=count):
        name = _name(chroma[number], chroma[0], space=prediction.space, taken=[item.name for item in readings])
        other = replace(usual, tilt=things.tilt(candidates[number - 1]), reading=name)
        readings.append(Reading(name, other, float(likelihood[number])))
    return readings


class _Things:
    """A picture divided into things, and what the network knows of each.

    Attributes:
        cell: edge of a cell of the bins' grid, in the units of chroma.
    """

    def __init__(self, prediction: Prediction, bins: ColorBins) -> None:
        self._prediction, self._bins = prediction, bins
        self.cell = bins.cell
        shares = softmax(prediction.output, temperature=prediction.calibration)
        luma = prediction.tones.stretched(prediction.luma)
        members = _divided(shares, resized(luma, shares.shape[:2]))
        small = small_size(*shares.shape[:2], size=_SIZE)
        self._members, self._few_members = members, resized(members, small)
        self._few = replace(prediction, output=resized(prediction.output, small))
        self._few_shares = resized(shares, small).reshape(-1, bins.count)
        weights = members.sum(axis=(0, 1))
        answers = np.tensordot(members, shares, axes=((0, 1), (0, 1))) / weights[:, None]
        self._parts = weights / weights.sum()
        roots = np.sqrt(answers)
        self._alike = np.exp((roots @ roots.T - 1) / np.float32(_UNLIKE))
        # Things with similar answers share them, so that two halves of one thing settle on the same colour.
        mixed = self._alike * self._parts
        self._modes = [self._modes_of(answer) for answer in (mixed @ answers) / mixed.sum(axis=1, keepdims=True)]

    def candidates(self) -> Iterator[FloatArray]:
        """Yield the colours (things, 2) that things settle on; NaN for a thing that keeps the usual colour."""
        angles = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
        ways = np.stack([np.cos(angles), np.sin(angles)]).astype(np.float32)
        for strength in _LEANINGS:
            # After the hues come more colour and less colour.
            for way in range(_DIRECTIONS + 2):
                settled = []
                for colors, shares in self._modes:
                    lengths = np.linalg.norm(colors, axis=1, keepdims=True)
                    leaning = np.concatenate([colors @ ways, lengths, -lengths], axis=1)[:, way] / self.cell
                    settled.append(colors[int(np.argmax(np.log(shares) + strength * leaning))])
                yield np.stack(settled)
        unsure = [part * (1 - float(shares.max())) for (_, shares), part in zip(self._modes, self._parts, strict=True)]
        for thing in np.argsort(unsure)[::-1][:_ALONE]:
            colors, shares = self._modes[thing]
            for place in np.argsort(-shares)[1:4]:
                yield np.where(self._alike[thing][:, None] > _SAME, colors[place], np.float32(np.nan))

    def tilt(self, colors: FloatArray, *, small: bool = False) -> FloatArray:
        """Return what is added to the logits (k, l, n) if things settle on these colours (things, 2)."""
        away = np.square((colors[:, None] - self._bins.centers[None]) / np.float32(_SETTLED * self.cell)).sum(axis=-1)
        wanted = np.nan_to_num(np.exp(-away / 2), nan=1.0)
        members = self._few_members if small else self._members
        tilt: FloatArray = np.log(members @ wanted + np.float32(_LEFT))
        return tilt

    def seen(self, colors: FloatArray | None) -> FloatArray:
        """Return the chroma (pixels, 2) at the small size if things settle on these colours; None: the usual chroma."""
        tilt = None if colors is None else self.tilt(colors, small=True)
        return replace(self._few, tilt=tilt).native_chroma().reshape(-1, 2)

    def likelihood(self, chroma: FloatArray) -> float:
        """Return the mean log-probability, under the network, of colours near these (pixels, 2)."""
        near = np.exp(_squared(chroma, self._bins.centers) / np.float32(-2 * (_SETTLED * self.cell) ** 2))
        return float(np.log((self._few_shares * near).sum(axis=1) + 1e-6).mean())

    def _modes_of(self, answer: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the likely colours (m, 2) of a distribution (n,), and the share of each (m,)."""
        centers = self._bins.centers
        away = _squared(centers, centers) / np.float32((_ALIKE * self.cell) ** 2)
        dense = np.exp(-2 * away) @ answer
        left = np.ones(len(centers), dtype=bool)
        colors: list[FloatArray] = []
        shares: list[float] = []
        while left.any():
            near = away[int(np.where(left, dense, -1).argmax())] < 1
            share = float(answer[near].sum())
            if shares and share < max(_LEAST_SHARE, _LEAST_RATIO * max(shares)):
                break
            colors.append(answer[near] @ centers[near] / max(share, 1e-9))
            shares.append(max(share, 1e-9))
            left &= ~near
        return np.array(colors, dtype=np.float32), np.array(shares, dtype=np.float32)


def _divided(shares: FloatArray, luma: FloatArray) -> FloatArray:
    """Return how far each pixel belongs to each thing, (k, l, things), adding up to 1, by k-means."""
    height, width = luma.shape
    roots = np.sqrt(shares).reshape(-1, shares.shape[-1]) / np.float32((2 * _UNLIKE) ** 0.5)
    down, across = (places.ravel() / (_AWAY * (height * width) ** 0.5) for places in np.mgrid[:height, :width])
    places = np.stack([luma.ravel() / _SHADE, down, across], axis=1)
    features = np.concatenate([roots, places], axis=1, dtype=np.float32)
    centers = features[_far_apart(features, _THINGS)]
    for _ in range(_ROUNDS):
        members = np.eye(len(centers), dtype=np.float32)[_squared(features, centers).argmin(axis=1)]
        count = members.sum(axis=0)[:, None]
        centers = np.where(count > 0, (members.T @ features) / np.maximum(count, 1), centers)
    return softmax(-2 * _squared(features, centers)).reshape(height, width, -1)


def _far_apart(features: FloatArray, count: int) -> list[int]:
    """Choose rows that lie far from each other, the first in the middle."""
    chosen = [int(_squared(features, features.mean(axis=0, keepdims=True)).argmin())]
    away = _squared(features, features[chosen])[:, 0]
    while len(chosen) < min(count, len(features)):
        chosen.append(int(away.argmax()))
        away = np.minimum(away, _squared(features, features[chosen[-1:]])[:, 0])
    return chosen


def _squared(rows: NDArray[Any], others: NDArray[Any]) -> FloatArray:
    """Return the squared distances (m, n) of rows (m, k) from others (n, k)."""
    lengths = np.square(rows).sum(axis=1)[:, None] + np.square(others).sum(axis=1)[None]
    result: FloatArray = np.maximum(lengths - 2 * rows @ others.T, 0)
    return result


def _diverse(chroma: FloatArray, likelihood: NDArray[np.float64], *, count: int) -> list[int]:
    """Choose colourings (m, pixels, 2), in cells, beside the first: likely, and far from it and from each other."""
    flat = chroma.reshape(len(chroma), -1)
    apart = _squared(flat, flat) / np.float32(chroma.shape[1])
    quality = np.exp(_PLAUSIBLE * likelihood)
    kernel = np.outer(quality, quality) * np.exp(-apart / (2 * _APART**2)) + 1e-6 * np.eye(len(flat))
    chosen = [0]
    for _ in range(count):
        rest = [number for number in range(len(flat)) if apart[number, chosen].min() > _TOO_NEAR**2]
        if not rest:
            break
        volumes = [np.linalg.slogdet(kernel[np.ix_([*chosen, number], [*chosen, number])])[1] for number in rest]
        chosen.append(rest[int(np.argmax(volumes))])
    return chosen[1:]


def _name(chroma: FloatArray, usual: FloatArray, *, space: str, taken: list[str]) -> str:
    """Return a name for how colours (pixels, 2) differ from the usual ones, other than the names that are taken."""
    grey = np.full((len(usual), 1), 0.5, dtype=np.float32)
    colors, before = (
        rgb_to_yuv(yuv_colors(grey, yuv_chroma(grey, values[:, None], space=space)))[:, 0, 1:]
        for values in (chroma, usual)
    )
    u, v = (colors - before).mean(axis=0)
    stronger = float((np.linalg.norm(colors, axis=1) - np.linalg.norm(before, axis=1)).mean())
    words = ["Richer" if stronger > 0 else "Softer"]
    if np.hypot(u, v) > max(_NAMED, 0.5 * abs(stronger)):
        hue = _HUES[round(8 * np.arctan2(u, v) / (2 * np.pi)) % 8]
        words = [hue, f"{hue}, {words[0].lower()}", *words]
    more = (f"{words[0]} {number}" for number in range(2, MOST_READINGS + 1))
    return next(word for word in (*words, *more) if word not in taken)

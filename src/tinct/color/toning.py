"""Telling colour photographs from grey and toned ones.

A toned photograph (sepia, cyanotype, a yellowed print) has colours, but each is decided by luma and place: by the tone,
by light that is warmer on one side than on the other, by fading towards the edges, by stains. So chroma is written as a
smooth function of luma and place, and what that leaves over is colour that somebody would miss.

What place may add is kept to what paper and scanners do: it goes slowly from warm to cool, or it is a stain, yellow to
brown, which darkens what lies under it in proportion. A blue sky above a meadow is neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.resize import shrunk
from tinct.color.spaces import RGB_TO_YUV, rgb_to_yuv

# Chroma off the tone, in 8-bit steps: where 1 pixel of 20 exceeds this, the picture counts as coloured; measured in
# benchmarks/tone.json.
COLOR_OFF_TONE = 3.5
# A pixel of the small copy with more colour off the tone than this is a spot of colour; and how many make one, since
# dust and noise make fewer.
_SPOT, _LEAST_SPOTS = 15.0, 4
# Patches of brown explain some of every photograph's colours, but most of what stains and a tone leave open.
_STAINED = 0.6
# Roots of height x width: of the copy whose fringes are looked at, and of the one that chroma is fitted at.
_FINE_SIZE, _SIZE = 192, 48
# Fewer pixels than this are too few to tell place from things.
_LEAST_PIXELS = 400
_KNOTS = 11
# Penalties, of the squares of the tone's bends, of fringes and of what place adds (per pixel, in 8-bit steps).
_FLAT, _BEND, _FRINGE, _PLACE = 1e-6, 3e-3, 1e-5, 5e-3
# Directions in the plane of U and V: of light from cool to warm, and of stains from yellow to brown.
_WARM = np.deg2rad([115.0, 165.0])
_STAINS = np.stack([f(np.deg2rad(np.arange(125, 181, 5))) for f in (np.cos, np.sin)], axis=1).astype(np.float32)
# Stains have less weight than paper while the tone is looked for; they have at most this chroma, in steps at luma 1.
_STAIN_WEIGHT, _DEEPEST = 0.3, 70.0
_DARK = 0.2  # luma below which the ratio of chroma to luma is noise
# Standard deviation of luma within a pixel of the small copy at which its chroma counts half: JPEG blurs it there.
_DETAIL = 0.1
_MEDIAN = 5  # pixels, the window that stains are smooth in

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Look:
    """A small copy of n pixels, and what its chroma may depend on.

    Attributes:
        shape: height and width.
        luma: (n,) in 0..1.
        chroma: (n, 2) in 8-bit steps.
        tone: (n, k) a basis of functions of luma, and fringes.
        place: (n, m) a basis of slow functions of place; m is 0 for few pixels.
        penalty: (k + m, k + m) of the coefficients.
        calm: (n,) 1 where all is smooth, less where detail makes the chroma of a cell uncertain.
    """

    shape: tuple[int, int]
    luma: Array
    chroma: Array
    tone: Array
    place: Array
    penalty: Array
    calm: Array

    @classmethod
    def at(cls, rgb: NDArray[Any]) -> _Look:
        """Take (h, w, 3) sRGB in 0..1."""
        fine = shrunk(rgb[..., :3], _FINE_SIZE)
        height, width = fine.shape[:2]
        factor = min(1.0, _SIZE / (height * width) ** 0.5)
        size = (max(4, round(width * factor)), max(4, round(height * factor)))
        yuv = rgb_to_yuv(_averaged(fine, size))
        luma = yuv[..., 0]
        flat = luma.ravel()
        fine_luma = cv2.transform(fine, RGB_TO_YUV[:1]).reshape(height, width)
        variance = np.maximum(_averaged(fine_luma * fine_luma, size) - luma * luma, 0)
        tone = [np.maximum(0, 1 - np.abs(flat[:, None] - np.linspace(0, 1, _KNOTS)) * (_KNOTS - 1))]
        few = flat.size < _LEAST_PIXELS
        if not few:
            bent = 10 * variance.ravel()  # the mean of a curve is not the curve at the mean
            tone += [np.stack([bent, bent * flat], axis=1), _fringes(fine[..., 1], luma, size)]
        basis = np.concatenate(tone, axis=1).astype(np.float32)
        place = np.zeros((flat.size, 0), dtype=np.float32) if few else _places(luma)
        return cls(
            shape=luma.shape,
            luma=flat,
            chroma=yuv[..., 1:].reshape(-1, 2) * np.float32(255),
            tone=basis,
            place=place,
            penalty=_penalty(basis.shape[1], place.shape[1]) * np.float32(flat.size),
            calm=(1 / (1 + np.sqrt(variance.ravel()) / _DETAIL)).astype(np.float32),
        )

    def fitted(self, chroma: Array, weights: Array, axis: Array | None) -> Array:
        """Fit chroma (n, 2) by the tone, and along an axis by place too; return the fit."""
        count = self.tone.shape[1]
        if axis is None:
            weighted = (self.tone * weights[:, None]).T
            return self.tone @ _solved(weighted @ self.tone + self.penalty[:count, :count], weighted @ chroma)
        turn = np.array([[axis[0], -axis[1]], [axis[1], axis[0]]], dtype=np.float32)
        basis = np.concatenate([self.tone, self.place], axis=1)
        weighted = (basis * weights[:, None]).T
        square, right = weighted @ basis + self.penalty, weighted @ (chroma @ turn)
        along = basis @ _solved(square, right[:, 0])
        across = self.tone @ _solved(square[:count, :count], right[:count, 1])
        return np.stack([along, across], axis=1) @ turn.T

    def axis(self, chroma: Array, weights: Array) -> Array:
        """Return the direction (2,), from cool to warm, in which chroma (n, 2) changes most with place."""
        basis = np.concatenate([self.tone, self.place], axis=1)
        weighted = (basis * weights[:, None]).T
        found = _solved(weighted @ basis + self.penalty, weighted @ chroma)
        field = self.place @ found[self.tone.shape[1] :]
        spread: Array = (field * weights[:, None]).T @ field
        main = np.linalg.eigh(spread)[1][:, 1]
        angle = np.clip(np.arctan2(main[1], main[0]) % np.pi, *_WARM)
        return np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class OwnColors:
    """The colours that a picture has beside its tone; what is asked of them is worked out once."""

    _look: _Look | None

    @classmethod
    def of(cls, rgb: NDArray[Any]) -> OwnColors:
        """Look at a picture.

        Args:
            rgb: (h, w, 3) sRGB in 0..1, with or without alpha, or (h, w, 1) grey; a small copy serves.
        """
        return cls(_Look.at(rgb) if rgb.shape[-1] >= 3 else None)

    @cached_property
    def off_tone(self) -> float:
        """How strong they are: the 95th percentile of chroma's distance from what luma and place explain.

        In 8-bit steps, less where there is fine detail; 0 for grey.
        """
        look = self._look
        if look is None:
            return 0.0
        uneven = _strength(look, self._uneven)
        if uneven <= COLOR_OFF_TONE or not look.place.shape[1]:
            return uneven
        stained = _strength(look, self._stained)
        return stained if stained <= _STAINED * uneven else uneven

    @property
    def are_some(self) -> bool:
        """Whether the picture counts as coloured."""
        return self.off_tone > COLOR_OFF_TONE

    @cached_property
    def spots(self) -> float:
        """How much of a picture that counts as grey has colours all the same: captions, inserts, a painted rose.

        A share of the pixels, 0 where there are too few to be anything.
        """
        return 0.0 if self.spot_map is None else float(self.spot_map.mean())

    @cached_property
    def spot_map(self) -> NDArray[np.bool_] | None:
        """Where these spots are, in a small copy (k, l); None where there are too few to be anything."""
        look = self._look
        if look is None:
            return None
        spots = _spotted(look, self._uneven)
        if spots.any() and look.place.shape[1]:
            spots &= _spotted(look, self._stained)
        return spots.reshape(look.shape) if spots.sum() >= _LEAST_SPOTS else None

    @property
    def tone(self) -> Array:
        """The chroma (k, l, 2), in 8-bit steps of U and V, that luma and place explain, at the size of `spot_map`."""
        look = self._look
        assert look is not None
        tone: Array = (look.chroma - self._uneven).reshape(*look.shape, 2)
        return tone

    @cached_property
    def _uneven(self) -> Array:
        assert self._look is not None
        return _beside_uneven_light(self._look)

    @cached_property
    def _stained(self) -> Array:
        assert self._look is not None
        return _beside_stains(self._look)


def color_off_tone(rgb: NDArray[Any]) -> float:
    """Measure how strong the colours are that a picture has beside its tone; see `OwnColors`."""
    return OwnColors.of(rgb).off_tone


def is_colored(rgb: NDArray[Any]) -> bool:
    """Return whether a picture (h, w, 3) in 0..1, or (h, w, 1) grey, has colours of its own, beyond a tone."""
    return OwnColors.of(rgb).are_some


def _spotted(look: _Look, left: Array) -> NDArray[np.bool_]:
    spots: NDArray[np.bool_] = np.hypot(left[:, 0], left[:, 1]) * look.calm > _SPOT
    return spots


def _strength(look: _Look, left: Array) -> float:
    return float(np.percentile(np.hypot(left[:, 0], left[:, 1]) * look.calm, 95))


def _beside_uneven_light(look: _Look) -> Array:
    """Return the chroma (n, 2) that tone and slow changes from warm to cool leave over."""
    weights = np.ones(len(look.luma), dtype=np.float32)
    axis, left = None, look.chroma
    for step in range(6):  # least absolute deviations: a few coloured things must not bend the curve
        if step == 1 and look.place.shape[1]:
            axis = look.axis(look.chroma, weights)
        left = look.chroma - look.fitted(look.chroma, weights, axis)
        weights = _weights(left)
    return left


def _beside_stains(look: _Look) -> Array:
    """Return the chroma (n, 2) that tone, stains, and then slow changes from warm to cool leave over."""
    weights = np.ones(len(look.luma), dtype=np.float32)
    axis, stain = None, np.zeros_like(look.chroma)
    left = look.chroma
    for step in range(8):
        paper = look.chroma - stain
        if step == 5:
            axis = look.axis(paper, weights)
        rest = look.chroma - look.fitted(paper, weights, axis)
        if step >= 2:
            stain = _stain(look, rest)
        left = rest - stain
        weights = _weights(left)
        if step < 5:
            warm = left @ _STAINS[3] > np.median(np.hypot(left[:, 0], left[:, 1]))
            weights = np.where(warm, np.float32(_STAIN_WEIGHT) * weights, weights)
    return left


def _stain(look: _Look, left: Array) -> Array:
    """Return the part of chroma (n, 2) that is of one yellow or brown, and in patches of one strength."""
    hue = _STAINS[(np.maximum(left @ _STAINS.T, 0) ** 2).sum(axis=0).argmax()]
    lit = np.maximum(look.luma, np.float32(_DARK))
    depth = (left @ hue / lit).reshape(look.shape)
    levels = np.clip(depth * 3 + 40, 0, 255).astype(np.uint8)
    patches = (cv2.medianBlur(levels, _MEDIAN).astype(np.float32) - 43) / np.float32(3)
    result: Array = (np.clip(patches, 0, _DEEPEST).ravel() * lit)[:, None] * hue
    return result


def _weights(left: Array) -> Array:
    size = np.hypot(left[:, 0], left[:, 1])
    return (1 / np.maximum(size, max(1.0, float(np.median(size))))).astype(np.float32)


def _averaged(values: NDArray[Any], size: tuple[int, int]) -> Array:
    """Average over areas, which takes grain and JPEG's chroma noise out."""
    result: Array = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    return result


def _fringes(green: NDArray[Any], luma: Array, size: tuple[int, int]) -> Array:
    """Return (n, 10): what a channel gets that lies one pixel beside the green one (h, w), or a part of it."""
    found = []
    for plane in (green, cv2.GaussianBlur(green, (0, 0), 1.5)):  # JPEG smooths fringes
        padded = cv2.copyMakeBorder(np.ascontiguousarray(plane), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        middle = _averaged(np.ascontiguousarray(plane), size)
        for top, left in ((0, 1), (2, 1), (1, 0), (1, 2)):
            beside = padded[top : top + plane.shape[0], left : left + plane.shape[1]]
            found.append(_averaged(np.ascontiguousarray(beside), size) - middle)
    return np.stack([*(plane.ravel() for plane in found), *(plane.ravel() for plane in np.gradient(luma))], axis=1)


def _places(luma: Array) -> Array:
    """Return (n, 10): what light that changes slowly over the picture adds, and veils that do."""
    height, width = luma.shape
    y, x = np.meshgrid(*(np.linspace(-1, 1, count) for count in (height, width)), indexing="ij")
    slow = np.stack([x, y, x * x - 1 / 3, y * y - 1 / 3, x * y], axis=-1).reshape(-1, 5)
    return np.concatenate([slow * luma.reshape(-1, 1), slow], axis=1).astype(np.float32)


def _penalty(tone: int, place: int) -> Array:
    sizes = np.concatenate([np.full(_KNOTS, _FLAT), np.full(tone - _KNOTS, _FRINGE), np.full(place, _PLACE)])
    penalty = np.diag(sizes)
    bends = np.diff(np.eye(_KNOTS), 2, axis=0)
    penalty[:_KNOTS, :_KNOTS] += _BEND * bends.T @ bends
    return penalty.astype(np.float32)


def _solved(square: NDArray[Any], right: NDArray[Any]) -> Array:
    result: Array = np.linalg.solve(square.astype(np.float64), right.astype(np.float64)).astype(np.float32)
    return result

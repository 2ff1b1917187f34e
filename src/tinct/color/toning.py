"""Telling colour photographs from grey and toned ones.

A toned photograph (sepia, cyanotype, a yellowed print) has colours, but luma and place determine each of them: they
come from the tone, from light that is warmer on one side than on the other, from fading towards the edges, from stains.
So chroma is fitted by a smooth function of luma and place, and what remains is the picture's own colour.

Place may add only what paper and scanners do: slow changes from warm to cool, and stains, yellow to brown, which darken
what lies under them in proportion. A blue sky above a meadow is neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.colored_odds import Left
from tinct.color.resize import shrunk
from tinct.color.spaces import RGB_TO_YUV, rgb_to_yuv
from tinct.color.statistics import median, quantiles

# A picture that is too small to tell more counts as coloured if 1 pixel of 20 has more chroma off the tone than this,
# in 8-bit steps; the evidence of others is weighed (`tinct.color.colored_odds`).
COLOR_OFF_TONE = 3.5
_PLAIN = 1.2  # a picture in which fewer pixels than 1 of 20 have more than this is grey
_SPOT = 15.0  # a pixel of the small copy with more chroma off the tone than this, in 8-bit steps, is a spot of colour
_LEAST_SPOTS = 4  # fewer spots than this may be dust or noise, and count as none
# In any photograph, brown patches explain part of the colours; in a stained, toned one they explain most of what the
# tone leaves over. Stains are assumed only if with them at most this share of the colours is left.
_STAINED = 0.6
_FINE_SIZE = 192  # root of height x width of the copy in which fringes of colour at edges are measured
_SIZE = 48  # root of height x width of the copy in which chroma is fitted
_LEAST_PIXELS = 400  # a copy with fewer pixels than this is too small to tell changes with place from things
_KNOTS = 11  # of the tone, a piecewise linear function of luma
_FLAT = 1e-6  # penalty of the fit, per pixel, on the squared values of the tone at its knots
_BEND = 3e-3  # penalty on the tone's squared second differences
_FRINGE = 1e-5  # penalty on the squared coefficients of fringes
_PLACE = 5e-3  # penalty on those of changes with place
# Range of directions, in the plane of U and V, in which light may change from cool to warm.
_WARM = np.deg2rad([115.0, 165.0])
# Directions (12, 2) in that plane that stains may have, from yellow to brown.
_STAINS = np.stack([f(np.deg2rad(np.arange(125, 181, 5))) for f in (np.cos, np.sin)], axis=1).astype(np.float32)
_STAIN_WEIGHT = 0.3  # factor on the weight of pixels that may be stained, while the tone is fitted
_DEEPEST = 70.0  # greatest chroma of a stain on white, in 8-bit steps
_DARK = 0.2  # luma below which the ratio of chroma to luma is noise
# Standard deviation of luma within a pixel of the small copy at which its chroma counts half, since JPEG blurs chroma.
_DETAIL = 0.1
_MEDIAN = 5  # pixels: width of the median filter that makes stains smooth

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
        penalty: (k + m, k + m) the quadratic form that penalises the coefficients.
        calm: (n,) 1 in smooth places, less where detail makes the chroma of a pixel uncertain.
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
        """Make it from (h, w, 3) sRGB in 0..1."""
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
        """Fit chroma (n, 2) by the tone, and along an axis (2,) also by place; return the fit."""
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
        coefficients = _solved(weighted @ basis + self.penalty, weighted @ chroma)
        field = self.place @ coefficients[self.tone.shape[1] :]
        spread: Array = (field * weights[:, None]).T @ field
        main = np.linalg.eigh(spread)[1][:, 1]
        angle = np.clip(np.arctan2(main[1], main[0]) % np.pi, *_WARM)
        return np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class OwnColors:
    """The colours that a picture has beside its tone; each answer is computed once, when it is first asked for."""

    _look: _Look | None

    @classmethod
    def of(cls, rgb: NDArray[Any]) -> OwnColors:
        """Measure a picture.

        Args:
            rgb: (h, w, 3 or 4) sRGB in 0..1, or (h, w, 1) grey; a small copy is enough.
        """
        return cls(_Look.at(rgb) if rgb.shape[-1] >= 3 else None)

    @cached_property
    def off_tone(self) -> float:
        """Their strength: the 95th percentile of the chroma that luma and place do not explain.

        In 8-bit steps, reduced in fine detail; 0 for grey.
        """
        look = self._look
        if look is None:
            return 0.0
        uneven = _strength(look, self._uneven)
        if uneven <= COLOR_OFF_TONE or not look.place.shape[1]:
            return uneven
        stained = _strength(look, self._stained[0])
        return stained if stained <= _STAINED * uneven else uneven

    @cached_property
    def are_some(self) -> bool:
        """Whether the picture counts as coloured."""
        look = self._look
        if look is None or _strength(look, self._uneven) <= _PLAIN:
            return False
        if not look.place.shape[1]:
            return self.off_tone > COLOR_OFF_TONE
        left, stain = self._stained
        beside = Left(
            shape=look.shape,
            luma=look.luma,
            chroma=look.chroma,
            beside_light=self._uneven,
            beside_stains=left,
            stains=(np.hypot(stain[:, 0], stain[:, 1]) / np.maximum(look.luma, _DARK)).astype(np.float32),
            calm=look.calm,
        )
        return beside.odds() > 0

    @cached_property
    def spots(self) -> float:
        """Share of the pixels that are spots of colour: captions, inserts, a painted rose; 0 if there are too few.

        Even a picture that counts as grey may have some.
        """
        return 0.0 if self.spot_map is None else float(self.spot_map.mean())

    @cached_property
    def spot_map(self) -> NDArray[np.bool_] | None:
        """Where the spots of colour are, in a small copy (k, l); None if there are too few."""
        look = self._look
        if look is None:
            return None
        spots = _spotted(look, self._uneven)
        if spots.any() and look.place.shape[1]:
            spots &= _spotted(look, self._stained[0])
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
    def _stained(self) -> tuple[Array, Array]:
        assert self._look is not None
        return _beside_stains(self._look)


def color_off_tone(rgb: NDArray[Any]) -> float:
    """Measure the strength of the colours that a picture has beside its tone; see `OwnColors.off_tone`."""
    return OwnColors.of(rgb).off_tone


def is_colored(rgb: NDArray[Any]) -> bool:
    """Return whether a picture (h, w, 3) in 0..1, or (h, w, 1) grey, has colours beside its tone."""
    return OwnColors.of(rgb).are_some


def _spotted(look: _Look, leftover: Array) -> NDArray[np.bool_]:
    spots: NDArray[np.bool_] = np.hypot(leftover[:, 0], leftover[:, 1]) * look.calm > _SPOT
    return spots


def _strength(look: _Look, leftover: Array) -> float:
    return quantiles(np.hypot(leftover[:, 0], leftover[:, 1]) * look.calm, [0.95])[0]


def _beside_uneven_light(look: _Look) -> Array:
    """Return the chroma (n, 2) that the tone and slow changes from warm to cool do not explain."""
    weights = np.ones(len(look.luma), dtype=np.float32)
    axis, leftover = None, look.chroma
    for step in range(6):  # reweighted to least absolute deviations: a few coloured things must not bend the curve
        if step == 1 and look.place.shape[1]:
            axis = look.axis(look.chroma, weights)
        leftover = look.chroma - look.fitted(look.chroma, weights, axis)
        weights = _weights(leftover)
    return leftover


def _beside_stains(look: _Look) -> tuple[Array, Array]:
    """Return the chroma (n, 2) that the tone, stains and slow changes do not explain, and the chroma of the stains."""
    weights = np.ones(len(look.luma), dtype=np.float32)
    axis, stain = None, np.zeros_like(look.chroma)
    leftover = look.chroma
    for step in range(8):
        paper = look.chroma - stain
        if step == 5:
            axis = look.axis(paper, weights)
        rest = look.chroma - look.fitted(paper, weights, axis)
        if step >= 2:
            stain = _stain(look, rest)
        leftover = rest - stain
        weights = _weights(leftover)
        if step < 5:
            warm = leftover @ _STAINS[3] > median(np.hypot(leftover[:, 0], leftover[:, 1]))
            weights = np.where(warm, np.float32(_STAIN_WEIGHT) * weights, weights)
    return leftover, stain


def _stain(look: _Look, leftover: Array) -> Array:
    """Return the part of chroma (n, 2) that has one yellow or brown hue, and lies in patches of even strength."""
    hue = _STAINS[(np.maximum(leftover @ _STAINS.T, 0) ** 2).sum(axis=0).argmax()]
    lit = np.maximum(look.luma, np.float32(_DARK))
    depth = (leftover @ hue / lit).reshape(look.shape)
    levels = np.clip(depth * 3 + 40, 0, 255).astype(np.uint8)
    patches = (cv2.medianBlur(levels, _MEDIAN).astype(np.float32) - 43) / np.float32(3)
    result: Array = (np.clip(patches, 0, _DEEPEST).ravel() * lit)[:, None] * hue
    return result


def _weights(leftover: Array) -> Array:
    size = np.hypot(leftover[:, 0], leftover[:, 1])
    return (1 / np.maximum(size, max(1.0, float(median(size))))).astype(np.float32)


def _averaged(values: NDArray[Any], size: tuple[int, int]) -> Array:
    """Average over areas, which removes grain and JPEG's chroma noise."""
    result: Array = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    return result


def _fringes(green: NDArray[Any], luma: Array, size: tuple[int, int]) -> Array:
    """Return (n, 10): what misregistration by one pixel, or a fraction of one, adds to a channel.

    Args:
        green: (h, w) the green channel of the fine copy.
        luma: of the small copy, of n pixels.
        size: width and height of the small copy.
    """
    planes = []
    for plane in (green, cv2.GaussianBlur(green, (0, 0), 1.5)):  # JPEG smooths fringes
        padded = cv2.copyMakeBorder(np.ascontiguousarray(plane), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
        middle = _averaged(np.ascontiguousarray(plane), size)
        for top, left in ((0, 1), (2, 1), (1, 0), (1, 2)):
            beside = padded[top : top + plane.shape[0], left : left + plane.shape[1]]
            planes.append(_averaged(np.ascontiguousarray(beside), size) - middle)
    return np.stack([plane.ravel() for plane in (*planes, *np.gradient(luma))], axis=1)


def _places(luma: Array) -> Array:
    """Return (n, 10): what slowly varying light adds (in proportion to luma), and slowly varying haze."""
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

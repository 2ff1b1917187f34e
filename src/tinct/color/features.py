"""Colour statistics of a picture: which colours it has and how much of each, independent of shapes.

They distinguish classes that differ in colour alone, and cost little. A logistic regression on them is the simplest
solution of such a task, and the baseline for all others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tinct.color.inputs import input_space
from tinct.color.resize import resized
from tinct.color.spaces import FloatArray, rgb_to_lab
from tinct.color.statistics import as_unit_rgb
from tinct.color.texture import edge_directions, layout
from tinct.errors import InputError, SettingError

# Values of a and b in Lab are clipped to ± this. Histograms take their signed square root, so that cells are finest
# near grey, where most colours are.
LARGEST_CHROMA = 100.0
# A mean chroma (Lab) below this counts as no hue; one 8-bit step off grey is ten times as much.
HUELESS = 0.05
REGIONS = ("whole", "center")

Block = tuple[list[str], NDArray[np.float64]]


class _Options:
    """Options that are stored in a model's card."""

    quantiles: tuple[float, ...]

    def to_card(self) -> dict[str, Any]:
        """Return plain JSON values, from which `from_card` makes these options again."""
        values: Any = self
        return {**asdict(values), "quantiles": list(self.quantiles)}

    @classmethod
    def from_card(cls, values: dict[str, Any]) -> Self:
        """Read what `to_card` returned.

        Raises:
            SettingError: the values are damaged.
        """
        try:
            return cls(**{**values, "quantiles": tuple(values["quantiles"])})
        except (TypeError, KeyError, AttributeError) as error:
            raise SettingError(f"damaged options of features ({error})") from error


@dataclass(frozen=True)
class ColorFeatures(_Options):
    """Which colour statistics are computed; the options are stored in a model's card.

    For each region and each channel of `space`, except hue: mean, standard deviation and quantiles. For each region
    also the mean direction of hue and a histogram of hue, both weighted by chroma; a joint histogram of Lab's a and b;
    and one of lightness and chroma, which tells white, grey and black things from coloured ones. Histograms are soft (a
    value is shared between the nearest bins) and given as square roots of shares, so that Euclidean distances between
    them are Hellinger distances.

    Attributes:
        space: colour spaces whose channels are measured, as `tinct.color.inputs.input_space` takes them.
        quantiles: each in 0..1.
        hue_bins: bins around the circle of hue.
        chroma_bins: bins of the joint histogram along each of a and b.
        lightness_bins: bins of lightness in the histogram of lightness and chroma, which has 4 of chroma.
        center: measure the middle of the picture (half of each edge) as well as the whole.
        texture: measure also where colours lie and in which directions edges run (`tinct.color.texture`).
        cells: count pixels also in an RGB histogram of this many cells along each channel, before the picture is
            shrunk; its square roots of shares come last; 0 for none.
        longest_edge: larger pictures are shrunk to this, in pixels; None leaves them as they are.

    Source: Arandjelovic & Zisserman 2012, "Three things everyone should know to improve object retrieval" (the root).
    """

    space: str = "rgb+hsv+lab"
    quantiles: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)
    hue_bins: int = 24
    chroma_bins: int = 8
    lightness_bins: int = 6
    center: bool = True
    texture: bool = False
    cells: int = 0
    longest_edge: int | None = None

    def __post_init__(self) -> None:
        """Check the options.

        Raises:
            SettingError: there is no such space, a quantile lies outside 0..1, or another value is too small.
        """
        input_space(self.space)
        if not all(0 <= quantile <= 1 for quantile in self.quantiles):
            raise SettingError(f"quantiles must lie in 0..1, not {self.quantiles}")
        for name in ("hue_bins", "chroma_bins", "lightness_bins"):
            if getattr(self, name) < 2:
                raise SettingError(f"{name} must be at least 2, not {getattr(self, name)}")
        if self.cells < 0:
            raise SettingError(f"cells must be at least 0, not {self.cells}")
        if self.longest_edge is not None and self.longest_edge < 1:
            raise SettingError(f"longest_edge must be at least 1 pixel, not {self.longest_edge}")

    def names(self) -> list[str]:
        """Return the features' names, such as `center.lab.a.mean`, in the order of `measure`."""
        names = [name for names, _ in self._blocks(np.zeros((4, 4, 3), dtype=np.float32)) for name in names]
        return names + _numbered("rgb.cell", (self.cells,) * 3)

    def measure(self, rgb: NDArray[Any]) -> FloatArray:
        """Measure one picture.

        Args:
            rgb: (H, W, 3) sRGB: uint8 0..255, uint16 0..65535, or floats in 0..1.

        Returns:
            (features,) float32, in the order of `names`.

        Raises:
            InputError: the array has another shape or is empty.
        """
        if rgb.ndim != 3 or rgb.shape[-1] != 3 or 0 in rgb.shape:
            raise InputError(f"a picture must be a non-empty array of shape (H, W, 3), not {rgb.shape}")
        unit = as_unit_rgb(rgb)
        counted = np.sqrt(cell_shares(unit, cells=self.cells).ravel()) if self.cells else np.zeros(0)
        if self.longest_edge is not None and max(rgb.shape) > self.longest_edge:
            factor = self.longest_edge / max(rgb.shape)
            unit = resized(unit, (max(1, round(factor * rgb.shape[0])), max(1, round(factor * rgb.shape[1]))))
        return np.concatenate([*(values for _, values in self._blocks(unit)), counted]).astype(np.float32)

    def _blocks(self, rgb: FloatArray) -> Iterator[Block]:
        space = input_space(self.space)
        converted = space.from_rgb(rgb)
        lab = rgb_to_lab(rgb)
        for region in REGIONS if self.center else REGIONS[:1]:
            inside = _inside(rgb.shape, region)
            pixels = converted[inside].reshape(-1, converted.shape[-1])
            yield from self._channel_blocks(region, space.channels, pixels)
            yield from self._histogram_blocks(region, lab[inside].reshape(-1, 3).astype(np.float64))
        if self.texture:
            colors, edges = layout(lab), edge_directions(np.ascontiguousarray(lab[..., 0]))
            yield _numbered("layout.lab", colors.shape), colors.ravel()
            yield _numbered("edges.direction", edges.shape), edges.ravel()

    def _channel_blocks(self, region: str, channels: tuple[str, ...], pixels: FloatArray) -> Iterator[Block]:
        """Yield mean, standard deviation and quantiles of each channel except hue."""
        linear = [index for index, channel in enumerate(channels) if ".hue_" not in channel]
        values = pixels[:, linear].astype(np.float64)
        names = [f"{region}.{channels[index]}" for index in linear]
        yield [f"{name}.mean" for name in names], values.mean(axis=0)
        yield [f"{name}.std" for name in names], values.std(axis=0)
        levels = np.quantile(values, self.quantiles, axis=0)
        for quantile, row in zip(self.quantiles, levels, strict=True):
            yield [f"{name}.q{100 * quantile:g}" for name in names], row

    def _histogram_blocks(self, region: str, lab: NDArray[np.float64]) -> Iterator[Block]:
        """Yield the statistics of lightness, chroma and hue in Lab."""
        chroma = np.hypot(lab[:, 1], lab[:, 2])
        hue = np.arctan2(lab[:, 2], lab[:, 1]) / (2 * math.pi) % 1
        yield [f"{region}.chroma.mean", f"{region}.chroma.std"], np.array([chroma.mean(), chroma.std()])
        names = [f"{region}.hue.sine", f"{region}.hue.cosine"]
        yield names, np.array(mean_direction(hue, weights=chroma))
        around = circular_histogram(hue, bins=self.hue_bins, weights=chroma)
        yield _numbered(f"{region}.hue.bin", around.shape), np.sqrt(around)
        joint = soft_histogram(
            np.stack([_spread(lab[:, 1]), _spread(lab[:, 2])]), bins=(self.chroma_bins, self.chroma_bins)
        )
        yield _numbered(f"{region}.ab.bin", joint.shape), np.sqrt(joint).ravel()
        plain = soft_histogram(
            np.stack([lab[:, 0] / 100, np.sqrt(np.minimum(chroma / LARGEST_CHROMA, 1))]), bins=(self.lightness_bins, 4)
        )
        yield _numbered(f"{region}.lightness_chroma.bin", plain.shape), np.sqrt(plain).ravel()


@dataclass(frozen=True)
class ArrayFeatures(_Options):
    """Statistics of arrays of numbers that are not colours, such as spectrograms before the colour map.

    For each channel: mean, standard deviation and quantiles of the whole array, and mean and median of each of several
    bands of rows, which are frequencies in a spectrogram.

    Attributes:
        channels: of the arrays.
        quantiles: each in 0..1.
        bands: most bands of rows; an array with fewer rows has one band for each.
    """

    channels: int = 1
    quantiles: tuple[float, ...] = (0.05, 0.25, 0.5, 0.75, 0.95)
    bands: int = 16

    def measure(self, array: NDArray[Any]) -> FloatArray:
        """Measure one array.

        Args:
            array: (H, W, channels).

        Returns:
            (features,) float32.

        Raises:
            InputError: the array has another shape or is empty.
        """
        if array.ndim != 3 or array.shape[-1] != self.channels or 0 in array.shape:
            raise InputError(f"an array must be non-empty, of shape (H, W, {self.channels}), not {array.shape}")
        values = array.astype(np.float64)
        whole = values.reshape(-1, self.channels)
        statistics = [whole.mean(axis=0), whole.std(axis=0), *np.quantile(whole, self.quantiles, axis=0)]
        for band in np.array_split(values, min(self.bands, len(values)), axis=0):
            rows = band.reshape(-1, self.channels)
            statistics += [rows.mean(axis=0), np.median(rows, axis=0)]
        return np.concatenate(statistics).astype(np.float32)


def _inside(shape: tuple[int, ...], region: str) -> tuple[slice, slice]:
    if region == "whole":
        return slice(None), slice(None)
    height, width = shape[:2]
    top, left = height // 4, width // 4
    return slice(top, height - top), slice(left, width - left)


def _spread(chroma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map a or b to 0..1 by its signed square root, with grey at 0.5."""
    part = np.sqrt(np.minimum(np.abs(chroma) / LARGEST_CHROMA, 1))
    return np.asarray(0.5 + 0.5 * np.copysign(part, chroma))


@cache
def _numbered(name: str, shape: tuple[int, ...]) -> list[str]:
    return [f"{name}{'_'.join(map(str, index))}" for index in np.ndindex(*shape)]


def mean_direction(hue: NDArray[Any], *, weights: NDArray[Any]) -> tuple[float, float]:
    """Return the weighted mean of hues on the circle.

    Args:
        hue: (N,) in 0..1.
        weights: (N,) at least 0.

    Returns:
        Sine and cosine of the mean; their length is 1 if all hues are equal, and 0 if they cancel out or the mean
        weight is below `HUELESS`.

    Source: Mardia & Jupp 2000, "Directional statistics", section 2.2.

    >>> [round(part, 3) for part in mean_direction(np.array([0.2, 0.3]), weights=np.ones(2))]
    [0.951, 0.0]
    """
    total = float(weights.sum(dtype=np.float64))
    if total <= HUELESS * max(1, weights.size):
        return 0.0, 0.0
    angle = 2 * math.pi * np.asarray(hue, dtype=np.float64)
    # Not a product of vectors: BLAS would start threads for it, which cost more than the sum.
    return float((np.sin(angle) * weights).sum() / total), float((np.cos(angle) * weights).sum() / total)


def circular_histogram(hue: NDArray[Any], *, bins: int, weights: NDArray[Any]) -> NDArray[np.float64]:
    """Count hues around the circle, each shared between the two nearest bins.

    Args:
        hue: (N,) in 0..1; bin 0 is centred at 0, which is also 1.
        bins: how many.
        weights: (N,) at least 0, such as chroma: grey pixels have no hue and count little.

    Returns:
        (bins,) shares that sum to 1, or zeros if the mean weight is below `HUELESS`.
    """
    place = (np.asarray(hue, dtype=np.float64) % 1) * bins
    low = np.floor(place).astype(np.intp)
    part = place - low
    counts = np.bincount(low % bins, weights=weights * (1 - part), minlength=bins)
    counts += np.bincount((low + 1) % bins, weights=weights * part, minlength=bins)
    total = counts.sum()
    return counts / total if total > HUELESS * max(1, weights.size) else np.zeros(bins)


def cell_shares(rgb: FloatArray, *, cells: int) -> NDArray[np.float64]:
    """Compute an RGB histogram in which each pixel counts in one cell.

    Args:
        rgb: (H, W, 3) sRGB, 0..1.
        cells: along each channel.

    Returns:
        (cells, cells, cells) shares along red, green and blue that sum to 1.
    """
    place = np.clip((rgb.reshape(-1, 3) * cells).astype(np.intp), 0, cells - 1)
    counts = np.bincount((place[:, 0] * cells + place[:, 1]) * cells + place[:, 2], minlength=cells**3)
    shares: NDArray[np.float64] = counts.reshape(cells, cells, cells) / len(place)
    return shares


def soft_histogram(values: NDArray[Any], *, bins: tuple[int, int]) -> NDArray[np.float64]:
    """Count pairs of values in a grid, each shared between the four nearest cells by bilinear weights.

    Args:
        values: (2, N) in 0..1; values outside are clipped. The first cell is centred at 0 and the last at 1.
        bins: cells along each axis, at least 2.

    Returns:
        (bins) shares that sum to 1.
    """
    rows, columns = bins
    last = np.array([[rows - 1], [columns - 1]])
    place = np.clip(np.asarray(values, dtype=np.float64), 0, 1) * last
    low = np.minimum(place.astype(np.intp), last - 1)
    down, right = place - low
    first = low[0] * columns + low[1]
    counts = np.zeros(rows * columns)
    for step, weight in (
        (0, (1 - down) * (1 - right)),
        (1, (1 - down) * right),
        (columns, down * (1 - right)),
        (columns + 1, down * right),
    ):
        counts += np.bincount(first + step, weights=weight, minlength=rows * columns)
    shares: NDArray[np.float64] = (counts / values.shape[1]).reshape(bins)
    return shares

"""Colour bins: n colours that stand for all chroma, so that colorization becomes classification.

The two chroma axes of a space are divided into a grid of cells. The n most frequent cells of a dataset are kept as
bins, and every other cell belongs to the nearest bin. Billaut, de Rochemonteix & Thibault 2018, section 2.1, after
Zhang, Isola & Efros 2016.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.decoding import annealed_mean, annealed_shares, check_decoding
from tinct.color.difference import ciede2000
from tinct.color.spaces import FloatArray, chroma_space, rgb_to_lab
from tinct.color.statistics import as_unit_rgb
from tinct.errors import DataError, SettingError

MIDDLE_LUMA = 0.55  # at which bins are compared and shown as colours

IntArray = NDArray[np.int64]


class ColorHistogram:
    """Counts and colour sums over a grid of chroma cells, filled picture by picture.

    Its size does not grow with the number of pictures. Colours beyond the grid count in its outermost cells.
    """

    def __init__(self, *, space: str = "yuv", grid: int = 16) -> None:
        """Start empty.

        Args:
            space: `yuv` or `lab`.
            grid: cells along each chroma axis, at least 2.

        Raises:
            SettingError: there is no such space, or the grid is too small.
        """
        if grid < 2:
            raise SettingError(f"the grid needs at least 2 cells along each axis, not {grid}")
        self.space = chroma_space(space)
        self.grid = grid
        self.counts: NDArray[np.float64] = np.zeros(grid * grid)
        self.sums: NDArray[np.float64] = np.zeros((grid * grid, 2))

    def add(self, rgb: NDArray[Any]) -> None:
        """Count one picture.

        Args:
            rgb: (H, W, 3) sRGB: uint8 0..255, uint16 0..65535 or floats in 0..1.
        """
        colors = self.space.split(as_unit_rgb(rgb))[1].reshape(-1, 2)
        cells = _cells(colors, self.space.chroma_low, self.space.chroma_high, self.grid)
        size = self.grid * self.grid
        self.counts += np.bincount(cells, minlength=size)
        for axis in range(2):
            self.sums[:, axis] += np.bincount(cells, weights=colors[:, axis], minlength=size)

    def merge(self, other: ColorHistogram) -> None:
        """Add the counts of another histogram of the same space and grid."""
        self.counts += other.counts
        self.sums += other.sums


@dataclass(frozen=True, eq=False)
class ColorBins:
    """n colours that stand for all chroma, each with its frequency and its weight in training.

    Attributes:
        space: `yuv` or `lab`.
        low: (2,) lower edge of the grid, in the space's units.
        high: (2,) upper edge of the grid.
        lookup: (grid, grid) the bin of each cell, 0..n-1.
        centers: (n, 2) float32, the mean of the colours that fall in each bin.
        frequencies: (n,) share of all pixels in each bin; they sum to 1.
        rebalance: lambda in 0..1: at 0 weights are inversely proportional to frequencies, at 1 all are equal.
        risk: 0 decodes by the annealed mean of the bins' colours; above 0, `least_risk` decodes with this softness, in
            CIEDE2000.
    """

    space: str
    low: tuple[float, float]
    high: tuple[float, float]
    lookup: IntArray
    centers: FloatArray
    frequencies: NDArray[np.float64]
    rebalance: float
    risk: float = 0.0

    @classmethod
    def learn(
        cls,
        images: Iterable[NDArray[Any]],
        *,
        space: str = "yuv",
        grid: int = 16,
        bins: int = 32,
        rebalance: float = 0.4,
    ) -> ColorBins:
        """Choose bins from pictures, one at a time.

        Args:
            images: sRGB pictures (H, W, 3), uint8, uint16 or floats in 0..1; only one is in memory at once.
            space: `yuv` or `lab`.
            grid: cells along each chroma axis.
            bins: how many cells to keep; empty ones are never kept.
            rebalance: lambda of the weights, 0..1.

        Raises:
            SettingError: a setting is out of range.
            DataError: there were no pixels.

        >>> red_and_blue = np.array([[[255, 0, 0], [255, 0, 0], [0, 0, 255]]], dtype=np.uint8)
        >>> bins = ColorBins.learn([red_and_blue], bins=2)
        >>> bins.centers.round(2).tolist() == np.float32([[-0.15, 0.61], [0.44, -0.10]]).tolist()
        True
        >>> bins.frequencies.round(2).tolist()
        [0.67, 0.33]
        """
        histogram = ColorHistogram(space=space, grid=grid)
        for image in images:
            histogram.add(image)
        return cls.from_histogram(histogram, bins=bins, rebalance=rebalance)

    @classmethod
    def from_histogram(cls, histogram: ColorHistogram, *, bins: int = 32, rebalance: float = 0.4) -> ColorBins:
        """Choose the most frequent cells of a histogram as bins, the most frequent first; settings as in `learn`.

        Raises:
            SettingError: `bins` is below 1 or `rebalance` outside 0..1.
            DataError: the histogram is empty.
        """
        if bins < 1:
            raise SettingError(f"at least 1 bin is needed, not {bins}")
        counts = histogram.counts
        if counts.sum() == 0:
            raise DataError("no pixels to learn colour bins from; give at least one colour picture")
        kept = np.argsort(-counts, kind="stable")[:bins]
        kept = kept[counts[kept] > 0]
        low, high = np.array(histogram.space.chroma_low), np.array(histogram.space.chroma_high)
        width = (high - low) / histogram.grid
        across = np.arange(histogram.grid)
        grid_points = np.stack(np.meshgrid(across, across, indexing="ij"), axis=-1).reshape(-1, 2)
        middles = low + (grid_points + 0.5) * width
        # The place of a cell is the mean of its colours; of an empty one, its middle.
        places = np.where(counts[:, None] > 0, histogram.sums / np.maximum(counts, 1)[:, None], middles)
        distances = ((places[:, None, :] - places[kept][None, :, :]) ** 2).sum(axis=-1)
        nearest = distances.argmin(axis=1)
        nearest[kept] = np.arange(len(kept))
        totals = np.bincount(nearest, weights=counts, minlength=len(kept))
        sums = np.stack(
            [np.bincount(nearest, weights=histogram.sums[:, axis], minlength=len(kept)) for axis in (0, 1)], axis=-1
        )
        return cls(
            space=histogram.space.name,
            low=histogram.space.chroma_low,
            high=histogram.space.chroma_high,
            lookup=nearest.reshape(histogram.grid, histogram.grid).astype(np.int64),
            centers=(sums / totals[:, None]).astype(np.float32),
            frequencies=totals / totals.sum(),
            rebalance=_checked_rebalance(rebalance),
        )

    @property
    def count(self) -> int:
        """How many bins there are."""
        return len(self.centers)

    @property
    def cell(self) -> float:
        """The longer edge of a cell of the grid, in the space's units."""
        return float(np.max((np.array(self.high) - np.array(self.low)) / self.lookup.shape[0]))

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weight of each bin in the training loss, (n,), scaled so that sum(weight x frequency) = 1.

        Source: Billaut et al. 2018, section 2.1: w = 1 / ((1 - lambda) P + lambda / n).
        """
        raw = 1 / ((1 - self.rebalance) * self.frequencies + self.rebalance / self.count)
        scaled: NDArray[np.float64] = raw / (raw * self.frequencies).sum()
        return scaled

    @property
    def amplitude(self) -> float:
        """Ratio of the largest weight to the smallest; 100 in figure 1 of Billaut et al. 2018."""
        return float(self.weights.max() / self.weights.min())

    def of_amplitude(self, amplitude: float) -> ColorBins:
        """Return these bins with the lambda that gives their weights an amplitude.

        The largest weight is the rarest bin's and the smallest the commonest one's, so that
        A = ((1 - lambda) P_max + lambda / n) / ((1 - lambda) P_min + lambda / n), which is solved for lambda.

        Args:
            amplitude: A, from 1 (lambda 1, all equal) to P_max / P_min (lambda 0, inverse frequency).

        Raises:
            SettingError: the amplitude is out of this range.

        >>> bins = ColorBins.learn([np.array([[[255, 0, 0]] * 9 + [[0, 0, 255]]], dtype=np.uint8)], bins=2)
        >>> round(bins.of_amplitude(3).amplitude, 6), round(bins.of_amplitude(3).rebalance, 6)
        (3.0, 0.375)
        """
        rarest, commonest = float(self.frequencies.min()), float(self.frequencies.max())
        if amplitude < 1 or amplitude * rarest > commonest:
            raise SettingError(
                f"the weights' amplitude must lie in 1..{commonest / max(rarest, 1e-300):.4g}, since the commonest bin "
                f"is that many times as frequent as the rarest, not {amplitude:g}"
            )
        apart = commonest - amplitude * rarest
        if apart == 0 and amplitude == 1:
            return replace(self, rebalance=1.0)
        return replace(self, rebalance=apart / ((amplitude - 1) / self.count + apart))

    def encode(self, chroma: NDArray[Any]) -> IntArray:
        """Return the bin of each pixel.

        Args:
            chroma: (..., 2) in the space's units; colours beyond the grid belong to its outermost cells.

        Returns:
            (...) int64 in 0..n-1.
        """
        cells = _cells(chroma, self.low, self.high, self.lookup.shape[0])
        return self.lookup.reshape(-1)[cells].reshape(chroma.shape[:-1])

    def encode_soft(
        self, chroma: NDArray[Any], *, neighbors: int | None = None, sigma: float | None = None
    ) -> FloatArray:
        """Return each pixel as a distribution over its nearest bins.

        Args:
            chroma: (..., 2) in the space's units.
            neighbors: how many of the nearest bins share the pixel, 1..n; default: 5, or all if there are fewer.
            sigma: standard deviation of the Gaussian in the space's units; default: half a grid cell's width.

        Returns:
            (..., n) float32, summing to 1 over the last axis.

        Raises:
            SettingError: `neighbors` or `sigma` is out of range.

        Source: Zhang et al. 2016, section 2.2 (5 neighbours, sigma of half a cell).
        """
        if neighbors is None:
            neighbors = min(5, self.count)
        if not 1 <= neighbors <= self.count:
            raise SettingError(f"neighbors must lie in 1..{self.count}, not {neighbors}")
        spread = self.cell / 2 if sigma is None else sigma
        if not spread > 0:
            raise SettingError(f"sigma must be above 0, not {sigma}")
        colors = np.asarray(chroma, dtype=np.float32).reshape(-1, 2)
        squared = ((colors[:, None, :] - self.centers[None, :, :]) ** 2).sum(axis=-1)
        nearest = np.argpartition(squared, neighbors - 1, axis=1)[:, :neighbors]
        picked = np.take_along_axis(squared, nearest, axis=1)
        # The smallest distance is subtracted first; otherwise far-away colours would underflow to 0 / 0.
        shares = np.exp(-(picked - picked.min(axis=1, keepdims=True)) / (2 * spread**2))
        soft = np.zeros_like(squared)
        np.put_along_axis(soft, nearest, shares / shares.sum(axis=1, keepdims=True), axis=1)
        shares_of_all: FloatArray = soft.reshape(*np.shape(chroma)[:-1], self.count).astype(np.float32)
        return shares_of_all

    @cached_property
    def risks(self) -> FloatArray | None:
        """CIEDE2000 between bins at `MIDDLE_LUMA`, divided by `risk`, (n, n); None if `risk` is 0."""
        if not self.risk:
            return None
        lab = rgb_to_lab(bin_colors(self))
        lab[:, 0] = 100 * MIDDLE_LUMA
        return ciede2000(lab[:, None], lab[None]) / np.float32(self.risk)

    def decode(self, logits: NDArray[Any], *, temperature: float, caution: float = 0.0) -> FloatArray:
        """Return chroma (..., 2) from logits (..., n); see `annealed_mean`."""
        return annealed_mean(logits, self.centers, temperature=temperature, caution=caution, risks=self.risks)

    def decode_shares(self, shares: NDArray[Any], *, temperature: float, caution: float = 0.0) -> FloatArray:
        """Return chroma (..., 2) from probabilities (..., n), as `decode` does from logits; see `annealed_shares`."""
        return annealed_shares(shares, self.centers, temperature=temperature, caution=caution, risks=self.risks)

    def to_card(self) -> dict[str, Any]:
        """Return the bins as plain JSON values, from which `from_card` makes exactly these bins again."""
        # Without a risk there is no key, as in older files: a card that is read and written again stays the same.
        return {
            **({"risk": self.risk} if self.risk else {}),
            "space": self.space,
            "low": list(self.low),
            "high": list(self.high),
            "lookup": self.lookup.tolist(),
            "centers": self.centers.tolist(),
            "frequencies": self.frequencies.tolist(),
            "weights": self.weights.tolist(),
            "rebalance": self.rebalance,
        }

    @classmethod
    def from_card(cls, card: dict[str, Any]) -> ColorBins:
        """Make bins from what `to_card` returned.

        Raises:
            DataError: the card lacks a value or a value has the wrong form.
        """
        try:
            bins = cls(
                space=chroma_space(card["space"]).name,
                low=(float(card["low"][0]), float(card["low"][1])),
                high=(float(card["high"][0]), float(card["high"][1])),
                lookup=np.array(card["lookup"], dtype=np.int64),
                centers=np.array(card["centers"], dtype=np.float32),
                frequencies=np.array(card["frequencies"], dtype=np.float64),
                rebalance=_checked_rebalance(float(card["rebalance"])),
                risk=_checked_risk(float(card.get("risk", 0))),
            )
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise DataError(f"the card's colour bins are damaged ({error!r}); export the model again") from error
        square = bins.lookup.ndim == 2 and bins.lookup.shape[0] == bins.lookup.shape[1] > 0
        fits = square and bins.lookup.min() >= 0 and bins.centers.shape == (bins.frequencies.size, 2)
        if not fits or bins.lookup.max() >= bins.count:
            raise DataError("the card's colour bins do not fit together; export the model again")
        return bins


def _cells(chroma: NDArray[Any], low: Any, high: Any, grid: int) -> IntArray:
    """Return the flat grid cell of each colour of (..., 2); beyond the grid, the nearest outermost cell."""
    low_, high_ = np.asarray(low, dtype=np.float32), np.asarray(high, dtype=np.float32)
    colors = np.asarray(chroma, dtype=np.float32).reshape(-1, 2)
    indices = np.clip(np.floor((colors - low_) / (high_ - low_) * grid), 0, grid - 1).astype(np.int64)
    flat: IntArray = indices[:, 0] * grid + indices[:, 1]
    return flat


def _checked_rebalance(value: float) -> float:
    if not 0 <= value <= 1:
        raise SettingError(f"rebalance (lambda) must lie in 0..1, not {value}")
    return value


def _checked_risk(value: float) -> float:
    check_decoding(temperature=1.0, risk=value)
    return value


def bin_colors(bins: ColorBins, *, luma: float = MIDDLE_LUMA) -> FloatArray:
    """Return the colours (n, 3) of bins at a luma in 0..1: float32 sRGB in 0..1, clipped if out of gamut."""
    rgb = chroma_space(bins.space).join(np.full(bins.count, luma), bins.centers)
    colors: FloatArray = np.clip(rgb, 0, 1)
    return colors

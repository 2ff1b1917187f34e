"""The colours of a whole dataset: colour bins, a palette, and how well a set of bins represents them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.bins import ColorBins, ColorHistogram, bin_colors
from tinct.color.spaces import rgb_to_lab
from tinct.data.pictures import find_pictures, read_pictures
from tinct.errors import ModelError
from tinct.parallel import counted
from tinct.runtime.modelfile import read_card

OWN = "its own"  # name of the bins that are made from the data themselves
PALETTE = 10
_LEVELS = 16  # of each channel, in the counts from which the palette is made
_ROUNDS = 30  # of k-means
RARE = 1e-4  # a bin with less than this share of the pixels is rare
FAR = 1.5  # grid cells; a colour farther than this from its bin's centre is badly represented by the bin


def learn_bins(
    data: str | Path,
    *,
    split: str = "train",
    space: str = "yuv",
    grid: int = 16,
    bins: int = 32,
    rebalance: float = 0.4,
    limit: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[ColorBins, list[tuple[str, str]]]:
    """Choose colour bins from the pictures of a folder or a dataset; memory does not grow with their number.

    Args:
        data: a folder of photographs, searched to any depth, or a dataset that `tinct prepare` made.
        split: `train` or `val`, for a dataset.
        space: `yuv` or `lab`.
        grid: cells along each chroma axis, at least 2.
        bins: how many cells to keep.
        rebalance: lambda of the weights, 0..1.
        limit: take this number of pictures, chosen at random; default: all.
        seed: of the choice.
        progress: called with (done, total) after each picture.

    Returns:
        The bins, and (picture, reason) for each one that could not be read.

    Raises:
        SettingError: an option is out of range.
        DataError: there is no picture to learn from.
    """
    histogram = ColorHistogram(space=space, grid=grid)
    pictures = find_pictures(data, split=split, limit=limit, seed=seed)
    left_out: list[tuple[str, str]] = []
    for picture, pixels in counted(read_pictures(pictures, longest=256), len(pictures), progress):
        if isinstance(pixels, str):
            left_out.append((picture.name, pixels))
        else:
            histogram.add(pixels)
    return ColorBins.from_histogram(histogram, bins=bins, rebalance=rebalance), left_out


def bins_of_model(model: str | Path) -> ColorBins:
    """Return the colour bins of a model that comes with tinct, by its name, or of a model file.

    Raises:
        ModelError: there is no such model, it is damaged, or it predicts chroma itself and has no bins.
    """
    bins = read_card(model).color_bins()
    if bins is None:
        raise ModelError(f"{model}: predicts chroma itself (regression) and has no colour bins; give one that has some")
    return bins


class ColorCounts:
    """Counts and sums of sRGB colours in 16 levels of each channel; a few hundred KB for any number of pictures."""

    def __init__(self) -> None:
        """Start empty."""
        self.counts: NDArray[np.float64] = np.zeros(_LEVELS**3)
        self.sums: NDArray[np.float64] = np.zeros((_LEVELS**3, 3))

    def add(self, rgb: NDArray[np.uint8]) -> None:
        """Count a picture (H, W, 3); pictures of any size have the same weight."""
        pixels = rgb.reshape(-1, 3)
        level = (pixels // (256 // _LEVELS)).astype(np.int64)
        cells = (level[:, 0] * _LEVELS + level[:, 1]) * _LEVELS + level[:, 2]
        size = _LEVELS**3
        self.counts += np.bincount(cells, minlength=size) / len(pixels)
        for channel in range(3):
            self.sums[:, channel] += np.bincount(cells, weights=pixels[:, channel], minlength=size) / len(pixels)

    def palette(self, count: int = PALETTE) -> list[tuple[str, float]]:
        """Return the colours that best represent all, by k-means in CIE Lab.

        Args:
            count: how many; fewer if there are not so many different ones.

        Returns:
            (`#rrggbb`, share of the pixels), the commonest first.
        """
        used = np.flatnonzero(self.counts)
        if not len(used):
            return []
        weights, colors = self.counts[used], self.sums[used] / self.counts[used, None] / 255
        places = rgb_to_lab(colors).astype(np.float64)
        centers = _spread_out(places, weights, count)
        nearest = np.zeros(len(used), dtype=np.int64)
        for _ in range(_ROUNDS):
            nearest = ((places[:, None] - centers) ** 2).sum(axis=-1).argmin(axis=1)
            totals = np.bincount(nearest, weights=weights, minlength=len(centers))
            for axis in range(3):
                sums = np.bincount(nearest, weights=weights * places[:, axis], minlength=len(centers))
                centers[:, axis] = np.where(totals > 0, sums / np.maximum(totals, 1e-12), centers[:, axis])
        totals = np.bincount(nearest, weights=weights, minlength=len(centers))
        palette = []
        for index in np.argsort(-totals, kind="stable"):
            if totals[index] > 0:
                inside = nearest == index
                mean = (colors[inside] * weights[inside, None]).sum(axis=0) / totals[index]
                palette.append((_hex(mean), float(totals[index] / weights.sum())))
        return palette


def _spread_out(places: NDArray[np.float64], weights: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Choose the commonest colour, and then repeatedly one that is common and far from those chosen."""
    taken = [int(weights.argmax())]
    squared = ((places - places[taken[0]]) ** 2).sum(axis=-1)
    while len(taken) < min(count, len(places)):
        taken.append(int((squared * np.sqrt(weights)).argmax()))
        squared = np.minimum(squared, ((places - places[taken[-1]]) ** 2).sum(axis=-1))
    return places[taken].copy()


@dataclass(frozen=True)
class BinsCoverage:
    """How well a set of bins represents the colours of one split.

    Attributes:
        bins: `OWN`, or the name of the model that has these bins.
        split: whose pictures were counted.
        count: how many bins there are.
        space: `yuv` or `lab`.
        colors: each bin's colour at middle luma, as `#rrggbb`.
        shares: each bin's share of the pixels.
        rare: how many bins have a smaller share than `RARE`.
        even: number of equally frequent bins that would be as varied: exp of the shares' entropy.
        far: share of the pixels whose colour lies more than `FAR` grid cells from the centre of its bin.
        shift: distance between the shares and those that the bins were made with, 0 (equal) to 1 (nothing in common).
    """

    bins: str
    split: str
    count: int
    space: str
    colors: list[str]
    shares: list[float]
    rare: int
    even: float
    far: float
    shift: float


def cover(bins: ColorBins, histogram: ColorHistogram, *, name: str, split: str) -> BinsCoverage:
    """Compute how well bins, of the same space and grid as the histogram, represent the colours of a split.

    Args:
        bins: the colour bins.
        histogram: of the split's pictures.
        name: of the bins.
        split: name of the split.
    """
    lookup = bins.lookup.reshape(-1)
    counts = histogram.counts
    shares = np.bincount(lookup, weights=counts, minlength=bins.count) / counts.sum()
    width = (np.array(bins.high) - np.array(bins.low)) / histogram.grid
    means = histogram.sums / np.maximum(counts, 1)[:, None]
    apart = np.hypot(*((means - bins.centers[lookup]) / width).T)
    used = shares[shares > 0]
    return BinsCoverage(
        bins=name,
        split=split,
        count=bins.count,
        space=bins.space,
        colors=[_hex(color) for color in bin_colors(bins)],
        shares=shares.tolist(),
        rare=int((shares < RARE).sum()),
        even=float(np.exp(-(used * np.log(used)).sum())),
        far=float(counts[apart > FAR].sum() / counts.sum()),
        shift=float(np.abs(shares - bins.frequencies).sum() / 2),
    )


def _hex(color: NDArray[Any]) -> str:
    red, green, blue = (round(255 * float(value)) for value in color)
    return f"#{red:02x}{green:02x}{blue:02x}"

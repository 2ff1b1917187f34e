"""Measure how near a colorized picture comes to the true one, and how colourful it is.

| metric            | unit        | better | what it says                                                           |
|-------------------|-------------|--------|------------------------------------------------------------------------|
| ciede2000         | Delta E     | less   | mean visible difference; 1 is about the smallest one can see           |
| psnr              | dB          | more   | of sRGB, at most `PSNR_LIMIT`                                           |
| ssim              | -1..1       | more   | mean over the three sRGB channels, scikit-image's 7x7 window           |
| auc               | per cent    | more   | area under the cumulative curve of the pixels' ab error, 0..150        |
| auc_rebalanced    | per cent    | more   | the same, all 10x10 ab cells that occur in the set weighted equally    |
| auc_within        | per cent    | more   | the same, all ab cells that occur in a picture weighted equally        |
| colorfulness      | 0..about 110| truth's| Hasler & Suesstrunk 2003                                                |
| luma_change       | 8-bit steps | less   | mean absolute difference in BT.601 luma                                |

For metrics that need a pretrained network, see `tinct.study.backbone`.

**AuC** (Zhang, Isola & Efros 2016, section 3.1): the share of pixels whose ab error is at most t, integrated over t
from 0 to 150 and divided by 150. For errors e, that is exactly the mean of the scores 1 - min(e, 150) / 150. In
`auc_rebalanced` each pixel has the weight 1 / p of its true ab cell (their equation 4 with lambda = 0), where p is the
cell's share of the evaluated set, without smoothing. All cells that occur then have equal weight: the metric is the
mean over cells of the mean score within the cell. All pictures have equal weight in p and in the scores, whatever their
size. `auc_within` uses the cells of each picture instead: it is a mean over pictures, and less strict on rare colours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import RGB_TO_YUV, FloatArray, rgb_to_lab
from tinct.color.statistics import as_unit_rgb, colorfulness
from tinct.errors import InputError, MissingExtraError

AUC_LIMIT = 150.0
PSNR_LIMIT = 100.0
SSIM_WINDOW = 7
# A picture with a mean Lab chroma below this looks grey or faintly toned.
NEAR_GREY_CHROMA = 4.0
CELL_WIDTH = 10.0  # ab units; cell centres are the multiples of 10, as in Zhang et al. 2016
CELLS_ACROSS = 23  # -110..110 holds all of sRGB
CELLS = CELLS_ACROSS * CELLS_ACROSS


@dataclass(frozen=True, eq=False)
class Truth:
    """A true picture, with everything that is computed once for comparing several colorized ones with it.

    Attributes:
        rgb: (H, W, 3) float32 sRGB in 0..1.
    """

    rgb: FloatArray

    @classmethod
    def of(cls, rgb: NDArray[Any]) -> Truth:
        """Return the truth of a picture (H, W, 3) sRGB: uint8, uint16 or floats in 0..1; both sides at least 7 pixels.

        Raises:
            InputError: the shape is wrong, or the picture is smaller than the window of SSIM.
        """
        if rgb.ndim != 3 or rgb.shape[-1] != 3:
            raise InputError(f"a true picture must have the shape (H, W, 3), not {rgb.shape}")
        if min(rgb.shape[:2]) < SSIM_WINDOW:
            raise InputError(f"pictures to compare need at least {SSIM_WINDOW} pixels a side, not {rgb.shape[:2]}")
        return cls(as_unit_rgb(rgb))

    @cached_property
    def lab(self) -> FloatArray:
        """(pixels, 3) CIE Lab."""
        return rgb_to_lab(self.rgb.reshape(-1, 3))

    @cached_property
    def colorfulness(self) -> float:
        """Hasler & Suesstrunk's measure."""
        return colorfulness(self.rgb)

    @cached_property
    def near_grey(self) -> bool:
        """Whether the picture has almost no colour, so that it shows little about a colorizer."""
        return float(np.hypot(self.lab[:, 1], self.lab[:, 2]).mean()) < NEAR_GREY_CHROMA

    @cached_property
    def cells(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """The ab cells that occur (k,), each pixel's index among them (pixels,), and each cell's share (k,)."""
        places = np.clip(
            np.rint(self.lab[:, 1:] / CELL_WIDTH).astype(np.int64) + CELLS_ACROSS // 2, 0, CELLS_ACROSS - 1
        )
        flat = places[:, 0] * CELLS_ACROSS + places[:, 1]
        counts = np.bincount(flat, minlength=CELLS)
        used = np.flatnonzero(counts)
        order = np.zeros(CELLS, dtype=np.int64)
        order[used] = np.arange(len(used))
        return used, order[flat], counts[used] / len(flat)


@dataclass(frozen=True, eq=False)
class Comparison:
    """One colorized picture measured against the truth; about 1 KB.

    Attributes:
        values: metric name -> value, for all metrics of the table above but `auc_rebalanced`, which only a set has.
        true_colorfulness: colourfulness of the truth.
        cells: (k,) the ab cells that occur in the truth.
        shares: (k,) each cell's share of the pixels; they sum to 1.
        scores: (k,) each cell's part of the picture's AuC, 0..1; they sum to it.
    """

    values: dict[str, float]
    true_colorfulness: float
    cells: NDArray[np.int64]
    shares: NDArray[np.float64]
    scores: NDArray[np.float64]


def compare(truth: Truth, predicted: NDArray[Any]) -> Comparison:
    """Measure one colorized picture (H, W, 3) sRGB, uint8, uint16 or floats in 0..1, against the true one.

    Raises:
        InputError: the sizes differ.
        MissingExtraError: scikit-image is not installed.
    """
    if predicted.shape != truth.rgb.shape:
        raise InputError(f"the colorized picture's shape {predicted.shape} is not the true one's {truth.rgb.shape}")
    rgb = as_unit_rgb(predicted)
    lab = rgb_to_lab(rgb.reshape(-1, 3))
    errors = np.hypot(lab[:, 1] - truth.lab[:, 1], lab[:, 2] - truth.lab[:, 2])
    score = 1 - np.minimum(errors, AUC_LIMIT) / AUC_LIMIT
    cells, places, shares = truth.cells
    scores = np.bincount(places, weights=score, minlength=len(cells)) / len(score)
    skimage = _skimage()
    similarity = skimage.metrics.structural_similarity
    values = {
        "ciede2000": float(skimage.color.deltaE_ciede2000(truth.lab, lab).mean(dtype=np.float64)),
        "psnr": psnr(truth.rgb, rgb),
        "ssim": float(similarity(truth.rgb, rgb, channel_axis=-1, data_range=1.0, win_size=SSIM_WINDOW)),
        "auc": 100 * float(scores.sum()),
        "auc_within": 100 * float((scores / shares).mean()),
        "colorfulness": colorfulness(rgb),
        "luma_change": 255 * float(np.abs((rgb - truth.rgb) @ RGB_TO_YUV[0]).mean(dtype=np.float64)),
    }
    return Comparison(values, truth.colorfulness, cells, shares, scores)


def psnr(truth: NDArray[Any], predicted: NDArray[Any]) -> float:
    """Return the peak signal-to-noise ratio of two float arrays in 0..1, in dB; `PSNR_LIMIT` if they are equal."""
    error = float(np.square(truth - predicted, dtype=np.float64).mean())
    return PSNR_LIMIT if error == 0 else min(PSNR_LIMIT, float(-10 * np.log10(error)))


def summarize(comparisons: Iterable[Comparison]) -> dict[str, float]:
    """Compute the metrics of a set of pictures, all weighted equally; only one comparison is in memory at a time.

    Returns:
        metric name -> mean, with `auc_rebalanced`, `colorfulness_ratio` (the mean colourfulness divided by that of the
        truth; NaN if the truth is grey) and `colorfulness_difference` (the mean colourfulness minus that of the truth).

    Raises:
        InputError: there are none.
    """
    totals: dict[str, float] = {}
    true_colorfulness = 0.0
    shares, scores = np.zeros(CELLS), np.zeros(CELLS)
    count = 0
    for comparison in comparisons:
        for name, value in comparison.values.items():
            totals[name] = totals.get(name, 0.0) + value
        true_colorfulness += comparison.true_colorfulness
        shares[comparison.cells] += comparison.shares
        scores[comparison.cells] += comparison.scores
        count += 1
    if not count:
        raise InputError("no pictures to compare")
    means = {name: np.array(total / count) for name, total in totals.items()}
    figures = combine(means, true_colorfulness=np.array(true_colorfulness / count), shares=shares, scores=scores)
    return {name: float(value) for name, value in figures.items()}


def combine(
    means: Mapping[str, NDArray[np.float64]],
    *,
    true_colorfulness: NDArray[np.float64],
    shares: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """Compute a set's metrics from means and sums over its pictures; leading axes are several sets.

    Args:
        means: metric -> (...) mean over the pictures.
        true_colorfulness: (...) mean over the pictures.
        shares: (..., CELLS) sum of the pictures' shares of each ab cell.
        scores: (..., CELLS) sum of their scores in each ab cell.

    Returns:
        metric -> (...), with the names of `summarize`.
    """
    used = shares > 0
    within = np.divide(scores, shares, out=np.zeros_like(scores), where=used)
    ours = means["colorfulness"]
    ratio = np.divide(ours, true_colorfulness, out=np.full_like(ours, np.nan), where=true_colorfulness > 0)
    return {
        **means,
        "auc_rebalanced": 100 * within.sum(axis=-1) / used.sum(axis=-1),
        "colorfulness_ratio": ratio,
        "colorfulness_difference": ours - true_colorfulness,
    }


def _skimage() -> ModuleType:
    try:
        import skimage.color
        import skimage.metrics
    except ImportError as error:
        raise MissingExtraError("learn", "comparing pictures") from error
    module: ModuleType = skimage
    return module

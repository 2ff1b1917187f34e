"""Which arm is better, and by how much more than chance: over pictures and over seeds.

An arm's figure is the mean over its seeds. Its variance has two parts. That over pictures is a bootstrap's in which
all arms see the same resamples, so that differences are paired picture by picture; the bootstrap's variance is that of
n + 1 pictures around the n there are, and is brought to that of a mean of n. That over seeds is the variance of the
seeds' figures over their number: the arm's own, or that of all arms together (of differences: what is left of an
analysis of variance by arm and seed) where that is larger, since two or three seeds may happen to agree. The interval
is the figure plus and minus t times the standard error, t being the mean of Student's t for the pictures and for the
seeds, each weighed by its part of the variance (Cochran 1964). Where all arms scatter alike over seeds it holds in 95
of 100 cases or more; for one that scatters thrice as much as all others, in simulations, in 86 to 94, so that such an
arm deserves more seeds. With one seed nothing is known of that part, and the interval holds for these very trainings
only; of one picture there is no interval at all.

Differences from the reference are judged together: with m of them, each interval is made for 1 - 0.05 / m (Bonferroni),
so that with 95 % confidence all of them hold. A difference whose interval holds 0 is called noise.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats
from numpy.typing import NDArray

from tinct.study.measured import Measured
from tinct.study.summary import CONFIDENCE, Bootstrap

Figures = NDArray[np.float64]
NOISE = "within noise"


@dataclass(frozen=True)
class Metric:
    """How a metric is shown.

    Attributes:
        name: in `tinct.study.metrics`.
        heading: for people.
        style: format of its figures.
        better: 1 where more is better, -1 where less is, 0 where neither is.
    """

    name: str
    heading: str
    style: str
    better: int


METRICS = (
    Metric("ciede2000", "CIEDE2000", ".2f", -1),
    Metric("auc", "AuC %", ".2f", 1),
    Metric("auc_rebalanced", "AuC, rare colours alike %", ".2f", 1),
    Metric("auc_within", "AuC within pictures %", ".2f", 1),
    Metric("psnr", "PSNR dB", ".2f", 1),
    Metric("ssim", "SSIM", ".4f", 1),
    Metric("colorfulness_ratio", "colourfulness / truth's", ".2f", 0),
    Metric("luma_change", "change of luma", ".2f", -1),
)
# Those that need a backbone; see `tinct.study.backbone`.
JUDGED = (
    Metric("perceptual", "perceptual distance", ".3f", -1),
    Metric("recognition_top1", "still recognised %", ".1f", 1),
    Metric("recognition_top5", "among the five likeliest %", ".1f", 1),
)


@dataclass(frozen=True)
class Spread:
    """A figure with its interval.

    Attributes:
        mean: over pictures and seeds.
        low: lower end of the interval.
        high: upper end.
        seeds: the figure of each seed.
    """

    mean: float
    low: float
    high: float
    seeds: tuple[float, ...]


@dataclass(frozen=True)
class Difference:
    """An arm's figure minus the reference's.

    Attributes:
        arm: its name.
        reference: what it is compared with.
        metric: which figure.
        spread: the difference with its interval, made for all differences of the metric together.
        verdict: `better`, `worse`, `more`, `less` or `within noise`.
    """

    arm: str
    reference: str
    metric: str
    spread: Spread
    verdict: str


@dataclass(frozen=True)
class Noise:
    """A variance over seeds, of one training's figure, and its degrees of freedom."""

    variance: float
    freedom: int


def spread(
    figures: Sequence[Figures], *, pictures: int, noise: Noise | None = None, confidence: float = CONFIDENCE
) -> Spread:
    """Give a figure with its interval over pictures and seeds.

    Args:
        figures: of each seed, (1 + resamples,): its own figure, then those of the same resamples.
        pictures: how many each figure is of; with one the interval is without end.
        noise: over seeds, of all arms together.
        confidence: of the interval, 0..1.
    """
    table = np.stack(figures)
    own = table[:, 0]
    count = len(own)
    mean, seeds = float(own.mean()), tuple(float(value) for value in own)
    if pictures < 2:
        return Spread(mean, -math.inf, math.inf, seeds)
    parts = [(float(np.var(table[:, 1:].mean(axis=0), ddof=1)) * (pictures + 1) / (pictures - 1), pictures - 1)]
    if count > 1:
        found = Noise(float(np.var(own, ddof=1)), count - 1)
        if noise is not None and noise.freedom > found.freedom:
            found = Noise(max(found.variance, noise.variance), noise.freedom)
        parts.append((found.variance / count, found.freedom))
    variance = sum(part for part, _ in parts)
    weighed = sum(part * float(scipy.stats.t.ppf((1 + confidence) / 2, freedom)) for part, freedom in parts)
    reach = weighed / math.sqrt(variance) if variance > 0 else 0.0
    return Spread(mean, mean - reach, mean + reach, seeds)


def noise_of_figures(table: Figures) -> Noise | None:
    """Give the variance over seeds of arms' figures (arms, seeds), pooled; None where there are too few."""
    arms, seeds = table.shape
    if arms < 1 or seeds < 2:
        return None
    return Noise(float(np.var(table, axis=1, ddof=1).mean()), arms * (seeds - 1))


def noise_of_differences(table: Figures) -> Noise | None:
    """Give the variance over seeds of a difference of two arms, from all arms' figures (arms, seeds); None as above.

    What a seed does to all arms alike cancels out in a difference, and is taken away before.
    """
    arms, seeds = table.shape
    if arms < 2 or seeds < 2:
        return None
    left = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + table.mean()
    freedom = (arms - 1) * (seeds - 1)
    return Noise(2 * float(np.square(left).sum()) / freedom, freedom)


class Comparer:
    """The figures of several arms on the same pictures, resampled alike."""

    def __init__(
        self,
        measured: dict[str, list[Measured]],
        *,
        split: str = "val",
        group: str | None = None,
        trained: Collection[str] = (),
        resamples: int = 1000,
    ) -> None:
        """Work out the figures.

        Args:
            measured: arm -> what was measured of it, one for each seed in the same order; baselines have one.
            split: `val` or `train`.
            group: only the validation pictures of this group.
            trained: the arms with trainings of their own, from which the scatter over seeds is taken.
            resamples: of the bootstrap.
        """
        self._figures: dict[str, list[dict[str, Figures]]] = {}
        self._pictures = 0
        self._trained = [arm for arm in measured if arm in trained]
        for arm, runs in measured.items():
            self._figures[arm] = []
            for run in runs:
                rows = run.comparisons[split]
                if group is not None:
                    rows = [row for row, own in zip(rows, run.groups, strict=True) if own == group]
                self._pictures = len(rows)
                self._figures[arm].append(Bootstrap(len(rows), resamples=resamples).figures(rows))

    @property
    def arms(self) -> list[str]:
        """Whose figures there are."""
        return list(self._figures)

    def spread(self, arm: str, metric: str) -> Spread:
        """Give an arm's figure."""
        figures = [each[metric] for each in self._figures[arm]]
        return spread(figures, pictures=self._pictures, noise=noise_of_figures(self._seeds(metric)))

    def _seeds(self, metric: str) -> Figures:
        """Give the figures of trained arms as (arms, seeds), without those that have none."""
        rows = [[float(each[metric][0]) for each in self._figures[arm]] for arm in self._trained]
        kept = [row for row in rows if np.isfinite(row).all() and len(row) == max(map(len, rows))]
        return np.array(kept, dtype=np.float64).reshape(len(kept), -1) if kept else np.zeros((0, 0))

    def difference(self, arm: str, reference: str, metric: Metric, *, of: int = 1) -> Difference:
        """Compare an arm with another.

        Args:
            arm: the one.
            reference: the other; with as many seeds, or a baseline, which has one figure for all.
            metric: which figure.
            of: how many differences are judged together.
        """
        ours, theirs = self._figures[arm], self._figures[reference]
        if len(theirs) == 1 and len(ours) > 1:
            theirs = theirs * len(ours)
        pairs = [one[metric.name] - other[metric.name] for one, other in zip(ours, theirs, strict=False)]
        table = self._seeds(metric.name)
        noise = noise_of_figures(table) if len(self._figures[reference]) == 1 else noise_of_differences(table)
        confidence = 1 - (1 - CONFIDENCE) / max(1, of)
        found = spread(pairs, pictures=self._pictures, noise=noise, confidence=confidence)
        return Difference(arm, reference, metric.name, found, _verdict(found, metric))


def _verdict(found: Spread, metric: Metric) -> str:
    if not math.isfinite(found.mean) or found.low <= 0 <= found.high:
        return NOISE
    if metric.better == 0:
        return "more" if found.mean > 0 else "less"
    return "better" if (found.mean > 0) == (metric.better > 0) else "worse"

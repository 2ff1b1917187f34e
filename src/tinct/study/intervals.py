"""Decide which arm is better, with intervals that account for chance over pictures and over seeds.

An arm's figure is the mean over its seeds. Its variance has two parts:

- Over pictures: from a Bayesian bootstrap in which all arms use the same resamples, so that differences are paired
  picture by picture. It underestimates the variance of a mean of n, and is multiplied by (n + 1) / (n - 1).
- Over seeds: the variance of the seeds' figures, divided by their number. It is the arm's own, or that of all arms
  pooled if that is larger, since two or three seeds may happen to agree. (For differences, the pooled variance is what
  is left of an analysis of variance by arm and seed.)

The interval is the figure plus and minus t standard errors, where t is the mean of Student's t for the pictures and for
the seeds, weighted by their parts of the variance (Cochran 1964). If all arms scatter equally over seeds, the interval
holds in 95 of 100 cases or more; for an arm that scatters three times as much as the others, it held in 86 to 94 of 100
simulations: such an arm deserves more seeds. With one seed the variance over seeds is unknown, and the interval holds
for these trainings only; with one picture, there is no interval.

Differences from the reference are judged together: with m of them, each interval has the confidence 1 - 0.05 / m
(Bonferroni), so that all of them hold with 95 % confidence. A difference whose interval includes 0 is called noise.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
import scipy.stats
from numpy.typing import NDArray

from tinct.errors import InputError, SettingError
from tinct.study.measure import Measured
from tinct.study.metrics import CELLS, Comparison, combine

Figures = NDArray[np.float64]
NOISE = "within noise"
VERDICTS = ("better", "worse", "more", "less", NOISE)
CONFIDENCE = 0.95
_AT_ONCE = 100  # resamples that are computed together


@dataclass(frozen=True)
class Metric:
    """How a metric of `tinct.study.metrics` is shown: its heading for people, and the format (`style`) of its figures.

    `better` is 1 if more is better, -1 if less is, 0 if neither is.
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
class Estimate:
    """A set's own figure, `mean`, and the interval `low` to `high` that holds it with 95 % confidence.

    For a single picture, which shows nothing about others, the interval is infinite.
    """

    mean: float
    low: float
    high: float


class Bootstrap:
    """Computes figures of sets of pictures with the same resamples for every method, so that differences are paired.

    Resampling gives each picture an exponential weight (the Bayesian bootstrap, Rubin 1981) instead of a number of
    draws, so that no rare colour ever drops out; that would shift the rebalanced AuC.
    """

    def __init__(self, pictures: int, *, resamples: int = 1000, seed: int = 0) -> None:
        """Set the number of pictures in each set and of resamples; the same seed gives the same intervals.

        Raises:
            InputError: there are no pictures.
            SettingError: fewer than 2 resamples.
        """
        if pictures < 1:
            raise InputError("no pictures to compare")
        if resamples < 2:
            raise SettingError(f"at least 2 resamples are needed for an interval, not {resamples}")
        self._pictures, self._resamples, self._seed = pictures, resamples, seed

    def figures(self, comparisons: Sequence[Comparison]) -> dict[str, Figures]:
        """Compute the metrics of a set from the comparisons of its pictures.

        Returns:
            metric -> (1 + resamples,): the set's own figure, then those of its resamples. The metrics are named as in
            `tinct.study.metrics.summarize`.
        """
        names = list(comparisons[0].values)
        table = np.array([[item.values[name] for name in names] + [item.true_colorfulness] for item in comparisons])
        starts = np.cumsum([0] + [len(item.cells) for item in comparisons])
        columns = np.concatenate([item.cells for item in comparisons])
        shape = (len(comparisons), CELLS)
        shares = scipy.sparse.csr_array((np.concatenate([c.shares for c in comparisons]), columns, starts), shape=shape)
        scores = scipy.sparse.csr_array((np.concatenate([c.scores for c in comparisons]), columns, starts), shape=shape)
        parts = []
        for weights in self._weights():
            means = weights @ table
            parts.append(
                combine(
                    {name: means[:, index] for index, name in enumerate(names)},
                    true_colorfulness=means[:, -1],
                    shares=(shares.T @ weights.T).T,
                    scores=(scores.T @ weights.T).T,
                )
            )
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _weights(self) -> Iterator[Figures]:
        """Yield each picture's share in the set, then in its resamples: (rows, pictures), each row summing to 1."""
        yield np.full((1, self._pictures), 1 / self._pictures)
        random = np.random.default_rng(self._seed)
        for start in range(0, self._resamples, _AT_ONCE):
            drawn = random.exponential(size=(min(_AT_ONCE, self._resamples - start), self._pictures))
            yield drawn / drawn.sum(axis=1, keepdims=True)


def estimate(figures: Figures, *, pictures: int) -> Estimate:
    """Return the 95 % interval of a figure from (1 + resamples,): a set's own figure, then those of its resamples."""
    if pictures < 2:
        return Estimate(float(figures[0]), -math.inf, math.inf)
    low, high = np.quantile(figures[1:], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(float(figures[0]), float(low), float(high))


@dataclass(frozen=True)
class Spread(Estimate):
    """A figure over pictures and seeds with its interval, and the figure of each seed."""

    seeds: tuple[float, ...]


@dataclass(frozen=True)
class Difference:
    """An arm's figure of a metric minus that of the reference, an arm or a baseline.

    The interval of `spread` accounts for all differences of the metric together; `verdict` is one of `VERDICTS`.
    """

    arm: str
    reference: str
    metric: str
    spread: Spread
    verdict: str


@dataclass(frozen=True)
class Noise:
    """The variance of one training's figure over seeds, and its degrees of freedom."""

    variance: float
    freedom: int


def spread(
    figures: Sequence[Figures], *, pictures: int, noise: Noise | None = None, confidence: float = CONFIDENCE
) -> Spread:
    """Compute the interval of a figure over pictures and seeds.

    Args:
        figures: for each seed (1 + resamples,): its own figure, then those of the same resamples.
        pictures: number of pictures; with one, the interval is infinite.
        noise: over seeds, pooled over all arms.
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
        over_seeds = Noise(float(np.var(own, ddof=1)), count - 1)
        if noise is not None and noise.freedom > over_seeds.freedom:
            over_seeds = Noise(max(over_seeds.variance, noise.variance), noise.freedom)
        parts.append((over_seeds.variance / count, over_seeds.freedom))
    variance = sum(part for part, _ in parts)
    weighted = sum(part * float(scipy.stats.t.ppf((1 + confidence) / 2, freedom)) for part, freedom in parts)
    reach = weighted / math.sqrt(variance) if variance > 0 else 0.0
    return Spread(mean, mean - reach, mean + reach, seeds)


def noise_of_figures(table: Figures) -> Noise | None:
    """Return the pooled variance over seeds of arms' figures (arms, seeds); None with fewer than two seeds."""
    arms, seeds = table.shape
    if arms < 1 or seeds < 2:
        return None
    return Noise(float(np.var(table, axis=1, ddof=1).mean()), arms * (seeds - 1))


def noise_of_differences(table: Figures) -> Noise | None:
    """Return the variance over seeds of a difference of two arms, from all arms' figures (arms, seeds).

    It is None with fewer than two arms or seeds. What a seed changes in all arms alike cancels out in a difference, and
    is subtracted first.
    """
    arms, seeds = table.shape
    if arms < 2 or seeds < 2:
        return None
    left = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + table.mean()
    freedom = (arms - 1) * (seeds - 1)
    return Noise(2 * float(np.square(left).sum()) / freedom, freedom)


class Comparer:
    """The figures of several arms on the same pictures, with the same resamples."""

    def __init__(
        self,
        measured: dict[str, list[Measured]],
        *,
        split: str = "val",
        group: str | None = None,
        trained: Collection[str] = (),
        resamples: int = 1000,
    ) -> None:
        """Compute the figures.

        Args:
            measured: arm -> its measurements, one for each seed in the same order; baselines have one.
            split: `val` or `train`.
            group: only the validation pictures of this group.
            trained: the arms with their own trainings, from which the variance over seeds is estimated.
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
                    rows = [row for row, own in zip(rows, run.summary.groups, strict=True) if own == group]
                self._pictures = len(rows)
                self._figures[arm].append(Bootstrap(len(rows), resamples=resamples).figures(rows))

    @property
    def arms(self) -> list[str]:
        """The arms and baselines that have figures."""
        return list(self._figures)

    def spread(self, arm: str, metric: str) -> Spread:
        """Return an arm's figure."""
        figures = [figures[metric] for figures in self._figures[arm]]
        return spread(figures, pictures=self._pictures, noise=noise_of_figures(self._seeds(metric)))

    def _seeds(self, metric: str) -> Figures:
        """Return the figures of trained arms as (arms, seeds), without arms that lack some."""
        rows = [[float(figures[metric][0]) for figures in self._figures[arm]] for arm in self._trained]
        kept = [row for row in rows if np.isfinite(row).all() and len(row) == max(map(len, rows))]
        return np.array(kept, dtype=np.float64).reshape(len(kept), -1) if kept else np.zeros((0, 0))

    def difference(self, arm: str, reference: str, metric: Metric, *, of: int = 1) -> Difference:
        """Compare an arm with the arm or baseline `reference`, which has as many seeds, or one figure for all.

        `of` is the number of differences that are judged together.
        """
        ours, theirs = self._figures[arm], self._figures[reference]
        if len(theirs) == 1 and len(ours) > 1:
            theirs = theirs * len(ours)
        pairs = [one[metric.name] - other[metric.name] for one, other in zip(ours, theirs, strict=False)]
        table = self._seeds(metric.name)
        noise = noise_of_figures(table) if len(self._figures[reference]) == 1 else noise_of_differences(table)
        confidence = 1 - (1 - CONFIDENCE) / max(1, of)
        difference = spread(pairs, pictures=self._pictures, noise=noise, confidence=confidence)
        return Difference(arm, reference, metric.name, difference, _verdict(difference, metric))


def _verdict(difference: Spread, metric: Metric) -> str:
    if not math.isfinite(difference.mean) or difference.low <= 0 <= difference.high:
        return NOISE
    if metric.better == 0:
        return "more" if difference.mean > 0 else "less"
    return "better" if (difference.mean > 0) == (metric.better > 0) else "worse"

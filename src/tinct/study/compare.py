"""Which arm is better, and by how much more than chance: over pictures and over seeds.

An arm's figure is the mean over its seeds. Its standard error has two parts: that over pictures, from a bootstrap in
which all arms see the same resamples, so that differences are paired picture by picture; and that over seeds, the
spread of the seeds' figures over the root of their number. The interval is the figure plus and minus Student's t times
the standard error, with Welch and Satterthwaite's degrees of freedom: with two or three seeds it is wide, as it should
be. With one seed nothing is known of that part, and the interval holds for these very trainings only.

Differences from the reference are judged together: with m of them, each interval is made for 1 - 0.05 / m (Bonferroni),
so that with 95 % confidence all of them hold. A difference whose interval holds 0 is called noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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


def spread(figures: Sequence[Figures], *, confidence: float = CONFIDENCE) -> Spread:
    """Give a figure with its interval over pictures and seeds.

    Args:
        figures: of each seed, (1 + resamples,): its own figure, then those of the same resamples.
        confidence: of the interval, 0..1.
    """
    table = np.stack(figures)
    own = table[:, 0]
    over_pictures = float(np.var(table[:, 1:].mean(axis=0), ddof=1))
    count = len(own)
    over_seeds = float(np.var(own, ddof=1)) / count if count > 1 else 0.0
    error = math.sqrt(over_pictures + over_seeds)
    freedom = (over_pictures + over_seeds) ** 2 / (over_seeds**2 / (count - 1)) if over_seeds > 0 else math.inf
    reach = float(scipy.stats.t.ppf((1 + confidence) / 2, freedom)) if math.isfinite(freedom) else _normal(confidence)
    mean = float(own.mean())
    return Spread(mean, mean - reach * error, mean + reach * error, tuple(float(value) for value in own))


def _normal(confidence: float) -> float:
    return float(scipy.stats.norm.ppf((1 + confidence) / 2))


class Comparer:
    """The figures of several arms on the same pictures, resampled alike."""

    def __init__(
        self,
        measured: dict[str, list[Measured]],
        *,
        split: str = "val",
        group: str | None = None,
        resamples: int = 1000,
    ) -> None:
        """Work out the figures.

        Args:
            measured: arm -> what was measured of it, one for each seed in the same order; baselines have one.
            split: `val` or `train`.
            group: only the validation pictures of this group.
            resamples: of the bootstrap.
        """
        self._figures: dict[str, list[dict[str, Figures]]] = {}
        for arm, runs in measured.items():
            self._figures[arm] = []
            for run in runs:
                rows = run.comparisons[split]
                if group is not None:
                    rows = [row for row, own in zip(rows, run.groups, strict=True) if own == group]
                self._figures[arm].append(Bootstrap(len(rows), resamples=resamples).figures(rows))

    @property
    def arms(self) -> list[str]:
        """Whose figures there are."""
        return list(self._figures)

    def spread(self, arm: str, metric: str) -> Spread:
        """Give an arm's figure."""
        return spread([figures[metric] for figures in self._figures[arm]])

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
        found = spread(pairs, confidence=1 - (1 - CONFIDENCE) / max(1, of))
        return Difference(arm, reference, metric.name, found, _verdict(found, metric))


def _verdict(found: Spread, metric: Metric) -> str:
    if not math.isfinite(found.mean) or found.low <= 0 <= found.high:
        return NOISE
    if metric.better == 0:
        return "more" if found.mean > 0 else "less"
    return "better" if (found.mean > 0) == (metric.better > 0) else "worse"

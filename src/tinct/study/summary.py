"""From the measures of many pictures to one figure a metric, with how sure it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from numpy.typing import NDArray

from tinct.errors import InputError, SettingError
from tinct.study.metrics import CELLS, Comparison, combine

CONFIDENCE = 0.95
_AT_ONCE = 100  # resamples that are worked out together


@dataclass(frozen=True)
class Estimate:
    """A set's figure and the interval that holds it with 95 % confidence.

    Attributes:
        mean: the figure for the set as it is.
        low: lower end of the interval; minus infinity for one picture alone, which says nothing of others.
        high: upper end; infinity likewise.
    """

    mean: float
    low: float
    high: float


class Bootstrap:
    """Figures of sets of pictures, resampled alike for every method, so that differences between methods are paired.

    Resampling gives each picture an exponential weight (the Bayesian bootstrap, Rubin 1981) rather than drawing it so
    and so many times: no rare colour ever drops out, which would shift the rebalanced AuC.
    """

    def __init__(self, pictures: int, *, resamples: int = 1000, seed: int = 0) -> None:
        """Say how many pictures each set has.

        Args:
            pictures: in each set, at least 1.
            resamples: how many to draw, at least 2.
            seed: the same seed gives the same intervals.

        Raises:
            InputError: there are no pictures.
            SettingError: too few resamples.
        """
        if pictures < 1:
            raise InputError("no pictures to compare")
        if resamples < 2:
            raise SettingError(f"at least 2 resamples are needed for an interval, not {resamples}")
        self._pictures, self._resamples, self._seed = pictures, resamples, seed

    def figures(self, comparisons: Sequence[Comparison]) -> dict[str, NDArray[np.float64]]:
        """Work out the metrics of a set.

        Args:
            comparisons: one for each picture.

        Returns:
            metric -> (1 + resamples,): the set's own figure, then those of its resamples. The names are those of
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

    def _weights(self) -> Iterator[NDArray[np.float64]]:
        """Give each picture's share in the set, then in its resamples: (rows, pictures), each row summing to 1."""
        yield np.full((1, self._pictures), 1 / self._pictures)
        random = np.random.default_rng(self._seed)
        for start in range(0, self._resamples, _AT_ONCE):
            drawn = random.exponential(size=(min(_AT_ONCE, self._resamples - start), self._pictures))
            yield drawn / drawn.sum(axis=1, keepdims=True)


def estimate(figures: NDArray[np.float64], *, pictures: int) -> Estimate:
    """Give the figure and its 95 % interval from a set's own figure and those of its resamples.

    Args:
        figures: (1 + resamples,): the set's own figure, then those of its resamples.
        pictures: in the set.
    """
    if pictures < 2:
        return Estimate(float(figures[0]), -math.inf, math.inf)
    low, high = np.quantile(figures[1:], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Estimate(float(figures[0]), float(low), float(high))

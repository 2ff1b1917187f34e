"""Which differences are more than chance: intervals hold as often as they say, and pairs and families are minded."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinct.study.intervals import METRICS, NOISE, Comparer, Noise, noise_of_differences, noise_of_figures, spread
from tinct.study.measure import Measured, Summary
from tinct.study.metrics import Comparison

NAMES = ("ciede2000", "auc", "auc_within", "psnr", "ssim", "colorfulness", "luma_change")
CIEDE2000 = METRICS[0]


def measured(values, *, seed=0):
    """Give an arm with these figures of its pictures."""
    rows = [
        Comparison(dict.fromkeys(NAMES, float(v)), 30.0, np.array([0]), np.array([1.0]), np.array([0.5]))
        for v in values
    ]
    return Measured(Summary("arm", seed, None, {"val": len(rows)}, {}, {}, ["" for _ in rows]), {"val": rows})


@pytest.mark.parametrize(("pictures", "seeds", "spread_of_seeds"), [(4, 1, 0), (4, 3, 1), (40, 2, 0), (40, 2, 3)])
def test_intervals_hold_the_truth_as_often_as_they_say(pictures, seeds, spread_of_seeds):
    random = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        values = random.normal(size=pictures)
        weights = random.exponential(size=(150, pictures))
        weights /= weights.sum(axis=1, keepdims=True)
        figures = []
        for shift in random.normal(scale=spread_of_seeds / math.sqrt(pictures), size=seeds):
            own = values + shift
            figures.append(np.concatenate([[own.mean()], weights @ own]))
        found = spread(figures, pictures=pictures)
        held += found.low <= 0 <= found.high
    assert held / 400 > 0.92


def test_of_one_picture_there_is_no_interval_and_no_verdict():
    comparer = Comparer({"a": [measured([3])], "b": [measured([9])]}, resamples=20)
    assert comparer.spread("a", "ciede2000").low == -math.inf
    assert comparer.difference("b", "a", CIEDE2000).verdict == NOISE


def test_differences_are_paired_over_pictures():
    hard = np.linspace(2, 40, 30)  # pictures differ far more than the arms do
    jitter = np.random.default_rng(1).normal(scale=0.05, size=30)
    comparer = Comparer({"a": [measured(hard)], "b": [measured(hard + 0.3 + jitter)]})
    found = comparer.difference("b", "a", CIEDE2000)
    assert found.verdict == "worse"
    assert found.spread.high - found.spread.low < 0.1
    assert comparer.spread("a", "ciede2000").high - comparer.spread("a", "ciede2000").low > 5


def test_one_seed_that_differs_is_noise():
    hard = np.linspace(2, 40, 30)
    first, second = ([measured(hard + shift) for shift in shifts] for shifts in ((0, 0, 0), (-0.1, 0.1, 1.5)))
    comparer = Comparer({"a": first, "b": second})
    assert comparer.difference("b", "a", CIEDE2000).verdict == NOISE


def test_arms_lend_each_other_what_they_know_of_seeds():
    hard = np.linspace(2, 40, 30)
    random = np.random.default_rng(3)
    shifts = {name: random.normal(scale=0.05, size=2) for name in "abcdefgh"}
    arms = {name: [measured(hard + shift + (name == "b")) for shift in each] for name, each in shifts.items()}
    alone = Comparer(arms).difference("b", "a", CIEDE2000)
    together = Comparer(arms, trained=list(arms)).difference("b", "a", CIEDE2000)
    assert together.verdict == "worse"
    assert together.spread.high - together.spread.low < 0.6 * (alone.spread.high - alone.spread.low)
    # Two seeds that agree by chance are not believed more than all arms are.
    agreed = Comparer(arms | {"b": [measured(hard + 0.01)] * 2}, trained=list(arms))
    assert agreed.difference("b", "a", CIEDE2000).verdict == NOISE


@pytest.mark.parametrize("seeds", [2, 3])
def test_intervals_of_differences_hold_where_all_arms_scatter_alike(seeds):
    random = np.random.default_rng(0)
    held = []
    for _ in range(300):
        table = random.normal(size=(4, seeds)) + random.normal(size=seeds)
        pairs = [np.full(20, value) for value in table[1] - table[0]]
        found = spread(pairs, pictures=20, noise=noise_of_differences(table))
        held.append(found.low <= 0 <= found.high)
    assert 0.92 < np.mean(held) < 0.995


def test_the_scatter_over_seeds_is_that_of_an_analysis_of_variance():
    table = np.random.default_rng(5).normal(size=(5, 3))
    one_way, two_way = noise_of_figures(table), noise_of_differences(table)
    # The residual mean square of each, from the sums of squares that make up the whole.
    whole = np.square(table - table.mean()).sum()
    by_arm = 3 * np.square(table.mean(axis=1) - table.mean()).sum()
    by_seed = 5 * np.square(table.mean(axis=0) - table.mean()).sum()
    assert one_way == Noise(pytest.approx((whole - by_arm) / 10), 10)
    assert two_way == Noise(pytest.approx(2 * (whole - by_arm - by_seed) / 8), 8)
    assert noise_of_differences(table[:1]) is None
    assert noise_of_figures(table[:, :1]) is None


def test_more_differences_judged_together_have_wider_intervals():
    random = np.random.default_rng(2)
    comparer = Comparer({"a": [measured(random.normal(9, 1, 30))], "b": [measured(random.normal(9.5, 1, 30))]})
    alone, together = (comparer.difference("b", "a", CIEDE2000, of=of).spread for of in (1, 8))
    assert together.high - together.low > 1.2 * (alone.high - alone.low)

"""What the metrics promise beyond their formulas: limits, refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinct.errors import InputError, SettingError
from tinct.study.intervals import Bootstrap, estimate
from tinct.study.metrics import PSNR_LIMIT, Truth, compare, summarize


def picture(seed=0, shape=(24, 30)):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def test_a_perfect_picture_has_perfect_figures():
    truth = picture()
    found = summarize([compare(Truth.of(truth), truth)])
    assert found["ciede2000"] == 0
    assert found["luma_change"] == 0
    assert found["psnr"] == PSNR_LIMIT
    assert found["ssim"] == pytest.approx(1)
    assert [found["auc"], found["auc_rebalanced"], found["auc_within"]] == pytest.approx([100] * 3)
    assert found["colorfulness_ratio"] == pytest.approx(1)
    assert found["colorfulness_difference"] == pytest.approx(0, abs=1e-4)


def test_grey_is_worse_than_grey_with_a_little_of_the_right_colour():
    truth = np.zeros((16, 16, 3), dtype=np.uint8) + np.array([120, 90, 60], dtype=np.uint8)
    grey = np.full_like(truth, 95)
    nearer = ((truth.astype(int) + grey) // 2).astype(np.uint8)
    scored = [compare(Truth.of(truth), each).values for each in (grey, nearer, truth)]
    assert scored[0]["ciede2000"] > scored[1]["ciede2000"] > scored[2]["ciede2000"]
    for name in ("psnr", "auc", "auc_within", "colorfulness"):
        assert scored[0][name] < scored[1][name] < scored[2][name]


def test_near_grey_truths_are_known():
    assert Truth.of(np.full((8, 8, 3), 99, dtype=np.uint8)).near_grey
    assert Truth.of(np.full((8, 8, 3), (95, 90, 85), dtype=np.uint8)).near_grey
    assert not Truth.of(picture()).near_grey


def test_a_ratio_to_grey_truths_does_not_exist():
    grey = np.full((8, 8, 3), 99, dtype=np.uint8)
    assert np.isnan(summarize([compare(Truth.of(grey), grey)])["colorfulness_ratio"])


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(InputError, match=r"\(H, W, 3\)"):
        Truth.of(np.zeros((9, 9), dtype=np.uint8))
    with pytest.raises(InputError, match="at least 7 pixels"):
        Truth.of(picture(shape=(6, 40)))
    with pytest.raises(InputError, match="is not the true one's"):
        compare(Truth.of(picture()), picture(shape=(24, 31)))
    with pytest.raises(InputError, match="no pictures"):
        summarize([])


def comparisons(count):
    return [compare(Truth.of(picture(seed, (9, 9))), picture(seed + 1000, (9, 9))) for seed in range(count)]


def test_the_bootstraps_own_figures_are_those_of_the_set():
    rows = comparisons(12)
    figures = Bootstrap(12, resamples=7).figures(rows)
    expected = summarize(rows)
    assert figures.keys() == expected.keys()
    for name, values in figures.items():
        assert values.shape == (8,)
        assert values[0] == pytest.approx(expected[name])


def test_intervals_hold_the_figure_repeat_with_the_seed_and_are_as_wide_as_theory_says():
    rows = comparisons(60)
    first, again, other = (Bootstrap(60, resamples=2000, seed=seed).figures(rows) for seed in (1, 1, 2))
    for name, values in first.items():
        interval = estimate(values, pictures=60)
        assert interval.low <= interval.mean <= interval.high
        assert (values == again[name]).all()
        assert interval != estimate(other[name], pictures=60)
    psnr = np.array([row.values["psnr"] for row in rows])
    interval = estimate(first["psnr"], pictures=60)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * psnr.std() / np.sqrt(60), rel=0.15)


def test_one_picture_says_nothing_of_others():
    found = estimate(Bootstrap(1, resamples=20).figures(comparisons(1))["psnr"], pictures=1)
    assert math.isfinite(found.mean)
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_too_few_resamples_or_pictures_are_refused():
    with pytest.raises(SettingError, match="at least 2 resamples"):
        Bootstrap(3, resamples=1)
    with pytest.raises(InputError, match="no pictures"):
        Bootstrap(0)

"""Metrics against their papers' formulas worked out directly."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.color
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import slow_metrics as slow
from tinct.study.metrics import CELL_WIDTH, Truth, compare, summarize

# From Sharma, Wu & Dalal 2005, table 1: pairs that tell right from wrong implementations.
SHARMA = [
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0009), 7.1792),
    ((50.0, 2.49, -0.001), (50.0, -2.49, 0.0011), 7.2195),
    ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


def pair(seed, shape=(13, 15)):
    random = np.random.default_rng(seed)
    truth = random.integers(0, 256, (*shape, 3), dtype=np.uint8)
    off = np.clip(truth + random.normal(0, 40, truth.shape), 0, 255).astype(np.uint8)
    return truth, off


def ab_errors(truth, other):
    first, second = (skimage.color.rgb2lab(each / 255.0).reshape(-1, 3) for each in (truth, other))
    return np.hypot(*(first - second)[:, 1:].T), np.rint(first[:, 1:] / CELL_WIDTH).astype(int)


@pytest.mark.parametrize(("first", "second", "expected"), SHARMA)
def test_the_direct_ciede2000_gives_the_published_values(first, second, expected):
    assert slow.ciede2000(first, second) == pytest.approx(expected, abs=5e-5)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_metric_of_one_picture(seed):
    truth, other = pair(seed)
    values = compare(Truth.of(truth), other).values
    first, second = (skimage.color.rgb2lab(each / 255.0).reshape(-1, 3) for each in (truth, other))
    differences = [slow.ciede2000(a, b) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    assert values["ciede2000"] == pytest.approx(np.mean(differences), abs=1e-3)
    error = ((truth / 255.0 - other / 255.0) ** 2).mean()
    assert values["psnr"] == pytest.approx(-10 * np.log10(error), abs=1e-4)
    assert values["ssim"] == pytest.approx(slow.ssim(truth / 255.0, other / 255.0), abs=1e-4)
    assert values["colorfulness"] == pytest.approx(slow.colorfulness(other), abs=1e-2)
    luma = np.abs((truth.astype(float) - other) @ [0.299, 0.587, 0.114]).mean()
    assert values["luma_change"] == pytest.approx(luma, abs=1e-3)
    errors, cells = ab_errors(truth, other)
    # Fine thresholds show the closed form to be the area itself; the paper's 151 are within a twentieth of a point.
    assert values["auc"] == pytest.approx(slow.auc(errors, np.ones(len(errors)), steps=15000), abs=2e-3)
    assert values["auc"] == pytest.approx(slow.auc(errors, np.ones(len(errors))), abs=0.05)
    _, place, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    assert values["auc_within"] == pytest.approx(slow.auc(errors, 1 / counts[place], steps=15000), abs=0.05)


def test_the_rebalanced_area_weighs_each_pixel_by_1_over_its_cells_share_of_the_whole_set():
    pairs = [pair(seed) for seed in range(5)]
    both = [ab_errors(*each) for each in pairs]
    errors, cells = np.concatenate([e for e, _ in both]), np.concatenate([c for _, c in both])
    _, place, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    found = summarize(compare(Truth.of(truth), other) for truth, other in pairs)
    assert found["auc_rebalanced"] == pytest.approx(slow.auc(errors, 1 / counts[place], steps=15000), abs=0.05)
    assert abs(found["auc_rebalanced"] - found["auc"]) > 0.3


def test_pictures_count_alike_whatever_their_size():
    """A picture four times as large, of the same colours, weighs no more."""
    small, off_small = pair(1)
    other, off_other = pair(2)
    large, off_large = (np.kron(each, np.ones((2, 2, 1), dtype=np.uint8)) for each in (other, off_other))
    names = ("auc", "auc_rebalanced", "ciede2000", "colorfulness_ratio")
    one, two = (
        summarize([compare(Truth.of(small), off_small), compare(Truth.of(truth), off)])
        for truth, off in ((other, off_other), (large, off_large))
    )
    assert [one[name] for name in names] == pytest.approx([two[name] for name in names], rel=1e-5)

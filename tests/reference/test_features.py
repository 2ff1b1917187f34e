"""Colour statistics against SciPy, NumPy's own histograms and scikit-image."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import scipy.interpolate
import scipy.stats
import skimage.color
import skimage.data

from tinct.color.features import ColorFeatures, circular_histogram, mean_direction, soft_histogram


def test_mean_direction_is_scipys_with_pixels_repeated_by_their_weight():
    random = np.random.default_rng(0)
    hue, weights = random.uniform(0.8, 1.3, 200) % 1, random.integers(0, 9, 200)
    sine, cosine = mean_direction(hue, weights=weights)
    repeated = np.repeat(hue, weights)
    assert np.arctan2(sine, cosine) / (2 * np.pi) % 1 == pytest.approx(scipy.stats.circmean(repeated, high=1), abs=1e-9)
    assert 1 - np.hypot(sine, cosine) == pytest.approx(scipy.stats.circvar(repeated, high=1), abs=1e-9)


def test_hues_on_the_bins_centres_are_numpys_histogram():
    random = np.random.default_rng(1)
    index, weights = random.integers(0, 12, 500), random.uniform(0, 5, 500)
    ours = circular_histogram(index / 12, bins=12, weights=weights)
    theirs, _ = np.histogram(index, bins=12, range=(-0.5, 11.5), weights=weights)
    assert ours == pytest.approx(theirs / weights.sum(), abs=1e-12)


def test_soft_histogram_shares_by_the_weights_of_scipys_bilinear_interpolation():
    """The share of a cell is the mean of the tent function over it, interpolated by SciPy from a single 1."""
    values = np.random.default_rng(2).uniform(0, 1, (2, 300))
    ours = soft_histogram(values, bins=(5, 4))
    grid = (np.linspace(0, 1, 5), np.linspace(0, 1, 4))
    for cell in np.ndindex(5, 4):
        tent = np.zeros((5, 4))
        tent[cell] = 1
        assert ours[cell] == pytest.approx(scipy.interpolate.RegularGridInterpolator(grid, tent)(values.T).mean())


def test_statistics_of_a_photograph_are_those_of_scikit_images_spaces():
    cat = skimage.data.chelsea()[::4, ::4]
    options = ColorFeatures(space="lab+hsv+xyz")
    found = dict(zip(options.names(), options.measure(cat), strict=True))
    lab, hsv, xyz = skimage.color.rgb2lab(cat), skimage.color.rgb2hsv(cat), skimage.color.rgb2xyz(cat)
    assert found["whole.lab.b.mean"] == pytest.approx(lab[..., 2].mean(), abs=1e-3)
    assert found["whole.lab.b.q95"] == pytest.approx(np.quantile(lab[..., 2], 0.95), abs=1e-2)
    assert found["whole.hsv.saturation.std"] == pytest.approx(hsv[..., 1].std(), abs=1e-4)
    assert found["whole.xyz.z.q50"] == pytest.approx(np.median(xyz[..., 2]), abs=1e-4)
    hue, chroma = np.arctan2(lab[..., 2], lab[..., 1]), np.hypot(lab[..., 1], lab[..., 2])
    assert found["whole.hue.sine"] == pytest.approx(np.average(np.sin(hue), weights=chroma), abs=1e-3)


def test_cells_are_those_of_opencv():
    cat = skimage.data.chelsea()[::3, ::3]
    counted = cv2.calcHist([np.ascontiguousarray(cat)], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3)
    features = ColorFeatures(space="rgb", center=False, cells=8, longest_edge=16).measure(cat)
    assert np.allclose(features[-512:], np.sqrt(counted / counted.sum()).ravel(), atol=1e-6)

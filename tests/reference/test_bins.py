"""Colour bins against a direct, slow implementation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import slow_bins as slow
from tinct.color.bins import ColorBins
from tinct.color.decoding import annealed_mean
from tinct.color.spaces import chroma_space


def pictures(seed, *, count=2, spread=90):
    """Small pictures of a few soft colours, so that some cells hold many pixels, some few and most none."""
    random = np.random.default_rng(seed)
    themes = random.integers(0, 256, (count, 4, 3))
    return [
        np.clip(theme[random.integers(0, 4, (9, 11))] + random.normal(0, spread / 4, (9, 11, 3)), 0, 255).astype(
            np.uint8
        )
        for theme in themes
    ]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    space=st.sampled_from(["yuv", "lab"]),
    grid=st.integers(2, 12),
    bins=st.integers(1, 14),
)
def test_learned_bins_are_those_of_the_direct_way(seed, space, grid, bins):
    images = pictures(seed)
    ours = ColorBins.learn(images, space=space, grid=grid, bins=bins)
    theirs = slow.learn(images, space=space, grid=grid, bins=bins)
    assert ours.count == len(theirs.centers)
    assert np.allclose(ours.frequencies, theirs.frequencies, atol=1e-12)
    assert np.allclose(ours.centers, theirs.centers, atol=1e-5 if space == "yuv" else 1e-3)
    assert {cell: int(ours.lookup[cell]) for cell in theirs.lookup} == theirs.lookup


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), grid=st.integers(2, 12))
def test_encoding_is_the_direct_way_inside_and_beyond_the_grid(seed, grid):
    images = pictures(seed)
    bins = ColorBins.learn(images, grid=grid, bins=8)
    theirs = slow.learn(images, space="yuv", grid=grid, bins=8)
    colors = np.random.default_rng(seed).uniform(-1, 1, (60, 2)).astype(np.float32)
    expected = [theirs.lookup[slow.cell_of(color, bins.low, bins.high, grid)] for color in colors]
    assert bins.encode(colors.reshape(6, 10, 2)).tolist() == np.reshape(expected, (6, 10)).tolist()


@settings(max_examples=50, deadline=None)
@given(
    shares=st.lists(st.floats(1e-6, 1), min_size=1, max_size=40),
    rebalance=st.floats(0, 1),
)
def test_weights_are_the_papers_formula(shares, rebalance):
    frequencies = np.array(shares) / sum(shares)
    count = len(shares)
    bins = ColorBins(
        space="yuv",
        low=(-0.45, -0.65),
        high=(0.45, 0.65),
        lookup=np.zeros((2, 2), dtype=np.int64),
        centers=np.zeros((count, 2), dtype=np.float32),
        frequencies=frequencies,
        rebalance=rebalance,
    )
    assert np.allclose(bins.weights, slow.weights(frequencies.tolist(), rebalance), rtol=1e-9)
    assert (bins.weights * frequencies).sum() == pytest.approx(1)


@settings(max_examples=50, deadline=None)
@given(
    logits=st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=32),
    temperature=st.floats(0.02, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_annealed_mean_is_equation_5_in_double_precision(logits, temperature, seed):
    centers = np.random.default_rng(seed).uniform(-0.6, 0.6, (len(logits), 2)).astype(np.float32)
    ours = annealed_mean(np.array(logits, dtype=np.float32), centers, temperature=temperature)
    # A float32 logit / temperature of up to 1500 is known to about 1e-4, so a share is too.
    assert np.allclose(ours, slow.annealed_mean(logits, centers.tolist(), temperature), atol=5e-4)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), neighbors=st.integers(1, 6), sigma=st.floats(0.01, 0.3))
def test_soft_encoding_is_the_gaussian_of_the_distance_to_the_nearest_bins(seed, neighbors, sigma):
    random = np.random.default_rng(seed)
    bins = ColorBins.learn([random.integers(0, 256, (16, 16, 3), dtype=np.uint8)], grid=10, bins=12)
    colors = random.uniform(-0.6, 0.6, (20, 2)).astype(np.float32)
    soft = bins.encode_soft(colors, neighbors=neighbors, sigma=sigma)
    assert len(soft) == 20
    for color, shares in zip(colors.astype(np.float64), soft, strict=True):
        distances = np.linalg.norm(bins.centers.astype(np.float64) - color, axis=1)
        nearest = np.argsort(distances)[:neighbors]
        expected = np.zeros(bins.count)
        expected[nearest] = np.exp(-(distances[nearest] ** 2 - distances.min() ** 2) / (2 * sigma**2))
        assert np.allclose(shares, expected / expected.sum(), atol=1e-3)


def test_other_cells_go_to_the_nearest_bin_in_the_spaces_units_not_in_cell_counts():
    """YUV's cells are taller than wide: two cells to the right is nearer than two cells up."""
    space = chroma_space("yuv")
    low, high = np.array(space.chroma_low), np.array(space.chroma_high)
    grid = 9
    width = (high - low) / grid
    assert width[1] > 1.4 * width[0]
    middle = lambda i, j: low + (np.array([i, j]) + 0.5) * width  # noqa: E731
    right, up, asked = (6, 4), (4, 6), (4, 4)
    image = np.concatenate(
        [np.tile(space.join(np.array(0.5), middle(*cell)), (1, times, 1)) for cell, times in ((right, 5), (up, 6))],
        axis=1,
    )
    assert image.min() > 0
    assert image.max() < 1
    bins = ColorBins.learn([image], grid=grid, bins=2)
    assert np.allclose(bins.centers, [middle(*up), middle(*right)], atol=1e-5)
    assert bins.lookup[asked] == 1

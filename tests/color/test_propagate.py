"""Colours from hints stop at luma's edges, are exact where they are given, and stay what they are where all agree."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinct.color import propagate as module
from tinct.color.propagate import Propagator, neighbor_weights, propagate
from tinct.errors import InputError, SettingError


def two_things(height=24, width=30, noise=0.005):
    """Left 0.35, right 0.6, with a soft edge of one pixel and grain."""
    luma = np.where(np.arange(width) < width // 2, 0.35, 0.6)[None].repeat(height, axis=0)
    luma[:, width // 2] = 0.48
    return luma + np.random.default_rng(0).normal(0, noise, luma.shape)


def test_weights_sum_to_one_and_like_neighbours_count_more():
    luma = two_things(noise=0)
    weights = neighbor_weights(luma)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    here = 10 * 30 + 14  # the last pixel of the left side
    row = weights[[here]].toarray().reshape(24, 30)
    assert row[10, 13] > 20 * row[10, 15]
    assert np.count_nonzero(row) == 8


def test_unlike_features_count_less():
    luma = np.full((6, 6), 0.5)
    features = np.zeros((6, 6, 2))
    features[:, :3, 0] = features[:, 3:, 1] = 1
    row = neighbor_weights(luma, features=features)[[2 * 6 + 2]].toarray().reshape(6, 6)
    assert row[2, 1] > 1000 * row[2, 3]


def test_colours_stop_at_luma_edges():
    luma = two_things()
    found = propagate(luma, [[12, 4], [12, 25]], [[0.2, -0.1], [-0.1, 0.2]])
    np.testing.assert_allclose(found[:, :13], np.broadcast_to([0.2, -0.1], (24, 13, 2)), atol=0.03)
    np.testing.assert_allclose(found[:, 18:], np.broadcast_to([-0.1, 0.2], (24, 12, 2)), atol=0.03)


def test_without_an_edge_they_blend():
    found = propagate(np.full((9, 21), 0.5), [[4, 0], [4, 20]], [[1.0], [0.0]])[4, :, 0]
    assert (np.diff(found) < 0).all()
    assert abs(found[10] - 0.5) < 0.02


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 50), color=st.floats(-0.5, 0.5))
def test_hints_are_exact_and_a_constant_stays(seed, count, color):
    generator = np.random.default_rng(seed)
    luma = generator.uniform(0, 1, (9, 11))
    places = np.stack(np.divmod(generator.permutation(99)[:count], 11), axis=1)
    values = generator.normal(0, 0.2, (count, 2))
    kept = Propagator(luma, trust=generator.uniform(1e-3, 1, (9, 11)))
    found = kept.spread(places, values, target=np.zeros((9, 11, 2)))
    np.testing.assert_array_equal(found[tuple(places.T)], values.astype(np.float32))
    same = kept.spread(places, np.full((count, 1), color), target=np.full((9, 11, 1), color))
    np.testing.assert_allclose(same, color, atol=1e-5)
    np.testing.assert_allclose(propagate(luma, places, np.full((count, 1), color)), color, atol=1e-3)


def test_trust_keeps_what_was_there():
    luma = np.full((15, 15), 0.5)
    target = np.full((15, 15, 1), 0.3)
    loose = propagate(luma, [[7, 7]], [[-0.3]], target=target, trust=1e-6)
    firm = propagate(luma, [[7, 7]], [[-0.3]], target=target, trust=1.0)
    assert loose[0, 0, 0] < 0
    np.testing.assert_allclose(firm[0, 0, 0], 0.3, atol=1e-3)
    assert loose[7, 7, 0] == firm[7, 7, 0] == np.float32(-0.3)


def test_a_target_without_hints_is_smoothed_within_edges():
    luma = two_things()
    generator = np.random.default_rng(1)
    clean = np.where(np.arange(30) < 15, 0.2, -0.2)[None, :, None].repeat(24, axis=0)
    noisy = clean + generator.normal(0, 0.1, clean.shape)
    found = propagate(luma, np.zeros((0, 2)), np.zeros((0, 1)), target=noisy, trust=0.01)
    assert np.abs(found - clean)[:, :13].mean() < 0.3 * np.abs(noisy - clean)[:, :13].mean()


def test_a_further_hint_needs_no_factorisation(monkeypatch):
    kept = Propagator(two_things(), trust=1e-7)
    monkeypatch.setattr(module, "_Factors", lambda *_, **__: pytest.fail("factorised again"))
    first = kept.spread([[3, 3]], [[1.0]])
    second = kept.spread([[3, 3], [20, 4]], [[1.0], [0.0]])
    assert first[20, 4, 0] > 0.3
    assert second[20, 4, 0] == 0


def test_columns_kept_stay_bounded(monkeypatch):
    monkeypatch.setattr(module, "_KEPT_COLUMNS", 3)
    kept = Propagator(two_things(), trust=1e-4)
    wanted = [kept.spread([[3, x]], [[1.0]]) for x in range(6)]
    assert len(kept._columns) <= 3
    np.testing.assert_array_equal(kept.spread([[3, 0]], [[1.0]]), wanted[0])


def test_what_does_not_fit_is_refused():
    luma = np.full((5, 6), 0.5)
    with pytest.raises(InputError, match="outside the picture of 6 x 5"):
        propagate(luma, [[5, 0]], [[1.0]])
    with pytest.raises(InputError, match="two hints lie on one pixel"):
        propagate(luma, [[1, 1], [1, 1]], [[1.0], [2.0]])
    with pytest.raises(InputError, match="values of 1 hints"):
        propagate(luma, [[1, 1]], [[1.0], [2.0]])
    with pytest.raises(InputError, match="the target must be"):
        propagate(luma, [[1, 1]], [[1.0]], target=np.zeros((5, 6, 2)))
    with pytest.raises(InputError, match="features"):
        propagate(luma, [[1, 1]], [[1.0]], features=np.zeros((5, 5, 2)))
    with pytest.raises(InputError, match="at least 2"):
        propagate(np.zeros((1, 9)), [[0, 0]], [[1.0]])
    with pytest.raises(InputError, match="trust must be one number"):
        Propagator(luma, trust=np.zeros((2, 2)))
    for wrong in (-1.0, np.nan):
        with pytest.raises(SettingError, match="at least 0"):
            propagate(luma, [[1, 1]], [[1.0]], trust=wrong)
    with pytest.raises(SettingError, match="above 0 everywhere"):
        Propagator(luma, trust=0.0)
    with pytest.raises(SettingError, match="nothing to spread"):
        propagate(luma, np.zeros((0, 2)), np.zeros((0, 1)))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads the process's memory from /proc")
def test_pictures_opened_in_one_thread_and_closed_in_another_leave_no_memory_behind():
    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    luma = np.random.default_rng(0).random((160, 160))
    with ThreadPoolExecutor(2) as pool:
        before = None
        for _ in range(6):
            opened = list(pool.map(lambda _: Propagator(luma, trust=1e-6), range(2)))
            del opened  # in this thread; one picture's factors are 66 MB
            before = before or resident()
    assert resident() - before < 200

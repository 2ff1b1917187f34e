"""One colour from a distribution over bins, and how sure it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import deltaE_ciede2000, rgb2lab

from tinct.color.bins import ColorBins
from tinct.color.decoding import agreement, annealed_mean, annealed_shares, confidence, softmax
from tinct.color.spaces import yuv_to_rgb
from tinct.errors import DataError, SettingError

SEEDS = st.integers(0, 2**32 - 1)


def picture(seed=0, shape=(32, 40)):
    random = np.random.default_rng(seed)
    soft = random.normal(110, 45, (*shape, 3)) + random.normal(0, 25, (1, 1, 3))
    return np.clip(soft, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def bins():
    return ColorBins.learn([picture(seed) for seed in range(4)], grid=16, bins=32)


def logits_of(seed, shape=(5, 7, 32), scale=4):
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_annealed_mean_runs_from_the_mode_to_the_mean(seed):
    logits = logits_of(seed)
    centers = np.random.default_rng(seed).uniform(-0.5, 0.5, (32, 2)).astype(np.float32)
    for cold in (1e-4, 1e-12, 1e-45, 5e-324):
        top = np.sort(logits, axis=-1)
        clear = top[..., -1] - top[..., -2] > 0.01
        found = annealed_mean(logits, centers, temperature=cold)
        assert np.allclose(found[clear], centers[logits.argmax(axis=-1)][clear], atol=1e-5)
    probabilities = np.exp(logits.astype(np.float64))
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    assert np.allclose(annealed_mean(logits, centers, temperature=1), probabilities @ centers, atol=1e-5)
    assert np.allclose(annealed_mean(logits, centers, temperature=1e9), centers.mean(axis=0), atol=1e-5)


def test_a_small_risk_takes_the_bin_that_differs_least_on_average(bins: ColorBins) -> None:
    sharp, softer = replace(bins, risk=1e-3), replace(bins, risk=2.0)
    logits = logits_of(3, (40, 32), scale=2)
    shares = softmax(logits, temperature=0.7).astype(np.float64)
    rgb = np.clip(yuv_to_rgb(np.column_stack([np.full(32, 0.55), bins.centers])), 0, 1)
    lab = rgb2lab(rgb)
    lab[:, 0] = 55
    expected = shares @ deltaE_ciede2000(lab[:, None], lab[None])
    two = np.sort(expected, axis=1)[:, :2]
    clear = two[:, 1] - two[:, 0] > 0.02
    assert clear.sum() > 20
    chosen = bins.centers[expected.argmin(axis=1)]
    assert sharp.decode(logits, temperature=0.7)[clear] == pytest.approx(chosen[clear], abs=1e-4)
    assert (expected.argmin(axis=1) != shares.argmax(axis=1)).mean() > 0.2  # mostly it is not the likeliest bin
    weights = np.exp(-expected / 2)
    soft = (weights / weights.sum(axis=1, keepdims=True)) @ bins.centers
    assert softer.decode(logits, temperature=0.7) == pytest.approx(soft, abs=1e-4)


def test_bins_keep_their_risk(bins: ColorBins) -> None:
    assert ColorBins.from_card(replace(bins, risk=0.7).to_card()).risk == 0.7
    assert "risk" not in bins.to_card()
    with pytest.raises(DataError, match="risk must lie"):
        ColorBins.from_card({**bins.to_card(), "risk": -1})


@pytest.mark.parametrize("temperature", [0.01, 0.1, 0.6, 1.0, 3.0])
def test_probabilities_are_decoded_as_their_logarithms_are(temperature: float) -> None:
    generator = np.random.default_rng(2)
    logits = generator.normal(0, 2, (6, 5, 40)).astype(np.float32)
    centers = generator.normal(0, 0.2, (40, 2)).astype(np.float32)
    shares = softmax(logits)
    wanted = annealed_mean(logits, centers, temperature=temperature)
    assert np.allclose(annealed_shares(shares, centers, temperature=temperature), wanted, atol=1e-5)
    risks = np.abs(centers[:, None, 0] - centers[None, :, 0]) * 30
    least = annealed_mean(logits, centers, temperature=temperature, risks=risks)
    assert np.allclose(annealed_shares(shares, centers, temperature=temperature, risks=risks), least, atol=1e-4)
    assert not np.allclose(least, wanted, atol=1e-2)
    shares[0, 0, 3] = -1e-9  # what rounding leaves where much was added and taken away again
    assert np.isfinite(annealed_shares(shares, centers, temperature=temperature)).all()
    with pytest.raises(SettingError):
        annealed_shares(shares, centers, temperature=0)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, temperature=st.floats(1e-3, 10), scale=st.floats(0, 1e6), shift=st.floats(-1e5, 1e5))
def test_decoded_colors_lie_among_the_bins_colors_for_any_logits(bins, seed, temperature, scale, shift):
    decoded = bins.decode(logits_of(seed, scale=scale) + shift, temperature=temperature)
    assert decoded.shape == (5, 7, 2)
    assert decoded.dtype == np.float32
    assert (decoded >= bins.centers.min(axis=0) - 1e-5).all()
    assert (decoded <= bins.centers.max(axis=0) + 1e-5).all()


def test_decoding_leaves_the_logits_as_they_are(bins):
    logits = logits_of(0)
    before = logits.copy()
    bins.decode(logits, temperature=0.5)
    confidence(logits)
    assert (logits == before).all()


def test_a_sure_distribution_decodes_to_what_was_encoded(bins):
    wanted = np.arange(bins.count)
    logits = np.where(np.eye(bins.count, dtype=bool), 50.0, 0.0)
    assert np.allclose(bins.decode(logits, temperature=0.4), bins.centers[wanted], atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS)
def test_confidence_is_the_top_probability_and_its_ratio_to_the_second(seed):
    logits = logits_of(seed)
    ordered = np.sort(softmax(logits), axis=-1)
    top, ratio = confidence(logits)
    assert np.allclose(top, ordered[..., -1])
    assert np.allclose(ratio, ordered[..., -1] / ordered[..., -2], rtol=1e-5)
    assert (ratio >= 1).all()
    assert top.dtype == ratio.dtype == np.float32


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_temperatures_that_make_no_sense_are_refused(bins, temperature):
    with pytest.raises(SettingError, match="temperature must be above 0"):
        bins.decode(logits_of(0), temperature=temperature)


def test_agreement_is_of_hues_not_of_paleness() -> None:
    centers = np.array([[0.2, 0.0], [0.1, 0.0], [-0.2, 0.0], [0.0, 0.2]], np.float32)
    shares = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.5, 0, 0.5, 0], [0.5, 0, 0, 0.5]], np.float32)
    assert np.allclose(agreement(shares, centers), [1, 1, 0, np.sqrt(0.5)], atol=1e-6)
    grey = agreement(np.ones((3, 1), np.float32), np.zeros((1, 2), np.float32))
    assert np.isfinite(grey).all()


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, temperature=st.floats(0.01, 2), caution=st.floats(0, 4))
def test_caution_keeps_the_hue_and_fades_what_is_in_doubt(seed: int, temperature: float, caution: float) -> None:
    logits = logits_of(seed)
    centers = np.random.default_rng(seed).uniform(-0.5, 0.5, (32, 2)).astype(np.float32)
    plain = annealed_mean(logits, centers, temperature=temperature)
    faded = annealed_mean(logits, centers, temperature=temperature, caution=caution)
    factor = agreement(softmax(logits), centers) ** caution
    assert np.allclose(faded, plain * factor[..., None], atol=1e-6)
    shares = annealed_shares(softmax(logits), centers, temperature=temperature, caution=caution)
    assert np.allclose(shares, faded, atol=2e-4)


@pytest.mark.parametrize("caution", [-0.1, 4.5, float("nan")])
def test_caution_that_makes_no_sense_is_refused(bins: ColorBins, caution: float) -> None:
    with pytest.raises(SettingError, match="caution must lie in"):
        bins.decode(logits_of(0), temperature=0.5, caution=caution)

"""What colour bins promise."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinct.color.bins import ColorBins, ColorHistogram
from tinct.color.spaces import chroma_space
from tinct.errors import DataError, SettingError

SEEDS = st.integers(0, 2**32 - 1)


def picture(seed=0, shape=(32, 40)):
    random = np.random.default_rng(seed)
    soft = random.normal(110, 45, (*shape, 3)) + random.normal(0, 25, (1, 1, 3))
    return np.clip(soft, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def bins():
    return ColorBins.learn([picture(seed) for seed in range(4)], grid=16, bins=32)


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, space=st.sampled_from(["yuv", "lab"]), rebalance=st.floats(0, 1), count=st.integers(1, 40))
def test_what_was_learned_is_what_encoding_finds(seed, space, rebalance, count):
    images = [picture(seed), picture(seed + 1, (20, 9))]
    bins = ColorBins.learn(images, space=space, bins=count, rebalance=rebalance)
    chroma = [chroma_space(space).split(image.astype(np.float32) / np.float32(255))[1] for image in images]
    found = np.concatenate([bins.encode(colors).reshape(-1) for colors in chroma])
    colors = np.concatenate([each.reshape(-1, 2) for each in chroma])
    assert np.allclose(np.bincount(found, minlength=bins.count) / len(found), bins.frequencies)
    assert bins.frequencies.sum() == pytest.approx(1)
    assert (bins.weights * bins.frequencies).sum() == pytest.approx(1)
    for index in range(bins.count):
        assert np.allclose(colors[found == index].mean(axis=0), bins.centers[index], atol=1e-3)


def test_the_most_frequent_cells_are_kept_in_order():
    histogram = ColorHistogram(grid=16)
    histogram.add(picture())
    bins = ColorBins.from_histogram(histogram, bins=5)
    largest = np.argsort(-histogram.counts, kind="stable")[:5]
    assert bins.lookup.reshape(-1)[largest].tolist() == [0, 1, 2, 3, 4]


def test_fewer_bins_are_kept_where_fewer_cells_hold_colours():
    assert ColorBins.learn([np.full((4, 4, 3), (200, 40, 40), dtype=np.uint8)], bins=32).count == 1


def test_rebalance_makes_rare_bins_weigh_more_and_at_1_all_alike(bins):
    histogram = ColorHistogram()
    histogram.add(picture())
    papers, alike, inverse = (ColorBins.from_histogram(histogram, rebalance=value) for value in (0.2, 1.0, 0.0))
    assert np.allclose(alike.weights, 1)
    assert np.allclose(inverse.weights * inverse.frequencies, 1 / inverse.count)
    order = np.argsort(papers.frequencies)
    assert (np.diff(papers.weights[order]) <= 1e-12).all()


def test_learning_streams_and_does_not_hold_the_pictures():
    def many(count):
        for seed in range(count):
            yield np.full((200, 200, 3), seed % 256, dtype=np.uint8)

    peaks = []
    for count in (5, 60):
        tracemalloc.start()
        ColorBins.learn(many(count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2


def test_8_bit_16_bit_and_float_pictures_count_alike():
    image = picture()
    learned = [
        ColorBins.learn([same])
        for same in (image, image.astype(np.uint16) * 257, image.astype(np.float32) / np.float32(255))
    ]
    for other in learned[1:]:
        assert np.allclose(learned[0].centers, other.centers, atol=1e-5)
        assert np.allclose(learned[0].frequencies, other.frequencies, atol=2e-3)  # a colour may sit on a cell's edge


@pytest.mark.parametrize("space", ["yuv", "lab"])
def test_colors_on_and_beyond_the_grids_edge_belong_to_its_outermost_cells(space):
    described = chroma_space(space)
    corners = np.array([described.chroma_low, described.chroma_high], dtype=np.float32)
    bins = ColorBins.learn([picture()], space=space)
    assert bins.encode(corners).tolist() == [bins.lookup[0, 0], bins.lookup[-1, -1]]
    assert bins.encode(corners * 5).tolist() == [bins.lookup[0, 0], bins.lookup[-1, -1]]
    assert bins.encode(np.zeros((0, 2))).shape == (0,)
    primaries = np.array(
        [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 255, 255], [255, 0, 255]]], np.uint8
    )
    histogram = ColorHistogram(space=space)
    histogram.add(primaries)
    assert histogram.counts.sum() == 6


@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, neighbors=st.integers(1, 32), far=st.floats(1, 100))
def test_soft_encoding_sums_to_1_over_its_neighbors_and_peaks_at_the_nearest_bin(bins, seed, neighbors, far):
    chroma = (np.random.default_rng(seed).uniform(-0.5, 0.5, (3, 4, 2)) * far).astype(np.float32)
    soft = bins.encode_soft(chroma, neighbors=neighbors)
    assert soft.shape == (3, 4, bins.count)
    assert soft.dtype == np.float32
    assert np.allclose(soft.sum(axis=-1), 1, atol=1e-5)
    assert ((soft > 0).sum(axis=-1) <= neighbors).all()
    squared = ((chroma[..., None, :] - bins.centers) ** 2).sum(axis=-1)
    assert np.take_along_axis(squared, soft.argmax(axis=-1)[..., None], -1) == pytest.approx(
        squared.min(axis=-1)[..., None], rel=1e-4, abs=1e-5
    )


def test_soft_encoding_of_a_bins_own_colour_peaks_there(bins):
    assert bins.encode_soft(bins.centers).argmax(axis=-1).tolist() == list(range(bins.count))


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, space=st.sampled_from(["yuv", "lab"]), grid=st.integers(2, 20), rebalance=st.floats(0, 1))
def test_a_card_written_as_json_gives_exactly_the_same_bins(seed, space, grid, rebalance):
    before = ColorBins.learn([picture(seed)], space=space, grid=grid, rebalance=rebalance)
    after = ColorBins.from_card(json.loads(json.dumps(before.to_card())))
    assert (after.space, after.low, after.high, after.rebalance) == (
        before.space,
        before.low,
        before.high,
        before.rebalance,
    )
    for name in ("lookup", "centers", "frequencies", "weights"):
        mine, theirs = getattr(before, name), getattr(after, name)
        assert mine.dtype == theirs.dtype
        assert (mine == theirs).all()


@pytest.mark.parametrize(
    "damage",
    [
        {"space": "cmyk"},
        {"centers": [[0, 0]]},
        {"lookup": [[99]]},
        {"lookup": [[-1]]},
        {"lookup": []},
        {"lookup": [[0, 1, 0]]},
        {"low": [0]},
        {"rebalance": "much"},
        {"rebalance": 7},
        {"frequencies": None},
    ],
)
def test_a_damaged_card_is_refused(bins, damage):
    with pytest.raises(DataError, match="export the model again"):
        ColorBins.from_card(bins.to_card() | damage)
    with pytest.raises(DataError, match="damaged"):
        ColorBins.from_card({})


def test_settings_out_of_range_are_refused(bins):
    with pytest.raises(SettingError, match="at least 2 cells"):
        ColorHistogram(grid=1)
    with pytest.raises(SettingError, match="at least 1 bin"):
        ColorBins.learn([picture()], bins=0)
    with pytest.raises(SettingError, match="lambda"):
        ColorBins.learn([picture()], rebalance=1.5)
    with pytest.raises(DataError, match="no pixels"):
        ColorBins.learn([])
    with pytest.raises(SettingError, match="neighbors"):
        bins.encode_soft(np.zeros((1, 2)), neighbors=33)
    with pytest.raises(SettingError, match="sigma"):
        bins.encode_soft(np.zeros((1, 2)), sigma=0)


def test_few_bins_share_a_pixel_without_being_told():
    few = ColorBins.learn([np.array([[[255, 0, 0], [0, 0, 255]]], dtype=np.uint8)])
    assert few.count == 2
    np.testing.assert_allclose(few.encode_soft(few.centers).sum(axis=-1), 1, atol=1e-6)


def _bins_of(frequencies):
    """Return bins with just these frequencies."""
    count = len(frequencies)
    return ColorBins(
        space="yuv",
        low=(-1.0, -1.0),
        high=(1.0, 1.0),
        lookup=np.zeros((2, 2), dtype=np.int64),
        centers=np.zeros((count, 2), dtype=np.float32),
        frequencies=np.array(frequencies),
        rebalance=0.4,
    )


@pytest.mark.parametrize("amplitude", [1.0, 7.0, 100.0, 9000.0])
def test_weights_have_the_amplitude_that_was_asked_for(amplitude):
    frequencies = 10 ** np.linspace(0, -4, 32)  # four orders of magnitude, as in the paper's figure 1
    frequencies /= frequencies.sum()
    bins = _bins_of(frequencies).of_amplitude(amplitude)
    weights = 1 / ((1 - bins.rebalance) * frequencies + bins.rebalance / 32)  # the paper's formula
    assert weights.max() / weights.min() == pytest.approx(amplitude)
    assert bins.amplitude == pytest.approx(amplitude)
    assert (bins.weights * frequencies).sum() == pytest.approx(1)


def test_no_lambda_reaches_beyond_inverse_frequency():
    bins = _bins_of([0.9, 0.09, 0.01])
    assert bins.of_amplitude(90).rebalance == pytest.approx(0, abs=1e-9)
    with pytest.raises(SettingError, match=r"lie in 1\.\.90, since"):
        bins.of_amplitude(91)
    even = _bins_of([0.25] * 4)
    assert even.of_amplitude(1).rebalance == 1
    with pytest.raises(SettingError, match="amplitude"):
        even.of_amplitude(2)

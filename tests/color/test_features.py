"""Colour statistics: what they promise, and that they see hue, not place."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tinct.color.features import ArrayFeatures, ColorFeatures, circular_histogram, mean_direction, soft_histogram
from tinct.color.spaces import hsv_to_rgb
from tinct.errors import InputError, SettingError


def plain(hue, *, size=16, seed=0, saturation=0.8):
    """A picture of one hue whose brightness varies from pixel to pixel."""
    value = np.random.default_rng(seed).uniform(0.4, 0.9, (size, size))
    return hsv_to_rgb(np.stack([np.full_like(value, hue), np.full_like(value, saturation), value], axis=-1))


def named(options, rgb):
    return dict(zip(options.names(), options.measure(rgb), strict=True))


@pytest.mark.parametrize(
    "options",
    [
        ColorFeatures(),
        ColorFeatures(space="yuv", center=False, hue_bins=6, chroma_bins=4, quantiles=()),
        ColorFeatures(space="hsl+xyz", quantiles=(0, 0.333, 1)),
        ColorFeatures(cells=3, longest_edge=4),
    ],
)
def test_every_feature_is_named_once_and_finite_even_for_black(options):
    names = options.names()
    assert len(set(names)) == len(names)
    for picture in (plain(0.6), np.zeros((5, 3, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8)):
        values = options.measure(picture)
        assert values.shape == (len(names),)
        assert values.dtype == np.float32
        assert np.isfinite(values).all()


def test_means_spreads_and_quantiles_are_those_of_the_pixels():
    picture = np.random.default_rng(1).integers(0, 256, (20, 12, 3), dtype=np.uint8)
    found = named(ColorFeatures(space="rgb"), picture)
    red, middle = picture[..., 0] / 255, picture[5:15, 3:9, 1] / 255
    assert found["whole.rgb.red.mean"] == pytest.approx(red.mean(), rel=1e-5)
    assert found["whole.rgb.red.std"] == pytest.approx(red.std(), rel=1e-5)
    assert found["whole.rgb.red.q25"] == pytest.approx(np.quantile(red, 0.25), rel=1e-5)
    assert found["center.rgb.green.mean"] == pytest.approx(middle.mean(), rel=1e-5)


def test_the_same_pixels_elsewhere_are_the_same_colours():
    picture = np.random.default_rng(2).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    moved = np.random.default_rng(3).permutation(picture.reshape(-1, 3)).reshape(picture.shape)
    options = ColorFeatures(center=False)
    assert np.allclose(options.measure(picture), options.measure(moved), atol=1e-4)


def test_a_hue_shift_of_two_degrees_is_seen_through_differences_of_brightness():
    options = ColorFeatures()
    one, again, shifted = (
        named(options, plain(hue, seed=seed)) for hue, seed in ((0.6, 0), (0.6, 1), (0.6 + 2 / 360, 2))
    )
    within = abs(one["whole.hue.sine"] - again["whole.hue.sine"])
    between = abs(one["whole.hue.sine"] - shifted["whole.hue.sine"])
    assert between > 5 * within


def test_greys_have_no_hue_and_near_greys_count_little():
    grey = named(ColorFeatures(), np.full((8, 8, 3), 128, np.uint8))
    assert all(value == 0 for name, value in grey.items() if ".hue." in name)
    hue, weights = np.array([0.25, 0.75]), np.array([100.0, 1.0])
    counts = circular_histogram(hue, bins=4, weights=weights)
    assert counts == pytest.approx([0, 100 / 101, 0, 1 / 101])


def test_the_circle_closes():
    """Hues a little above 0 and a little below 1 are neighbours."""
    counts = circular_histogram(np.array([0.01, 0.99]), bins=10, weights=np.ones(2))
    assert counts == pytest.approx([0.9, 0.05, 0, 0, 0, 0, 0, 0, 0, 0.05])
    assert mean_direction(np.array([0.01, 0.99]), weights=np.ones(2))[0] == pytest.approx(0)
    assert circular_histogram(np.array([0.3]), bins=8, weights=np.zeros(1)).tolist() == [0] * 8


def test_values_between_cells_are_shared():
    assert soft_histogram(np.array([[0.0, 1.0], [0.0, 2.0]]), bins=(2, 3)) == pytest.approx(
        np.array([[0.5, 0, 0], [0, 0, 0.5]])
    )
    assert soft_histogram(np.array([[0.5], [0.25]]), bins=(2, 3)) == pytest.approx(
        np.array([[0.25, 0.25, 0], [0.25, 0.25, 0]])
    )


def test_options_survive_the_card_and_bad_ones_are_refused():
    options = ColorFeatures(space="lab+hsv", quantiles=(0.1, 0.9), hue_bins=12, center=False)
    assert ColorFeatures.from_card(json.loads(json.dumps(options.to_card()))) == options
    for values in ({}, {"quantiles": [0.5], "colour": 1}, {"quantiles": 3}):
        with pytest.raises(SettingError, match="damaged options"):
            ColorFeatures.from_card(values)
    for wrong, word in (({"space": "cmyk"}, "cmyk"), ({"quantiles": (2.0,)}, "0..1"), ({"hue_bins": 1}, "at least 2")):
        with pytest.raises(SettingError, match=word):
            ColorFeatures(**wrong)


def test_what_is_no_picture_is_refused():
    for shape in ((4, 4), (4, 4, 4), (0, 4, 3)):
        with pytest.raises(InputError, match=r"shape \(H, W, 3\)"):
            ColorFeatures().measure(np.zeros(shape))


def test_arrays_are_measured_whole_and_in_bands_of_rows():
    array = np.random.default_rng(0).normal(size=(32, 20, 2)).astype(np.float32)
    array[:2, :, 1] += 7
    options = ArrayFeatures(channels=2, quantiles=(0.5,), bands=16)
    values = options.measure(array).reshape(-1, 2)
    assert values.shape == (3 + 2 * 16, 2)
    assert values[0] == pytest.approx(array.mean(axis=(0, 1)), rel=1e-4)
    assert values[2] == pytest.approx(np.median(array, axis=(0, 1)), rel=1e-4)
    assert values[3] == pytest.approx(array[:2].mean(axis=(0, 1)), rel=1e-4)
    assert ArrayFeatures.from_card(json.loads(json.dumps(options.to_card()))) == options
    with pytest.raises(InputError, match=r"\(H, W, 2\)"):
        options.measure(array[..., :1])
    with pytest.raises(SettingError, match="damaged"):
        ArrayFeatures.from_card({})

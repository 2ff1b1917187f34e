"""Other readings are plausible, unlike each other, and of one colour all over a thing."""

from dataclasses import replace

import numpy as np
import pytest

from tinct.color.bins import ColorBins
from tinct.coloring.photo.prediction import Prediction
from tinct.coloring.photo.readings import other_readings
from tinct.errors import SettingError

# A grid of 7 x 7 colours; the middle one is grey.
STEPS = np.linspace(-0.3, 0.3, 7, dtype=np.float32)
CENTERS = np.stack(np.meshgrid(STEPS, STEPS, indexing="ij"), axis=-1).reshape(-1, 2)
BLUE, BROWN, RED, GREY = (0.2, 0.0), (-0.1, 0.1), (0.0, 0.3), (0.0, 0.0)


def bins():
    return ColorBins(
        space="yuv",
        low=(-0.35, -0.35),
        high=(0.35, 0.35),
        lookup=np.zeros((7, 7), dtype=np.int64),
        centers=CENTERS,
        frequencies=np.full(49, 1 / 49),
        rebalance=0.4,
    )


def answer(*likely):
    """A distribution with these colours and shares, (49,)."""
    shares = np.full(49, 1e-4)
    for color, share in likely:
        shares[np.linalg.norm(CENTERS - color, axis=1).argmin()] = share
    return shares / shares.sum()


def prediction(left, right, **options):
    """A picture whose left half is dark and whose right half is bright, with an answer each."""
    shares = np.empty((40, 60, 49))
    shares[:, :30], shares[:, 30:] = left, right
    luma = np.where(np.arange(240) < 120, 0.3, 0.6)[None].repeat(160, axis=0).astype(np.float32)
    return Prediction(
        output=np.log(shares).astype(np.float32),
        luma=luma,
        network_luma=luma,
        space="yuv",
        bins=bins(),
        temperature=0.6,
        denoised=0.0,
        **options,
    )


TORN = answer((BLUE, 0.45), (BROWN, 0.4), (GREY, 0.15))
SURE = answer((RED, 0.99))


def test_a_thing_is_read_as_a_whole_and_what_is_sure_stays():
    usual = prediction(TORN, SURE)
    readings = other_readings(usual)
    assert 2 <= len(readings) <= 5
    chroma = np.stack([reading.prediction.native_chroma() for reading in readings])
    left, right = chroma[:, :, 3:27], chroma[:, :, 33:57]
    # One is blue and one is brown, all over.
    distance = [np.abs(left - np.float32(color)).max(axis=(1, 2, 3)).min() for color in (BLUE, BROWN)]
    assert max(distance) < 0.05
    assert np.abs(right - usual.native_chroma()[:, 33:57]).max() < 0.02
    assert all(reading.likelihood > -0.5 for reading in readings)


def test_names_are_distinct_and_say_what_changes():
    readings = other_readings(prediction(TORN, SURE))
    names = [reading.name for reading in readings]
    assert len(set(names)) == len(names)
    means = {reading.name: reading.prediction.native_chroma().mean(axis=(0, 1)) for reading in readings}
    usual = prediction(TORN, SURE).native_chroma().mean(axis=(0, 1))
    bluer = [name for name, mean in means.items() if name.startswith(("Bluer", "Cooler"))]
    assert bluer
    assert all(means[name][0] > usual[0] for name in bluer)
    assert [reading.prediction.reading for reading in readings] == names


def test_where_the_network_is_sure_there_is_no_other():
    assert other_readings(prediction(SURE, SURE)) == []


def test_readings_keep_hints_settings_and_the_network_s_answer():
    usual = prediction(TORN, SURE, caution=0.5, saturation=1.5)
    (first, *_) = other_readings(usual, count=1)
    assert first.prediction.output is usual.output
    assert replace(first.prediction, tilt=None, reading="").guide().planes == pytest.approx(usual.guide().planes)
    again = other_readings(first.prediction, count=1)[0]  # of a reading: those of the picture
    np.testing.assert_array_equal(again.prediction.tilt, first.prediction.tilt)


def test_errors():
    with pytest.raises(SettingError, match=r"1\.\.5, not 6"):
        other_readings(prediction(TORN, SURE), count=6)
    with pytest.raises(SettingError, match="use one with bins"):
        other_readings(replace(prediction(TORN, SURE), bins=None))

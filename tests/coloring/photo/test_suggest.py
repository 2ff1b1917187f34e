"""Points lie where the network is unsure and much depends on it, with the colours it wavers between."""

import numpy as np
import pytest

from tinct.color.bins import ColorBins
from tinct.coloring.hints.hint import parse_hint
from tinct.coloring.hints.spreading import place_hints
from tinct.coloring.photo.prediction import Prediction
from tinct.coloring.photo.suggest import suggest_hints
from tinct.errors import SettingError


def bins(space="yuv"):
    """Grey, red and blue."""
    centers = {"yuv": [[0, 0], [-0.1, 0.3], [0.3, -0.1]], "lab": [[0, 0], [50, 30], [20, -60]]}[space]
    low, high = {"yuv": ((-0.5, -0.65), (0.5, 0.65)), "lab": ((-110, -110), (110, 110))}[space]
    return ColorBins(
        space=space,
        low=low,
        high=high,
        lookup=np.zeros((16, 16), dtype=np.int64),
        centers=np.array(centers, dtype=np.float32),
        frequencies=np.array([0.6, 0.2, 0.2]),
        rebalance=0.4,
    )


def prediction(shares, *, space="yuv", **options):
    luma = np.full((160, 240), 0.5, dtype=np.float32)
    return Prediction(
        output=np.log(np.asarray(shares, dtype=np.float32)),
        luma=luma,
        network_luma=luma,
        space=space,
        bins=bins(space),
        temperature=0.5,
        denoised=0.0,
        **options,
    )


SURE, TORN = (0.98, 0.01, 0.01), (0.1, 0.5, 0.4)


def half_sure():
    shares = np.empty((40, 60, 3))
    shares[:, :30], shares[:, 30:] = SURE, TORN
    return shares


@pytest.mark.parametrize("space", ["yuv", "lab"])
def test_the_unsure_half_comes_first_with_its_colours(space):
    first, *rest = suggest_hints(prediction(half_sure(), space=space), width=1200, height=800, count=5)
    assert first.x > 660
    assert 100 < first.y < 700
    assert first.gain > 0.2
    assert len(first.colors) == 3
    (red, _, blue), (other_red, _, other_blue) = first.colors[:2]
    assert red > blue
    assert other_blue > other_red
    assert first.shares == tuple(sorted(first.shares, reverse=True))
    np.testing.assert_allclose(sum(first.shares), 1, atol=0.01)
    assert all(item.x > 600 for item in rest)
    assert [item.gain for item in rest] == sorted((item.gain for item in rest), reverse=True)


def test_what_a_hint_decided_is_not_asked_again():
    asked = prediction(half_sure())
    first = suggest_hints(asked, width=1200, height=800, count=1)[0]
    known = place_hints([parse_hint(f"{first.x},{first.y}=#ff0000")], width=1200, height=800)
    second = suggest_hints(asked, width=1200, height=800, count=1, hints=known)[0]
    assert (second.x - first.x) ** 2 + (second.y - first.y) ** 2 > 100**2
    assert second.gain < first.gain


def test_calibration_counts():
    plain = suggest_hints(prediction(half_sure()), width=1200, height=800, count=1)[0]
    surer = suggest_hints(prediction(half_sure(), calibration=0.3), width=1200, height=800, count=1)[0]
    assert surer.shares[0] > plain.shares[0]


def test_text_and_json_name_the_place_as_a_hint_does():
    first = suggest_hints(prediction(half_sure()), width=1200, height=800, count=1)[0]
    assert first.text().startswith(f"{first.x},{first.y}  #")
    value = first.to_json()
    text = f"{value['x']},{value['y']}={value['colors'][0]['color']}"
    assert parse_hint(text).color == first.colors[0]


def test_what_cannot_be_said():
    for count in (0, 51):
        with pytest.raises(SettingError, match=r"1\.\.50"):
            suggest_hints(prediction(half_sure()), width=10, height=10, count=count)
    certain = np.broadcast_to([1 - 2e-30, 1e-30, 1e-30], (40, 60, 3))
    assert suggest_hints(prediction(certain), width=1200, height=800) == []

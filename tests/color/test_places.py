"""Places on a picture: what is cut out of them, what lies inside, and what stays as it was."""

import numpy as np
import pytest

from photographs import photograph
from scans import DARK, laid, paper
from tinct.color.places import Place, framed, inside

UPRIGHT = Place.box(0.1, 0.2, 0.6, 0.8)


def turned(width, height):
    page = paper(height, width, DARK)
    photo = photograph("coffee")[:300, :400]
    corners = laid(page, photo, (width / 2, height / 2), 3.0) / (width, height)
    return page, photo, Place(tuple((float(x), float(y)) for x, y in corners))


def test_an_upright_place_is_its_own_pixels():
    values = np.random.default_rng(0).random((50, 100, 3), dtype=np.float32)
    np.testing.assert_array_equal(UPRIGHT.cut(values), values[10:40, 10:60])
    assert UPRIGHT.size_on(100, 50) == (30, 50)
    assert UPRIGHT.share() == pytest.approx(0.3)


def test_a_turned_place_comes_out_upright():
    page, photo, place = turned(700, 500)
    assert place.size_on(700, 500) == (300, 400)
    assert place.box_on(700, 500) is None
    assert np.abs(place.cut(page.astype(np.float32)) - photo)[5:-5, 5:-5].mean() < 6


def test_a_place_within_a_place_is_where_the_two_say():
    page, photo, place = turned(700, 500)
    inner = Place.box(0.25, 0.25, 0.75, 0.75).within(place, width=700, height=500)
    assert np.abs(inner.cut(page.astype(np.float32)) - photo[75:225, 100:300])[5:-5, 5:-5].mean() < 6


def test_shares_of_rows_are_those_of_the_whole():
    _, _, place = turned(700, 500)
    whole = place.shares(0, 500, width=700, height=500)
    assert whole.sum() == pytest.approx(place.share() * 700 * 500, rel=0.01)
    np.testing.assert_array_equal(inside([place], 20, 10, width=700, height=500), whole[20:30])
    assert (inside([place, UPRIGHT], 0, 500, width=700, height=500) >= whole).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_what_lies_outside_stays_to_the_last_bit(dtype):
    rng = np.random.default_rng(0)
    before, colors = ((rng.random((50, 100, 3)) * (1 if dtype is np.float32 else 250)).astype(dtype) for _ in range(2))
    mixed = framed(colors, before, [UPRIGHT], top=0, height=50)
    assert mixed.dtype == dtype
    np.testing.assert_array_equal(mixed[10:40, 10:60], colors[10:40, 10:60])
    outside = np.ones((50, 100), dtype=bool)
    outside[10:40, 10:60] = False
    np.testing.assert_array_equal(mixed[outside], before[outside])
    assert framed(colors, before, [], top=0, height=50) is colors

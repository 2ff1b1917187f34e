"""Photographs are found on scans, and ordinary photographs are left whole."""

import cv2
import numpy as np
import pytest

from photographs import COLORED, photograph
from scans import BLACK, DARK, WHITE, YELLOWED, bordered, laid, paper, strip
from tinct.color.page_layout import find_photographs


def found(scan, longest=640):
    factor = longest / max(scan.shape[:2])
    small = cv2.resize(scan, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return [place.on(scan.shape[1], scan.shape[0]) for place in find_photographs(small / np.float32(255))]


def grey(name, height):
    picture = cv2.cvtColor(photograph(name), cv2.COLOR_RGB2GRAY)
    size = (round(picture.shape[1] * height / picture.shape[0]), height)
    return np.repeat(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)[..., None], 3, axis=2)


def box(left, top, width, height):
    return np.array([[left, top], [left + width, top], [left + width, top + height], [left, top + height]])


@pytest.mark.parametrize("name", [*COLORED, "camera", "coins", "brick", "grass", "gravel"])
def test_ordinary_photographs_are_left_whole(name):
    assert found(photograph(name)) == []


@pytest.mark.parametrize("level", [WHITE, BLACK, YELLOWED], ids=["white", "black", "yellowed"])
@pytest.mark.parametrize("name", ["camera", "astronaut", "china"])
def test_a_border_is_told_from_the_photograph(name, level):
    photo = grey(name, 500)
    places = found(bordered(photo, level, sides=(42, 60, 42, 35)))
    assert len(places) == 1
    np.testing.assert_allclose(places[0], box(42, 42, photo.shape[1], photo.shape[0]), atol=3)


@pytest.mark.parametrize("sides", [(60, 60, 0, 0), (0, 0, 70, 70), (50, 50, 60, 0)], ids=["letterbox", "pillars", "3"])
def test_bars_on_opposite_sides_are_borders(sides):
    photo = grey("china", 400)
    places = found(bordered(photo, BLACK, sides=sides))
    assert len(places) == 1
    np.testing.assert_allclose(places[0], box(sides[2], sides[0], photo.shape[1], photo.shape[0]), atol=3)


def test_an_even_sky_or_foreground_alone_is_no_border():
    photo = grey("coffee", 400)
    for level in (WHITE, BLACK):
        assert found(bordered(photo, level, sides=(90, 0, 0, 0))) == []
        assert found(bordered(photo, level, sides=(0, 90, 0, 0))) == []


@pytest.mark.parametrize("level", [DARK, YELLOWED, WHITE], ids=["dark", "yellowed", "white"])
def test_every_photograph_on_an_album_page_is_found_turned_as_it_is(level):
    page = paper(1200, 1400, level)
    prints = [
        laid(page, grey("camera", 420), (380, 330), 2.5),
        laid(page, grey("chelsea", 380), (1010, 310), -2.0),
        laid(page, grey("coffee", 400), (370, 880), -1.2),
        laid(page, grey("astronaut", 460), (1000, 860), 0.0),
    ]
    places = found(page)
    assert len(places) == 4
    for place, corners in zip(places, prints, strict=True):
        np.testing.assert_allclose(place, corners, atol=9)


def test_a_prints_own_white_border_is_no_part_of_it():
    page = paper(900, 1100, DARK)
    corners = laid(page, bordered(grey("camera", 500), WHITE, sides=(30, 30, 30, 30)), (540, 440), 1.5)
    (place,) = found(page)
    middle = corners.mean(axis=0)
    np.testing.assert_allclose(place, middle + (corners - middle) * 500 / 560, atol=7)


def test_a_colour_target_and_a_label_are_no_photographs():
    scan = bordered(grey("camera", 500), WHITE, sides=(40, 140, 40, 40))
    scan[575:640, 20:-20] = strip(65, scan.shape[1] - 40)
    places = found(scan)
    assert len(places) == 1
    np.testing.assert_allclose(places[0], box(40, 40, 500, 500), atol=3)


def test_rounded_and_ragged_edges_are_edges():
    photo = grey("coffee", 500)
    mask = np.zeros(photo.shape[:2], np.uint8)
    cv2.rectangle(mask, (0, 30), (photo.shape[1], 470), 255, -1)
    cv2.rectangle(mask, (30, 0), (photo.shape[1] - 30, 500), 255, -1)
    for x, y in ((30, 30), (photo.shape[1] - 30, 30), (30, 470), (photo.shape[1] - 30, 470)):
        cv2.circle(mask, (x, y), 30, 255, -1)
    for start in range(40, photo.shape[1] - 40, 24):
        cv2.circle(mask, (start, 0), 6, 0, -1)
    rounded = np.where(mask[..., None] > 0, photo, np.array(WHITE, np.uint8))
    (place,) = found(bordered(rounded, WHITE, sides=(50, 50, 50, 50)))
    np.testing.assert_allclose(place, box(50, 50, photo.shape[1], 500), atol=6)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_picture_holds_no_photograph(level):
    assert found(np.full((300, 400, 3), level, np.uint8)) == []
    assert find_photographs(np.full((8, 900, 1), level / 255, np.float32)) == ()


def test_a_page_of_text_is_left_whole():
    assert found(photograph("page")) == []

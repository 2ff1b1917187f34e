"""One colour for a thing in all key frames, however it moves."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data

from tinct.color.resize import resized
from tinct.color.spaces import FloatArray, rgb_to_yuv
from tinct.coloring.film.things import Features, one_color_each
from tinct.runtime.session import Session

GRID, SHAPE = (12, 16), (24, 32)
THING, DEPTH = (4, 5), 24
BLUE, BROWN, GREY = (0.3, -0.1), (-0.1, 0.2), (0.0, 0.0)


def features(top: int, left: int, *, seed: int = 1, mirrored: bool = False) -> Features:
    """Features of a place, which are its own everywhere, with a thing in front of it that has the same everywhere."""
    rng = np.random.default_rng(7)
    maps = rng.normal(size=(*GRID, DEPTH)).astype(np.float32)
    thing = np.random.default_rng(seed).normal(size=(*THING, DEPTH)).astype(np.float32)
    maps[top : top + THING[0], left : left + THING[1]] = thing[:, ::-1] if mirrored else thing
    return (maps,)


def answer(top: int, left: int, color: tuple[float, float]) -> FloatArray:
    values = np.full((*GRID, 2), GREY, dtype=np.float32)
    values[top : top + THING[0], left : left + THING[1]] = color
    return resized(values, SHAPE)


def inside(values: FloatArray, top: int, left: int) -> FloatArray:
    """The mean colour well inside the thing."""
    return values[2 * top + 2 : 2 * (top + THING[0]) - 2, 2 * left + 2 : 2 * (left + THING[1]) - 2].mean(axis=(0, 1))


PLACES = ((1, 1), (6, 9), (3, 5))


def settled(*seeds: int) -> list[FloatArray]:
    colors = (BLUE, BROWN, BROWN)
    return one_color_each(
        [answer(*place, color) for place, color in zip(PLACES, colors, strict=True)],
        [features(*place, seed=seed) for place, seed in zip(PLACES, seeds, strict=True)],
    )


def test_a_thing_that_walks_through_the_picture_has_one_colour() -> None:
    found = settled(1, 1, 1)
    colors = [inside(values, *place) for values, place in zip(found, PLACES, strict=True)]
    mean = (np.array(BLUE) + 2 * np.array(BROWN)) / 3
    for color in colors:
        assert color == pytest.approx(mean, abs=0.03)
    assert all(np.abs(values[:2, -2:]).max() < 0.02 for values in found)  # the place behind it stays what it was


def test_another_thing_keeps_its_own_colour() -> None:
    found = settled(1, 2, 2)
    assert inside(found[0], *PLACES[0]) == pytest.approx(BLUE, abs=0.02)
    assert inside(found[1], *PLACES[1]) == pytest.approx(BROWN, abs=0.02)


def test_fine_detail_of_each_answer_stays() -> None:
    own = answer(*PLACES[0], BLUE)
    checks = np.indices(SHAPE).sum(axis=0)[..., None] % 2 * np.float32(0.1)
    values = [own + checks, answer(*PLACES[1], BROWN)]
    shown = [features(*place) for place in PLACES[:2]]
    plain = one_color_each([own, values[1]], shown)[0]
    detailed = one_color_each(values, shown)[0]
    assert np.diff(detailed - plain, axis=1) == pytest.approx(np.diff(checks * np.ones(2), axis=1), abs=0.02)


def test_without_features_answers_stay_as_they_are() -> None:
    values = [answer(*place, BLUE) for place in PLACES]
    assert one_color_each([], []) == []
    for own, found in zip(values, one_color_each(values, [(), (), ()]), strict=True):
        np.testing.assert_array_equal(found, own)


def test_the_network_finds_a_cat_again_that_was_turned_and_moved() -> None:
    """The shipped network's own features, on a real photograph: blue in one picture, brown in its mirrored copy."""
    session = Session("photo", threads=1)
    luma = resized(rgb_to_yuv(data.chelsea() / np.float32(255))[..., 0], (150, 225))
    pictures = [np.full((192, 256), 0.5, dtype=np.float32) for _ in range(2)]
    pictures[0][10:160, 10:235], pictures[1][40:190, 30:255] = luma, luma[:, ::-1]
    shown = [tuple(session.features(picture).values()) for picture in pictures]
    grid = shown[0][0].shape[:2]
    values = [np.broadcast_to(np.float32(color), (*grid, 2)) for color in (BLUE, BROWN)]
    found = one_color_each(values, shown)
    before = np.abs(np.float32(BLUE) - np.float32(BROWN)).mean()
    after = np.abs(found[0][6:18, 6:24] - found[1][6:18, 6:24]).mean()
    assert after < 0.3 * before

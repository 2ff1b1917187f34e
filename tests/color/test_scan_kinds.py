"""Negatives, bilevel and halftone pictures are told from usual photographs."""

import cv2
import numpy as np
import pytest

from photographs import COLORED, GREY, photograph
from tinct.color.scan_kinds import NEGATIVE, PIECE, dots_apart, is_bilevel, negative_odds


def grey(name: str) -> np.ndarray:
    return cv2.cvtColor(photograph(name), cv2.COLOR_RGB2GRAY)


def screened(levels: np.ndarray, period: float, degrees: float) -> np.ndarray:
    """A halftone (H, W) uint8: dots of ink on a turned grid, the larger the darker."""
    rows, columns = np.mgrid[: levels.shape[0], : levels.shape[1]]
    turn = np.deg2rad(degrees)
    along = (columns * np.cos(turn) + rows * np.sin(turn)) * 2 * np.pi / period
    beside = (rows * np.cos(turn) - columns * np.sin(turn)) * 2 * np.pi / period
    threshold = 127.5 + 63.75 * (np.cos(along) + np.cos(beside))
    return np.where(levels > threshold, 255, 0).astype(np.uint8)


def jpeg(levels: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, 85])[1], 0)


def pieces(levels: np.ndarray) -> list[np.ndarray]:
    starts = [np.linspace(0, length - PIECE, 3).astype(int) for length in levels.shape]
    return [levels[top : top + PIECE, left : left + PIECE] for top in starts[0] for left in starts[1]]


@pytest.mark.parametrize(("period", "degrees"), [(4, 0), (3.4, 45), (6, 15), (9.5, 75)])
def test_the_dots_of_a_screen_are_measured(period, degrees):
    halftone = jpeg(screened(grey("chelsea"), period, degrees))
    assert dots_apart(pieces(halftone)) == pytest.approx(period, rel=0.1)


@pytest.mark.parametrize("name", [*COLORED, *GREY])
def test_usual_photographs_have_no_screen_and_greys(name):
    levels = jpeg(grey(name))
    assert dots_apart(pieces(levels)) is None
    assert not is_bilevel(np.bincount(levels.ravel(), minlength=256))


def test_even_places_have_no_screen():
    assert dots_apart([np.full((PIECE, PIECE), 90.0)]) is None
    assert dots_apart([]) is None


def test_two_levels_are_bilevel_as_they_are_and_as_jpeg():
    levels = grey("camera")
    two = np.where(levels > 110, 255, 0).astype(np.uint8)
    for picture in (two, jpeg(two), two // 2 + 60):
        assert is_bilevel(np.bincount(picture.ravel(), minlength=256))
    assert not is_bilevel(np.bincount(np.full(99, 255), minlength=256))  # blank


def test_negatives_are_told_and_positives_are_not():
    pictures = [grey(name) / 255 for name in (*COLORED, "camera", "coins")]
    assert not any(negative_odds(picture) > NEGATIVE for picture in pictures)
    assert sum(negative_odds(1 - picture) > NEGATIVE for picture in pictures) >= 4

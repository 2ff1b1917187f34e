"""What is left out of a dataset."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from photographs import COLORED, colorful_piece, photograph
from tinct.color.spaces import rgb_to_yuv
from tinct.data.screening import NEAR_GREY, crop_frame, find_frame, grey_reason


@pytest.fixture(scope="module")
def cat(chelsea_png: Path) -> np.ndarray:
    return cv2.imread(str(chelsea_png), cv2.IMREAD_COLOR_RGB)


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (120, 40, 40)])
def test_a_frame_is_found_and_cut_off(cat: np.ndarray, color: tuple[int, int, int]) -> None:
    framed = cv2.copyMakeBorder(cat, 9, 7, 12, 5, cv2.BORDER_CONSTANT, value=color)
    frame = find_frame(framed)
    assert (frame.top, frame.bottom, frame.left, frame.right) == (9, 7, 12, 5)
    assert crop_frame(framed, frame).shape == (cat.shape[0] - 2, cat.shape[1] - 2, 3)


def test_a_photograph_without_a_frame_has_none(cat: np.ndarray) -> None:
    assert not find_frame(cat).present
    smooth_sky = np.concatenate([np.full((80, cat.shape[1], 3), (150, 180, 220), np.uint8), cat])
    assert not find_frame(smooth_sky).present


def test_an_overexposed_sky_is_no_frame(cat: np.ndarray) -> None:
    ramp = np.linspace(255, 200, 90)[:, None, None] * np.ones((1, cat.shape[1], 3))
    burnt = np.concatenate([np.full((60, cat.shape[1], 3), 255), ramp, cat]).astype(np.uint8)
    assert not find_frame(burnt).present


def test_a_black_bar_at_one_edge_is_cut_off(cat: np.ndarray) -> None:
    frame = find_frame(cv2.copyMakeBorder(cat, 0, 24, 0, 0, cv2.BORDER_CONSTANT, value=(0, 0, 0)))
    assert (frame.top, frame.bottom, frame.left, frame.right) == (0, 24, 0, 0)


def test_letterbox_is_found(cat: np.ndarray) -> None:
    boxed = cv2.copyMakeBorder(cat, 30, 30, 0, 0, cv2.BORDER_CONSTANT, value=(3, 3, 3))
    frame = find_frame(boxed)
    assert (frame.top, frame.bottom, frame.left, frame.right) == (30, 30, 0, 0)


def test_grey_and_toned_pictures_are_told_from_coloured_ones(cat: np.ndarray) -> None:
    grey = cv2.cvtColor(cat, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, axis=2)
    sepia = np.clip(grey * np.array([1.0, 0.86, 0.66]) + np.array([12, 4, 0]), 0, 255).astype(np.uint8)
    assert grey_reason(cat) is None
    assert "near-grey" in str(grey_reason(grey))
    assert "toned" in str(grey_reason(sepia))


@pytest.mark.parametrize("name", COLORED)
def test_colored_photographs_pass_whole_and_in_pieces(name: str) -> None:
    picture = photograph(name)
    assert grey_reason(picture) is None
    rng = np.random.default_rng(1)
    assert [grey_reason(colorful_piece(picture, 96, 96, rng)) for _ in range(10)] == [None] * 10


def test_snow_with_a_rock_and_ice_is_no_grey() -> None:
    """Little chroma on average, but of several hues at one lightness."""
    random = np.random.default_rng(0)
    wave = 0.5 + 0.5 * np.sin(np.linspace(0, 9, 96))[:, None] * np.linspace(0.6, 1, 96)
    lit, shadow = np.array([232, 228, 224]), np.array([168, 173, 180])
    snow = wave[..., None] * lit + (1 - wave[..., None]) * shadow
    snow[50:80, 40:62] = (196, 178, 160)  # a rock as light as the shadows
    snow[20:40, 10:26] = (160, 186, 178)  # ice
    picture = np.clip(snow + random.normal(0, 2, snow.shape), 0, 255).astype(np.uint8)
    small = rgb_to_yuv(picture / 255)[..., 1:]
    assert np.hypot(small[..., 0], small[..., 1]).mean() < NEAR_GREY
    assert grey_reason(picture) is None

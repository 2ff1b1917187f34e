"""Masks of what keeps its colours: read in every form, at any size, and refused where they say nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tinct.coloring.hints.mask import Mask, read_mask
from tinct.errors import InputError, UnreadableError


def square(height: int = 40, width: int = 60) -> np.ndarray:
    levels = np.zeros((height, width), np.uint8)
    levels[height // 4 : height // 2, width // 3 : width // 2] = 255
    return levels


@pytest.mark.parametrize("form", ["grey.png", "colors.png", "painted.png", "grey.tif", "opaque.png"])
def test_white_and_painted_places_are_kept(tmp_path: Path, form: str) -> None:
    levels = square()
    bands = {
        "grey": levels,
        "colors": np.repeat(levels[..., None], 3, axis=2),
        "painted": np.dstack([np.full((40, 60, 3), (0, 0, 200), np.uint8), levels]),
        "opaque": np.dstack([levels, levels, levels, np.full_like(levels, 255)]),
    }[form.partition(".")[0]]
    cv2.imwrite(str(tmp_path / form), bands)
    np.testing.assert_array_equal(read_mask(tmp_path / form).levels, levels)


def test_rows_are_those_of_the_whole_at_any_size() -> None:
    mask = Mask("m.png", square())
    np.testing.assert_array_equal(mask.rows(0, 40, width=60, height=40), square() / np.float32(255))
    whole = mask.rows(0, 100, width=150, height=100)
    np.testing.assert_allclose(whole, cv2.resize(square() / np.float32(255), (150, 100)), atol=1e-6)
    for top in range(0, 100, 7):
        count = min(7, 100 - top)
        np.testing.assert_array_equal(mask.rows(top, count, width=150, height=100), whole[top : top + count])


def test_colours_that_stay_count_for_nothing() -> None:
    rgb = np.full((40, 60, 3), (0.8, 0.2, 0.2), np.float32)
    grey = Mask("m.png", square()).greyed(rgb)
    inside = square() > 0
    assert np.ptp(grey[inside], axis=-1).max() < 1e-5
    np.testing.assert_allclose(grey[~inside], rgb[~inside], atol=1e-5)
    np.testing.assert_allclose(grey @ (0.299, 0.587, 0.114), rgb @ (0.299, 0.587, 0.114), atol=1e-5)


def test_what_says_nothing_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((40, 60), np.uint8))
    with pytest.raises(InputError, match=r"black\.png: this mask keeps nothing; make it white"):
        read_mask(tmp_path / "black.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(UnreadableError, match=r"text\.png: cannot be read as a picture"):
        read_mask(tmp_path / "text.png")
    with pytest.raises(UnreadableError, match="no such file; name the mask"):
        read_mask(tmp_path / "gone.png")
    mask = Mask("m.png", square())
    mask.check(width=1200, height=801)
    mask.check(width=720, height=576, aspect=1.2)
    mask.check(width=60, height=40, aspect=1.2)
    with pytest.raises(InputError, match=r"m\.png: the mask of 60 x 40 pixels does not have .* of 40 x 60"):
        mask.check(width=40, height=60)

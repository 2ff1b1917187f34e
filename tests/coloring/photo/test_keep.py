"""Photographs that keep their own colours in some places, by a mask; and a notice where they would lose them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import tinct
from tinct.coloring.photo.batch import colorize_files
from tinct.coloring.settings import PhotoSettings
from tinct.errors import InputError, SettingError

TOP, BOTTOM, LEFT, RIGHT = 440, 470, 150, 360


@pytest.fixture
def captioned(camera_png: Path, tmp_path: Path) -> Path:
    """A grey photograph with a yellow caption."""
    grey = cv2.imread(str(camera_png), cv2.IMREAD_GRAYSCALE)
    picture = np.repeat(grey[..., None], 3, axis=2)
    picture[TOP:BOTTOM, LEFT:RIGHT] = (40, 200, 230)
    cv2.imwrite(str(tmp_path / "in.png"), picture)
    return tmp_path / "in.png"


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    levels = np.zeros((512, 512), np.uint8)
    levels[TOP - 4 : BOTTOM + 4, LEFT - 4 : RIGHT + 4] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), levels)
    return tmp_path / "mask.png"


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_masked_places_stay_to_the_bit(
    captioned: Path, mask: Path, tiny_model: Path, tmp_path: Path, suffix: str
) -> None:
    result = tinct.Colorizer(tiny_model, keep=mask).photo(captioned, tmp_path / f"out{suffix}")
    before, after = (cv2.imread(str(path)) for path in (captioned, tmp_path / f"out{suffix}"))
    kept = cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE) > 0
    np.testing.assert_array_equal(after[kept], before[kept])
    assert (after[~kept] != before[~kept]).mean() > 0.5
    assert not any("have colours" in remark for remark in result.remarks)


def test_an_array_keeps_them_too(captioned: Path, mask: Path, tiny_model: Path) -> None:
    before = cv2.imread(str(captioned))[..., ::-1]
    after = tinct.Colorizer(tiny_model, keep=mask)(before)
    np.testing.assert_array_equal(after[TOP:BOTTOM, LEFT:RIGHT], before[TOP:BOTTOM, LEFT:RIGHT])


def test_colours_that_would_be_lost_are_told(
    captioned: Path, camera_png: Path, tiny_model: Path, tmp_path: Path
) -> None:
    colorizer = tinct.Colorizer(tiny_model)
    (remark,) = colorizer.photo(captioned, tmp_path / "out.png").remarks
    assert remark.startswith("parts of the picture (")
    assert remark.endswith("have colours already and were coloured anew; --keep MASK keeps them")
    assert colorizer.photo(captioned, tmp_path / "anew.png", recolor=True).remarks == ()
    assert colorizer.photo(camera_png, tmp_path / "grey.png").remarks == ()


def test_a_mask_is_for_one_picture_of_its_proportions(
    captioned: Path, mask: Path, chelsea_png: Path, tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"mask\.png: the mask of 512 x 512 pixels does not have the proportions"):
        tinct.Colorizer(tiny_model, keep=mask).photo(chelsea_png, tmp_path / "out.png", recolor=True)
    with pytest.raises(SettingError, match="a mask is for one picture, but 2 were named"):
        colorize_files(
            [captioned, chelsea_png], output=tmp_path / "o", settings=PhotoSettings(model=tiny_model, keep=mask)
        )
    with pytest.raises(SettingError, match="leave one out"):
        PhotoSettings(keep=mask, crop=True)

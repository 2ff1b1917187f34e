"""Sheets: the pictures really are on them, upright and at their places, and nothing half is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import pyvips

from tinct.coloring.photo.sheet import GAP, compare_sheet, confidence_sheet
from tinct.errors import OutputError, SettingError, UnreadableError


def pixels(path: Path) -> np.ndarray:
    return pyvips.Image.new_from_file(str(path)).numpy()


def test_pictures_stand_side_by_side(camera_png: Path, chelsea_png: Path, tmp_path: Path) -> None:
    sheet = pixels(compare_sheet([chelsea_png, chelsea_png], tmp_path / "sheet.png"))
    chelsea = pixels(chelsea_png)
    height, width = chelsea.shape[:2]
    assert sheet.shape == (height, 2 * width + GAP, 3)
    np.testing.assert_array_equal(sheet[:, :width], chelsea)
    np.testing.assert_array_equal(sheet[:, width + GAP :], chelsea)
    assert (sheet[:, width : width + GAP] == 255).all()


def test_large_pictures_are_scaled_and_small_ones_not(camera_png: Path, tmp_path: Path) -> None:
    assert pixels(compare_sheet([camera_png], tmp_path / "a.png", panel=100)).shape == (100, 100, 3)
    assert pixels(compare_sheet([camera_png], tmp_path / "b.png", panel=4000)).shape == (512, 512, 3)


def test_every_kind_of_picture_fits(chelsea_png: Path, tmp_path: Path) -> None:
    chelsea = pyvips.Image.new_from_file(str(chelsea_png))
    kinds = {
        "grey.png": chelsea.colourspace("b-w"),
        "grey16.tif": chelsea.colourspace("grey16"),
        "rgb16.png": chelsea.colourspace("rgb16"),
        "alpha.png": chelsea.addalpha(),
        "cmyk.jpg": chelsea.colourspace("cmyk"),
    }
    for name, image in kinds.items():
        image.write_to_file(str(tmp_path / name))
    sheet = pixels(compare_sheet([tmp_path / name for name in kinds], tmp_path / "sheet.png"))
    assert sheet.shape == (300, 5 * 451 + 4 * GAP, 3)
    for index in range(5):
        panel = sheet[:, index * (451 + GAP) :][:, :451]
        assert abs(float(panel.mean()) - float(pixels(chelsea_png).mean())) < 12


def test_orientation_is_applied(chelsea_png: Path, tmp_path: Path) -> None:
    turned = pyvips.Image.new_from_file(str(chelsea_png)).copy()
    turned.set_type(pyvips.GValue.gint_type, "orientation", 6)
    turned.write_to_file(str(tmp_path / "turned.jpg"))
    assert pixels(compare_sheet([tmp_path / "turned.jpg"], tmp_path / "sheet.png")).shape == (451, 300, 3)


def test_bytes_are_pictures_too(chelsea_png: Path, tmp_path: Path) -> None:
    sheet = compare_sheet([chelsea_png.read_bytes()], tmp_path / "sheet.png")
    np.testing.assert_array_equal(pixels(sheet), pixels(chelsea_png))


@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_ending_chooses_the_format(camera_png: Path, tmp_path: Path, ending: str) -> None:
    sheet = compare_sheet([camera_png], tmp_path / f"sheet{ending}", panel=64)
    assert pyvips.Image.new_from_file(str(sheet)).width == 64


def test_names_that_look_like_options(camera_png: Path, tmp_path: Path) -> None:
    odd = tmp_path / "scan[page=1]"
    odd.write_bytes(camera_png.read_bytes())
    assert pixels(compare_sheet([odd], tmp_path / "sheet.png")).shape == (512, 512, 3)


def test_failures_leave_nothing(camera_png: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    with pytest.raises(UnreadableError, match=r"text\.jpg: cannot be read"):
        compare_sheet([camera_png, text], tmp_path / "sheet.png")
    with pytest.raises(OutputError, match="cannot write files of this kind"):
        compare_sheet([camera_png], tmp_path / "sheet.nonsense")
    with pytest.raises(OutputError, match="folder does not exist"):
        compare_sheet([camera_png], tmp_path / "gone" / "sheet.png")
    with pytest.raises(SettingError):
        compare_sheet([], tmp_path / "sheet.png")
    assert [path.name for path in tmp_path.iterdir()] == ["text.jpg"]


def test_confidence_maps_differ_where_the_values_do(tmp_path: Path) -> None:
    probability = np.full((60, 90), 0.1, dtype=np.float32)
    probability[:, 45:] = 0.9
    ratio = np.full((60, 90), 50.0, dtype=np.float32)
    sheet = pixels(confidence_sheet(probability, ratio, tmp_path / "maps.png")).astype(int)
    height, width = sheet.shape[:2]
    middle, panel = height // 2, (width - 3 * GAP) // 2
    left, right = sheet[middle, panel // 4], sheet[middle, 3 * panel // 4]
    assert np.abs(left - right).max() > 100
    # Viridis ends in dark violet and yellow; a ratio beyond the scale has its last colour.
    assert left[2] > left[1]
    assert right[1] > right[2]
    np.testing.assert_allclose(sheet[middle, panel + 3 * GAP + panel // 2], [253, 231, 37], atol=3)


def test_confidence_maps_must_fit_together(tmp_path: Path) -> None:
    square = np.ones((4, 4), dtype=np.float32)
    with pytest.raises(SettingError, match="one size"):
        confidence_sheet(square, square[:2], tmp_path / "maps.png")

"""With crop, the photographs of a scan are written alone, upright, with the colours they have on it."""

import cv2
import numpy as np
import pytest

from photographs import photograph, write_picture
from scans import DARK, WHITE, bordered, laid, paper
from tinct.coloring.photo.batch import colorize_files
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.settings import PhotoSettings
from tinct.errors import InputError, OutputError, SettingError


@pytest.fixture(scope="module")
def colorizer(tiny_model):
    return Colorizer(tiny_model, runtime="onnxruntime", size=64, denoise="off", threads=1)


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    """A grey photograph turned by 2 degrees at the left, a coloured one turned by -1.5 at the right."""
    page = paper(520, 1000, DARK)
    camera = np.repeat(cv2.resize(photograph("camera")[..., 0], (360, 360))[..., None], 3, axis=2)
    laid(page, camera, (250, 260), 2.0)
    laid(page, cv2.resize(photograph("chelsea"), (400, 300)), (740, 260), -1.5)
    return write_picture(tmp_path_factory.mktemp("album") / "album.png", page), camera


def read(path):
    return cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)


def test_a_photograph_in_a_border_comes_out_alone(colorizer, tmp_path):
    photo = cv2.resize(photograph("camera"), (320, 300))
    scan = write_picture(tmp_path / "scan.png", bordered(photo, WHITE, sides=(30, 30, 40, 40)))
    whole = read(colorizer.photo(scan).target)
    result = colorizer.photo(scan, tmp_path / "alone.png", crop=True)
    alone = read(result.target)
    assert result.targets == (tmp_path / "alone.png",)
    assert alone.shape[:2] == (result.height, result.width)
    assert abs(result.height - 300) <= 4
    assert abs(result.width - 320) <= 4
    top, left = (whole.shape[0] - alone.shape[0]) // 2, (whole.shape[1] - alone.shape[1]) // 2
    middle = np.s_[60:-60, 60:-60]
    best = min(
        np.abs(alone[middle].astype(int) - whole[t : t + alone.shape[0], s : s + alone.shape[1]][middle]).mean()
        for t in range(top - 2, top + 3)
        for s in range(left - 2, left + 3)
    )
    assert best < 1


def test_turned_photographs_come_out_upright_each_in_its_file(colorizer, album, tmp_path):
    path, camera = album
    result = colorizer.photo(path, tmp_path / "one.png", crop=True)
    assert [target.name for target in result.targets] == ["one.png", "one_2.png"]
    assert "2 photographs; the others" in result.remarks[-1]
    first, second = (read(target) for target in result.targets)
    grey = cv2.cvtColor(first, cv2.COLOR_RGB2GRAY)
    close = cv2.resize(grey, (360, 360)).astype(float)
    assert np.abs(close - camera[..., 0])[20:-20, 20:-20].mean() < 9
    assert np.ptp(first.astype(int), axis=2).mean() > 3
    true = cv2.resize(photograph("chelsea"), second.shape[1::-1]).astype(float)
    assert np.abs(second - true)[20:-20, 20:-20].mean() < 9
    (tmp_path / "one.png").unlink()
    with pytest.raises(OutputError, match=r"one_2\.png"):
        colorizer.photo(path, tmp_path / "one.png", crop=True)
    assert not (tmp_path / "one.png").exists()


def test_where_no_frame_is_found_all_is_written_and_said(colorizer, camera_png, tmp_path):
    result = colorizer.photo(camera_png, tmp_path / "out.png", crop=True)
    assert (result.width, result.height) == (512, 512)
    assert result.remarks[-1] == "no frame was found, so all of it was written"


def test_bytes_hold_one_photograph(colorizer, album):
    with pytest.raises(InputError, match="it holds 2 photographs"):
        colorizer.encoded(album[0], crop=True)


def test_a_folder_run_twice_takes_no_crop_for_a_picture(tiny_model, album, tmp_path):
    path = tmp_path / "album.png"
    path.write_bytes(album[0].read_bytes())
    settings = PhotoSettings(model=tiny_model, crop=True, size=64)
    (row,) = colorize_files([tmp_path], settings=settings)
    assert row.status == "colorized"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["album.png", "album_color.png", "album_color_2.png"]
    (again,) = colorize_files([tmp_path], settings=settings)
    assert (again.source, again.status) == (path, "exists")


def test_crop_needs_frames():
    with pytest.raises(SettingError, match="frames is off"):
        PhotoSettings(crop=True, frames="off")

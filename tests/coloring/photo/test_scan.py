"""A scan: each photograph is seen alone and gets the colours it has alone; what lies around stays as it was."""

import re

import cv2
import numpy as np
import pytest

from photographs import photograph, write_picture
from scans import DARK, WHITE, YELLOWED, bordered, laid, paper, strip
from tinct.color.spaces import rgb_to_yuv
from tinct.coloring.hints.hint import Hint
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.editor import Editor
from tinct.errors import AlreadyColorError, SettingError


@pytest.fixture(scope="module")
def colorizer(tiny_model):
    return Colorizer(tiny_model, runtime="onnxruntime", size=96, denoise="off", threads=1)


def grey(name, height=320):
    picture = cv2.cvtColor(photograph(name), cv2.COLOR_RGB2GRAY)
    size = (round(picture.shape[1] * height / picture.shape[0]), height)
    return np.repeat(cv2.resize(picture, size, interpolation=cv2.INTER_AREA)[..., None], 3, axis=2)


def chroma(rgb):
    return rgb_to_yuv(rgb / 255)[..., 1:]


def test_a_photograph_in_a_border_gets_the_colors_it_has_alone(colorizer):
    photo = grey("camera")
    alone = colorizer(photo)
    scan = bordered(photo, YELLOWED, sides=(30, 40, 30, 25))
    result = colorizer(scan)
    inner = result[30:-40, 30:-25]
    assert np.abs(chroma(inner) - chroma(alone))[4:-4, 4:-4].mean() < 0.006
    whole = colorizer.changed(frames="off").array(scan, recolor=True)
    assert np.abs(chroma(whole[30:-40, 30:-25]) - chroma(alone)).mean() > 0.008
    rim = np.ones(scan.shape[:2], dtype=bool)
    rim[28:-38, 28:-23] = False
    np.testing.assert_array_equal(result[rim], scan[rim])
    assert np.abs(rgb_to_yuv(result / 255)[..., 0] - rgb_to_yuv(scan / 255)[..., 0]).max() < 0.004


def test_a_colour_target_stays_coloured_and_does_not_make_the_scan_coloured(colorizer):
    scan = bordered(grey("camera"), WHITE, sides=(30, 100, 30, 30))
    target = strip(40, scan.shape[1] - 40)
    scan[-60:-20, 20:-20] = target
    result = colorizer(scan)
    np.testing.assert_array_equal(result[-60:-20, 20:-20], target)
    assert np.abs(chroma(result[30:-100, 30:-30])).mean() > 0.01
    with pytest.raises(AlreadyColorError):
        colorizer.changed(frames="off").array(scan)


def album():
    page = paper(520, 1000, DARK)
    laid(page, grey("camera", 360), (250, 260), 2.0)
    laid(page, cv2.resize(photograph("chelsea"), (400, 300)), (740, 260), -1.5)
    return page


def test_of_two_photographs_the_coloured_one_is_kept(colorizer):
    page = album()
    result = colorizer(page)
    np.testing.assert_array_equal(result[:, 480:], page[:, 480:])
    assert np.abs(chroma(result[100:400, 100:400])).mean() > 0.01
    anew = colorizer.array(page, recolor=True)
    assert np.abs(anew[:, 480:].astype(int) - page[:, 480:]).max() > 20


def test_a_coloured_photograph_in_a_border_is_skipped(colorizer):
    with pytest.raises(AlreadyColorError):
        colorizer(bordered(photograph("chelsea"), WHITE, sides=(30, 30, 30, 30)))


def test_file_array_and_editor_agree(colorizer, tmp_path):
    page = album()
    path = write_picture(tmp_path / "album.png", page)
    written = cv2.imread(str(colorizer.photo(path).target), cv2.IMREAD_COLOR_RGB)
    assert np.abs(written.astype(int) - colorizer(page)).mean() < 1
    editor = Editor(path, colorizer=colorizer)
    shown = editor.preview()
    assert np.abs(shown.astype(int) - written)[:, 480:].max() == 0
    assert np.abs(shown.astype(int) - written).mean() < 0.5


def test_hints_work_inside_and_leave_the_page_alone(colorizer, tmp_path):
    page = album()
    path = write_picture(tmp_path / "album.png", page)
    editor = Editor(path, colorizer=colorizer)
    plain = editor.preview()
    red = editor.preview([Hint(points=((250.0, 300.0),), color=(176, 48, 32))])
    assert np.abs(red.astype(int) - plain)[290:310, 240:260].mean() > 5
    np.testing.assert_array_equal(red[:, 480:], page[:, 480:])
    for place in editor.suggest(5):
        assert 60 < place.x < 460


def test_explain_tells_what_was_found_and_shows_it(colorizer, tmp_path):
    path = write_picture(tmp_path / "album.png", album())
    stages = {stage.name: stage for stage in colorizer.explain(path)}
    assert re.match(r"2 on the scan, of 36\d x 36\d, 40\d x 30\d pixels; what", stages["photographs"].decided)
    assert stages["photographs"].picture is not None
    assert "colours of its own, kept" in stages["toning"].decided
    off = colorizer.changed(frames="off").explain(path, recolor=True)[2]
    assert off.decided.startswith("not looked for (frames off)")
    assert off.picture is None
    with pytest.raises(SettingError, match="frames must be auto or off"):
        colorizer.changed(frames="some")

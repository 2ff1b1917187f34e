"""What kind of original a scan shows is said with its result, and a negative is inverted where that is asked for."""

import cv2
import numpy as np
import pytest

from photographs import photograph
from tinct.color.spaces import rgb_to_yuv
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.editor import Editor
from tinct.coloring.photo.watch import BILEVEL, Watch
from tinct.coloring.settings import VideoSettings
from tinct.errors import AlreadyColorError, SettingError


@pytest.fixture(scope="module")
def grey():
    whole = cv2.cvtColor(photograph("motorcycle_left"), cv2.COLOR_RGB2GRAY)
    return cv2.resize(whole, (300, 300), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def colorizer(tiny_model):
    return Colorizer(tiny_model, threads=2)


def screened(levels):
    rows, columns = np.mgrid[: levels.shape[0], : levels.shape[1]]
    threshold = 127.5 + 63.75 * (np.cos((rows + columns) * np.pi / 3) + np.cos((rows - columns) * np.pi / 3))
    return np.where(levels > threshold, 255, 0).astype(np.uint8)


def written(path, pixels):
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.mark.parametrize("rows", [7, 100, 300])
def test_rows_tell_the_same_in_strips_of_any_height_and_order(grey, rows):
    watch = Watch(300, 300)
    luma = screened(grey).astype(np.float32) / 255
    for top in reversed(range(0, 300, rows)):
        watch.see(luma[top : top + rows], top)
    (remark,) = watch.remarks
    assert remark.startswith("it looks like a halftone print: its dots, 4.2 pixels apart, stay")


def test_small_pictures_tell_their_levels_alone(grey):
    watch = Watch(60, 300)
    watch.see(np.where(grey[:, :60] > 100, 1.0, 0.0).astype(np.float32), 0)
    assert watch.remarks == (BILEVEL,)
    assert Watch(60, 300).remarks == ()


def test_a_result_says_what_its_original_is(colorizer, grey, tmp_path):
    told = {
        "negative": "it looks like a negative; --negative (negative=True) inverts it",
        "halftone": "it looks like a halftone",
        "bilevel": "it looks bilevel",
    }
    made = {"negative": 255 - grey, "halftone": screened(grey), "bilevel": np.where(grey > 100, 255, 0)}
    for kind, remark in told.items():
        path = written(tmp_path / f"{kind}.png", made[kind].astype(np.uint8))
        result = colorizer.photo(path, tmp_path / f"{kind}_out.png")
        assert [said.startswith(remark) for said in result.remarks] == [True]
    with Editor(screened(grey)[:200], colorizer=colorizer) as editor:
        assert [said.startswith(told["halftone"]) for said in editor.remarks] == [True]
    plain = colorizer.photo(written(tmp_path / "plain.png", grey), tmp_path / "out.png")
    assert plain.remarks == ()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_negative_becomes_the_picture_it_was(colorizer, grey, tmp_path, dtype):
    positive = grey if dtype == np.uint8 else grey.astype(np.uint16) * 257
    opacity = np.full(grey.shape, 77, dtype)
    path = written(tmp_path / "negative.png", np.dstack([np.invert(positive)] * 3 + [opacity]))
    expected = colorizer.photo(written(tmp_path / "in.png", positive), tmp_path / "expected.png")
    result = colorizer.photo(path, tmp_path / "out.png", negative=True)
    assert result.remarks == ()
    values = cv2.imread(str(tmp_path / "out.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(values[..., 3], opacity)
    before = cv2.imread(str(expected.target), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(values[..., :3], before, atol=np.iinfo(dtype).max / 255)
    assert result.trace.note()["negative"] == "inverted"
    assert "negative" not in expected.trace.note()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_arrays_are_inverted_too(colorizer, grey, dtype):
    values = grey[:200].astype(dtype) * {np.uint8: 1, np.uint16: 257, np.float32: np.float32(1 / 255)}[dtype]
    negative = np.invert(values) if dtype != np.float32 else 1 - values
    result = colorizer.array(negative.astype(dtype), negative=True)
    assert result.dtype == dtype
    whole = 1 if dtype == np.float32 else np.iinfo(dtype).max
    luma = rgb_to_yuv(result.astype(np.float32) / whole)[..., 0]
    np.testing.assert_allclose(luma, values / whole, atol=0.6 / 255)


def test_of_colour_film_the_mask_is_said(colorizer, tmp_path):
    masked = (255 - photograph("china")) * np.array([0.95, 0.6, 0.33])
    path = written(tmp_path / "film.png", masked[..., ::-1].astype(np.uint8))
    with pytest.raises(AlreadyColorError, match=r"--recolor.*the orange mask of a colour negative is not removed"):
        colorizer.photo(path, tmp_path / "out.png", negative=True)


def test_films_are_not_inverted():
    with pytest.raises(SettingError, match="tinct cannot invert a film"):
        VideoSettings(negative=True)

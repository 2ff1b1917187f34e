"""What TIFF files of film scanners, archives and old programs hold, against the grey picture that they were made of."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from media.image.pictures import scene, tiff
from tinct.errors import UnreadableError
from tinct.media.image.picture import open_picture

GREY = scene(60, 96)[..., 0]
COLORS = np.repeat(GREY[..., None], 3, axis=2)
OTHER = np.full((60, 96, 1), 90, np.uint8)
LIGHTNESS = cv2.cvtColor(COLORS.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[..., 0] / 100


def of(values, **tags):
    """A TIFF file of (h, w, n) values, whose tags say how many they are and of what width."""
    count, bits = values.shape[2], values.dtype.itemsize * 8
    return tiff(96, 60, values.tobytes(), **{"t258": (3, [bits] * count), "t277": (3, [count]), **tags})


def read(content):
    opened = open_picture(content)
    return opened, opened.small(size=1e4)[..., 0]


@pytest.mark.parametrize(
    ("values", "tags", "left_out"),
    [
        ([COLORS, OTHER], {"t262": (3, [2]), "t338": (3, [0])}, 1),  # a film scanner's infrared
        ([COLORS[..., :1], OTHER], {"t338": (3, [0])}, 1),
        ([COLORS, OTHER, OTHER], {"t262": (3, [2]), "t338": (3, [0, 0])}, 2),
        ([COLORS, OTHER, OTHER], {"t262": (3, [2]), "t338": (3, [2, 0])}, 1),
        ([COLORS, OTHER], {"t262": (3, [2]), "t338": (3, [2])}, 0),
        ([COLORS, OTHER], {"t262": (3, [2])}, 0),
    ],
)
@pytest.mark.parametrize("deep", [False, True])
def test_channels_that_are_no_transparency_are_left_out(values, tags, left_out, deep):
    channels = np.concatenate(values, axis=2)
    opened, grey = read(of(channels.astype("<u2") * 257 if deep else channels, **tags))
    np.testing.assert_allclose(grey, GREY / 255, atol=1e-4)
    assert opened.alpha == (left_out < channels.shape[2] - (3 if channels.shape[2] > 2 else 1))
    said = [remark for remark in opened.remarks if "infrared" in remark]
    assert [remark.split()[0] for remark in said] == [str(left_out)] * bool(left_out)


@pytest.mark.parametrize("kind", [8, 9])
@pytest.mark.parametrize("deep", [False, True])
def test_lab_is_converted(kind, deep):
    most, middle = (65535, 32768) if deep else (255, 128)
    type_ = "<u2" if deep else np.uint8
    neutral = np.full_like(GREY, 0 if kind == 8 else middle, dtype=type_)
    values = np.stack([np.rint(LIGHTNESS * most).astype(type_), neutral, neutral], axis=2)
    opened, grey = read(of(values, t262=(3, [kind])))
    np.testing.assert_allclose(grey, GREY / 255, atol=0.006)
    assert opened.remarks == ("converted from Lab to sRGB",)
    assert opened.deep == deep


def test_signs_of_lab_are_those_of_its_colors():
    values = np.tile(np.array([160, 80, 40], np.uint8), (60, 96, 1))
    red = open_picture(of(values, t262=(3, [8]))).small(size=1e4)[0, 0]
    expected = cv2.cvtColor(np.array([[[160 / 2.55, 80, 40]]], np.float32), cv2.COLOR_LAB2RGB)[0, 0]
    np.testing.assert_allclose(red, np.clip(expected, 0, 1), atol=0.02)


@pytest.mark.parametrize(("scale", "white", "cut"), [(1.02, "1", True), (2.5, "1", True), (1.0, "1", False)])
def test_floats_that_overshoot_keep_white(scale, white, cut):
    opened, grey = read(of((COLORS[..., :1] / GREY.max() * scale).astype("<f4"), t339=(3, [3])))
    np.testing.assert_allclose(grey, np.minimum(GREY / GREY.max() * scale, 1), atol=1e-4)
    (said,) = opened.remarks
    assert said.startswith(f"its floats became 16 bits: {white} is white")
    assert said.endswith("were clipped") == cut


@pytest.mark.parametrize("tags", [{"t274": (3, [0])}, {"t296": (3, [0])}, {"t266": (3, [9])}, {"t284": (3, [0])}])
def test_tags_of_no_known_value_do_no_harm(tags, tmp_path):
    opened, grey = read(tiff(96, 60, GREY.tobytes(), **tags))
    np.testing.assert_allclose(grey, GREY / 255, atol=1e-4)
    opened.write(lambda rows, top: np.repeat(rows, 3, axis=-1), tmp_path / "out.tif", settings={}, threads=1)
    with Image.open(tmp_path / "out.tif") as result:
        assert result.tag_v2.get(296, 2) in (1, 2, 3)


@pytest.mark.parametrize(("mode", "kind"), [("RGB", 6), ("L", 1)])
def test_old_jpeg_in_tiff_is_read_with_its_orientation(mode, kind):
    """TIFF 6.0's own JPEG, compression 6, which libtiff's builds leave out: most hold a whole JPEG file."""
    stream = io.BytesIO()
    Image.fromarray(GREY).convert(mode).save(stream, "jpeg", quality=95)
    data = stream.getvalue()
    tags = {"t259": (3, [6]), "t262": (3, [kind]), "t274": (3, [6]), "t513": (4, [8]), "t514": (4, [len(data)])}
    opened, grey = read(tiff(96, 60, data, **tags))
    assert (opened.width, opened.height) == (60, 96)
    np.testing.assert_allclose(grey, np.rot90(GREY, -1) / 255, atol=0.06)
    with pytest.raises(UnreadableError, match="compressed by an old form of JPEG, in pieces"):
        open_picture(tiff(96, 60, data, **{**tags, "t513": (4, [0])}))


def test_planes_in_tiles_are_named():
    tags = {"t262": (3, [2]), "t277": (3, [3]), "t284": (3, [2]), "t322": (4, [64]), "t323": (4, [64])}
    with pytest.raises(UnreadableError, match="its channels are stored apart, in tiles") as caught:
        open_picture(tiff(96, 60, COLORS.tobytes(), **tags))
    assert "damaged" not in str(caught.value)

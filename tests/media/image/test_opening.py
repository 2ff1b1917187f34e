"""BMP, PNM and JPEG 2000, which libvips' wheels leave out, against Pillow."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import pyvips
from PIL import Image

import tinct
from tinct.errors import UnreadableError
from tinct.media.image.opening import open_bytes, other_kind
from tinct.media.image.picture import open_picture
from tinct.media.image.small import read_small, size_of


@pytest.fixture
def photo(chelsea_png):
    return Image.open(chelsea_png).convert("RGB")


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("BMP", "RGB"), ("BMP", "L"), ("BMP", "P"), ("BMP", "1"), ("PPM", "RGB"), ("PPM", "L"), ("PPM", "1")],
)
def test_pixels_are_those_that_pillow_reads(photo, kind, mode):
    content = encoded(photo.convert(mode), kind)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    assert np.array_equal(read_small(content, name="photo"), expected)
    assert size_of(content, name="photo") == expected.shape[:2]


def test_jpeg_2000(photo):
    written = cv2.imencode(".jp2", np.asarray(photo)[..., ::-1], [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])[1]
    assert other_kind(written[:12].tobytes()) == "jp2kload"
    assert np.array_equal(read_small(written.tobytes(), name="photo"), np.asarray(photo))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"P5\n# 1001 steps\n4 1\n1000\n" + np.array([0, 500, 1000, 250], ">u2").tobytes(), [0, 32768, 65535, 16384]),
        (b"P5 4 1 65535\n" + np.array([0, 500, 1000, 250], ">u2").tobytes(), [0, 500, 1000, 250]),
        (b"P2 4 1 1000\n0 500 1000 250\n", [0, 32768, 65535, 16384]),
        (b"P2 4 1 15\n0 1 15 5\n", [0, 17, 255, 85]),
        (b"P5 4 1 15\n\0\1\x0f\5", [0, 17, 255, 85]),
    ],
)
def test_the_largest_value_of_a_pnm_file_is_white(content, expected):
    assert open_bytes(content).numpy().ravel().tolist() == expected


def test_others_are_left_to_libvips(chelsea_png):
    assert open_bytes(chelsea_png.read_bytes()).get("vips-loader") == "pngload_buffer"
    assert other_kind(b"Peter Bruegel") is None


def test_a_bitmap_is_colored_into_a_png(photo, tmp_path):
    small = photo.convert("L").resize((96, 64))
    small.save(tmp_path / "oma.bmp")
    found = open_picture(tmp_path / "oma.bmp")
    assert (found.width, found.height, found.lossless, found.default_target().name) == (96, 64, True, "oma_color.png")
    written = tinct.colorize(tmp_path / "oma.bmp")
    assert written == tmp_path / "oma_color.png"
    luma = np.asarray(Image.open(written).convert("L"), dtype=int)
    assert np.abs(luma - np.asarray(small)).max() <= 3


@pytest.mark.parametrize("kind", ["BMP", "PPM"])
def test_one_that_is_cut_short_is_refused_without_a_word_on_the_console(photo, kind, tmp_path, capfd):
    content = encoded(photo, kind)[:20000]
    with pytest.raises(UnreadableError, match="half: not a picture, or a damaged one"):
        read_small(content, name="half")
    (tmp_path / "half.bmp").write_bytes(content)
    with pytest.raises(UnreadableError, match=r"half\.bmp"):
        open_picture(tmp_path / "half.bmp")
    with pytest.raises(pyvips.Error):
        open_bytes(content)
    assert capfd.readouterr().err == ""

"""TIFF: which picture of a file is used, and values that libvips leaves as they are."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
import pyvips
from PIL import Image, TiffImagePlugin

from media.image.pictures import scene, tiff, tinted, write
from tinct.errors import MissingExtraError, UnreadableError
from tinct.media.image.picture import open_picture
from tinct.media.image.small import read_small, size_of
from tinct.media.image.tiff import read_pages

WHOLE = scene(360, 480)[..., 0]


def paged(path, *pages):
    """Write pages, each (pixels, NewSubfileType), as one TIFF file."""
    with TiffImagePlugin.AppendingTiffWriter(str(path), True) as file:
        for number, (pixels, kind) in enumerate(pages):
            picture = Image.fromarray(pixels)
            picture.encoderinfo = {"tiffinfo": {254: kind, 285: f"page {number}"}}
            picture.save(file, format="TIFF", tiffinfo={254: kind, 285: f"page {number}"})
            file.newFrame()
    return path


def test_a_reduced_copy_before_the_picture_is_passed_over(tmp_path):
    source = paged(tmp_path / "in.tif", (WHOLE[::4, ::4], 1), (WHOLE, 0))
    opened = open_picture(source)
    assert (opened.width, opened.height, opened.remarks) == (480, 360, ())
    assert size_of(source.read_bytes(), name="in") == (360, 480)
    assert read_small(source.read_bytes(), name="in").shape == (360, 480, 3)
    assert opened.small(size=1e4).shape == (360, 480, 1)
    opened.write(tinted, tmp_path / "out.tif", settings={}, threads=1)
    np.testing.assert_array_equal(pyvips.Image.new_from_file(str(tmp_path / "out.tif")).numpy()[..., 0], WHOLE)
    assert open_picture(tmp_path / "out.tif").metadata.exif.main[285].data == b"page 1\0"


@pytest.mark.parametrize("options", [{"subifd": True}, {}])
def test_a_pyramid_is_one_picture(tmp_path, options):
    tiles = {"tile": True, "tile_width": 64, "tile_height": 64, "pyramid": True}
    source = write(tmp_path / "in.tif", WHOLE[..., None], **tiles, **options)
    opened = open_picture(source)
    assert (opened.width, opened.height, opened.remarks) == (480, 360, ())


def test_a_pyramid_that_does_not_say_so_is_one_picture(tmp_path):
    source = paged(tmp_path / "in.tif", (WHOLE, 0), (WHOLE[::2, ::2], 0), (WHOLE[::4, ::4], 0))
    assert open_picture(source).remarks == ()


def test_the_picture_in_a_subdirectory_is_taken(tmp_path):
    """As cameras and archives write it: a small copy first, the whole picture among its subdirectories."""
    whole = tiff(480, 360, WHOLE.tobytes(), t254=(4, [0]))
    small = WHOLE[::4, ::4]
    first = tiff(120, 90, small.tobytes(), t254=(4, [1]), t330=(4, [0]))
    # The whole picture's file is put behind, its places moved.
    shift = len(first)
    first = tiff(120, 90, small.tobytes(), t254=(4, [1]), t330=(4, [shift + 8 + WHOLE.size]))
    whole = tiff(480, 360, WHOLE.tobytes(), t254=(4, [0]), t273=(4, [shift + 8]))
    content = first + whole
    (page,) = read_pages(io.BytesIO(content))
    assert (page.index, page.below, page.width, page.options) == (0, 0, 480, {"subifd": 0})
    (tmp_path / "in.tif").write_bytes(content)
    opened = open_picture(tmp_path / "in.tif")
    assert (opened.width, opened.height) == (480, 360)
    np.testing.assert_allclose(opened.small(size=1e4)[..., 0] * 255, WHOLE, atol=0.01)


def test_each_page_can_be_named(tmp_path):
    flipped = np.ascontiguousarray(WHOLE[::-1])
    source = paged(tmp_path / "in.tif", (WHOLE, 0), (WHOLE[::3, ::3], 1), (flipped, 0))
    assert open_picture(source).remarks == ("only the first of 2 pages was used; --pages all takes each",)
    second = open_picture(source, page=1)
    assert second.remarks == ()
    np.testing.assert_allclose(second.small(size=1e4)[..., 0] * 255, flipped, atol=0.01)
    assert second.metadata.exif.main[285].data == b"page 2\0"
    with pytest.raises(UnreadableError, match=r"in\.tif: it has only 2 pages, no page 3; choose"):
        open_picture(source, page=2)


def test_a_loop_of_directories_ends():
    content = bytearray(tiff(8, 8, bytes(64)))
    place = len(content) - 4
    content[place:] = content[4:8]
    assert len(read_pages(io.BytesIO(bytes(content)))) == 1
    with pytest.raises(ValueError, match="TIFF"):
        read_pages(io.BytesIO(b"II*\0"))


@pytest.mark.parametrize("options", [{}, {"compression": "deflate"}])
def test_a_file_without_its_directory_says_so(tmp_path, options):
    """As libtiff writes it, behind the pixels: without it nobody knows what they are."""
    write(tmp_path / "whole.tif", WHOLE[..., None], **options)
    content = (tmp_path / "whole.tif").read_bytes()
    (tmp_path / "in.tif").write_bytes(content[: len(content) // 2])
    words = rf"in\.tif: its file ends too soon: .* at byte \d+, but the file has only {len(content) // 2}; copy"
    with pytest.raises(UnreadableError, match=words):
        open_picture(tmp_path / "in.tif")


def test_pages_that_are_missing_are_said(tmp_path):
    content = paged(tmp_path / "whole.tif", (WHOLE, 0), (WHOLE, 0), (WHOLE, 0)).read_bytes()
    (tmp_path / "in.tif").write_bytes(content[: len(content) * 2 // 3])
    opened = open_picture(tmp_path / "in.tif")
    assert (
        "damaged: its file ends too soon, and later pages are missing; --strict refuses such pictures" in opened.remarks
    )
    np.testing.assert_allclose(opened.small(size=1e4)[..., 0] * 255, WHOLE, atol=0.01)
    with pytest.raises(UnreadableError, match="later pages are missing"):
        open_picture(tmp_path / "in.tif", strict=True)
    assert not any("damaged" in remark for remark in open_picture(tmp_path / "whole.tif").remarks)


def packed_12(values):
    first, second = values[:, ::2], values[:, 1::2]
    return np.stack([first >> 4, ((first & 15) << 4) | (second >> 8), second & 255], -1).astype(np.uint8).tobytes()


RAMP = np.tile(np.linspace(0, 4095, 96).astype(np.uint16), (40, 1))
DEEP = {
    "12 packed bits": tiff(96, 40, packed_12(RAMP), t258=(3, [12])),
    "half floats": tiff(96, 40, (RAMP / 4095).astype("<f2").tobytes(), t258=(3, [16]), t339=(3, [3])),
    "floats": tiff(96, 40, (RAMP / 4095).astype("<f4").tobytes(), t258=(3, [32]), t339=(3, [3])),
    "floats up to 255": tiff(96, 40, (RAMP / 4095 * 255).astype("<f4").tobytes(), t258=(3, [32]), t339=(3, [3])),
    "32 bits": tiff(96, 40, (RAMP.astype("<u4") * 1048832).tobytes(), t258=(3, [32])),
}


@pytest.mark.parametrize("kind", list(DEEP))
def test_values_of_other_widths_keep_their_range(tmp_path, kind):
    (tmp_path / "in.tif").write_bytes(DEEP[kind])
    opened = open_picture(tmp_path / "in.tif")
    assert opened.deep
    np.testing.assert_allclose(opened.small(size=1e4)[..., 0], RAMP / 4095, atol=3e-4)
    white = "255" if "255" in kind else "1"
    assert opened.remarks == ((f"its floats became 16 bits: {white} is white",) if "float" in kind else ())
    opened.write(lambda rows, top: np.repeat(rows, 3, axis=-1), tmp_path / "out.tif", settings={}, threads=1)
    result = pyvips.Image.new_from_file(str(tmp_path / "out.tif"))
    assert result.format == "ushort"
    np.testing.assert_allclose(result.numpy()[..., 0] / 65535, RAMP / 4095, atol=3e-4)


def test_zstd_in_tiff_is_read(tmp_path):
    Image.fromarray(WHOLE).save(tmp_path / "in.tif", compression="zstd", tiffinfo={285: "7 recto"})
    opened = open_picture(tmp_path / "in.tif")
    np.testing.assert_allclose(opened.small(size=1e4)[..., 0] * 255, WHOLE, atol=0.01)
    assert opened.metadata.exif.main[285].data == b"7 recto\0"
    assert opened.default_target().suffix == ".tif"


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"t259": (3, [34712])}, "its pixels are compressed by JPEG 2000, which tinct does not read; save it with LZW"),
        ({"t259": (3, [50002])}, "compressed by JPEG XL"),
        ({"t258": (3, [64]), "t339": (3, [3])}, "its values have 64 bits each; save it with 8, 16 or 32"),
    ],
)
def test_what_cannot_be_read_is_named_and_not_called_damaged(tmp_path, tags, words):
    (tmp_path / "in.tif").write_bytes(tiff(16, 16, bytes(4096), **tags))
    with pytest.raises(UnreadableError, match=words) as caught:
        open_picture(tmp_path / "in.tif")
    assert "damaged" not in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'in.tif'}: its")


def dng():
    """A small raw file: an even grey seen through a camera's mosaic."""
    sensor = np.full((96, 128), 8000, dtype="<u2")
    matrix = [int(value * 10_000) for row in np.eye(3) for value in row]
    return tiff(
        128,
        96,
        sensor.tobytes(),
        t254=(4, [0]),
        t258=(3, [16]),
        t262=(3, [32803]),
        t33421=(3, [2, 2]),
        t33422=(1, [0, 1, 1, 2]),
        t50706=(1, [1, 4, 0, 0]),
        t50708=(1, [*b"Test camera\0"]),
        t50714=(3, [0]),
        t50717=(4, [16383]),
        t50721=(10, [number for value in matrix for number in (value, 10_000)]),
        t50778=(3, [21]),
    )


def test_a_cameras_raw_file_says_what_it_is(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rawpy", None)
    (tmp_path / "in.dng").write_bytes(dng())
    with pytest.raises(MissingExtraError, match=r"in\.dng: this is a camera's raw file: export it as TIFF") as caught:
        open_picture(tmp_path / "in.dng")
    assert caught.value.extra == "raw"
    with pytest.raises(UnreadableError, match=r"pip install 'tinct\[raw\]'"):
        read_small(dng(), name="in.dng")


def test_a_cameras_raw_file_is_developed(tmp_path):
    pytest.importorskip("rawpy", reason="needs rawpy: pip install 'tinct[raw]'")
    (tmp_path / "in.dng").write_bytes(dng())
    opened = open_picture(tmp_path / "in.dng")
    assert opened.deep
    assert opened.remarks == ("developed from the camera's raw file with its own white balance",)
    assert opened.default_target().name == "in_color.png"
    small = opened.small(size=64)
    assert small.shape[2] == 3
    assert np.ptp(small[4:-4, 4:-4]) < 0.25


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

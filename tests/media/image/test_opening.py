"""What libvips' wheels leave out, and what a file says of its values that libvips does not apply, against Pillow."""

from __future__ import annotations

import io
import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
import pyvips
from PIL import Image

import tinct
from tinct.errors import MissingExtraError, UnreadableError
from tinct.media.image.kinds import other_kind
from tinct.media.image.opening import open_image
from tinct.media.image.picture import open_picture
from tinct.media.image.png import raw_profile
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
    assert open_image(content).numpy().ravel().tolist() == expected


def test_others_are_left_to_libvips(chelsea_png):
    assert open_image(chelsea_png.read_bytes()).get("vips-loader") == "pngload_buffer"
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
        open_image(content)
    assert capfd.readouterr().err == ""


def heic(image, **options):
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs pillow-heif: pip install 'tinct[heic]'")
    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, quality=-1, chroma=444, **options)
    return stream.getvalue()


def test_a_phones_heic_is_read_with_what_it_says(photo, tmp_path):
    exif = Image.Exif()
    exif[271], exif[274] = "Phone", 1
    profile = pyvips.Image.profile_load("srgb")
    (tmp_path / "oma.heic").write_bytes(heic(photo, exif=exif.tobytes(), icc_profile=profile))
    opened = open_picture(tmp_path / "oma.heic")
    assert (opened.width, opened.height, opened.default_target().name) == (451, 300, "oma_color.avif")
    np.testing.assert_allclose(opened.small(size=1e4) * 255, np.asarray(photo), atol=4)
    assert opened.metadata.exif.main[271].data.rstrip(b"\0") == b"Phone"
    assert read_small((tmp_path / "oma.heic").read_bytes(), longest=100, name="oma").shape == (67, 100, 3)


def test_a_heic_is_turned_by_its_boxes_and_not_by_its_exif_again(photo, tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs pillow-heif: pip install 'tinct[heic]'")
    exif = Image.Exif()
    exif[274] = 6
    photo.info["exif"] = exif.tobytes()
    content = heic(photo)
    assert b"irot" in content
    (tmp_path / "oma.heic").write_bytes(content)
    shown = np.asarray(pillow_heif.open_heif(io.BytesIO(content)).to_pillow())
    opened = open_picture(tmp_path / "oma.heic")
    assert (opened.width, opened.height) == shown.shape[1::-1]
    np.testing.assert_allclose(opened.small(size=1e4) * 255, shown, atol=0.01)
    opened.write(lambda rows, top: rows, tmp_path / "out.png", settings={}, threads=1)
    with Image.open(tmp_path / "out.png") as written:
        assert written.getexif().get(274, 1) == 1


def test_heic_without_its_extra_names_it(photo, tmp_path, monkeypatch):
    content = heic(photo)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    (tmp_path / "oma.heic").write_bytes(content)
    with pytest.raises(MissingExtraError, match=r"oma\.heic: reading HEIC needs the extra 'heic'"):
        open_picture(tmp_path / "oma.heic")
    with pytest.raises(UnreadableError, match=r"tinct\[heic\]"):
        read_small(content, name="oma")


def test_a_damaged_heic_is_one_line(photo, tmp_path):
    (tmp_path / "oma.heic").write_bytes(heic(photo)[:3000])
    with pytest.raises(UnreadableError, match=r"oma\.heic") as caught:
        open_picture(tmp_path / "oma.heic")
    assert "\n" not in str(caught.value)


def grey_profile(gamma=1.0):
    """A grey ICC profile of a gamma, as small as can be."""

    def s15(value):
        return struct.pack(">i", round(value * 65536))

    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    white = b"XYZ " + bytes(4) + s15(0.9642) + s15(1) + s15(0.8249)
    words = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(78)
    tags = [(b"desc", words + bytes(-len(words) % 4)), (b"wtpt", white), (b"kTRC", curve)]
    place, table, data = 132 + 12 * len(tags), b"", b""
    for name, content in tags:
        table += name + struct.pack(">II", place + len(data), len(content))
        data += content
    size = place + len(data)
    head = struct.pack(">I4sI4s4s4s", size, b"lcms", 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + s15(0.9642) + s15(1) + s15(0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def srgb_of(linear):
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


RAMP = np.tile(np.linspace(0, 255, 256).astype(np.uint8), (32, 1))


def test_a_grey_profile_in_avif_is_applied(tmp_path):
    (tmp_path / "in.avif").write_bytes(encoded(Image.fromarray(RAMP), "AVIF", icc_profile=grey_profile(), quality=100))
    opened = open_picture(tmp_path / "in.avif")
    assert opened.remarks == ("converted from its grey profile to sRGB",)
    np.testing.assert_allclose(opened.small(size=1e4)[:, 8:, 0], srgb_of(RAMP[:, 8:] / 255), atol=0.02)


def test_the_profile_of_jpeg_2000_is_applied(tmp_path):
    written = cv2.imencode(".jp2", RAMP, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])[1].tobytes()
    profile = grey_profile()
    at = written.index(b"colr") - 4
    length = int.from_bytes(written[at : at + 4], "big")
    box = struct.pack(">I4s", len(profile) + 11, b"colr") + b"\2\0\0" + profile
    header = written.index(b"jp2h") - 4
    longer = int.from_bytes(written[header : header + 4], "big") + len(box) - length
    content = written[:header] + struct.pack(">I", longer) + written[header + 4 : at] + box + written[at + length :]
    (tmp_path / "in.jp2").write_bytes(content)
    opened = open_picture(tmp_path / "in.jp2")
    assert opened.remarks == ("converted from its grey profile to sRGB",)
    np.testing.assert_allclose(opened.small(size=1e4)[:, 8:, 0], srgb_of(RAMP[:, 8:] / 255), atol=0.02)


@pytest.mark.parametrize("mode", ["L", "RGB", "LA"])
@pytest.mark.parametrize(("gamma", "said"), [(1.0, "1"), (1 / 1.8, "1.8"), (1 / 2.2, None)])
def test_the_gamma_of_png_is_applied(tmp_path, mode, gamma, said):
    content = encoded(Image.fromarray(RAMP).convert(mode), "PNG")
    data = b"gAMA" + struct.pack(">I", round(gamma * 100_000))
    chunk = struct.pack(">I", 4) + data + struct.pack(">I", zlib.crc32(data))
    (tmp_path / "in.png").write_bytes(content[:33] + chunk + content[33:])
    opened = open_picture(tmp_path / "in.png")
    assert opened.remarks == ((f"converted from its gamma of {said} to sRGB",) if said else ())
    expected = srgb_of((RAMP / 255) ** (1 / gamma)) if said else RAMP / 255
    np.testing.assert_allclose(opened.small(size=1e4)[..., 0], expected, atol=0.003)
    assert opened.alpha == (mode == "LA")


def test_the_gamma_of_png_yields_to_what_says_more(tmp_path):
    profile = pyvips.Image.profile_load("srgb")
    content = encoded(Image.fromarray(RAMP).convert("RGB"), "PNG", icc_profile=profile)
    data = b"gAMA" + struct.pack(">I", 100_000)
    chunk = struct.pack(">I", 4) + data + struct.pack(">I", zlib.crc32(data))
    (tmp_path / "in.png").write_bytes(content[:33] + chunk + content[33:])
    assert open_picture(tmp_path / "in.png").remarks == ()


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_an_orientation_in_an_old_text_chunk_of_png_is_heeded(photo):
    """ImageMagick's and ExifTool's way before PNG had a chunk for EXIF, which libvips passes over."""
    block = Image.Exif()
    block[274] = 6
    words = raw_profile("exif", b"Exif\0\0" + block.tobytes().removeprefix(b"Exif\0\0"))
    content = encoded(photo, "PNG")
    old = content[:33] + chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(words.encode())) + content[33:]
    opened = open_picture(old)
    assert (opened.width, opened.height) == photo.size[::-1]
    expected = np.asarray(photo.transpose(Image.Transpose.ROTATE_270)) / 255
    np.testing.assert_allclose(opened.small(size=1e4), expected, atol=1e-4)
    standard = Image.Exif()
    standard[274] = 1
    newer = encoded(photo, "PNG", exif=standard)
    both = newer[:33] + old[33 : len(old) - len(content) + 33] + newer[33:]
    assert (open_picture(both).width, open_picture(both).height) == photo.size


def test_frames_of_an_animated_png_are_said(photo):
    content = encoded(photo, "PNG", save_all=True, append_images=[photo.rotate(180)])
    assert open_picture(content).remarks == ("only the first of 2 pictures in the file was used",)


def test_a_resolution_that_is_none_does_no_harm(photo, tmp_path, capfd):
    content = encoded(photo.convert("L"), "PNG")
    dense = content[:33] + chunk(b"pHYs", struct.pack(">IIB", 2**32 - 1, 2**32 - 1, 1)) + content[33:]
    for suffix in (".png", ".tif", ".jpg"):
        opened = open_picture(dense)
        opened.write(lambda rows, top: np.repeat(rows, 3, axis=-1), tmp_path / f"out{suffix}", settings={}, threads=1)
        with Image.open(tmp_path / f"out{suffix}") as result:
            assert result.size == photo.size
    assert capfd.readouterr().err == ""

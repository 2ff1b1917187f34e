"""Every kind of file in and out: pixels, metadata, damage."""

import numpy as np
import pytest
import pyvips

from media.image.pictures import run, scene, tinted, write
from tinct import __version__
from tinct.media.image import formats
from tinct.media.image.picture import open_picture
from tinct.media.image.xmp import MARK, noted

WEIGHTS = np.array([0.299, 0.587, 0.114])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_pixels_arrive_exactly(tmp_path, suffix, dtype, bands):
    pixels = scene(bands=bands, dtype=dtype)
    if bands in (2, 4):
        pixels[..., -1] = np.iinfo(dtype).max // 3
    result = run(write(tmp_path / f"in{suffix}", pixels), tmp_path / f"out{suffix}").numpy()
    np.testing.assert_array_equal(result, tinted(pixels, 0))
    assert result.dtype == dtype


def test_many_strips_arrive_in_order(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (3001, 701, 1), dtype=np.uint8)
    result = run(write(tmp_path / "in.png", pixels), tmp_path / "out.png").numpy()
    np.testing.assert_array_equal(result, tinted(pixels, 0))


@pytest.mark.parametrize(("suffix", "dtype"), [(".jpg", np.uint8), (".png", np.uint16), (".tif", np.uint8)])
@pytest.mark.parametrize("orientation", [1, 2, 6])
def test_what_was_looked_at_small_comes_out_the_same(tmp_path, suffix, dtype, orientation):
    fields = [(pyvips.GValue.gint_type, "orientation", orientation)]
    source = write(tmp_path / f"in{suffix}", scene(bands=3, dtype=dtype), fields=fields)
    results = []
    for size in (None, 50, 10_000):
        opened = open_picture(source)
        if size is not None:
            opened.small(size=size)
        results.append(opened.encode(tinted, suffix, settings={}, threads=2))
    assert results[0] == results[1] == results[2]


def test_a_picture_as_small_as_its_small_copy_is_decoded_once(tmp_path):
    source = write(tmp_path / "in.jpg", scene(400, 300))
    whole = open_picture(source).encode(tinted, ".png", settings={}, threads=2)
    opened = open_picture(source)
    opened.small(size=640)
    source.write_bytes(source.read_bytes()[:2000])
    assert opened.encode(tinted, ".png", settings={}, threads=2) == whole


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_lossy_formats_come_out_like_they_went_in(tmp_path, suffix):
    pixels = scene(bands=3)
    options = {".jpg": {"Q": 95}, ".webp": {"lossless": True}, ".avif": {"Q": 95}}[suffix]
    result = run(write(tmp_path / f"in{suffix}", pixels, **options), tmp_path / f"out{suffix}").numpy()
    assert np.abs(result.astype(int) - tinted(pixels, 0)).mean() < 3
    if suffix == ".webp":  # lossless stays lossless
        np.testing.assert_array_equal(result, tinted(pixels, 0))


def test_sixteen_bits_become_eight_where_the_format_ends(tmp_path):
    source = write(tmp_path / "in.png", scene(dtype=np.uint16))
    opened = open_picture(source)
    assert opened.deep
    assert opened.result_type(formats.format_of("x.jpg")) is np.uint8
    assert opened.result_type(formats.format_of("x.tif")) is np.uint16


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_reset(tmp_path, orientation):
    stored = scene()
    fields = [(pyvips.GValue.gint_type, "orientation", orientation)]
    source = write(tmp_path / "in.png", stored, fields=fields)
    shown = pyvips.Image.new_from_file(str(source)).autorot().numpy()
    opened = open_picture(source)
    assert (opened.height, opened.width) == shown.shape[:2]
    small = opened.small(size=10_000)[..., 0]
    np.testing.assert_allclose(small * 255, shown.reshape(small.shape), atol=0.01)
    result = run(source, tmp_path / "out.png")
    np.testing.assert_array_equal(result.numpy()[..., 0], shown.reshape(small.shape))
    assert not result.get_typeof("orientation") or result.get("orientation") == 1


def test_palette_and_cmyk_are_read_as_colors(tmp_path):
    source = write(tmp_path / "in.png", scene(bands=3), palette=True)
    np.testing.assert_allclose(run(source, tmp_path / "out.png").numpy()[..., 0], scene()[..., 0], atol=6)
    cmyk = np.zeros((64, 64, 4), np.uint8)
    cmyk[..., 3] = np.linspace(0, 255, 64)
    source = write(tmp_path / "in.tif", cmyk, interpretation="cmyk")
    result = run(source, tmp_path / "cmyk.png")
    assert result.bands == 3
    assert result.numpy()[0, 0, 0] > 220 > 60 > result.numpy()[0, -1, 0]


def test_metadata_is_kept_and_the_note_added(tmp_path):
    xmp = noted(None, "old words", {})
    fields = [
        (pyvips.GValue.gstr_type, "exif-ifd0-Artist", "Dorothea"),
        (pyvips.GValue.gstr_type, "exif-ifd0-Software", "Scanner (9) (text)"),
        (pyvips.GValue.gstr_type, "exif-ifd0-ImageDescription", "A street"),
        (pyvips.GValue.blob_type, "xmp-data", xmp),
    ]
    source = write(tmp_path / "in.jpg", scene(), fields=fields, Q=97)
    plain = pyvips.Image.new_from_file(str(source)).copy(xres=11.811, yres=11.811)
    plain.write_to_file(str(source.with_name("dpi.jpg")), Q=97)
    result = run(source.with_name("dpi.jpg"), tmp_path / "out.jpg")
    assert result.get("exif-ifd0-Artist").startswith("Dorothea")
    assert result.get("exif-ifd0-ImageDescription").startswith("A street")
    assert result.get("exif-ifd0-Software").startswith(f"Scanner (9); {MARK} {__version__} (model test<1>)")
    assert result.xres == pytest.approx(11.811, rel=1e-3)
    packet = result.get("xmp-data")
    assert b"old words" in packet.split(b"xmlns:tinct")[0]  # the description is not ours to change
    assert packet.count(b"xmlns:tinct") == 1
    assert b"<tinct:model>test&lt;1&gt;</tinct:model>" in packet
    again = run(tmp_path / "out.jpg", tmp_path / "again.jpg")
    assert again.get("exif-ifd0-Software").count(MARK) == 1 * 2  # libvips shows each text twice


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".avif"])
def test_every_format_carries_the_note(tmp_path, suffix):
    result = run(write(tmp_path / "in.png", scene()), tmp_path / f"out{suffix}")
    assert MARK.encode() in result.get("xmp-data")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_resolution_is_kept(tmp_path, suffix):
    image = pyvips.Image.new_from_array(scene()).copy(interpretation="b-w", xres=23.622, yres=11.811)
    image.write_to_file(str(tmp_path / f"in{suffix}"))
    result = run(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}")
    assert (result.xres, result.yres) == pytest.approx((23.622, 11.811), rel=1e-3)


def test_profiles(tmp_path):
    srgb, wide = pyvips.Image.profile_load("srgb"), pyvips.Image.profile_load("p3")
    kind = pyvips.GValue.blob_type
    kept = run(
        write(tmp_path / "a.png", scene(bands=3), fields=[(kind, "icc-profile-data", srgb)]), tmp_path / "a_out.png"
    )
    assert kept.get("icc-profile-data") == srgb
    np.testing.assert_array_equal(kept.numpy(), tinted(scene(bands=3), 0))
    colors = np.zeros((20, 20, 3), np.uint8)
    colors[:] = [200, 100, 50]
    seen = []
    source = write(tmp_path / "b.png", colors, fields=[(kind, "icc-profile-data", wide)])
    result = run(source, tmp_path / "b_out.png", lambda rows, top: seen.append(rows[0, 0].copy()) or rows)
    assert seen[0][0] > 205  # the same red needs a larger number in the smaller space
    assert result.get("icc-profile-data") != wide
    np.testing.assert_allclose(result.numpy()[0, 0], seen[0])


def test_quality_is_estimated_from_the_tables(tmp_path):
    for quality in (30, 62, 85, 90, 95, 100):
        write(tmp_path / "in.jpg", scene(bands=3), Q=quality)
        assert formats.jpeg_quality((tmp_path / "in.jpg").read_bytes()) == quality
    assert formats.jpeg_quality(b"\xff\xd8\xff") is None
    assert formats.jpeg_quality(b"GIF89a") is None


KINDS = {
    ".png": {},
    ".tif": {},
    ".jpg": {"Q": 85},
    ".webp": {"Q": 100},
    ".avif": {"Q": 90},
    "lossless .webp": {"lossless": True},
    "lossless .avif": {"lossless": True},
}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("target", [".jpg", ".png", ".tif", ".webp", ".avif"])
def test_no_pair_of_formats_loses_quality(tmp_path, kind, target):
    """What can be kept exactly is; elsewhere the result is nearer to the input than one of quality 90 would be."""
    pixels = scene(bands=3)
    pixels[..., 1] = pixels[::-1, :, 1]
    pixels[..., 2] = np.random.default_rng(1).integers(100, 130, pixels.shape[:2])
    source = write(tmp_path / f"in{kind.split()[-1]}", pixels, **KINDS[kind])
    opened = open_picture(source)
    assert opened.lossless == (kind in (".png", ".tif", "lossless .webp", "lossless .avif"))
    opened.write(lambda rows, top: rows, tmp_path / f"out{target}", settings={}, threads=1)
    before = pyvips.Image.new_from_file(str(source)).numpy().astype(int)
    after = pyvips.Image.new_from_file(str(tmp_path / f"out{target}")).numpy().astype(int)
    if target in (".png", ".tif") or (opened.lossless and target != ".jpg"):
        np.testing.assert_array_equal(after, before)
        return
    plain = pyvips.Image.new_from_array(before.astype(np.uint8)).copy(interpretation="srgb")
    plain.write_to_file(str(tmp_path / f"plain{target}"), Q=90)
    saved = pyvips.Image.new_from_file(str(tmp_path / f"plain{target}")).numpy().astype(int)
    # What an AVIF file gave is met almost exactly when it is saved as it was; below 1 nobody sees a difference.
    assert np.abs(after - before).mean() <= max(1, np.abs(saved - before).mean())
    if target == ".jpg" and kind != ".jpg":
        assert formats.jpeg_quality((tmp_path / "out.jpg").read_bytes()) == formats.UNKNOWN_QUALITY


@pytest.mark.parametrize(("quality", "written"), [(60, 90), (96, 96)])
def test_quality_and_subsampling_are_not_lowered(tmp_path, quality, written):
    result = run(write(tmp_path / "in.jpg", scene(), Q=quality), tmp_path / "out.jpg")
    assert formats.jpeg_quality((tmp_path / "out.jpg").read_bytes()) == written
    assert result.get("jpeg-chroma-subsample") == "4:4:4"


@pytest.mark.parametrize(
    "form", ['tiff:Orientation="6"', "tiff:Orientation='6'", "<tiff:Orientation>6</tiff:Orientation>"]
)
def test_xmp_says_upright_where_the_picture_was_turned(tmp_path, form):
    xmp = noted(None, "old words", {}).replace(b"<dc:description>", form.encode(), 1)
    for orientation, expected in ((6, b"1"), (1, b"6")):
        fields = [
            (pyvips.GValue.gint_type, "orientation", orientation),
            (pyvips.GValue.blob_type, "xmp-data", xmp),
        ]
        result = run(write(tmp_path / "in.tif", scene(), fields=fields), tmp_path / "out.tif")
        assert form.encode().replace(b"6", expected) in result.get("xmp-data")


def test_a_profile_that_is_applied_or_dropped_is_told(tmp_path):
    kind, name = pyvips.GValue.blob_type, "icc-profile-data"
    wide = pyvips.Image.profile_load("p3")
    damaged = "its colour profile is damaged or does not fit and was ignored: its values are taken as sRGB"
    for profile, remarks in (
        (pyvips.Image.profile_load("srgb"), ()),
        (wide, ("converted from its own colour profile to sRGB",)),
        (wide[:300], (damaged,)),
        (wide[:128] + bytes(len(wide) - 128), (damaged,)),
    ):
        source = write(tmp_path / "in.tif", scene(bands=3), fields=[(kind, name, profile)])
        assert open_picture(source).remarks == remarks
        result = run(source, tmp_path / "out.tif")
        assert bool(result.get_typeof(name)) == (remarks != (damaged,))


def test_pages_after_the_first_are_told(tmp_path):
    pages = pyvips.Image.new_from_array(scene()).copy(interpretation="b-w").replicate(1, 3)
    pages.set_type(pyvips.GValue.gint_type, "page-height", 90)
    pages.write_to_file(str(tmp_path / "in.tif"))
    opened = open_picture(tmp_path / "in.tif")
    assert opened.remarks == ("only the first of 3 pages was used; --pages all takes each",)
    assert opened.height == 90


def test_default_targets(tmp_path):
    for name, expected in [("a.JPG", "a_color.JPG"), ("b.gif", "b_color.png"), ("c.tiff", "c_color.tiff")]:
        source = tmp_path / name
        image = pyvips.Image.new_from_array(scene()).copy(interpretation="b-w")
        image.write_to_file(str(source))
        assert open_picture(source).default_target() == tmp_path / expected

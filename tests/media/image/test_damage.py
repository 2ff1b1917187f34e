"""What can be saved of damaged pictures is used, and how much is missing is said."""

from __future__ import annotations

import numpy as np
import pytest
import pyvips

from media.image.pictures import tinted
from tinct.errors import UnreadableError
from tinct.media.image.damage import SHIFTED, WatchedJpeg, unnoticed_damage
from tinct.media.image.picture import open_picture


@pytest.fixture(scope="module")
def whole(camera_png):
    return pyvips.Image.new_from_file(str(camera_png)).resize(2)


def scrambled(content: bytes, seed: int) -> bytes:
    """200 bytes of noise in the middle, without a byte that would begin a mark."""
    noise = np.random.default_rng(seed).integers(0, 255, 200, dtype=np.uint8).tobytes()
    middle = len(content) // 2
    return content[:middle] + noise + content[middle + 200 :]


def saved(path, target):
    """The rows that a result has of a picture, and what is said of it."""
    opened = open_picture(path)
    opened.small(size=100)
    opened.write(tinted, target, settings={}, threads=2)
    return pyvips.Image.new_from_file(str(target)).numpy()[..., 0].astype(int), opened.remarks


@pytest.mark.parametrize("options", [{}, {"interlace": True}])
@pytest.mark.parametrize("ending", [0, 1, 2])
def test_a_jpeg_file_without_its_end_is_whole(whole, tmp_path, options, ending):
    content = whole.jpegsave_buffer(Q=90, **options)
    (tmp_path / "in.jpg").write_bytes(content[: len(content) - ending])
    rows, remarks = saved(tmp_path / "in.jpg", tmp_path / "out.png")
    assert remarks == ()
    np.testing.assert_array_equal(rows, pyvips.Image.new_from_buffer(content, "").numpy())


@pytest.mark.parametrize("saver", ["jpegsave_buffer", "pngsave_buffer"])
def test_the_first_half_of_a_file_is_used(whole, tmp_path, saver):
    content = getattr(whole, saver)()
    (tmp_path / "in.jpg").write_bytes(content[: len(content) // 2])
    rows, (remark,) = saved(tmp_path / "in.jpg", tmp_path / "out.png")
    share = int(remark.removeprefix("damaged: at most the first ").split(" %")[0])
    assert remark.endswith(" % of its rows are whole; --strict refuses such pictures")
    assert 40 < share < 90
    height = len(rows) * share // 100
    np.testing.assert_array_equal(rows[:height], pyvips.Image.new_from_buffer(content, "").numpy()[:height])
    with pytest.raises(UnreadableError, match=r"in\.jpg"):
        open_picture(tmp_path / "in.jpg", strict=True).small(size=100)


def test_noise_that_is_read_as_a_picture_is_said(whole, tmp_path):
    """The decoder has nothing to complain of, but needs less of the data than there are."""
    content = scrambled(whole.jpegsave_buffer(Q=90), 0)
    (tmp_path / "in.jpg").write_bytes(content)
    rows, (remark,) = saved(tmp_path / "in.jpg", tmp_path / "out.png")
    assert remark == f"{SHIFTED}; --strict refuses such pictures"
    assert np.abs(rows - whole.numpy()).max() > 50
    with pytest.raises(UnreadableError, match=r"in\.jpg: damaged: some of its data are wrong"):
        open_picture(tmp_path / "in.jpg", strict=True).small(size=100)


@pytest.mark.parametrize("height", [256, 255, 244, 242, 241])
@pytest.mark.parametrize("shrink", [1, 2, 4, 8])
def test_sound_files_have_no_data_left(whole, height, shrink):
    grey = whole.crop(300, 300, 200, height)
    color = grey.bandjoin([grey.fliphor(), grey.flipver()]).copy(interpretation="srgb")
    for image, options in ((grey, {}), (grey, {"Q": 40}), (color, {"subsample_mode": "on"}), (color, {})):
        content = image.jpegsave_buffer(**options)
        for source in (content, content + bytes(5000)):  # as of phones that put a film behind
            watched = WatchedJpeg.of(source)
            decoded = watched.decoded(shrink=shrink)
            assert not watched.has_data_left
            expected = pyvips.Image.new_from_buffer(content, "", shrink=shrink)
            np.testing.assert_array_equal(decoded.numpy(), expected.numpy())


@pytest.mark.parametrize("shrink", [1, 8])
def test_data_that_are_left_are_found_at_every_size(whole, shrink):
    for height in (1024, 1009):
        content = scrambled(whole.crop(0, 0, 1000, height).jpegsave_buffer(Q=90), 0)
        watched = WatchedJpeg.of(content)
        watched.decoded(shrink=shrink)
        assert watched.has_data_left, height


@pytest.mark.parametrize("options", [{"interlace": True}, {"restart_interval": 4}])
def test_files_whose_decoder_notices_by_itself_are_not_watched(whole, options):
    assert WatchedJpeg.of(whole.jpegsave_buffer(**options)) is None


@pytest.mark.parametrize("quality", [50, 90])
def test_noise_in_the_middle_of_a_webp_file_is_said(whole, tmp_path, quality):
    small = whole.resize(0.25)
    assert not unnoticed_damage(small.webpsave_buffer(lossless=True), "webpload")
    content = small.webpsave_buffer(Q=quality)
    assert not unnoticed_damage(content, "webpload")
    (tmp_path / "in.webp").write_bytes(scrambled(content, 3))
    opened = open_picture(tmp_path / "in.webp")
    opened.small(size=100)
    assert opened.remarks == (f"{SHIFTED}; --strict refuses such pictures",)


def test_a_jpeg_file_that_ends_in_zeros_says_how_much_is_whole(whole, tmp_path):
    content = whole.jpegsave_buffer(Q=90)
    half = len(content) // 2
    (tmp_path / "in.jpg").write_bytes(content[:half] + bytes(half))
    rows, (remark,) = saved(tmp_path / "in.jpg", tmp_path / "out.png")
    share = int(remark.removeprefix("damaged: its data end in zeros, and at most the first ").split(" %")[0])
    assert 30 < share < 70
    height = len(rows) * share // 100
    np.testing.assert_array_equal(rows[:height], pyvips.Image.new_from_buffer(content, "").numpy()[:height])
    assert not unnoticed_damage(content[:-2] + bytes(100), "jpegload")  # its rows are all there


def test_noise_in_the_middle_of_a_jpeg_file_is_said(whole, tmp_path):
    content = scrambled(whole.jpegsave_buffer(Q=90, restart_interval=8), 1)
    (tmp_path / "in.jpg").write_bytes(content)
    rows, (remark,) = saved(tmp_path / "in.jpg", tmp_path / "out.png")
    assert "of its rows are whole" in remark
    share = int(remark.removeprefix("damaged: at most the first ").split(" %")[0])
    sound = whole.jpegsave_buffer(Q=90, restart_interval=8)
    expected = pyvips.Image.new_from_buffer(sound, "").numpy().astype(int)
    height = len(rows) * share // 100
    assert height > 100
    np.testing.assert_array_equal(rows[:height], expected[:height])
    assert np.abs(rows - expected).max() > 50


def test_a_jpeg_file_in_passes_that_is_cut_says_so(whole, tmp_path):
    content = whole.jpegsave_buffer(Q=90, interlace=True)
    (tmp_path / "in.jpg").write_bytes(content[: len(content) // 2])
    rows, (remark,) = saved(tmp_path / "in.jpg", tmp_path / "out.png")
    assert remark.startswith("damaged: it is stored in passes, of which later ones are missing or wrong")
    assert np.abs(rows - whole.numpy()).mean() < 12


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".tif"])
def test_where_nothing_can_be_saved_it_is_refused(whole, tmp_path, suffix):
    content = whole.write_to_buffer(suffix)
    (tmp_path / f"in{suffix}").write_bytes(content[:700])
    with pytest.raises(UnreadableError, match="in"):
        open_picture(tmp_path / f"in{suffix}").small(size=100)


def test_sound_files_are_examined_no_further(whole, tmp_path, monkeypatch):
    monkeypatch.setattr("tinct.media.image.picture.found_damage", None)
    for suffix in (".jpg", ".png", ".tif", ".webp"):
        whole.write_to_file(str(tmp_path / f"in{suffix}"))
        assert saved(tmp_path / f"in{suffix}", tmp_path / f"out{suffix}")[1] == ()

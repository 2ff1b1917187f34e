"""Pictures as a film's frames: which a folder or a pattern names, and deep ones read to the bit."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import pyvips

from media.video import clips
from tinct.errors import InputError
from tinct.media.video.probe import open_film
from tinct.media.video.read import read_frames
from tinct.media.video.recipe import default_target
from tinct.media.video.sequence import find_pictures, is_pattern, missing_numbers, numbered, numbers_of

H, W = clips.HEIGHT, clips.WIDTH


def test_missing_numbers_of_pictures_are_found() -> None:
    def missing(*names: str) -> list[int]:
        return missing_numbers([Path(name) for name in names])

    assert missing("f_0001.png", "f_0002.png", "f_0005.png") == [3, 4]
    assert missing("f_0001.png", "f_0002.png") == []
    assert missing("a.png", "b.png") == []
    assert missing("20240101.png", "20250101.png") == []  # dates


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("f_%04d.png", ["f_0009.png", "f_0010.png", "f_12345.png"]),
        ("f_%d.png", ["f_7.png", "f_12345.png"]),
        ("f_%05d.png", ["f_12345.png"]),
        ("f_*.png", ["f_7.png", "f_0009.png", "f_0010.png", "f_012.png", "f_12345.png"]),
        ("g?.DPX", ["g1.DPX"]),
        ("h_%04d.png", []),
    ],
)
def test_a_pattern_names_pictures_in_the_order_of_their_numbers(tmp_path: Path, pattern: str, found: list[str]) -> None:
    for name in (
        "f_0010.png",
        "f_0009.png",
        "f_7.png",
        "f_012.png",
        "f_12345.png",
        "f_0009.txt",
        "g1.DPX",
        "xf_0001.png",
    ):
        (tmp_path / name).touch()
    assert [path.name for path in find_pictures(tmp_path / pattern)] == found
    if "%" in pattern:
        assert [
            numbered(tmp_path / pattern, number).name for number in numbers_of([Path(name) for name in found]) or ()
        ] == found


def test_numbers_are_those_that_tell_pictures_apart() -> None:
    assert numbers_of([Path("a_08.png"), Path("a_9.png")]) == [8, 9]
    assert numbers_of([Path("a_1.png"), Path("b_1.png")]) is None
    assert numbers_of([Path("a_1.png"), Path("b.png")]) is None
    assert not is_pattern("a_%04d_%04d.png")
    assert not is_pattern("100%.png")


def test_a_pattern_is_a_film_and_names_its_result(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    for number in (3, 4, 6):
        cv2.imwrite(str(tmp_path / "scans" / f"reel.{number:03d}.png"), clips.noise(number, (H, W)))
    film = open_film(tmp_path / "scans" / "reel.%03d.png", rate=18)
    assert (film.frames, film.rate) == (3, 18)
    for frame, number in zip(read_frames(film), (3, 4, 6), strict=True):
        np.testing.assert_array_equal(frame.luma, clips.noise(number, (H, W)))
    assert default_target(film) == tmp_path / "scans" / "reel_color.mp4"
    assert default_target(open_film(tmp_path / "scans" / "*.png")) == tmp_path / "scans_color.mp4"
    assert default_target(open_film(tmp_path / "scans")) == tmp_path / "scans_color.mp4"
    (tmp_path / "link").symlink_to(tmp_path / "scans")
    assert default_target(open_film(tmp_path / "link")) == tmp_path / "link_color.mp4"
    assert default_target(open_film(tmp_path / "link" / "*.png")) == tmp_path / "link_color.mp4"
    with pytest.raises(InputError, match=r"no_%d\.png: there are no such pictures"):
        open_film(tmp_path / "scans" / "no_%d.png")


def test_a_film_of_such_a_name_is_a_film(tmp_path: Path) -> None:
    source = clips.write_clip(tmp_path / "50%d [x].mkv", codec="ffv1", frames=2)
    assert open_film(source).images == ()


@pytest.mark.parametrize(("form", "bits"), [("gbrp10be", 10), ("gbrp12be", 12), ("rgb48be", 16), ("rgb24", 8)])
def test_dpx_is_read_to_the_bit(tmp_path: Path, form: str, bits: int) -> None:
    grey = clips.noise(1, (H, W), bits)
    clips.write_picture(tmp_path / "s_1.dpx", "dpx", form, np.stack([grey] * 3, axis=-1))
    film = open_film(tmp_path / "s_%d.dpx")
    (frame,) = read_frames(film)
    assert (film.depth, film.full_range) == (bits, True)
    np.testing.assert_array_equal(frame.luma, grey)
    middle = 1 << (bits - 1)
    assert frame.chroma is not None
    assert all(np.array_equal(plane, np.full_like(grey, middle)) for plane in frame.chroma)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"tile": True, "compression": "lzw"},
        {"compression": "deflate", "predictor": "horizontal"},
        {"bigtiff": True},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
@pytest.mark.parametrize("bands", [1, 3, 4])
def test_tiff_of_any_kind_is_read_to_the_bit(tmp_path: Path, bits: int, options: dict[str, object], bands: int) -> None:
    grey = clips.noise(1, (65, 97), bits)
    pixels = np.stack([grey] * min(bands, 3) + [np.full_like(grey, (1 << bits) - 1)] * (bands == 4), axis=-1)
    image = pyvips.Image.new_from_array(pixels)
    kind = ("b-w" if bands == 1 else "srgb") if bits == 8 else ("grey16" if bands == 1 else "rgb16")
    image.copy(interpretation=kind).tiffsave(str(tmp_path / "f_1.tif"), **options)
    film = open_film(tmp_path)
    (frame,) = read_frames(film)
    assert (film.depth, film.grey) == (bits, bands == 1)
    np.testing.assert_array_equal(frame.luma, grey)


def test_jpeg_within_tiff_is_read(tmp_path: Path) -> None:
    grey = clips.scene(3)
    pyvips.Image.new_from_array(np.stack([grey] * 3, axis=-1)).copy(interpretation="srgb").tiffsave(
        str(tmp_path / "f_1.tif"), compression="jpeg", Q=100
    )
    (frame,) = read_frames(open_film(tmp_path))
    assert np.abs(frame.luma.astype(int) - grey).max() <= 4


def test_deep_colours_have_the_luma_that_bt601_says(tmp_path: Path) -> None:
    colors = np.stack([clips.noise(number, (H, W), 10) for number in (1, 2, 3)], axis=-1)
    clips.write_picture(tmp_path / "s_1.dpx", "dpx", "gbrp10be", colors)
    (frame,) = read_frames(open_film(tmp_path))
    meant = colors.astype(np.float64) @ (0.299, 0.587, 0.114)
    assert np.abs(frame.luma - meant).max() <= 0.55
    assert frame.chroma is not None
    for plane, channel, scale in ((frame.chroma[0], 2, 1.772), (frame.chroma[1], 0, 1.402)):
        chroma = np.clip((colors[..., channel] - meant) / scale + 512, 0, 1023)
        assert np.abs(plane - chroma).max() <= 1.1

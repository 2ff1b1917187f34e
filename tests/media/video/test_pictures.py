"""Films written as pictures, one a frame: their colours to the code, their numbers, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from media.video import clips
from media.video.coloring import colored
from tinct.errors import OutputError, SettingError
from tinct.media.video.mux import check_target
from tinct.media.video.probe import open_film
from tinct.media.video.read import read_frames
from tinct.media.video.recipe import choose_recipe
from tinct.media.video.sequence import decode_image

H, W = clips.HEIGHT, clips.WIDTH


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return clips.write_clip(tmp_path / "in.mkv", codec="ffv1", frames=4)


@pytest.mark.parametrize(
    ("pattern", "form"),
    [("f_%04d.png", "rgb24"), ("f_%d.tif", "rgb24"), ("f_%03d.dpx", "rgb24"), ("f%d.tiff", "rgb24")],
)
def test_frames_become_pictures_of_their_colours(tmp_path: Path, film: Path, pattern: str, form: str) -> None:
    result, remarks = colored(film, tmp_path / "out" / pattern)
    assert remarks == ("pictures hold no times: the film has 25 frames a second",)
    assert (result.pixel_format, result.frames) == ("rgb24", 4)
    assert sorted(path.name for path in result.images) == sorted(path.name for path in (tmp_path / "out").iterdir())
    for number, (frame, path) in enumerate(zip(read_frames(open_film(film)), result.images, strict=True)):
        assert path.stem.endswith(str(number + 1))
        u, v = (80 + number - 128) / 224, (100 + number - 128) / 224  # as `make_segments` colours it
        luma = (frame.luma.astype(np.float64) - 16) / 219
        meant = np.stack([luma + 1.402 * v, luma - 0.344136 * u - 0.714136 * v, luma + 1.772 * u], axis=-1)
        shown = clips.read_picture(path)
        assert np.abs(shown - np.clip(meant, 0, 1) * 255).max() <= 0.51


@pytest.mark.parametrize(
    ("name", "form", "pattern", "made"),
    [
        ("s_%d.dpx", "gbrp10be", "t_%04d.dpx", "gbrp10le"),
        ("s_%d.dpx", "gbrp10be", "t_%04d.tif", "rgb48le"),
        ("s_%d.tif", "rgb48le", "t_%04d.dpx", "rgb48be"),
        ("s_%d.tif", "rgb48le", "t_%04d.png", "rgb48be"),
    ],
)
def test_pictures_keep_their_numbers_and_bits(tmp_path: Path, name: str, form: str, pattern: str, made: str) -> None:
    bits = 10 if form.startswith("gbrp10") else 16
    greys = {number: clips.noise(number, (H, W), bits) for number in (8, 9, 11)}
    for number, grey in greys.items():
        codec = "dpx" if name.endswith("dpx") else "tiff"
        clips.write_picture(tmp_path / (name % number), codec, form, np.stack([grey] * 3, axis=-1))
    result, remarks = colored(tmp_path / name, tmp_path / pattern)
    assert remarks == ()
    assert [path.name for path in result.images] == [pattern % number for number in greys]
    assert result.pixel_format.removesuffix("be").removesuffix("le") == made.removesuffix("be").removesuffix("le")
    scale = ((1 << result.depth) - 1) / ((1 << bits) - 1)
    for frame, grey in zip(read_frames(result), greys.values(), strict=True):
        inside = (grey > 0.4 * (1 << bits)) & (grey < 0.8 * (1 << bits))  # where no colour is cut off
        assert np.abs(frame.luma - grey * scale)[inside].max() <= 1.5


@pytest.mark.parametrize(("suffix", "bits"), [(".jpg", 8), (".exr", 16)])
def test_jpeg_and_exr_are_read_and_written(tmp_path: Path, suffix: str, bits: int) -> None:
    grey = np.linspace(60, 200, W).astype(np.uint8)[None].repeat(H, axis=0)
    for number in (3, 4):
        clips.write_picture(tmp_path / f"s_{number}.png", "png", "rgb24", np.stack([grey] * 3, axis=-1))
    result, _ = colored(tmp_path / "s_%d.png", tmp_path / f"t_%02d{suffix}")
    assert [path.name for path in result.images] == [f"t_0{number}{suffix}" for number in (3, 4)]
    assert result.depth == bits
    (reference, _) = colored(tmp_path / "s_%d.png", tmp_path / "r_%d.png", bits=bits)
    for path, other in zip(result.images, reference.images, strict=True):
        made = decode_image(path).to_ndarray(format="rgb24" if bits == 8 else "rgb48le") / (1 if bits == 8 else 257)
        assert np.abs(made - clips.read_picture(other)).max() <= (4 if suffix == ".jpg" else 2)
    again, _ = colored(tmp_path / f"t_*{suffix}", tmp_path / "again.mkv", named="archive")
    assert again.frames == 2


def test_exr_holds_linear_light(tmp_path: Path) -> None:
    import av

    context = av.CodecContext.create("exr", "w")
    context.width, context.height, context.pix_fmt, context.time_base = W, H, "gbrpf32le", Fraction(1, 25)
    frame = av.VideoFrame(W, H, "gbrpf32le")
    light = np.linspace(0, 1.5, W, dtype=np.float32)[None].repeat(H, axis=0)
    clips.fill(frame, [light] * 3)
    frame.pts = 0
    path = tmp_path / "f_1.exr"
    path.write_bytes(b"".join(bytes(packet) for packet in (*context.encode(frame), *context.encode(None))))
    (read,) = read_frames(open_film(tmp_path / "f_%d.exr"))
    codes = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(read.luma / 65535 - np.clip(codes, 0, 1)).max() < 1e-3


def test_frames_made_of_fields_of_pictures_are_counted(tmp_path: Path) -> None:
    for number in (8, 9, 11):
        clips.write_picture(tmp_path / f"s_{number}.tif", "tiff", "rgb24", np.stack([clips.scene(number)] * 3, axis=-1))
    result, _ = colored(tmp_path / "s_%d.tif", tmp_path / "t_%02d.tif", opened={"deinterlace": "double"})
    assert [path.name for path in result.images] == [f"t_{number:02d}.tif" for number in range(1, 7)]


def test_bits_can_be_chosen(tmp_path: Path, film: Path) -> None:
    assert colored(film, tmp_path / "o" / "f_%d.dpx", bits=10)[0].depth == 10
    assert colored(film, tmp_path / "o" / "f_%d.png", bits=16)[0].depth == 16


@pytest.mark.parametrize(
    ("target", "asked", "error", "words"),
    [
        ("f.png", {}, OutputError, r"is one picture; name a film's pictures by a pattern, such as f_%04d\.png"),
        ("f_%d.bmp", {}, OutputError, r"films are not written as \.bmp; .*or pictures, such as frame_%04d\.png"),
        ("f_%d.png", {"codec": "h264"}, SettingError, "leave h264 out"),
        ("f_%d.png", {"named": "share"}, SettingError, "leave share out"),
        ("f_%d.png", {"bits": 10}, SettingError, "png takes 8 or 16 bits here, not 10"),
        ("f_%d.png", {"crf": 3}, SettingError, "lossless"),
    ],
)
def test_what_pictures_are_not_is_refused(
    tmp_path: Path, film: Path, target: str, asked: dict, error: type, words: str
) -> None:
    with pytest.raises(error, match=words):
        choose_recipe(open_film(film), tmp_path / target, **asked)


def test_pictures_that_are_there_stay_unless_asked(tmp_path: Path, film: Path) -> None:
    source = open_film(film)
    target = tmp_path / "out" / "f_%d.png"
    colored(film, target)
    recipe = choose_recipe(source, target)
    with pytest.raises(OutputError, match=r"f_1\.png: already exists"):
        check_target(source, target, recipe)
    check_target(source, target, recipe, overwrite=True)
    pictures = open_film(target)
    with pytest.raises(OutputError, match="names pictures of the input itself"):
        check_target(pictures, target, choose_recipe(pictures, target), overwrite=True)


def test_sound_is_left_out_only_when_asked(tmp_path: Path, film: Path) -> None:
    source = open_film(clips.add_tracks(film, tmp_path / "loud.mkv", sounds=[("aac", "deu")]))
    target = tmp_path / "f_%d.png"
    recipe = choose_recipe(source, target)
    with pytest.raises(OutputError, match=r"pictures cannot hold its sound; leave it out with --sound none"):
        check_target(source, target, recipe)
    check_target(source, target, recipe, sound="none")

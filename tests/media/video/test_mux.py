"""The finished film: pictures at their times, and all else as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from media.video import clips
from media.video.coloring import colored, make_segments
from tinct.errors import InputError, OutputError
from tinct.media.video.film import RANGE_LIMITED, ColorTags
from tinct.media.video.mux import assemble, check_target
from tinct.media.video.probe import open_film
from tinct.media.video.read import read_frames
from tinct.media.video.recipe import choose_recipe

H, W = clips.HEIGHT, clips.WIDTH
QUICK = {"h264": "fast", "hevc": "fast", "vp9": "8", "av1": "10", "prores": "proxy", "ffv1": None}


@pytest.mark.parametrize("suffix", [".mov", ".mp4"])
def test_a_constant_rate_that_milliseconds_had_rounded_is_exact_again(tmp_path, suffix):
    source = clips.write_clip(
        tmp_path / "in.mkv",
        times=lambda number: round(number * 1001 / 30),
        time_base=Fraction(1, 1000),
        rate=Fraction(30000, 1001),
    )
    colored(source, tmp_path / f"out{suffix}", codec="h264", preset="fast")
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    assert times == [number * Fraction(1001, 30000) for number in range(40)]


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        *[("h264", ".mp4"), ("h264", ".mkv"), ("h264", ".mov"), ("hevc", ".mp4"), ("hevc", ".mkv"), ("vp9", ".webm")],
        *[("vp9", ".mp4"), ("av1", ".mp4"), ("av1", ".webm"), ("prores", ".mov"), ("ffv1", ".mkv")],
    ],
)
def test_every_frame_comes_at_its_time(tmp_path, codec, suffix):
    source = clips.write_clip(tmp_path / "in.mkv", times=clips.uneven, time_base=Fraction(1, 1000))
    result, _ = colored(source, tmp_path / f"out{suffix}", codec=codec, preset=QUICK[codec])
    assert (result.codec, result.width, result.height) == (codec, W, H)
    with av.open(str(result.path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        times = sorted(packet.pts * packet.time_base for packet in packets)
        assert times == [Fraction(clips.uneven(number), 1000) for number in range(40)]
        decoding = [packet.dts for packet in packets if packet.dts is not None]
        assert decoding == sorted(set(decoding))
        assert all(packet.dts is None or packet.dts <= packet.pts for packet in packets)
        assert packets[0].is_keyframe
    frames = list(read_frames(result))
    assert [frame.pts * result.time_base for frame in frames] == times
    for frame, origin in zip(frames, read_frames(open_film(source)), strict=True):
        assert np.abs(frame.luma.astype(int) * 2.0 ** (8 - result.depth) - origin.luma).mean() < 8
        assert abs(int(frame.chroma[0].mean()) * 2.0 ** (8 - result.depth) - (80 + frame.number)) < 6
    if suffix in (".mp4", ".mov"):
        data = result.path.read_bytes()
        assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(("form", "bits"), [("yuv420p", 8), ("yuv422p", 8), ("yuv444p", 8), ("yuv420p10le", 10)])
def test_lossless_films_keep_every_code_of_luma(tmp_path, form, bits):
    def planes(number):
        return (clips.noise(number, (H, W), bits),)

    source = clips.write_clip(tmp_path / "in.mkv", codec="ffv1", form=form, frames=12, planes=planes)
    result, _ = colored(source, tmp_path / "out.mkv", named="archive")
    assert (result.depth, result.pixel_format) == (bits, form)
    frames = list(read_frames(result))
    assert len(frames) == 12
    for frame in frames:
        np.testing.assert_array_equal(frame.luma, planes(frame.number)[0])
        assert (frame.chroma[0] == (80 + frame.number) << bits - 8).all()


@pytest.mark.parametrize(
    ("codec", "suffix"), [("h264", ".mp4"), ("h264", ".mkv"), ("vp9", ".webm"), ("prores", ".mov"), ("ffv1", ".mkv")]
)
def test_turn_shape_and_colours_are_kept(tmp_path, codec, suffix):
    source = clips.write_clip(
        tmp_path / "in.mp4",
        size=(90, H),
        planes=lambda _: (),
        before=lambda container, stream: stream.set_display_matrix(clips.QUARTER),
        sample_aspect_ratio=Fraction(16, 15),
        colorspace=6,
        color_primaries=5,
        color_trc=6,
        color_range=1,
    )
    film = open_film(source)
    result, _ = colored(source, tmp_path / f"out{suffix}", codec=codec, preset=QUICK[codec])
    assert result.sample_aspect == Fraction(16, 15)
    assert result.rotation == -90
    if suffix in (".mp4", ".mov"):
        assert result.display_matrix == clips.QUARTER
    assert result.tags == film.tags
    with av.open(str(result.path), options={"err_detect": "crccheck+explode"}) as container:
        assert container.streams.video[0].metadata.get("title") is None
        assert sum(packet.size > 0 for packet in container.demux(video=0)) == 40


def test_colours_that_nobody_specified_stay_so(tmp_path):
    result, _ = colored(clips.write_clip(tmp_path / "in.mkv"), tmp_path / "out.mkv")
    assert (result.tags.matrix, result.tags.primaries, result.tags.transfer, result.tags.range) == (2, 2, 2, 0)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_full_range_is_written_down(tmp_path, suffix):
    source = clips.write_clip(
        tmp_path / "in.mkv", codec="ffv1", form="gray", planes=lambda n: (clips.noise(n, (H, W)),)
    )
    result, _ = colored(source, tmp_path / f"out{suffix}", crf=0)
    assert result.full_range
    for frame, origin in zip(read_frames(result), read_frames(open_film(source)), strict=True):
        np.testing.assert_array_equal(frame.luma, origin.luma)


def test_pixels_of_matroska_get_their_shape_beside_a_title(tmp_path):
    source = clips.write_clip(
        tmp_path / "in.mkv",
        size=(720, 576),
        frames=3,
        planes=lambda _: (),
        sample_aspect_ratio=Fraction(64, 45),
        before=lambda container, stream: stream.metadata.update(title="Käpt'n"),
    )
    result, _ = colored(source, tmp_path / "out.mkv", codec="ffv1")
    assert result.sample_aspect == Fraction(64, 45)
    with av.open(str(result.path), options={"err_detect": "crccheck+explode"}) as container:
        assert container.streams.video[0].metadata["title"] == "Käpt'n"


def test_gifs_and_folders_become_films(tmp_path):
    source = clips.write_clip(
        tmp_path / "in.gif", codec="gif", form="gray", times=lambda n: n * 4 + n % 3, time_base=Fraction(1, 100)
    )
    result, _ = colored(source, tmp_path / "out.mp4")
    frames = list(read_frames(result))
    times = [frame.pts * result.time_base for frame in frames]
    assert times == [Fraction(number * 4 + number % 3, 100) for number in range(40)]
    assert result.duration == times[-1] + Fraction(list(read_frames(open_film(source)))[-1].duration, 100)
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(5):
        cv2.imwrite(str(folder / f"{number}.png"), clips.noise(number, (H, W)))
    limited, _ = colored(folder, tmp_path / "two.mp4", crf=0)
    assert (limited.full_range, limited.tags) == (False, ColorTags(5, 1, 13, RANGE_LIMITED))
    for frame in read_frames(limited):
        meant = np.rint(16 + clips.noise(frame.number, (H, W)) * 219.0 / 255)
        np.testing.assert_array_equal(frame.luma, meant)
    result, _ = colored(folder, tmp_path / "two.mkv", codec="ffv1")
    assert result.full_range
    assert result.rate == 24
    for frame in read_frames(result):
        np.testing.assert_array_equal(frame.luma, clips.noise(frame.number, (H, W)))


def test_a_clock_far_from_zero_is_moved_there(tmp_path):
    bare = clips.write_clip(tmp_path / "bare.mkv", codec="ffv1", times=lambda number: 2500 + number)
    source = clips.add_tracks(bare, tmp_path / "in.mkv", sounds=[("flac", "deu")], delay=100)
    film = open_film(source)
    assert film.start == 100
    assert film.pts_at(1) == 101_000
    result, _ = colored(source, tmp_path / "out.mp4")
    assert (result.start, result.start_pts, result.duration) == (0, 0, pytest.approx(Fraction(8, 5), abs=0.03))
    before, after = (clips.packets_of(path, "audio") for path in (source, result.path))
    assert [data for _, data in after] == [data for _, data in before]
    assert all(abs(new - old + 100) < Fraction(1, 1000) for (new, _), (old, _) in zip(after, before, strict=True))


def test_targets_are_checked_before_any_work(tmp_path):
    source = clips.write_clip(tmp_path / "in.mkv")
    film = open_film(source)
    recipe = choose_recipe(film, "a.mkv")
    (tmp_path / "there.mkv").touch()
    (tmp_path / "link.mkv").symlink_to(source)
    for target, words in [
        (source, "is the input itself"),
        (tmp_path / "link.mkv", "is the input itself"),
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "a.mkv", "the folder does not exist"),
        (tmp_path / "there.mkv", "already exists"),
        (tmp_path / ("a" * 300 + ".mkv"), "cannot be written"),
    ]:
        with pytest.raises(OutputError, match=words):
            check_target(film, target, recipe, overwrite=target == source)
    assert check_target(film, tmp_path / "there.mkv", recipe, overwrite=True) == ()
    assert {path.name for path in tmp_path.iterdir()} == {"in.mkv", "there.mkv", "link.mkv"}


def test_segments_that_do_not_belong_together_are_refused(tmp_path):
    film = open_film(clips.write_clip(tmp_path / "in.mkv"))
    recipe, other = choose_recipe(film, "a.mkv", crf=20), choose_recipe(film, "a.mkv", crf=21)
    parts = make_segments(film, tmp_path, recipe)
    target = tmp_path / "out.mkv"
    with pytest.raises(InputError, match=r"1\.part: does not follow .*2\.part"):
        assemble(film, [parts[0], parts[2], parts[1]], target, recipe)
    with pytest.raises(InputError, match="no frames to write"):
        assemble(film, [], target, recipe)
    (tmp_path / "other").mkdir()
    mixed = [parts[0], make_segments(film, tmp_path / "other", other)[1]]
    with pytest.raises(InputError, match=r"1\.part: was encoded with other settings"):
        assemble(film, mixed, target, recipe)
    assert not target.exists()


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    planes = {"planes": lambda number: (clips.noise(number, (H, W)),)}
    film = open_film(clips.write_clip(tmp_path / "in.mkv", codec="ffv1", **planes))
    recipe = choose_recipe(film, "a.mkv", codec="ffv1")
    parts = make_segments(film, tmp_path, recipe)
    program = f"""
import resource
from tinct.errors import OutputError
from tinct.media.video.mux import assemble
from tinct.media.video.probe import open_film
from tinct.media.video.recipe import choose_recipe
film = open_film({str(film.path)!r})
recipe = choose_recipe(film, "a.mkv", codec="ffv1")
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    assemble(film, {[str(part) for part in parts]!r}, {str(tmp_path / "out.mkv")!r}, recipe)
except OutputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.count("\n") == 1, done.stderr
    assert "out.mkv: cannot be written (File too large)" in done.stdout
    assert not any("out" in path.name for path in tmp_path.iterdir())


@pytest.mark.parametrize("name", ["ümläut 100%.mkv", "colon:1.mkv", "-dash.mp4", b"latin-\xe9.mkv"])
def test_any_name_will_do(tmp_path, name):
    text = os.fsdecode(name)
    source = clips.write_clip(tmp_path / "in.mkv", frames=3)
    named = source.rename(tmp_path / f"in {text}")
    target = tmp_path / text
    film = open_film(named)
    recipe = choose_recipe(film, target)
    parts = make_segments(film, tmp_path, recipe)
    assemble(film, parts, target, recipe)
    assert len(list(read_frames(open_film(target)))) == 3

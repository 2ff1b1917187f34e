"""Segments: planes go in exactly, at their times; what is not finished is not there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from media.video import clips
from tinct.errors import OutputError, SettingError, UnreadableError
from tinct.media.video.probe import open_film
from tinct.media.video.read import read_frames
from tinct.media.video.recipe import choose_recipe
from tinct.media.video.write import new_segment, open_segment

H, W = clips.HEIGHT, clips.WIDTH
TARGETS = {"h264": ".mp4", "hevc": ".mp4", "vp9": ".webm", "av1": ".mkv", "prores": ".mov", "ffv1": ".mkv"}


def uneven(number):
    return 500 + clips.uneven(number)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "in.mkv"
    return open_film(clips.write_clip(path, codec="ffv1", times=uneven, time_base=Fraction(1, 1000)))


def quick(codec):
    preset = {"h264": "ultrafast", "hevc": "ultrafast", "vp9": "8", "av1": "10", "prores": "proxy"}
    return {"codec": codec, "preset": preset.get(codec)}


def encode(film, path, recipe, *, threads=2, frames=None):
    with new_segment(path, film, recipe, threads=threads) as writer:
        for frame in frames or read_frames(film):
            u = np.full(recipe.chroma_shape, (90 + frame.number) << recipe.bits - 8)
            dtype = np.uint8 if recipe.bits == 8 else np.uint16
            writer.write(frame.luma, u.astype(dtype), (u + 5).astype(dtype), pts=frame.pts, duration=frame.duration)
    return path


def decoded(segment):
    """Decode a segment by PyAV alone."""
    names = {"prores": "prores", "av1": "libdav1d"}
    context = av.CodecContext.create(names.get(segment.codec, segment.codec), "r")
    context.extradata = segment.extradata or None
    if segment.codec == "ffv1":
        context.width, context.height = W, H
    frames = []
    for coded in segment.packets():
        packet = av.Packet(coded.data)
        packet.pts = packet.dts = coded.pts
        frames += context.decode(packet)
    return frames + context.decode(None)


@pytest.mark.parametrize("codec", TARGETS)
def test_all_codecs_keep_every_frame_and_its_time(film, tmp_path, codec):
    recipe = choose_recipe(film, f"a{TARGETS[codec]}", **quick(codec) | ({"preset": "medium"} if "26" in codec else {}))
    segment = open_segment(encode(film, tmp_path / "0.part", recipe))
    times = [uneven(number) for number in range(40)]
    assert sorted(coded.pts for coded in segment.packets()) == times
    assert (segment.frames, segment.first_pts, segment.last_pts) == (40, times[0], times[-1])
    assert (segment.codec, segment.time_base) == (codec, Fraction(1, 1000))
    assert next(segment.packets()).key
    assert [coded.duration for coded in segment.packets()] == [40] * 40
    assert (segment.delay > 0) == (codec in ("h264", "hevc"))
    frames = decoded(segment)
    assert [frame.pts for frame in frames] == times
    assert (frames[0].width, frames[0].height, frames[0].format.name) == (W, H, recipe.form)


PRIORITY = """
import os, sys
from pathlib import Path
from tinct.media.video.probe import open_film
from tinct.media.video.recipe import choose_recipe
from tinct.media.video.write import open_encoder
film = open_film(sys.argv[1])
encoder = open_encoder(film, choose_recipe(film, sys.argv[2], codec=sys.argv[3]), threads=1)
threads = [int(entry.name) for entry in Path("/proc/self/task").iterdir()]
print(len(threads), {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_OTHER})
"""


@pytest.mark.skipif(sys.platform != "linux", reason="scheduling policies are Linux's")
@pytest.mark.parametrize("codec", TARGETS)
def test_an_encoder_takes_no_priority_over_other_programs(film, codec):
    # SVT-AV1 does where root runs it, as in a container; as another user this cannot fail.
    command = [sys.executable, "-c", PRIORITY, str(film.path), f"a{TARGETS[codec]}", codec]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, usual = done.stdout.split()
    assert usual == "True"
    assert codec != "av1" or int(count) > 5  # it has threads of its own


@pytest.mark.parametrize("codec", TARGETS)
def test_the_same_frames_give_the_same_bytes(film, tmp_path, codec):
    recipe = choose_recipe(film, f"a{TARGETS[codec]}", **quick(codec))
    first, second = (encode(film, tmp_path / name, recipe).read_bytes() for name in ("a", "b"))
    assert first == second


@pytest.mark.parametrize(("form", "bits"), [("yuv420p", 8), ("yuv444p", 8), ("yuv422p10le", 10), ("gray16le", 16)])
def test_lossless_codes_are_exact(tmp_path, form, bits):
    def planes(number):
        return (clips.noise(number, (H, W), bits),)

    film = open_film(clips.write_clip(tmp_path / "in.mkv", codec="ffv1", form=form, frames=3, planes=planes))
    recipe = choose_recipe(film, "a.mkv", codec="ffv1")
    assert recipe.bits == bits
    for number, frame in enumerate(decoded(open_segment(encode(film, tmp_path / "0.part", recipe)))):
        luma, u, v = (np.frombuffer(plane, np.uint8 if bits == 8 else np.uint16) for plane in frame.planes)
        luma = luma.reshape(H, -1)[:, :W]
        np.testing.assert_array_equal(luma, planes(number)[0])
        assert u[0] == 90 + number << bits - 8
        assert v[0] == u[0] + 5


@pytest.mark.parametrize(
    ("form", "depth", "bits", "expected"),
    [
        ("yuv420p", 8, 10, lambda codes: codes << 2),
        ("yuv420p10le", 10, 8, lambda codes: np.minimum(np.rint(codes / 4), 255)),
        ("gray", 8, 10, lambda codes: np.rint(codes * (1023 / 255))),
        ("gray16le", 16, 10, lambda codes: np.rint(codes * (1023 / 65535))),
    ],
)
def test_other_bits_are_other_units_of_the_same_luma(tmp_path, form, depth, bits, expected):
    codes = clips.noise(3, (H, W), depth)
    path = clips.write_clip(tmp_path / "in.mkv", codec="ffv1", form=form, frames=1, planes=lambda _: (codes,))
    film = open_film(path)
    recipe = choose_recipe(film, "a.mkv", codec="ffv1", bits=bits)
    (frame,) = decoded(open_segment(encode(film, tmp_path / "0.part", recipe)))
    luma = np.frombuffer(frame.planes[0], np.uint8 if bits == 8 else np.uint16).reshape(H, -1)[:, :W]
    np.testing.assert_array_equal(luma, expected(codes.astype(np.int64)))


def test_prores_gets_full_range_scaled_to_the_limited_one(tmp_path):
    steps = np.repeat(np.linspace(0, 255, W // 16).astype(np.uint8), 16)
    codes = np.tile(steps, (H, 1))
    path = clips.write_clip(tmp_path / "in.mkv", codec="ffv1", form="gray", frames=1, planes=lambda _: (codes,))
    film = open_film(path)
    recipe = choose_recipe(film, "a.mov", codec="prores")
    with new_segment(tmp_path / "0.part", film, recipe, threads=1) as writer:
        blue = np.full(recipe.chroma_shape, 1023, np.uint16)
        writer.write(codes, blue, blue // 2 + 1, pts=0)
    (frame,) = decoded(open_segment(tmp_path / "0.part"))
    luma, u, v = (np.frombuffer(plane, np.uint16).reshape(H, -1) for plane in frame.planes)
    np.testing.assert_allclose(luma[:, 8:W:16], 64 + codes[:, 8:W:16] * (876 / 255), atol=4)
    np.testing.assert_allclose(u[:, : W // 2], 960, atol=4)
    np.testing.assert_allclose(v[:, : W // 2], 512, atol=4)


def test_odd_sides_are_made_even_by_repeating(tmp_path):
    planes = [clips.noise(1, (65, 97)), clips.noise(2, (33, 49)), clips.noise(3, (33, 49))]
    path = clips.write_clip(tmp_path / "in.mkv", codec="ffv1", size=(97, 65), frames=1, planes=lambda _: planes)
    film = open_film(path)
    recipe = choose_recipe(film, "a.mp4", crf=0)
    with new_segment(tmp_path / "0.part", film, recipe, threads=1) as writer:
        writer.write(*planes, pts=0)
    (frame,) = decoded(open_segment(tmp_path / "0.part"))
    luma = np.frombuffer(frame.planes[0], np.uint8).reshape(66, -1)[:, :98]
    np.testing.assert_array_equal(luma, np.pad(planes[0], ((0, 1), (0, 1)), mode="edge"))


def test_a_failure_leaves_nothing_behind(film, tmp_path):
    recipe = choose_recipe(film, "a.mp4")
    first = next(read_frames(film))
    chroma = np.zeros(recipe.chroma_shape, np.uint8)

    def write(*frames, path=tmp_path / "0"):
        with new_segment(path, film, recipe, threads=1) as writer:
            for planes, pts in frames:
                writer.write(*planes, pts=pts)
            raise RuntimeError("elsewhere")

    whole = (first.luma, chroma, chroma)
    with pytest.raises(RuntimeError, match="elsewhere"):
        write((whole, 0))
    for planes, pts, words in [
        ((first.luma[1:], chroma, chroma), 5, r"uint8 \(64, 96\), not uint8 \(63, 96\)"),
        ((first.luma, chroma.astype(np.uint16), chroma), 5, "not uint16"),
        (whole, 0, "must be after 0, not 0"),
    ]:
        with pytest.raises(SettingError, match=words):
            write((whole, 0), (planes, pts))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="folder does not exist"):
        write(path=tmp_path / "no" / "0")


def test_a_full_disk_is_one_line_and_leaves_nothing(film, tmp_path):
    program = f"""
import resource
import numpy as np
from tinct.errors import OutputError
from tinct.media.video.probe import open_film
from tinct.media.video.recipe import choose_recipe
from tinct.media.video.write import new_segment
film = open_film({str(film.path)!r})
recipe = choose_recipe(film, "a.mkv", codec="ffv1")
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
chroma = np.zeros(recipe.chroma_shape, np.uint8)
try:
    with new_segment({str(tmp_path / "0.part")!r}, film, recipe, threads=1) as writer:
        for number in range(50):
            writer.write(np.random.default_rng(number).integers(0, 255, (64, 96), np.uint8), chroma, chroma, pts=number)
except OutputError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.count("\n") == 1, done.stderr
    assert "cannot be written (File too large)" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_unfinished_and_damaged_segments_are_known(film, tmp_path):
    path = encode(film, tmp_path / "0.part", choose_recipe(film, "a.mp4"))
    whole = path.read_bytes()
    for data in (b"", b"nonsense", whole[:1000], whole[:-1]):
        path.write_bytes(data)
        with pytest.raises(UnreadableError, match="not a finished part"):
            open_segment(path)
    path.write_bytes(whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:])
    with pytest.raises(UnreadableError, match="not a finished part"):
        list(open_segment(path).packets())
    with pytest.raises(UnreadableError, match="cannot be opened"):
        open_segment(tmp_path / "1.part")


def test_encoders_refuse_in_one_line(tmp_path):
    film = open_film(clips.write_clip(tmp_path / "in.mkv", codec="ffv1", size=(16, 16), frames=1, planes=lambda _: ()))
    recipe = replace(choose_recipe(film, "a.mp4"), form="yuv410p")
    with pytest.raises(SettingError, match=r"libx264 is missing, or refuses h264, 8 bits.*16 x 16"):
        encode(film, tmp_path / "0.part", recipe)
    assert not (tmp_path / "0.part").exists()


SIZES = ((33, 17), (34, 34), (65, 65), (101, 75), (133, 101))


def small_film(folder, size):
    def planes(number):
        return (clips.scene(number, width=size[0], height=size[1]),)

    path = clips.write_clip(folder / "in.mkv", codec="ffv1", form="gray", frames=4, planes=planes, size=size)
    return open_film(path)


@pytest.mark.parametrize(
    ("codec", "size"), [(codec, size) for codec in TARGETS for size in SIZES if codec != "hevc" or min(size) >= 64]
)
def test_all_codecs_take_odd_and_small_sizes(codec, size, tmp_path):
    film = small_film(tmp_path, size)
    recipe = choose_recipe(film, f"a{TARGETS[codec]}", **quick(codec))
    assert open_segment(encode(film, tmp_path / "0.part", recipe)).frames == 4


@pytest.mark.parametrize("size", [size for size in SIZES if min(size) < 64])
def test_hevc_refuses_what_it_would_spoil_memory_at(size, tmp_path):
    film = small_film(tmp_path, size)
    with pytest.raises(SettingError, match=r"hevc needs edges of at least 64 pixels, .*; choose another codec"):
        choose_recipe(film, "a.mp4", **quick("hevc"))

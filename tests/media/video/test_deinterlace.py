"""Fields: found where they are and nowhere else; a frame of each pair, of each field, or the film that was spread."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from av.filter import Graph

from media.video import clips
from media.video.coloring import colored
from media.video.test_timeline import shown
from photographs import photograph
from tinct.media.video.planes import PlanesFilter, planes_of
from tinct.media.video.probe import open_film
from tinct.media.video.read import read_frames

H, W = clips.HEIGHT, clips.WIDTH
NTSC = {"rate": Fraction(30000, 1001), "time_base": Fraction(1001, 30000)}


def pan(number, *, down=1, height=H):
    """A piece of a photograph, over which the camera moves."""
    photo = photograph("camera")[..., 0]
    return photo[100 + down * number : 100 + down * number + height, 150 + 3 * number : 150 + 3 * number + W]


def chart(name, count, *, height=H, width=W):
    """Frames of one of FFmpeg's test charts."""
    graph = Graph()
    steps = [graph.add(name, f"size={width}x{height}:rate=25"), graph.add("format", "gray"), graph.add("buffersink")]
    graph.link_nodes(*steps).configure()
    return [graph.vpull().to_ndarray() for _ in range(count)]


def telecined(pictures, *, top_first=True, form="yuv420p"):
    """Frames of film spread over fields, as FFmpeg does: planes for each frame of video."""
    first = pictures[0]
    size = (first[0].shape[1], first[0].shape[0])
    order = "top" if top_first else "bottom"
    graph = PlanesFilter("telecine", f"pattern=23:first_field={order}", form, size)
    frames = [frame for planes in [*pictures, None] for frame in graph.feed(planes)]
    return list(map(planes_of, frames))


def film_of(path, pictures, **settings):
    height, width = pictures[0].shape
    return clips.write_clip(
        path, frames=len(pictures), planes=lambda number: (pictures[number],), size=(width, height), **settings
    )


@pytest.mark.parametrize("phase", [0, 1])
@pytest.mark.parametrize("settings", [{"codec": "ffv1"}, {"options": {"crf": "20"}}, {"flags": (1 << 18) | (1 << 29)}])
def test_doubled_lines_are_not_taken_for_fields(tmp_path, phase, settings):
    pictures = [np.roll(np.repeat(pan(number, height=H // 2), 2, axis=0), phase, axis=0) for number in range(40)]
    film = open_film(film_of(tmp_path / "in.mkv", pictures, **settings))
    assert not film.interlaced
    if settings.get("codec") == "ffv1":
        for frame, picture in zip(read_frames(film), pictures, strict=True):
            np.testing.assert_array_equal(frame.luma, picture)


@pytest.mark.parametrize("name", ["testsrc", "testsrc2", "smptebars", "zoneplate", "fade", "doubled"])
def test_charts_are_not_taken_for_fields(tmp_path, name):
    if name == "fade":  # of a chart with lines of a pixel
        lines = np.where(np.arange(H)[:, None] % 2, 28.0, 228.0).repeat(W, axis=1)
        pictures = [(lines * number / 40).astype(np.uint8) for number in range(40)]
    elif name == "doubled":
        pictures = [np.repeat(picture, 2, axis=0) for picture in chart("testsrc2", 40, width=320, height=120)]
    else:
        pictures = chart(name, 40, width=320, height=240)
    assert not open_film(film_of(tmp_path / "in.mkv", pictures, codec="ffv1")).interlaced


def test_fields_are_found_where_things_move_down(tmp_path):
    for number, (down, across) in enumerate([(1.0, 1.0), (0.0, 2.0), (3.0, 0.0)]):

        def moment(time, down=down, across=across):
            rows, columns = np.mgrid[0:H, 0:W]
            rows, columns = rows + down * time, columns + across * time
            return (128 + 50 * np.sin(columns / 5) + 40 * np.sin(rows / 4 + columns / 17)).astype(np.uint8)

        pictures = []
        for time in range(40):
            pictures.append(moment(time))
            pictures[-1][1::2] = moment(time + 0.5)[1::2]
        assert open_film(film_of(tmp_path / f"{number}.mkv", pictures, codec="ffv1")).interlaced, (down, across)


@pytest.mark.parametrize("top_first", [True, False])
def test_each_field_may_become_a_frame(tmp_path, top_first):
    pictures = [clips.woven(number, top_first=top_first) for number in range(40)]
    film = open_film(film_of(tmp_path / "in.avi", pictures, codec="ffv1"), deinterlace="double")
    assert (film.rate, film.frames, film.fields.top_first) == (50, 80, top_first)
    frames = list(read_frames(film))
    assert [frame.pts * film.time_base for frame in frames] == [Fraction(number, 50) for number in range(80)]
    for frame in frames[2:-2]:
        expected = clips.scene(frame.number / 2)
        kept = (0 if top_first else 1) if frame.number % 2 == 0 else (1 if top_first else 0)
        np.testing.assert_array_equal(frame.luma[kept::2], expected[kept::2])
        assert np.abs(frame.luma.astype(int) - expected).mean() < 2
    tail = list(read_frames(film, start_pts=frames[31].pts, start_number=31))
    assert len(tail) == 49
    np.testing.assert_array_equal(tail[0].luma, frames[31].luma)
    colored(tmp_path / "in.avi", tmp_path / "out.mp4", opened={"deinterlace": "double"}, preset="fast")
    assert [time for time, _ in shown(tmp_path / "out.mp4")] == [Fraction(number, 50) for number in range(80)]


def test_a_field_of_a_film_in_milliseconds_comes_halfway(tmp_path):
    path = clips.write_clip(
        tmp_path / "in.mkv",
        codec="ffv1",
        planes=lambda number: (clips.woven(number),),
        times=lambda number: round(number * 1001 / 30),
        time_base=Fraction(1, 1000),
        rate=NTSC["rate"],
        options={"g": "1"},
    )
    film = open_film(path, deinterlace="double")
    frames = list(read_frames(film))
    off = [abs(frame.pts * film.time_base - frame.number * Fraction(1001, 60000)) for frame in frames]
    assert max(off) <= Fraction(1, 1000)
    for first in (1, 2, 57):
        tail = list(read_frames(film, start_pts=frames[first].pts, start_number=first))
        np.testing.assert_array_equal(tail[0].luma, frames[first].luma)
        assert [frame.pts for frame in tail] == [frame.pts for frame in frames[first:]]


def test_only_the_interlaced_part_of_a_mixed_film_is_deinterlaced(tmp_path):
    pictures = [clips.scene(number) if number < 45 else clips.woven(number) for number in range(90)]
    path = film_of(tmp_path / "in.mkv", pictures, codec="ffv1", options={"g": "1"})
    film = open_film(path)
    assert (film.interlaced, film.fields.mixed, film.frames) == (True, True, 90)
    frames = list(read_frames(film))
    assert len(frames) == 90
    for frame in frames:
        if frame.number < 44:
            np.testing.assert_array_equal(frame.luma, pictures[frame.number])
        elif frame.number > 45:
            assert np.abs(frame.luma.astype(int) - clips.scene(frame.number)).mean() < 2
    for first in (20, 60):
        tail = list(read_frames(film, start_pts=frames[first].pts, start_number=first))
        np.testing.assert_array_equal(tail[0].luma, frames[first].luma)
        np.testing.assert_array_equal(tail[-1].luma, frames[-1].luma)


def test_off_leaves_frames_as_they_are_and_single_makes_one_of_each(tmp_path):
    path = film_of(tmp_path / "in.mkv", [clips.woven(number) for number in range(20)], codec="ffv1")
    frames = list(read_frames(open_film(path, deinterlace="off")))
    np.testing.assert_array_equal(frames[7].luma, clips.woven(7))
    plain = film_of(tmp_path / "plain.mkv", [clips.scene(number) for number in range(20)], codec="ffv1")
    assert not open_film(plain).interlaced
    single = list(read_frames(open_film(plain, deinterlace="single")))
    assert len(single) == 20
    assert not np.array_equal(single[7].luma, clips.scene(7))


@pytest.mark.parametrize("top_first", [True, False])
@pytest.mark.parametrize(
    ("name", "form", "settings"),
    [
        ("in.mkv", "yuv420p", {"codec": "ffv1"}),
        ("in.mkv", "yuv422p10le", {"codec": "ffv1"}),
        ("in.ts", "yuv420p", {"codec": "mpeg2video", "bit_rate": 3_000_000}),
        ("in.mkv", "gray", {"codec": "ffv1"}),
        ("in.mkv", "yuv411p", {"codec": "ffv1"}),
    ],
)
def test_film_spread_over_fields_comes_back(tmp_path, top_first, name, form, settings):
    scale = 4 if "10" in form else 1
    kind = np.uint16 if scale > 1 else np.uint8
    clean = [pan(number).astype(kind) * scale for number in range(40)]
    wide = "yuv420p" if form == "gray" else form
    half = (H // 2 if "420" in wide else H, W // 4 if "411" in form else W // 2)
    pictures = [(luma, *[np.full(half, (number + 100) * scale, kind)] * 2) for number, luma in enumerate(clean)]
    spread = telecined(pictures, top_first=top_first, form=wide)
    path = clips.write_clip(
        tmp_path / name,
        form=form,
        frames=50,
        planes=lambda number: spread[number][: 1 if form == "gray" else 3],
        **NTSC,
        **settings,
    )
    film = open_film(path)
    assert (film.fields.way, film.fields.top_first) == ("film", top_first)
    assert (film.rate, film.frames) == (Fraction(24000, 1001), 40)
    frames = list(read_frames(film))
    assert len(frames) == 40
    for frame, luma in zip(frames, clean, strict=True):
        if name == "in.mkv":
            np.testing.assert_array_equal(frame.luma, luma)
        else:
            assert np.abs(frame.luma.astype(int) - luma).mean() < 4
        if form.startswith("yuv"):
            assert abs(int(frame.chroma[0].mean()) - (frame.number + 100) * scale) <= 2 * scale
    tail = list(read_frames(film, start_pts=frames[23].pts, start_number=23))
    assert [frame.pts for frame in tail] == [frame.pts for frame in frames[23:]]
    np.testing.assert_array_equal(tail[0].luma, frames[23].luma)
    if name == "in.ts":
        colored(path, tmp_path / "out.mp4", preset="fast")
        times = [time for time, _ in shown(tmp_path / "out.mp4")]
        assert times == [number * Fraction(1001, 24000) for number in range(40)]


def test_film_of_a_length_that_is_no_whole_cycle_ends_with_its_last_frames(tmp_path):
    spread = telecined([(pan(number), *[np.full((H // 2, W // 2), 128, np.uint8)] * 2) for number in range(38)])[:47]
    path = clips.write_clip(tmp_path / "in.mkv", codec="ffv1", frames=47, planes=lambda number: spread[number], **NTSC)
    frames = list(read_frames(open_film(path)))
    assert len(frames) == 38
    times = [frame.pts for frame in frames]
    assert times == sorted(set(times))
    assert times[-1] == 1535  # of 46 frames of 33.4 ms before it


def test_true_video_of_that_rate_is_not_taken_for_film(tmp_path):
    film = open_film(film_of(tmp_path / "in.mkv", [clips.woven(number) for number in range(50)], codec="ffv1", **NTSC))
    assert (film.interlaced, film.fields.way) == (True, "single")
    still = film_of(tmp_path / "still.mkv", [pan(0)] * 50, codec="ffv1", **NTSC)
    assert not open_film(still).interlaced
    moving = film_of(tmp_path / "moving.mkv", [pan(number) for number in range(50)], codec="ffv1", **NTSC)
    assert not open_film(moving).interlaced

"""Rates and times by the time stamps themselves; clocks that jump; packets that are lost; times that no file holds."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest

from media.video import clips
from media.video.coloring import colored
from tinct.errors import OutputError
from tinct.media.video import timeline
from tinct.media.video.mux import check_target
from tinct.media.video.probe import open_film
from tinct.media.video.problems import Problems
from tinct.media.video.read import read_frames
from tinct.media.video.recipe import choose_recipe

MILLISECOND = Fraction(1, 1000)


def shown(path):
    """When each frame of a file is shown, and for how long, in seconds, by its packets alone."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = sorted((packet.pts, packet.duration) for packet in container.demux(stream) if packet.size)
        return [(pts * stream.time_base, duration * stream.time_base) for pts, duration in packets]


def test_raw_dv_has_its_rate_and_length(tmp_path):
    path = clips.write_clip(
        tmp_path / "in.dv", codec="dvvideo", frames=5, size=(720, 576), planes=lambda number: (), rate=Fraction(25)
    )
    film = open_film(path)
    assert (film.rate, film.frames, film.duration) == (25, 5, Fraction(1, 5))
    colored(path, tmp_path / "out.mp4", preset="fast")
    assert shown(tmp_path / "out.mp4") == [(Fraction(number, 25), Fraction(1, 25)) for number in range(5)]


@pytest.mark.parametrize(
    ("rate", "suffix"),
    [
        *[(Fraction(24000, 1001), suffix) for suffix in (".mkv", ".mp4", ".ts")],
        *[(Fraction(18), ".mkv"), (Fraction(50, 3), ".mkv"), (Fraction(60000, 1001), ".ts"), (Fraction(25), ".flv")],
    ],
)
def test_rates_are_those_of_the_time_stamps_whatever_a_header_says(tmp_path, rate, suffix):
    unit = Fraction(1, 90_000) if suffix == ".ts" else MILLISECOND if suffix in (".mkv", ".flv") else 1 / rate
    path = clips.write_clip(
        tmp_path / f"in{suffix}",
        planes=lambda number: (),
        times=lambda number: round(number / rate / unit),
        time_base=unit,
        rate=Fraction(30),
    )
    film = open_film(path)
    assert film.rate == rate
    assert film.even
    assert film.frames == 40


def test_pulldown_by_flags_comes_out_evenly(tmp_path):
    field = Fraction(1001, 60_000)
    path = clips.write_clip(
        tmp_path / "in.ts",
        options={"bf": "0"},
        times=lambda number: round((5 * number // 2) * field * 90_000),
        time_base=Fraction(1, 90_000),
        rate=Fraction(30_000, 1001),
    )
    film = open_film(path)
    assert (film.rate, film.pulldown, film.even, film.frames) == (Fraction(24_000, 1001), True, False, 40)
    for suffix, slack in ((".mp4", 0), (".mkv", MILLISECOND)):
        colored(path, tmp_path / f"out{suffix}", preset="fast")
        times = [time for time, _ in shown(tmp_path / f"out{suffix}")]
        assert max(abs(time - number * 5 * field / 2) for number, time in enumerate(times)) <= slack


def test_frames_of_which_each_field_is_a_packet_are_counted_once():
    class Stream:
        average_rate = Fraction(25)
        codec_context = type("Context", (), {"field_order": 2})

    steps = timeline._Steps.of(range(0, 1800 * 80, 1800), Fraction(1, 90_000))
    assert timeline._are_fields(steps, Stream())
    Stream.average_rate = Fraction(50)
    assert not timeline._are_fields(steps, Stream())


def test_a_stray_caption_lengthens_no_film(tmp_path):
    woven = clips.write_clip(tmp_path / "woven.mkv", planes=lambda number: (clips.woven(number),), options={"bf": "0"})
    late = "1\n03:00:00,000 --> 03:00:01,000\nEnde\n\n"
    path = clips.add_tracks(woven, tmp_path / "in.mkv", sounds=[], subtitles=late)
    film = open_film(path)
    assert float(film.duration) == pytest.approx(1.6, abs=0.05)
    assert film.interlaced


def test_the_rate_of_avi_counts_no_empty_frames(tmp_path):
    path = clips.write_clip(
        tmp_path / "in.avi",
        codec="mjpeg",
        form="yuvj420p",
        times=lambda number: 24 * number,
        time_base=Fraction(1, 600),
        rate=Fraction(600),
    )
    film = open_film(path)
    assert (film.rate, film.frames, film.frame_ticks) == (25, 40, 24)


def test_frames_that_a_capture_dropped_stay_gaps_in_avi(tmp_path):
    path = clips.write_clip(
        tmp_path / "in.avi", codec="mjpeg", form="yuvj420p", times=lambda number: number + 3 * (number >= 20)
    )
    film = open_film(path)
    assert film.rate == 25
    times = [frame.pts * film.time_base for frame in read_frames(film)]
    assert times == [Fraction(number + 3 * (number >= 20), 25) for number in range(40)]


def test_pictures_that_begin_after_the_sound_stay_with_it(tmp_path):
    bare = clips.write_clip(
        tmp_path / "bare.mp4", times=lambda number: 667 + 40 * number, time_base=MILLISECOND, options={"bf": "0"}
    )
    path = clips.add_tracks(bare, tmp_path / "in.mp4", sounds=[("aac", "deu")], seconds=2)
    colored(path, tmp_path / "out.mp4", preset="fast")
    for kind in ("video", "audio"):
        before, after = (min(time for time, _ in clips.packets_of(one, kind)) for one in (path, tmp_path / "out.mp4"))
        assert abs(before - after) <= MILLISECOND, kind


def test_a_frame_that_is_held_lengthens_no_other(tmp_path):
    path = clips.write_clip(
        tmp_path / "in.mkv", times=lambda number: 40 * number + 10_000 * (number > 20), time_base=MILLISECOND
    )
    film = open_film(path)
    assert (film.rate, film.usual, film.longest) == (25, Fraction(1, 25), Fraction(251, 25))
    colored(path, tmp_path / "out.mp4", preset="fast")
    assert [time for time, _ in shown(tmp_path / "out.mp4")] == [
        Fraction(number, 25) + 10 * (number > 20) for number in range(40)
    ]
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.duration * stream.time_base == Fraction(58, 5)


def part(folder, name, *, start, sound="mp2"):
    """30 frames with sound, whose clock begins at so many seconds."""
    bare = clips.write_clip(
        folder / f"{name}0.ts", codec="mpeg2video", frames=30, times=lambda number: number + 25 * start, max_b_frames=2
    )
    path = folder / f"{name}.ts"
    return clips.add_tracks(bare, path, sounds=[(sound, "deu")], seconds=1.2, delay=start).read_bytes()


@pytest.mark.parametrize("starts", [(3000, 0), (0, 497, 30_000, 20)])
def test_clocks_that_jump_are_joined_to_one_line(tmp_path, starts):
    path = tmp_path / "in.ts"
    path.write_bytes(b"".join(part(tmp_path, f"part{number}", start=start) for number, start in enumerate(starts)))
    film = open_film(path)
    count = len(starts)
    assert float(film.duration) == pytest.approx(1.2 * count, abs=0.1)
    assert (film.rate, film.even, film.seekable) == (25, True, False)
    assert [round(jump.by) for jump in film.jumps if jump.by] == [
        round(after - before - 1.2) for before, after in pairwise(starts)
    ]
    frames = list(read_frames(film))
    unit = film.time_base
    assert [(frame.pts - frames[0].pts) * unit for frame in frames] == [Fraction(n, 25) for n in range(30 * count)]
    half = list(read_frames(film, start_pts=frames[40].pts, start_number=40))
    assert [frame.pts for frame in half] == [frame.pts for frame in frames[40:]]
    np.testing.assert_array_equal(half[0].luma, frames[40].luma)
    colored(path, tmp_path / "out.mkv", preset="fast")
    pictures, sound = (clips.packets_of(tmp_path / "out.mkv", kind) for kind in ("video", "audio"))
    first = min(time for time, _ in pictures)
    assert max(abs(time - first - Fraction(number, 25)) for number, (time, _) in enumerate(sorted(pictures))) <= 0.001
    # Sound goes with the pictures beside it as it did, in the first part and in the last.
    raw = clips.packets_of(path, "audio")
    with av.open(str(path)) as container:
        pictures_raw = [packet.pts * packet.time_base for packet in container.demux(video=0) if packet.size]
    begins = (min(pictures_raw[:30]), min(pictures_raw[-30:]))
    for (time, data), (old, expected) in zip([*sound[:20], *sound[-20:]], [*raw[:20], *raw[-20:]], strict=True):
        late = time > first + 1.2
        assert data == expected
        assert abs((time - first - late * Fraction(6, 5) * (count - 1)) - (old - begins[late])) < 0.002


def test_a_hold_with_sound_going_on_is_no_jump(tmp_path):
    bare = clips.write_clip(
        tmp_path / "bare.mkv", codec="mpeg2video", frames=30, max_b_frames=0, times=lambda n: n + 300 * (n > 20)
    )
    film = open_film(clips.add_tracks(bare, tmp_path / "in.ts", sounds=[("mp2", "deu")], seconds=13.2))
    assert film.jumps == ()
    assert film.longest == Fraction(301, 25)


@pytest.mark.parametrize("starts", [(0, 400), (400, 0)])
def test_clocks_of_program_streams_are_joined_too(tmp_path, starts):
    path = tmp_path / "in.mpg"
    for number, start in enumerate(starts):
        clips.write_clip(
            tmp_path / f"{number}.mpg", codec="mpeg2video", frames=30, times=lambda n, start=start: n + 25 * start
        )
    path.write_bytes(b"".join((tmp_path / f"{number}.mpg").read_bytes() for number in (0, 1)))
    film = open_film(path)
    frames = list(read_frames(film))
    assert [(frame.pts - frames[0].pts) * film.time_base for frame in frames] == [Fraction(n, 25) for n in range(60)]


def test_pictures_that_are_all_shown_for_long_are_no_jumps(tmp_path):
    path = clips.write_clip(
        tmp_path / "in.ts", codec="mpeg2video", frames=12, times=lambda number: 375 * number, max_b_frames=0
    )
    film = open_film(path)
    assert (film.jumps, film.usual) == ((), 15)
    assert film.rate == Fraction(1, 15)


def lose(path, frames):
    """Cut the packets of these frames, by number in the order they are stored, out of a transport stream."""
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    data = path.read_bytes()
    starts = dict(zip(range(len(places)), zip(places, [*places[1:], len(data)], strict=True), strict=True))
    kept, last = [], 0
    for number in frames:
        begin, end = starts[number]
        kept.append(data[last:begin])
        last = end
    path.write_bytes(b"".join([*kept, data[last:]]))


@pytest.mark.parametrize(("codec", "options"), [("mpeg2video", {"b": "4000000"}), ("libx264", {"g": "10", "bf": "0"})])
def test_frames_whose_packets_are_lost_are_counted(tmp_path, codec, options):
    path = clips.write_clip(
        tmp_path / "in.ts", codec=codec, frames=150, options=options, gop_size=10, max_b_frames=0, size=(96, 64)
    )
    lose(path, range(80, 93))
    film = open_film(path)
    problems = Problems()
    frames = list(read_frames(film, problems=problems))
    lost = sum(problem.count for problem in problems.noted if "missing" in problem.kind)
    # The decoder of H.264 leaves out what refers to lost frames, too.
    assert (len(frames), lost) == ((137, 13) if codec == "mpeg2video" else (150 - lost, max(lost, 13)))
    assert any(f"{lost} frames missing (the file lost packets there)" in line for line in map(str, problems.noted))
    assert film.rate == 25


def test_a_frame_too_long_for_the_container_is_refused_before_the_work(tmp_path):
    day = 86_400_000
    path = clips.write_clip(
        tmp_path / "in.mkv", codec="ffv1", frames=9, times=lambda n: 40 * n + 2 * day * (n > 4), time_base=MILLISECOND
    )
    film = open_film(path)
    with pytest.raises(OutputError, match=r"\.mp4 cannot hold a frame that is shown for 48:00:00\.0.*write \.mkv"):
        check_target(film, tmp_path / "out.mp4", choose_recipe(film, "a.mp4"))
    assert check_target(film, tmp_path / "out.mkv", choose_recipe(film, "a.mkv")) == ()

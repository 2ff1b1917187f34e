"""Films in and out: luma to the bit, times and sound as they were, shots, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from coloring.film.films import HEIGHT, WIDTH, Paint, film_of, has_colors, same, stored, texture, times
from media.video import clips
from tinct.coloring.film.colorize import list_shots
from tinct.errors import InputError, OutputError, SettingError, TinctError, UnreadableError


def fine(number: int) -> np.ndarray:
    """10-bit luma whose lowest bits say something too."""
    return (4 * texture(number).astype(np.uint16) + clips.noise(number, (HEIGHT, WIDTH)) % 4).astype(np.uint16)


@pytest.mark.parametrize(
    ("form", "size", "planes"),
    [
        ("yuv420p", (WIDTH, HEIGHT), lambda number: (texture(number),)),
        ("yuv420p10le", (WIDTH, HEIGHT), lambda number: (fine(number), *[np.full((32, 48), 512, np.uint16)] * 2)),
        ("gray", (WIDTH, HEIGHT), lambda number: (texture(number),)),
        ("yuv420p", (77, 53), lambda number: (texture(number, height=53, width=77),)),
    ],
)
def test_luma_is_the_films_to_the_bit(paint: Paint, tmp_path: Path, form: str, size: Any, planes: Any) -> None:
    source = film_of(tmp_path / "in.mkv", 6, form=form, size=size, planes=planes)
    result = paint(source, tmp_path / "out.mkv", purpose="archive")
    assert (result.frames, result.codec, result.width, result.height) == (6, "ffv1", *size)
    before, after = stored(source), stored(result.target)
    for old, new in zip(before, after, strict=True):
        assert np.array_equal(old[0], new[0])
        assert has_colors(new)


def test_full_range_stays_full_range(paint: Paint, tmp_path: Path) -> None:
    wide = film_of(tmp_path / "in.mkv", 3, planes=lambda number: (clips.noise(number, (HEIGHT, WIDTH)),), color_range=2)
    result = paint(wide, tmp_path / "out.mkv", codec="ffv1")
    with av.open(str(result.target)) as container:
        assert container.streams.video[0].codec_context.color_range == 2
    assert all(np.array_equal(old[0], new[0]) for old, new in zip(stored(wide), stored(result.target), strict=True))


def test_frames_keep_their_own_times(paint: Paint, tmp_path: Path) -> None:
    def uneven(number: int) -> int:
        return 40 * number + 13 * (number % 3)

    source = film_of(tmp_path / "in.mkv", 30, times=uneven, time_base=Fraction(1, 1000))
    for name in ("out.mkv", "out.mp4"):
        result = paint(source, tmp_path / name)
        assert result.frames == 30
        assert times(result.target) == [Fraction(uneven(number), 1000) for number in range(30)]


@pytest.mark.parametrize("name", ["out.mkv", "out.mp4"])
def test_sound_stays_in_sync(paint: Paint, tmp_path: Path, name: str) -> None:
    source = clips.add_tracks(
        film_of(tmp_path / "silent.mkv", 40), tmp_path / "in.mkv", sounds=[("aac", "deu"), ("ac3", "eng")]
    )
    result = paint(source, tmp_path / name)
    for number in range(2):
        before, after = (clips.packets_of(path, "audio", number) for path in (source, result.target))
        assert [data for _, data in after] == [data for _, data in before]
        assert all(abs(new - old) < Fraction(1, 500) for (old, _), (new, _) in zip(before, after, strict=True))
    assert times(result.target) == times(source)


def test_a_cut_is_listed_and_nothing_bleeds_over_it(paint: Paint, tmp_path: Path) -> None:
    def two(number: int) -> tuple[np.ndarray]:
        return (texture(number) if number < 15 else texture(number, seed=2),)

    both = film_of(tmp_path / "both.mkv", 30, planes=two)
    after = film_of(tmp_path / "after.mkv", 15, planes=lambda number: two(number + 15))
    result = paint(both, tmp_path / "both_color.mkv", codec="ffv1")
    assert [(shot.frame, shot.seconds, shot.colored) for shot in result.shots] == [(0, 0, False), (15, 0.6, False)]
    assert [(shot.frame, shot.seconds) for shot in list_shots(both)] == [(0, 0.0), (15, 0.6)]
    alone = paint(after, tmp_path / "after_color.mkv", codec="ffv1")
    assert same(stored(result.target)[15:], stored(alone.target))


def tinted(number: int) -> tuple[np.ndarray, ...]:
    """Frames 10 to 19 are another picture, in colours."""
    if not 10 <= number < 20:
        return (texture(number),)
    blocks = np.random.default_rng(3).integers(60, 200, (2, HEIGHT // 16, WIDTH // 16))
    return texture(number, seed=2), *np.kron(blocks, np.ones((1, 8, 8))).astype(np.uint8)


def test_a_shot_in_colours_keeps_them(paint: Paint, tmp_path: Path) -> None:
    source = film_of(tmp_path / "in.mkv", 30, planes=tinted)
    result = paint(source, tmp_path / "out.mkv", codec="ffv1")
    assert [(shot.frame, shot.colored) for shot in result.shots] == [(0, False), (10, True), (20, False)]
    before, after = stored(source), stored(result.target)
    assert same(before[10:20], after[10:20])
    assert has_colors(after[9])
    assert has_colors(after[20])
    anew = paint(source, tmp_path / "anew.mkv", codec="ffv1", recolor=True)
    assert not any(same([old], [new]) for old, new in zip(before, stored(anew.target), strict=True))


def test_black_borders_stay_black(paint: Paint, tmp_path: Path) -> None:
    def letterbox(number: int) -> tuple[np.ndarray]:
        frame = np.full((HEIGHT, WIDTH), 16, np.uint8)
        frame[10:54] = texture(number, height=44)
        return (frame,)

    source = film_of(tmp_path / "in.mkv", 8, planes=letterbox)
    result = paint(source, tmp_path / "out.mkv", codec="ffv1")
    assert result.notices == (f"black borders were left black: the picture is {WIDTH} x 44",)
    for luma, *chroma in stored(result.target):
        assert (luma[:10] == 16).all()
        for plane in chroma:
            assert (plane[:5] == 128).all()
            assert (plane[27:] == 128).all()
            assert (plane[5:27] != 128).mean() > 0.5


def test_compare_puts_the_film_beside_the_result(paint: Paint, tmp_path: Path) -> None:
    source = film_of(tmp_path / "in.mkv", 5)
    plain = stored(paint(source, tmp_path / "plain.mkv", codec="ffv1").target)
    result = paint(source, tmp_path / "both.mkv", codec="ffv1", compare=True)
    assert (result.width, result.height) == (2 * WIDTH, HEIGHT)
    for (luma, *chroma), (alone, *made) in zip(stored(result.target), plain, strict=True):
        assert np.array_equal(luma, np.hstack([alone, alone]))
        for plane, colors in zip(chroma, made, strict=True):
            assert np.array_equal(plane, np.hstack([np.full_like(colors, 128), colors]))


def test_a_part_of_a_film_with_its_sound(paint: Paint, tmp_path: Path) -> None:
    source = clips.add_tracks(
        film_of(tmp_path / "silent.mkv", 50), tmp_path / "in.mkv", sounds=[("aac", "deu")], seconds=2
    )
    result = paint(source, tmp_path / "out.mkv", codec="ffv1", start=0.6, end=1.4)
    assert result.frames == 20
    assert times(result.target) == [Fraction(number, 25) for number in range(20)]
    assert [planes[0].tobytes() for planes in stored(result.target)] == [
        planes[0].tobytes() for planes in stored(source)[15:35]
    ]
    inside = [(time, data) for time, data in clips.packets_of(source, "audio") if 0.6 <= time < 1.4]
    kept = clips.packets_of(result.target, "audio")
    assert [data for _, data in kept] == [data for _, data in inside]
    assert all(
        abs(new + Fraction(3, 5) - old) < Fraction(1, 500) for (new, _), (old, _) in zip(kept, inside, strict=True)
    )


def test_each_way_of_smoothing(paint: Paint, tmp_path: Path) -> None:
    source = film_of(tmp_path / "in.mkv", 14)
    ways = ("off", "paper", "0.2,20", "motion")
    off, paper, numbers, motion = (
        stored(paint(source, tmp_path / f"{way}.mkv", codec="ffv1", smoothing=way).target) for way in ways
    )
    assert same(paper, numbers)
    assert same(off[:1], paper[:1])  # its kernel looks back alone
    assert not same(off[5:6], paper[5:6])
    assert not same(off[:1], motion[:1])
    with pytest.raises(SettingError, match="smoothing must be"):
        paint(source, tmp_path / "none.mkv", smoothing="strong")


def test_a_film_that_is_interlaced_is_told(paint: Paint, tmp_path: Path) -> None:
    source = film_of(tmp_path / "in.mkv", 30, planes=lambda number: (clips.woven(number),))
    result = paint(source, tmp_path / "out.mkv")
    assert result.frames == 30
    assert result.notices == ("the film is interlaced: it was deinterlaced, one frame for each",)
    assert times(result.target) == times(source)


def test_times_that_jump_and_another_rate_are_told(paint: Paint, tmp_path: Path) -> None:
    for number, start in enumerate((0, 500)):
        clips.write_clip(
            tmp_path / f"{number}.ts", codec="mpeg2video", frames=8, times=lambda n, start=start: n + 25 * start
        )
    source = tmp_path / "in.ts"
    source.write_bytes((tmp_path / "0.ts").read_bytes() + (tmp_path / "1.ts").read_bytes())
    result = paint(source, tmp_path / "out.mp4", rate=18)
    assert result.frames == 16
    assert result.notices == (
        "its 25 frames a second are shown as 18",
        "its time stamps jump once, at 0:00:00.3, 0:08:19.6 ahead: they were joined into one timeline",
    )
    assert times(result.target) == [Fraction(number, 18) for number in range(16)]


def test_a_folder_of_pictures(paint: Paint, tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(12):
        cv2.imwrite(str(folder / f"scan{number}.png"), texture(number))
    result = paint(folder, rate=18)
    assert result.target == tmp_path / "scans_color.mp4"
    assert times(result.target) == [Fraction(number, 18) for number in range(12)]
    lossless = paint(folder, tmp_path / "scans.mkv", codec="ffv1", rate=18)
    for number, planes in enumerate(stored(lossless.target)):
        assert np.array_equal(planes[0], texture(number))
        assert has_colors(planes)


def test_a_gif(paint: Paint, tmp_path: Path) -> None:
    frames = [cv2.cvtColor(texture(number), cv2.COLOR_GRAY2RGB) for number in range(6)]
    source = tmp_path / "in.gif"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("gif", rate=10, width=WIDTH, height=HEIGHT, pix_fmt="rgb8")
        for rgb in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="rgb8")))
        container.mux(stream.encode(None))
    result = paint(source, recolor=True)  # its 256 colours are not quite grey
    assert result.target == tmp_path / "in_color.mp4"
    assert times(result.target) == [Fraction(number, 10) for number in range(6)]


@pytest.mark.parametrize(
    ("name", "settings", "target"),
    [
        ("in.mp4", {}, "in_color.mp4"),
        ("in.avi", {}, "in_color.mp4"),
        ("in.mp4", {"purpose": "archive"}, "in_color.mkv"),
        ("in.mp4", {"codec": "prores"}, "in_color.mov"),
    ],
)
def test_where_a_result_goes_if_nobody_says(
    paint: Paint, tmp_path: Path, name: str, settings: Any, target: str
) -> None:
    source = film_of(tmp_path / name, 4, codec="libx264")
    assert paint(source, **settings).target == tmp_path / target
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, target])


def test_what_is_there_is_not_replaced_unasked(paint: Paint, tmp_path: Path) -> None:
    source = film_of(tmp_path / "in.mkv", 4)
    target = tmp_path / "out.mkv"
    target.write_bytes(b"precious")
    with pytest.raises(OutputError, match="already exists; replace it"):
        paint(source, target)
    assert target.read_bytes() == b"precious"
    assert paint(source, target, overwrite=True).frames == 4
    content = source.read_bytes()
    (tmp_path / "link.mkv").symlink_to(source)
    for itself in (source, tmp_path / "link.mkv"):
        with pytest.raises(OutputError, match="is the input itself"):
            paint(source, itself, overwrite=True)
    assert source.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "link.mkv", "out.mkv"]


def test_sound_that_the_container_cannot_hold(paint: Paint, tmp_path: Path) -> None:
    source = clips.add_tracks(
        film_of(tmp_path / "silent.mkv", 8), tmp_path / "in.mkv", sounds=[("aac", "deu")], seconds=0.4
    )
    quick = {"preset": "8", "crf": 50}
    with pytest.raises(OutputError, match=r"sound \(aac, stream 1\) cannot be held by \.webm; write .*\.mkv"):
        paint(source, tmp_path / "out.webm", **quick)
    encoded = paint(source, tmp_path / "out.webm", sound="encode", **quick)
    with av.open(str(encoded.target)) as container:
        assert [stream.codec_context.name for stream in container.streams] == ["vp9", "opus"]
    silent = paint(source, tmp_path / "silent.webm", sound="none", **quick)
    with av.open(str(silent.target)) as container:
        assert [stream.type for stream in container.streams] == ["video"]


def test_a_film_that_is_cut_off_is_coloured_as_far_as_it_goes_and_told(paint: Paint, tmp_path: Path) -> None:
    source = clips.add_tracks(
        film_of(tmp_path / "silent.mkv", 60), tmp_path / "in.mkv", sounds=[("aac", "deu")], seconds=2.4
    )
    content = source.read_bytes()
    source.write_bytes(content[: len(content) * 6 // 10])
    result = paint(source, tmp_path / "out.mkv", codec="ffv1")
    assert 20 < result.frames < 50
    assert all(has_colors(planes) for planes in stored(result.target))
    assert any("cut off" in problem or "damaged" in problem for problem in result.problems)


def test_what_is_no_film_is_refused(paint: Paint, tmp_path: Path) -> None:
    text, empty, missing = tmp_path / "text.mp4", tmp_path / "empty.mp4", tmp_path / "missing.mp4"
    text.write_text("not a film\n" * 100)
    empty.write_bytes(b"")
    for source in (text, empty, missing):
        with pytest.raises(UnreadableError, match=source.name):
            paint(source)
    sound = tmp_path / "sound.mp4"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        for packet in clips._sound(stream, 0.5, pitch=200):
            container.mux(packet)
    with pytest.raises(InputError, match=sound.name):
        paint(sound)
    none = film_of(tmp_path / "none.mkv", 0, before=lambda container, stream: container.start_encoding())
    with pytest.raises(InputError, match=none.name):
        paint(none)
    folder = tmp_path / "nothing"
    folder.mkdir()
    with pytest.raises(InputError, match="holds no pictures"):
        paint(folder)
    names = {"text.mp4", "empty.mp4", "sound.mp4", "none.mkv", "nothing"}
    assert {path.name for path in tmp_path.iterdir()} == names


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("out.avi", {}, "AVI keeps no times"),
        ("out.mp4", {"codec": "prores"}, "cannot hold prores"),
        ("out.mkv", {"codec": "xvid"}, "there is no codec xvid"),
        ("out.mkv", {"crf": 99}, "must lie in 0..51"),
        ("out.mkv", {"bits": 9}, "takes 8 or 10 bits"),
        ("out.mkv", {"purpose": "cinema"}, "there are no settings named cinema"),
        ("out.mkv", {"start": 2.0, "end": 1.0}, "the end after the start"),
        ("out.mkv", {"start": 3600.0}, "before the start at 3600 s"),
        ("out.mkv", {"temperature": 0.0}, "temperature must be above 0"),
        ("out.mkv", {"threads": 0}, "at least 1 thread"),
        ("gone/out.mkv", {}, "folder does not exist"),
    ],
)
def test_wrong_settings_are_refused_before_any_work(
    paint: Paint, tmp_path: Path, name: str, settings: Any, said: str
) -> None:
    source = film_of(tmp_path / "in.mkv", 4)
    with pytest.raises(TinctError, match=said):
        paint(source, tmp_path / name, on_frame=lambda *_: pytest.fail("work began"), **settings)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_progress_counts_all_frames(paint: Paint, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    paint(film_of(tmp_path / "in.mp4", 9, codec="libx264"), on_frame=lambda *counts: seen.append(counts))
    assert seen == [(number, 9) for number in range(1, 10)]

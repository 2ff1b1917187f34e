"""A film's finished parts: what is noted is there again, only whole parts count, and killed runs go on."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coloring.film.films import Paint, film_of, same, stored, texture, times
from media.video import clips
from tinct.coloring.film import colorize as video_module
from tinct.coloring.film import pipeline as film_module
from tinct.coloring.film.parts import Progress, work_folder
from tinct.errors import OutputError
from tinct.media.video.write import Coded, SegmentFile, open_segment

PLAN = {"source": "film.mp4", "size": 192}


def segment_file(path: Path, data: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        written = SegmentFile(archive, codec="ffv1", settings="", time_base=Fraction(1, 25), extradata=b"")
        written.add(Coded(0, 1, True, data))
        written.finish()


def interrupted(target: Path, parts: int, plan: dict = PLAN) -> None:
    """Finish some parts, begin another, and be killed."""
    with contextlib.suppress(KeyboardInterrupt), work_folder(target, plan) as work:
        for number in range(parts):
            part = work.next_part()
            segment_file(part, b"part %d" % number)
            work.finish(part, Progress({"given_to": 10 * number}, {"shares": np.full((2, 3), number, np.float32)}))
        work.next_part().write_bytes(b"half a part")
        raise KeyboardInterrupt


def test_a_killed_run_finds_its_parts_again(tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    interrupted(target, 3)
    with work_folder(target, PLAN) as work:
        kept = [next(open_segment(part).packets()).data for part in work.parts()]
        assert kept == [b"part 0", b"part 1", b"part 2"]
        assert work.next_part().name == "00003.frames"
        progress = work.progress()
        assert progress is not None
        assert progress.facts == {"given_to": 20}
        np.testing.assert_array_equal(progress.arrays["shares"], np.full((2, 3), 2, np.float32))
    assert list(tmp_path.iterdir()) == []  # it goes when the work is done


def test_another_plan_starts_anew(tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    interrupted(target, 2)
    with work_folder(target, {**PLAN, "size": 160}) as work:
        assert work.parts() == []
        assert work.progress() is None


def test_two_runs_do_not_mix(tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    with work_folder(target, PLAN), pytest.raises(OutputError, match="another run"), work_folder(target, PLAN):
        pass


def test_no_folder_to_write_to(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"), work_folder(tmp_path / "gone" / "out.mkv", PLAN):
        pass


@pytest.mark.parametrize("name", ["00001.frames", "00001.npz"])
@pytest.mark.parametrize("harm", ["flipped", "cut", "empty"])
def test_a_damaged_part_and_those_behind_it_are_made_anew(tmp_path: Path, name: str, harm: str) -> None:
    target = tmp_path / "out.mkv"
    interrupted(target, 3)
    harmed = tmp_path / ".out.mkv.tinct-work" / name
    content = bytearray(harmed.read_bytes())
    middle = content.index(b"part 1") if name.endswith("frames") else len(content) // 3
    content[middle] ^= 0xFF
    harmed.write_bytes({"flipped": bytes(content), "cut": bytes(content[:-40]), "empty": b""}[harm])
    with work_folder(target, PLAN) as work:
        assert (len(work.parts()), work.damaged) == (1, 1)
        progress = work.progress()
        assert progress is not None
        assert progress.facts == {"given_to": 0}


def test_few_states_are_kept_whole_and_damage_goes_back_to_one(tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    interrupted(target, 20)
    with contextlib.suppress(KeyboardInterrupt), work_folder(target, PLAN) as work:
        whole = [number for number, part in enumerate(work.parts()) if len(np.load(part.with_suffix(".npz")).files) > 1]
        assert whole == [0, 16, 18, 19]
        raise KeyboardInterrupt
    for harmed, left in ((18, 17), (12, 1)):
        (tmp_path / ".out.mkv.tinct-work" / f"{harmed:05d}.frames").write_bytes(b"")
        with contextlib.suppress(KeyboardInterrupt), work_folder(target, PLAN) as work:
            assert (len(work.parts()), work.damaged) == (left, 1)
            progress = work.progress()
            assert progress is not None
            assert progress.facts == {"given_to": 10 * (left - 1)}
            np.testing.assert_array_equal(progress.arrays["shares"], np.full((2, 3), left - 1, np.float32))
            raise KeyboardInterrupt


class Killed(BaseException):
    """Ends a run as a signal would."""


def stop_at(number: int) -> Callable[[int, int | None], None]:
    def on_frame(done: int, total: int | None) -> None:
        if done == number:
            raise Killed

    return on_frame


@pytest.mark.parametrize(("codec", "name"), [("ffv1", "out.mkv"), ("h264", "out.mp4")])
def test_a_killed_run_goes_on_and_gives_the_same_film(
    paint: Paint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, name: str
) -> None:
    monkeypatch.setattr(film_module, "PART_FRAMES", 10)
    source = clips.add_tracks(
        film_of(tmp_path / "silent.mkv", 45), tmp_path / "in.mkv", sounds=[("aac", "deu")], seconds=1.8
    )
    (tmp_path / "whole").mkdir()
    whole = paint(source, tmp_path / "whole" / name, codec=codec)
    target = tmp_path / name
    for place in (27, 33):
        with pytest.raises(Killed):
            paint(source, target, codec=codec, on_frame=stop_at(place))
        assert not target.exists()
    # Another number of threads must not make parts that do not fit those there are.
    result = paint(source, target, codec=codec, threads=1)
    assert 20 <= result.resumed <= 33
    assert (result.frames, result.shots) == (45, whole.shots)
    assert times(target) == times(whole.target)
    for kind in ("video", "audio"):
        assert clips.packets_of(target, kind) == clips.packets_of(whole.target, kind)
    assert {path.name for path in tmp_path.iterdir()} == {"silent.mkv", "in.mkv", "whole", name}


def test_a_run_with_a_damaged_part_gives_the_same_film_and_tells(
    paint: Paint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_module, "PART_FRAMES", 10)
    source = film_of(tmp_path / "in.mkv", 35)
    whole = paint(source, tmp_path / "whole.mkv", codec="ffv1")
    with pytest.raises(Killed):
        paint(source, tmp_path / "out.mkv", codec="ffv1", on_frame=stop_at(33))
    part = tmp_path / ".out.mkv.tinct-work" / "00001.frames"
    part.write_bytes(part.read_bytes()[:-100])
    result = paint(source, tmp_path / "out.mkv", codec="ffv1")
    assert 8 <= result.resumed <= 12
    assert "finished parts of an earlier run were damaged (1), and were made anew" in result.notices
    assert same(stored(result.target), stored(whole.target))


def test_a_run_from_pictures_to_pictures_goes_on_where_it_was_killed(
    paint: Paint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_module, "PART_FRAMES", 5)
    (tmp_path / "in").mkdir()
    for number in range(12):
        picture = np.stack([4 * texture(number).astype(np.uint16)] * 3, axis=-1)
        clips.write_picture(tmp_path / "in" / f"s{number + 90}.dpx", "dpx", "gbrp10be", picture)
    source, target = tmp_path / "in" / "s%d.dpx", tmp_path / "out" / "t_%03d.dpx"
    whole = paint(source, tmp_path / "whole" / "t_%03d.dpx")
    assert (whole.frames, whole.codec, whole.notices) == (12, "dpx", ())
    with pytest.raises(Killed):
        paint(source, target, on_frame=stop_at(11))
    assert [path.name for path in target.parent.iterdir()] == [".t_%03d.dpx.tinct-work"]
    result = paint(source, target)
    assert result.resumed >= 5
    names = [f"t_{number + 90:03d}.dpx" for number in range(12)]
    assert sorted(path.name for path in target.parent.iterdir()) == names
    for name in names:
        assert (target.parent / name).read_bytes() == (whole.target.parent / name).read_bytes()
    again = paint(source, target, end=0.1, overwrite=True)
    assert again.notices == ("9 other pictures with such names are still there",)


def test_a_run_killed_before_its_first_part_leaves_nothing(paint: Paint, tmp_path: Path) -> None:
    source = film_of(tmp_path / "in.mkv", 20)
    with pytest.raises(Killed):
        paint(source, tmp_path / "out.mkv", on_frame=stop_at(5))
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_a_run_killed_while_the_parts_are_joined_has_nothing_left_to_paint(
    paint: Paint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    source = film_of(tmp_path / "in.mkv", 12)
    with monkeypatch.context() as patch:
        patch.setattr(video_module, "assemble", full)
        with pytest.raises(OutputError, match=r"out.mkv: cannot be written \(No space left on device\)"):
            paint(source, tmp_path / "out.mkv")
    result = paint(source, tmp_path / "out.mkv", on_frame=lambda *_: pytest.fail("a frame was painted again"))
    assert (result.frames, result.resumed) == (12, 12)
    assert len(stored(result.target)) == 12


def test_other_settings_begin_anew(paint: Paint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_module, "PART_FRAMES", 10)
    source = film_of(tmp_path / "in.mkv", 30)
    with pytest.raises(Killed):
        paint(source, tmp_path / "out.mkv", codec="ffv1", on_frame=stop_at(25))
    result = paint(source, tmp_path / "out.mkv", codec="ffv1", smoothing="off")
    alone = paint(source, tmp_path / "alone.mkv", codec="ffv1", smoothing="off")
    assert (result.resumed, result.frames) == (0, 30)
    assert same(stored(result.target), stored(alone.target))


def test_two_runs_at_once_on_one_film(paint: Paint, tmp_path: Path) -> None:
    source = film_of(tmp_path / "in.mkv", 4)
    target = tmp_path / "out.mkv"
    with work_folder(target, {}), pytest.raises(OutputError, match="another run is writing it"):
        paint(source, target)
    assert paint(source, target).frames == 4

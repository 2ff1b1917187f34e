"""A film coloured in segments by several processes: the film of one pass, without a seam where they are joined."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coloring.film.films import film_of, stored, texture, times
from tinct.coloring.film import segment_workers, segments
from tinct.coloring.film.colorize import VideoResult, colorize_video
from tinct.coloring.film.segment_workers import Facts, Processes
from tinct.coloring.film.segments import Segment, Task, disagree, divide, joined
from tinct.coloring.film.smoothing import Smoothing
from tinct.coloring.settings import VideoSettings
from tinct.errors import SettingError
from tinct.media.video.probe import open_film

FRAMES, CUT = 150, 70
JOINTS = (50, 100)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 frames of two shots; segments of 50 frames are joined in the midst of each."""

    def two(number: int) -> tuple[np.ndarray]:
        return (texture(number // 3, seed=1 if number < CUT else 2),)

    return film_of(tmp_path_factory.mktemp("film") / "in.mkv", FRAMES, planes=two)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "SEGMENT_FRAMES", 50)
    monkeypatch.setattr(segments, "BEFORE", 40)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Colours segments in this process, one after the other."""

    def one_by_one(
        self: Processes, make: Callable[[], Callable[[Task], Facts]], tasks: list[Task], *, lost: object
    ) -> Generator[Facts, None, None]:
        yield from map(make(), tasks)

    monkeypatch.setattr(segment_workers.Processes, "map", one_by_one)


def paint(source: Path, target: Path, model: Path, *, workers: int | None = None, **options: Any) -> VideoResult:
    chosen = {"runtime": "onnxruntime", "denoise": "off", "threads": 2, "purpose": "archive", **options}
    return colorize_video(source, target, settings=VideoSettings(model=model, **chosen), workers=workers)


def seam(one: Path, other: Path, *, joints: tuple[int, ...] = JOINTS) -> tuple[float, int]:
    """Return the mean and the largest difference in U and V, in 8-bit steps, of the frames around joints."""
    first, second = stored(one), stored(other)
    assert len(first) == len(second)
    assert all(np.array_equal(before[0], after[0]) for before, after in zip(first, second, strict=True))
    near = [joint + step for joint in joints for step in range(-3, 4)]
    apart = [np.abs(first[at][plane].astype(int) - second[at][plane].astype(int)) for at in near for plane in (1, 2)]
    return float(np.mean(apart)), int(np.max(apart))


def test_two_processes_make_the_film_of_one_pass(film: Path, tmp_path: Path, tiny_model: Path) -> None:
    whole = paint(film, tmp_path / "whole.mkv", tiny_model)
    parts = paint(film, tmp_path / "parts.mkv", tiny_model, workers=2)
    mean, most = seam(whole.target, parts.target)
    assert mean < 0.01
    assert most <= 1
    assert (parts.frames, parts.resumed) == (FRAMES, 0)
    assert times(parts.target) == times(whole.target)
    assert [(shot.frame, shot.seconds, shot.colored) for shot in parts.shots] == [
        (shot.frame, shot.seconds, shot.colored) for shot in whole.shots
    ]
    assert [shot.frame for shot in parts.shots] == [0, CUT]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("options", "most"),
    [({"smoothing": "paper"}, 0), ({"smoothing": "off"}, 0), ({"memory": "off"}, 3), ({"start": 1}, 1)],
)
def test_no_seam_with_other_settings(
    here: None, film: Path, tmp_path: Path, tiny_model: Path, options: dict[str, Any], most: int
) -> None:
    whole = paint(film, tmp_path / "whole.mkv", tiny_model, **options)
    parts = paint(film, tmp_path / "parts.mkv", tiny_model, workers=2, **options)
    assert parts.frames == whole.frames
    joints = tuple(joint for joint in JOINTS if joint + 3 < parts.frames)
    assert seam(whole.target, parts.target, joints=joints)[1] <= most


def test_without_frames_around_them_segments_would_have_seams(
    here: None, film: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BEFORE", "AFTER"):
        monkeypatch.setattr(segments, name, 0)
    whole = paint(film, tmp_path / "whole.mkv", tiny_model)
    parts = paint(film, tmp_path / "parts.mkv", tiny_model, workers=2)
    mean, most = seam(whole.target, parts.target)
    assert mean > 0.1
    assert most > 2


def test_a_killed_run_goes_on_with_the_segments_that_are_left(
    here: None, film: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:

        def two_and_no_more(
            self: Processes, make: Callable[[], Callable[[Task], Facts]], tasks: list[Task], *, lost: object
        ) -> Generator[Facts, None, None]:
            yield from map(make(), tasks[:2])
            raise KeyboardInterrupt

        patched.setattr(segment_workers.Processes, "map", two_and_no_more)
        with pytest.raises(KeyboardInterrupt):
            paint(film, tmp_path / "parts.mkv", tiny_model, workers=2)
    result = paint(film, tmp_path / "parts.mkv", tiny_model, workers=3)
    whole = paint(film, tmp_path / "whole.mkv", tiny_model)
    assert (result.resumed, result.frames) == (100, FRAMES)
    assert seam(whole.target, result.target)[1] <= 1


def test_segments_cover_the_film_and_begin_with_shots(film: Path) -> None:
    opened = open_film(film)
    tick = opened.frame_ticks
    way = Smoothing.parse("motion")

    def divided(span: tuple[int | None, int | None], cuts: tuple[int, ...] = ()) -> list[Segment]:
        return divide(opened, span, cuts=[cut * tick for cut in cuts], smoothing=way)

    assert [(one.start, one.end) for one in divided((None, None))] == [
        (None, 50 * tick), (50 * tick, 100 * tick), (100 * tick, None),
    ]  # fmt: skip
    assert [one.start for one in divided((None, None), cuts=(0, 40, 110, 140))] == [None, 40 * tick, 110 * tick]
    assert [(one.start, one.end) for one in divided((20 * tick, 120 * tick))] == [
        (20 * tick, 70 * tick), (70 * tick, 120 * tick),
    ]  # fmt: skip
    last = divided((None, None))[-1]
    assert (last.read_from, last.read_to, last.first) == (60 * tick, None, 60)
    assert divided((None, 60 * tick)) == [Segment(0, None, 60 * tick, None, 60 * tick)]


def test_neighbours_agree_on_the_shot_that_both_are_in() -> None:
    def facts(own: tuple[int, int], *shots: tuple[int, bool | None]) -> dict[str, Any]:
        listed = [{"frame": frame, "seconds": float(frame), "colored": colored} for frame, colored in shots]
        return {"own": list(own), "shots": listed, "problems": []}

    earlier = facts((0, 50), (0, False), (20, True), (52, False))
    assert disagree(earlier, facts((55, 100), (40, False))) is True
    assert disagree(earlier, facts((55, 100), (40, True))) is None
    assert disagree(earlier, facts((55, 100), (40, False), (55, False))) is None
    whole = joined([earlier, facts((55, 100), (40, True), (57, False))])
    assert whole["given_to"] == 95
    assert [(shot["frame"], shot["colored"]) for shot in whole["shots"]] == [(0, False), (20, True), (52, False)]


def test_hints_are_refused(tiny_model: Path) -> None:
    hinted = VideoSettings(model=tiny_model, hints=(object(),))  # type: ignore[arg-type]
    assert segment_workers.segment_processes(hinted, 1, None) is None
    with pytest.raises(SettingError, match="hints are carried along"):
        segment_workers.segment_processes(hinted, 2, None)

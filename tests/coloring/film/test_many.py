"""A folder of films: a row for each, results that stay, and the same films out of one process and of several."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from coloring.film.films import film_of
from media.video import clips
from tinct.actors import Processes
from tinct.coloring.film import among_processes, segments
from tinct.coloring.film.many import colorize_videos, is_folder_of_films
from tinct.coloring.film.row import FilmRow
from tinct.coloring.photo.manifest import opened
from tinct.coloring.photo.status import read_manifest, summarize
from tinct.coloring.settings import VideoSettings
from tinct.errors import OutputError, SettingError, UnreadableError
from tinct.media.video.film import Fields
from tinct.media.video.probe import open_film
from tinct.stopping import Stopped

FRAMES = 11


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Return a folder of three films, one of them below, and of a file that is none."""
    folder = tmp_path / "films"
    (folder / "below").mkdir(parents=True)
    for number, name in enumerate(("a.mkv", "b\n\u202egro.mkv", "below/c.mkv")):
        film_of(folder / name, FRAMES, seed=number)
    (folder / "torn.mp4").write_bytes((folder / "a.mkv").read_bytes()[:300])
    (folder / "notes.txt").write_text("x")
    return folder


@pytest.fixture
def settings(tiny_model: Path) -> VideoSettings:
    return VideoSettings(model=tiny_model, runtime="onnxruntime", denoise="off", threads=2, purpose="archive")


def colorized(films: Path, settings: VideoSettings, **options: Any) -> dict[str, FilmRow]:
    rows = colorize_videos(films, films.parent / "out", recursive=True, settings=settings, **options)
    return {Path(row.source).name: row for row in rows}


def statuses(rows: dict[str, FilmRow]) -> dict[str, str]:
    return {name[0]: row.status for name, row in rows.items()}


def stored(folder: Path) -> dict[str, list[bytes]]:
    return {path.name: clips.packets_of(path, "video") for path in sorted(folder.rglob("*_color.mkv"))}


ALL = {"a": "colorized", "b": "colorized", "c": "colorized", "t": "failed"}


def test_a_film_that_fails_stops_no_other_and_what_is_there_stays(films: Path, settings: VideoSettings) -> None:
    out = films.parent / "out"
    rows = colorized(films, settings)
    assert statuses(rows) == ALL
    assert str(films / "torn.mp4") in rows["torn.mp4"].message
    assert rows["c.mkv"].target == out / "below" / "c_color.mkv"
    assert rows["a.mkv"].film is not None
    assert rows["a.mkv"].to_json()["frames"] == FRAMES
    assert {record.status for record in read_manifest(out)} == {"colorized", "failed"}
    assert (summarize(out).noun, summarize(out).statuses["colorized"]) == ("films", 3)
    dates = {path: path.stat().st_mtime_ns for path in out.rglob("*_color.mkv")}
    (out / "a_color.mkv").unlink()
    left = out / ".b\n\u202egro_color.mkv.tinct-work"  # as of a run that was killed just after it had written it
    left.mkdir()
    (left / "00000.frames").write_bytes(b"x")
    os.utime(left / "00000.frames", (1, 1))
    again = colorized(films, settings)
    assert statuses(again) == {"a": "colorized", "b": "exists", "c": "exists", "t": "failed"}
    film_of(films / "below" / "c.mkv", FRAMES, seed=9)
    assert "its picture changed" in colorized(films, settings)["c.mkv"].message
    changed = colorized(films, replace(settings, update=True))
    assert statuses(changed) == {"a": "exists", "b": "exists", "c": "colorized", "t": "failed"}
    other = colorized(films, replace(settings, saturation=0.5))
    assert "with another saturation" in other["a.mkv"].message
    assert next(path for path in dates if path.name.startswith("b")).stat().st_mtime_ns in dates.values()
    assert sorted(path.name for path in out.iterdir() if path.name.startswith(".")) == [".tinct"]


def test_processes_make_the_films_of_one(
    films: Path, settings: VideoSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Films of more than a segment and a half are divided; here all run in this process, one after the other."""
    (films / "below" / "c.mkv").unlink()
    next(films.glob("b*.mkv")).unlink()
    film_of(films / "long.mkv", 3 * FRAMES, seed=5)
    rows = colorized(films, settings)
    (tmp_path / "out").rename(tmp_path / "one")
    monkeypatch.setattr(segments, "SEGMENT_FRAMES", 20)
    monkeypatch.setattr(segments, "BEFORE", 4)
    monkeypatch.setattr(among_processes, "SEGMENT_FRAMES", 20)
    met: list[object] = []

    def in_order(
        self: Processes, make: Callable[[], Callable[[Any], Any]], items: Iterable[Any], *, lost: object
    ) -> Generator[Any, None, None]:
        do = make()
        for item in items:
            met.append(item)
            yield do(item)

    monkeypatch.setattr(Processes, "map", in_order)
    spread_rows = colorized(films, settings, workers=2)
    assert {type(item).__name__ for item in met} == {"Step", "Task"}
    assert statuses(spread_rows) == statuses(rows) == {"a": "colorized", "l": "colorized", "t": "failed"}
    one, apart = stored(tmp_path / "one"), stored(tmp_path / "out")
    assert apart["a_color.mkv"] == one["a_color.mkv"]
    assert len(apart["long_color.mkv"]) == 3 * FRAMES
    met.clear()
    assert set(statuses(colorized(films, settings, workers=2)).values()) == {"exists", "failed"}
    assert met == []
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".")] == [".tinct"]


def test_stopped_in_the_midst_it_says_what_is_kept_and_goes_on(films: Path, settings: VideoSettings) -> None:
    def stop(film: Path, done: int, of: int | None) -> None:
        if film.name == "c.mkv" and done == 3:
            raise Stopped(130)

    with pytest.raises(Stopped) as stopped:
        colorized(films, settings, on_frame=stop)
    assert stopped.value.__notes__[-1] == "2 of 4 films are done and kept, the same command goes on with the others"
    assert "interrupted" in {record.status for record in read_manifest(films.parent / "out")}
    assert statuses(colorized(films, settings)) == {"a": "exists", "b": "exists", "c": "colorized", "t": "failed"}


def test_what_makes_no_sense_for_several_films_is_refused(films: Path, settings: VideoSettings) -> None:
    with pytest.raises(SettingError, match="several films"):
        colorize_videos(films, films.parent / "out.mkv", settings=settings)
    with pytest.raises(SettingError, match="--update needs"):
        colorize_videos(films, settings=replace(settings, update=True))
    with pytest.raises(SettingError, match="hints"):
        colorize_videos(films, settings=replace(settings, hints=(object(),)))  # type: ignore[arg-type]
    with pytest.raises(UnreadableError, match="add --recursive"):
        colorize_videos(films.parent, settings=settings)
    with opened(films.parent / "out", run=_run()), pytest.raises(OutputError, match="another run"):
        colorized(films, settings)


def _run() -> Any:
    from tinct.coloring.photo.manifest import Run

    return Run("local", "0", "m", "0" * 64, json.dumps({}))


def test_which_folders_are_of_films(films: Path, tmp_path: Path, camera_png: Path) -> None:
    assert is_folder_of_films(films, None)
    assert not is_folder_of_films(films / "a.mkv", None)
    assert not is_folder_of_films(tmp_path, None)
    assert is_folder_of_films(tmp_path, None, recursive=True)
    (films / "poster.png").write_bytes(camera_png.read_bytes())  # as before, frames of one film
    assert not is_folder_of_films(films, None)
    assert not is_folder_of_films(films, tmp_path / "one.mkv")
    assert is_folder_of_films(films, tmp_path / "out")


def test_beside_their_films_results_are_no_films_and_two_of_one_name_are_told(
    films: Path, settings: VideoSettings
) -> None:
    os.link(films / "a.mkv", films / "a.avi")
    rows = {Path(row.source).name: row for row in colorize_videos(films, settings=settings)}
    assert [row.status for name, row in sorted(rows.items()) if name.startswith("a")] == ["colorized", "failed"]
    assert "would both become" in rows["a.mkv"].message
    again = colorize_videos(films, settings=settings)
    assert len(again) == len(rows)
    assert not (films / ".tinct").exists()


def test_a_film_that_cannot_be_read_from_the_middle_is_not_divided(tmp_path: Path) -> None:
    film = replace(open_film(film_of(tmp_path / "f.mkv", 8)), duration=Fraction(3600))
    assert among_processes._is_long(film, VideoSettings())
    assert not among_processes._is_long(replace(film, fields=Fields(interlaced=True, way="film")), VideoSettings())

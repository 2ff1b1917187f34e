"""Colorize the films of a folder; every film gets a row, even if it fails.

With an output folder, a manifest is kept beside the results.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any, cast

from tinct.actors import Engine, Processes, chosen_processes
from tinct.coloring.film.among_processes import spread
from tinct.coloring.film.row import FilmJob, FilmRow, film_done
from tinct.coloring.film.work import open_as
from tinct.coloring.photo.batch import NO_SETTINGS, kept_so_far, run_of
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.manifest import Manifest, Run, look, opened
from tinct.coloring.photo.plan import RESULT, Job, claim, closed_folder
from tinct.coloring.photo.row import Outcome, note_outcome
from tinct.coloring.photo.verdict import Step, decided_steps
from tinct.coloring.settings import Decoding, VideoSettings
from tinct.errors import SettingError, TinctError, UnreadableError
from tinct.files import make_folder, walk
from tinct.media.video import FILM_SUFFIXES
from tinct.media.video.film import Film
from tinct.media.video.recipe import default_target
from tinct.media.video.sequence import FRAME_SUFFIXES
from tinct.stopping import kept_if_stopped

# Not recorded for films: settings without effect on their pictures, or not for several films.
_NO_SETTINGS = (*NO_SETTINGS, "views", "hints", "shots", "update", "overwrite")


def is_folder_of_films(source: str | Path, output: str | Path | None, *, recursive: bool = False) -> bool:
    """Check whether a folder is one of films, rather than of pictures that are a film's frames.

    It is one of films if it holds films and no such pictures, or if subfolders are asked for. If it holds both, it is
    one of films if the output is a folder.
    """
    folder = Path(source)
    if not folder.is_dir():
        return False
    if recursive:
        return True
    if next(walk(folder, FILM_SUFFIXES, recursive=False), None) is None:
        return False
    frames = next(walk(folder, FRAME_SUFFIXES, recursive=False), None)
    return frames is None or (output is not None and not _is_file_name(Path(output)))


def colorize_videos(
    source: str | Path,
    output: str | Path | None = None,
    *,
    recursive: bool = False,
    settings: VideoSettings | None = None,
    workers: int | None = None,
    engine: Engine | None = None,
    on_row: Callable[[FilmRow, int, int], object] | None = None,
    on_frame: Callable[[Path, int, int | None], object] | None = None,
) -> list[FilmRow]:
    """Colorize the films of a folder; a failure is a row, and the others go on.

    Run again, it continues where it stopped, also within a film. With an output folder, a manifest is kept there, as
    for photographs (`tinct.coloring.photo.manifest`): settings with `update` then replace results whose film, settings
    or model have changed since, and only one run at a time may use the folder.

    Args:
        source: the folder.
        output: a folder for the results, created if needed, with the same subfolders; by default beside each film.
        recursive: look into subfolders too.
        settings: how to colorize; by default as `VideoSettings()`. Hints are refused, since they are for one film.
        workers: use this many processes, for whole films and for segments of long ones; by default one.
        engine: runs the processes, on this machine or with Ray; without `workers`, as many as there are cores.
        on_row: called after each film with its row, the number done, and the number of all.
        on_frame: called after each frame, if one process does all, with the film, the frames done, and about how many
            there are.

    Returns:
        A row for each film: `colorized`, `exists` or `failed`.

    Raises:
        SettingError: an option is out of range, or makes no sense for several films.
        UnreadableError: the folder holds no films, or cannot be read.
        ModelError: the model cannot be used.
        OutputError: another run uses the output folder, or its manifest cannot be used.
    """
    settings = settings or VideoSettings()
    place = None if output is None else Path(output)
    _check(settings, place)
    jobs = _find_films(source, output, recursive=recursive)
    processes = chosen_processes(workers, engine)
    colorizer = Colorizer(settings, threads=1)  # one thread, since several frames are processed at once
    rows: list[FilmRow] = []
    with ExitStack() as kept:
        kept.enter_context(kept_if_stopped(lambda: _kept(rows, len(jobs), settings)))
        manifest = run = None
        if place is not None:
            run = run_of(colorizer, _made_with(colorizer, settings), engine or Engine())
            manifest = kept.enter_context(opened(make_folder(place), run))
        placed = _with_targets(jobs, Path(source), place, settings, manifest=manifest, run=run)
        steps = decided_steps(placed, settings, manifest, run)
        outcomes = _outcomes(steps, settings, colorizer, processes, on_frame)
        for outcome in kept.enter_context(closing(outcomes)):
            if manifest is not None:
                note_outcome(manifest, outcome)
            rows.append(cast(FilmRow, outcome.row))
            if on_row is not None:
                on_row(rows[-1], len(rows), len(jobs))
    return rows


def _check(settings: VideoSettings, place: Path | None) -> None:
    if settings.hints or settings.shots:
        raise SettingError("hints and settings of single shots are for one film; name the one they belong to")
    if settings.update and place is None:
        raise SettingError("--update needs a folder of results, whose manifest tells what changed; name one with -o")


def _kept(rows: list[FilmRow], count: int, settings: VideoSettings) -> str:
    done = sum(row.status != "failed" for row in rows)
    return kept_so_far("films", done, count, overwrite=settings.overwrite)


def _made_with(colorizer: Colorizer, settings: VideoSettings) -> dict[str, Any]:
    """Return the settings, with the model's own in place of None, as plain JSON values."""
    own = {**asdict(settings), **{option.name: getattr(colorizer.used, option.name) for option in fields(Decoding)}}
    recorded = {name: value for name, value in own.items() if name not in _NO_SETTINGS}
    plain: dict[str, Any] = json.loads(json.dumps(recorded, default=str))
    return plain


def _outcomes(
    steps: Iterable[Step],
    settings: VideoSettings,
    colorizer: Colorizer,
    processes: Processes | None,
    on_frame: Callable[[Path, int, int | None], object] | None,
) -> Generator[Outcome, None, None]:
    if processes is not None:
        yield from spread(steps, settings, colorizer, processes)
        return
    for step in steps:
        show = None if on_frame is None else partial(on_frame, step.job.source)
        yield film_done(step, settings, colorizer, on_frame=show)


def _find_films(source: str | Path, output: str | Path | None, *, recursive: bool) -> list[Job]:
    """List the films of a folder as jobs without targets; folders that cannot be read become failed jobs.

    Files below the output folder are left out, and so are tinct's own results beside their films.

    Raises:
        SettingError: the output is a file's name.
        UnreadableError: there are none.
    """
    folder = Path(source)
    if output is not None and _is_file_name(Path(output)):
        raise SettingError(f"{output} names one file, but several films may be colorized; name a folder")
    closed: list[OSError] = []
    paths = list(walk(folder, FILM_SUFFIXES, recursive=recursive, closed=closed.append))
    results = None if output is None or Path(output).resolve() == folder.resolve() else Path(output).resolve()
    inside = results is not None and folder.resolve() in results.parents
    names = {path.with_suffix("") for path in paths}
    films = [
        path
        for path in paths
        if not (inside and results is not None and results in path.resolve().parents) and not _is_result(path, names)
    ]
    if not films and not closed:
        remedy = "" if recursive else "; to look into subfolders, add --recursive"
        raise UnreadableError(f"{source}: no films in this folder{remedy}")
    jobs = [Job(path, None) for path in films]
    return [*jobs, *map(closed_folder, closed)]


def _with_targets(
    jobs: Iterable[Job],
    source: Path,
    output: Path | None,
    settings: VideoSettings,
    *,
    manifest: Manifest | None,
    run: Run | None,
) -> Iterator[Job]:
    """Yield jobs with the paths of their results, each when its turn comes, since the film may have to be opened."""
    taken: dict[str, Path] = {}
    for job in jobs:
        if job.status:
            yield job
            continue
        path = job.source
        try:
            film, target = None, _known_target(path, manifest, run)
            if target is None:
                film, target = _opened(path, source, output, settings)
        except TinctError as error:
            yield Job(path, None, "failed", str(error))
            continue
        if clash := claim(target, path, taken):
            yield Job(path, target, "failed", clash)
        else:
            yield FilmJob(path, target, film=film)


def _opened(path: Path, source: Path, output: Path | None, settings: VideoSettings) -> tuple[Film, Path]:
    folder = None if output is None else output / path.parent.relative_to(source)
    film = open_as(path, settings)
    return film, default_target(film, folder=folder, codec=settings.codec, named=settings.purpose)


def _known_target(path: Path, manifest: Manifest | None, run: Run | None) -> Path | None:
    """Return the path of a film's result if film and settings are those of the last run, so that it stays closed."""
    entry = manifest.entry(path) if manifest is not None else None
    seen = look(path)
    if entry is None or run is None or seen is None or entry.target is None or entry.result is None:
        return None
    return entry.target if entry.settings == run.settings and seen.same_date(entry.picture) else None


def _is_file_name(output: Path) -> bool:
    return not output.is_dir() and (output.is_file() or output.suffix.lower() in FILM_SUFFIXES | FRAME_SUFFIXES)


def _is_result(path: Path, names: set[Path]) -> bool:
    """Check whether a film is tinct's result of another one beside it."""
    stem = path.stem.removesuffix(RESULT)
    return stem not in ("", path.stem) and path.with_name(stem) in names

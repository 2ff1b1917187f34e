"""Many films, colorized: a row for each, whatever becomes of it, and a manifest beside the results."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from tinct.actors import Engine, Processes, chosen_processes
from tinct.coloring.film.colorize import VideoResult, colorize_video
from tinct.coloring.film.folder import find_films, with_targets
from tinct.coloring.film.parts import clear_finished
from tinct.coloring.film.work import OnFrame
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.manifest import look_whole, opened
from tinct.coloring.photo.row import Outcome, Row
from tinct.coloring.photo.run import NO_SETTINGS, decided_steps, note_outcome, run_of
from tinct.coloring.photo.verdict import KEEP, REPLACE, Step
from tinct.coloring.settings import Decoding, VideoSettings
from tinct.errors import SettingError, TinctError
from tinct.files import make_folder
from tinct.stopping import kept_if_stopped

# Of no effect on a film's pictures, or not for several films.
_NO_SETTINGS = (*NO_SETTINGS, "views", "hints", "shots", "update", "overwrite")


@dataclass(frozen=True)
class FilmRow(Row):
    """What became of one film: a `Row`, and of one that was colorized all of the result."""

    film: VideoResult | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the row as plain JSON values, with those of the result."""
        plain = Row(self.source, self.target, self.status, self.message, self.width, self.height, self.seconds)
        return {**plain.to_json(), **(self.film.to_json() if self.film is not None else {})}


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

    Run again, it goes on where it stopped, also within a film. With an output folder, a manifest is kept there, as of
    photographs (`tinct.coloring.photo.manifest`): settings with `update` replace results whose film, settings or model
    changed since, and another run into that folder is kept out.

    Args:
        source: the folder.
        output: a folder for the results, made when needed, in which subfolders are kept; beside each film without it.
        recursive: look into subfolders too.
        settings: how; the defaults without it. There can be no hints, which are of one film.
        workers: this many processes, which take films, and segments of long ones; one without it.
        engine: what the processes are: of this machine, or Ray's, as many as there are cores without `workers`.
        on_row: called after each film with its row, the number done, and the number of all.
        on_frame: called after each frame, where one process does all, with the film, the frames done, and about how
            many there are.

    Returns:
        A row for each film: `colorized`, `exists` or `failed`.

    Raises:
        SettingError: an option is out of range, or makes no sense for several films.
        UnreadableError: the folder holds no films, or cannot be read.
        ModelError: the model cannot be used.
        OutputError: another run works in the output folder, or its manifest cannot be used.
    """
    settings = settings or VideoSettings()
    place = None if output is None else Path(output)
    _check(settings, place)
    jobs = find_films(source, output, recursive=recursive)
    processes = chosen_processes(workers, engine)
    colorizer = Colorizer(settings, threads=1)  # with one thread, since several frames are in work at once
    rows: list[FilmRow] = []
    with ExitStack() as kept:
        kept.enter_context(kept_if_stopped(lambda: _kept(rows, len(jobs), settings)))
        manifest = run = None
        if place is not None:
            run = run_of(colorizer, _made_with(colorizer, settings), engine or Engine())
            manifest = kept.enter_context(opened(make_folder(place), run))
        placed = with_targets(jobs, Path(source), place, settings, manifest=manifest, run=run)
        steps = decided_steps(placed, settings, manifest, run)
        outcomes = _outcomes(steps, settings, colorizer, processes, on_frame)
        for outcome in kept.enter_context(closing(outcomes)):
            if manifest is not None:
                note_outcome(manifest, outcome)
            rows.append(_film_row(outcome.row))
            if on_row is not None:
                on_row(rows[-1], len(rows), len(jobs))
    return rows


def _check(settings: VideoSettings, place: Path | None) -> None:
    if settings.hints or settings.shots:
        raise SettingError("hints and settings of single shots are for one film; name the one they belong to")
    if settings.update and place is None:
        raise SettingError("--update is for a folder of results, whose manifest knows what changed; name one with -o")


def _kept(rows: list[FilmRow], count: int, settings: VideoSettings) -> str:
    done = sum(row.status != "failed" for row in rows)
    again = "the same command without --overwrite" if settings.overwrite else "the same command"
    return f"{done} of {count} films are done and kept, {again} goes on with the others"


def _made_with(colorizer: Colorizer, settings: VideoSettings) -> dict[str, Any]:
    """Return the settings with the model's own, as plain JSON values."""
    own = {**asdict(settings), **{one.name: getattr(colorizer.used, one.name) for one in fields(Decoding)}}
    kept = {name: value for name, value in own.items() if name not in _NO_SETTINGS}
    plain: dict[str, Any] = json.loads(json.dumps(kept, default=str))
    return plain


def _outcomes(
    steps: Iterable[Step],
    settings: VideoSettings,
    colorizer: Colorizer,
    processes: Processes | None,
    on_frame: Callable[[Path, int, int | None], object] | None,
) -> Generator[Outcome, None, None]:
    if processes is not None:
        from tinct.coloring.film.spread import spread

        yield from spread(steps, settings, colorizer, processes)
        return
    for step in steps:
        show = None if on_frame is None else partial(on_frame, step.job.source)
        yield film_done(step, settings, colorizer, on_frame=show)


def film_done(step: Step, settings: VideoSettings, colorizer: Colorizer, *, on_frame: OnFrame | None = None) -> Outcome:
    """Colorize one film of many, where that is to be done; every failure becomes a row."""
    step, outcome = looked(step)
    if outcome.row.status:
        return outcome
    start = time.perf_counter()
    job = step.job
    assert job.target is not None
    try:
        make_folder(job.target.parent)
        chosen = replace(settings, overwrite=step.verdict.action == REPLACE)
        result = colorize_video(job.source, job.target, settings=chosen, colorizer=colorizer, on_frame=on_frame)
    except Exception as error:  # one film's failure, of whatever kind, must not end the folder
        return replace(outcome, row=failed(step, error, seconds=time.perf_counter() - start))
    return replace(outcome, row=made(result))


def needs_no_look(step: Step) -> bool:
    """Return whether nothing is to be done, whatever the film holds."""
    return step.job.status != "" or step.job.target is None or (step.verdict.action == KEEP and step.sha256 is None)


def looked(step: Step) -> tuple[Step, Outcome]:
    """Look at a film, and settle what is to be done; the outcome has a status where that is nothing."""
    job = step.job
    if job.status or job.target is None:
        return step, Outcome(step, FilmRow(job.source, None, job.status or "failed", job.message))
    picture = None
    if step.noted and (step.sha256 is not None or step.verdict.action != KEEP):
        picture = look_whole(job.source)
        step = step.told(picture)
    if step.verdict.action != KEEP:
        return step, Outcome(step, FilmRow(job.source, job.target, ""), picture)
    clear_finished(job.target)
    message = f"{job.target} is there already; {step.verdict.message or 'replace it with --overwrite'}"
    return step, Outcome(step, FilmRow(job.source, job.target, "exists", message), picture)


def made(result: VideoResult) -> FilmRow:
    """Return the row of a film that was colorized."""
    told = "; ".join((*result.notices, *result.problems))
    place = result.width, result.height, result.seconds
    return FilmRow(result.source, result.target, "colorized", told, *place, film=result)


def failed(step: Step, error: Exception, *, seconds: float = 0.0) -> FilmRow:
    """Return the row of a film that could not be colorized."""
    source = step.job.source
    if isinstance(error, TinctError):
        message = str(error)
    elif isinstance(error, MemoryError):
        message = f"{source}: not enough memory"
    else:
        message = f"{source}: unexpected {type(error).__name__}: {' '.join(str(error).split())}"
    return FilmRow(source, None, "failed", message, seconds=seconds)


def _film_row(row: Row) -> FilmRow:
    assert isinstance(row, FilmRow)
    return row

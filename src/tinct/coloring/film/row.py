"""Colorize one film of many, and return a row that says what became of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from tinct.coloring.film.colorize import VideoResult, colorize_video
from tinct.coloring.film.parts import clear_finished
from tinct.coloring.film.work import OnFrame
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.manifest import look_whole
from tinct.coloring.photo.plan import Job
from tinct.coloring.photo.row import Outcome, Row, failure
from tinct.coloring.photo.verdict import KEEP, REPLACE, Step
from tinct.coloring.settings import VideoSettings
from tinct.files import make_folder
from tinct.media.video.film import Film


@dataclass(frozen=True)
class FilmJob(Job):
    """A film to colorize; `film` is set if it had to be opened to find the path of its result."""

    film: Film | None = None


@dataclass(frozen=True)
class FilmRow(Row):
    """What became of one film: a `Row`, with the whole result if it was colorized."""

    film: VideoResult | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the row as plain JSON values, with those of the result."""
        plain = Row(self.source, self.target, self.status, self.message, self.width, self.height, self.seconds)
        return {**plain.to_json(), **(self.film.to_json() if self.film is not None else {})}


def film_done(step: Step, settings: VideoSettings, colorizer: Colorizer, *, on_frame: OnFrame | None = None) -> Outcome:
    """Do the step of one film of many; every failure becomes a row."""
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
    except Exception as error:  # no failure of one film may stop the others
        return replace(outcome, row=failed(step, error, seconds=time.perf_counter() - start))
    return replace(outcome, row=made(result))


def needs_no_look(step: Step) -> bool:
    """Check whether there is nothing to do, whatever the film holds."""
    return step.job.status != "" or step.job.target is None or (step.verdict.action == KEEP and step.sha256 is None)


def looked(step: Step) -> tuple[Step, Outcome]:
    """Settle what is to be done about a film, by its content if needed; the outcome has a status if nothing is."""
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
    message = f"{job.target} already exists; {step.verdict.message or 'replace it with --overwrite'}"
    return step, Outcome(step, FilmRow(job.source, job.target, "exists", message), picture)


def made(result: VideoResult) -> FilmRow:
    """Return the row of a film that was colorized."""
    message = "; ".join((*result.notices, *result.problems))
    place = result.width, result.height, result.seconds
    return FilmRow(result.source, result.target, "colorized", message, *place, film=result)


def failed(step: Step, error: Exception, *, seconds: float = 0.0) -> FilmRow:
    """Return the row of a film that could not be colorized."""
    return FilmRow(step.job.source, None, "failed", failure(step.job.source, error), seconds=seconds)

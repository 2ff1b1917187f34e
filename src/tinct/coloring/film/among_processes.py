"""Spread many films over several processes: short ones whole, long ones in segments, so that no process must wait."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial

from tinct.actors import Processes
from tinct.coloring.film.colorize import VideoResult, begin, finish
from tinct.coloring.film.parts import WorkFolder, work_folder
from tinct.coloring.film.pipeline import Progress
from tinct.coloring.film.row import FilmJob, FilmRow, failed, film_done, looked, made, needs_no_look
from tinct.coloring.film.segment_workers import Facts, SegmentPainter, known_before, put_together, segment_tasks
from tinct.coloring.film.segments import SEGMENT_FRAMES, Task
from tinct.coloring.film.work import Work, open_as
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.row import Outcome, failure
from tinct.coloring.photo.verdict import REPLACE, Step
from tinct.coloring.settings import VideoSettings
from tinct.errors import TinctError
from tinct.files import make_folder
from tinct.media.video.film import Film
from tinct.parallel import core_count

_Item = Step | Task  # a whole film or a segment, for one process
_Answer = Outcome | Facts | TinctError  # the last says why a segment could not be coloured


@dataclass
class _Film:
    """A film whose items are with the processes, and their answers so far.

    Attributes:
        outcome: the film's, if it needs no process; without a status if there are items.
        items: for processes.
        long: for a film in segments: the work on it, its work folder, and what was finished before.
        stack: what stays open until all segments are done.
    """

    outcome: Outcome
    items: list[_Item] = field(default_factory=list)
    answers: list[_Answer] = field(default_factory=list)
    long: tuple[Work, WorkFolder, Progress] | None = None
    stack: ExitStack = field(default_factory=ExitStack)

    def ended(self) -> Outcome:
        """Return what became of the film, once all its items are done."""
        if self.long is None:
            whole = self.answers[0] if self.answers else self.outcome
            assert isinstance(whole, Outcome)
            return whole
        try:
            with self.stack:
                return replace(self.outcome, row=made(self._joined(*self.long)))
        except Exception as error:  # no failure of one film may stop the others
            return replace(self.outcome, row=failed(self.outcome.step, error))

    def _joined(self, work: Work, folder: WorkFolder, before: Progress) -> VideoResult:
        facts = []
        for answer in self.answers:
            if isinstance(answer, TinctError):
                raise answer
            assert isinstance(answer, dict)
            facts.append(answer)
        tasks = [item for item in self.items if isinstance(item, Task)]
        done, parts = put_together(work, tasks, folder, facts)
        return finish(work, folder, since=before, done=done, parts=parts)


def spread(
    steps: Iterable[Step], settings: VideoSettings, colorizer: Colorizer, processes: Processes
) -> Generator[Outcome, None, None]:
    """Colorize films in processes; yield what became of each, in order.

    This process goes once through each film that is longer than about one segment, to find its shots, while the others
    colour films.
    """
    films: deque[_Film] = deque()

    def items() -> Iterator[_Item]:
        for step in steps:
            film = _begun(step, settings, colorizer, processes)
            films.append(film)
            yield from film.items

    threads = max(1, (settings.threads or core_count()) // processes.count)
    make = partial(_painter, replace(settings, threads=threads))
    try:
        with closing(processes.map(make, items(), lost=_lost)) as answers:
            for answer in answers:
                while not films[0].items:  # films before it that needed no process
                    yield films.popleft().ended()
                films[0].answers.append(answer)
                if len(films[0].answers) == len(films[0].items):
                    yield films.popleft().ended()
        while films:
            yield films.popleft().ended()
    except BaseException:
        for film in films:  # their finished parts stay, and the message says so
            film.stack.__exit__(*sys.exc_info())
        raise


def _begun(step: Step, settings: VideoSettings, colorizer: Colorizer, processes: Processes) -> _Film:
    """Look at a film, and settle what the processes have to do."""
    film = _Film(Outcome(step, FilmRow(step.job.source, step.job.target, "")))
    try:
        if needs_no_look(step):
            film.outcome = looked(step)[1]
            return film
        known = step.job.film if isinstance(step.job, FilmJob) else None
        known = known or open_as(step.job.source, settings)
        if not _is_long(known, settings):
            film.items.append(step)  # the process that takes it looks at it
            return film
        step, film.outcome = looked(step)
        if film.outcome.row.status:
            return film
        chosen = replace(settings, overwrite=step.verdict.action == REPLACE)
        _begin_long(film, step, known, chosen, colorizer, processes)
    except Exception as error:  # no failure of one film may stop the others
        film.outcome = replace(film.outcome, row=failed(step, error))
        film.stack.__exit__(*sys.exc_info())
        film.long, film.items, film.stack = None, [], ExitStack()
    return film


def _is_long(film: Film, settings: VideoSettings) -> bool:
    """Check whether a film can be divided into segments and is long enough for it."""
    seconds = film.duration
    if seconds is None or not film.divisible:
        return False
    first, last = settings.start or 0, settings.end or float(seconds)
    return (min(last, float(seconds)) - first) * float(film.rate) > 1.5 * SEGMENT_FRAMES


def _begin_long(
    film: _Film, step: Step, known: Film, settings: VideoSettings, colorizer: Colorizer, processes: Processes
) -> None:
    """Open a film's work folder, and divide it into segments."""
    job = step.job
    assert job.target is not None
    make_folder(job.target.parent)
    work = begin(job.source, job.target, settings, colorizer, film=known)
    folder = film.stack.enter_context(work_folder(work.target, work.plan(apart=True)))
    tasks = segment_tasks(work, folder, processes)
    film.long = work, folder, known_before(tasks)
    film.items.extend(tasks)


def _painter(settings: VideoSettings) -> Callable[[_Item], _Answer]:
    """Return a function that colours films and segments in a process; it loads the network once."""
    colorizer = Colorizer(settings, threads=1)
    paint = SegmentPainter(colorizer)

    def do(item: _Item) -> _Answer:
        if isinstance(item, Step):
            return film_done(item, settings, colorizer)
        try:
            return paint(item)
        except Exception as error:  # no failure of one film may stop the others
            return TinctError(failure(item.source, error))

    return do


def _lost(item: _Item) -> _Answer:
    source = item.job.source if isinstance(item, Step) else item.source
    message = f"{source}: every worker that took it, or a segment of it, died; give them more memory, and run again"
    if isinstance(item, Step):
        return Outcome(item, FilmRow(source, None, "failed", message))
    return TinctError(message)

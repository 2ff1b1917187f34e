"""Films to colour: one is worked on, the others wait; a job can be watched, cancelled, started again and fetched."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

from tinct.coloring.film.colorize import VideoResult, colorize_video
from tinct.coloring.film.work import Draw
from tinct.coloring.hints.reference import split_reference
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.editor import Editor
from tinct.coloring.settings import VideoSettings
from tinct.errors import TinctError
from tinct.media.video.film import GAINS, Film, checked_rate
from tinct.web import pictures
from tinct.web.gate import most_each
from tinct.web.kept import Kept, References, Shelf
from tinct.web.problems import Problem, problem_of
from tinct.web.store import Store

T = TypeVar("T")
State = Literal["held", "waiting", "running", "done", "failed", "cancelled"]

_NEWEST_SECONDS = 1.0  # least seconds between two pictures of the newest frame
_NEWEST_SIZE = 640  # their size: the root of height x width


class _CancelledError(Exception):
    """Raised inside a film's work when it is to stop."""


@dataclass(eq=False, kw_only=True)
class Job(Kept):
    """One film.

    Attributes:
        film: what was sent.
        settings: how it is to be coloured.
        state: `held` until it is started, `waiting` for its turn, `running`, `done`, `failed` or `cancelled`.
        frames: number of frames that are coloured.
        total: estimated number of frames; None if unknown.
        seconds: the time that the work has taken.
        notices: what was done that the user might not expect.
        target: the result.
        stills: frames to try settings on, and when each is shown, in seconds; None until one is asked for.
        newest: the frame that was coloured last, as JPEG; None before the first.
    """

    film: Film
    settings: VideoSettings
    state: State = "held"
    frames: int = 0
    total: int | None = None
    seconds: float = 0.0
    error: str | None = None
    notices: tuple[str, ...] = ()
    target: Path | None = None
    stills: list[tuple[Editor, float]] | None = None
    newest: bytes | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    guard: threading.Lock = field(default_factory=threading.Lock)


class Jobs(Shelf[Job]):
    """All films of a server: at most `waiting` wait for their turn, and of one visitor a share (0..1) of that."""

    missing = "There is no such film, or it has been deleted."

    def __init__(self, colorizer: Colorizer, store: Store, *, waiting: int, share: float = 1.0) -> None:
        super().__init__(store)
        self._colorizer = colorizer
        self._waiting = max(1, waiting)
        self._held = 4 * waiting + 4
        self._share = share
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="tinct-film")

    def add(
        self,
        folder: Path,
        film: Film,
        settings: VideoSettings,
        *,
        hold: bool,
        references: References,
        visitor: str | None = None,
    ) -> Job:
        """Take a film that lies in a folder of the store; raise Problem (429) if too many wait already."""
        self.check_room(visitor)
        job = Job(
            folder=folder, visitor=visitor, film=film, settings=settings, references=references, total=film.frames
        )
        with self._guard:
            self._items[job.name] = job
        try:
            if not hold:
                self.start(job, settings)
        except Problem:
            self.forget([job.name])
            raise
        return job

    def check_room(self, visitor: str | None = None) -> None:
        """Raise Problem (429) if too many films wait, or are held, in all or of this visitor."""
        with self._guard:
            self._check("waiting", self._waiting, visitor)
            self._check("held", self._held + 1, visitor)

    def start(self, job: Job, settings: VideoSettings) -> None:
        """Queue a film that is held, done, failed or cancelled.

        Raises:
            Problem: it waits or runs (409), too many wait (429), or there is no room for its result (413, 507).
        """
        self._store.check(job.film.path.stat().st_size)
        with self._guard:
            if job.state in ("waiting", "running"):
                raise Problem(409, f"This film was started already; it is {job.state}.")
            self._check("waiting", self._waiting, job.visitor)
            job.settings, job.state = settings, "waiting"
            job.frames, job.error, job.target, job.newest = 0, None, None, None
            job.stop.clear()
        self._threads.submit(self._run, job)

    def cancel(self, job: Job) -> None:
        """Stop a film; it can be started again."""
        job.stop.set()
        with self._guard:
            if job.state in ("held", "waiting"):
                job.state = "cancelled"

    def remove(self, name: str) -> None:
        """Stop a film and delete everything that belongs to it, if it is here."""
        with self._guard:
            job = self._items.pop(name, None)
        if job is None:
            return
        self.cancel(job)
        if job.state != "running":  # else its own thread clears it when it has stopped
            self._clear(job)

    def keep_waiting(self) -> None:
        """Note that films that wait or run are in use, even if no request asks for them."""
        with self._guard:
            folders = [job.folder for job in self._items.values() if job.state in ("waiting", "running")]
        for folder in folders:
            self._store.touch(folder)

    def forget(self, names: list[str]) -> None:
        """Drop films whose files were deleted."""
        with self._guard:
            gone = [job for name in names if name in self._items and (job := self._items.pop(name))]
        for job in gone:
            job.stop.set()

    def with_still(self, job: Job, number: int, work: Callable[[Editor], T]) -> T:
        """Call a function with one of a film's stills; raise Problem (404) if it has none of that number."""
        with job.guard:
            stills = self._stills(job)
            if not 0 <= number < len(stills):
                raise Problem(404, f"The film has {len(stills)} stills, counted from 0.")
            return work(stills[number][0])

    def still_times(self, job: Job) -> list[float]:
        """Return when each of a film's stills is shown, in seconds."""
        with job.guard:
            return [seconds for _, seconds in self._stills(job)]

    def _stills(self, job: Job) -> list[tuple[Editor, float]]:
        if job.stills is None:
            job.stills = [
                (Editor(grey, colorizer=self._colorizer, preview=960), seconds)
                for grey, seconds in pictures.stills(job.film, size=640)
            ]
        return job.stills

    def close(self) -> None:
        """Stop all films and delete their files."""
        with self._guard:
            jobs = list(self._items.values())
        for job in jobs:
            self.cancel(job)
        self._threads.shutdown(wait=True, cancel_futures=True)
        for job in jobs:
            self._clear(job)

    def _check(self, state: State, most: int, visitor: str | None) -> None:
        """Raise Problem (429) if as many films as allowed are in this state, in all or of one visitor."""
        owners = [job.visitor for job in self._items.values() if job.state == state]
        too_many_own = visitor is not None and owners.count(visitor) >= most_each(most, self._share)
        if len(owners) >= most or too_many_own:
            raise Problem(429, "Too many films wait already. Try again in a minute.", retry_after=60)

    def _run(self, job: Job) -> None:
        with self._guard:
            if job.state != "waiting":
                return
            job.state = "running"
        started = time.monotonic()

        def on_frame(done: int, total: int | None) -> None:
            if job.stop.is_set():
                raise _CancelledError
            job.frames, job.total = done, total
            job.seconds = time.monotonic() - started
            self._store.touch(job.folder)

        drawn = 0.0

        def on_picture(draw: Draw) -> None:
            nonlocal drawn
            if time.monotonic() - drawn >= _NEWEST_SECONDS:
                shown = draw(pictures.shown_size(job.film, size=_NEWEST_SIZE))
                job.newest = pictures.jpeg(pictures.upright(job.film, shown))
                drawn = time.monotonic()

        try:
            settings = _on_result(job.film, job.settings)
            colorizer = self._colorizer.changed(
                temperature=settings.temperature,
                caution=settings.caution,
                saturation=settings.saturation,
                size=settings.size,
                references=settings.references,
            )
            result = colorize_video(
                job.film.path, settings=settings, colorizer=colorizer, on_frame=on_frame, on_picture=on_picture
            )
        except _CancelledError:
            job.state = "cancelled"
        except TinctError as error:
            job.error = str(problem_of(error, hidden=(str(job.film.path),)).detail)
            job.state = "failed"
        except Exception as error:
            job.error = f"Something unexpected went wrong ({type(error).__name__})."
            job.state = "failed"
            raise
        else:
            job.target, job.frames, job.notices = result.target, result.frames, tuple(_notices(result))
            job.state = "done"
        finally:
            job.seconds = time.monotonic() - started
            if self._items.get(job.name) is not job:  # removed meanwhile
                self._clear(job)

    def _clear(self, job: Job) -> None:
        for still, _ in job.stills or ():
            still.close()
        job.stills = None
        self._store.remove(job.folder)


def _on_result(film: Film, settings: VideoSettings) -> VideoSettings:
    """Return settings with times on the result's clock in place of times on that of the film that was sent."""
    if settings.rate is None:
        return settings
    gain = GAINS.get(settings.deinterlace, film.fields.gain if settings.deinterlace == "auto" else 1)
    stretch = float(film.rate / film.fields.gain * gain / checked_rate(settings.rate))
    hints = tuple(
        hint if hint.seconds is None else replace(hint, seconds=hint.seconds * stretch) for hint in settings.hints
    )
    references = []
    for text in settings.references:
        path, _, seconds = split_reference(text)
        references.append(text if seconds is None else f"{seconds * stretch:.6f}s@{path}")
    return replace(settings, hints=hints, references=tuple(references))


def _notices(result: VideoResult) -> Iterator[str]:
    """Yield, in sentences, what the user might not expect."""
    kept = sum(bool(shot.colored) for shot in result.shots)
    if kept:
        shots = "The film has" if kept == len(result.shots) else f"{kept} of {len(result.shots)} shots have"
        yield f"{shots} colours already, which were kept."
    for text in (*result.notices, *result.problems):
        yield f"{text[:1].upper()}{text[1:].rstrip('.')}."

"""Colour a film's segments in several processes, on this machine or with Ray, each with the network loaded once."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinct.actors import Engine, Processes, chosen_processes
from tinct.coloring.film.directed import place_shots
from tinct.coloring.film.parts import WorkFolder
from tinct.coloring.film.pipeline import Progress
from tinct.coloring.film.segments import Task, disagree, divide, joined
from tinct.coloring.film.smoothing import Smoothing
from tinct.coloring.film.work import OnFrame, Work, open_as, recipe_of, span_of
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.settings import VideoSettings
from tinct.errors import InputError, SettingError, TinctError
from tinct.media.video.film import Film
from tinct.parallel import core_count

Facts = dict[str, Any]


def _lost(task: Task) -> Facts:
    raise TinctError(
        f"{task.source}: every worker that took its segment {task.segment.number + 1} died; give them more memory, and "
        "run again; finished parts stay"
    )


def segment_processes(settings: VideoSettings, workers: int | None, engine: Engine | None) -> Processes | None:
    """Return the processes that colour a film's segments; None if this process colours it in one pass."""
    processes = chosen_processes(workers, engine)
    if processes is not None and settings.hints:
        raise SettingError("hints are carried along the whole film by one process; leave --workers and --engine out")
    return processes


def paint_apart(
    work: Work, folder: WorkFolder, processes: Processes, on_frame: OnFrame | None
) -> tuple[Progress, Progress, list[Path]]:
    """Colour a film's segments in several processes; return the state before, the state now, and all parts."""
    tasks = segment_tasks(work, folder, processes)
    before = known_before(tasks)
    facts: list[Facts] = []
    done = 0
    with closing(processes.map(SegmentPainter, tasks, lost=_lost)) as painted:
        for segment_facts in painted:
            first, after = segment_facts["own"]
            done += 0 if first is None else after - first
            facts.append(segment_facts)
            if on_frame is not None:
                on_frame(done, work.total())
    return before, *put_together(work, tasks, folder, facts)


def segment_tasks(work: Work, folder: WorkFolder, processes: Processes) -> list[Task]:
    """Go through a film once for its shots, and divide it into segments for processes."""
    placed = place_shots(work.film, work.settings.shots)
    memory = work.remembered()
    segments = divide(work.film, work.span, cuts=memory.starts if memory is not None else (), smoothing=work.smoothing)
    threads = max(1, (work.settings.threads or core_count()) // processes.count)
    return [
        Task(
            segment,
            work.film.path.absolute(),
            work.target.absolute(),
            replace(work.settings, threads=threads),
            None if memory is None else memory.around(segment.read_from, segment.read_to),
            folder.segment(segment.number).path.absolute(),
            placed=placed,
        )
        for segment in segments
    ]


def known_before(tasks: list[Task]) -> Progress:
    """Return the state that an earlier run left in the segments' folders."""
    before = [progress.facts for task in tasks if (progress := WorkFolder(task.folder).progress()) is not None]
    return Progress(joined(before), {})


def put_together(work: Work, tasks: list[Task], folder: WorkFolder, facts: list[Facts]) -> tuple[Progress, list[Path]]:
    """Return the state after a whole film, and its parts, from the facts after each of its segments.

    Raises:
        InputError: it has no frame that can be decoded.
    """
    paint = SegmentPainter()
    for index in range(1, len(facts)):
        colored = disagree(facts[index - 1], facts[index])
        if colored is not None:  # about a shot that both are in; the earlier one has seen more of it
            shutil.rmtree(tasks[index].folder)
            folder.segment(index)
            facts[index] = paint(replace(tasks[index], colored=colored))
    done = joined(facts)
    if done["given_to"] == 0:
        raise InputError(f"{work.film.path}: no frame of it could be decoded; is it damaged?")
    return Progress(done, {}), [part for task in tasks for part in WorkFolder(task.folder).parts()]


class SegmentPainter:
    """Colours segments in this process; it opens the network once, and a film once for segments that follow."""

    def __init__(self, colorizer: Colorizer | None = None) -> None:
        self._colorizer = colorizer
        self._film: Film | None = None  # opening it again would read the whole file for its times

    def __call__(self, task: Task) -> Facts:
        """Colour a segment; return the facts after it."""
        settings = task.settings
        self._colorizer = self._colorizer or Colorizer(settings, threads=1)
        if self._film is None or self._film.path != task.source:
            self._film = open_as(task.source, settings)
        film = self._film
        written, recipe = recipe_of(film, task.place, settings)
        smoothing = Smoothing.parse(settings.smoothing)
        work = Work(film, task.place, written, recipe, settings, self._colorizer, smoothing, span_of(film, settings))
        folder = WorkFolder(task.folder)
        return work.paint(folder, folder.progress(), task=task).facts

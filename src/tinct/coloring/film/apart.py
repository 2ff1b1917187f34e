"""A film's segments coloured in several processes, of this machine or of Ray, each with the network loaded once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tinct.actors import Pool, actor_map
from tinct.coloring.film.parts import WorkFolder
from tinct.coloring.film.pipeline import Progress
from tinct.coloring.film.segments import Task, disagree, divide, joined
from tinct.coloring.film.smoothing import Smoothing
from tinct.coloring.film.work import OnFrame, Work, recipe_of, span_of
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.run import Engine
from tinct.coloring.settings import VideoSettings
from tinct.errors import InputError, SettingError, TinctError
from tinct.media.video.probe import open_film
from tinct.parallel import core_count, process_map

Facts = dict[str, Any]


@dataclass(frozen=True)
class Processes:
    """What colours segments: how many processes, about, and whether they are Ray's, of this pool."""

    count: int
    by_ray: bool
    pool: Pool

    def map(self, tasks: list[Task]) -> Generator[Facts, None, None]:
        """Colour segments; yield what is known after each, in their order."""
        if self.by_ray:
            return actor_map(segment_painter, tasks, known=lambda _: None, lost=_lost, pool=self.pool)
        return process_map(segment_painter, tasks, workers=min(self.count, len(tasks)))


def _lost(task: Task) -> Facts:
    raise TinctError(
        f"{task.source}: every worker that took its segment {task.segment.number + 1} died; give them more memory, and "
        "run again: what is finished stays"
    )


def chosen_processes(settings: VideoSettings, workers: int | None, engine: Engine | None) -> Processes | None:
    """Return what processes are to colour a film's segments; None where this one colours it in one pass."""
    by_ray = engine is not None and engine.name == "ray"
    if not by_ray and (workers or 1) < 2:
        return None
    if workers is not None and workers < 1:
        raise SettingError(f"there must be at least 1 worker, not {workers}")
    if settings.hints:
        raise SettingError("hints are carried along the whole film by one process; leave --workers and --engine out")
    address = engine.ray_address if engine is not None else None
    return Processes(workers or core_count(), by_ray, Pool(address=address, workers=workers))


def paint_apart(
    work: Work, source: Path, place: Path, folder: WorkFolder, processes: Processes, on_frame: OnFrame | None
) -> tuple[Progress, Progress, list[Path]]:
    """Colour a film's segments in several processes; return what was known before, what is known now, and all parts."""
    memory = work.remembered()
    segments = divide(work.film, work.span, cuts=memory.starts if memory is not None else (), smoothing=work.smoothing)
    threads = max(1, (work.settings.threads or core_count()) // processes.count)
    tasks = [
        Task(
            segment,
            source.absolute(),
            place.absolute(),
            replace(work.settings, threads=threads),
            None if memory is None else memory.around(segment.read_from, segment.read_to),
            folder.segment(segment.number).path.absolute(),
        )
        for segment in segments
    ]
    before = [progress.facts for task in tasks if (progress := WorkFolder(task.folder).progress()) is not None]
    facts: list[Facts] = []
    done = 0
    with closing(processes.map(tasks)) as painted:
        for one in painted:
            first, after = one["own"]
            done += 0 if first is None else after - first
            facts.append(one)
            if on_frame is not None:
                on_frame(done, work.total())
    for index in range(1, len(facts)):
        colored = disagree(facts[index - 1], facts[index])
        if colored is not None:  # of a shot that both are in; the earlier one has seen more of it
            shutil.rmtree(tasks[index].folder)
            folder.segment(index)
            facts[index] = segment_painter()(replace(tasks[index], colored=colored))
    if done == 0:
        raise InputError(f"{work.film.path}: no frame of it could be decoded; is it damaged?")
    parts = [part for task in tasks for part in WorkFolder(task.folder).parts()]
    return Progress(joined(before), {}), Progress(joined(facts), {}), parts


def segment_painter() -> Callable[[Task], Facts]:
    """Return what colours segments in this process; the network is loaded once."""
    colorizers: list[Colorizer] = []

    def paint(task: Task) -> Facts:
        settings = task.settings
        if not colorizers:
            colorizers.append(Colorizer(settings, threads=1))
        film = open_film(task.source, rate=settings.rate)
        written, recipe = recipe_of(film, task.place, settings)
        smoothing = Smoothing.parse(settings.smoothing)
        work = Work(film, written, recipe, settings, colorizers[0], smoothing, span_of(film, settings))
        folder = WorkFolder(task.folder)
        return work.paint(folder, folder.progress(), task=task).facts

    return paint

"""Run over many pictures: an engine does what is left to do, and the manifest records the outcome."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import fields, replace
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinct import __version__
from tinct.actors import Engine, Pool, actor_map
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.manifest import Manifest, Note, Run, look, opened
from tinct.coloring.photo.plan import Job
from tinct.coloring.photo.row import Outcome, Row, Worker, known, lost
from tinct.coloring.photo.verdict import Asked, Step, next_step, plain_step
from tinct.coloring.settings import Decoding, PhotoSettings
from tinct.errors import OutputError
from tinct.files import make_folder
from tinct.parallel import core_count, ordered_map

if TYPE_CHECKING:
    from tinct.coloring.photo.mirror import Mirror, MirrorWorker

# Not recorded as settings: the model is known by its hash, threads change no result, and cautious is part of caution.
NO_SETTINGS = ("model", "threads", "cautious")
MOST_WORKERS = 8  # pictures processed at once; more would need more memory without being faster


def run_jobs(
    jobs: Sequence[Job],
    settings: PhotoSettings,
    *,
    folder: Path | None,
    root: Path,
    engine: Engine,
    mirror: Mirror | None = None,
) -> Generator[Row, None, None]:
    """Do jobs; yield their rows in the same order.

    Args:
        jobs: the pictures and the paths of their results.
        settings: how to colorize them.
        folder: of the results, where a manifest is kept; None keeps none.
        root: the folder below which the pictures lie.
        engine: what runs them.
        mirror: of the buckets that pictures or results are in; None if all are files on this machine.

    Raises:
        OutputError: another run uses the folder, or its manifest cannot be used.
        ModelError: the model cannot be used.
        MissingExtraError: the runtime or the engine asked for is not installed.
    """
    # Decoding, network and encoding of different pictures overlap, which uses the cores better than many threads in
    # each step would; a single picture gets all the threads.
    threads = settings.threads or core_count()
    workers = max(1, min(threads, sum(not job.status for job in jobs), MOST_WORKERS))
    colorizer = Colorizer(settings, threads=max(1, threads // workers))
    with ExitStack() as kept:
        run = manifest = send = None
        if folder is not None and _can_be_made(folder, jobs):
            run = _run(colorizer, settings, engine)
            if mirror is not None:
                send = kept.enter_context(mirror.keeping(folder))
            manifest = kept.enter_context(opened(folder, run, named=None if mirror is None else mirror.named))
        steps = decided_steps(jobs, settings, manifest, run)
        if engine.name == "ray":
            outcomes = _by_ray(steps, settings, root=root, engine=engine, mirror=mirror)
        else:
            work = Worker(colorizer, settings, root=root)
            doing = work if mirror is None else mirror.doing(work, settings)
            outcomes = ordered_map(doing, steps, threads=workers, ahead=4 * workers)
        for outcome in kept.enter_context(closing(outcomes)):
            if mirror is not None:
                outcome = mirror.taken(outcome)
            if manifest is not None:
                note_outcome(manifest, outcome)
            if send is not None:
                send()
            yield outcome.row if mirror is None else mirror.row(outcome.row)


def _can_be_made(folder: Path, jobs: Iterable[Job]) -> bool:
    """Create the folder for results if there may be any; if it cannot be created, the rows say why."""
    try:
        return any(not job.status for job in jobs) and make_folder(folder).is_dir()
    except OutputError:
        return False


def decided_steps(jobs: Iterable[Job], settings: Asked, manifest: Manifest | None, run: Run | None) -> Iterator[Step]:
    """Yield what is to be done about each job, decided when its turn comes; claim results that may be written."""
    for job in jobs:
        if manifest is None or run is None:
            yield plain_step(job, settings)
            continue
        step = next_step(job, manifest, run, settings)
        if step.may_write and job.target is not None:
            manifest.claim(job.entry, job.target, look(job.source))
        yield step


def _by_ray(
    steps: Iterable[Step], settings: PhotoSettings, *, root: Path, engine: Engine, mirror: Mirror | None
) -> Generator[Outcome, None, None]:
    alone = replace(settings, threads=1)
    return actor_map(
        partial(_worker, alone, root) if mirror is None else partial(_mirror_worker, alone, root, mirror),
        steps,
        known=partial(known, settings=settings),
        lost=lost,
        pool=Pool(address=engine.ray_address, workers=settings.threads),
    )


def _worker(settings: PhotoSettings, root: Path) -> Worker:
    return Worker(Colorizer(settings), settings, root=root)


def _mirror_worker(settings: PhotoSettings, root: Path, mirror: Mirror) -> MirrorWorker:
    return mirror.doing(_worker(settings, root), settings)


def _run(colorizer: Colorizer, settings: PhotoSettings, engine: Engine) -> Run:
    """Return what determines the results: the settings, with the model's own, and the SHA-256 of the model's file."""
    names = (option.name for option in fields(Decoding) if option.name not in NO_SETTINGS)
    made_with = {
        **{name: getattr(colorizer.used, name) for name in names},
        "hints": [str(hint) for hint in settings.hints],
    }
    return run_of(colorizer, made_with, engine)


def run_of(colorizer: Colorizer, made_with: dict[str, Any], engine: Engine) -> Run:
    """Return a run with these settings (plain JSON values) and the colorizer's model."""
    with colorizer.session.path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return Run(engine.name, __version__, str(colorizer.used.model), digest, json.dumps(made_with, sort_keys=True))


def note_outcome(manifest: Manifest, outcome: Outcome) -> None:
    """Write what became of a step into the manifest."""
    job, row = outcome.step.job, outcome.row
    if row.status == "exists" and job.target is not None:
        if not outcome.step.settled:
            manifest.keep(job.entry, job.target, outcome.picture)
        return
    if outcome.step.settled and row.status == "skipped":
        return
    made = row.status == "colorized" or (row.target is not None and row.width > 0)
    target = None if job.status else job.target
    note = Note(job.entry, target, row.status, made, row.message, row.width, row.height, row.seconds, outcome.picture)
    manifest.note(note)


def kept_so_far(what: str, done: int, count: int, *, overwrite: bool) -> str:
    """Return in words what a run over many pictures or films keeps if it stops now."""
    again = "the same command without --overwrite" if overwrite else "the same command"
    return f"{done} of {count} {what} are done and kept, {again} goes on with the others"

"""Colorize many pictures, or one from a stream; every picture gets a row, even if it fails."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import fields, replace
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import Any, BinaryIO

from tinct import __version__
from tinct.actors import Engine, Pool, actor_map
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.manifest import Run, opened
from tinct.coloring.photo.mirror import Mirror, MirrorWorker
from tinct.coloring.photo.plan import Job, plan_jobs, results_folder
from tinct.coloring.photo.row import Outcome, Row, Worker, explained, finished, known, lost, note_outcome
from tinct.coloring.photo.verdict import Step, decided_steps
from tinct.coloring.settings import Decoding, PhotoSettings
from tinct.errors import OutputError, SettingError
from tinct.files import make_folder, not_written
from tinct.parallel import core_count, ordered_map
from tinct.remote import is_address
from tinct.stopping import kept_if_stopped

# Not recorded as settings: the model is known by its hash, threads change no result, and cautious is part of caution.
NO_SETTINGS = ("model", "threads", "cautious")
MOST_WORKERS = 8  # pictures processed at once; more would need more memory without being faster


def colorize_files(
    inputs: Sequence[str | Path],
    *,
    output: str | Path | None = None,
    recursive: bool = False,
    settings: PhotoSettings | None = None,
    engine: Engine | None = None,
    on_row: Callable[[Row, int, int], object] | None = None,
) -> list[Row]:
    """Colorize files, folders and patterns, here or in buckets; a failure is a row, and the others go on.

    Run again, it continues where it stopped: existing results stay as they are. If several pictures go into one output
    folder, a manifest is kept there (`tinct.coloring.photo.manifest`): settings with `update` then replace results
    whose picture, settings or model have changed since, and only one run at a time may use the folder.

    Args:
        inputs: files, folders and patterns, as for `plan_jobs`. They may be addresses that fsspec knows, such as
            `s3://bucket/folder`; their rows then have addresses too.
        output: as for `plan_jobs`; it may be an address, and must be given if an input is one.
        recursive: look into subfolders too.
        settings: how to colorize; by default as `PhotoSettings()`.
        engine: what runs several at once; by default threads of this process. The bytes of results are the same.
        on_row: called after each picture with its row, the number done, and the number of all.

    Returns:
        A row for each picture, in the order of the inputs.

    Raises:
        SettingError: an option is out of range, or an input or the output makes no sense.
        ModelError: the model cannot be used.
        MissingExtraError: the runtime or the engine asked for is not installed.
        OutputError: another run uses the output folder, or its manifest cannot be used.
    """
    settings = settings or PhotoSettings()
    with ExitStack() as kept:
        mirror = None
        if any(is_address(place) for place in (*inputs, output)):
            mirror = kept.enter_context(Mirror.opened())
            inputs, output = _mirrored(mirror, inputs, output, recursive=recursive, settings=settings)
        return _colorized(inputs, output, recursive, settings, engine or Engine(), on_row, mirror)


def _mirrored(
    mirror: Mirror, inputs: Sequence[str | Path], output: str | Path | None, *, recursive: bool, settings: PhotoSettings
) -> tuple[list[str], str]:
    """Fill a mirror with stand-ins for files in buckets; return the inputs and output with stand-ins for addresses."""
    if output is None:
        raise SettingError("results of pictures at addresses need a place of their own; name one with -o")
    if settings.pages == "all":
        raise SettingError("--pages all opens every file before it begins; copy the files to this machine first")
    given = [str(place) for place in inputs if is_address(place)]
    for address in given:
        mirror.fill(address, deep=recursive)
    mirror.fetch_odd(given)
    if is_address(output):
        mirror.results(str(output))
    return [mirror.place(place) for place in inputs], mirror.place(output)


def _colorized(
    inputs: Sequence[str | Path],
    output: str | Path | None,
    recursive: bool,
    settings: PhotoSettings,
    engine: Engine,
    on_row: Callable[[Row, int, int], object] | None,
    mirror: Mirror | None,
) -> list[Row]:
    jobs = plan_jobs(inputs, output=output, recursive=recursive, every_page=settings.pages == "all")
    if settings.hints and len(jobs) > 1:
        raise SettingError(f"hints are for one picture, but {len(jobs)} were named; name only the one they belong to")
    if settings.keep is not None and len(jobs) > 1:
        raise SettingError(f"a mask is for one picture, but {len(jobs)} were named; name only the one it belongs to")
    root = Path(os.path.commonpath([str(job.source.absolute().parent) for job in jobs] or [""]))
    place = results_folder(inputs, output)
    if settings.update and place is None:
        raise SettingError("--update needs a folder of results, whose manifest tells what changed; name one with -o")
    rows: list[Row] = []
    with kept_if_stopped(lambda: kept_so_far("pictures", len(rows), len(jobs), overwrite=settings.overwrite)):
        for row in run_jobs(jobs, settings, folder=place, root=root, engine=engine, mirror=mirror):
            rows.append(row)
            if on_row is not None:
                on_row(row, len(rows), len(jobs))
    return rows


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
            outcomes = actor_map(
                partial(_worker, replace(settings, threads=1), root, mirror),
                steps,
                known=partial(known, settings=settings),
                lost=lost,
                pool=Pool(address=engine.ray_address, workers=settings.threads),
            )
        else:
            work = _doing(colorizer, settings, root, mirror)
            outcomes = ordered_map(work, steps, threads=workers, ahead=4 * workers)
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


def _worker(settings: PhotoSettings, root: Path, mirror: Mirror | None) -> Callable[[Step], Outcome]:
    return _doing(Colorizer(settings), settings, root, mirror)


def _doing(
    colorizer: Colorizer, settings: PhotoSettings, root: Path, mirror: Mirror | None
) -> Callable[[Step], Outcome]:
    work = Worker(colorizer, settings, root=root)
    return work if mirror is None else MirrorWorker(mirror, work, settings)


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


def kept_so_far(what: str, done: int, count: int, *, overwrite: bool) -> str:
    """Return in words what a run over many pictures or films keeps if it stops now."""
    again = "the same command without --overwrite" if overwrite else "the same command"
    return f"{done} of {count} {what} are done and kept, {again} goes on with the others"


def colorize_stream(
    inputs: Sequence[str | Path],
    *,
    output: str | Path | None,
    recursive: bool = False,
    settings: PhotoSettings | None = None,
    stdin: BinaryIO,
    stdout: BinaryIO,
) -> Row:
    """Colorize one picture from a stream, to a stream, or both.

    The input is a file, or `-` for `stdin`. The output is a file, or `-` or None for `stdout`, which is written only
    when the picture is done, in the format of the input. Folders, sheets and maps need files and are refused.

    Returns:
        The picture's row; its source is `-` for `stdin`, and it has no target if `stdout` was written.

    Raises:
        SettingError: there are several inputs, an option needs files, or a stream is a terminal.
        InputError: the input is not a picture, or has colours already.
        OutputError: the result cannot be written.
        ModelError: the model cannot be used.
    """
    settings = settings or PhotoSettings()
    _check_stream(inputs, output, settings, recursive=recursive, stdin=stdin, stdout=stdout)
    named = Path(inputs[0])
    start = time.perf_counter()
    source = stdin.read() if str(inputs[0]) == "-" else named
    colorizer = Colorizer(settings)
    if output is not None and str(output) != "-":
        result = colorizer.photo(
            source,
            output,
            recolor=settings.recolor,
            overwrite=settings.overwrite,
            hints=settings.hints,
            crop=settings.crop,
            strict=settings.strict,
        )
    else:
        data, result = colorizer.encoded(
            source, recolor=settings.recolor, hints=settings.hints, crop=settings.crop, strict=settings.strict
        )
        try:
            stdout.write(data)
            stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise not_written("standard output", error) from error
    name = Path("stdin" if str(named) == "-" else named.name)
    stages = explained(colorizer, settings, named, result, name=name)
    return finished(named, result, start, stages=stages)


def _check_stream(
    inputs: Sequence[str | Path],
    output: str | Path | None,
    settings: PhotoSettings,
    *,
    recursive: bool,
    stdin: BinaryIO,
    stdout: BinaryIO,
) -> None:
    if len(inputs) != 1:
        raise SettingError("with - there can be only one input")
    if "" in (str(output), *inputs):
        raise SettingError('a name is empty (""); name a file, or - for a stream')
    if settings.pages == "all":
        raise SettingError("--pages all writes several files; with - there is only one picture")
    if recursive:
        raise SettingError("--recursive is for folders; with - there is only one picture")
    if settings.compare or settings.confidence:
        raise SettingError("sheets and confidence maps are written beside a file; name files instead of -")
    if (output is None or str(output) == "-") and stdout.isatty():
        raise SettingError("a picture cannot be shown on the screen; send it to a file with  > FILE  or  -o FILE")
    if str(inputs[0]) == "-" and stdin.isatty():
        raise SettingError("no picture comes from the keyboard; send one with  < FILE,  or name a file")

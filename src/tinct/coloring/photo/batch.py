"""Many pictures: one row for each, whatever becomes of it."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tinct.coloring.hints.hint import Hint
from tinct.coloring.photo.colorizer import Colorizer, PhotoResult
from tinct.coloring.photo.plan import EXTRAS, Job, extra_path, plan_jobs
from tinct.coloring.photo.prediction import has_confidence
from tinct.coloring.photo.sheet import compare_sheet, confidence_sheet
from tinct.coloring.settings import Decoding
from tinct.errors import AlreadyColorError, OutputError, SettingError, TinctError
from tinct.runtime.session import core_count

MOST_WORKERS = 8  # pictures in work at once; more would hold more memory without being faster


@dataclass(frozen=True)
class Row:
    """What became of one picture.

    Attributes:
        source: the picture, or what was named in its place.
        target: the result; None where there is none.
        status: `colorized`, `skipped` (it has colours already, or is a result of tinct's), `exists` (the result was
            there before; a sheet or maps that were not are made) or `failed` (with a target where the result was
            written and its sheet or maps could not be).
        message: why it was not colorized; where it was, what else one should know, such as pages left out.
        width: of the result in pixels; 0 where there is none.
        height: of the result in pixels.
        seconds: the time it took.
        sheet: the before/after sheet, where asked for.
        confidence: the confidence maps, where asked for and the model has them.
    """

    source: Path
    target: Path | None
    status: str
    message: str = ""
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    sheet: Path | None = None
    confidence: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the row as plain JSON values."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["seconds"] = round(self.seconds, 4)
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


@dataclass(frozen=True, kw_only=True)
class Settings(Decoding):
    """How to colorize, beside what `Decoding` says.

    Attributes:
        recolor: colorize pictures that have colours already, instead of skipping them.
        overwrite: replace results that are there already.
        compare: write a before/after sheet beside each result, as NAME_color_sheet.EXT.
        confidence: write confidence maps beside each result, as NAME_color_confidence.EXT.
        hints: what is known of the colours of one picture; there can be no others then.
    """

    recolor: bool = False
    overwrite: bool = False
    compare: bool = False
    confidence: bool = False
    hints: tuple[Hint, ...] = ()


def colorize_files(
    inputs: Sequence[str | Path],
    *,
    output: str | Path | None = None,
    recursive: bool = False,
    settings: Settings | None = None,
    on_row: Callable[[Row, int, int], object] | None = None,
) -> list[Row]:
    """Colorize files, folders and patterns; a failure is a row, and the others go on.

    Run again, it goes on where it stopped: results that are there already are left as they are.

    Args:
        inputs: files, folders, and patterns such as `album/*.jpg`.
        output: a folder for the results, in which subfolders are kept, or the result's path for a single file; beside
            each picture as NAME_color.EXT without it.
        recursive: look into subfolders too.
        settings: how to colorize; the defaults without it.
        on_row: called after each picture with its row, how many are done, and how many there are.

    Returns:
        A row for each picture, in the order of the inputs.

    Raises:
        SettingError: an option is out of range, or an input or the output makes no sense.
        ModelError: the model cannot be used.
        MissingExtraError: the runtime asked for is not installed.
    """
    settings = settings or Settings()
    jobs = plan_jobs(inputs, output=output, recursive=recursive)
    if settings.hints and len(jobs) > 1:
        raise SettingError(f"hints are for one picture, and {len(jobs)} were named; name the one they belong to")
    workers, each = _share_threads(settings.threads, sum(not job.status for job in jobs))
    colorizer = Colorizer(settings, threads=each)
    rows = []
    for row in _rows(colorizer, jobs, settings, workers=workers):
        rows.append(row)
        if on_row is not None:
            on_row(row, len(rows), len(jobs))
    return rows


def colorize_stream(
    inputs: Sequence[str | Path],
    *,
    output: str | Path | None,
    recursive: bool = False,
    settings: Settings | None = None,
    stdin: BinaryIO,
    stdout: BinaryIO,
) -> Row:
    """Colorize one picture from a stream, to a stream, or both.

    Args:
        inputs: one input: a file, or `-` for `stdin`.
        output: a file, or `-` or None for `stdout`, where the result has the format of the input.
        recursive: there are no folders here, so that it cannot be asked for.
        settings: how to colorize; sheets and maps need files and cannot be asked for.
        stdin: read when the input is `-`.
        stdout: written when the output is `-`, only after the picture is done.

    Returns:
        The picture's row; its source is `-` for `stdin`, and it has no target where `stdout` was written.

    Raises:
        SettingError: there are several inputs, what was asked for needs files, or a stream is a terminal.
        InputError: the input is no picture, or one that has colours already.
        OutputError: the result cannot be written.
        ModelError: the model cannot be used.
    """
    settings = settings or Settings()
    _check_stream(inputs, output, settings, recursive=recursive, stdin=stdin, stdout=stdout)
    named = Path(inputs[0])
    start = time.perf_counter()
    source = stdin.read() if str(inputs[0]) == "-" else named
    colorizer = Colorizer(settings)
    if output is not None and str(output) != "-":
        result = colorizer.photo(
            source, output, recolor=settings.recolor, overwrite=settings.overwrite, hints=settings.hints
        )
    else:
        data, result = colorizer.encoded(source, recolor=settings.recolor, hints=settings.hints)
        try:
            stdout.write(data)
            stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"standard output: cannot be written ({error.strerror}); free or choose space") from error
    seconds = time.perf_counter() - start
    message = "; ".join(result.remarks)
    return Row(named, result.target, "colorized", message, result.width, result.height, seconds)


def _check_stream(
    inputs: Sequence[str | Path],
    output: str | Path | None,
    settings: Settings,
    *,
    recursive: bool,
    stdin: BinaryIO,
    stdout: BinaryIO,
) -> None:
    """Refuse what cannot be done with streams, before any work."""
    if len(inputs) != 1:
        raise SettingError("with - there can be one input only")
    if "" in (str(output), *inputs):
        raise SettingError('a name is empty (""); name a file, or - for a stream')
    if recursive:
        raise SettingError("--recursive is for folders; with - there is one picture only")
    if settings.compare or settings.confidence:
        raise SettingError("sheets and confidence maps are written beside a file; name files instead of -")
    if (output is None or str(output) == "-") and stdout.isatty():
        raise SettingError("a picture cannot be shown on the screen; send it to a file with  > FILE  or  -o FILE")
    if str(inputs[0]) == "-" and stdin.isatty():
        raise SettingError("no picture comes from the keyboard; send one with  < FILE,  or name a file")


def _share_threads(threads: int | None, pictures: int) -> tuple[int, int]:
    """Give how many pictures to have in work at once, and how many threads the network uses for each.

    Decoding, network and encoding of different pictures overlap, which fills the cores better than many threads in
    each step would; a single picture gets all the threads.
    """
    total = threads or core_count()
    workers = max(1, min(total, pictures, MOST_WORKERS))
    return workers, max(1, total // workers)


def _rows(colorizer: Colorizer, jobs: Sequence[Job], settings: Settings, *, workers: int) -> Iterator[Row]:
    """Do the jobs in a few threads; give their rows in the jobs' order."""
    waiting: deque[Future[Row]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="tinct") as pool:
        try:
            for job in jobs:
                waiting.append(pool.submit(_row, colorizer, job, settings))
                if len(waiting) > 4 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # After Ctrl-C, pictures in work are finished and no other is begun.
            pool.shutdown(wait=True, cancel_futures=True)


def _row(colorizer: Colorizer, job: Job, settings: Settings) -> Row:
    """Do one job; every failure becomes a row."""
    if job.status or job.target is None:
        return Row(job.source, None, job.status or "failed", job.message)
    start = time.perf_counter()
    written: PhotoResult | None = None
    there = not settings.overwrite and os.path.lexists(job.target)
    try:
        wanted = _wanted_extras(colorizer, job.target, settings, keep=there)
        if not there:
            written = _colorized(colorizer, job.source, job.target, settings)
        sheet, maps = _make_extras(colorizer, job.source, job.target, wanted, written)
        return _done(job.source, job.target, written, sheet, maps, start)
    except AlreadyColorError as error:
        return Row(job.source, None, "skipped", str(error), seconds=time.perf_counter() - start)
    except TinctError as error:
        message = str(error)
    except MemoryError:
        message = f"{job.source}: not enough memory"
    except Exception as error:  # one picture's failure, of whatever kind, must not end the folder
        message = f"{job.source}: unexpected {type(error).__name__}: {' '.join(str(error).split())}"
    seconds = time.perf_counter() - start
    if written is not None:
        message = f"{job.target} was written, but {message}"
        return Row(job.source, job.target, "failed", message, written.width, written.height, seconds)
    return Row(job.source, job.target if there else None, "failed", message, seconds=seconds)


def _colorized(colorizer: Colorizer, source: Path, target: Path, settings: Settings) -> PhotoResult:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{target.parent}: the folder cannot be made ({error.strerror}); choose another") from error
    return colorizer.photo(
        source,
        target,
        recolor=settings.recolor,
        overwrite=settings.overwrite,
        confidence=settings.confidence,
        hints=settings.hints,
    )


def _wanted_extras(colorizer: Colorizer, target: Path, settings: Settings, *, keep: bool) -> dict[str, Path]:
    """Give what is to be made beside a result, by the extra's name.

    Args:
        colorizer: says whether there is any confidence to show.
        target: the result.
        settings: what was asked for.
        keep: the result is there already and stays, and so do extras that are there.

    Raises:
        OutputError: an extra is there already and must not be replaced, though the result is made anew.
    """
    asked = {"sheet": settings.compare, "confidence": settings.confidence and has_confidence(colorizer.session.bins)}
    paths = {extra: extra_path(target, extra) for extra in EXTRAS if asked[extra]}
    if settings.overwrite:
        return paths
    for path in paths.values():
        if not keep and os.path.lexists(path):
            raise OutputError(f"{path}: is there already; allow replacing it with --overwrite")
    return {extra: path for extra, path in paths.items() if not os.path.lexists(path)}


def _make_extras(
    colorizer: Colorizer, source: Path, target: Path, wanted: dict[str, Path], result: PhotoResult | None
) -> tuple[Path | None, Path | None]:
    """Make the sheet and the maps that are wanted; of a result that was there before, from the two files."""
    sheet = maps = None
    if "sheet" in wanted:
        sheet = compare_sheet([source, target], wanted["sheet"])
    if "confidence" in wanted:
        found = result.confidence if result is not None else colorizer.look(source, recolor=True).confidence
        if found is not None:
            maps = confidence_sheet(*found, wanted["confidence"])
    return sheet, maps


def _done(
    source: Path, target: Path, result: PhotoResult | None, sheet: Path | None, maps: Path | None, start: float
) -> Row:
    seconds = time.perf_counter() - start
    if result is not None:
        message = "; ".join(result.remarks)
        return Row(source, target, "colorized", message, result.width, result.height, seconds, sheet, maps)
    made = [path.name for path in (sheet, maps) if path is not None]
    message = f"{target} is there already; " + (
        f"made {' and '.join(made)} beside it" if made else "replace it with --overwrite"
    )
    return Row(source, target, "exists", message, seconds=seconds if made else 0.0, sheet=sheet, confidence=maps)

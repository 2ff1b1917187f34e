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

from tinct.colorize.colorizer import Colorizer
from tinct.colorize.plan import Job, extra_path, plan_jobs
from tinct.colorize.sheet import compare_sheet, confidence_sheet
from tinct.errors import AlreadyColorError, OutputError, SettingError, TinctError
from tinct.runtime.modelfile import DEFAULT_MODEL
from tinct.runtime.session import core_count

MOST_WORKERS = 8  # pictures in work at once; more would hold more memory without being faster


@dataclass(frozen=True)
class Row:
    """What became of one picture.

    Attributes:
        source: the picture, or what was named in its place.
        target: the result; None where there is none.
        status: `colorized`, `skipped` (it has colours already, or is a result of tinct's), `exists` (the result was
            there before) or `failed`.
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
class Settings:
    """How to colorize.

    Attributes:
        model: the name of a model that comes with tinct, or the path of a model file.
        temperature: of decoding, above 0: lower is more vivid, 1 is the mean; the model's own without it.
        size: working size in pixels; the model's own without it.
        denoise: how the network's small copy is denoised: `auto`, `off`, or a strength.
        runtime: `auto`, `onnxruntime` or `openvino`.
        threads: processor threads for all the work; as many as there are cores without it.
        recolor: colorize pictures that have colours already, instead of skipping them.
        overwrite: replace results that are there already.
        compare: write a before/after sheet beside each result, as NAME_color_sheet.EXT.
        confidence: write confidence maps beside each result, as NAME_color_confidence.EXT.
    """

    model: str | Path = DEFAULT_MODEL
    temperature: float | None = None
    size: int | None = None
    denoise: str | float = "auto"
    runtime: str = "auto"
    threads: int | None = None
    recolor: bool = False
    overwrite: bool = False
    compare: bool = False
    confidence: bool = False

    def colorizer(self, *, threads: int | None) -> Colorizer:
        """Give a colorizer so set, with this many threads for each picture."""
        return Colorizer(
            self.model,
            runtime=self.runtime,
            temperature=self.temperature,
            size=self.size,
            denoise=self.denoise,
            threads=threads,
        )


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
        SettingError: an option is out of range, or two pictures would have the same result.
        ModelError: the model cannot be used.
        MissingExtraError: the runtime asked for is not installed.
    """
    settings = settings or Settings()
    jobs = plan_jobs(inputs, output=output, recursive=recursive)
    workers, each = _share_threads(settings.threads, sum(not job.status for job in jobs))
    colorizer = settings.colorizer(threads=each)
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
    settings: Settings | None = None,
    stdin: BinaryIO,
    stdout: BinaryIO,
) -> None:
    """Colorize one picture from a stream, to a stream, or both.

    Args:
        inputs: one input: a file, or `-` for `stdin`.
        output: a file, or `-` or None for `stdout`, where the result has the format of the input.
        settings: how to colorize; sheets and maps need files and cannot be asked for.
        stdin: read when the input is `-`.
        stdout: written when the output is `-`, only after the picture is done.

    Raises:
        SettingError: there are several inputs, or what was asked for needs files.
        InputError: the input is no picture, or one that has colours already.
        OutputError: the result cannot be written.
        ModelError: the model cannot be used.
    """
    settings = settings or Settings()
    if len(inputs) != 1:
        raise SettingError("with - there can be one input only")
    if settings.compare or settings.confidence:
        raise SettingError("sheets and confidence maps are written beside a file; name files instead of -")
    to_stream = output is None or str(output) == "-"
    if to_stream and stdout.isatty():
        raise SettingError("a picture cannot be shown on the screen; send it to a file with  > FILE  or  -o FILE")
    source = stdin.read() if str(inputs[0]) == "-" else Path(inputs[0])
    colorizer = settings.colorizer(threads=settings.threads)
    if not to_stream:
        colorizer.photo(source, output, recolor=settings.recolor, overwrite=settings.overwrite)
        return
    stdout.write(colorizer.photo_bytes(source, recolor=settings.recolor))
    stdout.flush()


def _share_threads(threads: int | None, pictures: int) -> tuple[int, int]:
    """Give how many pictures to have in work at once, and how many threads the network uses for each.

    Decoding, network and encoding of different pictures overlap, which fills the cores better than many threads in
    each step would; a single picture gets all the threads.
    """
    if threads is not None and threads < 1:
        raise SettingError(f"at least 1 thread is needed, not {threads}")
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
    if not settings.overwrite and os.path.lexists(job.target):
        return Row(job.source, job.target, "exists", f"{job.target} is there already; replace it with --overwrite")
    start = time.perf_counter()
    try:
        return _colorized(colorizer, job.source, job.target, settings, start)
    except AlreadyColorError as error:
        return Row(job.source, None, "skipped", str(error), seconds=time.perf_counter() - start)
    except TinctError as error:
        message = str(error)
    except MemoryError:
        message = f"{job.source}: not enough memory"
    except Exception as error:  # one picture's failure, of whatever kind, must not end the folder
        message = f"{job.source}: unexpected {type(error).__name__}: {' '.join(str(error).split())}"
    return Row(job.source, None, "failed", message, seconds=time.perf_counter() - start)


def _colorized(colorizer: Colorizer, source: Path, target: Path, settings: Settings, start: float) -> Row:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{target.parent}: the folder cannot be made ({error.strerror}); choose another") from error
    result = colorizer.photo(
        source, target, recolor=settings.recolor, overwrite=settings.overwrite, confidence=settings.confidence
    )
    sheet = maps = None
    if settings.compare:
        sheet = compare_sheet([source, target], extra_path(target, "sheet"))
    if settings.confidence and result.confidence is not None:
        maps = confidence_sheet(result.confidence[0], result.confidence[1], extra_path(target, "confidence"))
    return Row(
        source,
        target,
        "colorized",
        message="; ".join(result.remarks),
        width=result.width,
        height=result.height,
        seconds=time.perf_counter() - start,
        sheet=sheet,
        confidence=maps,
    )

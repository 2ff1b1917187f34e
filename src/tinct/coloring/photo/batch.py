"""Many pictures, or a stream of one: colours, sheets and maps, and a row for each, whatever becomes of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from tinct.coloring.photo.colorizer import Colorizer, PhotoResult
from tinct.coloring.photo.explain import stages_of, write_stages
from tinct.coloring.photo.plan import EXTRAS, Job, extra_path, plan_jobs
from tinct.coloring.photo.prediction import has_confidence
from tinct.coloring.photo.sheet import compare_sheet, confidence_sheet
from tinct.coloring.settings import PhotoSettings
from tinct.errors import AlreadyColorError, OutputError, SettingError, TinctError
from tinct.files import make_folder
from tinct.parallel import core_count, ordered_map

MOST_WORKERS = 8  # pictures in work at once; more would hold more memory without being faster


@dataclass(frozen=True)
class Row:
    """What became of one picture.

    Attributes:
        source, target: the picture, or what was named in its place, and the result; None where there is none.
        status: `colorized`, `skipped` (it has colours already, or is a result of tinct's), `exists` (the result was
            there before; a sheet or maps that were not are made) or `failed` (with a target where the result was
            written and its sheet or maps could not be).
        message: why it was not colorized, or what a person should know of the result, such as pages left out.
        width, height: of the result in pixels, 0 where there is none.
        seconds: the time it took.
        sheet, confidence: the before/after sheet and the confidence maps, where they were made.
        stages: the name of each stage, and what was decided there, where asked for.
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
    stages: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the row as plain JSON values; stages only where they were asked for."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "stages" or self.stages}
        if self.stages:
            values["stages"] = dict(self.stages)
        values["seconds"] = round(self.seconds, 4)
        return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


def colorize_files(
    inputs: Sequence[str | Path],
    *,
    output: str | Path | None = None,
    recursive: bool = False,
    settings: PhotoSettings | None = None,
    on_row: Callable[[Row, int, int], object] | None = None,
) -> list[Row]:
    """Colorize files, folders and patterns; a failure is a row, and the others go on.

    Run again, it goes on where it stopped: results that are there already are left as they are.

    Args:
        inputs: files, folders and patterns; see `plan_jobs` for this and the next two.
        output: see there.
        recursive: see there.
        settings: how to colorize; the defaults without it.
        on_row: called after each picture with its row, the number done, and the number of all.

    Returns:
        A row for each picture, in the order of the inputs.

    Raises:
        SettingError: an option is out of range, or an input or the output makes no sense.
        ModelError: the model cannot be used.
        MissingExtraError: the runtime asked for is not installed.
    """
    settings = settings or PhotoSettings()
    jobs = plan_jobs(inputs, output=output, recursive=recursive)
    if settings.hints and len(jobs) > 1:
        raise SettingError(f"hints are for one picture, and {len(jobs)} were named; name the one they belong to")
    # Decoding, network and encoding of different pictures overlap, which fills the cores better than many threads in
    # each step would; a single picture gets all the threads.
    threads = settings.threads or core_count()
    workers = max(1, min(threads, sum(not job.status for job in jobs), MOST_WORKERS))
    colorizer = Colorizer(settings, threads=max(1, threads // workers))
    rows = []
    root = Path(os.path.commonpath([str(job.source.absolute().parent) for job in jobs] or [""]))

    def work(job: Job) -> Row:
        return _row(colorizer, job, settings, root=root)

    for row in ordered_map(work, jobs, threads=workers, ahead=4 * workers):
        rows.append(row)
        if on_row is not None:
            on_row(row, len(rows), len(jobs))
    return rows


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

    The input is a file, or `-` for `stdin`; the output a file, or `-` or None for `stdout`, which is written only after
    the picture is done, in the format of the input. Folders, sheets and maps need files and cannot be asked for.

    Returns:
        The picture's row; its source is `-` for `stdin`, and it has no target where `stdout` was written.

    Raises:
        SettingError: there are several inputs, what was asked for needs files, or a stream is a terminal.
        InputError: the input is no picture, or one that has colours already.
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
    name = Path("stdin" if str(named) == "-" else named.name)
    stages = _explained(colorizer, settings, named, result, name=name)
    return _finished(named, result, start, stages=stages)


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


def _row(colorizer: Colorizer, job: Job, settings: PhotoSettings, *, root: Path) -> Row:
    """Do one job of pictures below a folder; every failure becomes a row."""
    if job.status or job.target is None:
        return Row(job.source, None, job.status or "failed", job.message)
    start = time.perf_counter()
    written: PhotoResult | None = None
    keep = not settings.overwrite and os.path.lexists(job.target)
    try:
        wanted = _wanted_extras(colorizer, job.target, settings, keep=keep)
        if not keep:
            make_folder(job.target.parent)
            written = colorizer.photo(
                job.source,
                job.target,
                recolor=settings.recolor,
                overwrite=settings.overwrite,
                confidence=settings.confidence,
                hints=settings.hints,
            )
        sheet, maps = _make_extras(colorizer, job.source, job.target, wanted, written)
        stages = _explained(colorizer, settings, job.source, written, name=job.source.absolute().relative_to(root))
        if written is not None:
            return _finished(job.source, written, start, sheet=sheet, confidence=maps, stages=stages)
        return _kept(job.source, job.target, sheet, maps, start, stages)
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
    return Row(job.source, job.target if keep else None, "failed", message, seconds=seconds)


def _wanted_extras(colorizer: Colorizer, target: Path, settings: PhotoSettings, *, keep: bool) -> dict[str, Path]:
    """Return the paths of what is to be made beside a result; with `keep`, only of what is not there yet.

    Raises:
        OutputError: one is there already and must not be replaced, though the result is made anew.
    """
    asked = {"sheet": settings.compare, "confidence": settings.confidence and has_confidence(colorizer.session.bins)}
    paths = {extra: extra_path(target, extra) for extra in EXTRAS if asked[extra]}
    there = {} if settings.overwrite else {extra: path for extra, path in paths.items() if os.path.lexists(path)}
    if there and not keep:
        raise OutputError(f"{next(iter(there.values()))}: is there already; allow replacing it with --overwrite")
    return {extra: path for extra, path in paths.items() if extra not in there}


def _make_extras(
    colorizer: Colorizer, source: Path, target: Path, wanted: dict[str, Path], result: PhotoResult | None
) -> tuple[Path | None, Path | None]:
    """Make the sheet and the maps that are wanted; of a result that was there before, from the two files."""
    sheet = maps = None
    if "sheet" in wanted:
        sheet = compare_sheet([source, target], wanted["sheet"])
    if "confidence" in wanted:
        confidence = result.confidence if result is not None else colorizer.look(source, recolor=True).confidence
        if confidence is not None:
            maps = confidence_sheet(*confidence, wanted["confidence"])
    return sheet, maps


def _explained(
    colorizer: Colorizer, settings: PhotoSettings, source: Path, result: PhotoResult | None, *, name: Path
) -> tuple[tuple[str, str], ...]:
    """Return each stage's name and words, where asked for, and write their pictures into a folder of this name."""
    if not settings.explain and settings.explain_to is None:
        return ()
    if result is not None:
        stages = stages_of(result.trace)
    else:
        stages = colorizer.explain(source, recolor=True, hints=settings.hints)
    if settings.explain_to is not None:
        write_stages(stages, Path(settings.explain_to) / name)
    return tuple((stage.name, stage.decided) for stage in stages)


def _finished(source: Path, result: PhotoResult, start: float, **more: Any) -> Row:
    seconds, message = time.perf_counter() - start, "; ".join(result.remarks)
    return Row(source, result.target, "colorized", message, result.width, result.height, seconds, **more)


def _kept(
    source: Path, target: Path, sheet: Path | None, maps: Path | None, start: float, stages: tuple[tuple[str, str], ...]
) -> Row:
    made = [path.name for path in (sheet, maps) if path is not None]
    message = f"{target} is there already; " + (
        f"made {' and '.join(made)} beside it" if made else "replace it with --overwrite"
    )
    seconds = time.perf_counter() - start if made else 0.0
    return Row(source, target, "exists", message, seconds=seconds, sheet=sheet, confidence=maps, stages=stages)

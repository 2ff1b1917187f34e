"""What to colorize and where to put it: files, folders and patterns become a list of jobs, before anything is done."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyvips

from tinct import files
from tinct.errors import SettingError, UnreadableError
from tinct.media.image import formats
from tinct.media.image.opening import open_source
from tinct.media.image.tiff import pages_of

RESULT = "_color"  # a result is NAME_color.EXT
EXTRAS = ("sheet", "confidence")  # and beside it may be NAME_color_sheet.EXT and NAME_color_confidence.EXT


@dataclass(frozen=True)
class Job:
    """One picture to colorize, or an input that cannot be used, and where the result goes.

    Attributes:
        status: empty for a job to do; `failed` or `skipped` if nothing will be done, for the reason in `message`.
        page: which of a TIFF file's pages, from 0; None for the first one, with a remark on the others.
    """

    source: Path
    target: Path | None
    status: str = ""
    message: str = ""
    page: int | None = None

    @property
    def entry(self) -> Path:
        """The path by which the manifest knows the picture, with the page's number if there is one."""
        return self.source if self.page is None else self.source.with_name(f"{self.source.name}#page={self.page + 1}")


def extra_path(target: Path, extra: str) -> Path:
    """Return the path of something beside a result: `extra_path("a_color.jpg", "sheet")` is a_color_sheet.jpg."""
    return target.with_name(f"{target.stem}_{extra}{target.suffix}")


def plan_jobs(
    inputs: Sequence[str | Path],
    *,
    output: str | Path | None = None,
    recursive: bool = False,
    every_page: bool = False,
) -> list[Job]:
    """Turn files, folders and patterns into jobs, each picture once, in a stable order.

    From folders, all files with a picture's ending are taken, except hidden ones. tinct's own results are left out if
    their source is among the jobs; other results, and those named as inputs, become jobs that are `skipped`. Inputs
    that do not exist, folders that cannot be read, and pictures whose result would be that of an earlier one become
    jobs that are `failed`.

    Args:
        inputs: files, folders, and patterns such as `album/*.jpg` or `album/**/*.tif`.
        output: for one file, the result's path, if it has an ending; else a folder for the results, created if
            needed, in which subfolders are kept. By default each result goes beside its picture.
        recursive: look into subfolders too.
        every_page: take all pages of TIFF files, each as a job of its own with _p1, _p2 ... in its result's name.

    Raises:
        SettingError: there are no inputs, a name is empty, one result file was named for several pictures, or a result
            would replace its own picture.
    """
    if not inputs:
        raise SettingError("nothing to colorize: name at least one file or folder")
    if "" in inputs:
        raise SettingError('an input has an empty name (""); name a file or folder, or . for the current folder')
    if output == "":
        raise SettingError('the output has an empty name (""); name a file or folder, or . for the current folder')
    one_file = output is not None and _is_file_name(output, inputs)
    jobs: dict[str, Job] = {}
    closed: list[OSError] = []

    def fail(source: Path, message: str) -> None:
        jobs.setdefault(_key(source), Job(source, None, "failed", message))

    for given in inputs:
        try:
            for source, inside in _pictures(given, recursive=recursive, closed=closed):
                target = Path(output) if output is not None and one_file else _target(source, inside, output)
                for job in _pages(source, target) if every_page else (Job(source, target),):
                    jobs.setdefault(_key(job.entry), job)
        except UnreadableError as error:
            fail(Path(given), str(error))
        except OSError as error:
            fail(Path(given), f"{given}: {error.strerror or error}")
    for failure in closed:
        job = closed_folder(failure)
        jobs.setdefault(_key(job.source), job)
    named = {_key(Path(given)) for given in inputs}
    return _checked_targets(_without_own_results(list(jobs.values()), named))


def results_folder(inputs: Sequence[str | Path], output: str | Path | None) -> Path | None:
    """Return the folder that gets the results of a folder, a pattern or several files; None for any other run."""
    return None if output is None or _is_one_picture(inputs) else Path(output)


def closed_folder(error: OSError) -> Job:
    """Return a failed job for a folder that cannot be read."""
    return Job(Path(str(error.filename)), None, "failed", files.closed_folder(error))


def count_unseen(
    inputs: Sequence[str | Path], *, recursive: bool = False, suffixes: Collection[str] = formats.PICTURE_SUFFIXES
) -> tuple[int, int]:
    """Count what is passed over in the folders among the inputs, apart from hidden files and folders.

    Args:
        inputs: files, folders and patterns.
        recursive: whether subfolders are looked into.
        suffixes: endings of the files that are taken, in lower case.

    Returns:
        The number of files without such an ending or that are pipes or devices, and that of subfolders not looked into.
    """
    others: set[str] = set()
    closed: set[str] = set()
    for given in {_key(Path(given)) for given in inputs if given != "" and Path(given).is_dir()}:
        for place, folders, names in os.walk(given):
            folders[:] = [name for name in folders if not name.startswith(".")]
            if not recursive:
                closed.update(_key(Path(place, name)) for name in folders)
                folders.clear()
            paths = [Path(place, name) for name in names if not name.startswith(".")]
            others.update(
                _key(path)
                for path in paths
                if path.suffix.lower() not in suffixes or (path.exists() and not path.is_file())
            )
    return len(others), len(closed)


def _pictures(given: str | Path, *, recursive: bool, closed: list[OSError]) -> Iterable[tuple[Path, Path]]:
    """Return an input's pictures with their subfolders; folders that cannot be read are added to `closed`."""
    path = Path(given)
    if path.is_dir():
        before = len(closed)
        pictures = list(files.walk(path, formats.PICTURE_SUFFIXES, recursive=recursive, closed=closed.append))
        if not pictures and len(closed) == before:
            remedy = "" if recursive else "; to look into subfolders, add --recursive"
            raise UnreadableError(f"{given}: no pictures in this folder{remedy}")
        return [(picture, picture.parent.relative_to(path)) for picture in pictures]
    if path.exists() or path.is_symlink() or not glob.has_magic(str(given)):
        if not path.exists():
            raise UnreadableError(f"{given}: no such file or folder")
        if not path.is_file():
            raise UnreadableError(f"{given}: is a pipe or a device, not a file; send its data to standard input, as -")
        return [(path, Path())]
    # Not Path.glob, which refuses absolute patterns.
    matches = sorted(Path(match) for match in glob.glob(str(given), recursive=True))  # noqa: PTH207
    pictures = [match for match in matches if match.is_file() and _is_picture(match)]
    if not pictures:
        raise UnreadableError(f"{given}: no picture matches this pattern")
    return [(picture, Path()) for picture in pictures]


def _pages(source: Path, target: Path) -> list[Job]:
    """Return a job for each page of a file; one without a page number if it has only one page."""
    count = len(pages_of(source))
    if count <= 1:
        return [Job(source, target)]
    ending = f"{RESULT}{target.suffix}" if target.stem.endswith(RESULT) else target.suffix
    stem = target.name.removesuffix(ending)
    return [Job(source, target.with_name(f"{stem}_p{page + 1}{ending}"), page=page) for page in range(count)]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in formats.PICTURE_SUFFIXES and not path.name.startswith(".")


def _is_file_name(output: str | Path, inputs: Sequence[str | Path]) -> bool:
    """Check whether `output` names one result rather than a folder."""
    path = Path(output)
    if path.is_dir() or str(output).endswith(("/", os.sep)) or not path.suffix:
        if path.is_file():
            raise SettingError(f"{output} is a file; name a folder, or a file with a picture's ending")
        return False
    single = _is_one_picture(inputs)
    if not single and (path.is_file() or path.suffix.lower() in formats.PICTURE_SUFFIXES):
        raise SettingError(f"{output} names one file, but several pictures may be colorized; name a folder")
    return single


def _is_one_picture(inputs: Sequence[str | Path]) -> bool:
    return len(inputs) == 1 and not Path(inputs[0]).is_dir() and not glob.has_magic(str(inputs[0]))


def _target(source: Path, inside: Path, output: str | Path | None) -> Path:
    suffix = source.suffix
    if suffix.lower() not in formats.WRITABLE:
        suffix = formats.suffix_for(_loader(source), suffix)
    name = f"{source.stem}{RESULT}{suffix}"
    return source.with_name(name) if output is None else Path(output) / inside / name


def _loader(source: Path) -> str:
    """Return the name of libvips' loader for the picture; empty if there is none."""
    try:
        return str(pyvips.Image.new_from_source(open_source(source), "").get("vips-loader"))
    except pyvips.Error:
        return ""


def _without_own_results(jobs: Sequence[Job], named: Container[str]) -> list[Job]:
    """Leave out tinct's own results; mark as skipped those whose key is `named` or whose source is not a job."""
    sources = {_key(job.source) for job in jobs}
    targets = [job.target for job in jobs if job.target is not None]
    written = {_key(path) for target in targets for path in (target, *(extra_path(target, extra) for extra in EXTRAS))}
    remaining = []
    for job in jobs:
        key = _key(job.source)
        origins = _origins(job.source)
        ours = job.target is not None and key in written and key != _key(job.target)
        beside = any(_key(origin) in sources for origin in origins)
        if (ours or beside) and key not in named:
            continue
        if (ours or origins) and not job.status:
            reason = f"tinct's own result of {origins[0].name}" if origins else "where another picture's result goes"
            message = f"{job.source}: {reason}; rename it to colorize it anyway"
            job = replace(job, status="skipped", message=message)
        remaining.append(job)
    return remaining


def _origins(path: Path) -> list[Path]:
    """Return the pictures beside this one that it may be a result of, judging by its name."""
    stem = re.sub(rf"{RESULT}_\d+$", RESULT, path.stem)
    for extra in EXTRAS:
        stem = stem.removesuffix(f"_{extra}") if stem.endswith(f"{RESULT}_{extra}") else stem
    if not stem.endswith(RESULT) or stem == RESULT:
        return []
    origin = stem.removesuffix(RESULT)
    origins = dict.fromkeys((origin, re.sub(r"_p\d+$", "", origin)))
    suffixes = sorted({path.suffix, *formats.PICTURE_SUFFIXES})
    beside = [path.with_name(name + suffix) for name in origins for suffix in suffixes]
    return [picture for picture in beside if picture.is_file()]


def _checked_targets(jobs: Sequence[Job]) -> list[Job]:
    """Mark jobs as failed whose result is an earlier job's; refuse a result that would replace its own picture."""
    taken: dict[str, Path] = {}
    checked = []
    for job in jobs:
        if job.target is not None and not job.status:
            if _key(job.target) == _key(job.source):
                raise SettingError(f"{job.source} would be replaced by its own result; name another output")
            if clash := claim(job.target, job.source, taken):
                job = replace(job, status="failed", message=clash)
        checked.append(job)
    return checked


def claim(target: Path, source: Path, taken: dict[str, Path]) -> str:
    """Note whose result a file is; return an error message if it is already that of another picture or film."""
    key = _key(target)
    if key in taken:
        return f"{taken[key]} and {source} would both become {target}; rename one, or colorize them separately"
    taken[key] = source
    return ""


def _key(path: Path) -> str:
    """Return a text that is the same for all ways to write one path."""
    # Path.resolve would follow links, which takes long for many files.
    return os.path.normcase(os.path.abspath(path))  # noqa: PTH100

"""A folder of films: which they are, and where their results go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tinct.coloring.film.work import open_as
from tinct.coloring.photo.manifest import Manifest, Run, look
from tinct.coloring.photo.plan import RESULT, Job, claim, closed_folder
from tinct.coloring.settings import VideoSettings
from tinct.errors import SettingError, TinctError, UnreadableError
from tinct.files import walk
from tinct.media.video import FILM_SUFFIXES
from tinct.media.video.film import Film
from tinct.media.video.recipe import default_target
from tinct.media.video.sequence import FRAME_SUFFIXES


@dataclass(frozen=True)
class FilmJob(Job):
    """A film to colorize; `film` is set if it had to be opened to find the path of its result."""

    film: Film | None = None


def is_folder_of_films(source: str | Path, output: str | Path | None, *, recursive: bool = False) -> bool:
    """Check whether a folder is one of films, rather than of pictures that are a film's frames.

    It is one of films if it holds films and no such pictures, or if subfolders are asked for. If it holds both, it is
    one of films if the output is a folder.
    """
    folder = Path(source)
    if not folder.is_dir():
        return False
    if recursive:
        return True
    if next(walk(folder, FILM_SUFFIXES, recursive=False), None) is None:
        return False
    frames = next(walk(folder, FRAME_SUFFIXES, recursive=False), None)
    return frames is None or (output is not None and not _is_file_name(Path(output)))


def find_films(source: str | Path, output: str | Path | None, *, recursive: bool) -> list[Job]:
    """List the films of a folder as jobs without targets; folders that cannot be read become failed jobs.

    Files below the output folder are left out, and so are tinct's own results beside their films.

    Raises:
        SettingError: the output is a file's name.
        UnreadableError: there are none.
    """
    folder = Path(source)
    if output is not None and _is_file_name(Path(output)):
        raise SettingError(f"{output} names one file, but several films may be colorized; name a folder")
    closed: list[OSError] = []
    paths = list(walk(folder, FILM_SUFFIXES, recursive=recursive, closed=closed.append))
    results = None if output is None or Path(output).resolve() == folder.resolve() else Path(output).resolve()
    inside = results is not None and folder.resolve() in results.parents
    names = {path.with_suffix("") for path in paths}
    films = [
        path
        for path in paths
        if not (inside and results is not None and results in path.resolve().parents) and not _is_result(path, names)
    ]
    if not films and not closed:
        remedy = "" if recursive else "; to look into subfolders, add --recursive"
        raise UnreadableError(f"{source}: no films in this folder{remedy}")
    jobs = [Job(path, None) for path in films]
    return [*jobs, *map(closed_folder, closed)]


def with_targets(
    jobs: Iterable[Job],
    source: Path,
    output: Path | None,
    settings: VideoSettings,
    *,
    manifest: Manifest | None,
    run: Run | None,
) -> Iterator[Job]:
    """Yield jobs with the paths of their results, each when its turn comes, since the film may have to be opened."""
    taken: dict[str, Path] = {}
    for job in jobs:
        if job.status:
            yield job
            continue
        path = job.source
        try:
            film, target = None, _known_target(path, manifest, run)
            if target is None:
                film, target = _opened(path, source, output, settings)
        except TinctError as error:
            yield Job(path, None, "failed", str(error))
            continue
        if clash := claim(target, path, taken):
            yield Job(path, target, "failed", clash)
        else:
            yield FilmJob(path, target, film=film)


def _opened(path: Path, source: Path, output: Path | None, settings: VideoSettings) -> tuple[Film, Path]:
    folder = None if output is None else output / path.parent.relative_to(source)
    film = open_as(path, settings)
    return film, default_target(film, folder=folder, codec=settings.codec, named=settings.purpose)


def _known_target(path: Path, manifest: Manifest | None, run: Run | None) -> Path | None:
    """Return the path of a film's result if film and settings are those of the last run, so that it stays closed."""
    entry = manifest.entry(path) if manifest is not None else None
    seen = look(path)
    if entry is None or run is None or seen is None or entry.target is None or entry.result is None:
        return None
    return entry.target if entry.settings == run.settings and seen.same_date(entry.picture) else None


def _is_file_name(output: Path) -> bool:
    return not output.is_dir() and (output.is_file() or output.suffix.lower() in FILM_SUFFIXES | FRAME_SUFFIXES)


def _is_result(path: Path, names: set[Path]) -> bool:
    """Check whether a film is tinct's result of another one beside it."""
    stem = path.stem.removesuffix(RESULT)
    return stem not in ("", path.stem) and path.with_name(stem) in names

"""Files: walking folders, small JSON, locks, and writing beside the target with a rename into place."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from hashlib import sha1
from pathlib import Path
from typing import Any

from tinct.errors import OutputError, UnreadableError, one_line

try:
    import fcntl
except ImportError:  # Windows has none: runs do not lock each other out there
    fcntl = None  # type: ignore[assignment]

# An unfinished file is called .NAME.tinct-part; if a killed run left one, the next run for that target reuses it.
UNFINISHED = ".tinct-part"
_LONGEST_NAME = 255  # bytes, on the file systems in use
_LONGEST_JSON = 16 << 20  # bytes; a longer file is not one that a person wrote


def walk(
    folder: str | Path,
    suffixes: Collection[str],
    *,
    recursive: bool = True,
    closed: Callable[[OSError], object] | None = None,
) -> Iterator[Path]:
    """Yield the files of a folder that have one of the given suffixes, except hidden ones and those in hidden folders.

    Pipes, sockets and devices are left out. Broken links are yielded, so that the caller can report them.

    Args:
        folder: where to look.
        suffixes: in lower case, with their dots; files may have theirs in capitals.
        recursive: look into subfolders too, to any depth.
        closed: called with the error of each folder that cannot be read; without it, such a folder is an error.

    Yields:
        Paths that begin with `folder`, sorted by name; a folder's files come before those of its subfolders.

    Raises:
        UnreadableError: a folder cannot be read.
    """
    for place, folders, names in os.walk(folder, onerror=closed or _refuse):
        folders[:] = sorted(name for name in folders if not name.startswith(".")) if recursive else []
        for name in sorted(names):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in suffixes:  # noqa: PTH122
                path = Path(place, name)
                if path.is_file() or not path.exists():  # no pipes, sockets or devices
                    yield path


def closed_folder(error: OSError) -> str:
    """Return the message about a folder that cannot be read."""
    return f"{error.filename}: the folder cannot be read ({error.strerror}); check its permissions"


def _refuse(error: OSError) -> None:
    raise UnreadableError(closed_folder(error)) from error


def cache_folder() -> Path | None:
    """Return the user's cache folder, which need not exist; None if there is none, or `TINCT_CACHE` is `off`.

    The environment variable `TINCT_CACHE` may name it; otherwise it lies where the operating system keeps caches.
    """
    named = os.environ.get("TINCT_CACHE", "")
    if named:
        return None if named == "off" else Path(named)
    try:
        if sys.platform == "win32":
            place = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            place = Path.home() / "Library" / "Caches"
        else:
            place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # the user has no home folder
        return None
    return place / "tinct" if place.is_absolute() else None


def read_json(path: Path, *, what: str) -> Any:
    """Read a JSON file that a person named.

    Args:
        path: the file, of 16 MB at most.
        what: what it should be, such as `a file of hints`.

    Raises:
        UnreadableError: it cannot be read, is longer, or is not valid JSON.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_JSON + 1)
        if len(content) > _LONGEST_JSON:
            raise ValueError("it is longer than 16 MB")
        return json.loads(content)
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read ({error.strerror}); name {what}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{path}: is not valid JSON ({one_line(error)}); correct it") from error


def already_there(target: str | Path) -> OutputError:
    """Return the failure of a result that exists already, and is not to be replaced."""
    return OutputError(f"{target}: already exists; replace it with --overwrite (overwrite=True)")


def not_written(target: str | Path, error: Exception, *, what: str = "written") -> OutputError:
    """Return the failure of a result that cannot be written, or `read or written`, as when the disk is full."""
    reason = getattr(error, "strerror", None) or error
    return OutputError(f"{target}: cannot be {what} ({reason}); free some space, or write elsewhere")


def make_folder(folder: str | Path) -> Path:
    """Make a folder and its missing parents, and return its path.

    Raises:
        OutputError: it cannot be made or written to.
    """
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the folder cannot be made ({error.strerror}); choose another") from error
    if not os.access(place, os.W_OK):
        raise OutputError(f"{folder}: the folder cannot be written to; choose another")
    return place


def check_place(target: str | Path) -> Path:
    """Return the path of the file that a target names, links resolved.

    Raises:
        OutputError: its folder does not exist or cannot be written to.
    """
    final = Path(target).resolve()
    if not final.parent.is_dir():
        raise OutputError(f"{target}: the folder does not exist; make it first")
    if not os.access(final.parent, os.W_OK):
        raise OutputError(f"{target}: the folder cannot be written to; choose another")
    return final


def check_target(target: Path, *, source: Path | None = None, overwrite: bool) -> None:
    """Refuse, before any work is done, a target that cannot or must not be written.

    Args:
        target: the file to write.
        source: the input, which is never replaced.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputError: it is a folder or the source itself, it exists already, or its folder does not exist.
    """
    try:
        if target.is_dir():
            raise OutputError(f"{target}: is a folder; name a file")
        if target.exists():
            if source is not None and source.exists() and target.samefile(source):
                raise OutputError(f"{target}: is the input itself; choose another name with -o")
            if not overwrite:
                raise already_there(target)
        elif not target.parent.is_dir():
            raise OutputError(f"{target}: the folder does not exist; make it first")
    except OSError as error:  # such as a name that is too long
        raise OutputError(f"{target}: cannot be written ({error.strerror or error}); choose another name") from error


@contextmanager
def written_beside(target: str | Path) -> Iterator[Path]:
    """Yield a path to write to, beside the target; renamed into place after the block, removed if the block fails.

    Args:
        target: the file to write; if it is a link, the file that it points to is replaced.

    Yields:
        The path of an empty file in the target's folder; its name can be encoded as UTF-8.

    Raises:
        OutputError: the folder does not exist or cannot be written to, another run is writing the same target, or
            writing failed with an OSError.
    """
    final = check_place(target)
    beside = final.with_name(unfinished_name(final.name))
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor, beside, target)
            try:
                os.ftruncate(descriptor, 0)
                yield beside
                beside.replace(final)
            finally:
                beside.unlink(missing_ok=True)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise not_written(target, error) from error


@contextmanager
def folder_beside(target: str | Path) -> Iterator[Path]:
    """Yield a new folder beside the target, renamed into place after the block.

    If another process has made the target meanwhile, that one is kept.

    Raises:
        OutputError: it cannot be written; nothing is left behind.
    """
    final = Path(target)
    beside = final.with_name(f".{final.name}.{os.getpid()}{UNFINISHED}")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        yield beside
        try:
            beside.rename(final)
        except OSError:
            if not final.is_dir():
                raise
    except OSError as error:
        raise not_written(target, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def unfinished_name(name: str) -> str:
    """Return the name of the unfinished file that becomes the file called `name`."""
    return hidden_name(name, UNFINISHED)


def hidden_name(name: str, ending: str) -> str:
    """Return the name of a hidden file that belongs to the file called `name`, no longer than file systems allow."""
    content = os.fsencode(name)
    kept = content[: _LONGEST_NAME - len(ending) - 10].decode("utf-8", "ignore")
    mark = "" if kept == name else f"-{sha1(content, usedforsecurity=False).hexdigest()[:8]}"
    return f".{kept}{mark}{ending}"


@contextmanager
def locked(path: Path, *, target: str | Path) -> Iterator[None]:
    """Lock other runs out while the block runs; the lock's file is made if needed, and stays.

    Args:
        path: the file to lock.
        target: what is being written, for the message.

    Raises:
        OutputError: another run holds the lock.
        OSError: the file cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(descriptor, path, target)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, target: str | Path) -> None:
    """Lock a file as long as its descriptor is open; the system releases a killed run's lock."""
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        locked_here = os.path.samestat(os.fstat(descriptor), path.stat())
    except (BlockingIOError, FileNotFoundError):
        locked_here = False
    except OSError:  # a file system without locks
        return
    if not locked_here:
        raise OutputError(f"{target}: another run is writing it; wait for it")

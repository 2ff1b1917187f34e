"""The manifest of a folder of results: what became of each picture, so that a later run knows what is left to do.

The file is FOLDER/.tinct/manifest.sqlite, in SQLite's WAL mode: it stays intact if a run is killed at any moment, and
others may read it meanwhile. Beside it lies `lock`, which a run holds while it works.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path

from tinct.errors import OutputError
from tinct.files import locked, make_folder, not_written

PLACE = ".tinct"
FORMAT = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (
    id INTEGER PRIMARY KEY, started REAL, ended REAL, engine TEXT, version TEXT, model TEXT, model_sha256 TEXT,
    settings TEXT);
CREATE TABLE IF NOT EXISTS picture (
    source PRIMARY KEY, target, status TEXT, message TEXT, width INTEGER, height INTEGER, seconds REAL, run INTEGER,
    size INTEGER, modified INTEGER, sha256 TEXT, result_size INTEGER, result_modified INTEGER,
    claimed_by INTEGER, claimed_size INTEGER, claimed_modified INTEGER, before_size INTEGER, before_modified INTEGER);
CREATE INDEX IF NOT EXISTS picture_target ON picture (target);
CREATE INDEX IF NOT EXISTS picture_claimed ON picture (claimed_by) WHERE claimed_by IS NOT NULL;
"""


@dataclass(frozen=True)
class Seen:
    """A file as it was once: size in bytes, time of its last change in nanoseconds, and SHA-256 if it was computed."""

    size: int
    modified: int
    sha256: str | None = None

    def same_date(self, other: Seen | None) -> bool:
        """Check whether size and time are the same as before, so that its content need not be read again."""
        return other is not None and (self.size, self.modified) == (other.size, other.modified)


@dataclass(frozen=True)
class Run:
    """What made results. Another model or other settings would make other results; the rest is for information."""

    engine: str
    version: str
    model: str
    model_sha256: str
    settings: str  # JSON, sorted by name


@dataclass(frozen=True)
class Entry:
    """What the manifest holds about one picture; `picture` and `result` are None if nothing is known of them."""

    source: str
    target: Path | None
    status: str
    message: str
    picture: Seen | None
    result: Seen | None
    version: str | None
    model_sha256: str | None
    settings: str | None


def look(path: Path) -> Seen | None:
    """Return a file's size and time, or None if there is no such file."""
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return None
    return Seen(facts.st_size, facts.st_mtime_ns)


def look_whole(path: Path) -> Seen | None:
    """Return a file's size, time and SHA-256, or None if it cannot be read."""
    seen = look(path)  # first, so that a file changed meanwhile counts as changed
    try:
        with path.open("rb") as file:
            return None if seen is None else Seen(seen.size, seen.modified, file_digest(file, "sha256").hexdigest())
    except (OSError, ValueError):
        return None


def manifest_file(folder: str | Path) -> Path:
    """Return the path of the manifest of a folder of results."""
    return Path(folder) / PLACE / "manifest.sqlite"


class Manifest:
    """The manifest of one folder, open for one run.

    Sources are known by their absolute paths or addresses, results by their paths relative to the folder, which may
    therefore be moved.
    """

    def __init__(
        self, base: sqlite3.Connection, folder: str | Path, run: Run, *, named: Callable[[Path], str] | None = None
    ) -> None:
        """Begin a run; pictures that an earlier run was killed over are settled by the files on disk.

        Args:
            base: the open database.
            folder: of the results.
            run: what makes them.
            named: returns the name of a source in the manifest; by default its absolute path.
        """
        self._base = base
        self._named: Callable[[Path], str] = named or os.path.abspath  # not Path.resolve, which takes long
        self._folder = os.path.abspath(folder)  # noqa: PTH100 - links are not followed
        with base:
            self._settle()
            values = (time.time(), run.engine, run.version, run.model, run.model_sha256, run.settings)
            columns = "started, engine, version, model, model_sha256, settings"
            self._run = base.execute(f"INSERT INTO run ({columns}) VALUES (?, ?, ?, ?, ?, ?)", values).lastrowid

    def entry(self, source: Path) -> Entry | None:
        """Return what is known of a picture."""
        return self._entry("source = ?", self._key(source))

    def made_from(self, target: Path) -> Entry | None:
        """Return the entry of the picture whose result this file is."""
        return self._entry("target = ? AND result_size IS NOT NULL AND status <> 'replaced'", self._place(target))

    def same_place(self, entry: Entry, target: Path) -> bool:
        """Check whether a picture's result is this file."""
        return entry.target is not None and self._place(entry.target) == self._place(target)

    def claim(self, source: Path, target: Path, picture: Seen | None) -> None:
        """Note that the result of a picture, as it is now, is about to be written."""
        before = look(target)
        self._write(
            "INSERT INTO picture (source, target, status, claimed_by, claimed_size, claimed_modified, before_size, "
            "before_modified) VALUES (?, ?, 'running', ?, ?, ?, ?, ?) ON CONFLICT (source) DO UPDATE SET "
            "target = excluded.target, claimed_by = excluded.claimed_by, claimed_size = excluded.claimed_size, "
            "claimed_modified = excluded.claimed_modified, before_size = excluded.before_size, "
            "before_modified = excluded.before_modified",
            (self._key(source), self._place(target), self._run, *_facts(picture), *_facts(before)),
        )

    def note(
        self,
        source: Path,
        target: Path | None,
        status: str,
        *,
        made: bool,
        message: str = "",
        size: tuple[int, int] = (0, 0),
        seconds: float = 0.0,
        picture: Seen | None = None,
    ) -> None:
        """Note the outcome of a picture in this run; unless its result was `made`, facts about an older one stay."""
        result = look(target) if target is not None else None
        key, place = self._key(source), None if target is None else self._place(target)
        if not made and result is not None:
            changed = "UPDATE picture SET status = ?, message = ?, seconds = ?, claimed_by = NULL WHERE source = ?"
            self._write(changed, (status, message, round(seconds, 4), key))
            return
        if result is not None:
            self._write("UPDATE picture SET status = 'replaced' WHERE target = ? AND source <> ?", (place, key))
        columns = (
            "source, target, status, message, width, height, seconds, run, size, modified, sha256, result_size, "
            "result_modified"
        )
        self._write(
            f"INSERT OR REPLACE INTO picture ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(key, place, status, message, *size, round(seconds, 4)),
                *(self._run, *_facts(picture), picture and picture.sha256, *_facts(result)),
            ),
        )

    def keep(self, source: Path, target: Path, picture: Seen | None) -> None:
        """Note that an existing result stays: one of tinct's as `colorized`, any other as `exists`."""
        self._write("INSERT OR IGNORE INTO picture (source) VALUES (?)", (self._key(source),))
        self._write(
            "UPDATE picture SET target = ?, claimed_by = NULL, "
            "message = CASE WHEN status = 'colorized' THEN message ELSE '' END, size = COALESCE(?, size), "
            "modified = COALESCE(?, modified), sha256 = COALESCE(?, sha256), "
            "status = CASE WHEN result_size IS NULL THEN 'exists' ELSE 'colorized' END WHERE source = ?",
            (self._place(target), *_facts(picture), picture and picture.sha256, self._key(source)),
        )

    def end(self) -> None:
        """Note that the run has ended."""
        self._write("UPDATE run SET ended = ? WHERE id = ?", (time.time(), self._run))

    def _key(self, source: Path) -> str | bytes:
        """Return the name of a source, as SQLite keeps it."""
        return _encoded(self._named(source))

    def _place(self, target: Path) -> str | bytes:
        """Return the path of a result relative to the folder, as SQLite keeps it."""
        return _encoded(os.path.relpath(target, self._folder))

    def _result(self, place: str | bytes) -> Path:
        return Path(self._folder, os.fsdecode(place))

    def _entry(self, where: str, key: str | bytes) -> Entry | None:
        row = self._base.execute(
            "SELECT source, target, status, message, size, modified, sha256, result_size, result_modified, "
            "version, model_sha256, settings FROM picture LEFT JOIN run ON run.id = picture.run WHERE " + where,
            (key,),
        ).fetchone()
        if row is None:
            return None
        source, target, status, message, size, modified, digest, result_size, result_modified, *made_by = row
        picture = None if size is None else Seen(size, modified, digest)
        result = None if result_size is None else Seen(result_size, result_modified)
        with sound_values():
            json.loads(made_by[-1] or "{}")
            place = None if target is None else self._result(target)
            return Entry(os.fsdecode(source), place, status, message or "", picture, result, *made_by)

    def _settle(self) -> None:
        """Settle a killed run's pictures: a result that was renamed into place is complete, any other must be made."""
        rows = self._base.execute(
            "SELECT source, target, before_size, before_modified FROM picture WHERE claimed_by IS NOT NULL"
        ).fetchall()
        for source, target, *before in rows:
            with sound_values():
                result = look(self._result(target))
            if result is not None and _facts(result) != tuple(before):
                self._base.execute(
                    "UPDATE picture SET status = 'colorized', run = claimed_by, size = claimed_size, "
                    "modified = claimed_modified, sha256 = NULL, result_size = ?, result_modified = ?, "
                    "message = 'written by a run that was killed' WHERE source = ?",
                    (*_facts(result), source),
                )
        self._base.execute("UPDATE picture SET status = 'interrupted' WHERE status = 'running'")
        self._base.execute("UPDATE picture SET claimed_by = NULL WHERE claimed_by IS NOT NULL")

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        with self._base:
            self._base.execute(statement, values)


@contextmanager
def opened(folder: str | Path, run: Run, *, named: Callable[[Path], str] | None = None) -> Iterator[Manifest]:
    """Open a folder's manifest for a run, creating both if needed; other runs are refused meanwhile.

    `named` is that of `Manifest`.

    Raises:
        OutputError: another run uses the folder, or the manifest cannot be read or written.
    """
    path = manifest_file(folder)
    make_folder(path.parent)
    with told_of(path), locked(path.with_name("lock"), target=folder), closing(_connect(path)) as base:
        base.executescript(_SCHEMA)
        base.execute(f"PRAGMA user_version = {FORMAT}")
        manifest = Manifest(base, folder, run, named=named)
        yield manifest
        manifest.end()


@contextmanager
def told_of(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one that names the manifest and the remedy."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise not_written(path, error, what="read or written") from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # names of columns may be damaged, too
        message = f"{path}: is damaged ({error}); move it away; the results stay, and a new manifest is begun"
        raise OutputError(message) from error


@contextmanager
def sound_values() -> Iterator[None]:
    """Turn the errors that values of unexpected types cause into SQLite's error for a damaged file."""
    try:
        yield
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise sqlite3.DatabaseError("it holds values of unexpected types") from error


def as_text(content: bytes) -> str:
    """Decode a manifest's text, which is UTF-8 unless it is damaged."""
    return content.decode("utf-8", "surrogateescape")


def _connect(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, timeout=60)
    base.text_factory = as_text
    version = base.execute("PRAGMA user_version").fetchone()[0]
    if version > FORMAT:
        base.close()
        raise OutputError(f"{path}: was made by a newer tinct; install that, or choose another folder")
    base.execute("PRAGMA journal_mode = WAL")
    base.execute("PRAGMA synchronous = NORMAL")  # a killed run loses nothing; a power cut may lose the last rows
    return base


def is_running(folder: str | Path) -> bool:
    """Check whether a run uses a folder of results now."""
    path = manifest_file(folder).with_name("lock")
    if not path.exists():
        return False
    with suppress(OSError):
        try:
            with locked(path, target=folder):
                return False
        except OutputError:
            return True
    return False


def _facts(seen: Seen | None) -> tuple[int | None, int | None]:
    return (None, None) if seen is None else (seen.size, seen.modified)


def _encoded(path: str) -> str | bytes:
    """Return a path as text, or as bytes if it is not valid UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path

"""Read the manifest of a folder of results and compare it with the files there: row by row, counted, or as Parquet."""

from __future__ import annotations

import json
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from tinct.coloring.photo.manifest import Seen, as_text, is_running, look, manifest_file, sound_values, told_of
from tinct.errors import MissingExtraError, UnreadableError
from tinct.files import written_beside
from tinct.media.video import FILM_SUFFIXES

SHOWN_FAILURES = 20
_ROWS_AT_ONCE = 10_000  # rows written to Parquet at once
_PICTURES = """
SELECT source, target, picture.status, COALESCE(message, '') AS message, COALESCE(width, 0) AS width,
    COALESCE(height, 0) AS height, COALESCE(seconds, 0.0) AS seconds, size, modified, sha256, run.model,
    run.model_sha256, run.settings, run.engine, run.version, run.started, claimed_by, result_size, result_modified
FROM picture LEFT JOIN run ON run.id = picture.run ORDER BY picture.rowid
"""


@dataclass(frozen=True)
class Record:
    """What the manifest holds about one picture, and whether its result is still there.

    Attributes:
        source: the picture.
        target: its result; None if there is none.
        status: `colorized`, `exists` (the result was there before tinct knew of it), `skipped` (it has colours
            already), `failed`, `running`, `interrupted` (a run was killed while working on it), `replaced` (by another
            picture's result); for a picture that was colorized also `missing` (the result is gone) or `altered`
            (another program changed it).
        message: why it failed or was skipped, or a remark on the result.
        width, height: of the result in pixels; 0 if there is none.
        seconds: the time it took.
        size, modified, sha256: of the picture: bytes, time of the last change in UTC, hash.
        model, model_sha256, settings: what made the result, the settings as JSON.
        engine, version, started: of the run that made it: `local` or `ray`, tinct's version, time in UTC.
    """

    source: str
    target: str | None
    status: str
    message: str
    width: int
    height: int
    seconds: float
    size: int | None
    modified: str | None
    sha256: str | None
    model: str | None
    model_sha256: str | None
    settings: str | None
    engine: str | None
    version: str | None
    started: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain JSON values."""
        return {**asdict(self), "settings": json.loads(self.settings) if self.settings else None}


@dataclass
class Summary:
    """Counts over a manifest.

    Attributes:
        running: whether a run uses the folder now.
        statuses: number of pictures by status.
        seconds: the time that all results took together.
        made_by: number of results by model and settings.
        failures: the first failed pictures, with their messages.
        films: how many of the pictures are films.
    """

    running: bool
    statuses: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    made_by: Counter[tuple[str, str]] = field(default_factory=Counter)
    failures: list[tuple[str, str]] = field(default_factory=list)
    films: int = 0

    @property
    def noun(self) -> str:
        """What to call the pictures: `pictures`, `films`, or both."""
        return {0: "pictures", self.statuses.total(): "films"}.get(self.films, "pictures and films")


def read_manifest(folder: str | Path) -> Iterator[Record]:
    """Yield a manifest's records, in the order in which the pictures were added; memory use does not grow with them.

    Raises:
        UnreadableError: the folder has no manifest.
        OutputError: the manifest cannot be read.
    """
    path = manifest_file(folder)
    if not path.is_file():
        raise UnreadableError(
            f"{folder}: has no manifest; folders written by  tinct colorize FOLDER -o OUT  (or tinct video) have one"
        )
    running = is_running(folder)
    with told_of(path), closing(_connect(path)) as base:
        for row in base.execute(_PICTURES):
            with sound_values():
                record = _record(row, Path(folder), running=running)
                record.to_json()
            yield record


def summarize(folder: str | Path) -> Summary:
    """Count the pictures in the manifest of a folder; errors as for `read_manifest`."""
    summary = Summary(running=is_running(folder))
    for record in read_manifest(folder):
        summary.statuses[record.status] += 1
        summary.films += Path(record.source).suffix.lower() in FILM_SUFFIXES
        if record.status == "colorized":
            summary.seconds += record.seconds
            summary.made_by[f"{record.model} {(record.model_sha256 or '')[:12]}", _in_words(record.settings)] += 1
        if record.status == "failed" and len(summary.failures) < SHOWN_FAILURES:
            summary.failures.append((record.source, record.message))
    return summary


def write_parquet(folder: str | Path, target: str | Path) -> int:
    """Write the manifest of a folder as a Parquet file, one row a picture; return the number of rows.

    Raises:
        UnreadableError: the folder has no manifest.
        OutputError: the manifest cannot be read, or the file cannot be written.
        MissingExtraError: Arrow is not installed.
    """
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("ray", "writing Parquet") from error
    kinds = {"int": arrow.int64(), "float": arrow.float64()}
    columns = Record.__dataclass_fields__.values()
    types = [(column.name, kinds.get(str(column.type).partition(" ")[0], arrow.string())) for column in columns]
    schema = arrow.schema(types)
    count = 0
    records = read_manifest(folder)
    with written_beside(target) as path, parquet.ParquetWriter(path, schema) as writer:
        while batch := list(islice(records, _ROWS_AT_ONCE)):
            rows = [{name: _utf8(value) for name, value in asdict(record).items()} for record in batch]
            writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
            count += len(rows)
    return count


def _record(row: sqlite3.Row, folder: Path, *, running: bool) -> Record:
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row's own iterator yields values
    claimed_by, result = values.pop("claimed_by"), (values.pop("result_size"), values.pop("result_modified"))
    place = None if row["target"] is None else folder / os.fsdecode(row["target"])
    if claimed_by is not None:
        values["status"] = "running" if running else "interrupted"
    elif row["status"] == "colorized" and place is not None:
        current = look(place)
        if current is None:
            values["status"] = "missing"
        elif not current.same_date(Seen(*result)):
            values["status"] = "altered"
    values |= {"source": os.fsdecode(row["source"]), "target": None if place is None else str(place)}
    values["modified"] = None if row["modified"] is None else _time(row["modified"] / 1e9)
    values["started"] = None if row["started"] is None else _time(row["started"])
    return Record(**values)


def _connect(path: Path) -> sqlite3.Connection:
    """Open a manifest without changing it; in a folder that cannot be written to, as an immutable one."""
    # mode=ro would leave SQLite's two extra files behind.
    mode = "mode=rw" if os.access(path.parent, os.W_OK) else "immutable=1"
    base = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=60)
    base.text_factory, base.row_factory = as_text, sqlite3.Row
    base.execute("PRAGMA query_only = ON")
    return base


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _in_words(settings: str | None) -> str:
    values = json.loads(settings or "{}")
    return ", ".join(f"{name} {value}" for name, value in values.items() if value not in ([], None))


def _utf8(value: Any) -> Any:
    """Return text that Arrow takes: bytes of names that are not valid UTF-8 are escaped."""
    return os.fsencode(value).decode("utf-8", "backslashreplace") if isinstance(value, str) else value

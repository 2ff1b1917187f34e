"""Keep answers to "which one is real?" in SQLite: the day, and nothing about the person who answers."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tinct.errors import InputError, OutputError
from tinct.runtime.scores import wilson
from tinct.web.turing.trials import Trial

# SQLite's application id that marks the file as one of answers: "tinc".
_MARK = 0x74696E63
_TABLES = """
CREATE TABLE IF NOT EXISTS session (
    id TEXT PRIMARY KEY, day TEXT NOT NULL, model TEXT NOT NULL, temperature REAL, caution REAL,
    planned INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS answer (
    session TEXT NOT NULL REFERENCES session(id), number INTEGER NOT NULL, kind TEXT NOT NULL, picture TEXT NOT NULL,
    real INTEGER NOT NULL, chosen INTEGER NOT NULL, seconds REAL, PRIMARY KEY (session, number)
);
"""
MOST_WRONG_CHECKS = 1  # a session with more wrong answers to attention checks does not count


@dataclass(frozen=True)
class Outcome:
    """The result of all sessions with one model and its settings.

    Attributes:
        temperature: of decoding; None for a model without bins.
        caution: likewise.
        sessions: number that count: finished, with at most `MOST_WRONG_CHECKS` attention checks wrong.
        unfinished: number that do not count, since they were not finished.
        inattentive: number that do not count, since more attention checks were wrong.
        pairs: number of answers that count.
        fooled: number of them that took tinct's colours for the real ones.
        share: `fooled` / `pairs`, 0..1; 0.5 means that people cannot tell them apart. None without answers.
        low: lower end of its 95 % binomial interval (Wilson).
        high: upper end.
        pictures: by a photograph's digest, how often it was shown, and how often it fooled.
    """

    model: str
    temperature: float | None
    caution: float | None
    sessions: int
    unfinished: int
    inattentive: int
    pairs: int
    fooled: int
    share: float | None
    low: float | None
    high: float | None
    pictures: dict[str, tuple[int, int]]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


class Answers:
    """A file of answers. Several threads may use it at once."""

    def __init__(self, path: Path, *, create: bool) -> None:
        """Open a file of answers; with `create`, make it if it is missing.

        Raises:
            InputError: it is missing, or not a file of answers.
            OutputError: it cannot be made or written.
        """
        self.path = path
        self._guard = threading.Lock()
        if not path.exists():
            if not create:
                raise InputError(f"{path}: there are no answers; run  tinct turing FOLDER  first, or name another file")
            if not path.absolute().parent.is_dir():
                raise OutputError(f"{path}: the folder does not exist; make it first")
        elif path.stat().st_size and not path.read_bytes()[:16].startswith(b"SQLite format 3"):
            raise InputError(f"{path}: is not a file of answers; name another file with --answers")
        with self._connection(write=create) as database:
            (mark,) = database.execute("PRAGMA application_id").fetchone()
            (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if mark != _MARK and tables:
                raise InputError(f"{path}: is another program's database; name another file with --answers")
            if create:
                database.execute(f"PRAGMA application_id = {_MARK}")
                database.executescript(_TABLES)
            elif not tables:
                raise InputError(f"{path}: holds no answers yet")

    def begin(self, *, model: str, temperature: float | None, caution: float | None, planned: int) -> str:
        """Record a new session of `planned` pairs; return its random name.

        Raises:
            OutputError: the file cannot be written.
        """
        name = secrets.token_urlsafe(16)
        day = datetime.now(UTC).date().isoformat()
        with self._connection(write=True) as database:
            values = (name, day, model, temperature, caution, planned)
            database.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?)", values)
        return name

    def add(self, session: str, number: int, trial: Trial, *, picture: str, chosen: int, seconds: float | None) -> None:
        """Record an answer.

        Args:
            session: its name.
            number: number of the pair.
            trial: the pair.
            picture: the photograph's digest.
            chosen: place of the picture that was taken for real: 0 the first, 1 the second.
            seconds: time from the question to the answer.

        Raises:
            OutputError: the file cannot be written.
        """
        with self._connection(write=True) as database:
            values = (session, number, trial.kind, picture, trial.real, chosen, seconds)
            database.execute("INSERT OR IGNORE INTO answer VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def outcomes(self) -> list[Outcome]:
        """Add the answers up by model and its settings.

        Raises:
            InputError: the file is damaged.
        """
        with self._connection(write=False) as database:
            sessions = database.execute(
                "SELECT id, model, temperature, caution, planned FROM session ORDER BY rowid"
            ).fetchall()
            answers: dict[str, list[tuple[str, str, bool]]] = {}
            for name, kind, picture, real, chosen in database.execute(
                "SELECT session, kind, picture, real, chosen FROM answer"
            ):
                answers.setdefault(name, []).append((kind, picture, real != chosen))
        groups: dict[tuple[str, float | None, float | None], list[tuple[int, list[tuple[str, str, bool]]]]] = {}
        for name, model, temperature, caution, planned in sessions:
            groups.setdefault((model, temperature, caution), []).append((planned, answers.get(name, [])))
        return [_outcome(*key, group) for key, group in groups.items()]

    @contextmanager
    def _connection(self, *, write: bool) -> Iterator[sqlite3.Connection]:
        try:
            with self._guard, closing(sqlite3.connect(self.path, timeout=10)) as database, database:
                yield database
        except sqlite3.Error as error:
            if write:
                raise OutputError(
                    f"{self.path}: cannot be written ({error}); name another file with --answers"
                ) from error
            raise InputError(f"{self.path}: cannot be read ({error}); name another file with --answers") from error


def _outcome(
    model: str,
    temperature: float | None,
    caution: float | None,
    sessions: list[tuple[int, list[tuple[str, str, bool]]]],
) -> Outcome:
    finished = [answers for planned, answers in sessions if len(answers) >= planned]
    counted = [
        answers
        for answers in finished
        if sum(wrong for kind, _, wrong in answers if kind == "check") <= MOST_WRONG_CHECKS
    ]
    pictures: dict[str, tuple[int, int]] = {}
    for answers in counted:
        for kind, picture, wrong in answers:
            if kind == "test":
                shown, fooled = pictures.get(picture, (0, 0))
                pictures[picture] = (shown + 1, fooled + wrong)
    pairs = sum(shown for shown, _ in pictures.values())
    fooled = sum(often for _, often in pictures.values())
    low, high = wilson(fooled, pairs) if pairs else (None, None)
    return Outcome(
        model=model,
        temperature=temperature,
        caution=caution,
        sessions=len(counted),
        unfinished=len(sessions) - len(finished),
        inattentive=len(finished) - len(counted),
        pairs=pairs,
        fooled=fooled,
        share=fooled / pairs if pairs else None,
        low=low,
        high=high,
        pictures=pictures,
    )

"""The list of photographs that a preparation works through: on disk, so that it can resume and needs little memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinct.data.duplicates import EXACT, MIRRORED, NEAR, Fingerprint, hash_bands, look_alikes
from tinct.data.pictures import draw

_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS photo (
    id INTEGER PRIMARY KEY, path TEXT UNIQUE, source TEXT, category TEXT, turn INTEGER, split TEXT,
    shard INTEGER, reason TEXT, frame TEXT, content TEXT, hash INTEGER, luma BLOB, width INTEGER, height INTEGER);
CREATE INDEX IF NOT EXISTS photo_turn ON photo (split, shard, turn);
CREATE INDEX IF NOT EXISTS photo_content ON photo (content);
CREATE TABLE IF NOT EXISTS band (value INTEGER, photo INTEGER);
CREATE INDEX IF NOT EXISTS band_value ON band (value);
"""
REJECTED = -1
AT_ONCE = 4096  # photographs that one is compared with at once, which limits memory


@dataclass
class Photo:
    """One photograph of the list, and what is found out about it."""

    id: int
    path: str
    source: str
    category: str
    reason: str | None = None
    frame: str | None = None
    content: str | None = None
    fingerprint: Fingerprint | None = None
    mirrored: Fingerprint | None = None  # of the mirror image
    width: int = 0
    height: int = 0
    jpeg: bytes = b""
    colorfulness: float = 0.0


class Ledger:
    """Photographs in a random but fixed order, and the result for each; an SQLite file."""

    def __init__(self, path: Path) -> None:
        """Open or create the file."""
        self._base = sqlite3.connect(path)
        self._base.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def setting(self, name: str) -> str | None:
        """Return a setting noted earlier; None if there is none."""
        value = self._one("SELECT value FROM setting WHERE name = ?", name)
        return None if value is None else str(value)

    def note(self, name: str, value: str) -> None:
        """Note a setting."""
        with self._base:
            self._base.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))

    def enlist(self, photos: Iterable[tuple[str, str, str, str, str]], *, seed: int) -> None:
        """Add photographs (path, name, source, category, split) that are not in the list yet.

        Their place in the order is drawn from the name, which does not depend on where the source folder lies.
        """
        rows = (
            (path, source, category, int(draw(seed, name, "turn") * 2**62), split)
            for path, name, source, category, split in photos
        )
        with self._base:
            self._base.executemany(
                "INSERT OR IGNORE INTO photo (path, source, category, turn, split) VALUES (?, ?, ?, ?, ?)", rows
            )

    def remaining(self, split: str) -> int:
        """Count the photographs of a split that are not done yet."""
        return int(self._one("SELECT COUNT(*) FROM photo WHERE split = ? AND shard IS NULL", split))

    def done(self) -> int:
        """Count the photographs that are done: written into a shard, or left out."""
        return int(self._one("SELECT COUNT(*) FROM photo WHERE shard IS NOT NULL"))

    def next_photos(self, split: str, count: int) -> list[Photo]:
        """Return the next photographs of a split that are not done yet."""
        rows = self._base.execute(
            "SELECT id, path, source, category FROM photo WHERE split = ? AND shard IS NULL ORDER BY turn, id LIMIT ?",
            (split, count),
        )
        return [Photo(*row) for row in rows]

    def next_shard(self, split: str) -> int:
        """Return the number of the first shard of a split that is not written yet."""
        last = self._one("SELECT MAX(shard) FROM photo WHERE split = ?", split)
        return 0 if last is None else max(int(last) + 1, 0)

    def twin(self, photo: Photo, earlier: Sequence[Photo]) -> str | None:
        """Find an accepted photograph that has the same content or looks the same, as it is or mirrored.

        Args:
            photo: the one to judge, with content and fingerprints.
            earlier: those accepted before it in the same, unfinished shard.

        Returns:
            A reason that names the other one, or None.
        """
        known = self._one("SELECT path FROM photo WHERE content = ? AND shard >= 0", photo.content)
        if same := next((other.path for other in earlier if other.content == photo.content), known):
            return f"{EXACT} duplicate of {same}"
        marks = [mark for mark in (photo.fingerprint, photo.mirrored) if mark is not None]
        bands = [band for mark in marks for band in hash_bands(mark.hash)]
        rows = self._base.execute(
            "SELECT DISTINCT path, hash, luma FROM photo JOIN band ON band.photo = photo.id "
            f"WHERE band.value IN ({','.join('?' * len(bands))})",
            bands,
        )
        twin = (len(marks), "")  # the kind, and the path of the first twin of that kind
        candidates = [(other.path, other.fingerprint) for other in earlier if other.fingerprint]
        while True:
            pairs = look_alikes([mark for _, mark in candidates], marks)
            kind, place = min(((kind, place) for place, kind in pairs), default=(len(marks), 0))
            twin = (kind, candidates[place][0]) if kind < twin[0] else twin
            candidates = [(path, Fingerprint(number % 2**64, luma)) for path, number, luma in rows.fetchmany(AT_ONCE)]
            if not candidates:
                return f"{(NEAR, MIRRORED)[twin[0]]} duplicate of {twin[1]}" if twin[1] else None

    def settle(self, photos: list[Photo], shard: int) -> None:
        """Note the results for the photographs of one shard, in one transaction."""
        with self._base:
            for photo in photos:
                number, luma = photo.fingerprint or (0, b"")
                signed = number - 2**64 if number >= 2**63 else number
                place = REJECTED if photo.reason else shard
                facts = (photo.reason, photo.frame, photo.content)
                self._base.execute(
                    "UPDATE photo SET shard = ?, reason = ?, frame = ?, content = ?, hash = ?, luma = ?, width = ?, "
                    "height = ? WHERE id = ?",
                    (place, *facts, signed, luma, photo.width, photo.height, photo.id),
                )
                if photo.fingerprint and not photo.reason:
                    self._base.executemany(
                        "INSERT INTO band VALUES (?, ?)", [(value, photo.id) for value in hash_bands(number)]
                    )

    def shards(self, split: str) -> list[tuple[int, int]]:
        """List the written shards of a split as (number, photographs in it)."""
        rows = self._base.execute(
            "SELECT shard, COUNT(*) FROM photo WHERE split = ? AND shard >= 0 GROUP BY shard ORDER BY shard", (split,)
        )
        return [(int(number), int(count)) for number, count in rows]

    def categories(self) -> list[tuple[str, str, str, int]]:
        """Count the accepted photographs as (split, source, category, count)."""
        rows = self._base.execute(
            "SELECT split, source, category, COUNT(*) FROM photo WHERE shard >= 0 GROUP BY split, source, category "
            "ORDER BY split, source, category"
        )
        return [(str(split), str(source), str(category), int(count)) for split, source, category, count in rows]

    def notes(self) -> Iterator[tuple[str, str]]:
        """Yield (path, reason) of the photographs that were left out or cropped, sorted by path."""
        rows = self._base.execute(
            "SELECT path, COALESCE(reason, frame) AS note FROM photo WHERE note IS NOT NULL ORDER BY path"
        )
        for path, reason in rows:
            yield str(path), str(reason)

    def _one(self, question: str, *values: str | None) -> Any:
        """Return the first value of the answer's first row; None if there is no row."""
        row = self._base.execute(question, values).fetchone()
        return None if row is None else row[0]

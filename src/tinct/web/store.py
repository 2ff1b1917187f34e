"""Keep files for a while, under names of our own.

A store is a locked folder in the system's folder for temporary files. If its server has crashed, it is no longer
locked, and the next server that starts deletes it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tinct.errors import OutputError
from tinct.files import locked
from tinct.web.problems import Problem

PREFIX = "tinct-serve-"
_LOCK = "lock"


class Store:
    """A folder of folders, each with a name that cannot be guessed."""

    def __init__(self, *, keep_seconds: float, most_bytes: int, parent: Path | None = None) -> None:
        """Make the folder, and delete what crashed servers left beside it.

        Args:
            keep_seconds: `sweep` deletes what was not used for this long.
            most_bytes: the most that may be kept at one time.
            parent: where to make it; without it, in the system's folder for temporary files.

        Raises:
            OutputError: it cannot be made.
        """
        place = parent or Path(tempfile.gettempdir())
        remove_leftovers(place, older=keep_seconds)
        self._stack = ExitStack()
        try:
            self.root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
            self._stack.enter_context(locked(self.root / _LOCK, target=self.root))
        except OSError as error:
            raise OutputError(
                f"{place}: no folder can be made there ({error.strerror}); free some space or set TMPDIR"
            ) from error
        self._keep_seconds = keep_seconds
        self._most_bytes = most_bytes
        self._coming = 0
        self._used: dict[str, float] = {}
        self._guard = threading.Lock()

    def make(self) -> Path:
        """Make a new folder; raise Problem (507) if too much is kept already."""
        self.check()
        folder = self.root / secrets.token_urlsafe(16)
        folder.mkdir(mode=0o700)
        self.touch(folder)
        return folder

    def check(self, more: int = 0) -> None:
        """Raise Problem if `more` bytes are too many by themselves (413), or with what is kept and arriving (507)."""
        if more > self._most_bytes:
            raise Problem(413, f"This takes more room than the {self._most_bytes / 1e6:g} MB that the server may keep.")
        if self.size() + self._coming + more > self._most_bytes:
            raise Problem(507, "The server has no more room for files. Try again later.", retry_after=60)

    def reserve(self, count: int) -> None:
        """Count bytes that are about to arrive as kept, until `release`; raise Problem as `check` does."""
        self.check(count)
        with self._guard:
            self._coming += count

    def release(self, count: int) -> None:
        """Stop counting bytes that were reserved."""
        with self._guard:
            self._coming -= count

    @contextmanager
    def made(self) -> Iterator[Path]:
        """Make a new folder that stays after the block, unless the block fails."""
        folder = self.make()
        try:
            yield folder
        except BaseException:
            self.remove(folder)
            raise

    def find(self, name: str) -> Path | None:
        """Return a folder by its name, and note that it is in use; None if there is none."""
        with self._guard:
            if name not in self._used:
                return None
            self._used[name] = time.monotonic()
        return self.root / name

    @contextmanager
    def borrowed(self) -> Iterator[Path]:
        """Make a new folder that is deleted after the block."""
        folder = self.make()
        try:
            yield folder
        finally:
            self.remove(folder)

    def touch(self, folder: Path) -> None:
        """Note that a folder is in use now."""
        with self._guard:
            self._used[folder.name] = time.monotonic()

    def remove(self, folder: Path) -> None:
        """Delete a folder and all in it."""
        with self._guard:
            self._used.pop(folder.name, None)
        shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> list[str]:
        """Delete what was not used for too long; return the names of the folders."""
        before = time.monotonic() - self._keep_seconds
        with self._guard:
            old = [name for name, used in self._used.items() if used < before]
        for name in old:
            self.remove(self.root / name)
        return old

    def size(self) -> int:
        """Return the bytes of all files that are kept."""
        total = 0
        for folder, _, names in os.walk(self.root):
            for name in names:
                with suppress(OSError):
                    total += os.stat(os.path.join(folder, name)).st_size  # noqa: PTH116, PTH118
        return total

    def close(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.root, ignore_errors=True)
        self._stack.close()


def remove_leftovers(parent: Path, *, older: float) -> None:
    """Delete the folders of servers that are gone; without locks, those not changed for `older` seconds."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError):
            mine = not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()
            if mine and folder.is_dir() and not folder.is_symlink() and _is_left(folder, older=older):
                shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path, *, older: float) -> bool:
    age = time.time() - folder.stat().st_mtime
    if sys.platform == "win32":  # without locks
        return age > older
    if not (folder / _LOCK).exists():  # it is just being made, or its server was killed at that moment
        return age > 60
    try:
        with locked(folder / _LOCK, target=folder):
            return True
    except OutputError:
        return False

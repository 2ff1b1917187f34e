"""What visitors open or send, and use in later requests: photographs open for editing, films, and their references.

References are kept under the digest of their content. So one that is sent again, for example after the server has
closed a photograph, keeps the name that settings use.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

from fastapi import UploadFile

from tinct.coloring.hints.reference import read_colors
from tinct.coloring.photo.colorizer import Colorizer
from tinct.errors import SettingError, TinctError
from tinct.web.problems import Problem, problem_of
from tinct.web.receive import digest, receive_picture
from tinct.web.settings import Limits
from tinct.web.store import Store

MOST_REFERENCES = 8  # the most references that are used at one time
# The most that are kept, since settings may return to earlier ones.
MOST_KEPT = 24


class References:
    """The references of one photograph or film. Several threads may use them at once.

    Attributes:
        sent: the names of those that came with the photograph or film itself.
    """

    def __init__(self, folder: Path, colorizer: Colorizer, limits: Limits, files: Sequence[UploadFile] = ()) -> None:
        """Keep references in a folder of the store, at first these that were sent; for errors see `add`."""
        self._folder = folder
        self._colorizer = colorizer
        self._limits = limits
        self._paths: dict[str, Path] = {}
        self._guard = threading.Lock()
        self.sent = tuple(dict.fromkeys(self.add(item.file) for item in files))

    def add(self, file: BinaryIO) -> str:
        """Store a reference that was sent, and return its name.

        Raises:
            Problem: it is not a picture (415), has too many pixels (413), has no colours, is one too many, or the
                model cannot compare pictures (422).
        """
        name = digest(file)
        path = self._folder / f"reference-{name}"
        with self._guard:
            if name in self._paths:
                return name
            if len(self._paths) >= MOST_KEPT:
                raise Problem(422, f"reference: at most {MOST_KEPT} can be kept with one photograph or film.")
        try:
            receive_picture(file, path, self._limits)
            read_colors(path, self._colorizer.session)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, TinctError):
                problem = problem_of(error, hidden=(str(path),))
                raise Problem(problem.status, str(problem.detail).replace("The file", "The reference")) from error
            raise
        with self._guard:
            self._paths[name] = path
        return name

    def paths(self, names: Sequence[str] | None) -> tuple[str, ...]:
        """Return the files of these names, or without names of those that came with the photograph or film.

        Raises:
            SettingError: there is none of that name.
        """
        chosen = self.sent if names is None else tuple(names)
        with self._guard:
            unknown = [name for name in chosen if name not in self._paths]
            if unknown:
                raise SettingError(f"references: there is no {unknown[0]} here; send it first")
            return tuple(str(self._paths[name]) for name in chosen)


def check_count(count: int) -> None:
    """Raise Problem (422) for more references than are used at one time."""
    if count > MOST_REFERENCES:
        raise Problem(422, f"reference: at most {MOST_REFERENCES} can be used at one time, not {count}.")


@dataclass(eq=False, kw_only=True)
class Kept:
    """A photograph or a film.

    Attributes:
        folder: where its files lie; its name is its id.
        references: colour pictures sent to take colours from.
        visitor: who sent it; None for this machine.
        leave_at: when it is removed unless it is asked for before, on the monotonic clock; None if it stays.
    """

    folder: Path
    references: References
    visitor: str | None
    leave_at: float | None = None

    @property
    def name(self) -> str:
        """Return the id."""
        return self.folder.name


K = TypeVar("K", bound=Kept)


class Shelf(ABC, Generic[K]):
    """All that are kept, by their ids. Several threads may use it at once."""

    missing: str  # the answer to a request for one that is not here

    def __init__(self, store: Store) -> None:
        self._store = store
        self._items: dict[str, K] = {}
        self._guard = threading.Lock()

    def find(self, name: str) -> K:
        """Return one by its id, and note that it is in use; raise Problem (404) if there is none."""
        with self._guard:
            item = self._items.get(name)
        if item is None:
            raise Problem(404, self.missing)
        item.leave_at = None
        self._store.touch(item.folder)
        return item

    def leave(self, name: str, *, seconds: float) -> None:
        """Remove one after a while, unless it is asked for before, for example by a page that was reloaded."""
        with self._guard:
            if (item := self._items.get(name)) is not None:
                item.leave_at = time.monotonic() + seconds

    def remove_left(self) -> None:
        """Remove those whose time has come after `leave`."""
        now = time.monotonic()
        with self._guard:
            left = [item.name for item in self._items.values() if item.leave_at is not None and item.leave_at <= now]
        for name in left:
            self.remove(name)

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove one and delete its files, if it is here."""

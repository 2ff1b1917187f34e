"""What visitors open or send, and use in later requests: photographs open for editing, and films."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from tinct.web.problems import Problem
from tinct.web.store import Store


@dataclass(eq=False, kw_only=True)
class Kept:
    """One of them.

    Attributes:
        folder: where its files lie; its name is its id.
        visitor: who sent it; None for this machine.
        leave_at: when it is removed unless it is asked for before, on the monotonic clock; None if it stays.
    """

    folder: Path
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

"""Photographs open for editing: the network has seen each once, and every other setting or hint is quick."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tinct.coloring.photo.editor import Editor
from tinct.media.image.picture import Picture
from tinct.web.engine import Engine, Options
from tinct.web.problems import Problem
from tinct.web.store import Store

T = TypeVar("T")
# When no more can be open, one that was not used for so many seconds makes room.
_IDLE = 600.0


@dataclass(eq=False)
class Edit:
    """One photograph open for editing.

    Attributes:
        folder: where its files lie; the name is what it is called by.
        picture: what was sent.
        editor: what shows and saves it.
        used: when it was last asked for, on the monotonic clock.
    """

    folder: Path
    picture: Picture
    editor: Editor
    used: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        """What it is called by."""
        return self.folder.name


class Edits:
    """All photographs open for editing."""

    def __init__(self, engine: Engine, store: Store, *, most: int) -> None:
        """Have none open, and at most so many at one time."""
        self._engine = engine
        self._store = store
        self._most = most
        self._edits: dict[str, Edit] = {}
        self._guard = threading.Lock()

    def open(self, picture: Picture, folder: Path, options: Options) -> Edit:
        """Open a photograph that was received: the network runs.

        Raises:
            Problem: too many are open (429).
            InputError: it cannot be coloured.
        """
        assert isinstance(picture.source, Path)
        self._make_room()
        edit = Edit(folder, picture, self._engine.editor(picture.source, options))
        with self._guard:
            self._edits[edit.name] = edit
        return edit

    def work(self, name: str, function: Callable[[Edit], T]) -> T:
        """Do something with a photograph.

        Raises:
            Problem: there is none of that name (404).
        """
        with self._guard:
            edit = self._edits.get(name)
        if edit is None:
            raise Problem(404, "This photograph is not open any more. Open it again.")
        edit.used = time.monotonic()
        self._store.touch(edit.folder)
        return function(edit)

    def close(self, name: str) -> None:
        """Close a photograph and delete its files; no harm where there is none."""
        with self._guard:
            edit = self._edits.pop(name, None)
        if edit is None:
            return
        edit.editor.close()
        self._store.remove(edit.folder)

    def close_all(self) -> None:
        """Close every photograph."""
        for name in list(self._edits):
            self.close(name)

    def count(self) -> int:
        """Say how many are open."""
        return len(self._edits)

    def _make_room(self) -> None:
        with self._guard:
            if len(self._edits) < self._most:
                return
            oldest = min(self._edits.values(), key=lambda edit: edit.used)
        if time.monotonic() - oldest.used < _IDLE:
            raise Problem(429, "Too many photographs are open. Close one, or try again later.", retry_after=60)
        self.close(oldest.name)

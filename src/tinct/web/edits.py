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
from tinct.web.engine import Engine
from tinct.web.problems import Problem
from tinct.web.store import Store

T = TypeVar("T")
# When no more can be open, one that was not used for this many seconds makes room.
_IDLE = 600.0
# Longest edge of what the page shows while a photograph is edited.
PREVIEW_EDGE = 1200


@dataclass(eq=False)
class Edit:
    """One photograph open for editing.

    Attributes:
        folder: where its files lie; its name is the photograph's id.
        used: when it was last asked for, on the monotonic clock.
    """

    folder: Path
    picture: Picture
    editor: Editor
    used: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        """The id."""
        return self.folder.name


class Edits:
    """All photographs open for editing, at most `most` at one time."""

    def __init__(self, engine: Engine, store: Store, *, most: int) -> None:
        self._engine = engine
        self._store = store
        self._most = most
        self._edits: dict[str, Edit] = {}
        self._guard = threading.Lock()

    def open(self, path: Path, picture: Picture, *, size: int | None, recolor: bool) -> Edit:
        """Open a photograph that was received into a folder: the network runs.

        Raises:
            Problem: too many are open (429).
            InputError: it cannot be coloured.
        """
        self._make_room()
        colorizer = self._engine.colorizer.changed(size=size)
        editor = Editor(path, colorizer=colorizer, recolor=recolor, preview=PREVIEW_EDGE)
        edit = Edit(path.parent, picture, editor)
        with self._guard:
            self._edits[edit.name] = edit
        return edit

    def work(self, name: str, function: Callable[[Edit], T]) -> T:
        """Do something with a photograph; Problem (404) where none is open under that id."""
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

    def _make_room(self) -> None:
        with self._guard:
            if len(self._edits) < self._most:
                return
            oldest = min(self._edits.values(), key=lambda edit: edit.used)
        if time.monotonic() - oldest.used < _IDLE:
            raise Problem(429, "Too many photographs are open. Close one, or try again later.", retry_after=60)
        self.close(oldest.name)

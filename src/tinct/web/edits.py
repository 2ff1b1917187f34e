"""Photographs open for editing: the network has run on each of them, so that trying settings and hints is quick."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.editor import Editor
from tinct.media.image.picture import Picture
from tinct.web.gate import most_each
from tinct.web.problems import Problem
from tinct.web.references import References
from tinct.web.store import Store

T = TypeVar("T")
_IDLE = 600.0  # if no more can be open, one that was not used for this many seconds is closed to make room
PREVIEW_EDGE = 1200  # longest edge of what the page shows while a photograph is edited


@dataclass(eq=False)
class Edit:
    """One photograph open for editing.

    Attributes:
        folder: where its files lie; its name is the photograph's id.
        references: colour pictures sent to take colours from.
        visitor: who opened it; None for this machine.
        leave_at: when it is closed unless it is asked for before, on the monotonic clock; None if it stays open.
        used: when it was last asked for, on the monotonic clock.
    """

    folder: Path
    picture: Picture
    editor: Editor
    references: References
    visitor: str | None = None
    leave_at: float | None = None
    used: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        """Return the id."""
        return self.folder.name

    @property
    def is_idle(self) -> bool:
        """Return whether it was not used for so long that it may make room for another."""
        return time.monotonic() - self.used >= _IDLE


class Edits:
    """All photographs open for editing: at most `most` at one time, and for one visitor a share (0..1) of these."""

    def __init__(self, colorizer: Colorizer, store: Store, *, most: int, share: float = 1.0) -> None:
        self._colorizer = colorizer
        self._store = store
        self._most = most
        self._most_each = most_each(most, share)
        self._edits: dict[str, Edit] = {}
        self._guard = threading.Lock()

    def open(
        self,
        path: Path,
        picture: Picture,
        *,
        size: int | None,
        recolor: bool,
        references: References,
        negative: bool = False,
        visitor: str | None = None,
    ) -> Edit:
        """Open a photograph that lies in a folder of the store, with references, and run the network on it.

        Raises:
            Problem: too many are open (429).
            InputError: it cannot be coloured.
        """
        self._make_room(visitor)
        colorizer = self._colorizer.changed(size=size, negative=negative)
        editor = Editor(path, colorizer=colorizer, recolor=recolor, preview=PREVIEW_EDGE)
        edit = Edit(path.parent, picture, editor, references, visitor)
        with self._guard:
            self._edits[edit.name] = edit
        return edit

    def work(self, name: str, function: Callable[[Edit], T]) -> T:
        """Call a function with an open photograph; raise Problem (404) if none is open under that id."""
        with self._guard:
            edit = self._edits.get(name)
        if edit is None:
            raise Problem(404, "This photograph is no longer open. Open it again.")
        edit.used, edit.leave_at = time.monotonic(), None
        self._store.touch(edit.folder)
        return function(edit)

    def leave(self, name: str, *, seconds: float) -> None:
        """Close a photograph after a while, unless it is asked for before, for example by a page that was reloaded."""
        with self._guard:
            if (edit := self._edits.get(name)) is not None:
                edit.leave_at = time.monotonic() + seconds

    def close_left(self) -> None:
        """Close the photographs that `leave` has closed by now."""
        now = time.monotonic()
        with self._guard:
            left = [edit.name for edit in self._edits.values() if edit.leave_at is not None and edit.leave_at <= now]
        for name in left:
            self.close(name)

    def close(self, name: str) -> None:
        """Close a photograph and delete its files, if it is open."""
        with self._guard:
            edit = self._edits.pop(name, None)
        if edit is None:
            return
        edit.editor.close()
        self._store.remove(edit.folder)

    @contextmanager
    def closed_on_failure(self, name: str) -> Iterator[None]:
        """Close a photograph if the block fails."""
        try:
            yield
        except BaseException:
            self.close(name)
            raise

    def close_all(self) -> None:
        for name in list(self._edits):
            self.close(name)

    def has_room(self, visitor: str | None = None) -> bool:
        """Check whether a visitor could open a photograph."""
        with self._guard:
            in_the_way = self._in_the_way(visitor)
        return not in_the_way or _oldest(in_the_way).is_idle

    def _make_room(self, visitor: str | None) -> None:
        with self._guard:
            in_the_way = self._in_the_way(visitor)
        if not in_the_way:
            return
        if not _oldest(in_the_way).is_idle:
            raise Problem(429, "Too many photographs are open. Close one, or try again later.", retry_after=60)
        self.close(_oldest(in_the_way).name)

    def _in_the_way(self, visitor: str | None) -> list[Edit]:
        """Return the photographs of which one must be closed before a visitor can open another; empty if none must."""
        own = [edit for edit in self._edits.values() if visitor is not None and edit.visitor == visitor]
        if len(own) >= self._most_each:
            return own
        return list(self._edits.values()) if len(self._edits) >= self._most else []


def _oldest(edits: list[Edit]) -> Edit:
    return min(edits, key=lambda edit: edit.used)

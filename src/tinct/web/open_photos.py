"""Photographs open for editing: the network has run on each of them, so that trying settings and hints is quick."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.editor import Editor
from tinct.media.image.picture import Picture
from tinct.web.gate import most_each
from tinct.web.kept import Kept, References, Shelf
from tinct.web.problems import Problem
from tinct.web.store import Store

T = TypeVar("T")
_IDLE = 600.0  # if no more can be open, one that was not used for this many seconds is closed to make room
PREVIEW_EDGE = 1200  # longest edge of what the page shows while a photograph is edited


@dataclass(eq=False, kw_only=True)
class Edit(Kept):
    """One photograph open for editing.

    Attributes:
        used: when it was last asked for, on the monotonic clock.
    """

    picture: Picture
    editor: Editor
    used: float = field(default_factory=time.monotonic)

    @property
    def is_idle(self) -> bool:
        """Return whether it was not used for so long that it may make room for another."""
        return time.monotonic() - self.used >= _IDLE


class Edits(Shelf[Edit]):
    """All photographs open for editing: at most `most` at one time, and for one visitor a share (0..1) of these."""

    missing = "This photograph is no longer open. Open it again."

    def __init__(self, colorizer: Colorizer, store: Store, *, most: int, share: float = 1.0) -> None:
        super().__init__(store)
        self._colorizer = colorizer
        self._most = most
        self._most_each = most_each(most, share)

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
        edit = Edit(folder=path.parent, visitor=visitor, picture=picture, editor=editor, references=references)
        with self._guard:
            self._items[edit.name] = edit
        return edit

    def find(self, name: str) -> Edit:
        """Return an open photograph by its id, and note that it is in use; raise Problem (404) if there is none."""
        edit = super().find(name)
        edit.used = time.monotonic()
        return edit

    def remove(self, name: str) -> None:
        """Close a photograph and delete its files, if it is open."""
        with self._guard:
            edit = self._items.pop(name, None)
        if edit is not None:
            edit.editor.close()
            self._store.remove(edit.folder)

    @contextmanager
    def closed_on_failure(self, name: str) -> Iterator[None]:
        """Close a photograph if the block fails."""
        try:
            yield
        except BaseException:
            self.remove(name)
            raise

    def close(self) -> None:
        """Close all."""
        for name in list(self._items):
            self.remove(name)

    def has_room(self, visitor: str | None = None) -> bool:
        """Check whether a visitor could open a photograph."""
        oldest = self._in_the_way(visitor)
        return oldest is None or oldest.is_idle

    def _make_room(self, visitor: str | None) -> None:
        oldest = self._in_the_way(visitor)
        if oldest is None:
            return
        if not oldest.is_idle:
            raise Problem(429, "Too many photographs are open. Close one, or try again later.", retry_after=60)
        self.remove(oldest.name)

    def _in_the_way(self, visitor: str | None) -> Edit | None:
        """Return the photograph that must be closed before a visitor can open another; None if none must."""
        with self._guard:
            everyone = list(self._items.values())
        own = [edit for edit in everyone if visitor is not None and edit.visitor == visitor]
        full = own if len(own) >= self._most_each else everyone if len(everyone) >= self._most else []
        return min(full, key=lambda edit: edit.used, default=None)

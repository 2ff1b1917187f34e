"""Keep a film's finished parts in a folder until the rest is done, so that a killed run costs one part at most.

Beside the target lies `.NAME.tinct-work` while it is made:

    plan.json         what is being made of what; with another plan the work starts anew
    00007.frames      the 8th part's frames, encoded
    00007.npz         the state after it: which frame comes next, and what smoothing remembers; written last
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.errors import OutputError
from tinct.files import locked, written_beside

PART_SUFFIX = ".frames"


@dataclass(frozen=True)
class Progress:
    """How far a film is: plain JSON values, such as the next frame's number, and what smoothing and cuts remember."""

    facts: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


class WorkFolder:
    """Finished parts and the state after each."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def parts(self) -> list[Path]:
        """Return the finished parts in their order."""
        finished: list[Path] = []
        while (part := self._part(len(finished))).exists() and part.with_suffix(".npz").exists():
            finished.append(part)
        return finished

    def next_part(self) -> Path:
        """Return the path of the part to write next."""
        return self._part(len(self.parts()))

    def finish(self, part: Path, progress: Progress) -> None:
        """Note that a part is written, with the state after it.

        Raises:
            OutputError: it cannot be noted.
        """
        _to_disk(part)
        with written_beside(part.with_suffix(".npz")) as beside:
            with beside.open("wb") as file:
                np.savez(file, allow_pickle=False, facts=np.array(json.dumps(progress.facts)), **progress.arrays)
            _to_disk(beside)
        _to_disk(self.path)

    def progress(self) -> Progress | None:
        """Return the state after the last finished part; None before the first."""
        parts = self.parts()
        if not parts:
            return None
        with np.load(parts[-1].with_suffix(".npz")) as stored:
            arrays = {name: stored[name] for name in stored.files if name != "facts"}
            return Progress(json.loads(str(stored["facts"])), arrays)

    def _part(self, number: int) -> Path:
        return self.path / f"{number:05d}{PART_SUFFIX}"


@contextmanager
def work_folder(target: Path, plan: Mapping[str, Any]) -> Iterator[WorkFolder]:
    """Open a target's folder of parts, alone; begin it where there is none for this plan.

    The folder stays when the block fails after finished parts, so that the work can go on; else it is deleted.

    Args:
        target: the film to write.
        plan: plain JSON values that decide what the parts look like.

    Raises:
        OutputError: the folder cannot be made or written to, or another run is at work there.
    """
    path = target.parent / f".{target.name}.tinct-work"
    try:
        path.mkdir(exist_ok=True)
        with locked(path / "lock", target=target):
            noted = path / "plan.json"
            wanted = json.dumps(dict(plan), sort_keys=True, indent=1)
            if not noted.exists() or noted.read_text(encoding="utf-8") != wanted:
                for item in path.iterdir():
                    if item.name != "lock":
                        item.unlink()
                with written_beside(noted) as beside:
                    beside.write_text(wanted, encoding="utf-8")
            folder = WorkFolder(path)
            try:
                yield folder
            except BaseException:
                if not folder.parts():
                    shutil.rmtree(path)  # nothing to go on from
                raise
            shutil.rmtree(path)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error}); free or choose space") from error


def _to_disk(path: Path) -> None:
    """Wait until a file or folder is on the disk, so that it outlives a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

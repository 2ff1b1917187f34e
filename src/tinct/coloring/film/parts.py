"""Encode a film in parts, and keep the finished ones until the rest is done: a killed run loses one part at most.

Beside the target lies `.NAME.tinct-work` while it is made:

    plan.json         what is being made, and from what; with another plan the work starts anew
    00007.frames      the 8th part's frames, encoded
    00007.npz         the state after it, written last: which frame comes next, and what smoothing remembers (8 MB,
                      which only the last two and one in 16 of the others keep)
    segment-00002     the same for the third segment of a film that several processes colour
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinct.coloring.film.pipeline import Painted, Progress
from tinct.errors import OutputError, TinctError
from tinct.files import hidden_name, locked, not_written, written_beside
from tinct.media.video.film import Film
from tinct.media.video.recipe import Recipe
from tinct.media.video.write import SegmentWriter, new_segment, open_segment
from tinct.parallel import ordered_map
from tinct.stopping import kept_if_stopped, kept_in

PART_SUFFIX = ".frames"
WORK = ".tinct-work"
# Frames that may be waiting for the encoder or being encoded.
_AHEAD = 3
# One part in this many keeps all of its state, so that a run can continue there if a later part turns out damaged.
FULL_STATES = 16


class WorkFolder:
    """Finished parts and the state after each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged = 0

    def segment(self, number: int) -> WorkFolder:
        """Return the folder of a segment of the film, created if it is missing."""
        place = self.path / f"segment-{number:05d}"
        place.mkdir(exist_ok=True)
        return WorkFolder(place)

    @property
    def is_empty(self) -> bool:
        """Whether no part is finished, of the film or of a segment."""
        return not self.parts() and not any(segment.parts() for segment in self._segments())

    def _segments(self) -> list[WorkFolder]:
        return [WorkFolder(place) for place in sorted(self.path.glob("segment-*"))]

    def parts(self) -> list[Path]:
        """Return the finished parts in order."""
        finished: list[Path] = []
        while (part := self._part(len(finished))).exists() and part.with_suffix(".npz").exists():
            finished.append(part)
        return finished

    def check(self) -> None:
        """Delete finished parts that can no longer be read, and those after them; count the former in `damaged`."""
        for folder in (self, *self._segments()):
            parts = folder.parts()
            for number, part in enumerate(parts):
                try:
                    open_segment(part).check()
                    folder._state(part)
                except (TinctError, OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile):
                    self.damaged += 1
                    while number and not folder._state(parts[number - 1]).arrays:  # no run can continue from there
                        number -= 1
                    for later in parts[number:]:  # parts are made in order, so all after it are made again
                        later.with_suffix(".npz").unlink()
                        later.unlink()
                    break

    @property
    def notices(self) -> list[str]:
        """Return a sentence about damaged parts, if there were any."""
        notice = f"finished parts of an earlier run were damaged ({self.damaged}), and were made anew"
        return [notice] if self.damaged else []

    def next_part(self) -> Path:
        """Return the path of the part to write next."""
        return self._part(len(self.parts()))

    def finish(self, part: Path, progress: Progress) -> None:
        """Note that a part is written, with the state after it.

        Raises:
            OutputError: the state cannot be written.
        """
        _to_disk(part)
        self._write_state(part, progress)
        _to_disk(self.path)
        past = len(self.parts()) - 3
        if past >= 0 and past % FULL_STATES:
            self._write_state(self._part(past), replace(self._state(self._part(past)), arrays={}))

    @staticmethod
    def _write_state(part: Path, progress: Progress) -> None:
        with written_beside(part.with_suffix(".npz")) as beside:
            with beside.open("wb") as file:
                np.savez(file, allow_pickle=False, facts=np.array(json.dumps(progress.facts)), **progress.arrays)
            _to_disk(beside)

    def progress(self) -> Progress | None:
        """Return the state after the last finished part; None before the first."""
        parts = self.parts()
        return self._state(parts[-1]) if parts else None

    @staticmethod
    def _state(part: Path) -> Progress:
        with part.with_suffix(".npz").open("rb") as file, np.load(file) as stored:
            arrays = {name: stored[name] for name in stored.files if name != "facts"}
            return Progress(json.loads(str(stored["facts"])), arrays)

    def kept(self) -> str:
        """Return in words how much of the film is kept if the run stops now."""
        states = (self.progress(), *(segment.progress() for segment in self._segments()))
        finished = [state.facts for state in states if state]
        if not finished:
            return "no part of the film was finished yet, and nothing is kept"
        frames = sum(facts["own"][1] - facts["own"][0] if "own" in facts else facts["given_to"] for facts in finished)
        return kept_in(self.path, f"{frames} frames are", rest=" with the others")

    def _part(self, number: int) -> Path:
        return self.path / f"{number:05d}{PART_SUFFIX}"


def _work_path(target: Path) -> Path:
    return target.parent / hidden_name(target.name, WORK)


def clear_finished(target: Path) -> None:
    """Delete the parts of an existing result, left by a run that was killed just after it had written it."""
    path = _work_path(target)
    if not path.is_dir():
        return
    with suppress(OSError, OutputError), locked(path / "lock", target=target):
        parts = [item.stat().st_mtime_ns for item in path.rglob(f"*{PART_SUFFIX}")]
        if max(parts, default=0) <= target.stat().st_mtime_ns:  # newer parts are of a run that is to replace it
            shutil.rmtree(path)


@contextmanager
def work_folder(target: Path, plan: Mapping[str, Any]) -> Iterator[WorkFolder]:
    """Open and lock a target's folder of parts; begin it anew if it is missing or made for another plan.

    Damaged parts are deleted first, to be made anew. If the block fails after parts were finished, the folder stays, so
    that the work can continue; otherwise it is deleted.

    Args:
        target: the film to write.
        plan: plain JSON values that determine what the parts look like.

    Raises:
        OutputError: the folder cannot be created or written to, or another run uses it.
    """
    path = _work_path(target)
    try:
        path.mkdir(exist_ok=True)
        with locked(path / "lock", target=target):
            noted = path / "plan.json"
            wanted = json.dumps(dict(plan), sort_keys=True, indent=1)
            if not noted.exists() or noted.read_text(encoding="utf-8") != wanted:
                for item in path.iterdir():
                    if item.is_dir():
                        shutil.rmtree(item)
                    elif item.name != "lock":
                        item.unlink()
                with written_beside(noted) as beside:
                    beside.write_text(wanted, encoding="utf-8")
            folder = WorkFolder(path)
            folder.check()
            try:
                with kept_if_stopped(folder.kept):
                    yield folder
            except BaseException:
                if folder.is_empty:
                    shutil.rmtree(path)  # there is nothing to continue from
                raise
            shutil.rmtree(path)
    except OSError as error:
        raise not_written(target, error) from error


def encode_parts(
    painted: Iterator[Painted | Progress],
    folder: WorkFolder,
    film: Film,
    recipe: Recipe,
    *,
    compare: bool,
    threads: int,
) -> Generator[int | Progress, None, None]:
    """Encode frames into parts, each up to a state from which a run can continue.

    Args:
        painted: frames, with states between them and after the last.
        folder: where the parts are written.
        film: as it is written.
        recipe: how pictures are encoded: all alike, since parts are joined without encoding them again.
        compare: show the original film beside the result.
        threads: of the encoder.

    Yields:
        After each frame the number of frames done, and after each finished part the state there.
    """
    for item in painted:
        if isinstance(item, Painted):
            part = folder.next_part()
            ends: list[Progress] = []
            frames = _up_to_end(item, painted, ends)
            with new_segment(part, film, recipe, threads=threads) as writer:
                write = partial(_write, writer, film, recipe, compare)
                with closing(ordered_map(write, frames, threads=1, ahead=_AHEAD)) as written:
                    yield from written
            item = replace(ends[0], facts=ends[0].facts | {"threads": threads})
            folder.finish(part, item)
        yield item


def _write(writer: SegmentWriter, film: Film, recipe: Recipe, compare: bool, item: Painted) -> int:
    luma, (u, v) = item.frame.luma, item.planes
    if compare:
        width, half = film.width // 2, recipe.chroma_shape[1] // 2
        luma = np.hstack([luma[:, :width], luma[:, :width]])
        grey = np.full_like(u[:, :half], 1 << (recipe.bits - 1))
        u, v = (np.hstack([grey, plane[:, :half]]) for plane in (u, v))
    writer.write(luma, u, v, pts=item.frame.pts, duration=item.frame.duration)
    return item.frame.number + 1


def _up_to_end(first: Painted, rest: Iterator[Painted | Progress], ends: list[Progress]) -> Iterator[Painted]:
    """Yield frames up to the part's end, whose state is added to `ends`."""
    item: Painted | Progress = first
    while isinstance(item, Painted):
        yield item
        item = next(rest)
    ends.append(item)


def _to_disk(path: Path) -> None:
    """Wait until a file or folder is on the disk, so that it survives a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Collect what goes wrong while a film is read, and put it into sentences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from tinct.media.video.film import Film, clock

_NEAR = 2  # problems of one kind less than this apart (seconds) become one


@dataclass(frozen=True)
class Problem:
    """Something that went wrong, in seconds from the film's beginning.

    Attributes:
        kind: the end of a sentence, with `{}` in the place of the number of frames.
        count: how many frames.
    """

    kind: str
    first: Fraction
    last: Fraction
    count: int = 1

    def __str__(self) -> str:
        times = f"at {clock(self.first)}"
        if clock(self.last) != clock(self.first):
            times = f"from {clock(self.first)} to {clock(self.last)}"
        frames = "1 frame" if self.count == 1 else f"{self.count} frames"
        return f"{times}: {self.kind.format(frames)}"


LOST = "{} could not be decoded (the file is damaged there)"
BROKEN = "{} decoded with errors (the file is damaged there)"
MOVED = "{} had the same time as the one before, or an earlier one, and got a slightly later time"
MISSING = "{} missing (the file lost packets there)"
UNKEYED = "{} could not be decoded (the frames they depend on are missing: the file begins in the middle of a film)"
RESIZED = "{} had another form ({form}): converted to the film's own"
CUT_OFF = "the film ends here, earlier than it says: the file is cut off"


class Problems:
    """What has gone wrong so far while a film is read; neighbours of one kind become one."""

    def __init__(self) -> None:
        self._noted: list[Problem] = []

    def add(self, kind: str, film: Film, pts: int, *, count: int = 1) -> None:
        """Note a problem at a frame."""
        seconds = film.seconds_at(pts)
        if self._noted:
            last = self._noted[-1]
            if last.kind == kind and 0 <= seconds - last.last <= _NEAR:
                self._noted[-1] = replace(last, last=seconds, count=last.count + count)
                return
        self._noted.append(Problem(kind, seconds, seconds, count))

    @property
    def noted(self) -> tuple[Problem, ...]:
        return tuple(self._noted)

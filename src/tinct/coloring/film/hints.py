"""Carry hints through a film: each is given in one frame and follows the motion, both ways, up to the next cuts.

Before the film is coloured, it is gone through once as far as the hints need it. Every point of a hint follows the flow
from frame to frame, until the shot ends, the thing is lost (hidden, out of the picture, or not found again when the
flow is followed back), or the hint has been carried `REACH` frames. In each frame the points then spread as in a
photograph.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinct.color.motion import consistent, flow
from tinct.coloring.film.frames import FrameColorizer
from tinct.coloring.film.shots import Levels, looked_at
from tinct.coloring.hints.hint import FilmHint, Hint
from tinct.coloring.hints.spreading import PlacedHints, place_hints
from tinct.errors import InputError
from tinct.media.video.film import Film
from tinct.media.video.read import Frame, read_frames

# A hint is carried to at most this many frames on either side: half a minute at 25 a second.
REACH = 750
# A point is moved by the flow in a window of this half side, in pixels of the small frame.
_WINDOW = 3

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HintTracks:
    """Where a film's hints are in each of its frames.

    Attributes:
        places: pts of a frame -> the number of each hint there, and its points (k, 2) in 0..1 of the picture's area.
        hints: all of them, placed where they were given; colours and widths are taken from here.
        begins: for each hint, the time in seconds of the frame in which it was given.
    """

    places: dict[int, list[tuple[int, Points]]]
    hints: PlacedHints
    begins: tuple[float, ...]

    def at(self, pts: int) -> PlacedHints | None:
        """Return the hints as they lie in a frame; None if there are none."""
        if not self.places.get(pts):
            return None
        numbers, lines = zip(*self.places[pts], strict=True)
        return PlacedHints(
            lines=lines,
            widths=tuple(self.hints.widths[number] for number in numbers),
            joined=tuple(self.hints.joined[number] for number in numbers),
            colors=self.hints.colors[list(numbers)],
        )


def follow_hints(film: Film, hints: Sequence[FilmHint], colorizer: FrameColorizer) -> HintTracks:
    """Find where hints are in each frame.

    Args:
        film: the film; it is decoded from its beginning to the end of the last hint's shot.
        hints: at least one; their positions are those in the upright picture, as players show it.
        colorizer: of this film; cuts and motion are found in the levels of its `look`.

    Raises:
        InputError: a hint lies outside the picture, or its frame comes after the film's end; the message names it.
    """
    placed = _within(_as_stored(film, [item.hint for item in hints]), colorizer)
    walk = _Walk(hints, placed)
    with closing(looked_at(read_frames(film), lambda frame: colorizer.look(frame.luma).levels)) as frames:
        for frame, levels, cut in frames:
            seconds = float(film.seconds_at(frame.pts))
            walk.take(frame, levels, cut=cut, seconds=seconds)
            if walk.is_done():
                break
    missing = [number for number in range(len(hints)) if walk.begins[number] is None]
    if missing:
        item = hints[missing[0]]
        when = f"frame {item.frame}" if item.frame is not None else f"{item.seconds:g} seconds"
        raise InputError(f"{film.path}: hint {item.hint}: the film ends before {when}; name an earlier one")
    return HintTracks(walk.places, placed, tuple(float(begin or 0) for begin in walk.begins))


class _Walk:
    """One pass through the film with all hints."""

    def __init__(self, hints: Sequence[FilmHint], placed: PlacedHints) -> None:
        self._hints = hints
        self._placed = placed
        self.places: dict[int, list[tuple[int, Points]]] = {}
        self.begins: list[float | None] = [None] * len(hints)
        self._shot: deque[tuple[int, Levels]] = deque(maxlen=REACH + 1)
        # Number of the hint -> its points in the last frame, and how many frames it has been carried.
        self._under_way: dict[int, tuple[Points, int]] = {}

    def take(self, frame: Frame, levels: Levels, *, cut: bool, seconds: float) -> None:
        if cut:
            self._shot.clear()
            self._under_way.clear()
        before = self._shot[-1][1] if self._shot else None
        if before is not None and self._under_way:
            known = {number: points for number, (points, steps) in self._under_way.items() if steps < REACH}
            moved = _step(before, levels, known)
            self._under_way = {number: (points, self._under_way[number][1] + 1) for number, points in moved.items()}
            for number, (points, _) in self._under_way.items():
                self.places.setdefault(frame.pts, []).append((number, points))
        self._shot.append((frame.pts, levels))
        new = {number: self._placed.lines[number] for number in self._beginning(frame, seconds)}
        for number, points in new.items():
            self.begins[number] = seconds
            self._under_way[number] = (points, 0)
            self.places.setdefault(frame.pts, []).append((number, points))
        self._go_back(new)

    def is_done(self) -> bool:
        return not self._under_way and all(begin is not None for begin in self.begins)

    def _beginning(self, frame: Frame, seconds: float) -> Iterator[int]:
        """Yield the hints that are given in this frame, or for a time or number since the one before."""
        for number, item in enumerate(self._hints):
            due = frame.number >= item.frame if item.frame is not None else seconds >= (item.seconds or 0) - 1e-3
            if self.begins[number] is None and due:
                yield number

    def _go_back(self, points: dict[int, Points]) -> None:
        """Carry hints back to the frames of the shot before the last one."""
        here = self._shot[-1][1]
        for pts, levels in list(self._shot)[-2::-1]:
            if not points:
                return
            points = _step(here, levels, points)
            for number, places in points.items():
                self.places.setdefault(pts, []).append((number, places))
            here = levels


def _step(here: Levels, there: Levels, points: dict[int, Points]) -> dict[int, Points]:
    """Move each hint's points from one frame to another; hints that lose more than half of them are left out."""
    motion = flow(here, there)
    sure = consistent(flow(there, here), motion)
    height, width = here.shape
    moved = {}
    for number, places in points.items():
        carried = []
        for x, y in places:
            column, row = min(int(x * width), width - 1), min(int(y * height), height - 1)
            window = np.s_[max(0, row - _WINDOW) : row + _WINDOW + 1, max(0, column - _WINDOW) : column + _WINDOW + 1]
            known = motion[window][sure[window]]
            if len(known) == 0:
                continue
            across, down = np.median(known, axis=0)
            place = (x + float(across) / width, y + float(down) / height)
            if 0 <= place[0] < 1 and 0 <= place[1] < 1:
                carried.append(place)
        if carried and 2 * len(carried) >= len(places):
            moved[number] = np.array(carried, dtype=np.float64)
    return moved


def _as_stored(film: Film, hints: Sequence[Hint]) -> PlacedHints:
    """Place hints on the upright picture, and return them as they lie in frames, which are stored without rotation."""
    width, height = film.upright_size
    placed = place_hints(hints, width=width, height=height)
    lines = placed.lines
    for _ in range(film.turns):
        lines = tuple(np.stack([1 - line[:, 1], line[:, 0]], axis=1) for line in lines)
    widths = placed.widths if film.turns % 2 == 0 else tuple(stroke * width / height for stroke in placed.widths)
    return replace(placed, lines=lines, widths=widths)


def _within(placed: PlacedHints, colorizer: FrameColorizer) -> PlacedHints:
    """Move hints to the picture inside a film's black borders; InputError if one lies in the borders."""
    height, width = colorizer.form.luma_shape
    top, bottom, left, right = colorizer.form.area
    lines = []
    for line in placed.lines:
        inner = (line * (width, height) - (left, top)) / (right - left, bottom - top)
        if not ((inner >= 0).all() and (inner <= 1).all()):
            raise InputError(
                f"a hint lies in the film's black borders; the picture is x {left}..{right - 1}, y {top}..{bottom - 1}"
            )
        lines.append(inner)
    widths = tuple(stroke * width / (right - left) for stroke in placed.widths)
    return replace(placed, lines=tuple(lines), widths=widths)

"""Colour a film's frames in order, steady over time, with places where a killed run can go on.

What needs no other frame (network, painting) is done for several frames at once; what does (grain, cuts, smoothing) in
one thread, in the film's order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any

from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.coloring.film.frames import FrameColorizer, Look
from tinct.coloring.film.hints import HintTracks
from tinct.coloring.film.resume import Progress
from tinct.coloring.film.settings import Smoothing
from tinct.coloring.film.shots import CutFinder, Shot, is_blank
from tinct.coloring.film.smoothing import Smoother
from tinct.errors import TinctError
from tinct.media.video.film import Film
from tinct.media.video.read import Frame, Problems
from tinct.parallel import ordered_map

# A run can go on after so many frames; as many as encoders put between key frames anyway.
PART_FRAMES = 250

FAILED = "the network failed on {}, which got the colours of its neighbours"

Planes = tuple[NDArray[Any], NDArray[Any]]
State = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Painted:
    """A frame and its planes of U and V."""

    frame: Frame
    planes: Planes


@dataclass(frozen=True, eq=False)
class Break:
    """A place between two frames where a run can go on; what is known there."""

    progress: Progress


@dataclass(frozen=True, eq=False)
class _Seen:
    """A frame and what the network says of it.

    Attributes:
        asked: whether the network was; frames between those it is asked about learn from them.
        answer: None where the network failed, or was not asked.
        grain: the grain cleaner's state behind this frame; None where the answer is not wanted.
    """

    frame: Frame
    look: Look
    asked: bool = False
    answer: FloatArray | None = None
    grain: State | None = None


@dataclass(frozen=True, eq=False)
class _Steady:
    """A frame and what it is to be painted with: an answer, or planes."""

    frame: Frame
    look: Look
    paint: FloatArray | Planes


def paint_film(
    film: Film,
    frames: Generator[Frame, None, None],
    colorizer: FrameColorizer,
    smoothing: Smoothing,
    *,
    since: Progress | None,
    recolor: bool,
    threads: int,
    problems: Problems,
    hints: HintTracks | None = None,
) -> Generator[Painted | Break, None, None]:
    """Colour a film's frames.

    Args:
        film: the film.
        frames: from where `since` was; the first one's number is its `number`.
        colorizer: for one frame.
        smoothing: over time.
        since: what an earlier run's last `Break` said; None at the beginning.
        recolor: colour shots anew that have colours already.
        threads: how many frames are in work at once.
        problems: gathers what goes wrong; `frames` may gather there too.
        hints: what is known of some frames' colours.

    Yields:
        The frames in their order; after every `PART_FRAMES` of them, and at the end, a `Break`.
    """
    timeline = _Timeline(film, colorizer, smoothing, recolor=recolor, since=since, problems=problems)

    def look(frame: Frame) -> _Seen:
        return _Seen(frame, colorizer.look(frame.luma))

    def answer(item: _Seen) -> _Seen:
        wanted = item.grain is not None and item.frame.number % smoothing.every == 0
        return _answered(item, colorizer) if wanted else item

    def paint(item: _Steady | Break) -> Painted | Break:
        if isinstance(item, Break):
            return item
        if isinstance(item.paint, tuple):
            return Painted(item.frame, item.paint)
        here = hints.at(item.frame.pts) if hints is not None else None
        return Painted(item.frame, colorizer.planes(item.look, item.paint, hints=here))

    with closing(frames), ThreadPoolExecutor(threads, thread_name_prefix="tinct") as pool:
        looks = ordered_map(look, frames, pool=pool, ahead=threads + 1)
        # So far ahead, every thread finds a frame that the network has to be asked about.
        seen = ordered_map(answer, timeline.clean(looks), pool=pool, ahead=threads * smoothing.every + 1)
        yield from ordered_map(paint, timeline.run(seen), pool=pool, ahead=threads + 1)


def _answered(item: _Seen, colorizer: FrameColorizer) -> _Seen:
    try:
        return replace(item, asked=True, answer=colorizer.answer(item.look.seen))
    except TinctError:
        return replace(item, asked=True)


class _Timeline:
    """The part that sees the frames in their order: finds cuts, smooths, and knows what has to be known later.

    A frame is first looked at by the cut finder, which answers some frames late; then decided, that is, handed to the
    smoother, which may hold it back; then given out. Where a run goes on, frames that were looked at or decided before
    come once more, for their planes, and are not looked at or decided again.
    """

    def __init__(
        self,
        film: Film,
        colorizer: FrameColorizer,
        smoothing: Smoothing,
        *,
        recolor: bool,
        since: Progress | None,
        problems: Problems,
    ) -> None:
        self._film = film
        self._colorizer = colorizer
        self._recolor = recolor
        self._problems = problems
        self._told: list[str] = []
        self._cleaner = colorizer.cleaner()
        self._grain = self._cleaner.state()
        self._cuts = CutFinder()
        self._smoother: Smoother = smoothing.start()
        self._undecided: deque[_Seen] = deque()
        self._decided: deque[_Seen] = deque()
        self.shots: list[Shot] = []
        self._failed: list[int] = []
        self._known = False
        self._looked_to = self._decided_to = self._given_to = self._next_pts = 0
        self._last: FloatArray | None = None
        if since is not None:
            self._restore(since)
        self._part_from = self._given_to

    def clean(self, looks: Iterable[_Seen]) -> Iterator[_Seen]:
        """Take the grain from what the network will see; frames decided before are not shown to it again."""
        for item in looks:
            if item.frame.number < self._decided_to:
                yield item
            else:
                seen = self._cleaner.push(item.look.seen)
                yield replace(item, look=replace(item.look, seen=seen), grain=self._cleaner.state())

    def run(self, seen: Iterable[_Seen]) -> Iterator[_Steady | Break]:
        """Smooth frames; see `paint_film`."""
        for item in seen:
            yield from self._take(item)
            if self._given_to - self._part_from >= PART_FRAMES:
                self._part_from = self._given_to
                yield Break(self._progress(done=False))
        for cut in self._cuts.flush():
            yield from self._decide(self._undecided.popleft(), cut=cut)
        yield from self._give(self._smoother.flush())
        yield Break(self._progress(done=True))

    def _take(self, item: _Seen) -> Iterator[_Steady]:
        answers = []
        if item.frame.number >= self._looked_to:
            self._looked_to += 1
            answers = self._cuts.push(item.look.levels)
        if item.frame.number < self._decided_to:
            self._decided.append(item)
            return
        self._undecided.append(item)
        for cut in answers:
            yield from self._decide(self._undecided.popleft(), cut=cut)

    def _decide(self, item: _Seen, *, cut: bool) -> Iterator[_Steady]:
        frame, levels = item.frame, item.look.levels
        if cut or not self.shots:
            self.shots.append(Shot(frame.number, float(self._film.seconds_at(frame.pts))))
        shot = self.shots[-1]
        blank = is_blank(levels)
        if shot.colored is None and not blank:
            shot.colored = not self._recolor and self._colorizer.is_colored(frame)
        own = blank or bool(shot.colored)
        self._known = self._known and not cut
        if not (own or item.asked or self._known):  # nothing in this shot could tell its colours
            item = _answered(item, self._colorizer)
        self._known = self._known or item.answer is not None
        if item.asked and item.answer is None and not own:
            self._failed.append(frame.number)
            self._problems.add(FAILED, self._film, frame.pts)
        self._decided_to += 1
        self._grain = item.grain or {}
        # What is not needed any more is not held: a dozen frames wait here.
        kept = frame if shot.colored else replace(frame, chroma=None)
        self._decided.append(_Seen(kept, item.look))
        answer = None if own else item.answer
        yield from self._give(self._smoother.push(answer, levels, cut=cut, unknown=not own and answer is None))

    def _give(self, ready: Iterable[FloatArray | None]) -> Iterator[_Steady]:
        for answer in ready:
            item = self._decided.popleft()
            self._given_to += 1
            self._next_pts = item.frame.pts + 1
            yield _Steady(item.frame, item.look, self._paint(item, answer))

    def _paint(self, item: _Seen, answer: FloatArray | None) -> FloatArray | Planes:
        """Return what a frame is painted with: its answer, its own colours, or none."""
        if answer is not None:
            self._last = answer
            return answer
        number = item.frame.number
        if number in self._failed and self._last is not None:  # and so did all frames near it
            return self._last
        shot = next(shot for shot in reversed(self.shots) if shot.frame <= number)
        if shot.colored and item.frame.chroma is not None:
            return self._colorizer.own_planes(item.frame.chroma)
        return self._colorizer.form.neutral(), self._colorizer.form.neutral()

    def _progress(self, *, done: bool) -> Progress:
        # What went wrong with frames that were read ahead will be noted again when they are.
        given = self._film.seconds_at(self._next_pts)
        told = [str(problem) for problem in self._problems.noted if done or problem.first < given]
        facts = {
            "done": done,
            "looked_to": self._looked_to,
            "decided_to": self._decided_to,
            "given_to": self._given_to,
            "next_pts": self._next_pts,
            "shots": [asdict(shot) for shot in self.shots],
            "known": self._known,
            "failed": self._failed,
            "problems": [*self._told, *told],
        }
        parts = {"cuts": self._cuts.state(), "grain": self._grain, "smoother": self._smoother.state()}
        arrays = {f"{part}.{name}": values for part, state in parts.items() for name, values in state.items()}
        if self._last is not None:
            arrays["last"] = self._last
        return Progress(facts, arrays)

    def _restore(self, since: Progress) -> None:
        facts = since.facts
        self._looked_to, self._decided_to = facts["looked_to"], facts["decided_to"]
        self._given_to, self._next_pts = facts["given_to"], facts["next_pts"]
        self.shots = [Shot(**values) for values in facts["shots"]]
        self._known = facts["known"]
        self._failed, self._told = list(facts["failed"]), list(facts["problems"])
        for name, part in (("cuts", self._cuts), ("grain", self._cleaner), ("smoother", self._smoother)):
            part.restore(_below(since.arrays, name))
        self._grain = self._cleaner.state()
        self._last = since.arrays.get("last")


def _below(arrays: State, part: str) -> State:
    """Return the arrays whose names begin with a part's, without it."""
    return {name.removeprefix(f"{part}."): values for name, values in arrays.items() if name.startswith(f"{part}.")}

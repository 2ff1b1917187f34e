"""Colour a film's frames in order, steadily over time, with states from which a killed run can continue.

Steps that need no other frame (network, painting) run for several frames at once; those that do (grain, cuts,
smoothing) run in one thread, in the film's order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.coloring.film.directed import Directed
from tinct.coloring.film.frames import FrameColorizer, Look
from tinct.coloring.film.hints import HintTracks
from tinct.coloring.film.memory import SceneMemory
from tinct.coloring.film.shots import CutFinder, Shot, is_blank
from tinct.coloring.film.smoothing import Smoother, Smoothing
from tinct.errors import TinctError
from tinct.media.video.film import Film
from tinct.media.video.problems import Problems
from tinct.media.video.read import Frame
from tinct.parallel import ordered_map

# A run can continue after each part of this many frames; encoders put as many between key frames anyway.
PART_FRAMES = 250

# A frame in a fade is brightened as if it had at least this share of its light: below that, it is mostly noise.
_LEAST_LIGHT = 0.05

FAILED = "the network failed on {}, which got the colours of its neighbours"

Planes = tuple[NDArray[Any], NDArray[Any]]
State = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Painted:
    """A frame and its planes of U and V."""

    frame: Frame
    planes: Planes


@dataclass(frozen=True)
class Progress:
    """The state between two frames, from which a run can continue.

    Attributes:
        facts: plain JSON values, such as the next frame's number.
        arrays: what smoothing, grain and cuts remember.
    """

    facts: dict[str, Any]
    arrays: State


@dataclass(frozen=True, eq=False)
class _Seen:
    """A frame and the network's answer.

    Attributes:
        asked: whether the network was run on it; frames between such ones get the answers of their neighbours.
        answer: None if the network failed, or was not run.
        grain: the grain cleaner's state after this frame; None if no answer is needed.
    """

    frame: Frame
    look: Look
    asked: bool = False
    answer: FloatArray | None = None
    grain: State | None = None


@dataclass(frozen=True, eq=False)
class _Steady:
    """A frame and what it is to be painted with: an answer, or planes as they are."""

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
    memory: SceneMemory | None = None,
    directed: Directed | None = None,
) -> Generator[Painted | Progress, None, None]:
    """Colour a film's frames, several at once.

    Args:
        frames: of the film, from the state `since` on.
        colorizer: for one frame.
        smoothing: over time.
        since: the last state of an earlier run; None at the beginning.
        recolor: colour even shots that have colours already.
        threads: frames processed at once.
        problems: collects what goes wrong; `frames` may add to it as well.
        hints: where hints are in each frame.
        memory: of the film's key frames.
        directed: shots with settings of their own.

    Yields:
        The frames in order; after every `PART_FRAMES` of them, and at the end, the state there.
    """
    directed = directed or Directed((), colorizer)
    asked = _Network(colorizer, memory, directed)
    timeline = _Timeline(film, asked, smoothing, recolor=recolor, since=since, problems=problems)

    def look(frame: Frame) -> _Seen:
        return _Seen(frame, colorizer.look(frame.luma))

    def answer(item: _Seen) -> _Seen:
        frame = item.frame
        wanted = item.grain is not None and not frame.damaged and frame.number % smoothing.every == 0
        return asked.about(item) if wanted else item

    def paint(item: _Steady | Progress) -> Painted | Progress:
        if isinstance(item, Progress):
            return item
        if isinstance(item.paint, tuple):
            return Painted(item.frame, colorizer.with_kept(item.paint, item.frame))
        here = hints.at(item.frame.pts) if hints is not None else None
        strength = asked.dimming(item.frame, item.look)
        painter = directed.colorizer(item.frame.pts)
        planes = painter.planes(item.look, item.paint, hints=here, strength=strength)
        return Painted(item.frame, colorizer.with_kept(planes, item.frame))

    with closing(frames), ThreadPoolExecutor(threads, thread_name_prefix="tinct") as pool:
        looks = ordered_map(look, frames, pool=pool, ahead=threads + 1)
        # So many frames ahead, every thread finds one that the network has to see.
        seen = ordered_map(answer, timeline.clean(looks), pool=pool, ahead=threads * smoothing.every + 1)
        yield from ordered_map(paint, timeline.run(seen), pool=pool, ahead=threads + 1)


@dataclass(frozen=True)
class _Network:
    """The network for single frames, the memory of the film's key frames, and the settings of single shots."""

    colorizer: FrameColorizer
    memory: SceneMemory | None
    directed: Directed

    def about(self, item: _Seen) -> _Seen:
        """Return a frame with its answer, or without one if the network failed."""
        try:
            if self.memory is None:
                return replace(item, asked=True, answer=self.colorizer.answer(item.look.seen))
            references = self.memory.references(item.frame.pts)
            # A frame in a fade is brightened first: if it is dark, the network sees night and fire in it.
            dim = self.dimming(item.frame, item.look)
            seen = np.minimum(item.look.seen / np.float32(dim), np.float32(1))
            answer = self.colorizer.answer(seen, references)
            levels = np.minimum(item.look.levels / np.float32(dim), np.float32(255)).astype(np.uint8)
            return replace(item, asked=True, answer=self.memory.recall(item.frame.pts, levels, answer))
        except TinctError:
            return replace(item, asked=True)

    def is_colored(self, frame: Frame) -> bool:
        """Check whether a frame's shot has colours of its own: by its key frames, else by this frame."""
        known = None if self.memory is None else self.memory.is_colored(frame.pts)
        return self.colorizer.is_colored(frame) if known is None else known

    def dimming(self, frame: Frame, look: Look) -> float:
        """Return the share of its usual light that a frame has, 1 except in fades; its colours fade with it."""
        return 1.0 if self.memory is None else max(self.memory.dimming(frame.pts, look.levels), _LEAST_LIGHT)


@dataclass
class _Facts:
    """The plain values of a timeline's state; work folders keep them by these names."""

    looked_to: int = 0
    decided_to: int = 0
    given_to: int = 0
    next_pts: int = 0
    shots: list[Shot] = field(default_factory=list)
    known: bool = False
    failed: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, progress: Progress) -> _Facts:
        facts = {name: progress.facts[name] for name in cls.__dataclass_fields__}
        return cls(**facts | {"shots": [Shot(**values) for values in facts["shots"]]})


def first_progress(
    colorizer: FrameColorizer, smoothing: Smoothing, *, number: int, pts: int, shots: list[Shot]
) -> Progress:
    """Return the state before the first frame that is read, if that is not the film's first.

    Args:
        colorizer: for one frame.
        smoothing: over time.
        number: of that frame, at least about.
        pts: from which frames are read.
        shots: the shot that the frame is in, if it is known; if empty, the frame begins one.
    """
    facts = _Facts(looked_to=number, decided_to=number, given_to=number, next_pts=pts, shots=shots)
    states = {"cuts": CutFinder().state(), "grain": colorizer.cleaner().state(), "smoother": smoothing.start().state()}
    return Progress(asdict(facts) | {"done": False}, _joined(states))


def _joined(parts: dict[str, State]) -> State:
    return {f"{part}.{name}": values for part, state in parts.items() for name, values in state.items()}


class _Timeline:
    """Takes the frames in order: finds cuts, smooths, and keeps the state that a later run needs to continue.

    A frame is first looked at by the cut finder, which answers some frames late; then decided, that is, handed to the
    smoother, which may hold it back; then given out. When a run continues, frames that were looked at or decided before
    come once more, only for their planes.
    """

    def __init__(
        self,
        film: Film,
        network: _Network,
        smoothing: Smoothing,
        *,
        recolor: bool,
        since: Progress | None,
        problems: Problems,
    ) -> None:
        self._film = film
        self._network = network
        self._colorizer = network.colorizer
        self._recolor = recolor
        self._problems = problems
        self._cleaner = network.colorizer.cleaner()
        self._grain = self._cleaner.state()
        self._cuts = CutFinder()
        # The pass that collects key frames has found the cuts as well.
        self._starts = None if network.memory is None else frozenset(network.memory.starts)
        self._smoother: Smoother = smoothing.start()
        self._undecided: deque[_Seen] = deque()
        self._decided: deque[_Seen] = deque()
        self._last: FloatArray | None = None
        self._facts = _Facts()
        if since is not None:
            self._restore(since)
        self._part_from = self._facts.given_to

    def clean(self, looks: Iterable[_Seen]) -> Iterator[_Seen]:
        """Remove grain from what the network will see; frames decided before are not shown to it again."""
        for item in looks:
            if item.frame.number < self._facts.decided_to:
                yield item
            else:
                seen = self._cleaner.push(item.look.seen)
                yield replace(item, look=replace(item.look, seen=seen), grain=self._cleaner.state())

    def run(self, seen: Iterable[_Seen]) -> Iterator[_Steady | Progress]:
        """Smooth frames; see `paint_film`."""
        for item in seen:
            yield from self._take(item)
            if self._facts.given_to - self._part_from >= PART_FRAMES:
                self._part_from = self._facts.given_to
                yield self._progress(done=False)
        for cut in self._cuts.flush():
            yield from self._decide(self._undecided.popleft(), cut=cut)
        yield from self._give(self._smoother.flush())
        yield self._progress(done=True)

    def _take(self, item: _Seen) -> Iterator[_Steady]:
        answers = []
        if item.frame.number >= self._facts.looked_to:
            self._facts.looked_to += 1
            known = self._starts
            answers = self._cuts.push(item.look.levels) if known is None else [item.frame.pts in known]
        if item.frame.number < self._facts.decided_to:
            self._decided.append(item)
            return
        self._undecided.append(item)
        for cut in answers:
            yield from self._decide(self._undecided.popleft(), cut=cut)

    def _decide(self, item: _Seen, *, cut: bool) -> Iterator[_Steady]:
        frame, levels = item.frame, item.look.levels
        if cut or not self._facts.shots:
            self._facts.shots.append(Shot(frame.number, float(self._film.seconds_at(frame.pts))))
        shot = self._facts.shots[-1]
        blank = is_blank(levels)
        keeps = self._network.directed.keeps(frame.pts)
        if shot.colored is None and not (blank or frame.damaged):
            shot.colored = not (self._recolor or keeps is False) and self._network.is_colored(frame)
        own = blank or bool(shot.colored if keeps is None else keeps)
        self._facts.known = self._facts.known and not cut
        if not (own or item.asked or self._facts.known):  # no frame of this shot has an answer yet
            item = self._network.about(item)
        self._facts.known = self._facts.known or item.answer is not None
        if item.asked and item.answer is None and not own:
            self._facts.failed.append(frame.number)
            self._problems.add(FAILED, self._film, frame.pts)
        self._facts.decided_to += 1
        self._grain = item.grain or {}
        # Chroma that is no longer needed is not kept: a dozen frames wait here.
        stored = frame if own or self._colorizer.keeps_some else replace(frame, chroma=None)
        self._decided.append(_Seen(stored, item.look))
        answer = None if own else item.answer
        yield from self._give(self._smoother.push(answer, levels, cut=cut, unknown=not own and answer is None))

    def _give(self, ready: Iterable[FloatArray | None]) -> Iterator[_Steady]:
        for answer in ready:
            item = self._decided.popleft()
            self._facts.given_to += 1
            self._facts.next_pts = item.frame.pts + 1
            yield _Steady(item.frame, item.look, self._paint(item, answer))

    def _paint(self, item: _Seen, answer: FloatArray | None) -> FloatArray | Planes:
        """Return what a frame is painted with: its answer, its own colours, or none."""
        if answer is not None:
            self._last = answer
            return answer
        number = item.frame.number
        if number in self._facts.failed and self._last is not None:  # the network failed on all frames near it, too
            return self._last
        shot = next(shot for shot in reversed(self._facts.shots) if shot.frame <= number)
        own = bool(shot.colored or self._network.directed.keeps(item.frame.pts))
        if own and item.frame.chroma is not None:
            return self._colorizer.own_planes(item.frame.chroma)
        return self._colorizer.form.neutral(), self._colorizer.form.neutral()

    def _progress(self, *, done: bool) -> Progress:
        # Problems of frames that were read ahead will be noted when these are read again.
        given = self._film.seconds_at(self._facts.next_pts)
        problems = [str(problem) for problem in self._problems.noted if done or problem.first < given]
        facts = asdict(self._facts) | {"done": done, "problems": [*self._facts.problems, *problems]}
        parts = {"cuts": self._cuts.state(), "grain": self._grain, "smoother": self._smoother.state()}
        arrays = _joined(parts)
        if self._last is not None:
            arrays["last"] = self._last
        return Progress(facts, arrays)

    def _restore(self, since: Progress) -> None:
        self._facts = _Facts.of(since)
        for name, part in (("cuts", self._cuts), ("grain", self._cleaner), ("smoother", self._smoother)):
            part.restore(_below(since.arrays, name))
        self._grain = self._cleaner.state()
        self._last = since.arrays.get("last")


def _below(arrays: State, part: str) -> State:
    """Return the arrays of one part, by their names without the part's."""
    return {name.removeprefix(f"{part}."): values for name, values in arrays.items() if name.startswith(f"{part}.")}

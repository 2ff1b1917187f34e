"""Divide a long film into segments that are coloured separately, and join them without a seam.

Each segment is coloured together with some frames before and after it, which are then discarded: at its first frame,
smoothing, grain and cuts then remember what they would in one pass, except what is older than those frames. A segment
begins with a shot if one begins nearby, since a shot remembers nothing of the one before.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tinct.coloring.film.directed import PlacedShot
from tinct.coloring.film.frames import FrameColorizer
from tinct.coloring.film.keys import KeyedShot
from tinct.coloring.film.pipeline import Painted, Progress, first_progress
from tinct.coloring.film.shots import Shot
from tinct.coloring.film.smoothing import BLOCK, Smoothing
from tinct.coloring.settings import VideoSettings
from tinct.media.video.film import Film

SEGMENT_FRAMES = 1000  # 40 seconds; the frames around them cost 7 per cent more
# Frames read before a segment: along the motion a history's weight after i frames is e^(-i / 9.5), so here 1 in 500.
BEFORE = 60
# Frames read after a segment: more than smoothing and the cut finder together hold back.
AFTER = 12


@dataclass(frozen=True)
class Segment:
    """Some of a film's frames, by their pts; None stands for the beginning or the end of what is coloured.

    Attributes:
        number: of the segment, from 0.
        start, end: its first frame, and the first after it.
        read_from, read_to: the first frame that is read, and the first that is not.
        first: about the number of the frame at `read_from`; numbers are corrected when segments are joined.
    """

    number: int
    start: int | None
    end: int | None
    read_from: int | None
    read_to: int | None
    first: int = 0

    def holds(self, pts: int) -> bool:
        """Check whether a frame is the segment's own."""
        return (self.start is None or pts >= self.start) and (self.end is None or pts < self.end)


@dataclass(frozen=True)
class Task:
    """A segment for a process: all that it needs to colour it, except pixels.

    `colored` says whether the shot in which it begins has colours of its own, if an earlier segment found out.
    """

    segment: Segment
    source: Path
    place: Path
    settings: VideoSettings
    shots: list[KeyedShot] | None
    folder: Path
    colored: bool | None = None
    placed: Sequence[PlacedShot] = ()


def divide(
    film: Film, span: tuple[int | None, int | None], *, cuts: Sequence[int], smoothing: Smoothing
) -> list[Segment]:
    """Divide a film, or a part of it, into segments of about `SEGMENT_FRAMES`; into one if its length is unknown.

    Args:
        span: the first pts to colour, and the first not to; None for the film's own.
        cuts: pts at which shots begin, in order.
        smoothing: over time; a kernel may reach back further than `BEFORE`.
    """
    begin = film.start_pts if span[0] is None else span[0]
    end = span[1] if span[1] is not None else None if film.duration is None else film.pts_at(film.duration)
    ticks = film.frame_ticks
    if end is None or not film.divisible:
        return [Segment(0, *span, *span)]
    length = SEGMENT_FRAMES * ticks
    borders: list[int] = []
    for index in range(1, max(1, round((end - begin) / length))):
        wanted = begin + index * length
        near = min(cuts, key=lambda cut: abs(cut - wanted), default=wanted)
        borders.append(near if abs(near - wanted) <= length // 3 else wanted)
    before = max(BEFORE, smoothing.span + 1 if smoothing.way == "kernel" else 0) * ticks
    segments = []
    for number, (start, stop) in enumerate(zip([None, *borders], [*borders, None], strict=True)):
        read_from = None if start is None else _in_step(start - before, cuts or [begin], ticks)
        if read_from is not None and read_from <= begin:
            read_from = None
        read_to = None if stop is None or stop + AFTER * ticks >= end else stop + AFTER * ticks
        first = 0 if read_from is None else round((read_from - begin) / ticks)
        segments.append(
            Segment(
                number,
                span[0] if start is None else start,
                span[1] if stop is None else stop,
                span[0] if read_from is None else read_from,
                span[1] if read_to is None else read_to,
                first,
            )
        )
    return segments


def _in_step(pts: int, cuts: Sequence[int], ticks: int) -> int:
    """Return the last pts up to this one that lies a whole number of smoothing blocks after its shot's beginning."""
    shot = max((cut for cut in cuts if cut <= pts), default=None)
    return pts if shot is None else pts - round((pts - shot) / ticks) % BLOCK * ticks


def before_segment(task: Task, film: Film, colorizer: FrameColorizer, smoothing: Smoothing) -> Progress | None:
    """Return the state in which a segment begins; None at the film's beginning."""
    segment, pts = task.segment, task.segment.read_from or 0
    if segment.first == 0:
        return None
    shots = [] if task.colored is None else [Shot(segment.first, float(film.seconds_at(pts)), task.colored)]
    return first_progress(colorizer, smoothing, number=segment.first, pts=pts, shots=shots)


def own_frames(
    painted: Generator[Painted | Progress, None, None], segment: Segment, since: Progress | None
) -> Generator[Painted | Progress, None, None]:
    """Yield a segment's own frames, and states with their numbers as `own`: the first, and the one after the last."""
    first, after = (since.facts.get("own") if since is not None else None) or (None, None)
    with closing(painted):
        for item in painted:
            if isinstance(item, Progress):
                yield replace(item, facts=item.facts | {"own": [first, after]})
            elif segment.holds(item.frame.pts):
                first, after = item.frame.number if first is None else first, item.frame.number + 1
                yield item


def disagree(earlier: dict[str, Any], later: dict[str, Any]) -> bool | None:
    """Return what the earlier of two neighbouring segments found about their common shot, if the later one disagrees.

    Args:
        earlier: facts of a finished segment.
        later: facts of the next one.

    Returns:
        Whether that shot has colours of its own; None if both agree, or if there is a cut between them.
    """
    if None in (earlier["own"][1], later["own"][0]):
        return None  # one of them has no frame
    begun = later["shots"][0]
    if len(later["shots"]) > 1 and later["shots"][1]["frame"] <= later["own"][0]:
        return None
    shots = [shot for shot in earlier["shots"] if shot["frame"] < earlier["own"][1]]
    known = shots[-1]["colored"] if shots else None
    differs = None not in (known, begun["colored"]) and known != begun["colored"]
    return bool(known) if differs else None


def joined(facts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return the facts of the whole film from those of its segments, in order."""
    total = 0
    shots: list[Shot] = []
    problems: dict[str, None] = {}
    for segment in facts:
        problems |= dict.fromkeys(segment["problems"])
        first, after = segment["own"]
        if first is None:
            continue
        for values in segment["shots"]:
            shot = Shot(**values)
            if first <= shot.frame < after or not shots:
                shots.append(replace(shot, frame=shot.frame - first + total))
            elif shot.frame < first and shots[-1].colored is None:
                shots[-1].colored = shot.colored  # all its frames before were blank
        total += after - first
    return {"given_to": total, "shots": [asdict(shot) for shot in shots], "problems": list(problems), "done": True}

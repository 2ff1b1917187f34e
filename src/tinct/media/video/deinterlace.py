"""Make progressive frames of interlaced ones, by FFmpeg's `bwdif`, and of 3:2 pulldown, by `fieldmatch` and `decimate`.

An interlaced frame holds two moments, one in its even and one in its odd lines. Chroma made for such a frame would
smear the colours of one over the other, and a network sees combs where edges are.

Film of 24 frames a second is spread over 60 fields a second by showing its frames for three fields and two in turns
(3:2 pulldown): of every five frames of video, two hold fields of two different film frames. The fields are put together
as they were, and of every five frames the one that appears twice is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.media.video.decode import Decoded
from tinct.media.video.fields import FrameFinder
from tinct.media.video.film import Fields, Film
from tinct.media.video.planes import Planes, PlanesFilter, fitted_planes, planes_of

_Shown = Generator[tuple[Decoded, Planes], None, None]

_VIDEO = 5  # video frames in a cycle of 3:2 pulldown
_FILM = 4  # film frames in it


def progressive(film: Film, decoded: Generator[Decoded, None, None]) -> _Shown:
    """Yield each frame as it is to be shown, and its planes: Y alone, or Y, U and V.

    Raises:
        InputError: the film changes its form in the middle, and its frames cannot be converted back.
    """
    with closing(decoded):
        stored = ((item, fitted_planes(film, item.frame, item.pts)) for item in decoded)
        if not film.interlaced:
            yield from stored
        elif film.fields.way == "film":
            yield from _untelecined(film, stored)
        else:
            yield from _deinterlaced(film, stored)


def _deinterlaced(film: Film, stored: Iterator[tuple[Decoded, Planes]]) -> _Shown:
    """Yield one frame for each, or one for each field; frames marked or found as progressive stay as they are."""
    double = film.fields.way == "double"
    deinterlacer = Deinterlacer(film.fields, depth=film.depth)
    finder = FrameFinder() if film.fields.mixed else None
    waiting: deque[tuple[Decoded, Planes]] = deque()
    made: deque[Planes] = deque()
    whole: deque[bool] = deque()

    def chosen(planes: Planes | None) -> Iterator[tuple[Decoded, Planes]]:
        made.extend(deinterlacer.feed(planes))
        whole.extend([] if finder is None else finder.feed(None if planes is None else planes[0]))
        per_frame = 2 if double else 1
        while len(made) >= per_frame and (finder is None or whole):
            item, own = waiting.popleft()
            kept = whole.popleft() if finder is not None else film.fields.flagged and not item.frame.interlaced_frame
            for moment in _halves(film, item, waiting) if double else (item,):
                planes = made.popleft()
                yield moment, own if kept else planes

    for item, planes in stored:
        waiting.append((item, planes))
        yield from chosen(planes)
    yield from chosen(None)


def _halves(film: Film, item: Decoded, following: deque[tuple[Decoded, Planes]]) -> tuple[Decoded, Decoded]:
    """Return a frame's two moments, half a usual frame apart, or less if the next frame comes sooner."""
    half = film.frame_ticks
    if following:
        half = max(1, min(half, (following[0][0].pts - item.pts) // 2))
    rest = None if item.duration is None or item.duration <= half else item.duration - half
    return replace(item, duration=half), replace(item, pts=item.pts + half, duration=rest)


def _untelecined(film: Film, stored: Iterator[tuple[Decoded, Planes]]) -> _Shown:
    """Yield four evenly spaced frames for every five; frames left over at the end come as they are."""
    fields = Untelecine((film.width, film.height), film.fields, depth=film.depth)
    waiting: deque[Decoded] = deque()
    place = 0

    def shown(ready: list[Planes]) -> Iterator[tuple[Decoded, Planes]]:
        nonlocal place
        for planes in ready:
            if len(waiting) < _VIDEO:
                yield waiting.popleft(), planes
                continue
            cycle = [waiting[number] for number in range(_VIDEO)]
            item = next((decoded for decoded in cycle if decoded.frame.is_corrupt), cycle[0])
            yield replace(item, pts=cycle[0].pts + round(place / film.rate / film.time_base), duration=None), planes
            place += 1
            if place == _FILM:
                place = 0
                for _ in cycle:
                    waiting.popleft()

    for item, planes in stored:
        waiting.append(item)
        yield from shown(fields.feed(planes))
    yield from shown(fields.feed(None))


class Deinterlacer:
    """Makes progressive frames of interlaced ones: the earlier moment of each, or both (`double`), in their order.

    A frame's results come out when the next frame has gone in, since the filter looks at both. Codes have `depth` bits.
    """

    def __init__(self, fields: Fields, *, depth: int) -> None:
        mode = "send_field" if fields.way == "double" else "send_frame"
        self._arguments = f"mode={mode}:parity={'tff' if fields.top_first else 'bff'}:deint=all"
        self._most = (1 << depth) - 1
        self._filters: list[PlanesFilter] = []

    def feed(self, planes: Planes | None) -> list[Planes]:
        """Put in a frame's planes, or None after the last; return those that are ready."""
        if planes is not None and not self._filters:
            self._filters = [PlanesFilter.of_plane("bwdif", self._arguments, plane) for plane in planes]
        ready = [
            [self._codes(frame.to_ndarray()) for frame in graph.feed(None if planes is None else (planes[number],))]
            for number, graph in enumerate(self._filters)
        ]
        return list(zip(*ready, strict=True))

    def _codes(self, codes: NDArray[Any]) -> NDArray[Any]:
        # Planes of 10 bits are filtered as planes of 16, where results may overshoot.
        return np.asarray(np.minimum(codes, self._most), codes.dtype)


class Untelecine:
    """Makes four film frames of five video frames; combs that remain, as in titles made on video, are deinterlaced.

    FFmpeg's filters decide by luma of 8 bits which fields belong together and which frame of five appears twice; the
    same is then done to planes of any depth, in bits, and size: width and height.
    """

    def __init__(self, size: tuple[int, int], fields: Fields, *, depth: int) -> None:
        self._fields = fields
        self._depth = depth
        parity = "tff" if fields.top_first else "bff"
        self._matcher = PlanesFilter("fieldmatch", f"order={parity}:combmatch=full:mchroma=0", "yuv420p", size)
        self._decimator = PlanesFilter("decimate", "chroma=0", "gray", size)
        self._blank = (np.full((-(-size[1] // 2), -(-size[0] // 2)), 128, np.uint8),) * 2
        self._stored: deque[tuple[NDArray[Any], Planes]] = deque()
        self._begun = False
        self._woven: deque[tuple[NDArray[Any], Planes]] = deque()
        self._kept: deque[NDArray[Any]] = deque()

    def feed(self, planes: Planes | None) -> list[Planes]:
        """Put in a frame's planes, or None after the last; return those that are ready."""
        given = None
        if planes is not None:
            luma = planes[0]
            levels = luma if luma.dtype == np.uint8 else (luma >> (self._depth - 8)).astype(np.uint8)
            self._stored.append((levels, planes))
            given = (levels, *self._blank)
        made = []
        for frame in self._matcher.feed(given):
            self._woven.append(self._weave(planes_of(frame)[0], combed=frame.interlaced_frame))
            made += self._thinned((self._woven[-1][0],))
        return made if planes is not None else [*made, *self._thinned(None)]

    def _weave(self, matched: NDArray[Any], *, combed: bool) -> tuple[NDArray[Any], Planes]:
        """Put together the fields that were matched for the next frame; return its luma of 8 bits, and its planes."""
        if self._begun and len(self._stored) > 1:
            before, now, after = self._stored[0], self._stored[1], self._stored[min(2, len(self._stored) - 1)]
            self._stored.popleft()
        else:
            before, now, after = self._stored[0], self._stored[0], self._stored[min(1, len(self._stored) - 1)]
        self._begun = True
        if combed:
            deinterlacer = Deinterlacer(replace(self._fields, way="single"), depth=self._depth)
            ready = [planes for _, given in (before, now, after) for planes in deinterlacer.feed(given)]
            return matched, ready[1]
        for even, odd in ((now, now), (now, before), (before, now), (now, after), (after, now)):
            if np.array_equal(matched[::2], even[0][::2]) and np.array_equal(matched[1::2], odd[0][1::2]):
                return matched, tuple(_joined(*pair) for pair in zip(even[1], odd[1], strict=True))
        return now

    def _thinned(self, luma: Planes | None) -> list[Planes]:
        """Leave out the one of every five frames that FFmpeg leaves out; frames left over at the end stay."""
        self._kept.extend(planes_of(frame)[0] for frame in self._decimator.feed(luma))
        made = []
        while len(self._kept) >= _FILM and len(self._woven) >= _VIDEO:
            kept = [self._kept.popleft() for _ in range(_FILM)]
            cycle = [self._woven.popleft() for _ in range(_VIDEO)]
            same = [np.array_equal(luma, given) for luma, (given, _) in zip(kept, cycle, strict=False)]
            double = same.index(False) if False in same else _FILM
            made += [planes for number, (_, planes) in enumerate(cycle) if number != double]
        if luma is None:
            made += [planes for _, planes in self._woven]
        return made


def _joined(even: NDArray[Any], odd: NDArray[Any]) -> NDArray[Any]:
    joined = even.copy()
    joined[1::2] = odd[1::2]
    return joined

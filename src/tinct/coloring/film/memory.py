"""Remember what a film shows, so that each thing has one colour throughout a shot, and in all shots of a scene.

The network judges each frame anew, and its answers drift: a wall turns from red to blue while nothing moves. So a film
is gone through once before it is coloured, and key frames of each shot are kept. Shots that show the same place from
the same side share theirs, as when a film goes back and forth between two people. The network's answers for key frames
are averaged wherever these show the same (`tinct.coloring.film.agreed`). Then each frame's answer is drawn towards
those of the nearest key frames, and of others where only they show a place. Where no key frame agrees, as for what is
seen for a moment only, the frame keeps its own answer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from threading import Lock

import numpy as np

from tinct.color import resize
from tinct.color.spaces import FloatArray
from tinct.coloring.film.agreed import Agreed, KeyAnswer
from tinct.coloring.film.keys import Key, KeyedShot, dimming, find_scenes
from tinct.coloring.film.references import Carrier, Still, surer
from tinct.coloring.film.shots import Levels, is_blank, looked_at
from tinct.coloring.film.things import Features
from tinct.errors import SettingError
from tinct.media.video.read import Frame

# The weight of the key frames' answers where the frame looks as they do; a frame's own answer has the weight 1.
PULL = 20.0
# The key frames' answers are kept for this many shots: the current one, and those whose frames are still in process.
_HELD = 3
# The weight of taking nothing from references, compared with how far the key frames agree.
_DOUBT = np.float32(0.05)

# Returns the network's inner features of luma; none if it has none.
Sight = Callable[[Levels], Features]
# Runs the network on luma, with the references of these numbers, or with all for None; returns None if it fails.
Answer = Callable[[Levels, tuple[int, ...] | None], FloatArray | None]


class SceneMemory:
    """What the key frames of a film's shots agree on. Several threads may use one at once.

    Attributes:
        starts: the pts of each shot's first frame.
    """

    def __init__(self, shots: Sequence[KeyedShot], answer: Answer, sight: Sight) -> None:
        """Take a film's shots, and what runs the network on a key frame's luma, for an answer and for its features."""
        self._shots = shots
        self.starts = [shot.pts for shot in shots]
        self._answer, self._sight = answer, sight
        self._agreed = lru_cache(_HELD)(self._agreed_in)
        self._lock = Lock()
        self._carries = any(key.carried is not None for shot in shots for key in shot.keys)
        for shot in shots:  # key frames in a fade are left out, since they teach nothing
            shot.keys = [key for key in shot.keys if dimming(key.light, shot) == 1] or shot.keys

    def around(self, begin: int | None, end: int | None) -> list[KeyedShot]:
        """Return all shots, but only with the key frames that frames from one pts up to another may need."""
        ends = [*self.starts[1:], None]
        asked = {
            index
            for index, (start, stop) in enumerate(zip(self.starts, ends, strict=True))
            if (end is None or start < end) and (begin is None or stop is None or stop > begin)
        }
        shared = {other for index in asked for other in self._shots[index].alike} - asked
        return [
            shot if index in asked else replace(shot, keys=[_middle(shot)] if index in shared else [])
            for index, shot in enumerate(self._shots)
        ]

    def recall(self, pts: int, levels: Levels, answer: FloatArray) -> FloatArray:
        """Draw a frame's answer (k, l, n) towards those of its shot's key frames for the same things.

        Args:
            pts: of the frame.
            levels: (h, w) uint8, the frame as the network sees it.
            answer: of the network for it.

        Returns:
            (k, l, n); in a film through which references are carried (k, l, n + 3): followed by U and V from references
            times their certainty, and the certainty, 0..1.
        """
        index = self._index(pts)
        found = []
        if index is not None:
            with self._lock:
                agreed = self._agreed(index)
            found = agreed.at(pts, levels)
        shape = answer.shape[:2]
        sums, weights = answer.astype(np.float32, copy=True), np.ones(shape, dtype=np.float32)
        carried, shares = np.zeros((*shape, 3), dtype=np.float32), np.full(shape, _DOUBT)
        for key, counts in found:
            if key.carried is not None:
                carried += counts[..., None] * key.carried
            shares += counts
            counts *= np.float32(PULL)
            weights += counts
            sums += counts[..., None] * key.values
        drawn: FloatArray = sums / weights[..., None]
        return np.concatenate([drawn, carried / shares[..., None]], axis=-1) if self._carries else drawn

    def references(self, pts: int) -> tuple[int, ...] | None:
        """Return the numbers of the references that a frame is compared with; None for all of them."""
        index = self._index(pts)
        return None if index is None else self._shots[index].references

    def is_colored(self, pts: int) -> bool | None:
        """Return whether most key frames of a shot have colours of their own; None if it has no key frames."""
        index = self._index(pts)
        keys = [] if index is None else self._shots[index].keys
        return 2 * sum(key.colored for key in keys) > len(keys) if keys else None

    def dimming(self, pts: int, levels: Levels) -> float:
        """Return how dim a frame is compared with its shot's strongest key frame, as in a fade: 0 to 1.

        In a fade from or to black, mean and contrast of luma fall by the same factor; otherwise the frame shows other
        things, and counts as not dimmed.
        """
        index = self._index(pts)
        if index is None or not self._shots[index].keys:
            return 1.0
        return dimming((float(levels.mean()), float(levels.std())), self._shots[index])

    def _index(self, pts: int) -> int | None:
        """Return the number of a frame's shot; None before the first one."""
        after = bisect_right(self.starts, pts)
        return after - 1 if after else None

    def _agreed_in(self, index: int) -> Agreed:
        """Return what a shot's key frames agree on, with those of shots like it."""
        shot = self._shots[index]
        alike = [self._shots[other] for other in shot.alike if other != index]
        compared = len(shot.keys) + len(alike) > 1
        own = [self._answered(key, shot, compared=compared) for key in shot.keys]
        others = [self._answered(_middle(one), one, compared=compared) for one in alike]
        return Agreed([key for key in own if key is not None], [key for key in others if key is not None])

    def _answered(self, key: Key, shot: KeyedShot, *, compared: bool) -> KeyAnswer | None:
        """Unpack a key frame and run the network on it, for its features only if it is compared; None if it fails."""
        levels = key.levels
        values = self._answer(levels, shot.references)
        if values is None:
            return None
        carried = None if key.carried is None else resize.resized(key.carried.astype(np.float32), values.shape[:2])
        return KeyAnswer(key.pts, levels, values, carried, self._sight(levels) if compared else ())


def _middle(shot: KeyedShot) -> Key:
    return shot.keys[len(shot.keys) // 2]


def remember(
    frames: Generator[Frame, None, None],
    look: Callable[[Frame], Levels],
    *,
    is_colored: Callable[[Frame], bool],
    seconds_at: Callable[[int], float],
    answer: Answer,
    sight: Sight,
    memory: str,
    stills: Sequence[Still] = (),
) -> SceneMemory | None:
    """Go through a film and collect its key frames.

    Args:
        frames: of the film, or of the part that is coloured.
        look: returns a frame's luma (h, w) uint8 as the network sees it.
        is_colored: tells whether a frame has colours of its own.
        seconds_at: returns the time of a pts in seconds.
        answer: runs the network on such luma.
        sight: returns its inner features of such luma.
        memory: `off`, `shot` or `scene`.
        stills: references, which may show frames of the film.

    Returns:
        The memory; None if nothing is to be remembered.

    Raises:
        SettingError: the frame that a reference is for comes after the last one.
    """
    if memory == "off":
        return None
    shots: list[KeyedShot] = []
    carriers: list[Carrier] = []
    left = list(stills)
    with closing(looked_at(frames, look)) as seen:
        for frame, levels, cut in seen:
            seconds = seconds_at(frame.pts)
            if cut or not shots:
                shots.append(KeyedShot(frame.pts))
                for carrier in carriers[-1:]:
                    carrier.end()
                carriers.append(Carrier(left))
            usable = not (frame.damaged or is_blank(levels))
            is_key = usable and shots[-1].is_due(seconds)
            if is_key:
                shots[-1].take(frame.pts, seconds, levels, colored=is_colored(frame))
            if usable:
                carriers[-1].push(frame.pts, frame.number, seconds, levels, is_key=is_key)
                left = [still for still in left if not still.is_past(frame.number, seconds)]
    for carrier in carriers[-1:]:
        carrier.end()
    for still in left:
        if still.is_placed:
            raise SettingError(f"reference {still.name}: the film ends before its frame; name an earlier one")
    if memory == "scene":
        find_scenes(shots)
    _hand_out(shots, carriers, stills)
    return SceneMemory(shots, answer, sight) if shots else None


def _hand_out(shots: Sequence[KeyedShot], carriers: Sequence[Carrier], stills: Sequence[Still]) -> None:
    """Note for each shot which references its frames are compared with, and what its key frames take from them."""
    if not stills:
        return
    anywhere = {still.number for still in stills if not still.is_placed}
    for shot, carrier in zip(shots, carriers, strict=True):
        shot.keys = [replace(key, carried=carrier.carried.get(key.pts)) for key in shot.keys]
    for index, shot in enumerate(shots):
        of_scene = set().union(*(carriers[other].placed for other in {index, *shot.alike}))
        shot.references = tuple(sorted(anywhere | of_scene))
        for still in stills:
            if still.number in of_scene - carriers[index].placed:
                shot.keys = [replace(key, carried=surer(key.carried, still.seen_in(key.levels))) for key in shot.keys]

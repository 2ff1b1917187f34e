"""Find which shots show the same place from the same side, by their key frames."""

from __future__ import annotations

from collections.abc import Sequence

from tinct.color.spaces import FloatArray
from tinct.coloring.film.keys import Key, KeyedShot
from tinct.coloring.film.shots import correlation, difference, smaller, thumbnail

# A shot uses the key frames of at most about this many shots of its scene.
MOST_SHARED = 6
# Shots of the same scene are looked for this many shots back.
REACH = 40
# Two shots are of one scene if a key frame of each differs by less than this; see `shots.difference`.
ALIKE = 0.28
# Key frames whose thumbnails correlate less than this are not compared any further.
_LOOKS_ALIKE = 0.6


def find_scenes(shots: Sequence[KeyedShot]) -> None:
    """Note in each shot which ones show the same place from the same side; all shots of a scene get the same list."""
    scene = list(range(len(shots)))
    thumbnails = [[thumbnail(key.levels) for key in _ends(shot)] for shot in shots]
    for later in range(len(shots)):
        for earlier in range(max(0, later - REACH), later):
            if scene[earlier] != scene[later] and _same_place(shots, thumbnails, earlier, later):
                first, second = sorted((scene[earlier], scene[later]))
                scene = [first if number == second else number for number in scene]
    for number in set(scene):
        members = [index for index, own in enumerate(scene) if own == number and shots[index].keys]
        step = max(1, -(-len(members) // MOST_SHARED))
        for index in members:
            shots[index].alike = members[::step] if len(members) > 1 else []


def _same_place(
    shots: Sequence[KeyedShot], thumbnails: Sequence[Sequence[FloatArray]], first: int, second: int
) -> bool:
    return any(
        correlation(one, other) > _LOOKS_ALIKE and difference(smaller(key.levels), smaller(like.levels)) < ALIKE
        for one, key in zip(thumbnails[first], _ends(shots[first]), strict=True)
        for other, like in zip(thumbnails[second], _ends(shots[second]), strict=True)
    )


def _ends(shot: KeyedShot) -> list[Key]:
    """Return a shot's first and last key frames, which are most like the shots before and after."""
    return shot.keys[:1] + (shot.keys[-1:] if len(shot.keys) > 1 else [])

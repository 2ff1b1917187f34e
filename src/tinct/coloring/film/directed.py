"""Apply settings of single shots to a film's frames, by the times of the frames."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from tinct.coloring.directions import ShotSettings
from tinct.coloring.film.frames import FrameColorizer
from tinct.errors import InputError
from tinct.media.video.film import Film
from tinct.media.video.read import read_frames


@dataclass(frozen=True)
class PlacedShot:
    """A shot's settings from one pts up to another, or to the film's end."""

    start: int
    end: int | None
    settings: ShotSettings


class Directed:
    """The colorizers of a film's frames, by the shots that have settings of their own."""

    def __init__(self, shots: Sequence[PlacedShot], colorizer: FrameColorizer) -> None:
        """Take these shots in order, and the colorizer for all other frames.

        Raises:
            SettingError: the model does not have a setting.
        """
        self._shots, self._usual = shots, colorizer
        self._colorizers = [colorizer.changed(**shot.settings.options) for shot in shots]

    def keeps(self, pts: int) -> bool | None:
        """Return True if a frame is left as it is, False if it is coloured in any case; None if no setting says."""
        index = self._index(pts)
        return None if index is None else self._shots[index].settings.keep

    def colorizer(self, pts: int) -> FrameColorizer:
        index = self._index(pts)
        return self._usual if index is None else self._colorizers[index]

    def _index(self, pts: int) -> int | None:
        index = bisect_right([shot.start for shot in self._shots], pts) - 1
        if index < 0:
            return None
        end = self._shots[index].end
        return index if end is None or pts < end else None


def place_shots(film: Film, shots: Sequence[ShotSettings]) -> list[PlacedShot]:
    """Find the times of shots' frames, by going through the film as far as the last of them; if there are any.

    Raises:
        InputError: the film ends before a shot begins; the message names its frame.
    """
    if not shots:
        return []
    wanted = {shot.frame for shot in shots} | {shot.end for shot in shots if shot.end is not None}
    times: dict[int, int] = {}
    count = 0
    with closing(read_frames(film)) as frames:
        for frame in frames:
            count = frame.number + 1
            if frame.number in wanted:
                times[frame.number] = frame.pts
                if len(times) == len(wanted):
                    break
    late = [shot.frame for shot in shots if shot.frame not in times]
    if late:
        raise InputError(f"{film.path}: no shot can begin at frame {late[0]}, since it has only {count} frames")
    starts = [times[shot.frame] for shot in shots]
    return [
        PlacedShot(start, times.get(shot.end) if shot.end is not None else after, shot)
        for shot, start, after in zip(shots, starts, [*starts[1:], None], strict=True)
    ]

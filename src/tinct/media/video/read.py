"""Read a film's frames one after the other: Y planes as they are stored, at the times that the film gives them.

Reading continues after damaged parts. It may begin in the middle, and then yields exactly the frames that reading from
the beginning yields.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from tinct.errors import UnreadableError
from tinct.media.video.decode import Decoded, decode
from tinct.media.video.deinterlace import progressive
from tinct.media.video.film import Film, clock
from tinct.media.video.planes import is_fitting
from tinct.media.video.problems import MOVED, RESIZED, Problems

# To read from a place in the middle, decoding begins this many seconds before it; if that is too close, the next value
# is tried.
_BEFORE = (4, 30, 180)
# Number of key frames that must have been decoded before that place: frames after the second depend on nothing before
# the first, whatever the codec.
_KEY_FRAMES = 2
_CONTEXT = 2  # number of frames before that place that the deinterlacer needs


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame.

    Attributes:
        number: from 0, or from the caller's `start_number`.
        pts: when it is shown, in units of the film's `time_base`; rises from frame to frame.
        duration: how long it is shown, in the same units; None if the film does not say.
        luma: (H, W) uint8 or uint16 codes of Y, of the film's depth and range.
        chroma: (h, w) codes of U and V at the film's own size of chroma; None if it has none.
        damaged: whether it was decoded with errors, so that what it shows is not reliable.
    """

    number: int
    pts: int
    duration: int | None
    luma: NDArray[Any]
    chroma: tuple[NDArray[Any], NDArray[Any]] | None
    damaged: bool = False


def read_frames(
    film: Film,
    *,
    start_pts: int | None = None,
    start_number: int = 0,
    end_pts: int | None = None,
    problems: Problems | None = None,
) -> Generator[Frame, None, None]:
    """Read a film's frames. The file is closed when the generator is, or has yielded its last frame.

    Args:
        start_pts: leave out the frames before; the others come exactly as when reading from the beginning.
        start_number: number of the first frame that is yielded.
        end_pts: leave out the frames from there on.
        problems: collects what goes wrong from the first yielded frame on.

    Yields:
        The frames. Interlaced ones are made progressive (`Fields.way`), but not those that the film marks as
        progressive. All other Y planes are as they are stored, except that frames of another form than the first are
        converted (`planes.fitted_planes`), and that the luma of RGB is computed (`planes.planes_of`).

    Raises:
        InputError: the film changes its form in the middle, and its frames cannot be converted back.
        UnreadableError: the file is gone, or its times jump back.
    """
    noted = Problems() if problems is None else problems
    decoded = _checked(film, _exact(film, start_pts, noted), start_pts, noted)
    number = start_number
    with closing(progressive(film, decoded)) as frames:
        for item, planes in frames:
            if start_pts is not None and item.pts < start_pts:
                continue
            if end_pts is not None and item.pts >= end_pts:
                return
            yield Frame(
                number=number,
                pts=item.pts,
                duration=item.duration,
                luma=planes[0],
                chroma=(planes[1], planes[2]) if len(planes) == 3 else None,
                damaged=item.frame.is_corrupt,
            )
            number += 1


def _exact(film: Film, start_pts: int | None, problems: Problems) -> Generator[Decoded, None, None]:
    """Decode from the beginning, or from far enough before a place in the middle that the frames there are exact."""
    if film.images:
        yield from decode(film, place=None if film.interlaced else start_pts, since=None, problems=problems)
        return
    if start_pts is not None and film.divisible:
        for before in _BEFORE:
            place = start_pts - int(before / film.time_base)
            if place <= film.start_pts:
                break
            context: deque[Decoded] = deque(maxlen=_CONTEXT)
            keys = 0
            with closing(decode(film, place=place, since=start_pts, problems=problems)) as decoded:
                for item in decoded:
                    if item.pts < start_pts:
                        keys += item.frame.key_frame
                        context.append(item)
                    elif keys < _KEY_FRAMES:
                        break
                    else:
                        yield from context
                        yield item
                        yield from decoded
                        return
    with closing(decode(film, place=None, since=start_pts, problems=problems)) as decoded:
        yield from decoded


def _checked(
    film: Film, decoded: Generator[Decoded, None, None], since: int | None, problems: Problems
) -> Generator[Decoded, None, None]:
    """Pass frames on, and note from a pts on those of another form.

    Times are made to rise: a frame at the same time as the one before, or earlier, comes one tick after it.
    """
    last: int | None = None
    with closing(decoded):
        for item in decoded:
            if last is not None and item.pts <= last:
                if (last - item.pts) * film.time_base > 1:
                    raise UnreadableError(
                        f"{film.path}: its times jump back at {clock(film.seconds_at(last))}; give it a continuous "
                        "time line first, with  mkvmerge  or  ffmpeg -i IN -c copy OUT.mkv"
                    )
                if since is None or last >= since:
                    problems.add(MOVED, film, last + 1)
                item = replace(item, pts=last + 1)
            last = item.pts
            if not is_fitting(film, item.frame) and (since is None or last >= since):
                form = f"{item.frame.width} x {item.frame.height} pixels, {item.frame.format.name}"
                problems.add(RESIZED.format("{}", form=form), film, last)
            yield item

"""Convert frames that come with another size or depth, in the middle of a film, to the film's own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from tinct.errors import InputError
from tinct.media.video.decode import Decoded
from tinct.media.video.film import Film, clock
from tinct.media.video.planes import CHROMA_STEPS, Planes, depth_of, is_grey, is_rgb, planes_of, sampling_of
from tinct.media.video.problems import RESIZED, Problems

_SAME_PROPORTIONS = 0.02  # proportions that differ by less than this share are the same
_STEP = 4  # a picture between black borders begins at a multiple of this, so that its chroma begins on a whole pixel


def is_fitting(film: Film, frame: VideoFrame) -> bool:
    """Return whether a frame has the film's size, depth and kind of chroma."""
    form = frame.format
    kind = (frame.width, frame.height, depth_of(form), is_rgb(form), is_grey(form), sampling_of(form))
    return kind == (film.width, film.height, film.depth, film.rgb, film.grey, film.sampling)


def note_others(
    film: Film, decoded: Generator[Decoded, None, None], since: int | None, problems: Problems
) -> Generator[Decoded, None, None]:
    """Pass frames on, and from a pts on note those of another form."""
    with closing(decoded):
        for item in decoded:
            if not is_fitting(film, item.frame) and (since is None or item.pts >= since):
                form = f"{item.frame.width} x {item.frame.height} pixels, {item.frame.format.name}"
                problems.add(RESIZED.format("{}", form=form), film, item.pts)
            yield item


def fitted_planes(film: Film, item: Decoded) -> Planes:
    """Return a frame's planes in the film's form.

    A frame of another size is scaled; one with other proportions also gets black borders.

    Raises:
        InputError: FFmpeg cannot convert it.
    """
    frame = item.frame
    if is_fitting(film, frame):
        return planes_of(frame)
    width, height = _inner_size(film, frame)
    try:
        # The same range on both sides, or FFmpeg would convert one into the other.
        small = frame.reformat(width, height, film.pixel_format, src_color_range="JPEG", dst_color_range="JPEG")
    except (av.FFmpegError, ValueError) as error:
        raise InputError(
            f"{film.path}: changes at {clock(film.seconds_at(item.pts))} from {film.width} x {film.height} pixels of "
            f"{film.pixel_format} to {frame.width} x {frame.height} of {frame.format.name}; cut it there first"
        ) from error
    luma, chroma = planes_of(small)
    top, left = ((whole - part) // 2 // _STEP * _STEP for whole, part in ((film.height, height), (film.width, width)))
    scale = 1 << (film.depth - 8)
    luma = _between(luma, (film.height, film.width), (top, left), 0 if film.full_range else 16 * scale)
    if chroma is None:
        return luma, None
    across, down = CHROMA_STEPS.get(film.sampling or "", (1, 1))
    shape, place = (-(-film.height // down), -(-film.width // across)), (top // down, left // across)
    blue, red = (_between(plane, shape, place, 128 * scale) for plane in chroma)
    return luma, (blue, red)


def _inner_size(film: Film, frame: VideoFrame) -> tuple[int, int]:
    if abs(frame.width * film.height / (frame.height * film.width) - 1) < _SAME_PROPORTIONS:
        return film.width, film.height
    factor = min(film.width / frame.width, film.height / frame.height)
    width, height = (max(_STEP, round(edge * factor / _STEP) * _STEP) for edge in (frame.width, frame.height))
    return min(width, film.width), min(height, film.height)


def _between(plane: NDArray[Any], shape: tuple[int, int], place: tuple[int, int], value: int) -> NDArray[Any]:
    """Return a larger plane of a single value, with this plane at a place in it."""
    if plane.shape == shape:
        return plane
    whole = np.full(shape, value, plane.dtype)
    (height, width), (top, left) = plane.shape, place
    whole[top : top + height, left : left + width] = plane[: shape[0] - top, : shape[1] - left]
    return whole

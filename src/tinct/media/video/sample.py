"""Some frames from all over a film, quickly: key frames, which need no others to be decoded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tinct.errors import UnreadableError
from tinct.media.video.film import Film
from tinct.media.video.images import decode_image
from tinct.media.video.planes import planes_of
from tinct.media.video.source import opened


def sample_lumas(film: Film, count: int) -> Iterator[NDArray[Any]]:
    """Give Y planes (H, W) of frames spread over a film, as they are stored.

    Args:
        film: the film.
        count: how many, at most; fewer where it has few key frames, or nothing says how long it is.
    """
    if film.images:
        step = max(1, len(film.images) // count)
        for path in film.images[::step]:
            try:
                yield planes_of(decode_image(path))[0]
            except UnreadableError:
                continue
        return
    with opened(film.path) as container:
        stream = container.streams[film.stream]
        if not isinstance(stream, VideoStream):
            return
        places: list[int | None] = [None]
        if film.seekable and film.duration:
            places = [film.pts_at(film.duration * number / count) for number in range(count)]
        for place in places:
            try:
                if place is not None:
                    container.seek(place, stream=stream)
                frames = container.decode(stream)
                for _ in range(1 if place is not None else count):
                    frame = next(frames, None)
                    if frame is not None and (frame.height, frame.width) == (film.height, film.width):
                        yield planes_of(frame)[0]
            except av.FFmpegError:
                continue

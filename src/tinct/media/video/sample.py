"""Some frames from all over a film, quickly: key frames, which need no others to be decoded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tinct.errors import UnreadableError
from tinct.media.video.film import Film
from tinct.media.video.images import decode_image
from tinct.media.video.planes import planes_of
from tinct.media.video.source import opened

# Films of no more frames are read from the beginning: they have too few key frames.
_SHORT = 300
# So many packets after a place are looked at for a key frame.
_MOST_PACKETS = 100


def sample_lumas(film: Film, count: int) -> Iterator[NDArray[Any]]:
    """Give Y planes (H, W) of frames spread over a film, as they are stored.

    Args:
        film: the film.
        count: how many, at most; fewer where it has few key frames, or nothing says how long it is.
    """
    if film.images:
        step = max(1, len(film.images) // count)
        for path in film.images[::step]:
            with suppress(UnreadableError):
                yield planes_of(decode_image(path))[0]
        return
    with opened(film.path) as container:
        stream = container.streams[film.stream]
        if not isinstance(stream, VideoStream):
            return
        stream.thread_type = ThreadType.AUTO
        long = film.frames is None or film.frames > _SHORT
        if film.seekable and film.duration and long:
            frames = _key_frames(film, container, stream, count)
        else:
            step = max(1, (film.frames or count) // count)
            frames = islice(container.decode(stream), 0, step * count, step)
        with suppress(av.FFmpegError):
            for frame in frames:
                if (frame.height, frame.width) == (film.height, film.width):
                    yield planes_of(frame)[0]


def _key_frames(film: Film, container: InputContainer, stream: VideoStream, count: int) -> Iterator[VideoFrame]:
    """Give the key frames before `count` places, evenly spread, once each."""
    assert film.duration is not None
    known: set[int | None] = set()
    for number in range(count):
        with suppress(av.FFmpegError):
            container.seek(film.pts_at(film.duration * number / count), stream=stream)
            packets = islice(container.demux(stream), _MOST_PACKETS)
            key = next((packet for packet in packets if packet.is_keyframe and packet.size), None)
            if key is not None and key.pts not in known:
                known.add(key.pts)
                yield from (*stream.decode(key), *stream.decode(None))

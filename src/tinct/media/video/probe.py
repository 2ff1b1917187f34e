"""Open a film: find out what it is, refuse what cannot be coloured before any work is done, and sample its frames."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from tinct.errors import InputError, SettingError, UnreadableError
from tinct.media.video import DEINTERLACE
from tinct.media.video.fields import Votes
from tinct.media.video.film import (
    BOTTOM_FIRST_ORDERS,
    FIELD_ORDERS,
    MATRIX_BT601,
    MATRIX_NAMES,
    MATRIX_RGB,
    RANGE_FULL,
    UNSPECIFIED,
    Chapter,
    ColorTags,
    Fields,
    Film,
    Track,
    checked_rate,
)
from tinct.media.video.planes import depth_of, is_fitting, is_grey, is_rgb, planes_of, sampling_of
from tinct.media.video.sequence import decode_image, names_pictures, open_images
from tinct.media.video.source import opened, readable, reason, video_stream
from tinct.media.video.timeline import read_times

_LEAST_EDGE = 16  # a film with a shorter edge shows nothing to colour, and encoders refuse it
# A film of at least this many lines that names no matrix is taken for high definition, with BT.709's luma.
_HIGH_DEFINITION = 720
_FILM_RATE = Fraction(24)  # frames a second of pictures if no other rate is given: that of most films
_MOST_PACKETS = 1000  # a film's first frame comes among this many packets of its stream, or not at all
# Places, as shares of the duration, where frames are examined for interlacing.
_PLACES = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8)
_FRAMES_EACH = 12  # number of frames that are examined at each place
# Rates that differ by less than this share are the same, rounded to different decimals.
_SAME_RATE = Fraction(1, 10_000)
# The display matrix that changes nothing; its last number is 1 in its own fixed point.
_ONE = 1 << 30
_UPRIGHT = (65536, 0, 0, 0, 65536, 0, 0, 0, _ONE)
# What frames hold besides pixels, by PyAV's names.
_BESIDE = {
    "A53_CC": "closed captions",
    "MASTERING_DISPLAY_METADATA": "HDR metadata",
    "CONTENT_LIGHT_LEVEL": "HDR metadata",
    "DYNAMIC_HDR_PLUS": "HDR10+ metadata",
    "DOVI_METADATA": "Dolby Vision metadata",
    "DOVI_RPU_BUFFER": "Dolby Vision metadata",
    "STEREO3D": "the note that it is stereoscopic",
    "SPHERICAL": "the note that it is a 360-degree view",
}
# Codecs whose grey codes have limited range unless the file says otherwise; for others they have full range.
_LIMITED_GREY = {"hevc", "av1", "vp9", "h264"}


def open_film(path: str | Path, *, rate: Fraction | float | None = None, deinterlace: str = "auto") -> Film:
    """Open a film: read what its file says, and look at some frames.

    Args:
        path: a file; or a folder of pictures (PNG, JPEG, TIFF, DPX, EXR, BMP, TGA) of one size, or a pattern of their
            names, in the order of the numbers in them.
        rate: frames a second; without it 24 for pictures, and a file's own rate.
        deinterlace: one of `DEINTERLACE`.

    Raises:
        UnreadableError: it is missing, empty, not a film, or nothing in it can be decoded.
        InputError: it holds no moving pictures, or too small ones.
        SettingError: the rate is not above 0; `deinterlace` is not one of the ways.
    """
    place = Path(path)
    if deinterlace not in DEINTERLACE:
        raise SettingError(f"deinterlace is one of {', '.join(DEINTERLACE)}, not {deinterlace!r}")
    asked = None if rate is None else checked_rate(rate)
    if names_pictures(place):
        return _pictures(place, asked or _FILM_RATE, deinterlace)
    with opened(place) as container:
        stream = video_stream(container, place)
        first = _first_frame(container, stream, place)
        times = read_times(container, stream, first, place)
        film = Film(
            **_pixels(place, first, stream.codec_context.codec.canonical_name),
            **times,
            container=container.format.name,
            stream=stream.index,
            fields=Fields(),
            sample_aspect=stream.sample_aspect_ratio or Fraction(1),
            audio=_tracks(container, "audio"),
            subtitles=_tracks(container, "subtitle"),
            others=_tracks(container, "attachment", "data", "video", without=stream.index),
            keyed=any(name.startswith("com.") for name in container.metadata),
            chapters=_chapters(container),
        )
        beside: set[str] = set()
        film = replace(_with_fields(film, _fields(film, container, stream, deinterlace, beside)), beside=tuple(beside))
        return film if asked is None else _with_rate(film, asked)


def _pictures(path: Path, rate: Fraction, deinterlace: str) -> Film:
    images, first = open_images(path)
    film = Film(
        **_pixels(path, first, "images"),
        container="images",
        stream=0,
        fields=Fields(),
        sample_aspect=Fraction(1),
        rate=rate,
        time_base=1 / rate,
        frames=len(images),
        start=Fraction(0),
        start_pts=0,
        duration=len(images) / rate,
        images=images,
    )
    if deinterlace in ("auto", "off"):
        return film
    votes = Votes()
    votes.count(planes_of(decode_image(picture))[0] for picture in images[: len(_PLACES) * _FRAMES_EACH])
    return _with_fields(film, Fields(interlaced=True, top_first=votes.top >= votes.bottom, way=deinterlace))


def decoded_some(container: InputContainer, stream: VideoStream, *, packets: int) -> Iterator[VideoFrame]:
    """Yield the frames of a limited number of packets, from the file's current place, skipping what is damaged."""
    demuxed = container.demux(stream)
    try:
        for packet in islice(demuxed, packets):
            try:
                yield from packet.decode()
            except av.FFmpegError:
                continue
    except av.FFmpegError:
        return


def _first_frame(container: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    codec = stream.codec_context.name
    try:
        frame = next(decoded_some(container, stream, packets=_MOST_PACKETS), None)
    except (ValueError, NotImplementedError) as error:
        raise UnreadableError(
            f"{path}: its pictures ({codec}) cannot be decoded ({reason(error)}); convert it first"
        ) from error
    if frame is None:
        raise UnreadableError(
            f"{path}: holds no frame that can be decoded ({codec}); check or replace it, or convert it first"
        )
    return frame


def _pixels(path: Path, first: VideoFrame, codec: str) -> dict[str, Any]:
    """Return the fields of `Film` that the first frame tells."""
    if min(first.width, first.height) < _LEAST_EDGE:
        raise InputError(
            f"{path}: {first.width} x {first.height} pixels are too few to colour; "
            f"each edge needs at least {_LEAST_EDGE}"
        )
    try:
        planes_of(first)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    form = first.format
    tags, matrix = _colors(first, codec)
    display, rotation = _display(first)
    return {
        "path": path,
        "codec": codec,
        "width": first.width,
        "height": first.height,
        "depth": depth_of(form),
        "pixel_format": form.name,
        "rgb": is_rgb(form),
        "grey": is_grey(form),
        "sampling": sampling_of(form),
        "full_range": tags.range == RANGE_FULL,
        "tags": tags,
        "matrix_name": matrix,
        "rotation": rotation,
        "display_matrix": display,
    }


def _colors(frame: VideoFrame, codec: str) -> tuple[ColorTags, str]:
    """Return how a film's codes are to be shown, and what its chroma is to be computed with."""
    form = frame.format
    matrix, span = int(frame.colorspace), int(frame.color_range)
    full = form.name.startswith("yuvj") or is_rgb(form)
    grey_alone = is_grey(form) and span == 0 and codec not in _LIMITED_GREY
    if full or grey_alone:
        # The result must state it, since it has chroma, and players assume limited range if nothing is said.
        span = RANGE_FULL
    if is_rgb(form):
        matrix = MATRIX_BT601
    elif matrix == MATRIX_RGB:
        matrix = UNSPECIFIED
    guess = "bt709" if frame.height >= _HIGH_DEFINITION or matrix != UNSPECIFIED else "bt601"
    tags = ColorTags(matrix, int(frame.color_primaries), int(frame.color_trc), span)
    return tags, MATRIX_NAMES.get(matrix, guess)


def _display(frame: VideoFrame) -> tuple[tuple[int, ...] | None, float]:
    rotation = float(frame.rotation)
    try:
        side_data: Any = frame.side_data
        data = side_data.get(SideDataType.DISPLAYMATRIX)
        matrix = None if data is None else struct.unpack("=9i", bytes(data)[:36])
    except ValueError:  # PyAV fails if there is Exif beside the matrix, but still gives the angle
        cosine, sine = (round(65536 * part(math.radians(rotation))) for part in (math.cos, math.sin))
        matrix = (cosine, -sine, 0, sine, cosine, 0, 0, 0, _ONE)
    return (None, 0.0) if matrix in (None, _UPRIGHT) else (matrix, rotation)


def _beside(frame: VideoFrame) -> Iterator[str]:
    """Yield, in words, what a frame holds besides its pixels that no result holds."""
    with suppress(ValueError):  # PyAV does not know all kinds
        side_data: Any = frame.side_data
        for data in side_data:
            if data.type.name in _BESIDE:
                yield _BESIDE[data.type.name]


def _fields(film: Film, container: InputContainer, stream: VideoStream, wanted: str, beside: set[str]) -> Fields:
    """Find out whether a film is interlaced, by what it says and by looking at frames here and there."""
    if wanted == "off" or (wanted == "auto" and film.rgb):
        return Fields()
    order = stream.codec_context.field_order
    votes, flags = Votes(), 0
    duration = None if film.duration is None or not film.seekable else int(film.duration * av.time_base)
    start = container.start_time or 0
    places = [start + int(place * duration) for place in _PLACES] if duration else [None]
    for place in places:
        # If seeking is not possible, the frames after the first one are examined.
        with suppress(av.FFmpegError):
            container.seek(start if place is None else place)
        frames: list[NDArray[Any]] = []
        for frame in islice(decoded_some(container, stream, packets=_MOST_PACKETS), _FRAMES_EACH * (6 // len(places))):
            beside.update(_beside(frame))
            if is_fitting(film, frame):
                flags += frame.interlaced_frame
                frames.append(planes_of(frame)[0])
        votes.count(frames)
    top_first = order not in BOTTOM_FIRST_ORDERS
    fields = votes.decide(flagged=flags > 0 or order in FIELD_ORDERS, top_first=top_first, rate=film.rate)
    if wanted == "auto":
        return replace(fields, flagged=fields.interlaced and flags > 0 and fields.way == "single")
    top_first = votes.top >= votes.bottom if votes.top or votes.bottom else top_first
    return Fields(interlaced=True, top_first=top_first, way=wanted)


def _with_fields(film: Film, fields: Fields) -> Film:
    """Return a film with the rate and times that it has after deinterlacing."""
    gain = fields.gain
    units = 2 if gain > 1 else 1
    frames = None if film.frames is None else round(film.frames * gain)
    return replace(
        film,
        fields=fields,
        rate=film.rate * gain,
        frames=frames,
        units=units,
        time_base=film.time_base / units,
        start_pts=film.start_pts * units,
    )


def _with_rate(film: Film, rate: Fraction) -> Film:
    """Return a film whose frames are shown at another rate: all its times are stretched alike."""
    by = film.rate / rate
    if abs(by - 1) < _SAME_RATE:
        return film

    def stretched(seconds: Fraction | None) -> Fraction | None:
        return None if seconds is None else seconds * by

    return replace(
        film,
        rate=rate,
        stretch=by,
        time_base=film.time_base * by,
        start=film.start * by,
        duration=stretched(film.duration),
        video_end=stretched(film.video_end),
        usual=stretched(film.usual),
        longest=stretched(film.longest),
        chapters=tuple(replace(item, start=item.start * by, end=item.end * by) for item in film.chapters),
    )


def _tracks(container: InputContainer, *kinds: str, without: int = -1) -> tuple[Track, ...]:
    return tuple(
        Track(
            index=stream.index,
            kind=stream.type,
            codec=_codec(stream),
            language=stream.metadata.get("language"),
            title=readable(stream.metadata["title"]) if "title" in stream.metadata else None,
            cover=bool(stream.disposition & Disposition.attached_pic),
        )
        for stream in container.streams
        if stream.type in kinds and stream.index != without
    )


def _codec(stream: Stream) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context is not None else "unknown"


def _chapters(container: InputContainer) -> tuple[Chapter, ...]:
    chapters = []
    for chapter in container.chapters():
        unit = chapter["time_base"] or Fraction(1, 1000)
        notes = tuple(sorted((name, readable(text)) for name, text in chapter["metadata"].items()))
        chapters.append(Chapter(chapter["start"] * unit, chapter["end"] * unit, notes))
    return tuple(sorted(chapters, key=lambda chapter: chapter.start))


_SHORT = 300  # films of at most this many frames are read from the beginning: they have too few key frames
_KEY_PACKETS = 100  # number of packets after a place that are searched for a key frame


def sample_frames(film: Film, count: int) -> Iterator[tuple[NDArray[Any], float]]:
    """Yield at most `count` frames spread over a film: the Y plane (H, W) as it is stored, and its time in seconds.

    From long films key frames are taken, which need no others to be decoded: fewer if they have few.
    """
    if film.images:
        step = max(1, len(film.images) // count)
        for number, path in enumerate(film.images[::step]):
            with suppress(UnreadableError):
                yield planes_of(decode_image(path))[0], float(number * step / film.rate)
        return
    with opened(film.path) as container:
        stream = container.streams[film.stream]
        if not isinstance(stream, VideoStream):
            return
        stream.thread_type = ThreadType.AUTO
        long = film.frames is None or film.frames > _SHORT
        if film.seekable and film.duration and long:
            step, frames = 1, _key_frames(film, container, stream, count)
        else:
            step = max(1, (film.frames or count) // count)
            frames = islice(container.decode(stream), 0, step * count, step)
        with suppress(av.FFmpegError):
            for number, frame in enumerate(frames):
                if is_fitting(film, frame):
                    known = frame.pts is not None and not (film.counted or film.jumps)
                    place = film.seconds_at((frame.pts or 0) * film.units) if known else number * step / film.rate
                    yield planes_of(frame)[0], max(0.0, float(place))


def _key_frames(film: Film, container: InputContainer, stream: VideoStream, count: int) -> Iterator[VideoFrame]:
    """Yield the key frames before `count` places, evenly spread, once each."""
    assert film.duration is not None
    known: set[int | None] = set()
    for number in range(count):
        with suppress(av.FFmpegError):
            container.seek(film.pts_at(film.duration * number / count) // film.units, stream=stream)
            packets = islice(container.demux(stream), _KEY_PACKETS)
            key = next((packet for packet in packets if packet.is_keyframe and packet.size), None)
            if key is not None and key.pts not in known:
                known.add(key.pts)
                yield from (*stream.decode(key), *stream.decode(None))

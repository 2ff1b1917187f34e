"""Open a film's file, or a folder of pictures, and refuse clearly what cannot be used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import pyvips
from av.codec.context import CodecContext
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tinct.errors import InputError, SettingError, UnreadableError
from tinct.files import walk
from tinct.media.image.opening import open_source

# After this many failures in a row to read on, a file has no more that can be read.
_MOST_FAILURES = 100
# Formats that FFmpeg gives pictures of although they are text, or lists of other files.
_NO_FILMS = {"tty", "concat", "hls", "dash", "sdp", "lavfi", "bin", "xbin", "adf", "idf", "lrc"}


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Open a film's file, closed after the block.

    Raises:
        UnreadableError: it is missing, empty, or nothing that can be read.
    """
    try:
        if path.stat().st_size == 0:
            raise UnreadableError(f"{path}: is empty; copy it again from where it came")
        # The protocol is named so that no file name is taken for another one, and allowed alone so that no file can
        # make FFmpeg fetch things elsewhere. Old files name things in any encoding.
        container = av.open(
            f"file:{path}", "r", options={"protocol_whitelist": "file"}, metadata_errors="surrogateescape"
        )
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be opened ({error.strerror or error}); check the name") from error
    except (av.FFmpegError, ValueError) as error:
        raise UnreadableError(
            f"{path}: no film that can be read, or damaged ({reason(error)}); check or replace it"
        ) from error
    with container:
        yield container


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the stream of a film's pictures.

    Raises:
        UnreadableError: it is text, or its codec is unknown.
        InputError: it is a picture, or holds none.
    """
    name = container.format.name
    if name in _NO_FILMS:
        raise UnreadableError(f"{path}: no film that can be read, but a file of the kind {name}; check or replace it")
    if name.endswith("_pipe") or name == "image2":
        raise InputError(f"{path}: is a picture, not a film; colour it with  tinct colorize")
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        tracks = len(container.streams.audio)
        reading = f"only sound ({tracks} tracks)" if tracks else "it may be cut off at its beginning"
        raise InputError(f"{path}: has no moving pictures, {reading}; name a whole film")
    best = container.streams.best("video")
    stream = next((stream for stream in streams if best is not None and stream.index == best.index), streams[0])
    if stream.codec_context is None:
        raise UnreadableError(f"{path}: its pictures have a codec that is not known here; convert it to H.264 first")
    return stream


def packets_of(container: InputContainer, *streams: Stream) -> Iterator[Packet[Stream]]:
    """Yield the packets of some streams that hold anything, past places that cannot be read."""
    failures = 0
    while failures < _MOST_FAILURES:
        try:
            for packet in container.demux(*streams):
                failures = 0
                # Empty ones would end a decoder's work: AVI has them where frames were dropped.
                if packet.size:
                    yield packet
            return
        except av.error.MemoryError:
            raise
        except av.FFmpegError:
            failures += 1


def readable(text: str) -> str:
    """Return what a file says as text: UTF-8, or else the encoding of Windows before that."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    return text


def reason(error: Exception) -> str:
    """Return FFmpeg's reason for an error."""
    return str(getattr(error, "strerror", None) or error or "no reason given")


# Frames a second, as films have, where nobody says otherwise.
FILM_RATE = Fraction(24)

# Names whose numbers are farther apart are no count of frames.
_MOST_APART = 10

# FFmpeg's decoder of each kind.
_DECODERS = {".png": "png", ".jpg": "mjpeg", ".jpeg": "mjpeg", ".tif": "tiff", ".tiff": "tiff"}


@dataclass(frozen=True, eq=False)
class Images:
    """A folder's pictures: their paths in order, the first one, and frames a second."""

    paths: tuple[Path, ...]
    first: VideoFrame
    rate: Fraction


def open_images(folder: Path, *, rate: Fraction | float | None) -> Images:
    """Check a folder of pictures: frame-0001.png, frame-0002.png and so on, of which each is a frame.

    Raises:
        InputError: it holds none, or pictures of several sizes.
        UnreadableError: the folder or the first picture cannot be read.
        SettingError: the rate is not above 0.
    """
    chosen = FILM_RATE if rate is None else Fraction(rate).limit_denominator(1001)
    if not 0 < chosen <= 1000:
        raise SettingError(f"the rate must lie above 0 and not above 1000 frames a second, not {rate}")
    paths = tuple(sorted(walk(folder, _DECODERS, recursive=False), key=_natural))
    if not paths:
        raise InputError(f"{folder}: holds no pictures (.png, .jpg, .tif); name a film, or a folder of its frames")
    first = decode_image(paths[0])
    for path in paths:
        size = _size(path)
        if size is not None and size != (first.width, first.height):
            raise InputError(
                f"{path}: is {size[0]} x {size[1]} pixels and the first picture {first.width} x {first.height}; "
                "give all of a film's pictures one size"
            )
    return Images(paths, first, chosen)


def decode_image(path: Path) -> VideoFrame:
    """Decode a picture to the pixels that are stored in it.

    Raises:
        UnreadableError: it cannot be read.
    """
    try:
        context = cast(VideoCodecContext, CodecContext.create(_DECODERS[path.suffix.lower()], "r"))
        context.thread_count = 1
        frames = [*context.decode(Packet(path.read_bytes())), *context.decode(None)]
    except (av.FFmpegError, OSError) as error:
        raise UnreadableError(
            f"{path}: no picture that can be read, or damaged ({reason(error)}); check or replace it"
        ) from error
    if not frames:
        raise UnreadableError(f"{path}: no picture that can be read, or damaged; check or replace it")
    return frames[0]


def _natural(path: Path) -> tuple[list[str | int], str]:
    """Sort by the numbers in names as numbers: frame2 before frame10."""
    pieces = re.split(r"(\d+)", path.name.lower())
    return [int(piece) if number % 2 else piece for number, piece in enumerate(pieces)], path.name


def missing_numbers(paths: Sequence[Path]) -> list[int]:
    """Return which numbers are missing between those that pictures' names end with: f_0004.png, f_0006.png lacks 5."""
    found = [re.search(r"(\d+)$", path.stem) for path in paths]
    numbers = {int(match[1]) for match in found if match}
    if len(numbers) < len(paths) or not numbers or max(numbers) - min(numbers) > _MOST_APART * len(numbers):
        return []
    return sorted(set(range(min(numbers), max(numbers) + 1)) - numbers)


def _size(path: Path) -> tuple[int, int] | None:
    """Return a picture's size by its header; None if that is damaged, which is reported when the picture is read."""
    try:
        image = pyvips.Image.new_from_source(open_source(path), "", access="sequential")
    except pyvips.Error:
        return None
    return image.width, image.height

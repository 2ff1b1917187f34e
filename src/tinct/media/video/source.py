"""Open a film's file, and refuse clearly what cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from tinct.errors import InputError, UnreadableError

_MOST_FAILURES = 100  # after this many failures in a row, nothing more of a file can be read
# Formats that FFmpeg shows as pictures although they are text, or lists of other files.
_NO_FILMS = {"tty", "concat", "hls", "dash", "sdp", "lavfi", "bin", "xbin", "adf", "idf", "lrc"}


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Open a film's file, closed after the block.

    Raises:
        UnreadableError: it is missing, empty, or cannot be read.
    """
    try:
        if path.stat().st_size == 0:
            raise UnreadableError(f"{path}: is empty; copy it again from where it came")
        # `file:` prevents FFmpeg from taking a file name for another protocol, and the whitelist prevents files from
        # making it fetch things elsewhere. Old files name things in any encoding.
        container = av.open(
            f"file:{path}", "r", options={"protocol_whitelist": "file"}, metadata_errors="surrogateescape"
        )
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be opened ({error.strerror or error}); check the name") from error
    except (av.FFmpegError, ValueError) as error:
        why = f"is not a film that can be read, or is damaged ({reason(error)}); check or replace it"
        if _lacks_index(path):
            why = (
                "was cut off before its index (moov) was written, and cannot be read without it; copy it again, or let "
                "untrunc repair it by another film of the same camera"
            )
        raise UnreadableError(f"{path}: {why}") from error
    with container:
        yield container


def _lacks_index(path: Path) -> bool:
    """Return whether a file is MP4 or MOV without an index."""
    boxes: list[bytes] = []
    with path.open("rb") as file:
        place, end = 0, path.stat().st_size
        while place + 8 <= end:
            file.seek(place)
            head = file.read(16)
            size, name = int.from_bytes(head[:4], "big"), head[4:8]
            size = int.from_bytes(head[8:], "big") if size == 1 else size or end
            if size < 8 or not name.isalnum():
                break
            boxes.append(name)
            place += size
    return boxes[:1] in ([b"ftyp"], [b"wide"], [b"mdat"]) and b"moov" not in boxes


def _is_animated(path: Path) -> bool:
    """Return whether a WebP file's header says that it moves."""
    with path.open("rb") as file:
        head = file.read(21)
    return head[12:16] == b"VP8X" and bool(head[20] & 2)


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """Return the stream of a film's pictures.

    Raises:
        UnreadableError: it is text, or its codec is unknown.
        InputError: it is a picture, or holds no moving pictures.
    """
    name = container.format.name
    if name in _NO_FILMS:
        raise UnreadableError(f"{path}: is not a film, but a file of the kind {name}; check or replace it")
    if name == "webp_pipe" and _is_animated(path):
        raise InputError(
            f"{path}: animated WebP is not read as a film; make pictures of it first:  "
            f"magick '{path.name}' -coalesce f_%04d.png"
        )
    if name.endswith("_pipe") or name == "image2":
        digits = len(path.stem) - len(path.stem.rstrip("0123456789"))
        series = f"{path.stem[: len(path.stem) - digits]}%0{digits}d{path.suffix}"
        others = f", or name all pictures of a film:  tinct video '{series}'" if digits else ""
        raise InputError(f"{path}: is a picture, not a film; colour it with  tinct colorize{others}")
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        tracks = len(container.streams.audio)
        reading = f"only sound ({tracks} tracks)" if tracks else "it may be cut off at its beginning"
        raise InputError(f"{path}: has no moving pictures, {reading}; name a whole film")
    best = container.streams.best("video")
    stream = next((stream for stream in streams if best is not None and stream.index == best.index), streams[0])
    if stream.codec_context is None:
        raise UnreadableError(f"{path}: its pictures have an unknown codec; convert it to H.264 first")
    return stream


def packets_of(container: InputContainer, *streams: Stream) -> Iterator[Packet[Stream]]:
    """Yield the packets of some streams that are not empty, skipping places that cannot be read."""
    failures = 0
    while failures < _MOST_FAILURES:
        try:
            for packet in container.demux(*streams):
                failures = 0
                # An empty one would end a decoder's work: AVI has one for each frame that was dropped.
                if packet.size:
                    yield packet
            return
        except av.error.MemoryError:
            raise
        except av.FFmpegError:
            failures += 1


def readable(text: str) -> str:
    """Return what a file says as text: in UTF-8, or else in the older encoding of Windows."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    return text


def reason(error: Exception) -> str:
    """Return FFmpeg's reason for an error."""
    return str(getattr(error, "strerror", None) or error or "no reason given")

"""Write the shape of pixels into Matroska and WebM files, which PyAV cannot do.

FFmpeg's muxer takes it from a field of the stream that PyAV does not set. So the track is given a long name first, and
in the finished file the room that the name took holds the size at which the picture is to be shown.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from tinct.errors import OutputError

# What stands behind the track's name until `set_display_size` removes it.
PLACEHOLDER = " - to be replaced by the size at which it is shown"

_SEGMENT, _TRACKS = bytes.fromhex("18538067"), bytes.fromhex("1654ae6b")
_TRACK, _NAME, _VIDEO = b"\xae", b"\x53\x6e", b"\xe0"
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = b"\x54\xb0", b"\x54\xba", b"\x54\xb2"
_DISPLAY = (_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT)
_CRC, _VOID = b"\xbf", b"\xec"


def set_display_size(path: Path, *, width: int, height: int, sample_aspect: Fraction) -> None:
    """Write the size at which a film is shown into its finished file, in the place of `PLACEHOLDER`.

    Args:
        path: a file whose film's track has a name that ends in `PLACEHOLDER`.
        width: of the film, in pixels.
        height: likewise.
        sample_aspect: width of a pixel divided by its height.

    Raises:
        OutputError: it has no such track.

    Source: RFC 8794 (EBML), RFC 9559 (Matroska), sections 5.1.4.1.28.8 and following.
    """
    display = [
        (_DISPLAY_WIDTH, round(width * sample_aspect).to_bytes(4, "big")),
        (_DISPLAY_HEIGHT, height.to_bytes(4, "big")),
    ]
    with path.open("r+b") as file:
        start, tracks = _find(file, path)
        for place, name, content in _elements(tracks):  # noqa: B007 - used after the loop
            if name == _TRACK and PLACEHOLDER.encode() in content:
                changed = _shown_at(content, display)
                break
        else:
            raise _not_noted(path)
        if len(changed) != len(content):
            raise _not_noted(path)
        tracks = tracks[:place] + changed + tracks[place + len(changed) :]
        first, name, content = next(_elements(tracks))
        if name == _CRC:
            rest = tracks[first + len(content) :]
            tracks = tracks[:first] + zlib.crc32(rest).to_bytes(4, "little") + rest
        file.seek(start)
        file.write(tracks)


def _shown_at(track: bytes, display: list[tuple[bytes, bytes]]) -> bytes:
    """Return a track's elements with a display size and the name it is to have, as many bytes as before."""
    parts = []
    for _, name, content in _elements(track):
        if name == _NAME:
            content = content.rstrip(b"\0").removesuffix(PLACEHOLDER.encode())
        elif name == _VIDEO:
            kept = [part[1:] for part in _elements(content) if part[1] not in _DISPLAY]
            content = b"".join(_element(*part) for part in kept + display)
        if content or name != _NAME:
            parts.append(_element(name, content))
    changed = b"".join(parts)
    # The rest is filled with an element that means nothing: its name, its size in one byte, zeros.
    empty = len(track) - len(changed) - 2
    return changed + (_element(_VOID, bytes(empty)) if empty >= 0 else b"")


def _find(file: BinaryIO, path: Path) -> tuple[int, bytes]:
    """Find where the tracks' elements begin; return the place and the elements."""
    place = 0
    end = path.stat().st_size
    while place < end:
        file.seek(place)
        name, length, size = _head(file.read(12), 0)
        if name == _TRACKS:
            file.seek(place + length)
            return place + length, file.read(size)
        # What is in the segment is looked through, all else is passed.
        place += length if name == _SEGMENT else length + size
    raise _not_noted(path)


def _elements(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield where each element's content begins, the element's name and its content."""
    place = 0
    while place < len(data):
        name, length, size = _head(data, place)
        yield place + length, name, data[place + length : place + length + size]
        place += length + size


def _head(data: bytes, place: int) -> tuple[bytes, int, int]:
    """Return an element's name, how long its name and size are together, and its size."""
    named = 9 - data[place].bit_length()
    sized = 9 - data[place + named].bit_length()
    size = int.from_bytes(data[place + named : place + named + sized], "big") & ((1 << 7 * sized) - 1)
    return data[place : place + named], named + sized, size


def _element(name: bytes, content: bytes) -> bytes:
    length = next(length for length in range(1, 9) if len(content) < (1 << 7 * length) - 1)
    return name + (len(content) | 1 << 7 * length).to_bytes(length, "big") + content


def _not_noted(path: Path) -> OutputError:
    return OutputError(f"{path}: its pixels' shape cannot be noted; write .mp4 or .mov")

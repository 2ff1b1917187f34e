"""Write into Matroska and WebM files what PyAV cannot: the shape of pixels, and sound of Windows' kinds.

FFmpeg's muxer takes the shape from a field of the stream that PyAV does not set, and PyAV refuses sound that Matroska
holds under the name of Windows' codec manager. So the track gets a long name first, and what belongs there takes the
name's place in the finished file.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from tinct.errors import OutputError

# A mark appended to the track's name until `set_display_size` removes it.
PLACEHOLDER = " - to be replaced by the size at which it is shown"
# A mark appended to a sound's name, followed by the header in base 64, until `set_wave_headers` removes both.
_WAVE = " - to be replaced by its header: "

_SEGMENT, _TRACKS = bytes.fromhex("18538067"), bytes.fromhex("1654ae6b")
_TRACK, _NAME, _VIDEO = b"\xae", b"\x53\x6e", b"\xe0"
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = b"\x54\xb0", b"\x54\xba", b"\x54\xb2"
_DISPLAY = (_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT)
_CODEC, _PRIVATE, _SOUND, _BITS = b"\x86", b"\x63\xa2", b"\xe1", b"\x62\x64"
_CRC, _VOID = b"\xbf", b"\xec"

# Returns what takes the place of a track's element, by its name, its content, and what followed the mark in its name.
Change = Callable[[bytes, bytes, bytes], bytes]


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
    shown_width = round(width * sample_aspect)
    display = _element(_DISPLAY_WIDTH, shown_width.to_bytes(4, "big"))
    display += _element(_DISPLAY_HEIGHT, height.to_bytes(4, "big"))

    def change(name: bytes, content: bytes, _: bytes) -> bytes:
        return _element(name, _without(content, *_DISPLAY) + display if name == _VIDEO else content)

    if not _change_tracks(path, PLACEHOLDER.encode(), change):
        raise _not_noted(path)


def wave_name(name: str, header: bytes) -> str:
    """Return the name that a track declared as 16-bit PCM needs, so that `set_wave_headers` declares another sound.

    Args:
        name: its final name.
        header: WAVEFORMATEX, as in a WAV file, of the sound in its packets.
    """
    return name + _WAVE + base64.b64encode(header).decode()


def set_wave_headers(path: Path) -> None:
    """Declare in a finished file which sound its tracks hold, in the place of names that `wave_name` made.

    Source: RFC 9559, and Matroska's codec mappings: A_MS/ACM.
    """

    def change(name: bytes, content: bytes, header: bytes) -> bytes:
        if name == _CODEC:  # the codec's own header follows its name
            return _element(_CODEC, b"A_MS/ACM") + _element(_PRIVATE, base64.b64decode(header))
        return _element(name, _without(content, _BITS) if name == _SOUND else content)

    _change_tracks(path, _WAVE.encode(), change)


def _change_tracks(path: Path, mark: bytes, change: Change) -> int:
    """Change the elements of tracks with a mark in their names in place; return how many tracks have one."""
    with path.open("r+b") as file:
        start, tracks = _find(file, path)
        count = 0
        for place, name, content in list(_elements(tracks)):
            if name == _TRACK and mark in content:
                changed = _filled(_changed(content, mark, change), len(content), path)
                tracks = tracks[:place] + changed + tracks[place + len(content) :]
                count += 1
        if not count:
            return 0
        first, name, content = next(_elements(tracks))
        if name == _CRC:
            rest = tracks[first + len(content) :]
            tracks = tracks[:first] + zlib.crc32(rest).to_bytes(4, "little") + rest
        file.seek(start)
        file.write(tracks)
    return count


def _changed(track: bytes, mark: bytes, change: Change) -> bytes:
    """Return a track's changed elements; its name ends before the mark, and is left out if nothing is before that."""
    elements = [(name, content) for _, name, content in _elements(track)]
    title, _, rest = dict(elements)[_NAME].rstrip(b"\0").partition(mark)
    elements = [(name, title if name == _NAME else content) for name, content in elements]
    return b"".join(change(name, content, rest) for name, content in elements if content or name != _NAME)


def _without(content: bytes, *left_out: bytes) -> bytes:
    return b"".join(_element(name, part) for _, name, part in _elements(content) if name not in left_out)


def _filled(content: bytes, length: int, path: Path) -> bytes:
    """Return elements followed by a void element (its name, its size, and zeros) that fills them to a length."""
    empty = length - len(content)
    if empty == 0:
        return content
    sized = 1 if empty - 2 < 127 else 8
    if empty < 2:
        raise _not_noted(path)
    size = (empty - 1 - sized) | 1 << 7 * sized
    return content + _VOID + size.to_bytes(sized, "big") + bytes(empty - 1 - sized)


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
        # The segment's content is searched, other elements are skipped.
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
    return OutputError(f"{path}: the shape of its pixels cannot be recorded; write .mp4 or .mov")

"""The tags of TIFF files and of EXIF blocks, which share one structure: read, written as a block, added to a file.

Source: TIFF 6.0; BigTIFF; EXIF 2.32 (CIPA DC-008), 4.6.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, NamedTuple

import numpy as np

# Bytes of one value, by its type.
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
# Bytes of each number in a value, to which the byte order applies: a rational number has two.
_UNITS = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
ASCII, SHORT, LONG, RATIONAL, UNDEFINED, LONG8, IFD8 = 2, 3, 4, 5, 7, 16, 18
HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the first bytes of TIFF and BigTIFF, in both byte orders

EXIF_POINTER, GPS_POINTER, INTEROP_POINTER = 0x8769, 0x8825, 0xA005
MAKER_NOTE = 0x927C
XMP, IPTC, PHOTOSHOP, LAYERS = 700, 33723, 34377, 37724
ORIENTATION, ICC = 274, 34675
# Tags on how and where pixels are stored, and those carried in other ways: never copied from one file to another.
_OF_THE_FILE = frozenset(
    {*range(254, 260), 262, *range(263, 267), 273, ORIENTATION, *range(277, 282), 284, *range(288, 294), 301, 317}
    | {318, 319, *range(320, 326), 330, *range(332, 348), *range(512, 522), *range(529, 533), 559, XMP, IPTC}
    | {PHOTOSHOP, LAYERS, ICC, EXIF_POINTER, GPS_POINTER, INTEROP_POINTER, 40965, 42112, 42113, 50784, 50838, 50839}
)
# Where strips and tiles lie and how long they are: long lists that are not needed here.
_PLACES = frozenset({273, 279, 324, 325})
_MOST_TAGS, _MOST_BYTES = 4096, 64 << 20


class Tag(NamedTuple):
    """One tag's values: their TIFF type, their number, and their bytes in little-endian order."""

    kind: int
    amount: int
    data: bytes

    @property
    def numbers(self) -> tuple[int, ...]:
        """Return its values if they are whole numbers; else none."""
        unit = _SIZES.get(self.kind, 0)
        if self.kind not in (1, 3, 4, 13, 16, 18):
            return ()
        return tuple(int(value) for value in np.frombuffer(self.data[: unit * self.amount], dtype=f"<u{unit}"))


Tags = Mapping[int, Tag]


def text(words: str) -> Tag:
    """Return a text as a tag, in UTF-8, as most programs write text that is not ASCII."""
    data = words.encode() + b"\0"
    return Tag(ASCII, len(data), data)


def numbers(kind: int, values: Sequence[int]) -> Tag:
    """Return whole numbers as a tag of type `SHORT`, `LONG` or `LONG8`."""
    return Tag(kind, len(values), np.array(values, dtype=f"<u{_SIZES[kind]}").tobytes())


@dataclass(frozen=True)
class Exif:
    """What describes a picture in EXIF's four directories.

    Attributes:
        main: the first directory, without what only describes the file.
        photo: exposure, lens, times and so on.
        gps: the place.
        interop: which rules the file follows.
        maker_place: where the camera's own notes lay in their block; offsets in them count from its beginning.
    """

    main: Tags = field(default_factory=dict)
    photo: Tags = field(default_factory=dict)
    gps: Tags = field(default_factory=dict)
    interop: Tags = field(default_factory=dict)
    maker_place: int = 0


class TagReader:
    """Reads directories of a TIFF file or an EXIF block; ValueError if it is neither."""

    def __init__(self, file: BinaryIO) -> None:
        """Read the header at the file's beginning."""
        self._file = file
        self._size = file.seek(0, 2)
        file.seek(0)
        head = file.read(16)
        if head[:4] not in HEADS:
            raise ValueError("no TIFF header")
        self._order: Literal["little", "big"] = "little" if head[:2] == b"II" else "big"
        self.big = b"+" in head[2:4]
        place = head[8:16] if self.big else head[4:8]
        if len(place) < (8 if self.big else 4):
            raise ValueError("a TIFF header cut short")
        self.first = self._number(place)

    def raw(self, place: int) -> tuple[dict[int, bytes], int]:
        """Return a directory's entries as they are stored, by number, and where the next directory lies."""
        start, entry, link = (8, 20, 8) if self.big else (2, 12, 4)
        count = self._number(self._read(place, start))
        if count > _MOST_TAGS:
            raise ValueError("too many tags")
        block = self._read(place + start, count * entry + link)
        entries = [block[entry * index : entry * (index + 1)] for index in range(count)]
        numbered = {self._number(item[:2]): item for item in entries}
        return numbered, self._number(block[count * entry :])

    def tags(self, place: int) -> tuple[dict[int, Tag], dict[int, int], int]:
        """Return a directory's tags, where the value of each lies, and where the next directory lies (0 if none).

        Tags whose values are missing or of unknown types are left out, and so are lists of strips and tiles.
        """
        tags: dict[int, Tag] = {}
        places: dict[int, int] = {}
        entries, following = self.raw(place)
        inline = 8 if self.big else 4
        for number, item in entries.items():
            kind = self._number(item[2:4])
            count = self._number(item[4 : 4 + inline])
            length = _SIZES.get(kind, 0) * count
            if number in _PLACES or not 0 < length <= _MOST_BYTES:
                continue
            value = item[4 + inline :]
            if length > inline:
                places[number] = self._number(value)
                try:
                    value = self._read(places[number], length)
                except ValueError:
                    continue
            data = value[:length]
            tags[number] = Tag(kind, count, data if self._order == "little" else swapped(data, kind))
        return tags, places, following

    def with_numbers(self, content: bytes, place: int, numbers: Mapping[int, int]) -> bytes:
        """Return a file's content with other values for 16-bit numbers in the directory at a place."""
        start, entry, value = (8, 20, 12) if self.big else (2, 12, 8)
        result = bytearray(content)
        for index, number in enumerate(self.raw(place)[0]):
            if number in numbers:
                at = place + start + index * entry + value
                result[at : at + 2] = numbers[number].to_bytes(2, self._order)
        return bytes(result)

    def _read(self, place: int, length: int) -> bytes:
        if place + length > self._size:
            raise ValueError("a tag lies outside the file")
        self._file.seek(place)
        return self._file.read(length)

    def _number(self, data: bytes) -> int:
        return int.from_bytes(data, self._order)


def swapped(data: bytes, kind: int) -> bytes:
    """Return the values of a type in the other byte order."""
    unit = _UNITS.get(kind, 1)
    return data if unit == 1 else np.frombuffer(data, dtype=f">u{unit}").astype(f"<u{unit}").tobytes()


def read_exif(file: BinaryIO, place: int = 0) -> tuple[Exif, dict[int, Tag]]:
    """Read what describes the picture from a TIFF file or an EXIF block, and all tags of its main directory.

    Args:
        file: the file or block.
        place: where the main directory lies; 0 for the first one. What it lacks is taken from the first.

    Raises:
        ValueError: it is neither, or damaged.
    """
    reader = TagReader(file)
    main, _, _ = reader.tags(reader.first)
    if place:
        main |= reader.tags(place)[0]
    below: dict[int, dict[int, Tag]] = {}
    places: dict[int, dict[int, int]] = {}
    for pointer in (EXIF_POINTER, GPS_POINTER, INTEROP_POINTER):
        holder = below[EXIF_POINTER] if pointer == INTEROP_POINTER else main
        below[pointer], places[pointer] = {}, {}
        with suppress(ValueError):
            if pointer in holder and holder[pointer].numbers:
                below[pointer], places[pointer], _ = reader.tags(holder[pointer].numbers[0])
    photo = {number: tag for number, tag in below[EXIF_POINTER].items() if number != INTEROP_POINTER}
    kept = {number: tag for number, tag in main.items() if number not in _OF_THE_FILE}
    maker_place = places[EXIF_POINTER].get(MAKER_NOTE, 0)
    return Exif(kept, photo, below[GPS_POINTER], below[INTEROP_POINTER], maker_place), main


def exif_block(exif: Exif) -> bytes:
    """Return an EXIF block; the camera's own notes keep their place, since offsets in them count from its beginning."""
    head = struct.pack("<2sHI", b"II", 42, 0)
    note = exif.photo.get(MAKER_NOTE)
    fixed: dict[int, int] = {}
    if note is not None and len(note.data) > 4 and len(head) <= exif.maker_place <= 4096:
        head = head.ljust(exif.maker_place, b"\0") + note.data + bytes(len(note.data) & 1)
        fixed = {MAKER_NOTE: exif.maker_place}
    body, first = _directories(exif, len(head), big=False, fixed=fixed)
    return head[:4] + struct.pack("<I", first) + head[8:] + body


def add_to_tiff(file: BinaryIO, exif: Exif) -> None:
    """Add tags to the first directory of a little-endian TIFF file, in place of those it has already.

    The directory is written again at the file's end, since there is no room where it lies.
    """
    reader = TagReader(file)
    entries, following = reader.raw(reader.first)
    place = file.seek(0, 2)
    if place % 2:
        file.write(b"\0")
        place += 1
    body, first = _directories(exif, place, big=reader.big, given=entries, following=following)
    file.write(body)
    file.seek(8 if reader.big else 4)
    file.write(struct.pack("<Q" if reader.big else "<I", first))


def _directories(
    exif: Exif,
    place: int,
    *,
    big: bool,
    fixed: Mapping[int, int] | None = None,
    given: Mapping[int, bytes] | None = None,
    following: int = 0,
) -> tuple[bytes, int]:
    """Return EXIF's directories for a place in a file, the main one last, and where the main one lies."""
    photo, main = dict(exif.photo), dict(exif.main)
    body = b""
    for held, above, pointer in (
        (exif.interop, photo, INTEROP_POINTER),
        (photo, main, EXIF_POINTER),
        (exif.gps, main, GPS_POINTER),
    ):
        if held:
            at = place + len(body)
            above[pointer] = numbers(LONG if at < 1 << 32 else IFD8, [at])
            body += directory(held, at, big=big, fixed=fixed if held is photo else None)
    first = place + len(body)
    return body + directory(main, first, big=big, given=given, following=following), first


def directory(
    tags: Tags,
    place: int,
    *,
    big: bool,
    fixed: Mapping[int, int] | None = None,
    given: Mapping[int, bytes] | None = None,
    following: int = 0,
) -> bytes:
    """Return one directory for a place, followed by its longer values.

    Args:
        tags: what it holds.
        place: where in the file.
        big: whether the file is a BigTIFF.
        fixed: where values lie already.
        given: entries to keep as they are stored, unless `tags` has others.
        following: where the next directory lies.
    """
    inline, word = (8, "Q") if big else (4, "I")
    entries = dict(given or {})
    tags = {number: tag for number, tag in tags.items() if big or tag.kind < 16}
    count = len(entries.keys() | tags.keys())
    behind = place + (8 if big else 2) + count * (20 if big else 12) + (8 if big else 4)
    extra = b""
    for number, tag in tags.items():
        value = tag.data.ljust(inline, b"\0")
        if len(tag.data) > inline:
            at = (fixed or {}).get(number)
            if at is None:
                at = behind + len(extra)
                extra += tag.data + bytes(len(tag.data) & 1)
            value = struct.pack(f"<{word}", at)
        entries[number] = struct.pack(f"<HH{word}", number, tag.kind, tag.amount) + value
    start = struct.pack("<Q" if big else "<H", count)
    return start + b"".join(entries[number] for number in sorted(entries)) + struct.pack(f"<{word}", following) + extra

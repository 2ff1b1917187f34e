"""The pieces that files consist of: segments of JPEG, chunks of WebP, boxes of ISO files, and Photoshop's resources.

JPEG, TIFF and PNG files keep IPTC in Photoshop's resources. Source of these: Adobe Photoshop file formats
specification, "Image Resource Blocks".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

SIGNATURE = b"Photoshop 3.0\0"  # precedes Photoshop's resources in a JPEG file's segment
_IPTC = 0x0404
# Resources that describe the old pixels or are carried in other ways: print resolution, thumbnails, profile, EXIF, XMP,
# and the digest of the IPTC block.
_DROPPED = frozenset({_IPTC, 0x0409, 0x040C, 0x040F, 0x0422, 0x0423, 0x0424})


def segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the marker and content of a JPEG file's segments before its pixels; ends where they are damaged."""
    file.seek(2)
    while file.read(1) == b"\xff":
        while (marker := file.read(1)) == b"\xff":
            pass
        length = int.from_bytes(file.read(2), "big")
        if marker in (b"", b"\xda", b"\xd9") or length < 2:
            return
        yield marker[0], file.read(length - 2)


def webp_data(content: bytes) -> tuple[int, int]:
    """Return where the data of a WebP file's only picture begin, and their stated length; zeros if there are none."""
    place = 12
    while place + 8 <= len(content):
        size = int.from_bytes(content[place + 4 : place + 8], "little")
        if content[place : place + 4] in (b"VP8 ", b"VP8L"):
            return place + 8, size
        place += 8 + size + size % 2
    return 0, 0


def boxes(content: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Yield each box's kind, and where its content begins and ends, which may be after the end of a file cut short.

    Source: ISO/IEC 14496-12, 4.2, for AVIF and HEIC; JPEG 2000 has the same ones.
    """
    end = len(content) if end is None else end
    while start + 8 <= end:
        length, head = int.from_bytes(content[start : start + 4], "big"), 8
        if length == 1:
            length, head = int.from_bytes(content[start + 8 : start + 16], "big"), 16
        stop = start + length if length else end
        if stop < start + head:
            return
        yield content[start + 4 : start + 8], start + head, stop
        start = stop


def divided(block: bytes) -> tuple[bytes, bytes]:
    """Return the IPTC records in a block of Photoshop's resources, and the other resources that are kept."""
    iptc, others = b"", b""
    for number, whole, data in _resources(block.removeprefix(SIGNATURE)):
        if number == _IPTC and not iptc:
            iptc = data
        elif number not in _DROPPED:
            others += whole
    return iptc, others


def joined(iptc: bytes, others: bytes) -> bytes:
    """Return a block of resources of IPTC records and of other resources."""
    own = b"8BIM" + struct.pack(">HHI", _IPTC, 0, len(iptc)) + iptc + bytes(len(iptc) & 1)
    return (own if iptc else b"") + others


def _resources(block: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield each resource's number, all its bytes, and its data; ends where the block is damaged."""
    place = 0
    while block[place : place + 4] in (b"8BIM", b"MeSa", b"PHUT") and place + 12 <= len(block):
        number = int.from_bytes(block[place + 4 : place + 6], "big")
        name = block[place + 6] + 1
        start = place + 6 + name + (name & 1)
        length = int.from_bytes(block[start : start + 4], "big")
        data = block[start + 4 : start + 4 + length]
        if len(data) < length:
            return
        end = start + 4 + length + (length & 1)
        yield number, block[place:end].ljust(end - place, b"\0"), data
        place = end

"""Photoshop's resource blocks, in which JPEG and PNG files keep IPTC, and IPTC in the text chunks of PNG.

Source: Adobe Photoshop file formats specification, "Image Resource Blocks"; ImageMagick's and ExifTool's raw profiles.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

SIGNATURE = b"Photoshop 3.0\0"
_IPTC = 0x0404
# Resources that describe the old pixels or are carried in other ways: print resolution, thumbnails, profile, EXIF, XMP,
# and the digest of the IPTC block.
_DROPPED = frozenset({_IPTC, 0x0409, 0x040C, 0x040F, 0x0422, 0x0423, 0x0424})


def parts(block: bytes) -> tuple[bytes, bytes]:
    """Return the IPTC records in a block of resources, and the other resources that are kept."""
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


def raw_profile(name: str, data: bytes) -> str:
    """Return bytes as the text of a PNG chunk called "Raw profile type NAME"."""
    digits = data.hex()
    lines = "\n".join(digits[place : place + 72] for place in range(0, len(digits), 72))
    return f"\n{name}\n{len(data):8}\n{lines}\n"


def from_raw_profile(text: str) -> bytes:
    """Return the bytes that such a text holds; empty if it is damaged."""
    lines = text.strip().splitlines()  # the name, the length, and the digits
    try:
        return bytes.fromhex("".join(lines[2:]))[: int(lines[1])]
    except (IndexError, ValueError):
        return b""

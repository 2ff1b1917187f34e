"""Write metadata into finished files, in each format's own way, and name what a format has no place for.

libvips writes the pixels, the profile and the resolution. The rest is written here, because libvips truncates or drops
too much of it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO

from tinct.media.image import png, tags, xmp
from tinct.media.image.containers import SIGNATURE, boxes, joined
from tinct.media.image.formats import Format
from tinct.media.image.metadata import MORE_XMP_IN_JPEG, XMP_IN_JPEG, XMP_IN_PNG, Metadata
from tinct.media.image.tags import Exif, Tag

_USER_COMMENT, _EXIF_VERSION = 0x9286, 0x9000
_VERSION_2_32 = Tag(tags.UNDEFINED, 4, b"0232")
# Texts of PNG that EXIF has a tag for.
_TAG_OF_TEXT = {"Description": 270, "Author": 315, "Copyright": 33432}
_LONGEST_SEGMENT = 65_533
_COPIED_AT_ONCE = 1 << 20


def fitted(metadata: Metadata, form: Format) -> Metadata:
    """Return the metadata that a format has a place for, moved to that place; `lost` names the rest."""
    if form.name == "png":
        return replace(
            metadata, comments=(), texts=(*metadata.texts, *(("Comment", words) for words in metadata.comments))
        )
    main, comments = dict(metadata.exif.main), list(metadata.comments)
    for name, words in metadata.texts:
        tag = _TAG_OF_TEXT.get(name)
        if tag is not None and tag not in main:
            main[tag] = tags.text(words)
        else:
            comments.append(words if name == "Comment" else f"{name}: {words}")
    exif, lost = replace(metadata.exif, main=main), list(metadata.lost)
    kind = form.suffixes[0][1:].upper()
    if form.name == "jpeg":
        exif, dropped = _short_enough(exif)
        lost += [f"{kind} holds at most 64 kB of EXIF: the longest entries were left out"] * dropped
        return replace(metadata, exif=exif, comments=tuple(comments), texts=(), lost=tuple(lost))
    if comments and _USER_COMMENT in exif.photo:
        lost.append(f"{kind} has no place for comments besides EXIF's own: they were left out")
    elif comments:
        exif = replace(
            exif,
            photo={_EXIF_VERSION: _VERSION_2_32, **exif.photo, _USER_COMMENT: _comment(comments)},
        )
    metadata = replace(metadata, exif=exif, comments=(), texts=())
    if form.name in ("webp", "heif") and (metadata.iptc or metadata.photoshop):
        what = " and ".join(["IPTC"] * bool(metadata.iptc) + ["Photoshop's own data"] * bool(metadata.photoshop))
        lost.append(f"{kind} has no place for {what}: left out")
        metadata = replace(metadata, iptc=b"", photoshop=b"")
    return replace(metadata, lost=tuple(lost))


def _short_enough(exif: Exif) -> tuple[Exif, bool]:
    """Leave out the longest entries until the rest fits into a segment of a JPEG file."""
    parts = {"main": dict(exif.main), "photo": dict(exif.photo), "gps": dict(exif.gps)}
    dropped = False
    while len(tags.exif_block(exif)) > _LONGEST_SEGMENT - 6:
        lengths = [(len(tag.data), name, number) for name, held in parts.items() for number, tag in held.items()]
        _, name, number = max(lengths)
        del parts[name][number]
        exif = replace(exif, main=parts["main"], photo=parts["photo"], gps=parts["gps"])
        dropped = True
    return exif, dropped


def _comment(comments: Iterable[str]) -> Tag:
    words = "\n".join(comments)
    data = b"ASCII\0\0\0" + words.encode() if words.isascii() else b"UNICODE\0" + words.encode("utf-16-le")
    return Tag(tags.UNDEFINED, len(data), data)


def embed(
    file: BinaryIO, form: Format, metadata: Metadata, *, size: tuple[int, int], alpha: bool, ours: str = ""
) -> None:
    """Put metadata into a finished file.

    Args:
        file: open for reading and writing.
        form: its format.
        metadata: what `fitted` returned for this format.
        size: the picture's width and height.
        alpha: whether it has transparency.
        ours: tinct's own description in `metadata.xmp`, which must stay where every program looks.
    """
    if form.name == "jpeg":
        _insert(file, _behind_jfif(file), b"".join(_jpeg_segments(metadata, ours)))
    elif form.name == "png":
        _insert(file, 33, b"".join(_png_chunks(metadata)))  # after the signature and the header
    elif form.name == "tiff":
        _into_tiff(file, metadata)
    elif form.name == "webp":
        _into_webp(file, metadata, size=size, alpha=alpha)
    else:
        _into_heif(file, tags.exif_block(metadata.exif))


def _insert(file: BinaryIO, place: int, data: bytes) -> None:
    """Insert bytes into a file; what follows is moved, beginning at its end."""
    end = file.seek(0, 2)
    while end > place:
        start = max(place, end - _COPIED_AT_ONCE)
        file.seek(start)
        piece = file.read(end - start)
        file.seek(start + len(data))
        file.write(piece)
        end = start
    file.seek(place)
    file.write(data)


def _behind_jfif(file: BinaryIO) -> int:
    file.seek(2)
    head = file.read(4)
    return 4 + int.from_bytes(head[2:], "big") if head[:2] == b"\xff\xe0" else 2


def _jpeg_segments(metadata: Metadata, ours: str) -> Iterator[bytes]:
    def segment(marker: int, content: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content

    yield segment(0xE1, b"Exif\0\0" + tags.exif_block(metadata.exif))
    if metadata.xmp:
        main, more, name = xmp.split(metadata.xmp, ours=ours)
        yield segment(0xE1, XMP_IN_JPEG + main)
        for place in range(0, len(more), 65_400):
            head = MORE_XMP_IN_JPEG + name + struct.pack(">II", len(more), place)
            yield segment(0xE1, head + more[place : place + 65_400])
    resources = joined(metadata.iptc, metadata.photoshop)
    longest = _LONGEST_SEGMENT - len(SIGNATURE)
    for place in range(0, len(resources), longest):
        yield segment(0xED, SIGNATURE + resources[place : place + longest])
    for words in metadata.comments:
        content = words.encode()
        for place in range(0, len(content), _LONGEST_SEGMENT):
            yield segment(0xFE, content[place : place + _LONGEST_SEGMENT])


def _png_chunks(metadata: Metadata) -> Iterator[bytes]:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    yield chunk(b"eXIf", tags.exif_block(metadata.exif))
    if metadata.xmp:
        yield chunk(b"iTXt", XMP_IN_PNG.encode() + bytes(5) + metadata.xmp)
    resources = joined(metadata.iptc, metadata.photoshop)
    if resources:
        words = png.raw_profile("iptc", resources)
        yield chunk(b"zTXt", f"{png.RAW_PROFILE}iptc\0\0".encode() + zlib.compress(words.encode()))
    for name, words in metadata.texts:
        key = name.encode("latin-1", "replace")[:79]
        if words.isascii():
            yield chunk(b"tEXt", key + b"\0" + words.encode())
        else:
            yield chunk(b"iTXt", key + b"\0\0\0\0\0" + words.encode())


def _into_tiff(file: BinaryIO, metadata: Metadata) -> None:
    main = dict(metadata.exif.main)
    for number, data in ((tags.XMP, metadata.xmp), (tags.IPTC, metadata.iptc), (tags.PHOTOSHOP, metadata.photoshop)):
        if data:
            main[number] = Tag(1 if number == tags.XMP else tags.UNDEFINED, len(data), data)
    tags.add_to_tiff(file, replace(metadata.exif, main=main))


def _into_webp(file: BinaryIO, metadata: Metadata, *, size: tuple[int, int], alpha: bool) -> None:
    """Put EXIF and XMP after the pixels, where the format wants them.

    Source: RFC 9649, 2.7.
    """
    file.seek(12)
    if file.read(4) != b"VP8X":
        edges = b"".join((edge - 1).to_bytes(3, "little") for edge in size)
        _insert(file, 12, b"VP8X" + struct.pack("<IB3x", 10, 16 * alpha) + edges)
    file.seek(20)
    flags = file.read(1)[0] | 8 | (4 if metadata.xmp else 0)
    file.seek(20)
    file.write(bytes([flags]))
    file.seek(0, 2)
    for kind, data in ((b"EXIF", tags.exif_block(metadata.exif)), (b"XMP ", metadata.xmp)):
        if data:
            file.write(kind + struct.pack("<I", len(data)) + data + bytes(len(data) & 1))
    end = file.tell()
    file.seek(4)
    file.write(struct.pack("<I", end - 8))


def _into_heif(file: BinaryIO, block: bytes) -> None:
    """Append an EXIF block to the file, and make the file's own EXIF item point to it.

    Source: ISO/IEC 14496-12, 8.11.3 and 8.11.6; ISO/IEC 23008-12, annex A.2.1.
    """
    file.seek(0)
    head = file.read(_COPIED_AT_ONCE)
    place = next(start for kind, start, _ in boxes(head) if kind == b"meta") + 4
    inside = {kind: (start, end) for kind, start, end in boxes(head, place)}
    item = _exif_item(head, *inside[b"iinf"])
    data = bytes(4) + block
    at = file.seek(0, 2) + 8
    file.write(struct.pack(">I4s", len(data) + 8, b"mdat") + data)
    for position, width, value in _location(head, inside[b"iloc"][0], item, at, len(data)):
        file.seek(position)
        file.write(value.to_bytes(width, "big"))


def _exif_item(head: bytes, start: int, end: int) -> int:
    first = start + (6 if head[start] == 0 else 8)
    for _, place, _ in boxes(head, first, end):
        wide = 2 if head[place] < 3 else 4
        if head[place + 4 + wide + 2 : place + 4 + wide + 6] == b"Exif":
            return int.from_bytes(head[place + 4 : place + 4 + wide], "big")
    raise ValueError("the file has no EXIF item")


def _location(head: bytes, start: int, item: int, at: int, length: int) -> Iterator[tuple[int, int, int]]:
    """Yield where to write which number, in how many bytes, so that an item's only piece lies at `at`."""
    version = head[start]
    offset_width, length_width = head[start + 4] >> 4, head[start + 4] & 15
    base_width, index_width = head[start + 5] >> 4, (head[start + 5] & 15) if version else 0
    wide = 2 if version < 2 else 4
    count = int.from_bytes(head[start + 6 : start + 6 + wide], "big")
    place = start + 6 + wide
    for _ in range(count):
        own = int.from_bytes(head[place : place + wide], "big") == item
        place += wide + (2 if version else 0) + 2
        base, place = place, place + base_width
        extents, place = int.from_bytes(head[place : place + 2], "big"), place + 2
        for extent in range(extents):
            place += index_width
            if own and extent == 0:
                yield from ((base, base_width, at),) if base_width else ()
                yield from ((place, offset_width, 0 if base_width else at),) if offset_width else ()
                yield place + offset_width, length_width, length
            place += offset_width + length_width

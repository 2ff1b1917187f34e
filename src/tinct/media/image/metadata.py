"""What a picture file says about its picture, read from every format into one form."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import pyvips

from tinct.media.image import photoshop, tags, xmp
from tinct.media.image.tags import Exif, Tag

_XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
_MORE_XMP_IN_JPEG = b"http://ns.adobe.com/xmp/extension/\0"
_XMP_IN_PNG = "XML:com.adobe.xmp"
_RAW_PROFILE = "Raw profile type "
_LONGEST_TEXT = 16 << 20
_WIDTH, _HEIGHT, _COLOR_SPACE = 0xA002, 0xA003, 0xA001
_RESOLUTION, _RESOLUTION_UNIT = (282, 283), 296


@dataclass(frozen=True)
class Metadata:
    """What a file says about its picture.

    Attributes:
        exif: EXIF's directories; of a TIFF file its own tags as well.
        xmp: the XMP packet.
        iptc: IPTC's records.
        photoshop: Photoshop's other resources, such as clipping paths.
        comments: texts without a name.
        texts: texts with names, as PNG has them.
        lost: what could not be read, a sentence each.
    """

    exif: Exif = field(default_factory=Exif)
    xmp: bytes = b""
    iptc: bytes = b""
    photoshop: bytes = b""
    comments: tuple[str, ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    lost: tuple[str, ...] = ()


def read_metadata(source: Path | bytes, image: pyvips.Image, *, directory: int = 0) -> Metadata:
    """Read what a file says about its picture; damaged parts are named in `lost`.

    Args:
        source: the file, or its bytes.
        image: the same, opened by libvips.
        directory: of a TIFF file, where the tags of the page lie; 0 for the first page's.

    Raises:
        OSError: the file cannot be read.
    """
    loader = str(image.get("vips-loader")) if image.get_typeof("vips-loader") else ""
    readers: dict[str, Callable[[BinaryIO], Metadata]] = {"jpegload": _of_jpeg, "pngload": _of_png}
    reader = next((reader for name, reader in readers.items() if loader.startswith(name)), None)
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        if loader.startswith("tiffload"):
            return _of_tiff(file, directory)
        if reader is not None:
            return reader(file)
    metadata = Metadata(xmp=_blob(image, "xmp-data"))
    return _with_exif(replace(metadata, comments=_comments(image)), _blob(image, "exif-data"))


def _comments(image: pyvips.Image) -> tuple[str, ...]:
    """Return a GIF file's comments; none where names or texts of a file's fields are no UTF-8."""
    try:
        return tuple(str(image.get(name)) for name in image.get_fields() if name.startswith("gif-comment"))
    except UnicodeDecodeError:
        return ()


def for_result(metadata: Metadata, image: pyvips.Image, *, size: tuple[int, int], srgb: bool) -> Metadata:
    """Return metadata that fit a result: upright, of its size, in its colours.

    Args:
        metadata: what the picture's file says.
        image: the picture, opened by libvips.
        size: the result's width and height.
        srgb: whether its colours are said to be sRGB's.
    """
    main, photo = dict(metadata.exif.main), dict(metadata.exif.photo)
    for number, edge in zip((_WIDTH, _HEIGHT), size, strict=True):
        if number in photo:
            photo[number] = Tag(tags.LONG, 1, struct.pack("<I", edge))
    if srgb and _COLOR_SPACE in photo:
        photo[_COLOR_SPACE] = tags.shorts(1)
    if _RESOLUTION[0] not in main and (image.xres, image.yres) != (1.0, 1.0):  # which libvips says where none is known
        for number, value in zip(_RESOLUTION, (image.xres, image.yres), strict=True):
            main[number] = Tag(tags.RATIONAL, 1, struct.pack("<II", round(value * 25400), 1000))
        main[_RESOLUTION_UNIT] = tags.shorts(2)
    turned = image.get_typeof("orientation") and image.get("orientation") > 1
    packet = xmp.upright(metadata.xmp) if turned else metadata.xmp
    return replace(metadata, exif=replace(metadata.exif, main=main, photo=photo), xmp=packet)


def _blob(image: pyvips.Image, name: str) -> bytes:
    return bytes(image.get(name)) if image.get_typeof(name) else b""


def _with_exif(metadata: Metadata, block: bytes) -> Metadata:
    if not block:
        return metadata
    try:
        return replace(metadata, exif=tags.read_exif(io.BytesIO(block.removeprefix(b"Exif\0\0")))[0])
    except ValueError:
        return replace(metadata, lost=(*metadata.lost, "its EXIF block is damaged and was left out"))


def _with_resources(metadata: Metadata, block: bytes) -> Metadata:
    iptc, others = photoshop.parts(block)
    return replace(metadata, iptc=metadata.iptc or iptc, photoshop=others)


def _of_tiff(file: BinaryIO, directory: int) -> Metadata:
    try:
        exif, main = tags.read_exif(file, directory)
    except ValueError:
        return Metadata(lost=("its tags are damaged and were left out",))
    lost = ("Photoshop's layers were left out: the result is one picture",) if tags.LAYERS in main else ()
    metadata = Metadata(exif=exif, xmp=_tag_bytes(main.get(tags.XMP)), iptc=_iptc(main.get(tags.IPTC)), lost=lost)
    return _with_resources(metadata, _tag_bytes(main.get(tags.PHOTOSHOP)))


def _tag_bytes(tag: Tag | None) -> bytes:
    return b"" if tag is None else tag.data


def _iptc(tag: Tag | None) -> bytes:
    """Return IPTC's records; some files call them numbers of 4 bytes, whose order is then to be changed back."""
    data = _tag_bytes(tag)
    if tag is not None and data[:1] != b"\x1c":
        turned = tags.swapped(data, tag.kind)
        data = turned if turned[:1] == b"\x1c" else data
    return data


def _of_jpeg(file: BinaryIO) -> Metadata:
    block, packet, resources = b"", b"", b""
    more: dict[bytes, dict[int, bytes]] = {}
    comments = []
    for marker, data in segments(file):
        if marker == 0xFE:
            comments.append(_decoded(data.rstrip(b"\0")))
        elif marker == 0xE1 and data.startswith(b"Exif\0"):
            block = block or data[6:]
        elif marker == 0xE1 and data.startswith(_XMP_IN_JPEG):
            packet = packet or data[len(_XMP_IN_JPEG) :]
        elif marker == 0xE1 and data.startswith(_MORE_XMP_IN_JPEG):
            rest = data[len(_MORE_XMP_IN_JPEG) :]
            more.setdefault(rest[:32], {})[int.from_bytes(rest[36:40], "big")] = rest[40:]
        elif marker == 0xED and data.startswith(photoshop.SIGNATURE):
            resources += data[len(photoshop.SIGNATURE) :]
    for name, pieces in more.items():
        if name in packet:
            packet = xmp.merged(packet, b"".join(pieces[place] for place in sorted(pieces)))
    metadata = Metadata(xmp=packet, comments=tuple(comments))
    return _with_exif(_with_resources(metadata, resources), block)


def segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the segments of a JPEG file before its pixels: marker, and what those hold that are not for the decoder."""
    file.seek(2)
    while file.read(1) == b"\xff":
        while (marker := file.read(1)) == b"\xff":
            pass
        length = int.from_bytes(file.read(2), "big")
        if marker in (b"", b"\xda", b"\xd9") or length < 2:
            return
        if marker[0] == 0xFE or 0xE0 <= marker[0] <= 0xEF:
            yield marker[0], file.read(length - 2)
        else:
            file.seek(length - 2, 1)
            yield marker[0], b""


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _of_png(file: BinaryIO) -> Metadata:
    block, packet, resources = b"", b"", b""
    texts = []
    for kind, data in _chunks(file):
        if kind == b"eXIf":
            block = data
            continue
        name, words = _text_of(kind, data)
        if name == _XMP_IN_PNG:
            packet = packet or words.encode()
        elif name in (f"{_RAW_PROFILE}iptc", f"{_RAW_PROFILE}8bim"):
            raw = photoshop.from_raw_profile(words)
            resources = raw if raw.startswith((b"8BIM", photoshop.SIGNATURE)) else photoshop.joined(raw, b"")
        elif name in (f"{_RAW_PROFILE}exif", f"{_RAW_PROFILE}APP1"):
            raw = photoshop.from_raw_profile(words)
            block = block or (raw if raw.startswith(b"Exif") else b"")
        elif name and not name.startswith(_RAW_PROFILE):
            texts.append((name, words))
    metadata = Metadata(xmp=packet, texts=tuple(texts))
    return _with_exif(_with_resources(metadata, resources), block)


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks of a PNG file that hold texts or EXIF: kind and content."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"tEXt", b"zTXt", b"iTXt", b"eXIf") and length <= _LONGEST_TEXT:
            yield kind, file.read(length)
            file.seek(4, 1)
        else:
            file.seek(length + 4, 1)


def _text_of(kind: bytes, data: bytes) -> tuple[str, str]:
    """Return a text chunk's name and text; both empty where it is damaged.

    Source: PNG specification, third edition, 11.3.3.
    """
    name, _, rest = data.partition(b"\0")
    with suppress(zlib.error, IndexError):
        if kind == b"tEXt":
            return name.decode("latin-1"), rest.decode("latin-1")
        if kind == b"zTXt":
            return name.decode("latin-1"), _inflated(rest[1:]).decode("latin-1")
        packed = rest[0] == 1
        words = rest[2:].split(b"\0", 2)[2]
        return name.decode("latin-1"), (_inflated(words) if packed else words).decode("utf-8", "replace")
    return "", ""


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, _LONGEST_TEXT)

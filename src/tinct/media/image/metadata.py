"""What a picture file says about its picture, read from every format into one form, and what its result says."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import pyvips

from tinct.media.image import containers, png, tags, xmp
from tinct.media.image.pixels import field_of
from tinct.media.image.tags import Exif, Tag

# What precedes XMP in a JPEG file's segment, and the extended part of a long packet.
XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
MORE_XMP_IN_JPEG = b"http://ns.adobe.com/xmp/extension/\0"
XMP_IN_PNG = "XML:com.adobe.xmp"  # the name of the PNG text chunk that holds XMP
_WIDTH, _HEIGHT, _COLOR_SPACE = 0xA002, 0xA003, 0xA001
_RESOLUTION, _RESOLUTION_UNIT, _SOFTWARE = (282, 283), 296, 305
_BEHIND = ("what lies behind the picture in its file (a film, a gain map, a second view) was left out",)
# Pixels per millimetre; a higher value is not a real resolution, and libvips cannot write it.
HIGHEST_RESOLUTION = 100_000.0


@dataclass(frozen=True)
class Metadata:
    """What a file says about its picture.

    Attributes:
        exif: EXIF's directories; for a TIFF file, its own tags as well.
        xmp: the XMP packet.
        iptc: IPTC's records.
        photoshop: Photoshop's other resources, such as clipping paths.
        comments: texts without a name.
        texts: texts with names, as PNG has them.
        lost: what could not be read, one sentence each.
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
        directory: where the tags of a TIFF file's page lie; 0 for the first page.

    Raises:
        OSError: the file cannot be read.
    """
    loader = str(field_of(image, "vips-loader", ""))
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        if loader.startswith("tiffload"):
            return _of_tiff(file, directory)
        if loader.startswith("jpegload"):
            return _of_jpeg(file)
        if loader.startswith("pngload"):
            return _of_png(file)
    metadata = Metadata(xmp=bytes(field_of(image, "xmp-data", b"")), comments=_comments(image))
    return _with_exif(metadata, bytes(field_of(image, "exif-data", b"")))


def _comments(image: pyvips.Image) -> tuple[str, ...]:
    """Return a GIF file's comments; none if names or texts of its fields are not UTF-8."""
    try:
        return tuple(str(image.get(name)) for name in image.get_fields() if name.startswith("gif-comment"))
    except UnicodeDecodeError:
        return ()


def for_result(metadata: Metadata, image: pyvips.Image, *, size: tuple[int, int], srgb: bool) -> Metadata:
    """Return metadata adjusted to a result: upright, with its size and its colour space.

    Args:
        metadata: what the picture's file says.
        image: the picture, opened by libvips.
        size: the result's width and height.
        srgb: whether the result declares its colours as sRGB.
    """
    main, photo = dict(metadata.exif.main), dict(metadata.exif.photo)
    for number, edge in zip((_WIDTH, _HEIGHT), size, strict=True):
        if number in photo:
            photo[number] = tags.numbers(tags.LONG, [edge])
    if srgb and _COLOR_SPACE in photo:
        photo[_COLOR_SPACE] = tags.numbers(tags.SHORT, [1])
    if _RESOLUTION[0] not in main and (image.xres, image.yres) != (1.0, 1.0):  # libvips' value for an unknown one
        for number, value in zip(_RESOLUTION, (image.xres, image.yres), strict=True):
            dots = round(min(value, HIGHEST_RESOLUTION) * 25400)
            main[number] = Tag(tags.RATIONAL, 1, struct.pack("<II", dots, 1000))
        main[_RESOLUTION_UNIT] = tags.numbers(tags.SHORT, [2])
    unit = main.get(_RESOLUTION_UNIT)
    if unit is not None and unit.numbers[:1] not in ((1,), (2,), (3,)):
        main[_RESOLUTION_UNIT] = tags.numbers(tags.SHORT, [2])
    packet = xmp.upright(metadata.xmp) if field_of(image, "orientation", 1) > 1 else metadata.xmp
    return replace(metadata, exif=replace(metadata.exif, main=main, photo=photo), xmp=packet)


def with_note(metadata: Metadata, settings: Mapping[str, str]) -> Metadata:
    """Return metadata that say, in EXIF and XMP, that the picture was colorized, by which version and settings.

    `settings` are values by names, such as `model` and `temperature`; names consist of letters only.
    """
    note = xmp.note_of(settings)
    before = metadata.exif.main.get(_SOFTWARE)
    words = before.data.rstrip(b"\0").decode(errors="replace") if before is not None else ""
    words = words.split(xmp.MARK)[0].rstrip("; ")
    main = {**metadata.exif.main, _SOFTWARE: tags.text(f"{words}; {note}" if words else note)}
    packet = xmp.noted(metadata.xmp or None, note, settings)
    return replace(metadata, exif=replace(metadata.exif, main=main), xmp=packet)


def _with_exif(metadata: Metadata, block: bytes) -> Metadata:
    if not block:
        return metadata
    try:
        return replace(metadata, exif=tags.read_exif(io.BytesIO(block.removeprefix(b"Exif\0\0")))[0])
    except ValueError:
        return replace(metadata, lost=(*metadata.lost, "its EXIF block is damaged and was left out"))


def _with_resources(metadata: Metadata, block: bytes) -> Metadata:
    iptc, others = containers.divided(block)
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
    """Return IPTC's records; some files declare them as 4-byte numbers, whose byte order must then be changed back."""
    data = _tag_bytes(tag)
    if tag is not None and data[:1] != b"\x1c":
        turned = tags.swapped(data, tag.kind)
        data = turned if turned[:1] == b"\x1c" else data
    return data


def _of_jpeg(file: BinaryIO) -> Metadata:
    block, packet, resources = b"", b"", b""
    more: dict[bytes, dict[int, bytes]] = {}
    comments: list[str] = []
    lost: tuple[str, ...] = ()
    for marker, data in containers.segments(file):
        if marker == 0xE2 and data.startswith(b"MPF\0"):
            lost = _BEHIND
        elif marker == 0xFE:
            comments.append(_decoded(data.rstrip(b"\0")))
        elif marker == 0xE1 and data.startswith(b"Exif\0"):
            block = block or data[6:]
        elif marker == 0xE1 and data.startswith(XMP_IN_JPEG):
            packet = packet or data[len(XMP_IN_JPEG) :]
        elif marker == 0xE1 and data.startswith(MORE_XMP_IN_JPEG):
            rest = data[len(MORE_XMP_IN_JPEG) :]
            more.setdefault(rest[:32], {})[int.from_bytes(rest[36:40], "big")] = rest[40:]
        elif marker == 0xED and data.startswith(containers.SIGNATURE):
            resources += data[len(containers.SIGNATURE) :]
    for name, pieces in more.items():
        if name in packet:
            packet = xmp.merged(packet, b"".join(pieces[place] for place in sorted(pieces)))
    if (own := xmp.alone(packet)) != packet:
        packet, lost = own, _BEHIND
    metadata = Metadata(xmp=packet, comments=tuple(comments), lost=lost)
    return _with_exif(_with_resources(metadata, resources), block)


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _of_png(file: BinaryIO) -> Metadata:
    block, packet, resources = b"", b"", b""
    texts = []
    for kind, data in png.chunks(file):
        if kind == b"eXIf":
            block = data
            continue
        name, words = png.text_of(kind, data)
        if name == XMP_IN_PNG:
            packet = packet or words.encode()
        elif name in (f"{png.RAW_PROFILE}iptc", f"{png.RAW_PROFILE}8bim"):
            raw = png.from_raw_profile(words)
            resources = raw if raw.startswith((b"8BIM", containers.SIGNATURE)) else containers.joined(raw, b"")
        elif old := png.exif_in(name, words):
            block = block or old
        elif name and not name.startswith(png.RAW_PROFILE):
            texts.append((name, words))
    metadata = Metadata(xmp=packet, texts=tuple(texts))
    return _with_exif(_with_resources(metadata, resources), block)

"""What a file is by its first bytes, and whether tinct reads it: its kind, its stated size, or what else it is.

The size is checked before anything is decoded: a file of a few bytes may claim billions of pixels.
"""

from __future__ import annotations

import re
import struct

import pyvips

from tinct.errors import InputError

HEAD = 64  # bytes at a file's beginning that tell its kind
# More pixels than this are refused: a billion take a minute, and files that claim more are mostly traps.
MOST_PIXELS = 1_000_000_000
LONGEST_EDGE = 1_000_000  # a picture with a longer edge is refused: streaming it by rows would take gigabytes
LEAST_EDGE = 8  # a picture with a shorter edge shows nothing to colour

# First bytes of files that libvips' packages cannot read, and a name for what begins so, like those of its loaders.
_OTHERS = (
    (re.compile(rb"BM"), "bmpload"),
    (re.compile(rb"P[1-6]\s"), "pnmload"),
    (re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"), "jp2kload"),
    (re.compile(rb".{4}ftyp(?:he[imv][csx]|.{8,48}?he[iv][cx])", re.DOTALL), "heifload_hevc"),
    (re.compile(rb".{4}ftypcrx |FUJIFILMCCD-RAW|II[RU]\0|IIR[OS]|MMO[R]|II\*\0.{4}CR\x02", re.DOTALL), "rawload"),
)
# First bytes, what begins so, and the remedy.
_FOREIGN = (
    (rb"%PDF-", "a PDF document", "take its pictures out first, with pdfimages -all"),
    (rb"AT&TFORM", "a DjVu document", "save its pages as TIFF first, with ddjvu"),
    (rb"8BPS", "a document of Photoshop", "save it as TIFF or PNG"),
    (rb"gimp xcf", "a document of GIMP", "export it as TIFF or PNG"),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL, which tinct does not read", "save it as PNG or JPEG"),
    (rb"v/1\x01|#\?RADIANCE|#\?RGBE|P[Ff]\s", "a picture of high dynamic range", "save it as TIFF or PNG"),
    (rb"P7\s", "a PAM file, which tinct does not read", "save it as PNG"),
    (rb"\0\0[\x01\x02]\0", "an icon", "save it as PNG"),
    (rb"\x0a[\0-\x05]\x01[\x01-\x08]", "a PCX file, which tinct does not read", "save it as PNG"),
    (rb".{128}DICM", "a DICOM file", "save its picture as PNG or TIFF"),
    (rb"\0\x05\x16[\0\x07]", "what macOS notes about another file, whose name lacks the ._", "leave it out"),
    (rb"(?i:\s*<(?:!doctype html|html|head|body))", "a web page, as failed downloads leave", "download it again"),
    (rb"version https://git-lfs", "a pointer to a file that Git LFS holds", "fetch it with git lfs pull"),
    (rb"PK\x03\x04|7z\xbc\xaf\x27\x1c|Rar!|\x1f\x8b|BZh|\xfd7zXZ", "an archive", "unpack it first"),
    (rb".{4}(?:moov|mdat|ftyp(?!avi|mif|msf|hei|hev|crx))", "a film", "use tinct video"),
    (rb"\x1aE\xdf\xa3|RIFF.{4}AVI |OggS|\0\0\x01\xba|FLV\x01", "a film", "use tinct video"),
)
# The numbers that begin a PNM file; comments run from # to the end of a line.
_GAP, _NUMBER = rb"(?:\s|#[^\n]*\n)+", rb"(\d{1,20})"
_PNM = re.compile(rb"P([1-6])" + _GAP + _NUMBER + _GAP + _NUMBER + rb"(?:" + _GAP + _NUMBER + rb")?")
# The header of a JPEG 2000 codestream: its start, the marker of the image's size, its length and its profile.
_JP2 = re.compile(rb"\xff\x4f\xff\x51.{4}(.{16})", re.DOTALL)


class UnsupportedError(pyvips.Error):  # type: ignore[misc]  # a class of unknown type
    """A sound picture of a kind that tinct does not read; its `message` says which, and what to do."""


class TooManyPixelsError(pyvips.Error):  # type: ignore[misc]  # a class of unknown type
    """A picture with more pixels, or longer edges, than are wanted; its `message` says how many."""


def other_kind(head: bytes) -> str | None:
    """Return the kind of a file that libvips cannot read; None for all others.

    Args:
        head: its first `HEAD` bytes; all of a shorter file.
    """
    return next((name for magic, name in _OTHERS if magic.match(head)), None)


def named(head: bytes) -> str:
    """Return what a file is that is not a readable picture, and what to do; empty if it is not known.

    Args:
        head: its first 132 bytes or more; all of a shorter file.
    """
    if not any(head):
        return "holds nothing but zeros, as failing disks and broken transfers leave; copy it again from elsewhere"
    return next((f"is {what}; {remedy}" for magic, what, remedy in _FOREIGN if re.match(magic, head, re.DOTALL)), "")


def check_least_edge(width: int, height: int, *, name: str = "") -> None:
    """Raise InputError for a picture of too few pixels to colour; `name` is for the message."""
    if min(width, height) < LEAST_EDGE:
        few = f"{width} x {height} pixels are too few to colour; each edge needs at least {LEAST_EDGE}"
        raise InputError(f"{name}: {few}" if name else few)


def check_pixels(width: int, height: int, most: int) -> None:
    """Raise TooManyPixelsError for a picture of more than `most` pixels, or with an edge above `LONGEST_EDGE`."""
    if max(width, height) > LONGEST_EDGE:
        raise TooManyPixelsError(f"{width} x {height} pixels: an edge is longer than a million pixels, the limit here")
    if width * height > most:
        raise TooManyPixelsError(f"{width} x {height} pixels are more than {most / 1e6:g} megapixels, the limit here")


def stated_size(content: bytes, kind: str) -> tuple[int, int] | None:
    """Return width and height as the header of a BMP, PNM or JPEG 2000 file states them; None if it is damaged.

    Args:
        content: the file.
        kind: `bmpload`, `pnmload` or `jp2kload`; None is returned for others.

    Source: ISO/IEC 15444-1, A.5.1, for the last.
    """
    try:
        if kind == "bmpload":
            short = int.from_bytes(content[14:18], "little") == 12
            width, height = struct.unpack_from("<HH" if short else "<ii", content, 18)
            return abs(width), abs(height)
        if kind == "pnmload" and (header := pnm_header(content)):
            return header[:2]
        if kind == "jp2kload" and (match := _JP2.search(content)):
            right, bottom, left, top = struct.unpack(">4I", match[1])
            return max(0, right - left), max(0, bottom - top)
    except struct.error:
        pass
    return None


def pnm_header(content: bytes) -> tuple[int, int, int, int] | None:
    """Return a PNM file's width, height, largest value, and where its pixels begin; None if it is damaged.

    The largest value is 0 if the header has none.
    """
    match = _PNM.match(content)
    if match is None:
        return None
    largest, last = (0, 3) if match[1] in b"14" or match[4] is None else (int(match[4]), 4)
    return int(match[2]), int(match[3]), largest, match.end(last) + 1

"""Check how many pixels a picture says it has before anything is decoded: a file of a few bytes may claim billions."""

from __future__ import annotations

import re
import struct

import pyvips

from tinct.errors import InputError

# More pixels than this are refused: a billion take a minute, and files that claim more are mostly traps.
MOST_PIXELS = 1_000_000_000
LONGEST_EDGE = 1_000_000  # a picture with a longer edge is refused: streaming it by rows would take gigabytes
LEAST_EDGE = 8  # a picture with a shorter edge shows nothing to colour
_GAP = rb"(?:\s|#[^\n]*\n)+"
_PNM = re.compile(rb"P[1-6]" + _GAP + rb"(\d{1,20})" + _GAP + rb"(\d{1,20})")
# The header of a JPEG 2000 codestream: its start, the marker of the image's size, its length and its profile.
_JP2 = re.compile(rb"\xff\x4f\xff\x51.{4}(.{16})", re.DOTALL)


class TooManyPixelsError(pyvips.Error):  # type: ignore[misc]  # a class of unknown type
    """A picture with more pixels, or longer edges, than are wanted; its `message` says how many."""


def check_least_edge(name: str, width: int, height: int) -> None:
    """Raise InputError for a picture of too few pixels to colour; `name` is for the message."""
    if min(width, height) < LEAST_EDGE:
        raise InputError(
            f"{name}: {width} x {height} pixels are too few to colour; each edge needs at least {LEAST_EDGE}"
        )


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
        if kind == "pnmload" and (match := _PNM.match(content)):
            return int(match[1]), int(match[2])
        if kind == "jp2kload" and (match := _JP2.search(content)):
            right, bottom, left, top = struct.unpack(">4I", match[1])
            return max(0, right - left), max(0, bottom - top)
    except struct.error:
        pass
    return None

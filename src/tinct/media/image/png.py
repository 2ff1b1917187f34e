"""Read what a PNG file says in its chunks besides the pixels: texts, EXIF, gamma, orientation, frames."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from tinct.media.image.tags import ORIENTATION, read_exif

MAGIC = b"\x89PNG"
RAW_PROFILE = "Raw profile type "
_LONGEST_TEXT = 16 << 20
_GAMMA_OF_SRGB = 1 / 2.2


@dataclass(frozen=True)
class Facts:
    """What a PNG file says about its pixels that libvips ignores.

    Attributes:
        gamma: of its values, if it differs from sRGB's and no other chunk says better what they mean; else None.
        orientation: as EXIF counts it, if an old text chunk states it and there is no EXIF chunk; else 1.
        frames: how many an animated picture has; else 1.
    """

    gamma: float | None = None
    orientation: int = 1
    frames: int = 1

    @classmethod
    def of(cls, file: BinaryIO) -> Facts:
        """Read them from a file; from a damaged one, as far as it is whole.

        Source: PNG specification, third edition, 11.3.2.2, 11.3.5 and 13.13; raw profiles are ImageMagick's.
        """
        gamma, explained, orientation, standard, frames = None, False, 1, False, 1
        for kind, data in chunks(file):
            if kind == b"gAMA" and len(data) == 4:
                gamma = int.from_bytes(data, "big") / 100_000
            elif kind == b"acTL" and len(data) == 8:
                frames = max(1, int.from_bytes(data[:4], "big"))
            explained |= kind in (b"iCCP", b"sRGB", b"cICP")
            standard |= kind == b"eXIf"
            if kind in (b"zTXt", b"tEXt") and data.startswith(RAW_PROFILE.encode()):
                orientation = _orientation_in(*text_of(kind, data)) or orientation
        usual = gamma is None or not 0.1 <= gamma <= 10 or abs(gamma - _GAMMA_OF_SRGB) <= 0.02
        return cls(None if explained or usual else gamma, 1 if standard else orientation, frames)


def chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and content of a PNG file's chunks; pixels, profiles and chunks that are too long come empty."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"IDAT", b"fdAT", b"iCCP") or length > _LONGEST_TEXT:
            file.seek(length + 4, 1)
            yield kind, b""
        else:
            yield kind, file.read(length)
            file.seek(4, 1)


def text_of(kind: bytes, data: bytes) -> tuple[str, str]:
    """Return a text chunk's name and text; both empty if it is damaged, or another chunk.

    Source: PNG specification, third edition, 11.3.3.
    """
    name, _, rest = data.partition(b"\0")
    with suppress(zlib.error, IndexError):
        if kind == b"tEXt":
            return name.decode("latin-1"), rest.decode("latin-1")
        if kind == b"zTXt":
            return name.decode("latin-1"), _inflated(rest[1:]).decode("latin-1")
        if kind == b"iTXt":
            packed = rest[0] == 1
            words = rest[2:].split(b"\0", 2)[2]
            return name.decode("latin-1"), (_inflated(words) if packed else words).decode("utf-8", "replace")
    return "", ""


def exif_in(name: str, words: str) -> bytes:
    """Return the EXIF block that an old text chunk holds; empty for others."""
    if name not in (f"{RAW_PROFILE}exif", f"{RAW_PROFILE}APP1"):
        return b""
    raw = from_raw_profile(words)
    return raw if raw.startswith((b"Exif\0\0", b"II*\0", b"MM\0*")) else b""


def raw_profile(name: str, data: bytes) -> str:
    """Return bytes as the text of a chunk called "Raw profile type NAME".

    Source: ImageMagick's and ExifTool's raw profiles.
    """
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


def _orientation_in(name: str, words: str) -> int:
    """Return the orientation that a text chunk's EXIF block names; 0 if there is none."""
    block = exif_in(name, words)
    try:
        main = read_exif(io.BytesIO(block.removeprefix(b"Exif\0\0")))[1] if block else {}
    except ValueError:
        return 0
    numbers = main[ORIENTATION].numbers if ORIENTATION in main else ()
    return numbers[0] if numbers and 1 <= numbers[0] <= 8 else 0


def _inflated(data: bytes) -> bytes:
    return zlib.decompressobj().decompress(data, _LONGEST_TEXT)

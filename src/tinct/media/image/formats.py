"""How each file format is written: never below the quality of what was read."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.errors import OutputError
from tinct.media.image.containers import segments

# Suffixes of files that count as pictures when a folder is searched.
PICTURE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".jxl", ".pbm", ".pgm"}
    | {".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
)
LEAST_QUALITY = 90  # the lowest JPEG, WebP and AVIF quality written, whatever the input had
UNKNOWN_QUALITY = 98  # the quality written if the input's is unknown: differences stay within a few 8-bit steps
# Loaders of formats that may be lossy; all other formats store their pixels exactly.
_LOSSY_LOADERS = ("jpeg", "webp", "heif", "jp2k", "jxl")

# ISO/IEC 10918-1 annex K: the luma quantisation table that libjpeg's quality scale is defined by.
_STANDARD_LUMA_SUM_TABLE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)


@dataclass(frozen=True)
class Format:
    """A file format that tinct writes.

    Attributes:
        name: of libvips' saver, without `save`.
        suffixes: of file names.
        bits: the most that it keeps of each channel.
        alpha: whether it keeps transparency.
        longest: the most pixels along an edge; 0 for no limit.
    """

    name: str
    suffixes: tuple[str, ...]
    bits: int
    alpha: bool
    longest: int = 0

    @property
    def deep(self) -> bool:
        """Return whether it keeps more than 8 bits of each channel."""
        return self.bits > 8


FORMATS = (
    Format("jpeg", (".jpg", ".jpeg", ".jpe", ".jfif"), bits=8, alpha=False, longest=65535),
    Format("png", (".png",), bits=16, alpha=True),
    Format("tiff", (".tif", ".tiff"), bits=16, alpha=True),
    Format("webp", (".webp",), bits=8, alpha=True, longest=16383),
    Format("heif", (".avif",), bits=12, alpha=True, longest=16384),
)
WRITABLE = tuple(suffix for form in FORMATS for suffix in form.suffixes)


def format_of(target: str | Path) -> Format:
    """Find the format to write from a file's name.

    Raises:
        OutputError: tinct does not write such files.
    """
    suffix = Path(target).suffix.lower()
    for form in FORMATS:
        if suffix in form.suffixes:
            return form
    raise OutputError(f"{target}: cannot write files of this kind; choose one of {', '.join(WRITABLE)}")


def suffix_for(loader: str, suffix: str) -> str:
    """Return a result's suffix: the input's if tinct writes it, else that of the format that was read, or .png."""
    if suffix.lower() in WRITABLE:
        return suffix
    for form in FORMATS:
        if loader.startswith(form.name):
            return form.suffixes[0]
    return ".png"


def jpeg_quality(head: bytes) -> int | None:
    """Estimate a JPEG file's quality from its bytes up to its first scan; None if they hold no quantisation table.

    It is the lowest quality of libjpeg's scale, 1..100, whose luma quantisation is at least as fine on average.

    Source: ISO/IEC 10918-1, annex K; the scale is libjpeg's.
    """
    table = quantisation_tables(head).get(0)
    if table is None:
        return None
    coarseness = int(table.sum())
    return next((quality for quality, total in enumerate(_libjpeg_sums(), start=1) if total <= coarseness), 100)


@cache
def _libjpeg_sums() -> list[int]:
    """Return the sum of libjpeg's luma table at each quality from 1 to 100; it never rises."""
    standard = np.array(_STANDARD_LUMA_SUM_TABLE.split(), dtype=np.int64)
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    sums: list[int] = np.clip((standard * scale[:, None] + 50) // 100, 1, 255).sum(axis=1).tolist()
    return sums


def quantisation_tables(head: bytes) -> dict[int, NDArray[np.uint16]]:
    """Read the quantisation tables (64,) of a JPEG file's head by number: 0 for luma, 1 for chroma if it has its own.

    Source: ISO/IEC 10918-1 (ITU-T T.81), B.2.4.1, marker DQT.
    """
    tables: dict[int, NDArray[np.uint16]] = {}
    for marker, segment in segments(io.BytesIO(head)) if head[:2] == b"\xff\xd8" else ():
        while marker == 0xDB and segment:
            kind, size = (np.dtype(">u2"), 128) if segment[0] >> 4 else (np.dtype(np.uint8), 64)
            if len(segment) > size:
                tables[segment[0] & 15] = np.frombuffer(segment[1 : 1 + size], dtype=kind).astype(np.uint16)
            segment = segment[1 + size :]
    return tables


def is_lossless(loader: str, head: bytes) -> bool:
    """Return whether a file stores its pixels without loss, as far as libvips' loader and its first bytes show.

    Lossless are formats such as PNG and TIFF, WebP of the lossless kind (a VP8L chunk), and AVIF that stores RGB
    (matrix coefficients 0 in its colour box, ITU-T H.273), as lossless AVIF does. Other lossless files of formats that
    may be lossy are not recognised.
    """
    if loader.startswith("webp"):
        return head[:4] == b"RIFF" and head[8:12] == b"WEBP" and b"VP8L" in head[12:4096]
    if loader.startswith("heif"):
        place = head.find(b"colrnclx")
        return place >= 0 and head[place + 12 : place + 14] == b"\0\0"
    return not loader.startswith(_LOSSY_LOADERS)


def save_options(form: Format, *, quality: int | None, lossless: bool, deep: bool, huge: bool) -> dict[str, Any]:
    """Return libvips' options for writing a result.

    Args:
        form: the format.
        quality: of the input on JPEG's scale; None if unknown.
        lossless: whether the input was stored without loss; WebP and AVIF are then written so too.
        deep: whether the pixels have 16 bits.
        huge: whether the result may be larger than 4 GB.
    """
    best = UNKNOWN_QUALITY if quality is None else max(quality, LEAST_QUALITY)
    if form.name == "jpeg":
        return {"Q": best, "subsample_mode": "off", "background": 255}
    if form.name == "png":
        return {"compression": 6}
    if form.name == "tiff":
        return {"compression": "deflate", "predictor": "horizontal", "bigtiff": huge}
    if form.name == "webp":
        return {"lossless": True} if lossless else {"Q": best, "smart_subsample": True}
    shades = {"bitdepth": 12 if deep else 8, "subsample_mode": "off", "compression": "av1"}
    return {**shades, "lossless": True} if lossless else {**shades, "Q": best}

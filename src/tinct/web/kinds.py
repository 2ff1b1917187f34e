"""Tell what kind of file somebody sent, by its first bytes alone.

Only kinds on this list are opened: libvips and FFmpeg read far more, among it text that names other files or addresses
(SVG, play lists), and none of that may be opened for a stranger.
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["photo", "film"]

# As many bytes tell every kind.
HEAD_BYTES = 1024

_PHOTO_STARTS = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"II*\0",
    b"MM\0*",
    b"II+\0",
    b"MM\0+",  # TIFF and BigTIFF
    b"GIF87a",
    b"GIF89a",
    b"\xff\x0a",
    b"\0\0\0\x0cJXL \r\n\x87\n",  # JPEG XL
    b"\0\0\0\x0cjP  \r\n\x87\n",
    b"\xff\x4f\xff\x51",  # JPEG 2000
    b"P4", b"P5", b"P6",  # netpbm
)  # fmt: skip
_PHOTO_BRANDS = {b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"}
# First bytes of films, and the suffix they are stored under.
_FILM_STARTS = (
    (b"\x1a\x45\xdf\xa3", ".mkv"),
    (b"\0\0\x01\xba", ".mpg"),
    (b"\0\0\x01\xb3", ".mpg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", ".wmv"),
    (b"FLV\x01", ".flv"),
    (b"OggS", ".ogv"),
    (b"\x06\x0e\x2b\x34", ".mxf"),
)
_QUICKTIME = {b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"}


def kind_of(head: bytes) -> Kind | None:
    """Return whether a file with these first `HEAD_BYTES` bytes is a photograph or a film; None for all else."""
    if _is_photo(head):
        return "photo"
    return "film" if film_suffix(head) else None


def film_suffix(head: bytes) -> str | None:
    """Return the usual suffix of a film with these first bytes; None for all else."""
    for start, suffix in _FILM_STARTS:
        if head.startswith(start):
            return ".webm" if suffix == ".mkv" and b"webm" in head[:64] else suffix
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return ".avi"
    if len(head) > 376 and head[0] == head[188] == head[376] == 0x47:
        return ".ts"
    if head[4:8] == b"ftyp" and head[8:12] not in _PHOTO_BRANDS:
        return ".mov" if head[8:12] == b"qt  " else ".mp4"
    return ".mov" if head[4:8] in _QUICKTIME else None


def _is_photo(head: bytes) -> bool:
    if head.startswith(_PHOTO_STARTS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    return head[4:8] == b"ftyp" and head[8:12] in _PHOTO_BRANDS

"""Receive photographs, films and hints: only known kinds, no larger than allowed, stored under names of our own.

Only kinds that are listed here are opened, recognised by their first bytes. libvips and FFmpeg read far more, such as
text that names other files or addresses (SVG, playlists), which must not be opened for strangers.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import BinaryIO, Literal

from tinct.coloring.hints.hint import FilmHint, Hint, hints_from_json, load_film_hints, parse_hint
from tinct.errors import InputError, TooLargeError, UnreadableError, one_line
from tinct.media.image import formats
from tinct.media.image.kinds import named
from tinct.media.image.picture import Picture, open_picture
from tinct.media.video.film import Film
from tinct.media.video.probe import open_film
from tinct.web.problems import Problem
from tinct.web.settings import Limits

Kind = Literal["photo", "film"]

HEAD_BYTES = 1024  # number of bytes at a file's beginning that tell every kind

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
# First bytes of films, and the suffix that they are stored with.
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


# The formats a request may ask for, and their suffixes; `same` is the input's own.
FORMATS = {"jpeg": ".jpg", "png": ".png", "tiff": ".tif", "webp": ".webp", "avif": ".avif"}
MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
}
# The answer to a file of another kind.
_EXPECTED = {
    "photo": "This is not a photograph of a kind that is read here: JPEG, PNG, TIFF, WebP, AVIF, HEIC, GIF.",
    "film": "This is not a film of a kind that is read here: MP4, MOV, MKV, WebM, AVI, MPEG, WMV, FLV, MXF.",
}
_MOST_HINTS = 1000  # the most hints in a request
_MOST_POINTS = 50_000  # the most points in all their strokes


def receive_picture(file: BinaryIO, path: Path, limits: Limits) -> Picture:
    """Store a photograph that was sent at a path, and read its header; return the picture without pixels.

    Raises:
        Problem: it is not a photograph (415), or has too many pixels (413).
        InputError: it cannot be read.
    """
    _head(file, wanted="photo")
    _stored(file, path)
    try:
        return open_picture(path, most_pixels=int(limits.megapixels * 1e6))
    except TooLargeError as error:
        reason = str(error).removeprefix(f"{path}: ").partition(";")[0]
        message = f"{reason}. Send a smaller picture, or use  tinct colorize  on the command line."
        raise Problem(413, message) from error


def receive_film(file: BinaryIO, folder: Path, limits: Limits) -> Film:
    """Store a film that was sent, and read its header.

    Raises:
        Problem: it is not a film (415), or it is too long or too large (413).
        InputError: it cannot be read.
    """
    head = _head(file, wanted="film")
    film = open_film(_stored(file, folder / f"film{film_suffix(head)}"))
    if film.width * film.height > limits.megapixels * 1e6:
        raise Problem(
            413,
            f"{film.width} x {film.height} pixels are more than {limits.megapixels:g} megapixels, the limit here. "
            "Send a smaller film, or use  tinct video  on the command line.",
        )
    if film.duration is not None and film.duration > limits.film_seconds:
        raise Problem(
            413,
            f"The film lasts {float(film.duration):.0f} seconds; at most {limits.film_seconds:g} are allowed here. "
            "Send a shorter piece, or use  tinct video  on the command line.",
        )
    return film


def digest(file: BinaryIO) -> str:
    """Return 16 hexadecimal digits that name a file by its content."""
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()[:16]  # type: ignore[arg-type]


def check_size(size: int | None, limits: Limits) -> None:
    """Raise Problem (422) for a working size above the server's limit."""
    if size is not None and size > limits.working_size:
        raise Problem(422, f"size: at most {limits.working_size} pixels are allowed here.")


def _head(file: BinaryIO, *, wanted: str) -> bytes:
    """Return a file's first bytes; raise Problem (415) if they are not of the kind that is wanted."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if not head:
        raise Problem(415, "The file is empty. Copy it again from where it came.")
    kind = kind_of(head)
    if kind != wanted:
        is_other = {"photo": " It is a photograph.", "film": " It is a film."}.get(kind or "", "")
        if kind is None and (what := named(head)):
            what, _, remedy = what.partition("; ")
            is_other = f" It {what}: {remedy}."
        raise Problem(415, _EXPECTED[wanted] + is_other)
    return head


def _stored(file: BinaryIO, path: Path) -> Path:
    with path.open("wb") as target:
        shutil.copyfileobj(file, target, 1 << 20)
    return path


def result_suffix(picture: Picture, form: str) -> str:
    """Return the suffix of a result: that of a named format, or of the input's own if it can be written."""
    suffix = FORMATS[form] if form in FORMATS else formats.suffix_for(picture.loader, "")
    return {".jpeg": ".jpg", ".tiff": ".tif"}.get(suffix, suffix)


def read_hints(text: str) -> tuple[Hint, ...]:
    """Read hints: JSON as `tinct.coloring.hints.hint.load_hints` takes it, or a line of `X,Y=#RRGGBB` each.

    Raises:
        InputError: they have another form, or there are too many.
        SettingError: a value is not valid.
    """
    text = text.strip()
    if text[:1] in ("[", "{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"hints: not valid JSON ({one_line(error)})") from error
        hints = () if value in ([], {"hints": []}) else tuple(hints_from_json(value, name="hints"))
    else:
        hints = tuple(parse_hint(line) for line in text.splitlines() if line.strip())
    if len(hints) > _MOST_HINTS or sum(len(hint.points) for hint in hints) > _MOST_POINTS:
        raise InputError(f"hints: at most {_MOST_HINTS}, with at most {_MOST_POINTS} points in all")
    return hints


def read_film_hints(text: str, folder: Path) -> tuple[FilmHint, ...]:
    """Read hints for a film: JSON as `tinct video --hints` takes it, written to a folder first.

    Raises:
        InputError: they have another form.
    """
    if not text.strip():
        return ()
    path = folder / "hints.json"
    path.write_text(text, encoding="utf-8")
    try:
        return load_film_hints(path)
    except UnreadableError as error:  # the request is wrong, not the film
        raise InputError(str(error)) from error


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

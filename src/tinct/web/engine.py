"""Receive photographs, films and hints: known kinds alone, no larger than allowed, stored under names of our own."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tinct.coloring.film.hints import FilmHint, load_film_hints
from tinct.coloring.hints.hint import Hint, hints_from_json, parse_hint
from tinct.coloring.photo.colorizer import Colorizer
from tinct.errors import InputError, UnreadableError
from tinct.media.image import formats
from tinct.media.image.picture import Picture, open_picture
from tinct.media.video.film import Film
from tinct.media.video.probe import open_film
from tinct.web.kinds import HEAD_BYTES, film_suffix, kind_of
from tinct.web.problems import Problem
from tinct.web.settings import Limits

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
# What a file is told that is of another kind.
_EXPECTED = {
    "photo": "This is no photograph of a kind that is read here: JPEG, PNG, TIFF, WebP, AVIF, HEIC, GIF.",
    "film": "This is no film of a kind that is read here: MP4, MOV, MKV, WebM, AVI, MPEG, WMV, FLV, MXF.",
}
# No person gives more hints, or points of strokes.
_MOST_HINTS = 1000
_MOST_POINTS = 50_000


@dataclass(frozen=True)
class Engine:
    """The network that serves all, loaded once and used by several threads at one time, and what it accepts."""

    colorizer: Colorizer
    limits: Limits

    def receive_photo(self, file: BinaryIO, folder: Path) -> tuple[Path, Picture]:
        """Store a photograph that was sent, and read its header; return its file, and the picture without pixels.

        Raises:
            Problem: it is no photograph (415), or has too many pixels (413).
            InputError: it cannot be read.
        """
        _head(file, wanted="photo")
        path = _stored(file, folder / "photograph")
        picture = open_picture(path)
        self._check_pixels(picture.width, picture.height)
        return path, picture

    def receive_film(self, file: BinaryIO, folder: Path) -> Film:
        """Store a film that was sent, and read its header.

        Raises:
            Problem: it is no film (415), or too long or too large (413).
            InputError: it cannot be read.
        """
        head = _head(file, wanted="film")
        film = open_film(_stored(file, folder / f"film{film_suffix(head)}"))
        self._check_pixels(film.width, film.height)
        if film.duration is not None and film.duration > self.limits.film_seconds:
            raise Problem(
                413,
                f"The film lasts {float(film.duration):.0f} seconds; {self.limits.film_seconds:g} are the most that is "
                "allowed here. Send a shorter piece, or use  tinct video  on the command line.",
            )
        return film

    def check_size(self, size: int | None) -> int | None:
        """Return a working size that does not exceed the server's limit; Problem (422) for a larger one."""
        if size is not None and size > self.limits.working_size:
            raise Problem(422, f"size: at most {self.limits.working_size} pixels are allowed here.")
        return size

    def _check_pixels(self, width: int, height: int) -> None:
        if width * height > self.limits.megapixels * 1e6:
            raise Problem(
                413,
                f"{width} x {height} pixels are more than the {self.limits.megapixels:g} megapixels that are allowed "
                "here. Send a smaller picture, or use  tinct colorize  on the command line.",
            )


def _head(file: BinaryIO, *, wanted: str) -> bytes:
    """Return a file's first bytes; Problem (415) where they are not of the kind that is wanted."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if not head:
        raise Problem(415, "The file is empty. Copy it again from where it came.")
    kind = kind_of(head)
    if kind != wanted:
        is_other = {"photo": " It is a photograph.", "film": " It is a film."}.get(kind or "", "")
        raise Problem(415, _EXPECTED[wanted] + is_other)
    return head


def _stored(file: BinaryIO, path: Path) -> Path:
    with path.open("wb") as target:
        shutil.copyfileobj(file, target, 1 << 20)
    return path


def result_suffix(picture: Picture, form: str) -> str:
    """Return the suffix of a result: that of a named format, or the input's own where that can be written."""
    suffix = FORMATS[form] if form in FORMATS else formats.suffix_for(picture.loader, "")
    return {".jpeg": ".jpg", ".tiff": ".tif"}.get(suffix, suffix)


def read_hints(text: str) -> tuple[Hint, ...]:
    """Read hints: JSON as `tinct.coloring.hints.hint.load_hints` takes it, or a line of `X,Y=#RRGGBB` each.

    Raises:
        InputError: they have another form, or are too many.
        SettingError: likewise.
    """
    text = text.strip()
    if text[:1] in ("[", "{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"hints: no JSON ({' '.join(str(error).split())})") from error
        hints = () if value in ([], {"hints": []}) else tuple(hints_from_json(value, name="hints"))
    else:
        hints = tuple(parse_hint(line) for line in text.splitlines() if line.strip())
    if len(hints) > _MOST_HINTS or sum(len(hint.points) for hint in hints) > _MOST_POINTS:
        raise InputError(f"hints: at most {_MOST_HINTS}, with at most {_MOST_POINTS} points in all")
    return hints


def read_film_hints(text: str, folder: Path) -> tuple[FilmHint, ...]:
    """Read hints for a film: JSON as `tinct video --hints` takes it, put into a folder for reading.

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

"""The one network that serves all: what the routes ask of it, in plain files and values."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from tinct.coloring.film.colorize import colorize_video
from tinct.coloring.film.hints import FilmHint, load_film_hints
from tinct.coloring.film.settings import VideoResult, VideoSettings
from tinct.coloring.hints.hint import Hint, hints_from_json, parse_hint
from tinct.coloring.photo.colorizer import Colorizer, PhotoResult
from tinct.coloring.photo.editor import Editor
from tinct.errors import InputError, UnreadableError
from tinct.media.image import formats
from tinct.media.image.picture import Picture, open_picture
from tinct.media.video.film import Film
from tinct.media.video.probe import open_film
from tinct.web.kinds import HEAD_BYTES, film_suffix, kind_of
from tinct.web.limits import Limits
from tinct.web.problems import Problem

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
# Longest edge of what the page shows while a photograph is edited.
PREVIEW_EDGE = 1200
# More hints, or points of strokes, no person gives.
_MOST_HINTS = 1000
_MOST_POINTS = 50_000


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a request may set.

    Attributes:
        temperature: of decoding; the model's own without it.
        caution: of decoding; likewise.
        size: at which the network looks; likewise.
        hints: colours at places.
        recolor: colour what has colours already.
        form: `same` or one of `FORMATS`.
    """

    temperature: float | None = None
    caution: float | None = None
    size: int | None = None
    hints: tuple[Hint, ...] = ()
    recolor: bool = False
    form: str = "same"


@dataclass(frozen=True)
class FilmSettings(VideoSettings):
    """Settings of a film that is coloured by a network already loaded."""

    shared: Colorizer | None = None

    def colorizer(self) -> Colorizer:
        """Give that network, with these settings."""
        if self.shared is None:
            return super().colorizer()
        return with_options(self.shared, temperature=self.temperature, caution=self.caution, size=self.size)


class Engine:
    """A colorizer and the limits of what it takes.

    Attributes:
        colorizer: the network, loaded once; several threads use it at one time.
        limits: what is refused.
    """

    def __init__(self, colorizer: Colorizer, limits: Limits) -> None:
        """Serve with a network."""
        self.colorizer = colorizer
        self.limits = limits

    def receive_photo(self, file: BinaryIO, folder: Path) -> tuple[Path, Picture]:
        """Store a photograph that was sent, and look at its header.

        Args:
            file: what came.
            folder: where to; the name is ours.

        Returns:
            The file, and the picture, whose pixels were not read.

        Raises:
            Problem: it is no photograph (415), or has too many pixels (413).
            InputError: it cannot be read.
        """
        self._check_kind(file, wanted="photo")
        path = folder / "photograph"
        with path.open("wb") as target:
            shutil.copyfileobj(file, target, 1 << 20)
        picture = open_picture(path)
        self._check_pixels(picture.width, picture.height)
        return path, picture

    def receive_film(self, file: BinaryIO, folder: Path) -> Film:
        """Store a film that was sent, and look at its header.

        Raises:
            Problem: it is no film (415), or too long or too large (413).
            InputError: it cannot be read.
        """
        head = self._check_kind(file, wanted="film")
        path = folder / f"film{film_suffix(head)}"
        with path.open("wb") as target:
            shutil.copyfileobj(file, target, 1 << 20)
        film = open_film(path)
        self._check_pixels(film.width, film.height)
        if film.duration is not None and film.duration > self.limits.film_seconds:
            raise Problem(
                413,
                f"The film lasts {float(film.duration):.0f} seconds; {self.limits.film_seconds:g} are the most that is "
                "allowed here. Send a shorter piece, or use  tinct video  on the command line.",
            )
        return film

    def photo(self, picture: Picture, folder: Path, options: Options) -> PhotoResult:
        """Colour a photograph that was received; the result is in `folder`.

        Raises:
            TinctError: it cannot be coloured.
        """
        assert isinstance(picture.source, Path)
        target = folder / f"colorized{result_suffix(picture, options.form)}"
        colorizer = self._with(options)
        return colorizer.photo(picture.source, target, recolor=options.recolor, hints=options.hints, overwrite=True)

    def editor(self, source: Path, options: Options) -> Editor:
        """Open a photograph for editing: the network runs once, here."""
        return Editor(source, colorizer=self._with(options), recolor=options.recolor, preview=PREVIEW_EDGE)

    def film(
        self, source: Path, target: Path | None, settings: FilmSettings, on_frame: Callable[[int, int | None], object]
    ) -> VideoResult:
        """Colour a film that was received, by the one network."""
        chosen = replace(settings, shared=self.colorizer, overwrite=True)
        return colorize_video(source, target, settings=chosen, on_frame=on_frame)

    def _with(self, options: Options) -> Colorizer:
        return with_options(self.colorizer, temperature=options.temperature, caution=options.caution, size=options.size)

    def _check_kind(self, file: BinaryIO, *, wanted: str) -> bytes:
        file.seek(0)
        head = file.read(HEAD_BYTES)
        file.seek(0)
        if not head:
            raise Problem(415, "The file is empty. Copy it again from where it came.")
        kind = kind_of(head)
        if kind != wanted:
            is_other = {"photo": " It is a photograph.", "film": " It is a film."}.get(kind or "", "")
            kinds = {
                "photo": "This is no photograph of a kind that is read here: JPEG, PNG, TIFF, WebP, AVIF, HEIC, GIF.",
                "film": "This is no film of a kind that is read here: MP4, MOV, MKV, WebM, AVI, MPEG, WMV, FLV, MXF.",
            }
            raise Problem(415, kinds[wanted] + is_other)
        return head

    def _check_pixels(self, width: int, height: int) -> None:
        if width * height > self.limits.megapixels * 1e6:
            raise Problem(
                413,
                f"{width} x {height} pixels are more than the {self.limits.megapixels:g} megapixels that are allowed "
                "here. Send a smaller picture, or use  tinct colorize  on the command line.",
            )


def with_options(
    colorizer: Colorizer, *, temperature: float | None, caution: float | None, size: int | None
) -> Colorizer:
    """Give a colorizer with other settings and the same network.

    Raises:
        SettingError: a setting is out of range, or the model has none such.
    """
    return colorizer.changed(temperature=temperature, caution=caution, size=size)


def result_suffix(picture: Picture, form: str) -> str:
    """Give the suffix of a result: that of a named format, or the input's own where that can be written."""
    suffix = FORMATS[form] if form in FORMATS else formats.suffix_for(picture.loader, "")
    return {".jpeg": ".jpg", ".tiff": ".tif"}.get(suffix, suffix)


def read_hints(text: str) -> tuple[Hint, ...]:
    """Read hints: JSON as `tinct.coloring.hints.hint.load_hints` takes it, or a line of `X,Y=#RRGGBB` each.

    Raises:
        InputError: they have another form, or are too many.
        SettingError: likewise.
    """
    text = text.strip()
    if not text:
        return ()
    if text[0] in "[{":
        try:
            value = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise InputError(f"hints: no JSON ({' '.join(str(error).split())})") from error
        if value in ([], {"hints": []}):
            return ()
        hints = tuple(hints_from_json(value, name="hints"))
    else:
        hints = tuple(parse_hint(line) for line in text.splitlines() if line.strip())
    if len(hints) > _MOST_HINTS or sum(len(hint.points) for hint in hints) > _MOST_POINTS:
        raise InputError(f"hints: at most {_MOST_HINTS}, with at most {_MOST_POINTS} points in all")
    return hints


def read_film_hints(text: str, folder: Path) -> tuple[FilmHint, ...]:
    """Read hints for a film: JSON as `tinct video --hints` takes it.

    Args:
        text: the JSON; nothing where there are none.
        folder: where it may be put for reading.

    Raises:
        InputError: they have another form.
    """
    if not text.strip():
        return ()
    path = folder / "hints.json"
    path.write_text(text, encoding="utf-8")
    try:
        return load_film_hints(path)
    except UnreadableError as error:  # it is what was asked that is wrong, not the film
        raise InputError(str(error)) from error

"""Find, read and write pictures that are a film's frames: the files that a folder or a pattern names, in their order.

A pattern is a name with the place of a number in it, such as `f_%d.png`, or `f_%04d.png` for at least four digits; or
with `*` or `?` in it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self, cast

import av
import numpy as np
import pyvips
from av.codec.context import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from tinct.errors import InputError, OutputError, TinctError, UnreadableError, one_line
from tinct.files import UNFINISHED, already_there, check_place, make_folder, not_written, walk
from tinct.media.image.opening import open_image, open_source
from tinct.media.video.film import Film
from tinct.media.video.planes import depth_of
from tinct.media.video.source import reason

_MOST_APART = 10  # numbers that span more than this many times their count do not count frames

_TIFF = (".tif", ".tiff")  # suffixes of files that libvips decodes, because FFmpeg decodes some of them wrongly
# FFmpeg's decoder for each suffix.
_DECODERS = {
    ".png": "png",
    ".jpg": "mjpeg",
    ".jpeg": "mjpeg",
    ".tif": "tiff",
    ".tiff": "tiff",
    ".dpx": "dpx",
    ".exr": "exr",
    ".bmp": "bmp",
    ".tga": "targa",
}
FRAME_SUFFIXES = frozenset(_DECODERS)
# Linear light becomes codes by the curve of sRGB; values brighter than white become white.
_DECODER_OPTIONS = {"exr": {"apply_trc": "iec61966_2_1"}}
_PLACE = re.compile(r"%(?:0(\d))?d")  # the place of a number in a pattern
_NUMBER = re.compile(r"(\d+)$")  # the number at the end of a picture's name


def is_pattern(path: str | Path) -> bool:
    """Check whether a path names pictures by a pattern with one number, such as `f_%04d.png`."""
    return len(_PLACE.findall(Path(path).name)) == 1


def names_pictures(path: Path) -> bool:
    """Check whether a path is a folder of pictures, or a pattern; a file of exactly this name is neither."""
    return path.is_dir() or (not path.exists() and (is_pattern(path) or any(mark in path.name for mark in "*?[")))


def numbered(pattern: Path, number: int) -> Path:
    """Return the path of a pattern's picture of a number."""
    match = _PLACE.search(pattern.name)
    assert match is not None
    name = f"{pattern.name[: match.start()]}{number:0{match[1] or 1}d}{pattern.name[match.end() :]}"
    return pattern.with_name(name)


def find_pictures(path: Path) -> tuple[Path, ...]:
    """Return the pictures that a folder holds or a pattern names, in the order of the numbers in their names.

    Raises:
        UnreadableError: the folder cannot be read.
    """
    if path.is_dir():
        return tuple(sorted(walk(path, _DECODERS, recursive=False), key=_natural))
    if not path.parent.is_dir():
        return ()
    pictures = walk(path.parent, _DECODERS, recursive=False)
    if match := _PLACE.search(path.name):
        width = int(match[1] or 1)
        digits = rf"(\d{{{width}}}|[1-9]\d{{{width},}})"
        name = re.compile(re.escape(path.name[: match.start()]) + digits + re.escape(path.name[match.end() :]))
        chosen = [(int(known[1]), picture) for picture in pictures if (known := name.fullmatch(picture.name))]
        return tuple(picture for _, picture in sorted(chosen))
    return tuple(sorted((picture for picture in pictures if picture.match(path.name)), key=_natural))


def place_of(path: Path) -> tuple[Path, str]:
    """Return the folder for a result that is made of pictures, and the name that it is named after.

    The name is the pictures' folder's, or the pattern's without its placeholders; if nothing is left of that, its
    folder's.
    """
    # Not resolved: the result of a link lies beside the link.
    whole = Path(os.path.abspath(path))  # noqa: PTH100
    if path.is_dir():
        return whole.parent, whole.name
    stem = re.sub(r"[*?]|\[[^]]*\]", "", _PLACE.sub("", path.stem)).strip(" ._-")
    return (path.parent, stem) if stem else (whole.parent.parent, whole.parent.name)


def numbers_of(paths: Sequence[Path]) -> list[int] | None:
    """Return the numbers that pictures' names end with; None if one has none, or two have the same."""
    matches = [_NUMBER.search(path.stem) for path in paths]
    numbers = [int(match[1]) for match in matches if match]
    return numbers if len(set(numbers)) == len(paths) else None


def open_images(path: Path) -> tuple[tuple[Path, ...], VideoFrame]:
    """Check the pictures of a folder or a pattern: frame-0001.png, frame-0002.png and so on, each of which is a frame.

    Returns:
        Their paths in order, and the first one.

    Raises:
        InputError: there are none, or pictures of several sizes.
        UnreadableError: the folder or the first picture cannot be read.
    """
    paths = find_pictures(path)
    if not paths:
        kinds = ", ".join(_DECODERS)
        if path.is_dir():
            raise InputError(f"{path}: holds no pictures ({kinds}); name a film, or a folder of its frames")
        raise InputError(f"{path}: there are no such pictures ({kinds}); check the pattern")
    first = decode_image(paths[0])
    form = _Form.of(first)
    seen = {paths[0].suffix.lower()}
    for picture in paths:
        picture_form = _header(picture)
        if picture.suffix.lower() not in seen:  # the header of a DPX file is read by its decoder alone
            seen.add(picture.suffix.lower())
            with suppress(UnreadableError):
                picture_form = _Form.of(decode_image(picture))
        if picture_form is not None and picture_form != form:
            raise InputError(
                f"{picture}: has {picture_form}, but the first picture, {paths[0].name}, has {form}; give all pictures "
                "of a film the same size and bits, or name those of one kind by a pattern, such as '*.png'"
            )
    return paths, first


def decode_image(path: Path) -> VideoFrame:
    """Decode a picture to the pixels that are stored in it.

    Raises:
        UnreadableError: it cannot be read.
    """
    if path.suffix.lower() in _TIFF:
        return _decode_tiff(path)
    try:
        context = cast(VideoCodecContext, CodecContext.create(_DECODERS[path.suffix.lower()], "r"))
        context.thread_count = 1
        context.options = _DECODER_OPTIONS.get(context.name, {})
        frames = [*context.decode(Packet(path.read_bytes())), *context.decode(None)]
    except (av.FFmpegError, OSError) as error:
        raise _unreadable(path, reason(error)) from error
    if not frames:
        raise _unreadable(path, "nothing in it can be decoded")
    return frames[0]


def _unreadable(path: Path, why: str) -> UnreadableError:
    return UnreadableError(f"{path}: is not a picture that can be read, or is damaged ({why}); check or replace it")


def _decode_tiff(path: Path) -> VideoFrame:
    """Decode a TIFF file by libvips: FFmpeg decodes tiles, and JPEG within, wrongly and without an error."""
    try:
        image = open_image(path, fail_on="error")
        if image.interpretation not in ("b-w", "grey16", "srgb", "rgb16"):
            image = image.colourspace("rgb16" if image.format == "ushort" else "srgb")
        pixels = image.numpy()
    except (pyvips.Error, TinctError) as error:
        raise _unreadable(path, one_line(error)[:200]) from error
    pixels = pixels.reshape(image.height, image.width, -1)
    grey = pixels.shape[2] < 3
    form = "gray" if grey else "rgb24" if pixels.shape[2] == 3 else "rgba"
    if pixels.dtype == np.uint16:
        form = {"gray": "gray16le", "rgb24": "rgb48le", "rgba": "rgba64le"}[form]
    return VideoFrame.from_ndarray(np.ascontiguousarray(pixels[..., 0] if grey else pixels[..., :4]), form)


def _natural(path: Path) -> tuple[list[str | int], str]:
    """Sort by the numbers in names as numbers: frame2 before frame10."""
    pieces = re.split(r"(\d+)", path.name.lower())
    return [int(piece) if number % 2 else piece for number, piece in enumerate(pieces)], path.name


def missing_numbers(paths: Sequence[Path]) -> list[int]:
    """Return which numbers are missing between those that pictures' names end with: f_0004.png, f_0006.png lack 5."""
    numbers = set(numbers_of(paths) or ())
    if not numbers or max(numbers) - min(numbers) > _MOST_APART * len(numbers):
        return []
    return sorted(set(range(min(numbers), max(numbers) + 1)) - numbers)


class _Form(NamedTuple):
    """A picture's size and bits of luma."""

    width: int
    height: int
    bits: int

    @classmethod
    def of(cls, frame: VideoFrame) -> Self:
        return cls(frame.width, frame.height, depth_of(frame.format))

    def __str__(self) -> str:
        return f"{self.width} x {self.height} pixels of {self.bits} bits"


def _header(path: Path) -> _Form | None:
    """Return a picture's form by its header; None if that is damaged, which is reported when the picture is read."""
    try:
        image = pyvips.Image.new_from_source(open_source(path), "", access="sequential")
    except pyvips.Error:
        return None
    return _Form(image.width, image.height, 16 if image.format == "ushort" else 8)


def check_pictures(film: Film, target: Path, *, sound: str, overwrite: bool) -> None:
    """Refuse, before any work is done, pictures that cannot or must not be written; make their folder.

    Raises:
        OutputError: some exist already, or are the film's own; or the film has sound that is not to be left out.
    """
    there = find_pictures(target)
    own = {path.resolve() for path in film.images}
    if any(path.resolve() in own for path in there):
        raise OutputError(f"{target}: names pictures of the input itself; choose another name with -o")
    if there and not overwrite:
        raise already_there(there[0])
    if film.audio and sound != "none":
        raise OutputError(f"{film.path}: pictures cannot hold its sound; leave it out with --sound none")
    make_folder(target.parent)


def write_pictures(film: Film, pictures: Iterable[tuple[int, bytes]], target: Path) -> list[str]:
    """Write a film as pictures beside their places, and then rename them into place: `f_0001.dpx`, `f_0002.dpx`, ...

    Pictures of a folder or a pattern keep the numbers in their names. Frames of a film, and those that are made of the
    fields of pictures, are counted from 1.

    Args:
        pictures: the pts of each frame, in order, and the content of its file.
        target: the pattern of their names.

    Returns:
        How many other pictures have such names, one sentence.

    Raises:
        OutputError: they cannot be written; nothing is left behind.
    """
    # If frames are made of fields, there are more or fewer of them than pictures.
    numbers = None if film.fields.gain != 1 else numbers_of(film.images)
    written: list[str] = []
    with _folder_beside(target) as beside:
        for pts, content in pictures:
            number = numbers[pts] if numbers else len(written) + 1
            written.append(numbered(target, number).name)
            (beside / written[-1]).write_bytes(content)
        for name in written:
            (beside / name).replace(target.with_name(name))
    others = len(find_pictures(target)) - len(written)
    return [f"{others} other pictures with such names are still there"] if others > 0 else []


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """Yield an empty hidden folder beside pictures, which is deleted after the block."""
    beside = check_place(target).with_name(f".{target.name}{UNFINISHED}")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        yield beside
    except OSError as error:
        raise not_written(target, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)

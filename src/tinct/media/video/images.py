"""A folder of pictures as a film: frame-0001.png, frame-0002.png and so on, one frame each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import pyvips
from av.codec.context import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from tinct.errors import InputError, SettingError, UnreadableError
from tinct.media.image.any_path import open_source
from tinct.media.video.source import reason

# Frames a second, as films have, where nobody says otherwise.
FILM_RATE = Fraction(24)

# FFmpeg's decoder of each kind.
_DECODERS = {".png": "png", ".jpg": "mjpeg", ".jpeg": "mjpeg", ".tif": "tiff", ".tiff": "tiff"}


@dataclass(frozen=True, eq=False)
class Images:
    """A folder's pictures: their paths in order, the first one, and frames a second."""

    paths: tuple[Path, ...]
    first: VideoFrame
    rate: Fraction


def open_images(folder: Path, *, rate: Fraction | float | None) -> Images:
    """Look through a folder of pictures.

    Raises:
        InputError: it holds none, or pictures of several sizes.
        UnreadableError: the first cannot be read.
        SettingError: the rate is not above 0.
    """
    chosen = FILM_RATE if rate is None else Fraction(rate).limit_denominator(1001)
    if not 0 < chosen <= 1000:
        raise SettingError(f"the rate must lie above 0 and not above 1000 frames a second, not {rate}")
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in _DECODERS and path.name[0] != "."]
    except OSError as error:
        raise UnreadableError(f"{folder}: cannot be opened ({error.strerror or error}); check the name") from error
    if not found:
        raise InputError(f"{folder}: holds no pictures (.png, .jpg, .tif); name a film, or a folder of its frames")
    paths = tuple(sorted(found, key=_natural))
    first = decode_image(paths[0])
    for path in paths:
        size = _size(path)
        if size is not None and size != (first.width, first.height):
            raise InputError(
                f"{path}: is {size[0]} x {size[1]} pixels and the first picture {first.width} x {first.height}; "
                "give all of a film's pictures one size"
            )
    return Images(paths, first, chosen)


def decode_image(path: Path) -> VideoFrame:
    """Decode a picture to the pixels that are stored in it.

    Raises:
        UnreadableError: it cannot be read.
    """
    try:
        context = cast(VideoCodecContext, CodecContext.create(_DECODERS[path.suffix.lower()], "r"))
        context.thread_count = 1
        frames = [*context.decode(Packet(path.read_bytes())), *context.decode(None)]
    except (av.FFmpegError, OSError) as error:
        raise UnreadableError(
            f"{path}: no picture that can be read, or damaged ({reason(error)}); check or replace it"
        ) from error
    if not frames:
        raise UnreadableError(f"{path}: no picture that can be read, or damaged; check or replace it")
    return frames[0]


def _natural(path: Path) -> tuple[list[str | int], str]:
    """Sort by the numbers in names as numbers: frame2 before frame10."""
    pieces = re.split(r"(\d+)", path.name.lower())
    return [int(piece) if number % 2 else piece for number, piece in enumerate(pieces)], path.name


def _size(path: Path) -> tuple[int, int] | None:
    """Give a picture's size by its header; None if that is damaged, which is told when its turn comes."""
    try:
        image = pyvips.Image.new_from_source(open_source(path), "", access="sequential")
    except pyvips.Error:
        return None
    return image.width, image.height

"""Read photographs and arrays of numbers at small sizes, for learning, measuring and recognising."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from tinct.color.inputs import ARRAY, PICTURE
from tinct.color.resize import resized
from tinct.color.spaces import FloatArray
from tinct.errors import MissingExtraError, UnreadableError
from tinct.media.image.opening import open_image, shrink_on_load
from tinct.media.image.pixels import orientation_of


def read_small(content: bytes, *, longest: int | None = None, name: str) -> NDArray[np.uint8]:
    """Decode a photograph as (H, W, 3) sRGB, upright, with transparent parts white.

    A longest edge of more than `longest` pixels is reduced to that by a Lanczos kernel; without it the size is kept.

    Raises:
        UnreadableError: the bytes are not a picture, or it is cut short or damaged.
    """
    with _named(name):
        image = _open(content, longest)
        edge = longest or max(image.width, image.height)
        options = {"export_profile": "srgb"} if _managed(image) else {}
        image = image.thumbnail_image(edge, height=edge, size="down", **options).colourspace("srgb")
        if image.hasalpha():
            image = image.flatten(background=255)
        pixels: NDArray[np.uint8] = np.ascontiguousarray(image.extract_band(0, n=3).cast("uchar").numpy())
    return pixels


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Turn errors of reading into UnreadableError with the picture's name."""
    try:
        yield
    except MissingExtraError as error:
        raise UnreadableError(f"{name}: {error}") from error
    except pyvips.Error as error:
        raise UnreadableError(f"{name}: not a picture, or a damaged one; leave it out") from error


def reduce_small(pixels: NDArray[np.uint8], *, longest: int) -> NDArray[np.uint8]:
    """Reduce pixels (H, W, 3) to a longest edge, as `read_small` does; smaller ones stay as they are."""
    if max(pixels.shape[:2]) <= longest:
        return pixels
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels), interpretation="srgb")
    reduced: NDArray[np.uint8] = image.thumbnail_image(longest, height=longest, size="down").numpy()
    return np.ascontiguousarray(reduced)


def size_of(content: bytes, *, name: str) -> tuple[int, int]:
    """Return a photograph's own height and width in pixels, upright, from its header alone.

    Raises:
        UnreadableError: the bytes are not a picture.
    """
    with _named(name):
        image = open_image(content, access="sequential")
    return (image.width, image.height) if orientation_of(image) >= 5 else (image.height, image.width)


def _managed(image: pyvips.Image) -> bool:
    """Return whether colours need a profile; for a small picture, setting one up takes longer than all the rest."""
    return bool(image.get_typeof("icc-profile-data")) or image.interpretation == "cmyk"


def _open(content: bytes, longest: int | None) -> pyvips.Image:
    """Open for reading once; a JPEG much larger than needed is decoded at a half, a quarter or an eighth.

    libvips' own `thumbnail_buffer` would do all this, but it accepts files that are cut short.
    """
    image = open_image(content, access="sequential", fail_on="error")
    loader = str(image.get("vips-loader"))
    if longest is None or not loader.startswith("jpegload"):
        return image
    shrunk = shrink_on_load(loader, max(image.width, image.height) / longest)
    return pyvips.Image.new_from_buffer(content, "", access="sequential", fail_on="error", **shrunk)


def read_pixels(path: str | Path, *, size: tuple[int, int], kind: str = PICTURE) -> NDArray[Any]:
    """Read one picture, or array of a .npy file (H, W) or (H, W, channels), and bring it to (height, width).

    Returns:
        (height, width, 3) sRGB uint8, or (height, width, channels) float32; edges are stretched to the size.

    Raises:
        UnreadableError: the file is missing, damaged, or not of that kind.
    """
    path = Path(path)
    if kind == ARRAY:
        return resized(read_array(path), size)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read ({error.strerror})") from error
    # Reading at twice the size leaves the last reduction to the same filter for all files.
    return resized(read_small(content, longest=2 * max(size), name=str(path)), size)


def read_array(path: Path) -> FloatArray:
    """Read a .npy file: (H, W, channels) float32.

    Raises:
        UnreadableError: the file is missing or damaged, or does not hold finite real numbers in two or three axes.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, TypeError, EOFError, SyntaxError, TokenError, MemoryError) as error:
        reason = (str(error).splitlines() or ["damaged"])[0][:120]
        raise UnreadableError(f"{path}: is not a .npy file of numbers, or is damaged ({reason})") from error
    if (
        not isinstance(array, np.ndarray)
        or array.dtype.kind not in "iuf"
        or array.ndim not in (2, 3)
        or 0 in array.shape
    ):
        raise UnreadableError(f"{path}: needs real numbers of the shape (H, W) or (H, W, channels)")
    values = np.asarray(array if array.ndim == 3 else array[..., None], dtype=np.float32)
    if not np.isfinite(values).all():
        raise UnreadableError(f"{path}: holds values that are not finite; replace them, or leave the file out")
    return values

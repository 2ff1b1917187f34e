"""Reading photographs small, as arrays: what learning and measuring work on."""

from __future__ import annotations

import numpy as np
import pyvips
from numpy.typing import NDArray

from tinct.errors import UnreadableError
from tinct.media.image.opening import open_bytes


def read_small(content: bytes, *, longest: int | None = None, name: str) -> NDArray[np.uint8]:
    """Decode a photograph and fit it into a square.

    Args:
        content: the bytes of the file.
        longest: longest edge of the result in pixels; smaller photographs, and all without it, keep their size.
        name: for the message.

    Returns:
        (H, W, 3) sRGB uint8, upright; transparent parts are white. Reduced with a Lanczos kernel.

    Raises:
        UnreadableError: the bytes are no picture, or one that is cut short or damaged.
    """
    try:
        image = _open(content, longest)
        edge = longest or max(image.width, image.height)
        options = {"export_profile": "srgb"} if _managed(image) else {}
        image = image.thumbnail_image(edge, height=edge, size="down", **options).colourspace("srgb")
        if image.hasalpha():
            image = image.flatten(background=255)
        pixels: NDArray[np.uint8] = np.ascontiguousarray(image.extract_band(0, n=3).cast("uchar").numpy())
    except pyvips.Error as error:
        raise UnreadableError(f"{name}: not a picture, or a damaged one; leave it out") from error
    return pixels


def reduce_small(pixels: NDArray[np.uint8], *, longest: int) -> NDArray[np.uint8]:
    """Fit pixels (H, W, 3) into a square as `read_small` does a file's; smaller ones stay as they are."""
    if max(pixels.shape[:2]) <= longest:
        return pixels
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels), interpretation="srgb")
    reduced: NDArray[np.uint8] = image.thumbnail_image(longest, height=longest, size="down").numpy()
    return np.ascontiguousarray(reduced)


def size_of(content: bytes, *, name: str) -> tuple[int, int]:
    """Give a photograph's own height and width in pixels, upright, from its header alone.

    Args:
        content: the bytes of the file.
        name: for the message.

    Raises:
        UnreadableError: the bytes are no picture.
    """
    try:
        image = open_bytes(content, access="sequential")
    except pyvips.Error as error:
        raise UnreadableError(f"{name}: not a picture, or a damaged one; leave it out") from error
    lies = image.get_typeof("orientation") and image.get("orientation") >= 5
    return (image.width, image.height) if lies else (image.height, image.width)


def _managed(image: pyvips.Image) -> bool:
    """Say whether colours need a profile; setting one up takes longer than all else for a small picture without."""
    return bool(image.get_typeof("icc-profile-data")) or image.interpretation == "cmyk"


def _open(content: bytes, longest: int | None) -> pyvips.Image:
    """Open for reading once; a JPEG much larger than needed is decoded at a half, a quarter or an eighth.

    libvips' own `thumbnail_buffer` would do all this, but takes files cut short for whole ones.
    """
    image = open_bytes(content, access="sequential", fail_on="error")
    if longest is None or not str(image.get("vips-loader")).startswith("jpegload"):
        return image
    # The factor leaves twice the size, so that the reduction that is seen is the Lanczos kernel's.
    factor = max((each for each in (8, 4, 2) if max(image.width, image.height) >= 2 * longest * each), default=1)
    return pyvips.Image.new_from_buffer(content, "", access="sequential", fail_on="error", shrink=factor)

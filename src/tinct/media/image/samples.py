"""Pictures and arrays of numbers, read and brought to one size, as networks that recognise take them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.inputs import ARRAY, PICTURE
from tinct.color.spaces import FloatArray
from tinct.errors import UnreadableError
from tinct.media.image.small import read_small


def read_pixels(path: str | Path, *, size: tuple[int, int], kind: str = PICTURE) -> NDArray[Any]:
    """Read one picture or array and bring it to a size; edges are stretched to it.

    Args:
        path: a picture of any kind that tinct reads, or a .npy file (H, W) or (H, W, channels).
        size: height and width.
        kind: `picture` or `array`.

    Returns:
        (height, width, 3) sRGB uint8, or (height, width, channels) float32.

    Raises:
        UnreadableError: the file is missing, damaged, or not of that kind.
    """
    path = Path(path)
    if kind == ARRAY:
        return resize(read_array(path), size)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{path}: cannot be read ({error.strerror})") from error
    # Twice the size leaves the last reduction to one and the same filter.
    return resize(read_small(content, longest=2 * max(size), name=str(path)), size)


def read_array(path: Path) -> FloatArray:
    """Read a .npy file: (H, W, channels) float32.

    Raises:
        UnreadableError: the file is missing or damaged, or holds no finite real numbers of two or three axes.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = (str(error).splitlines() or ["damaged"])[0][:120]
        raise UnreadableError(f"{path}: no .npy file of numbers, or a damaged one ({reason})") from error
    if (
        not isinstance(array, np.ndarray)
        or array.dtype.kind not in "iuf"
        or array.ndim not in (2, 3)
        or 0 in array.shape
    ):
        raise UnreadableError(f"{path}: needs real numbers of the shape (H, W) or (H, W, channels)")
    values = np.asarray(array if array.ndim == 3 else array[..., None], dtype=np.float32)
    if not np.isfinite(values).all():
        raise UnreadableError(f"{path}: holds values that are no finite numbers")
    return values


def resize(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Bring (H, W, channels) to another height and width: averaged where smaller, interpolated where larger."""
    if pixels.shape[:2] == size:
        return pixels
    smaller = pixels.shape[0] >= size[0] and pixels.shape[1] >= size[1]
    resized = cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return np.asarray(resized).reshape(*size, pixels.shape[2])

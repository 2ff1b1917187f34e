"""Pictures in memory: NumPy arrays, the same kind out as in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pyvips
from numpy.typing import NDArray

from tinct.color.resize import resized
from tinct.color.spaces import RGB_TO_YUV, FloatArray
from tinct.color.upsample import ChromaGuide, color_rows
from tinct.errors import InputError

_ROWS_AT_ONCE = 1 << 18


def unit_pixels(picture: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Check an array of uint8, uint16 or floats in 0..1, and split its alpha off.

    It is (H, W) or (H, W, 1) grey, (H, W, 2) with alpha, (H, W, 3) sRGB or (H, W, 4) with alpha. Returns (H, W, 1) or
    (H, W, 3) of the same type, and alpha (H, W, 1) or None.

    Raises:
        InputError: the array has another form, or floats outside 0..1.
    """
    pixels = picture[..., None] if picture.ndim == 2 else picture
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4):
        raise InputError(f"a picture must have the shape (H, W) or (H, W, 3), not {picture.shape}")
    if min(pixels.shape[:2]) < 8:
        raise InputError(
            f"{pixels.shape[1]} x {pixels.shape[0]} pixels are too few to colour; it takes at least 8 an edge"
        )
    if picture.dtype not in (np.uint8, np.uint16) and not np.issubdtype(picture.dtype, np.floating):
        raise InputError(f"a picture must be uint8, uint16 or floats in 0..1, not {picture.dtype}")
    alpha = pixels[..., -1:] if pixels.shape[2] in (2, 4) else None
    colors = pixels[..., : 1 if pixels.shape[2] < 3 else 3]
    if np.issubdtype(picture.dtype, np.floating):
        low, high = float(colors.min()), float(colors.max())
        if not (low >= -1e-4 and high <= 1 + 1e-4):
            raise InputError(
                f"floats must lie in 0..1, these reach from {low:.4g} to {high:.4g}; divide by 255 or 65535"
            )
    return colors, alpha


def luma_of(rows: NDArray[Any]) -> FloatArray:
    """Return BT.601 luma (n, W) float32 in 0..1 of grey (n, W, 1) or sRGB (n, W, 3) rows of uint8, uint16 or floats."""
    scale = 1 / np.iinfo(rows.dtype).max if np.issubdtype(rows.dtype, np.integer) else 1.0
    if rows.shape[-1] == 1:
        grey: FloatArray = np.multiply(rows[..., 0], np.float32(scale), dtype=np.float32)
        return grey
    luma: FloatArray = cv2.transform(rows.astype(np.float32), RGB_TO_YUV[:1] * np.float32(scale)).reshape(
        rows.shape[:2]
    )
    return luma


def small_copy(pixels: NDArray[Any], size: tuple[int, int]) -> FloatArray:
    """Return (H, W, k) pixels as (h, w, k) float32 in 0..1, shrunk by area."""
    scale = 1 / np.iinfo(pixels.dtype).max if np.issubdtype(pixels.dtype, np.integer) else 1.0
    small = resized(pixels if np.issubdtype(pixels.dtype, np.integer) else pixels.astype(np.float32), size)
    result: FloatArray = np.clip(small.astype(np.float32) * np.float32(scale), 0, 1)
    return result


def row_function(guide: ChromaGuide, *, height: int, dtype: Any) -> Callable[[NDArray[Any], int], NDArray[Any]]:
    """Return a function that colours rows of a picture of a height, in uint8, uint16 or float32.

    It takes rows (n, W, 1 or 3), one more with alpha, which is passed on, and the first one's number, and returns
    (n, W, 3 or 4).
    """

    def function(rows: NDArray[Any], top: int) -> NDArray[Any]:
        alpha = rows.shape[2] in (2, 4)
        luma = luma_of(rows[..., : rows.shape[2] - alpha])
        colors = color_rows(luma, guide, top=top, height=height, dtype=dtype)
        return np.concatenate([colors, same_range(rows[..., -1:], dtype)], axis=-1) if alpha else colors

    return function


def same_range(values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return integer values in another integer type's whole range, rounded."""
    if values.dtype == dtype:
        return values
    if values.dtype == np.uint16 and np.dtype(dtype) == np.uint8:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if values.dtype == np.uint8 and np.dtype(dtype) == np.uint16:
        return values.astype(np.uint16) * np.uint16(257)
    return values.astype(dtype)


def colored(pixels: NDArray[Any], alpha: NDArray[Any] | None, guide: ChromaGuide, *, threads: int) -> NDArray[Any]:
    """Colour a whole array (H, W, 1 or 3) of uint8, uint16 or floats in 0..1; alpha (H, W, 1), if any, is passed on.

    Returns (H, W, 3), or (H, W, 4) with alpha, of the same type.
    """
    height, width = pixels.shape[:2]
    result = np.empty((height, width, 3 if alpha is None else 4), dtype=pixels.dtype)
    dtype = pixels.dtype.type if np.issubdtype(pixels.dtype, np.integer) else np.float32
    function = row_function(guide, height=height, dtype=dtype)
    step = max(1, _ROWS_AT_ONCE // width)

    def work(top: int) -> None:
        result[top : top + step, :, :3] = function(pixels[top : top + step], top)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(0, height, step)))
    if alpha is not None:
        result[..., 3:] = alpha
    return result


def encoded(picture: NDArray[Any]) -> bytes:
    """Return an array as a file's bytes, lossless, for what works on files only; floats become 16 bits.

    Raises:
        InputError: the array has another form than `unit_pixels` takes.
    """
    colors, alpha = unit_pixels(picture)
    parts = [part for part in (colors, alpha) if part is not None]
    pixels = np.concatenate(parts, axis=-1)
    if np.issubdtype(pixels.dtype, np.floating):
        pixels = np.rint(np.clip(pixels, 0, 1) * 65535).astype(np.uint16)
    height, width, bands = pixels.shape
    kind = "ushort" if pixels.dtype == np.uint16 else "uchar"
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(pixels).tobytes(), width, height, bands, kind)
    meaning = ("rgb16" if bands > 2 else "grey16") if kind == "ushort" else ("srgb" if bands > 2 else "b-w")
    data: bytes = image.copy(interpretation=meaning).tiffsave_buffer()
    return data

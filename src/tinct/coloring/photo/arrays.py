"""Pictures in memory: NumPy arrays and PIL images, the same kind out as in. PIL is imported only when it is used."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import pyvips
from numpy.typing import NDArray

from tinct.color.places import Place, framed, mixed
from tinct.color.resize import resized
from tinct.color.spaces import RGB_TO_YUV, FloatArray
from tinct.color.upsample import ChromaGuide, color_rows
from tinct.coloring.hints.mask import Mask
from tinct.coloring.photo.watch import Watch
from tinct.errors import InputError
from tinct.media.image.kinds import check_least_edge
from tinct.media.image.picture import Picture
from tinct.media.image.pixels import image_of, is_srgb
from tinct.parallel import ordered_map

_PIXELS_AT_ONCE = 1 << 18
# PIL's modes with values of a known meaning: not `F` and `I`, whose range is unknown, nor `LAB` or premultiplied alpha.
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV")
DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N")


def unit_pixels(picture: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Check an array of uint8, uint16 or floats in 0..1: (H, W) or (H, W, 1) grey, (H, W, 3) sRGB, one more with alpha.

    Returns (H, W, 1 or 3) of the same type, in this machine's byte order, and alpha (H, W, 1) or None.

    Raises:
        InputError: the array's shape or type is wrong, or it has floats outside 0..1.
    """
    picture = picture.astype(picture.dtype.newbyteorder("="), copy=False)
    pixels = picture[..., None] if picture.ndim == 2 else picture
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4):
        raise InputError(f"a picture must have the shape (H, W) or (H, W, 3), not {picture.shape}")
    check_least_edge(pixels.shape[1], pixels.shape[0])
    if picture.dtype not in (np.uint8, np.uint16) and not np.issubdtype(picture.dtype, np.floating):
        raise InputError(f"a picture must be uint8, uint16 or floats in 0..1, not {picture.dtype}")
    alpha = pixels[..., -1:] if pixels.shape[2] in (2, 4) else None
    colors = pixels[..., : 1 if pixels.shape[2] < 3 else 3]
    if np.issubdtype(picture.dtype, np.floating):
        low, high = float(colors.min()), float(colors.max())
        if not (low >= -1e-4 and high <= 1 + 1e-4):
            raise InputError(
                f"floats must lie in 0..1, but these range from {low:.4g} to {high:.4g}; divide them by 255 or 65535"
            )
    return colors, alpha


def luma_of(rows: NDArray[Any]) -> FloatArray:
    """Return BT.601 luma (n, W) float32 in 0..1 of grey (n, W, 1) or sRGB (n, W, 3) rows of uint8, uint16 or floats."""
    if rows.shape[-1] == 1:
        luma: FloatArray = np.multiply(rows[..., 0], _unit(rows), dtype=np.float32)
    else:
        luma = cv2.transform(rows.astype(np.float32), RGB_TO_YUV[:1] * _unit(rows)).reshape(rows.shape[:2])
    return luma


def small_copy(pixels: NDArray[Any], size: tuple[int, int]) -> FloatArray:
    """Return (H, W, k) pixels as (h, w, k) float32 in 0..1, shrunk by area."""
    small = resized(pixels if np.issubdtype(pixels.dtype, np.integer) else pixels.astype(np.float32), size)
    result: FloatArray = np.clip(small.astype(np.float32) * _unit(pixels), 0, 1)
    return result


def shown(picture: Picture, *, longest: int) -> FloatArray:
    """Read a small copy of a picture, (h, w, 1 or 3) in 0..1, its longest edge at most `longest` pixels."""
    short, long = sorted((picture.width, picture.height))
    return picture.small(size=longest * (short / long) ** 0.5)


def shown_luma(picture: Picture, *, longest: int) -> FloatArray:
    """Read the luma (h, w) in 0..1 of a small copy, as `shown` does."""
    return luma_of(shown(picture, longest=longest))


def grey_levels(luma: FloatArray) -> NDArray[np.uint8]:
    """Return luma (h, w) in 0..1 as a grey picture, (h, w, 3) sRGB."""
    return np.repeat(np.rint(luma * 255).astype(np.uint8)[..., None], 3, axis=-1)


def inverted(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return a negative's positive, of the same type: uint8, uint16 or floats in 0..1."""
    return np.invert(pixels) if np.issubdtype(pixels.dtype, np.integer) else 1 - pixels


def _unit(pixels: NDArray[Any]) -> np.float32:
    """Return the factor that brings values of this type to 0..1."""
    return np.float32(1 / np.iinfo(pixels.dtype).max if np.issubdtype(pixels.dtype, np.integer) else 1)


def row_function(
    guide: ChromaGuide,
    *,
    height: int,
    dtype: Any,
    places: Sequence[Place] = (),
    kept: Mask | None = None,
    watch: Watch | None = None,
) -> Callable[[NDArray[Any], int], NDArray[Any]]:
    """Return a function that colours rows of a picture of this height, in uint8, uint16 or float32.

    It takes rows (n, W, 1 or 3), or with one more channel for alpha, which is passed on, and the number of the first
    row. It returns (n, W, 3 or 4). Pixels outside the places of photographs stay as they are, and so do those that a
    mask keeps. A `watch` sees all rows.
    """

    def function(rows: NDArray[Any], top: int) -> NDArray[Any]:
        alpha = rows.shape[2] in (2, 4)
        luma = luma_of(rows[..., : rows.shape[2] - alpha])
        if watch is not None:
            watch.see(luma, top)
        colors = color_rows(luma, guide, top=top, height=height, dtype=dtype)
        if places:
            before = same_range(rows[..., : rows.shape[2] - alpha], dtype)
            soft = max(1.0, rows.shape[1] / guide.size[1])
            colors = framed(colors, before, places, top=top, height=height, soft=soft)
        if kept is not None:
            before = same_range(rows[..., : rows.shape[2] - alpha], dtype)
            share = kept.rows(top, len(rows), width=rows.shape[1], height=height)
            colors = mixed(colors, before, 1 - share[..., None])
        return np.concatenate([colors, same_range(rows[..., -1:], dtype)], axis=-1) if alpha else colors

    return function


def same_range(values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return integer values scaled to another integer type's whole range, rounded."""
    if values.dtype == dtype:
        return values
    if values.dtype == np.uint16 and np.dtype(dtype) == np.uint8:
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if values.dtype == np.uint8 and np.dtype(dtype) == np.uint16:
        return values.astype(np.uint16) * np.uint16(257)
    return values.astype(dtype)


def colored(
    pixels: NDArray[Any],
    alpha: NDArray[Any] | None,
    guide: ChromaGuide,
    *,
    places: Sequence[Place] = (),
    kept: Mask | None = None,
    threads: int,
) -> NDArray[Any]:
    """Colour a whole array (H, W, 1 or 3) with alpha (H, W, 1) or None; return (H, W, 3 or 4) of the same type."""
    height, width = pixels.shape[:2]
    result = np.empty((height, width, 3 if alpha is None else 4), dtype=pixels.dtype)
    dtype = pixels.dtype.type if np.issubdtype(pixels.dtype, np.integer) else np.float32
    function = row_function(guide, height=height, dtype=dtype, places=places, kept=kept)
    step = max(1, _PIXELS_AT_ONCE // width)

    def color(top: int) -> None:
        result[top : top + step, :, :3] = function(pixels[top : top + step], top)

    for _ in ordered_map(color, range(0, height, step), threads=threads):
        pass
    if alpha is not None:
        result[..., 3:] = alpha
    return result


def encoded(picture: NDArray[Any]) -> bytes:
    """Return an array as the bytes of a lossless file, for code that only reads files; floats become 16 bits.

    Raises:
        InputError: the array is not one that `unit_pixels` takes.
    """
    colors, alpha = unit_pixels(picture)
    pixels = colors if alpha is None else np.concatenate([colors, alpha], axis=-1)
    if np.issubdtype(pixels.dtype, np.floating):
        pixels = np.rint(np.clip(pixels, 0, 1) * 65535).astype(np.uint16)
    data: bytes = image_of(pixels).tiffsave_buffer()
    return data


def is_pil(picture: Any) -> bool:
    """Check whether something is a PIL image, without importing PIL."""
    return any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in type(picture).__mro__)


def from_pil(image: Any) -> NDArray[Any]:
    """Return a PIL image's pixels, upright and in sRGB: (H, W) or (H, W, 2, 3 or 4) uint8, or (H, W) uint16.

    An ICC profile other than sRGB's is applied, unless it is damaged.

    Raises:
        InputError: the image's mode is not in `MODES` or `DEEP_MODES`.
    """
    from PIL import ImageOps

    if image.mode not in (*MODES, *DEEP_MODES):
        raise InputError(
            f"PIL images of the mode {image.mode} cannot be colorized; "
            f"convert the image to one of {', '.join((*MODES, *DEEP_MODES[:1]))} first"
        )
    upright = ImageOps.exif_transpose(image)
    if upright.mode in DEEP_MODES:
        return np.asarray(upright).astype(np.uint16)
    has_alpha = upright.getbands()[-1] == "A"
    transparent = has_alpha or "transparency" in upright.info
    accepted = ("L", "LA", "RGB", "RGBA") if has_alpha or not transparent else ()
    profile = upright.info.get("icc_profile")
    foreign = _in_srgb(upright, profile) if profile else None
    if foreign is not None:
        upright = foreign
    elif upright.mode == "1":
        upright = upright.convert("L")
    elif upright.mode not in accepted:
        upright = upright.convert("RGBA" if transparent else "RGB")
    pixels: NDArray[Any] = np.asarray(upright)
    return pixels


def to_pil(pixels: NDArray[Any], like: Any) -> Any:
    """Return (H, W, 3 or 4) pixels as an 8-bit PIL image with the texts, resolution and EXIF of the image `like`."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(same_range(pixels, np.uint8)))
    info = {name: value for name, value in like.info.items() if name not in ("transparency", "icc_profile", "exif")}
    image.info.update(info)
    profile = like.info.get("icc_profile")
    if profile and like.mode in ("RGB", "RGBA") and _means_srgb(profile):
        image.info["icc_profile"] = profile
    exif = Image.Exif()
    exif.load(like.getexif().tobytes())  # a copy, since PIL returns the caller's own object
    if exif:
        exif.pop(0x0112, None)  # orientation
        image.info["exif"] = exif.tobytes()
    return image


def _means_srgb(profile: bytes) -> bool:
    try:
        return is_srgb(profile)
    except pyvips.Error:
        return False


def _in_srgb(image: Any, profile: bytes) -> Any:
    """Apply an ICC profile; return None if there is nothing to do: it is sRGB's, damaged, or for other channels."""
    from PIL import ImageCms

    if image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK") or _means_srgb(profile):
        return None
    colors = image.convert(image.mode.removesuffix("A")) if image.mode.endswith("A") else image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        result = ImageCms.profileToProfile(colors, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return None
    if result is not None and (image.mode.endswith("A") or "transparency" in image.info):
        result.putalpha(image.convert("RGBA").getchannel("A"))
    return result

"""PIL images to arrays and back, without needing PIL where nobody uses it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from tinct.coloring.photo.arrays import same_range
from tinct.errors import InputError
from tinct.media.image.profile import is_srgb

# The modes whose values have one meaning. Not `F` and `I`, whose range nobody says, nor `LAB` and premultiplied alpha.
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV")
DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N")


def is_pil(picture: Any) -> bool:
    """Tell whether something is a PIL image, without importing PIL."""
    return any(kind.__module__ == "PIL.Image" and kind.__name__ == "Image" for kind in type(picture).__mro__)


def from_pil(image: Any) -> NDArray[Any]:
    """Return a PIL image's pixels, upright and in sRGB: (H, W) or (H, W, 2, 3 or 4) uint8, or (H, W) uint16.

    An ICC profile other than sRGB's is applied, damaged ones are not.

    Raises:
        InputError: the image's mode is none of `MODES` and `DEEP_MODES`.
    """
    from PIL import ImageOps

    if image.mode not in (*MODES, *DEEP_MODES):
        raise InputError(
            f"PIL images of the mode {image.mode} cannot be colorized; "
            f"convert it to one of {', '.join((*MODES, *DEEP_MODES[:1]))} first"
        )
    upright = ImageOps.exif_transpose(image)
    if upright.mode in DEEP_MODES:
        return np.asarray(upright).astype(np.uint16)
    transparent = upright.getbands()[-1] == "A" or "transparency" in upright.info
    kept = ("L", "LA", "RGB", "RGBA") if upright.getbands()[-1] == "A" or not transparent else ()
    profile = upright.info.get("icc_profile")
    foreign = _in_srgb(upright, profile) if profile else None
    if foreign is not None:
        upright = foreign
    elif upright.mode == "1":
        upright = upright.convert("L")
    elif upright.mode not in kept:
        upright = upright.convert("RGBA" if transparent else "RGB")
    pixels: NDArray[Any] = np.asarray(upright)
    return pixels


def to_pil(pixels: NDArray[Any], like: Any) -> Any:
    """Return (H, W, 3 or 4) pixels as an 8-bit PIL image with another's texts, resolution and EXIF."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(same_range(pixels, np.uint8)))
    kept = {name: value for name, value in like.info.items() if name not in ("transparency", "icc_profile", "exif")}
    image.info.update(kept)
    profile = like.info.get("icc_profile")
    if profile and like.mode in ("RGB", "RGBA") and _means_srgb(profile):
        image.info["icc_profile"] = profile
    exif = Image.Exif()
    exif.load(like.getexif().tobytes())  # a copy: PIL hands out the caller's own
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
    """Apply an ICC profile; None where it is sRGB's, damaged or of another kind of colours, so that nothing is done."""
    from PIL import ImageCms

    if image.mode not in ("L", "LA", "RGB", "RGBA", "CMYK") or _means_srgb(profile):
        return None
    colors = image.convert(image.mode.removesuffix("A")) if image.mode.endswith("A") else image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        result = ImageCms.profileToProfile(colors, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return None
    if image.mode.endswith("A") and result is not None:
        result.putalpha(image.getchannel("A"))
    elif "transparency" in image.info and result is not None:
        result.putalpha(image.convert("RGBA").getchannel("A"))
    return result

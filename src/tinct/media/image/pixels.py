"""Images of libvips: their fields, and their pixels as they are shown: in sRGB or grey, upright, or cut out of a scan.

Pictures are not held, unless their rows are needed in another order.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pyvips
from numpy.typing import NDArray

from tinct.color.places import Place
from tinct.errors import UnreadableError

REMARK = "tinct-remark"  # a field of a libvips image: what the user should be told about how it was read
_PROFILE = "icc-profile-data"
# A profile whose colours differ from sRGB's by no more than this (8-bit steps) is sRGB under another name.
_SAME = 1.5
# Pictures whose rows are needed in another order are held in memory up to this many bytes, in a temporary file above.
_IN_MEMORY = 64 << 20
_FROM_GREY = "converted from its grey profile to sRGB"
_CONVERTED = "converted from its own colour profile to sRGB"


def field_of(image: pyvips.Image, name: str, default: Any) -> Any:
    """Return a field of a libvips image, or the default if it has none of this name."""
    return image.get(name) if image.get_typeof(name) else default


def remarked(image: pyvips.Image, words: str) -> pyvips.Image:
    """Return an image with a remark on how it was read, added to those that it has."""
    if not words:
        return image
    before = field_of(image, REMARK, "")
    result = image.copy()
    result.set_type(pyvips.GValue.gstr_type, REMARK, f"{before}; {words}" if before else words)
    return result


def image_of(pixels: NDArray[Any]) -> pyvips.Image:
    """Return (H, W) or (H, W, 1 to 4) uint8 or uint16 as a libvips image of its own."""
    deep, grey = pixels.dtype == np.uint16, pixels.ndim == 2 or pixels.shape[2] < 3
    interpretation = ("grey16" if grey else "rgb16") if deep else ("b-w" if grey else "srgb")
    return pyvips.Image.new_from_array(np.ascontiguousarray(pixels), interpretation=interpretation).copy()


class Converted(NamedTuple):
    """A picture in sRGB or grey values.

    Attributes:
        pixels: 1 (grey) or 3 bands of uchar or ushort.
        alpha: one band of the same format, or None.
        profile: the ICC profile to attach to a result in sRGB, or None.
        remark: what the user should be told about the conversion; empty if nothing.
    """

    pixels: pyvips.Image
    alpha: pyvips.Image | None
    profile: bytes | None
    remark: str


def to_srgb(image: pyvips.Image, *, name: str, negative: bool = False) -> Converted:
    """Convert any picture to sRGB or grey values, lazily, and invert a negative; `name` is the file's, for messages.

    Raises:
        UnreadableError: its pixels have a form that tinct cannot use.
    """
    alpha = None
    if image.bands > 1 and image.hasalpha():
        alpha = image[image.bands - 1]
        image = image.extract_band(0, n=image.bands - 1)
    if image.interpretation not in ("srgb", "rgb", "b-w", "rgb16", "grey16", "cmyk", "multiband"):
        deep = image.format != "uchar"
        image = image.colourspace("rgb16" if deep else "srgb")
    if image.format not in ("uchar", "ushort") or (image.bands not in (1, 3) and image.interpretation != "cmyk"):
        raise UnreadableError(
            f"{name}: its pixels ({image.bands} channels of {image.format}) cannot be used; "
            "save it with 8 or 16 bits a channel, grey or RGB"
        )
    if alpha is not None and alpha.format != image.format:
        alpha = alpha.cast(image.format)
    image, profile, remark = _converted(image)
    if negative:
        image = image.invert()
    grey = image.bands == 1
    names = ("b-w", "srgb") if image.format == "uchar" else ("grey16", "rgb16")
    meaning = names[0] if grey else names[1]
    pixels = image if image.interpretation == meaning else image.copy(interpretation=meaning)
    return Converted(pixels, alpha, profile, remark)


@lru_cache(maxsize=16)  # pictures of a folder have few
def is_srgb(profile: bytes) -> bool:
    """Return whether an ICC profile of RGB means the colours of sRGB, whatever it is called.

    Raises:
        pyvips.Error: it is damaged, or not one of RGB.
    """
    levels = np.array([0, 64, 128, 192, 255], dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(1, -1, 3)
    probe = pyvips.Image.new_from_array(np.ascontiguousarray(cube), interpretation="srgb").copy()
    probe.set_type(pyvips.GValue.blob_type, _PROFILE, profile)
    # If libvips cannot use the profile, it takes `input_profile` without an error: then the two results differ.
    results = [
        probe.icc_transform("srgb", embedded=True, input_profile=other, depth=8).numpy() for other in ("srgb", "p3")
    ]
    if not _fits(profile, b"RGB ") or not np.array_equal(*results):
        raise pyvips.Error("not a profile of RGB")
    return bool(np.abs(results[0].astype(np.float32) - cube).max() <= _SAME)


def _fits(profile: bytes, *kinds: bytes) -> bool:
    """Return whether a profile is whole and for one of these colour spaces, by its header.

    Source: ICC.1:2022, section 7.2.
    """
    whole = 132 < int.from_bytes(profile[:4], "big") <= len(profile) and profile[36:40] == b"acsp"
    return whole and profile[16:20] in kinds


def _converted(image: pyvips.Image) -> tuple[pyvips.Image, bytes | None, str]:
    """Apply the embedded profile, if there is one that matters."""
    embedded: bytes = field_of(image, _PROFILE, b"")
    if not embedded and image.interpretation != "cmyk":
        return image, None, ""
    deep = image.format == "ushort"
    srgb: bytes = pyvips.Image.profile_load("srgb")
    if image.interpretation == "cmyk":
        # A picture without a profile gets libvips' general one for CMYK.
        fallback = {} if embedded else {"input_profile": "cmyk"}
        converted = image.icc_transform("srgb", embedded=True, depth=16 if deep else 8, **fallback)
        return converted, srgb, "converted from CMYK to sRGB"
    if image.bands == 3 and _fits(embedded, b"GRAY"):  # AVIF stores grey pictures as colours
        image = image.extract_band(0)
    try:
        if image.bands == 1 and _fits(embedded, b"GRAY", b"RGB "):
            curve = _grey_curve(image, deep=deep)
            steps = 257 if deep else 1
            off = np.abs(curve.numpy().reshape(-1).astype(np.float32) - np.arange(curve.width, dtype=np.float32)).max()
            return (image, None, "") if off <= _SAME * steps else (image.maplut(curve), None, _FROM_GREY)
        if image.bands == 3 and is_srgb(embedded):
            return image, embedded, ""
        if image.bands == 3:
            return image.icc_transform("srgb", embedded=True, depth=16 if deep else 8), srgb, _CONVERTED
    except pyvips.Error:
        pass  # the remark says so
    return image, None, "its colour profile is damaged or does not fit and was ignored: its values are taken as sRGB"


def _grey_curve(image: pyvips.Image, *, deep: bool) -> pyvips.Image:
    """Return what a grey profile makes of each value, as a look-up table of one band."""
    ramp = pyvips.Image.identity(ushort=deep).copy(interpretation="grey16" if deep else "b-w")
    ramp.set_type(pyvips.GValue.blob_type, _PROFILE, image.get(_PROFILE))
    colors = ramp.icc_transform("srgb", embedded=True, depth=16 if deep else 8)
    return colors[min(1, colors.bands - 1)].copy_memory()


def from_gamma(image: pyvips.Image, gamma: float) -> pyvips.Image:
    """Convert a picture's values from a gamma to sRGB; transparency stays as it is."""
    steps = 256 if image.format == "uchar" else 65536
    linear = (np.arange(steps) / (steps - 1)) ** (1 / gamma)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    table = np.rint(encoded * (steps - 1)).astype(np.uint8 if steps == 256 else np.uint16)
    curve = pyvips.Image.new_from_array(table.reshape(1, -1))
    alpha = image.hasalpha()
    colors = image.extract_band(0, n=image.bands - alpha).maplut(curve)
    return (colors.bandjoin(image[image.bands - 1]) if alpha else colors).copy(interpretation=image.interpretation)


def orientation_of(image: pyvips.Image) -> int:
    """Return a picture's orientation as EXIF counts it, 1 to 8."""
    return int(field_of(image, "orientation", 1))


def upright(pixels: pyvips.Image, orientation: int) -> pyvips.Image:
    """Return pixels as they are shown; those that need no other order of rows are still streamed."""
    if orientation == 2:
        return pixels.fliphor()
    # Lower rows come first then, so the rows cannot be streamed from the file.
    return _held(pixels).autorot() if orientation > 2 else pixels


def cut(pixels: pyvips.Image, place: Place) -> pyvips.Image:
    """Return what lies at a place, upright, with a pixel for a pixel; see `Place.cut`."""
    box = place.box_on(pixels.width, pixels.height)
    if box is not None:
        left, top, right, bottom = box
        return pixels.crop(left, top, right - left, bottom - top)
    height, width = place.size_on(pixels.width, pixels.height)
    matrix = place.transform(pixels.width, pixels.height, (height, width))
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # libvips, too, samples pixels at their centres
    return _held(pixels).affine(
        [float(value) for value in matrix[:, :2].ravel()],
        oarea=[0, 0, width, height],
        odx=float(matrix[0, 2]),
        ody=float(matrix[1, 2]),
        interpolate=pyvips.Interpolate.new("bicubic"),
        extend="copy",
    )


def _held(pixels: pyvips.Image) -> pyvips.Image:
    """Return pixels that can be read in any order."""
    size = pixels.width * pixels.height * pixels.bands * (1 if pixels.format == "uchar" else 2)
    if size <= _IN_MEMORY:
        return pixels.copy_memory()
    waiting = pyvips.Image.new_temp_file("%s.v")
    pixels.write(waiting)
    return waiting

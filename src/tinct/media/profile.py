"""Pixels of any colour space to sRGB or grey values, 8 or 16 bits, without holding the picture."""

from __future__ import annotations

import numpy as np
import pyvips

from tinct.errors import UnreadableError

_PROFILE = "icc-profile-data"
# A profile whose colours differ from sRGB's by no more than this (8-bit steps) is sRGB under another name.
_SAME = 1.5


def to_srgb(image: pyvips.Image, *, name: str) -> tuple[pyvips.Image, pyvips.Image | None, bytes | None]:
    """Turn a picture into sRGB or grey values.

    Args:
        image: any picture, lazily; stays lazy.
        name: of the file, for messages.

    Returns:
        The picture with 1 (grey) or 3 bands of uchar or ushort; its alpha of the same format, or None; the ICC profile
        to attach to a result in sRGB, or None.

    Raises:
        UnreadableError: its pixels have a form that tinct does not use.
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
    image, profile = _converted(image)
    grey = image.bands == 1
    names = ("b-w", "srgb") if image.format == "uchar" else ("grey16", "rgb16")
    return image.copy(interpretation=names[0] if grey else names[1]), alpha, profile


def _converted(image: pyvips.Image) -> tuple[pyvips.Image, bytes | None]:
    """Apply the embedded profile, where there is one that matters."""
    embedded = image.get(_PROFILE) if image.get_typeof(_PROFILE) else None
    deep = image.format == "ushort"
    srgb: bytes = pyvips.Image.profile_load("srgb")
    if image.interpretation == "cmyk":
        # Without a profile of its own libvips takes its general one for CMYK.
        fallback = {} if embedded else {"input_profile": "cmyk"}
        return image.icc_transform("srgb", embedded=True, depth=16 if deep else 8, **fallback), srgb
    if embedded is None:
        return image, None
    try:
        if image.bands == 1:
            return image.maplut(_grey_curve(image, deep=deep)), None
        if _is_srgb(image):
            return image, embedded
        return image.icc_transform("srgb", embedded=True, depth=16 if deep else 8), srgb
    except pyvips.Error:  # a damaged or foreign profile: the values are taken as sRGB, as viewers do
        return image, None


def _grey_curve(image: pyvips.Image, *, deep: bool) -> pyvips.Image:
    """Give what a grey profile makes of each value, as a look-up table of one band."""
    ramp = pyvips.Image.identity(ushort=deep).copy(interpretation="grey16" if deep else "b-w")
    ramp.set_type(pyvips.GValue.blob_type, _PROFILE, image.get(_PROFILE))
    colors = ramp.icc_transform("srgb", embedded=True, depth=16 if deep else 8)
    return colors[min(1, colors.bands - 1)].copy_memory()


def _is_srgb(image: pyvips.Image) -> bool:
    """Try a profile on 125 colours."""
    levels = np.array([0, 64, 128, 192, 255], dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(1, -1, 3)
    probe = pyvips.Image.new_from_array(np.ascontiguousarray(cube), interpretation="srgb").copy()
    probe.set_type(pyvips.GValue.blob_type, _PROFILE, image.get(_PROFILE))
    result = probe.icc_transform("srgb", embedded=True, depth=8).numpy()
    return bool(np.abs(result.astype(np.float32) - cube).max() <= _SAME)

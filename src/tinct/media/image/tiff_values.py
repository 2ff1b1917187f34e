"""Convert values of TIFF files that libvips leaves as they are: Lab, floats, long integers, and other channels."""

from __future__ import annotations

from collections.abc import Callable

import pyvips

from tinct.media.image.decoders import UnsupportedError, remarked
from tinct.media.image.pages import CIE_LAB, Page

_INTEGERS = {"char": 127, "short": 32767, "int": 2**31 - 1, "uint": 2**32 - 1}
# Usual floats for white, and the brightest value that fits each: sharpening overshoots a little, lights do more.
_WHITES = ((1.0, 4.0), (255.0, 320.0), (65535.0, 70_000.0))


def colors_alone(image: pyvips.Image, page: Page) -> pyvips.Image:
    """Leave out channels that are neither colours nor transparency: infrared of film scanners, saved selections.

    Source: TIFF 6.0, "ExtraSamples"; if a file does not say what its only other channel is, it is transparency.
    """
    if page.colors == page.channels < image.bands:  # libtiff added the last when it converted a form unknown to libvips
        return image.extract_band(0, n=page.colors)
    others = image.bands - page.colors
    if not page.colors or others <= 0 or (others == 1 and page.others[:1] in ((), (1,), (2,))):
        return image
    alpha = page.others[:1] in ((1,), (2,))
    result = image.extract_band(0, n=page.colors + alpha)
    count, verb = others - alpha, "is" if others - alpha == 1 else "are"
    return remarked(result, f"{count} of its {image.bands} channels {verb} left out: not a colour (infrared, say)")


def from_lab(image: pyvips.Image, page: Page) -> pyvips.Image:
    """Convert the three bands of a picture in Lab to sRGB; a fourth, alpha, stays as it is.

    Source: TIFF 6.0, section 23, for CIE L*a*b*; TIFF technical note 4 for ICC L*a*b*, whose a and b are not signed.
    """
    deep = image.format == "ushort"
    most, step = (65535.0, 256.0) if deep else (255.0, 1.0)
    chroma = image.extract_band(1, n=2)
    if page.photometric == CIE_LAB:
        chroma = chroma.copy(format="short" if deep else "char")
        chroma = chroma / step
    else:
        chroma = chroma / step - 128
    lab = (image[0] * (100 / most)).bandjoin(chroma).copy(interpretation="lab")
    result = lab.colourspace("rgb16" if deep else "srgb")
    if image.bands > 3:
        result = result.bandjoin(image[3])
    return remarked(result, "converted from Lab to sRGB")


def in_sixteen_bits(image: pyvips.Image, again: Callable[[], pyvips.Image]) -> pyvips.Image:
    """Return floats and long integers as 16 bits; `again` opens the picture once more, to find the largest value.

    Raises:
        UnsupportedError: it cannot be told which of its floats is white.
    """
    if image.format in _INTEGERS:
        largest = float(_INTEGERS[image.format])
        if image.format in ("int", "uint") and again().max() <= 65535:
            largest = 65535.0
        remark = ""
    else:
        peak = float(again().max())
        largest = next((white for white, most in _WHITES if 0 < peak <= most), 0.0)
        if not largest:
            raise UnsupportedError(f"its floats reach up to {peak:g}; scale them to 0..1")
        remark = f"its floats became 16 bits: {largest:g} is white"
        remark += f", and brighter values (up to {peak:.3g}) were clipped" * (peak > 1.0001 * largest)
    result = (image * (65535 / largest)).rint().cast("ushort")
    result = result.copy(interpretation="grey16" if image.bands < 3 else "rgb16")
    return remarked(result, remark)

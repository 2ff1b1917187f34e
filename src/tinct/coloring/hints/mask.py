"""Masks, which say where a picture keeps its own colours.

A mask is a picture of any size with the proportions of the one to be coloured: white where colours stay and black
elsewhere, or transparent except where something is painted. Grey keeps colours in part, so soft edges stay soft.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyvips
from numpy.typing import NDArray

from tinct.color.resize import resized
from tinct.color.spaces import FloatArray, rgb_to_yuv, yuv_to_rgb
from tinct.errors import InputError, MissingExtraError, UnreadableError, one_line
from tinct.media.image.opening import open_image

# Larger masks are shrunk to this longest edge, since a mask is kept in memory as a whole.
_LONGEST = 4096
# Proportions may differ by this share, or by a pixel.
_OFF = 0.01


@dataclass(frozen=True, eq=False)
class Mask:
    """Where colours stay.

    Attributes:
        name: of its file, for messages.
        levels: (h, w) uint8, 255 where they stay.
    """

    name: str
    levels: NDArray[np.uint8]

    def check(self, *, width: int, height: int, aspect: float = 1.0) -> None:
        """Refuse a picture of other proportions, with square pixels or with pixels `aspect` wide.

        Raises:
            InputError: the proportions differ.
        """
        down, across = self.levels.shape
        for wide in (float(width), width * aspect):
            if abs(across * height - down * wide) <= max(_OFF * down * wide, height, wide):
                return
        raise InputError(
            f"{self.name}: the mask of {across} x {down} pixels does not have the proportions of the picture of "
            f"{width} x {height}; paint it on a copy of the upright picture"
        )

    def at(self, shape: tuple[int, int]) -> FloatArray:
        """Return the mask at a size (h, w), in 0..1."""
        share: FloatArray = resized(self.levels.astype(np.float32) / np.float32(255), shape)
        return share

    def rows(self, top: int, count: int, *, width: int, height: int) -> FloatArray:
        """Return rows of the mask enlarged or shrunk to (height, width), as (count, width) in 0..1."""
        own = self.levels.shape[0]
        places = np.clip((np.arange(top, top + count) + 0.5) * own / height - 0.5, 0, own - 1)
        first = np.minimum(places.astype(int), max(0, own - 2))
        share = (places - first).astype(np.float32)[:, None]
        upper, lower = (self.levels[np.minimum(first + step, own - 1)].astype(np.float32) for step in (0, 1))
        mixed = (upper + share * (lower - upper)) / np.float32(255)
        across: FloatArray = mixed
        if mixed.shape[1] != width:
            across = cv2.resize(mixed, (width, count), interpolation=cv2.INTER_LINEAR)
        return across

    def greyed(self, rgb: FloatArray) -> FloatArray:
        """Return a picture (h, w, 3 or more), sRGB in 0..1, made grey where the mask keeps colours."""
        if rgb.shape[-1] < 3:
            return rgb
        yuv = rgb_to_yuv(rgb[..., :3])
        yuv[..., 1:] *= 1 - self.at(rgb.shape[:2])[..., None]
        colors: FloatArray = np.concatenate([yuv_to_rgb(yuv), rgb[..., 3:]], axis=-1).astype(np.float32)
        return colors


def greyed(small: FloatArray, kept: Mask | None, *, width: int, height: int) -> FloatArray:
    """Return a small copy (h, w, k) of a picture, grey where its colours are kept, so that they influence nothing.

    Raises:
        InputError: the mask does not have the picture's proportions.
    """
    if kept is None:
        return small
    kept.check(width=width, height=height)
    return kept.greyed(small)


def read_mask(path: str | Path) -> Mask:
    """Read a mask.

    Raises:
        UnreadableError: it cannot be read.
        InputError: nothing in it is white or painted.
    """
    place = Path(path)
    if not place.is_file():
        raise UnreadableError(f"{place}: no such file; name the mask's file")
    try:
        image = open_image(place, access="sequential", fail_on="error").autorot()
        factor = max(image.width, image.height) / _LONGEST
        image = image.colourspace("srgb").cast("uchar")
        if factor > 1:
            image = image.resize(1 / factor)
        bands = image.numpy().reshape(image.height, image.width, -1)
    except MissingExtraError as error:
        raise UnreadableError(f"{place}: {error}") from error
    except pyvips.Error as error:
        reason = one_line(error)[:200]
        raise UnreadableError(f"{place}: cannot be read as a picture ({reason}); save the mask as PNG") from error
    painted = bands.shape[2] in (2, 4) and int(bands[..., -1].min()) < 255
    levels = bands[..., -1] if painted else bands[..., : min(3, bands.shape[2])].mean(axis=2)
    if levels.max() < 128:
        raise InputError(f"{place}: this mask keeps nothing; make it white, or paint, where colours are to stay")
    return Mask(str(place), np.ascontiguousarray(np.rint(levels).astype(np.uint8)))

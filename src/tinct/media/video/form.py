"""What all frames of a film have in common: the meaning of their codes, their sizes, and the picture's place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.media.video.film import Film

# The weights of red and blue in luma, for each matrix: ITU-R BT.601-7, BT.709-6, BT.2020-2.
LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}

Area = tuple[int, int, int, int]  # top, bottom, left and right


@dataclass(frozen=True)
class FrameForm:
    """What all frames of a film have in common.

    Attributes:
        luma_shape, depth: (H, W) of the Y plane, and its bits.
        full_range: whether codes use all values; otherwise black is 16 and white 235, times 2^(depth - 8).
        matrix: `bt601`, `bt709` or `bt2020`.
        area: (top, bottom, left, right) of the picture between black borders, in luma pixels, all even.
        chroma_shape, chroma_depth: (h, w) of the planes of U and V, and their bits.
    """

    luma_shape: tuple[int, int]
    depth: int
    full_range: bool
    matrix: str
    area: Area
    chroma_shape: tuple[int, int]
    chroma_depth: int

    @classmethod
    def of(
        cls, film: Film, *, area: Area | None = None, chroma_shape: tuple[int, int] | None = None, chroma_depth: int = 8
    ) -> Self:
        """Return a film's form; unless given, there are no borders, and chroma is as large as luma."""
        return cls(
            luma_shape=(film.height, film.width),
            depth=film.depth,
            full_range=film.full_range,
            matrix=film.matrix_name,
            area=area or (0, film.height, 0, film.width),
            chroma_shape=chroma_shape or (film.height, film.width),
            chroma_depth=chroma_depth,
        )

    def unit(self, codes: NDArray[Any]) -> FloatArray:
        """Return codes of Y as luma in 0..1."""
        scale = 1 << (self.depth - 8)
        black, white = (0, 256 * scale - 1) if self.full_range else (16 * scale, 235 * scale)
        luma = codes.astype(np.float32)
        luma -= np.float32(black)
        luma *= np.float32(1 / (white - black))
        return np.clip(luma, 0, 1, out=luma)

    def unit_chroma(self, codes: NDArray[Any]) -> FloatArray:
        """Return codes of the film's own U or V as Cb or Cr in -0.5..0.5."""
        scale = 1 << (self.depth - 8)
        span = 256 * scale - 1 if self.full_range else 224 * scale
        return (codes.astype(np.float32) - np.float32(128 * scale)) / np.float32(span)

    def chroma_codes(self, chroma: NDArray[Any]) -> NDArray[Any]:
        """Return Cb or Cr in -0.5..0.5 as codes."""
        scale = 1 << (self.chroma_depth - 8)
        span = 256 * scale - 1 if self.full_range else 224 * scale
        codes = chroma * np.float32(span)
        codes += np.float32(128 * scale)
        np.rint(codes, out=codes)
        return np.clip(codes, 0, 256 * scale - 1, out=codes).astype(self.chroma_type)

    def picture(self, luma: NDArray[Any], chroma: tuple[NDArray[Any], NDArray[Any]]) -> NDArray[np.uint8]:
        """Return a frame's codes of Y, and of U and V with `chroma_depth` bits, all (h, w), as sRGB (h, w, 3)."""
        levels: NDArray[np.uint8] = self.rgb_codes(luma, chroma, bits=8)
        return levels

    def rgb_codes(self, luma: NDArray[Any], chroma: tuple[NDArray[Any], NDArray[Any]], *, bits: int) -> NDArray[Any]:
        """Return the same as red, green and blue of this many bits: (h, w, 3) uint8, or uint16 for more than 8."""
        scale = 1 << (self.chroma_depth - 8)
        span = 256 * scale - 1 if self.full_range else 224 * scale
        grey = self.unit(luma)
        blue, red = ((plane.astype(np.float32) - np.float32(128 * scale)) / np.float32(span) for plane in chroma)
        red_weight, blue_weight = LUMA_WEIGHTS[self.matrix]
        rgb = np.empty((*grey.shape, 3), dtype=np.float32)
        rgb[..., 0] = grey + 2 * (1 - red_weight) * red
        rgb[..., 2] = grey + 2 * (1 - blue_weight) * blue
        rest = 1 - red_weight - blue_weight
        rgb[..., 1] = (grey - red_weight * rgb[..., 0] - blue_weight * rgb[..., 2]) / rest
        np.clip(rgb, 0, 1, out=rgb)
        rgb *= np.float32((1 << bits) - 1)
        return np.rint(rgb, out=rgb).astype(np.uint8 if bits == 8 else np.uint16)

    @property
    def chroma_type(self) -> type[np.generic]:
        """Return the type of the planes of U and V."""
        return np.uint8 if self.chroma_depth == 8 else np.uint16

    def neutral(self) -> NDArray[Any]:
        """Return a plane of U or V without colour."""
        return np.full(self.chroma_shape, 1 << (self.chroma_depth - 1), dtype=self.chroma_type)

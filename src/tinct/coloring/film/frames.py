"""Colour one frame of a film: the Y plane in, the planes of U and V out; `smoothing` averages over other frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tinct.color.decoding import annealed_shares, softmax
from tinct.color.resize import resized, small_size
from tinct.color.spaces import FloatArray
from tinct.color.toning import is_colored
from tinct.color.upsample import chroma_planes, fit_guide
from tinct.coloring.film.history import GrainCleaner
from tinct.coloring.hints.spreading import HintSpreader, PlacedHints
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.prediction import native_luma, picture_chroma, yuv_chroma
from tinct.media.video.film import Film
from tinct.media.video.read import Frame

# Root of height x width at which a film's chroma is fitted to luma, and never more than its chroma has: less than a
# photograph's, since a film's chroma is stored at half size and each frame is seen for a moment.
GUIDE_SIZE = 400
# Root of height x width at which hints spread over a frame: every frame needs a factorisation of its own.
SPREAD_SIZE = 128
# Root of height x width at which a frame's own colours are looked at.
_COLOR_SIZE = 96
# How much of luma red and blue make in each matrix: ITU-R BT.601-7, BT.709-6, BT.2020-2.
LUMA_WEIGHTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}

# Top, bottom, left and right.
Area = tuple[int, int, int, int]


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

    @property
    def chroma_type(self) -> type[np.generic]:
        """The type of the planes of U and V."""
        return np.uint8 if self.chroma_depth == 8 else np.uint16

    def neutral(self) -> NDArray[Any]:
        """Return a plane of U or V without colour."""
        return np.full(self.chroma_shape, 1 << (self.chroma_depth - 1), dtype=self.chroma_type)


@dataclass(frozen=True, eq=False)
class Look:
    """What is needed of a frame's luma, inside its black borders. Dozens are held at once, so it is kept small.

    Attributes:
        codes: (h, w) uint8 or uint16 codes of Y at the size of chroma.
        seen: (k, l) float32 in 0..1 as the network sees it, before `GrainCleaner`.
        levels: (k, l) uint8, the same picture as it is: what motion and cuts are found in.
    """

    codes: NDArray[Any]
    seen: FloatArray
    levels: NDArray[np.uint8]


class FrameColorizer:
    """A model, settings and a film's form. Several threads may use one at once."""

    def __init__(self, colorizer: Colorizer, form: FrameForm) -> None:
        self.form = form
        self._colorizer = colorizer
        self._bins = colorizer.session.bins
        self._space = colorizer.session.card.space
        self._whole = colorizer.session.card.task == "rgb"

    def look(self, codes: NDArray[Any]) -> Look:
        """Return what is needed of a frame's (H, W) uint8 or uint16 Y plane."""
        top, bottom, left, right = self.form.area
        inside = codes[top:bottom, left:right]
        rows, columns = self._chroma_area()
        half = resized(inside, (rows.stop - rows.start, columns.stop - columns.start))
        guide = self._guide(self.form.unit(half))
        size = small_size(*inside.shape, size=self._colorizer.size)
        # Large films are shrunk in steps; what is as small as the network's picture has to be looked at as it is.
        enough = size[0] <= guide.shape[0] and size[1] <= guide.shape[1]
        small = resized(guide, size) if enough else self.form.unit(resized(inside, size))
        return Look(half, native_luma(small, space=self._space), np.rint(small * 255).astype(np.uint8))

    def cleaner(self) -> GrainCleaner:
        """Begin to clean a film's frames, as the settings say."""
        return GrainCleaner(denoise=self._colorizer.decoding.denoise)

    def answer(self, seen: FloatArray) -> FloatArray:
        """Run the network on luma (k, l) in 0..1, from a `Look`, cleaned of grain or not.

        Returns:
            What may be averaged over time: (k, l, n) shares of the bins, or (k, l, 2) chroma from a model without bins
            (U and V from one that gives the whole picture).
        """
        output = self._colorizer.session.run(seen)
        if self._bins is not None:
            return softmax(output)
        return picture_chroma(output) if self._whole else output

    def planes(
        self, look: Look, answer: FloatArray, *, hints: PlacedHints | None = None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return a frame's U and V of `chroma_shape` and `chroma_type`, neutral outside the picture's area.

        Args:
            look: of this frame.
            answer: of the network for it, averaged over time or not.
            hints: what is known of the frame's colours, placed in the picture's area.
        """
        chroma = answer
        if self._bins is not None:
            colorizer = self._colorizer
            chroma = annealed_shares(
                answer, self._bins.centers, temperature=colorizer.temperature, caution=colorizer.caution
            )
        luma = self.form.unit(look.codes)
        guide = self._guide(luma)
        if self._space != "yuv" and not self._whole:
            chroma = yuv_chroma(guide, chroma, space=self._space)
        fitted = fit_guide(guide, chroma)
        if hints is not None:
            spreader = HintSpreader(guide, shares=self._calibrated(answer), size=SPREAD_SIZE)
            fitted = spreader.added(fitted, spreader.shares(hints))
        blue, red = chroma_planes(luma, fitted, weights=LUMA_WEIGHTS[self.form.matrix])
        place = self._chroma_area()
        result = []
        for values in (blue, red):
            plane = self.form.neutral()
            plane[place] = self.form.chroma_codes(values)
            result.append(plane)
        return result[0], result[1]

    def is_colored(self, frame: Frame) -> bool:
        """Check whether a frame has colours of its own, beyond a tone."""
        if frame.chroma is None:
            return False
        height, width = small_size(*frame.luma.shape, size=_COLOR_SIZE)
        luma = self.form.unit(resized(frame.luma, (height, width)))
        blue, red = (self.form.unit_chroma(resized(plane, (height, width))) for plane in frame.chroma)
        red_weight, blue_weight = LUMA_WEIGHTS[self.form.matrix]
        rgb = np.empty((height, width, 3), dtype=np.float32)
        rgb[..., 0] = luma + 2 * (1 - red_weight) * red
        rgb[..., 2] = luma + 2 * (1 - blue_weight) * blue
        rgb[..., 1] = (luma - red_weight * rgb[..., 0] - blue_weight * rgb[..., 2]) / (1 - red_weight - blue_weight)
        return is_colored(np.clip(rgb, 0, 1, out=rgb))

    def own_planes(self, chroma: tuple[NDArray[Any], NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return a frame's own planes of U and V in the result's form."""
        if chroma[0].shape == self.form.chroma_shape and self.form.depth == self.form.chroma_depth:
            return chroma
        blue, red = (
            self.form.chroma_codes(self.form.unit_chroma(resized(plane, self.form.chroma_shape))) for plane in chroma
        )
        return blue, red

    def _calibrated(self, answer: FloatArray) -> FloatArray | None:
        """Return an answer as calibrated probabilities; None from a model without bins."""
        if self._bins is None:
            return None
        power = np.float32(1 / self._colorizer.session.card.calibration)
        shares = np.power(np.maximum(answer, np.float32(1e-9)), power)
        calibrated: FloatArray = shares / shares.sum(axis=-1, keepdims=True)
        return calibrated

    def _guide(self, luma: FloatArray) -> FloatArray:
        """Shrink luma (h, w), of the size of chroma, to the size chroma is fitted at."""
        return resized(luma, small_size(*luma.shape, size=max(GUIDE_SIZE, self._colorizer.size)))

    def _chroma_area(self) -> tuple[slice, slice]:
        """Return the picture's area in the planes of U and V."""
        top, bottom, left, right = self.form.area
        down, across = (
            2 if chroma < luma else 1 for chroma, luma in zip(self.form.chroma_shape, self.form.luma_shape, strict=True)
        )
        return slice(top // down, -(-bottom // down)), slice(left // across, -(-right // across))

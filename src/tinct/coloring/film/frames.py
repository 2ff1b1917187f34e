"""Colour one frame of a film: the Y plane in, the planes of U and V out; `smoothing` averages over other frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Unpack

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.decoding import softmax
from tinct.color.denoise import denoised
from tinct.color.resize import resized, shrunk, small_size
from tinct.color.spaces import FloatArray
from tinct.color.toning import OwnColors
from tinct.color.upsample import chroma_planes, even_out, fit_guide
from tinct.coloring.film.history import GrainCleaner, unit
from tinct.coloring.film.references import Still
from tinct.coloring.hints.spreading import HintSpreader, PlacedHints
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.prediction import native_luma, picture_chroma, yuv_chroma
from tinct.coloring.settings import KEEP_AUTO, Options
from tinct.errors import TinctError
from tinct.media.video.film import Film
from tinct.media.video.form import LUMA_WEIGHTS, FrameForm
from tinct.media.video.read import Frame

# sqrt(height x width) at which a film's chroma is fitted to luma, at most that of its chroma planes: less than for a
# photograph, since a film's chroma is stored at half size and each frame is seen only for a moment.
GUIDE_SIZE = 400
# How finely, see `fit_guide`: one stored value of chroma in 10,000 differs by more than a step from the finest fit.
_CELLS = 2
# Root of height x width at which hints spread over a frame: every frame needs a factorisation of its own, whose
# time grows with the fourth power.
SPREAD_SIZE = 64
# Hints in a film tell things apart by this many of the frame's likeliest colours, and all others as one more.
_SPREAD_COLORS = 31
# sqrt(height x width) at which a frame's own colours are examined.
_COLOR_SIZE = 96
# Spots that cover more than this share of a frame count as its own colours.
_MOSTLY = 0.4
# From the first chroma beside the tone, in 8-bit steps, a pixel near a spot belongs to it a little, from the second
# entirely.
_SPOT_CHROMA = (6.0, 14.0)


@dataclass(frozen=True, eq=False)
class Look:
    """What is needed of a frame's luma, inside its black borders. Dozens are held at once, so it is kept small.

    Attributes:
        codes: (h, w) uint8 or uint16 codes of Y at the size of chroma.
        seen: (k, l) float32 in 0..1 as the network sees it, before `GrainCleaner`.
        levels: (k, l) uint8, the same picture as plain luma, in which motion and cuts are found.
    """

    codes: NDArray[Any]
    seen: FloatArray
    levels: NDArray[np.uint8]


class FrameColorizer:
    """A model, settings and a film's form. Several threads may use one at once."""

    def __init__(self, colorizer: Colorizer, form: FrameForm, kept: FloatArray | None = None) -> None:
        """Take a model with settings, a film's form, and a mask (h, w), of chroma's size in 0..1, of what stays."""
        self.form = form
        self.kept = kept
        self.keeps_spots = colorizer.decoding.keep == KEEP_AUTO
        self._colorizer = colorizer
        self._bins = colorizer.session.bins
        self._space = colorizer.session.card.space
        self._whole = colorizer.session.card.task == "rgb"

    def changed(self, **options: Unpack[Options]) -> FrameColorizer:
        """Return one with other settings, for the same film; see `Colorizer.changed`."""
        return FrameColorizer(self._colorizer.changed(**options), self.form, self.kept)

    def look(self, codes: NDArray[Any]) -> Look:
        """Return what is needed of a frame's (H, W) uint8 or uint16 Y plane."""
        top, bottom, left, right = self.form.area
        inside = codes[top:bottom, left:right]
        rows, columns = self._chroma_area()
        half = resized(inside, (rows.stop - rows.start, columns.stop - columns.start))
        guide = self._guide(self.form.unit(half))
        size = small_size(*inside.shape, size=self._colorizer.size)
        # Large frames are shrunk in two steps; if the guide is smaller than the network's picture, in one.
        enough = size[0] <= guide.shape[0] and size[1] <= guide.shape[1]
        small = resized(guide, size) if enough else self.form.unit(resized(inside, size))
        return Look(half, native_luma(small, space=self._space), np.rint(small * 255).astype(np.uint8))

    def cleaner(self) -> GrainCleaner:
        """Return a new grain cleaner for the film, as the settings ask for."""
        return GrainCleaner(denoise=self._colorizer.decoding.denoise)

    def answer(self, seen: FloatArray, references: tuple[int, ...] | None = None) -> FloatArray:
        """Run the network on luma (k, l) in 0..1, from a `Look`, cleaned of grain or not.

        `references` are the numbers of the references to consult; by default all of the colorizer's.

        Returns:
            What may be averaged over time: (k, l, n) shares of the bins, or (k, l, 2) chroma from a model without bins
            (U and V from one that predicts the whole picture).
        """
        output = self._colorizer.asking(references)(seen)
        if self._bins is not None:
            return softmax(output)
        return picture_chroma(output) if self._whole else output

    def stills(self, film: Film) -> list[Still]:
        """Return the colorizer's references in the form of this film's frames."""
        top, bottom, left, right = self.form.area
        shape = small_size(bottom - top, right - left, size=self._colorizer.size)
        return [
            Still.of(number, reference, film, self.form.area, shape)
            for number, reference in enumerate(self._colorizer.references)
        ]

    def answer_to(self, levels: NDArray[np.uint8], references: tuple[int, ...] | None = None) -> FloatArray | None:
        """Run the network on a frame's luma (k, l) uint8, denoised as a single picture; None if it fails."""
        seen = denoised(native_luma(unit(levels), space=self._space), denoise=self._colorizer.decoding.denoise)[0]
        try:
            return self.answer(seen, references)
        except TinctError:
            return None

    def features_of(self, levels: NDArray[np.uint8]) -> tuple[FloatArray, ...]:
        """Return the network's inner features of a frame's luma (k, l) uint8, finest first; none if it has none."""
        session = self._colorizer.session
        seen = native_luma(shrunk(unit(levels), session.card.working_size), space=self._space)
        try:
            return tuple(session.features(seen).values())
        except TinctError:
            return ()

    def planes(
        self, look: Look, answer: FloatArray, *, hints: PlacedHints | None = None, strength: float = 1.0
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return a frame's planes of U and V in the result's form, neutral outside the picture's area.

        Args:
            look: of this frame.
            answer: of the network for it, averaged over time or not, perhaps followed by what comes from references, as
                `SceneMemory.recall` returns it.
            hints: what is known of the frame's colours, placed in the picture's area.
            strength: factor of the chroma, as in a fade.
        """
        chroma, carried = self._parted(answer)
        answer = chroma
        if self._bins is not None:
            colorizer = self._colorizer
            chroma = self._bins.decode_shares(answer, temperature=colorizer.temperature, caution=colorizer.caution)
        luma = self.form.unit(look.codes)
        guide = self._guide(luma)
        if self._space != "yuv" and not self._whole:
            chroma = yuv_chroma(guide, chroma, space=self._space)
        if carried is not None:
            chroma = chroma * (1 - carried[..., 2:]) + carried[..., :2]
        fitted = fit_guide(guide, even_out(guide, chroma), cells=_CELLS)
        if hints is not None:
            spreader = HintSpreader(guide, shares=self._calibrated(answer), size=SPREAD_SIZE)
            fitted = spreader.added(fitted, spreader.shares(hints))
        fitted = fitted.stronger(self._colorizer.saturation * strength)
        blue, red = chroma_planes(luma, fitted, weights=LUMA_WEIGHTS[self.form.matrix])
        place = self._chroma_area()
        result = []
        for values in (blue, red):
            plane = self.form.neutral()
            plane[place] = self.form.chroma_codes(values)
            result.append(plane)
        return result[0], result[1]

    def is_colored(self, frame: Frame) -> bool:
        """Check whether a frame has colours of its own, apart from a tone and from colours that are kept."""
        return self.colors(frame, beside_spots=self.keeps_spots).are_some

    @property
    def keeps_some(self) -> bool:
        """Whether some of a grey frame's own chroma is kept."""
        return self.keeps_spots or self.kept is not None

    def with_kept(self, planes: tuple[NDArray[Any], NDArray[Any]], frame: Frame) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return a frame's planes of U and V with its own chroma where that is kept."""
        kept = self._spots(frame) if self.keeps_spots else self.kept
        if kept is None:
            return planes
        own = (self.form.neutral(),) * 2 if frame.chroma is None else self.own_planes(frame.chroma)
        mixed = [
            np.rint(made + kept * (stored.astype(np.float32) - made)).astype(made.dtype)
            for made, stored in zip(planes, own, strict=True)
        ]
        return mixed[0], mixed[1]

    def _spots(self, frame: Frame) -> FloatArray | None:
        """Return where a frame's spots of colour are, (h, w) of chroma's size in 0..1."""
        if frame.chroma is None:
            return None
        blue, red = (self.form.unit_chroma(plane) for plane in frame.chroma)
        share = spot_share(self.colors(frame), blue, red)
        return None if share is None else resized(share, self.form.chroma_shape)

    def colors(self, frame: Frame, *, beside_spots: bool = False) -> OwnColors:
        """Return a frame's own colours, apart from those that are kept, measured on a small copy.

        With `beside_spots`, spots of colour do not count either, unless they cover much of the frame.
        """
        if frame.chroma is None:
            return OwnColors(None)
        height, width = small_size(*frame.luma.shape, size=_COLOR_SIZE)
        luma = self.form.unit(resized(frame.luma, (height, width)))
        blue, red = (self.form.unit_chroma(resized(plane, (height, width))) for plane in frame.chroma)
        kept = self.kept
        if beside_spots:
            whole = self.colors(frame)
            kept = spot_share(whole, blue, red) if whole.are_some else None
            if kept is not None and kept.mean() > _MOSTLY:
                return whole
        if kept is not None:
            others = 1 - resized(kept, (height, width))
            blue, red = blue * others, red * others
        return OwnColors.of(self.form.rgb(luma, blue, red))

    def own_planes(self, chroma: tuple[NDArray[Any], NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return a frame's own planes of U and V in the result's form."""
        if chroma[0].shape == self.form.chroma_shape and self.form.depth == self.form.chroma_depth:
            return chroma
        blue, red = (
            self.form.chroma_codes(self.form.unit_chroma(resized(plane, self.form.chroma_shape))) for plane in chroma
        )
        return blue, red

    def _parted(self, answer: FloatArray) -> tuple[FloatArray, FloatArray | None]:
        """Return the network's answer, and what comes from references, if anything does."""
        if self._bins is None or answer.shape[-1] == self._bins.count:
            return answer, None
        return answer[..., : self._bins.count], answer[..., self._bins.count :]

    def _calibrated(self, answer: FloatArray) -> FloatArray | None:
        """Return an answer as calibrated probabilities; None from a model without bins."""
        if self._bins is None:
            return None
        power = np.float32(1 / self._colorizer.session.card.calibration)
        shares = np.power(np.maximum(_fewer(answer, _SPREAD_COLORS), np.float32(1e-9)), power)
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


def _fewer(shares: FloatArray, most: int) -> FloatArray:
    """Return the shares (h, w, most + 1) of a frame's likeliest bins, followed by the sum of the others."""
    if shares.shape[-1] <= most + 1:
        return shares
    chosen = shares[..., np.argsort(-shares.mean(axis=(0, 1)), kind="stable")[:most]]
    return np.concatenate([chosen, np.maximum(1 - chosen.sum(axis=-1, keepdims=True), 0)], axis=-1)


def spot_share(colors: OwnColors, blue: FloatArray, red: FloatArray) -> FloatArray | None:
    """Find the spots of colour in a frame that is otherwise grey: captions, inserts, a hand-painted rose.

    Args:
        colors: of a small copy of the frame.
        blue: (h, w) the frame's own Cb in -0.5..0.5.
        red: (h, w) the frame's own Cr in -0.5..0.5.

    Returns:
        (h, w) in 0..1, how far each pixel belongs to a spot; None if there are none.
    """
    spots = colors.spot_map
    if spots is None:
        return None
    # The small copy misses spots of fine detail, and half of each spot's edge.
    near = resized(cv2.dilate(spots.astype(np.float32), np.ones((5, 5), np.float32)), blue.shape)
    tone = resized(colors.tone / np.float32(255), blue.shape)
    beside = np.hypot(blue - tone[..., 0], red - tone[..., 1]) * np.float32(255)
    # The codec makes the chroma of single pixels noisy.
    beside = cv2.blur(beside, (3, 3))
    least, full = _SPOT_CHROMA
    share: FloatArray = np.clip((beside - least) / (full - least), 0, 1) * np.minimum(2 * near, 1)
    return share.astype(np.float32)

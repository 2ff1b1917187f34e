"""What a network said about a picture, from which colours are made as often as one likes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.bins import ColorBins
from tinct.color.decoding import check_decoding, confidence, softmax
from tinct.color.resize import resized
from tinct.color.spaces import FloatArray, chroma_space, rgb_to_lab, rgb_to_yuv
from tinct.color.upsample import ChromaGuide, fit_guide
from tinct.coloring.hints.placing import PlacedHints
from tinct.coloring.hints.spreading import HintSpreader
from tinct.errors import SettingError


@dataclass(frozen=True, eq=False)
class Prediction:
    """The network's answer for one picture. Another temperature needs no other run.

    Attributes:
        output: (k, l, n) logits, (k, l, 2) chroma in the units of `space`, or (k, l, 3) sRGB in 0..1 from a network
            that gives the whole picture; at the network's size.
        luma: (h, w) BT.601 luma in 0..1 at the size the guide is fitted at, not denoised.
        network_luma: (i, j) luma in 0..1 as the network saw it.
        space: `yuv` or `lab`.
        bins: the colour bins; None for a network that gives chroma, or the picture, itself.
        temperature: used where no other is named.
        denoised: standard deviation of the grain (8-bit steps) the network's copy was smoothed for, 0 if it was not.
        caution: of decoding; see `tinct.color.decoding.annealed_mean`.
        calibration: what the logits are divided by to make probabilities that hold; for all but decoding.
        hints: what is known of the colours; None for nothing.
    """

    output: FloatArray
    luma: FloatArray
    network_luma: FloatArray
    space: str
    bins: ColorBins | None
    temperature: float
    denoised: float
    caution: float = 0.0
    calibration: float = 1.0
    hints: PlacedHints | None = None
    # What takes long to make, shared by all copies that differ in how they are decoded.
    _kept: dict[str, HintSpreader] = field(default_factory=dict, repr=False)

    def chosen(
        self, *, temperature: float | None = None, caution: float | None = None, hints: PlacedHints | None = None
    ) -> Prediction:
        """Return the same answer to be decoded in another way; what is None stays as it is.

        Raises:
            SettingError: temperature or caution is out of range, or the network has none.
        """
        if self.bins is None and not (temperature is None and caution is None):
            raise SettingError("this model gives chroma itself and has no temperature or caution; leave them out")
        warmth = self.temperature if temperature is None else float(temperature)
        care = self.caution if caution is None else float(caution)
        if self.bins is not None:
            check_decoding(temperature=warmth, caution=care)
        return replace(self, temperature=warmth, caution=care, hints=self.hints if hints is None else hints)

    def native_chroma(self) -> FloatArray:
        """Decode chroma (k, l, 2) in the units of `space`, without hints; of a whole picture, its own."""
        if self.bins is not None:
            return self.bins.decode(self.output, temperature=self.temperature, caution=self.caution)
        return self.output if self.picture is None else chroma_space(self.space).split(self.picture)[1]

    @property
    def picture(self) -> FloatArray | None:
        """The whole picture (k, l, 3), sRGB in 0..1, as the network drew it; None for a network that gives chroma.

        It has the network's own luma, in which it is blurred; what colours a photograph takes only its chroma.
        """
        return self.output if self.bins is None and self.output.shape[-1] == 3 else None

    def chroma(self) -> FloatArray:
        """Decode chroma (k, l, 2) in YUV units, whatever the network's space."""
        if self.picture is not None:
            return picture_chroma(self.picture)
        chroma = self.native_chroma()
        return chroma if self.space == "yuv" else yuv_chroma(self.luma, chroma, space=self.space)

    def drawn(self, height: int, width: int) -> NDArray[np.uint8]:
        """Return the whole picture as the network drew it, enlarged to (height, width, 3) sRGB uint8 and nothing else.

        Raises:
            SettingError: the network gives no picture.
        """
        if self.picture is None:
            raise SettingError("this model gives colours and no picture; take one that was trained with --task rgb")
        larger = resized(self.picture, (height, width))
        drawn: NDArray[np.uint8] = (np.clip(larger, 0, 1) * 255 + 0.5).astype(np.uint8)
        return drawn

    def guide(self) -> ChromaGuide:
        """Return what colours the picture at any size, hints and all; see `tinct.color.upsample`."""
        plain = fit_guide(self.luma, self.chroma())
        return plain if self.hints is None else self.spreader.added(plain, self.spreader.shares(self.hints))

    @property
    def spreader(self) -> HintSpreader:
        """What spreads hints over this picture; made when first asked for, and kept."""
        if "spreader" not in self._kept:
            shares = None if self.bins is None else softmax(self.output, temperature=self.calibration)
            self._kept["spreader"] = HintSpreader(self.luma, shares=shares)
        return self._kept["spreader"]

    def forget(self) -> None:
        """Free the memory of what would be made again when needed."""
        self._kept.clear()

    @property
    def confidence(self) -> tuple[FloatArray, FloatArray] | None:
        """Probability of the likeliest bin and its ratio to the second's, (k, l) each; None without bins.

        Both are calibrated: of pixels with a probability of 0.6, the likeliest bin is right in about 60 of 100.
        """
        if self.bins is None or not has_confidence(self.bins):
            return None
        return confidence(self.output, temperature=self.calibration)


def has_confidence(bins: ColorBins | None) -> bool:
    """Tell whether a network with these bins, or with none, can say how sure it is."""
    return bins is not None and bins.count >= 2


def picture_chroma(rgb: NDArray[Any]) -> FloatArray:
    """Return U and V (..., 2) of a picture (..., 3), sRGB in 0..1."""
    return np.ascontiguousarray(rgb_to_yuv(rgb)[..., 1:])


def yuv_chroma(luma: NDArray[Any], chroma: NDArray[Any], *, space: str) -> FloatArray:
    """Turn chroma (k, l, 2) of a space into U and V at BT.601 luma (h, w) in 0..1 of the same picture at any size."""
    chosen = chroma_space(space)
    if chosen.name == "yuv":
        return np.asarray(chroma, dtype=np.float32)
    wanted: FloatArray = resized(np.asarray(luma, dtype=np.float32), chroma.shape[:2])
    lightness = native_luma(wanted, space=space)
    yuv = rgb_to_yuv(np.clip(chosen.join(lightness, chroma), 0, 1))
    for _ in range(3):  # lightness that has the wanted luma together with this chroma
        lightness = np.clip(lightness + (wanted - yuv[..., 0]), 0, 1)
        yuv = rgb_to_yuv(np.clip(chosen.join(lightness, chroma), 0, 1))
    return np.ascontiguousarray(yuv[..., 1:])


def native_luma(luma: NDArray[Any], *, space: str) -> FloatArray:
    """Return the luma channel (..., 0..1) that grey pixels of BT.601 luma (...) have in a space."""
    values = np.asarray(luma, dtype=np.float32)
    if space == "yuv":
        return values
    return rgb_to_lab(np.repeat(values[..., None], 3, axis=-1))[..., 0] / np.float32(100)

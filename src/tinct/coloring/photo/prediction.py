"""A network's answer for a picture, from one view or several, which can be decoded into colours again and again.

A photograph is shown to the network as it is, mirrored, and both enlarged, and the answers are averaged. Each view errs
in its own way, and what they agree on is more often right: on validation photographs four views are 0.3 CIEDE2000
nearer the truth than one, and patches of a wrong colour become rarer. A film's frames need no such views, since
neighbouring frames already show the same things slightly differently.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.bins import ColorBins
from tinct.color.decoding import check_decoding, confidence, softmax
from tinct.color.places import Place, inside
from tinct.color.resize import resized, shrunk
from tinct.color.spaces import FloatArray, chroma_space, rgb_to_lab, rgb_to_yuv
from tinct.color.tonal_range import Tones
from tinct.color.upsample import ChromaGuide, even_out, fit_guide
from tinct.coloring.hints.hint import DARKEN
from tinct.coloring.hints.spreading import HintSpreader, PlacedHints
from tinct.coloring.hints.things_by_network import PointedThings
from tinct.errors import SettingError

# Remarks are given on at most this many hints; a painted layer may have hundreds.
_MOST_REMARKS = 3
# By this factor the picture is enlarged in the nearer views.
NEARER = 4 / 3


@dataclass(frozen=True, eq=False)
class Prediction:
    """The network's answer for one picture, and how it is decoded. At another temperature it need not run again.

    Attributes:
        output: (k, l, n) logits, (k, l, 2) chroma in the units of `space`, or (k, l, 3) sRGB in 0..1 from a network
            that gives the whole picture; at the network's size.
        luma: (h, w) BT.601 luma in 0..1 at the size the guide is fitted at, not denoised.
        network_luma: (i, j) luma in 0..1 as the network saw it.
        space: `yuv` or `lab`.
        bins: the colour bins; None for a network that predicts chroma, or the whole picture, directly.
        temperature, caution: of decoding; see `tinct.color.decoding.annealed_mean`.
        denoised: standard deviation of the grain (8-bit steps) the network's copy was smoothed for, 0 if it was not.
        calibration: divides the logits to make calibrated probabilities; not used for decoding.
        tones: the correction of tones with which the network saw luma.
        places: where the photographs lie that it is for; none if the whole picture is one.
        hints: what is known of the colours, or None.
        sight: runs the network once more, on luma (h, w) in 0..1 with corrected tones, for features by which hints
            tell things apart; None if there are none.
        saturation: factor of the chroma, hints included.
        tilt: (k, l, n) that is added to the logits before decoding, for another reading of the picture; see
            `tinct.coloring.photo.readings`.
        reading: that reading's name; empty for the usual colours.
        told: what a person should know of the original, such as that it looks like a negative.
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
    tones: Tones = Tones()  # noqa: RUF009 - frozen
    places: tuple[Place, ...] = ()
    hints: PlacedHints | None = None
    sight: Callable[[FloatArray], FloatArray | PointedThings | None] | None = None
    saturation: float = 1.0
    tilt: FloatArray | None = None
    reading: str = ""
    told: tuple[str, ...] = ()
    # Making the spreader takes long; copies that are only decoded differently share it.
    _kept: dict[str, HintSpreader] = field(default_factory=dict, repr=False)

    def chosen(
        self,
        *,
        temperature: float | None = None,
        caution: float | None = None,
        saturation: float | None = None,
        hints: PlacedHints | None = None,
    ) -> Prediction:
        """Return the same answer to be decoded in another way; None leaves a value as it is.

        Raises:
            SettingError: temperature or caution is out of range, or the network has none.
        """
        if self.bins is None and not (temperature is None and caution is None):
            raise SettingError("this model predicts chroma directly and has no temperature or caution; leave them out")
        given: dict[str, Any] = {
            "temperature": temperature,
            "caution": caution,
            "saturation": saturation,
            "hints": hints,
        }
        changed = replace(self, **{name: value for name, value in given.items() if value is not None})
        if self.bins is not None:
            check_decoding(temperature=changed.temperature, caution=changed.caution)
        return changed

    def native_chroma(self) -> FloatArray:
        """Decode chroma (k, l, 2) in the units of `space`, without hints."""
        if self.bins is not None:
            logits = self.output if self.tilt is None else self.output + self.tilt
            return self.bins.decode(logits, temperature=self.temperature, caution=self.caution)
        return self.output if self.picture is None else chroma_space(self.space).split(self.picture)[1]

    @property
    def picture(self) -> FloatArray | None:
        """The whole picture (k, l, 3), sRGB in 0..1, of a network that predicts one; only its chroma is used."""
        return self.output if self.bins is None and self.output.shape[-1] == 3 else None

    def chroma(self) -> FloatArray:
        """Decode chroma (k, l, 2) in YUV units, whatever the network's space."""
        if self.picture is not None:
            return picture_chroma(self.picture)
        chroma = self.native_chroma()
        return chroma if self.space == "yuv" else yuv_chroma(self.luma, chroma, space=self.space)

    def drawn(self, height: int, width: int) -> NDArray[np.uint8]:
        """Return the whole picture as the network predicted it, enlarged to (height, width, 3) sRGB uint8.

        Raises:
            SettingError: the network does not predict a picture.
        """
        if self.picture is None:
            raise SettingError("this model predicts colours, not a picture; use one that was trained with --task rgb")
        larger = resized(self.picture, (height, width))
        drawn: NDArray[np.uint8] = (np.clip(larger, 0, 1) * 255 + 0.5).astype(np.uint8)
        return drawn

    def inside(self, height: int, width: int) -> FloatArray:
        """Return how far each pixel of a copy of the picture lies inside its photographs, 0..1, (height, width)."""
        if not self.places:
            return np.ones((height, width), dtype=np.float32)
        return inside(self.places, 0, height, width=width, height=height)

    def guide(self) -> ChromaGuide:
        """Return what colours the picture at any size, hints included; see `tinct.color.upsample`."""
        # Luma is stretched so that a faded picture's edges count as edges, too.
        luma = self.tones.stretched(self.luma)
        fitted = fit_guide(luma, even_out(luma, self.chroma())).of_luma(self.tones.gain, self.tones.offset)
        if self.hints is not None:
            fitted = self.spreader.added(fitted, self.spreader.shares(self.hints))
        return fitted.stronger(self.saturation)

    @property
    def spreader(self) -> HintSpreader:
        """Return what spreads hints over this picture; it is made on the first call, and kept."""
        if "spreader" not in self._kept:
            shares = None if self.bins is None else softmax(self.output, temperature=self.calibration)
            features = self.sight(self.tones.applied(self.luma)) if self.sight is not None else None
            self._kept["spreader"] = HintSpreader(self.luma, shares=shares, features=features)
        return self._kept["spreader"]

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a person should know about the hints: where the picture is too bright for their colours."""
        if self.hints is None:
            return ()
        return tuple(
            f"hint {self.hints.names[number]}: the picture is too bright there to show this colour; "
            f"{DARKEN} behind it (or darken: true) lowers the luma there"
            for number in self.spreader.pale(self.hints)[:_MOST_REMARKS]
        )

    def forget(self) -> None:
        """Free the spreader's memory; it is made again when needed."""
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
    """Check whether a network with these bins, or with none, can tell how sure it is."""
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


def averaged(
    run: Callable[[FloatArray], FloatArray],
    look: Callable[[int], FloatArray],
    *,
    size: int,
    views: int,
    run_batch: Callable[[FloatArray], FloatArray] | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Run a network, from (h, w) luma to (k, l, n), on one, two or four views of a picture.

    `look` returns the picture's luma (h, w) with sqrt(h x w) of at most the size it is given. A picture too small for
    the nearer views has two views at most. With `run_batch`, which takes several pictures (N, h, w), a view and its
    mirror are one run, which is a little faster.

    Returns:
        (k, l, n) mean of the outputs at the size of the largest (a mean of logits is a geometric mean of shares), and
        the luma (h, w) of the first view.
    """

    def run_both(view: FloatArray) -> FloatArray:
        mirror = np.ascontiguousarray(view[:, ::-1])
        own, mirrored = (run(view), run(mirror)) if run_batch is None else run_batch(np.stack([view, mirror]))
        mean: FloatArray = np.divide(own + mirrored[:, ::-1], np.float32(2))
        return mean

    seen = look(size)
    if views == 1:
        return run(seen), seen
    output = run_both(seen)
    nearer = look(round(NEARER * size)) if views == 4 else seen
    if nearer.shape != seen.shape:
        finer = run_both(nearer)
        output = (resized(output, finer.shape[:2]) + finer) / np.float32(2)
    return output, seen


def anchored(run: Callable[[FloatArray], FloatArray], *, size: int) -> Callable[[FloatArray], FloatArray]:
    """Return `run` changed so that a larger picture gets its colours from a copy of `size`, and only detail beyond it.

    A network recognises things at the size at which it learned them; at another it errs more, and differently: on
    photographs of 512 pixels `photo` is 0.5 CIEDE2000 farther from the truth when it sees all 512 than when it sees
    224, and a third of the chroma changes. So the coarse part of the answer is taken from the smaller copy.
    """

    def look_twice(seen: FloatArray) -> FloatArray:
        fine, small = run(seen), shrunk(seen, size)
        if small.shape == seen.shape:
            return fine
        coarse = run(small)
        detailed: FloatArray = fine + resized(coarse - resized(fine, coarse.shape[:2]), fine.shape[:2])
        return detailed

    return look_twice

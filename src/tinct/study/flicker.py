"""Measure how much a film's colours flicker: how far each frame's are from the last frame's, moved along the motion.

    error     mean over frames of the mean distance |c(t) - moved c(t-1)| of chroma, in 8-bit steps of U and V, over
              the pixels where forward and backward flow agree (elsewhere something else came into view)
    spread    how colourful the film is, in 8-bit steps: the root of the mean variance of U plus V within a frame
    relative  error / spread, which does not improve if all colours are made paler

The true film has an error too, from noise, from light that really changes, and from inexact flow; compare a colorized
film with it. The idea is the warping error of Lai, Huang, Wang, Shechtman, Yumer & Yang 2018, "Learning blind video
temporal consistency" (section 4.2). Here it is computed on chroma only, since luma is the film's own; as a distance,
not as its square, which a few pixels would dominate; and relative to the spread of chroma.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.motion import consistent, flow, warp
from tinct.color.resize import resized, small_size
from tinct.color.spaces import FloatArray, rgb_to_yuv
from tinct.color.statistics import as_unit_rgb
from tinct.errors import InputError
from tinct.media.video import read as video
from tinct.media.video.form import FrameForm
from tinct.media.video.probe import open_film

_SIZE = 256  # root of height x width at which the flicker of a film's file is measured
_UV = (0.436 / 0.5, 0.615 / 0.5)  # U for one unit of Cb, V for one unit of Cr

Frame = NDArray[Any] | tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True)
class Flicker:
    """The flicker of a film.

    Attributes:
        error: mean distance of chroma along the motion, in 8-bit steps.
        spread: of the film's chroma, in 8-bit steps.
        pairs: number of pairs of frames compared.
        share: share of the pixels compared, 0..1.
    """

    error: float
    spread: float
    pairs: int
    share: float

    @property
    def relative(self) -> float:
        """Error divided by spread; NaN for a film without colours."""
        return self.error / self.spread if self.spread > 0 else float("nan")


def warping_error(frames: Iterable[Frame], *, cuts: Container[int] = ()) -> Flicker:
    """Measure a film's flicker; two frames are in memory at a time.

    Args:
        frames: sRGB (h, w, 3), uint8, uint16 or floats in 0..1; or pairs of luma (h, w), uint8 or floats in 0..1, and
            YUV chroma (h, w, 2).
        cuts: indices of the frames that begin another shot, from 0; they are not compared with the previous frame.

    Raises:
        InputError: the frames' sizes differ, or no two frames could be compared.
    """
    errors, variances, shares = [], [], []
    before: tuple[NDArray[Any], FloatArray] | None = None
    for number, frame in enumerate(frames):
        luma, chroma = _planes(frame)
        variances.append(float(np.var(chroma, axis=(0, 1), dtype=np.float64).sum()))
        if before is not None and number not in cuts:
            motion = flow(luma, before[0], fine=True)
            trusted = consistent(flow(before[0], luma, fine=True), motion)
            shares.append(float(trusted.mean()))
            if trusted.any():
                left = chroma - warp(before[1], motion)
                errors.append(float(np.hypot(left[..., 0], left[..., 1])[trusted].mean(dtype=np.float64)))
        before = luma, chroma
    if not errors:
        raise InputError("flicker is measured between frames of one shot, but there are no two such frames")
    spread = float(np.mean(variances)) ** 0.5
    return Flicker(255 * float(np.mean(errors)), 255 * spread, len(errors), float(np.mean(shares)))


def film_flicker(path: str | Path, *, cuts: Container[int] = ()) -> Flicker:
    """Measure the flicker of a film's file, at a small size; `cuts` are as for `warping_error`.

    Raises:
        InputError: the file is not a film, has no chroma, or no two frames could be compared.
    """
    film = open_film(Path(path))
    form = FrameForm.of(film, chroma_depth=film.depth)
    size = small_size(film.height, film.width, size=_SIZE)

    def small(frames: Iterable[video.Frame]) -> Iterator[Frame]:
        for frame in frames:
            if frame.chroma is None:
                raise InputError(f"{path}: has no chroma that could flicker; give a film in colour")
            planes = [
                form.unit_chroma(resized(plane, size)) * scale for plane, scale in zip(frame.chroma, _UV, strict=True)
            ]
            yield form.unit(resized(frame.luma, size)), np.stack(planes, axis=-1)

    with closing(video.read_frames(film)) as frames:
        return warping_error(small(frames), cuts=cuts)


def _planes(frame: Frame) -> tuple[NDArray[Any], FloatArray]:
    """Return luma (h, w) and chroma (h, w, 2) of a frame."""
    if isinstance(frame, tuple):
        luma, chroma = frame
    else:
        yuv = rgb_to_yuv(as_unit_rgb(frame))
        luma, chroma = yuv[..., 0], yuv[..., 1:]
    if chroma.shape != (*luma.shape, 2):
        raise InputError(
            f"a frame's luma (h, w) and chroma (h, w, 2) must have one size, not {luma.shape} and {chroma.shape}"
        )
    return luma, np.asarray(chroma, dtype=np.float32)

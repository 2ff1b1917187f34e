"""Explain what was decided at each stage of colouring a photograph, in words and pictures.

For `--explain`, and in short for the note in the result's metadata. All is taken from the objects that did the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.places import framed
from tinct.color.spaces import FloatArray, yuv_to_rgb
from tinct.color.upsample import ChromaGuide, color_rows, yuv_colors
from tinct.coloring.hints.mask import Mask
from tinct.coloring.photo.arrays import row_function
from tinct.coloring.photo.prediction import Prediction
from tinct.coloring.photo.scan import Scan
from tinct.coloring.photo.sheet import write_sheet
from tinct.coloring.photo.watch import Watch
from tinct.coloring.settings import Decoding
from tinct.files import make_folder
from tinct.media.image.formats import Format
from tinct.media.image.picture import Picture
from tinct.media.image.strips import StripFunction

# A colour that exceeds 0..1 by no more than this counts as within gamut.
_WITHIN = 1e-3
_MIDDLE_GREY = 0.55
_OUTLINE = (230, 30, 30)
_LOOKED_BEFORE = "not examined: an earlier answer of the network was used"


@dataclass(frozen=True, eq=False)
class Trace:
    """The objects that coloured a photograph, stage by stage.

    Attributes:
        asked: the settings as they were asked for.
        used: the settings, with the model's own in place of None.
        picture: the opened file.
        small: (h, w, 1) grey or (h, w, 3) sRGB in 0..1, the small copy; None if a prediction was given.
        scan: the photographs on it; None if a prediction was given.
        prediction: the network's answer, how it is decoded, and the hints.
        guide: what colours the picture's rows.
        kept: where its own colours stay.
        watches: what examines the rows of the result while they are coloured.
    """

    asked: Decoding
    used: Decoding
    picture: Picture
    small: FloatArray | None
    scan: Scan | None
    prediction: Prediction
    guide: ChromaGuide
    kept: Mask | None = None
    watches: list[Watch] = field(default_factory=list)

    def rows(self, form: Format) -> StripFunction:
        """Return the function that colours the picture's rows for a format; see `tinct.coloring.photo.arrays`."""
        dtype, places = self.picture.result_type(form), self.prediction.places
        watch = Watch(self.picture.width, self.picture.height)
        self.watches[:] = [watch]
        height = self.picture.height
        return row_function(self.guide, height=height, dtype=dtype, places=places, kept=self.kept, watch=watch)

    @property
    def told(self) -> tuple[str, ...]:
        """What a person should know of the original; what only its rows tell is known once they are coloured."""
        return (*self.prediction.told, *(remark for watch in self.watches for remark in watch.remarks))

    def note(self) -> dict[str, str]:
        """Return how the picture was coloured, for the note in its file; what has no effect is left out."""
        used, answer = self.used, self.prediction
        note = {"model": str(used.model), "size": str(used.size), "denoise": str(used.denoise)}
        for name in ("tones", "frames"):
            if getattr(used, name) != "auto":
                note[name] = getattr(used, name)
        if used.negative:
            note["negative"] = "inverted"
        if used.views != 1:
            note["views"] = str(used.views)
        if answer.bins is not None:
            note["temperature"] = f"{answer.temperature:g}"
            if answer.caution:
                note["caution"] = f"{answer.caution:g}"
        if answer.reading:
            note["reading"] = answer.reading
        if answer.saturation != 1:
            note["saturation"] = f"{answer.saturation:g}"
        if used.references:
            note["references"] = ", ".join(Path(path).name for path in used.references)
        if used.keep is not None:
            note["keep"] = Path(used.keep).name
        if answer.hints is not None:
            note["hints"] = str(len(answer.hints))
        return note


@dataclass(frozen=True, eq=False)
class Stage:
    """The name of a stage, what was decided there in words, and a picture (h, w, 3) sRGB that shows it, or None."""

    name: str
    decided: str
    picture: NDArray[np.uint8] | None = None


def stages_of(trace: Trace) -> tuple[Stage, ...]:
    """Return the stages of colouring a picture, in the order in which they ran."""
    picture, answer = trace.picture, trace.prediction
    depth = f"{16 if picture.deep else 8} bits a channel{', with transparency' if picture.alpha else ''}"
    depth += ", inverted" * picture.negative
    colors = color_rows(answer.luma, trace.guide, top=0, height=len(answer.luma), dtype=np.uint8)
    if trace.small is not None:
        colors = framed(colors, _levels(trace.small), answer.places, top=0, height=len(colors))
    remarks = "; ".join(picture.remarks) or "nothing converted: sRGB or grey values as they are"
    return (
        Stage("reader", f"{picture.loader}, {picture.width} x {picture.height} pixels, {depth}"),
        Stage("profile", remarks, None if trace.small is None else _levels(trace.small)),
        Stage("photographs", _photographs(trace), _outlined(trace)),
        Stage("original", "; ".join(trace.told) or "an ordinary photograph"),
        Stage("toning", _toning(trace)),
        Stage("tones", _tones(trace)),
        Stage("denoise", _denoise(trace), _levels(answer.network_luma[..., None])),
        Stage("size", _size(trace)),
        Stage("views", f"{trace.used.views} averaged{_whose(trace, 'views')}"),
        *(Stage("references", f"colours also from {path}") for path in trace.used.references),
        *_decoding(trace),
        Stage("guide", _guide(trace), colors),
        _clipping(trace),
    )


def write_stages(stages: Sequence[Stage], folder: Path) -> list[Path]:
    """Write the stages' pictures as NN_NAME.png into a folder, created if needed; OutputError if that fails."""
    make_folder(folder)
    return [
        write_sheet(stage.picture, folder / f"{number:02d}_{stage.name}.png")
        for number, stage in enumerate(stages, 1)
        if stage.picture is not None
    ]


def _photographs(trace: Trace) -> str:
    if trace.scan is None:
        return _LOOKED_BEFORE
    if trace.used.frames == "off":
        return "not looked for (frames off): the whole picture is coloured"
    if not trace.scan.found:
        return "the whole picture is one photograph, without a frame or page around it"
    width, height = trace.picture.width, trace.picture.height
    sizes = [place.size_on(width, height) for place in trace.scan.found]
    listed = ", ".join(f"{columns} x {rows}" for rows, columns in sizes)
    return f"{len(sizes)} on the scan, of {listed} pixels; what lies around them stays as it is"


def _outlined(trace: Trace) -> NDArray[np.uint8] | None:
    """Draw the small copy with the photographs that were found outlined."""
    if trace.small is None or trace.scan is None or not trace.scan.found:
        return None
    canvas = _levels(trace.small).copy()
    for place in trace.scan.found:
        corners = np.rint(place.on(canvas.shape[1], canvas.shape[0])).astype(np.int32)
        cv2.polylines(canvas, [corners], isClosed=True, color=_OUTLINE, thickness=2)
    return canvas


def _toning(trace: Trace) -> str:
    if trace.small is None or trace.scan is None:
        return _LOOKED_BEFORE
    if trace.small.shape[2] == 1:
        return "grey values only"
    told = []
    for off_tone, colored in zip(trace.scan.off_tone, trace.scan.colored, strict=True):
        kind = "colours of its own, coloured anew" if colored else "grey or toned"
        if colored and not trace.scan.anew:
            kind = "colours of its own, kept"
        told.append(f"{kind}: {off_tone:.1f} steps of colour beside its tone")
    return "; ".join(told)


def _tones(trace: Trace) -> str:
    tones = trace.prediction.tones
    if tones.plain:
        return f"the network's copy left as it is (tones {trace.used.tones})"
    bent = "" if tones.gamma == 1 else f", then a gamma of {tones.gamma:.2f}"
    return f"the network's copy with {tones.gain:.2f} times the contrast{bent}; the picture as it is"


def _denoise(trace: Trace) -> str:
    strength = trace.prediction.denoised
    done = f"smoothed for grain of {strength:.1f} steps" if strength else "left as it is"
    return f"the network's copy {done} (denoise {trace.used.denoise})"


def _size(trace: Trace) -> str:
    (height, width), (rows, columns) = trace.prediction.network_luma.shape, trace.prediction.output.shape[:2]
    return (
        f"the network {trace.used.model} saw {width} x {height} pixels and answered at {columns} x {rows} "
        f"on {trace.used.runtime}{_whose(trace, 'size')}"
    )


def _decoding(trace: Trace) -> tuple[Stage, ...]:
    answer = trace.prediction
    chroma = answer.chroma()
    colors = _levels(yuv_colors(np.full(chroma.shape[:2], _MIDDLE_GREY, dtype=np.float32), chroma))
    if answer.bins is None:
        none = "none: the model predicts chroma directly"
        return (Stage("temperature", none, colors), Stage("caution", none))
    rule = "; to the colour with the least expected error" if answer.bins.risk else ""
    return (
        Stage("temperature", f"{answer.temperature:g}{_whose(trace, 'temperature')}{rule}", colors),
        Stage("caution", f"{answer.caution:g}{_whose(trace, 'caution')}"),
    )


def _guide(trace: Trace) -> str:
    height, width = trace.guide.size
    hints = "no hints" if trace.prediction.hints is None else f"hints: {len(trace.prediction.hints)}"
    strength = trace.prediction.saturation
    stronger = f"; saturation {strength:g}" if strength != 1 else ""
    return f"chroma fitted to luma at {width} x {height} pixels; {hints}{stronger}"


def _clipping(trace: Trace) -> Stage:
    """Measure, at the guide's size, where colours lose chroma to stay within gamut at their luma."""
    luma = trace.prediction.luma
    rgb = yuv_to_rgb(np.concatenate([luma[..., None], trace.guide.chroma(luma)], axis=-1))
    outside = np.any((rgb < -_WITHIN) | (rgb > 1 + _WITHIN), axis=-1, keepdims=True).astype(np.float32)
    return Stage(
        "clipping",
        f"{100 * float(outside.mean()):.1f} % of the pixels lose chroma to stay within sRGB; luma never changes",
        _levels(outside),
    )


def _whose(trace: Trace, name: str) -> str:
    asked = getattr(trace.asked, name) is not None or (name == "caution" and trace.asked.cautious)
    return " (asked for)" if asked else " (the model's own)"


def _levels(values: FloatArray) -> NDArray[np.uint8]:
    """Return (h, w, 1 or 3) values in 0..1 as (h, w, 3) levels."""
    levels = np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(levels, (*levels.shape[:2], 3)))

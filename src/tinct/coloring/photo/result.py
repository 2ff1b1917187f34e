"""The result of colouring a photograph: what was written, and with `crop` the single photographs of a scan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.places import Place
from tinct.color.spaces import FloatArray
from tinct.color.upsample import ChromaGuide
from tinct.coloring.photo.arrays import row_function, same_range
from tinct.coloring.photo.explain import Trace
from tinct.coloring.photo.prediction import Prediction
from tinct.media.image.formats import Format
from tinct.media.image.picture import Picture
from tinct.media.image.strips import StripFunction


@dataclass(frozen=True, eq=False)
class Part:
    """One photograph of a scan, upright, and the function that makes its result's rows."""

    picture: Picture
    rows: StripFunction


@dataclass(frozen=True, eq=False)
class PhotoResult:
    """A colorized photograph, and the objects of each stage that made it.

    Attributes:
        source, target: the input and the file written; None for bytes.
        width, height: in pixels, orientation applied.
        seconds: from opening to the finished file.
        model: the model's name.
        temperature: the temperature of decoding; None for a model without bins.
        status: always `colorized`; a failure raises an error.
        remarks: what a person should know, such as pages left out or transparency lost.
        confidence: if asked for and the model has bins: top probability and ratio to the second, (k, l) each.
        trace: what each stage made.
        targets: with `crop`, the files written, one for each photograph.
    """

    source: Path | None
    target: Path | None
    width: int
    height: int
    seconds: float
    model: str
    temperature: float | None
    status: str
    remarks: tuple[str, ...]
    confidence: tuple[FloatArray, FloatArray] | None
    trace: Trace
    targets: tuple[Path, ...] = ()

    def cropped(self, parts: Sequence[Part], targets: Sequence[Path]) -> PhotoResult:
        """Return the result with the size of the first cropped photograph, and the others named in the remarks."""
        first, others = parts[0].picture, ", ".join(str(target) for target in targets[1:])
        said = f"{len(parts)} photographs; the others: {others}" if others else ""
        if first.place is None:
            said = "no frame was found, so all of it was written"
        remarks = (*self.remarks, said) if said else self.remarks
        return replace(self, width=first.width, height=first.height, remarks=remarks, targets=tuple(targets))

    @property
    def prediction(self) -> Prediction:
        """The network's answer, how it was decoded, and the hints."""
        return self.trace.prediction


def parts_of(trace: Trace, form: Format, *, crop: bool) -> list[Part]:
    """Return the parts to write: the whole picture, or with `crop` each photograph that was found on it."""
    places = () if not crop else trace.prediction.places if trace.scan is None else trace.scan.found
    if not places:
        return [Part(trace.picture, trace.rows(form))]
    return [_part(trace, place, form) for place in places]


def numbered(target: Path, count: int) -> list[Path]:
    """Return the paths of several photographs of one scan: the target, then NAME_2.EXT and so on beside it."""
    return [target, *(target.with_name(f"{target.stem}_{number}{target.suffix}") for number in range(2, count + 1))]


def _part(trace: Trace, place: Place, form: Format) -> Part:
    picture = trace.picture.cropped(place)
    dtype = picture.result_type(form)
    if place not in trace.prediction.places:
        return Part(picture, lambda rows, _: _as_it_was(rows, dtype))
    planes = np.moveaxis(place.cut(np.moveaxis(trace.guide.planes, 0, -1)), -1, 0)
    guide = ChromaGuide(np.ascontiguousarray(planes))
    return Part(picture, row_function(guide, height=picture.height, dtype=dtype))


def _as_it_was(rows: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return rows (n, W, 1 or 3), with or without alpha, as (n, W, 3 or 4) of a type."""
    grey = rows.shape[2] < 3
    colors = np.repeat(rows[..., :1], 3, axis=2) if grey else rows[..., :3]
    return same_range(np.concatenate([colors, rows[..., 1 if grey else 3 :]], axis=2), dtype)

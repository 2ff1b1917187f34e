"""The result of colouring a photograph, apart from its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tinct.color.spaces import FloatArray
from tinct.coloring.photo.crops import Part
from tinct.coloring.photo.explain import Trace
from tinct.coloring.photo.prediction import Prediction


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

"""What became of a photograph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinct.color.spaces import FloatArray
from tinct.coloring.photo.prediction import Prediction


@dataclass(frozen=True, eq=False)
class PhotoResult:
    """A colorized photograph.

    Attributes:
        source: the input file; None for bytes.
        target: the file written; None where bytes were asked for.
        width: in pixels, orientation applied.
        height: in pixels.
        seconds: from opening to the finished file.
        model: the model's name.
        temperature: it was decoded at; None for a model without bins.
        status: `colorized`; everything else is an error raised.
        remarks: what a person should know, such as pages left out or transparency lost.
        confidence: where asked for and the model has bins: top probability and ratio to the second, (k, l) each.
        prediction: what the network said.
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
    prediction: Prediction


def note_of(answer: Prediction, *, model: str, size: int, views: int, denoise: str | float) -> dict[str, str]:
    """Say how a picture was coloured, for the note in its file: what has no effect is left out."""
    note = {"model": model, "size": str(size), "denoise": str(denoise)}
    if views > 1:
        note["views"] = str(views)
    if answer.bins is not None:
        note["temperature"] = f"{answer.temperature:g}"
        if answer.caution:
            note["caution"] = f"{answer.caution:g}"
    if answer.hints is not None:
        note["hints"] = str(len(answer.hints))
    return note

"""What became of a photograph, and the objects of each stage that made it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinct.color.spaces import FloatArray
from tinct.color.upsample import ChromaGuide
from tinct.coloring.photo.prediction import Prediction
from tinct.coloring.settings import Decoding
from tinct.media.image.picture import Picture


@dataclass(frozen=True, eq=False)
class Trace:
    """A photograph's way through the stages, in their order; `tinct.coloring.photo.explain` puts it into words.

    Attributes:
        asked: the settings as they were asked for.
        used: the settings with the model's own where none were asked for.
        picture: the opened file.
        small: (h, w, 1) grey or (h, w, 3) sRGB in 0..1, as it was read small; None where a prediction was there before.
        off_tone: how much colour it has beside its tone, in 8-bit steps; see `tinct.color.toning`.
        prediction: what the network said, with its way of decoding and its hints.
        guide: what colours the picture's rows.
    """

    asked: Decoding
    used: Decoding
    picture: Picture
    small: FloatArray | None
    off_tone: float
    prediction: Prediction
    guide: ChromaGuide


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
        trace: what each stage gave.
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

    @property
    def prediction(self) -> Prediction:
        """What the network said."""
        return self.trace.prediction

"""How a film is to be colorized, and what came of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinct.coloring.film.hints import FilmHint
from tinct.coloring.film.pipeline import Shot
from tinct.coloring.photo.colorizer import Colorizer
from tinct.runtime.modelfile import DEFAULT_MODEL


@dataclass(frozen=True, kw_only=True)
class VideoSettings:
    """How to colorize a film.

    Attributes:
        model: the name of a model that comes with tinct, or the path of a model file.
        runtime: `auto`, `onnxruntime` or `openvino`.
        temperature: of decoding, above 0; the model's own without it.
        caution: of decoding, 0..4: how much colour fades where opposite hues are likely; the model's own without it.
        cautious: as a caution of 2, or the model's own where that is more; instead of `caution`.
        hints: what is known of the colours of some frames; see `tinct.coloring.film.hints`.
        size: the network's working size in pixels; the model's own without it.
        denoise: how the network's small copy is denoised: `auto`, `off`, or a strength.
        smoothing: over time: `motion`, `paper`, `ALPHA,FRAMES` or `off`; see `tinct.coloring.film.smoothing`.
        purpose: codec and quality for a purpose: `archive`, `master`, `edit`, `share` or `small`.
        codec: `h264`, `hevc`, `vp9`, `av1`, `prores` or `ffv1`; by purpose and container without it.
        crf: the codec's quality number, lower is better; the purpose's or the codec's usual one without it.
        preset: the encoder's own name or number for how much effort it makes; likewise.
        bits: 8 or 10 bits a channel; the film's own without it.
        sound: `copy`, `encode` or `none`.
        start: leave out what comes before, in seconds.
        end: leave out what comes from there on, in seconds.
        rate: frames a second of a folder of pictures.
        compare: put the film as it was beside the result, in one picture.
        recolor: colour shots anew that have colours already.
        overwrite: replace a result that is there already.
        threads: processor threads; as many as there are cores without it.
    """

    model: str | Path = DEFAULT_MODEL
    runtime: str = "auto"
    temperature: float | None = None
    caution: float | None = None
    cautious: bool = False
    hints: tuple[FilmHint, ...] = ()
    size: int | None = None
    denoise: str | float = "auto"
    smoothing: str = "motion"
    purpose: str | None = None
    codec: str | None = None
    crf: int | None = None
    preset: str | None = None
    bits: int | None = None
    sound: str = "copy"
    start: float | None = None
    end: float | None = None
    rate: float | None = None
    compare: bool = False
    recolor: bool = False
    overwrite: bool = False
    threads: int | None = None

    def colorizer(self) -> Colorizer:
        """Give a colorizer so set, with one thread: several frames are in work at once."""
        return Colorizer(
            self.model,
            runtime=self.runtime,
            temperature=self.temperature,
            caution=self.caution,
            cautious=self.cautious,
            size=self.size,
            denoise=self.denoise,
            threads=1,
        )


@dataclass(frozen=True)
class VideoResult:
    """A colorized film.

    Attributes:
        source: the input.
        target: the file written.
        width: of the result, in pixels.
        height: of the result.
        frames: how many it has.
        seconds: the time it took; of a run that went on, this run's.
        resumed: frames that an earlier run had finished.
        model: the model's name.
        codec: the result's.
        shots: what lies between cuts.
        notices: what was done that one might not expect, such as deinterlacing.
        problems: what went wrong with some frames.
    """

    source: Path
    target: Path
    width: int
    height: int
    frames: int
    seconds: float
    resumed: int
    model: str
    codec: str
    shots: tuple[Shot, ...]
    notices: tuple[str, ...]
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON values."""
        values = asdict(self)
        return values | {"source": str(self.source), "target": str(self.target), "seconds": round(self.seconds, 3)}

"""How a film is to be colorized, and what came of it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinct.coloring.film.hints import FilmHint
from tinct.coloring.film.history import MotionSmoother
from tinct.coloring.film.shots import Shot
from tinct.coloring.film.smoothing import PAPER_ALPHA, PAPER_SPAN, KernelSmoother, Smoother
from tinct.coloring.settings import Decoding
from tinct.errors import SettingError

# Along the motion one frame in this many is shown to the network: as good as every frame (benchmarks/smoothing.json).
ASKED = 3
# Each frame of the span is held in memory, about 1 MB.
LONGEST_SPAN = 250


@dataclass(frozen=True)
class Smoothing:
    """How to smooth over time; `parse` makes one from text, `str` gives the text back, `start` begins a film.

    Attributes:
        way: `off`; `kernel`, an exponential kernel over the frames before; or `motion`, along the motion.
        alpha: the kernel's decay a frame.
        span: how many frames before the kernel reaches back.
    """

    way: str
    alpha: float = PAPER_ALPHA
    span: int = PAPER_SPAN

    @classmethod
    def parse(cls, text: str) -> Smoothing:
        """Read an option: `off`; `paper`, the kernel with alpha 0.2 over 20 frames; `ALPHA,FRAMES`; or `motion`.

        Raises:
            SettingError: it is none of these.
        """
        if text in ("off", "motion"):
            return cls(text)
        if text == "paper":
            return cls("kernel")
        first, comma, second = text.partition(",")
        try:
            alpha, span = float(first), int(second)
        except ValueError:
            alpha, span = -1.0, -1
        if not (comma and math.isfinite(alpha) and alpha >= 0 and 0 <= span <= LONGEST_SPAN):
            raise SettingError(
                f"smoothing must be off, motion, paper, or ALPHA,FRAMES such as 0.2,20 (ALPHA at least 0, FRAMES in "
                f"0..{LONGEST_SPAN}), not {text!r}"
            )
        return cls("kernel", alpha, span)

    def __str__(self) -> str:
        if self.way != "kernel":
            return self.way
        return "paper" if (self.alpha, self.span) == (PAPER_ALPHA, PAPER_SPAN) else f"{self.alpha},{self.span}"

    @property
    def every(self) -> int:
        """The network is asked about one in this many frames: along the motion, its neighbours learn of it."""
        return ASKED if self.way == "motion" else 1

    def start(self) -> Smoother:
        """Begin a film."""
        if self.way == "motion":
            return MotionSmoother()
        return KernelSmoother(alpha=self.alpha, span=self.span if self.way == "kernel" else 0)


@dataclass(frozen=True, kw_only=True)
class VideoSettings(Decoding):
    """How to colorize a film, beside what `Decoding` says.

    Attributes:
        hints: what is known of the colours of some frames; see `tinct.coloring.film.hints`.
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
    """

    hints: tuple[FilmHint, ...] = ()
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
        """Return plain JSON values."""
        values = asdict(self)
        return values | {"source": str(self.source), "target": str(self.target), "seconds": round(self.seconds, 3)}

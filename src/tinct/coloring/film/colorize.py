"""Colour for a film: its Y planes untouched, U and V made; sound, subtitles and times kept.

    film -> frames -> network -> smoothing over time -> U and V -> parts, encoded -> one film with the sound

A killed run goes on after the last finished part when it is called again with the same settings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct import __version__
from tinct.color.resize import resized, small_size
from tinct.coloring.film.frames import FrameColorizer
from tinct.coloring.film.hints import HintTracks, follow_hints
from tinct.coloring.film.memory import SceneMemory, remember
from tinct.coloring.film.parts import PartEncoder, WorkFolder, work_folder
from tinct.coloring.film.pipeline import Painted, Progress, paint_film
from tinct.coloring.film.shots import CutFinder, Shot
from tinct.coloring.film.smoothing import Smoothing
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.settings import VideoSettings
from tinct.errors import InputError, SettingError
from tinct.media.video.borders import picture_area
from tinct.media.video.film import Film
from tinct.media.video.form import FrameForm
from tinct.media.video.mux import assemble, check_target
from tinct.media.video.probe import open_film
from tinct.media.video.read import Problems, read_frames
from tinct.media.video.recipe import Recipe, choose_recipe, default_target
from tinct.media.video.source import missing_numbers
from tinct.parallel import core_count

# Root of height x width at which cuts are found where no network runs.
_SHOT_SIZE = 128
_MOST_THREADS = 8

OnFrame = Callable[[int, int | None], object]
# Draws a frame at a height and width, (h, w, 3) sRGB uint8.
Draw = Callable[[tuple[int, int]], NDArray[np.uint8]]
OnPicture = Callable[[Draw], object]


@dataclass(frozen=True)
class VideoResult:
    """A colorized film.

    Attributes:
        source, target: the input and the file written.
        width, height: of the result, in pixels.
        frames, resumed: of the result, and those of them that an earlier run had finished.
        seconds: the time this run took.
        model, codec: their names.
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


def colorize_video(
    source: str | Path,
    target: str | Path | None = None,
    *,
    settings: VideoSettings | None = None,
    colorizer: Colorizer | None = None,
    on_frame: OnFrame | None = None,
    on_picture: OnPicture | None = None,
) -> VideoResult:
    """Colorize a film.

    Args:
        source: a film of any kind that FFmpeg reads, or a folder of pictures.
        target: the film to write, in the container of its suffix; NAME_color.EXT beside the source without it.
        settings: how; the defaults without it.
        colorizer: a network that is loaded already, with its own settings; the model of `settings` without it.
        on_frame: called after each frame with how many are done and about how many there are.
        on_picture: called with each frame before it is encoded: a function that draws it at a height and width, as
            (h, w, 3) sRGB uint8, with the film's own pixels and not turned.

    Raises:
        InputError: the source is no film, or cannot be decoded.
        OutputError: the target cannot be written, is there already, or is the source itself.
        SettingError: an option is out of range, or the container cannot hold what was asked for.
        ModelError: the model cannot be used.
    """
    started = time.perf_counter()
    settings = settings or VideoSettings()
    smoothing = Smoothing.parse(settings.smoothing)
    film = open_film(Path(source), rate=settings.rate)
    span = _span(film, settings)
    place = Path(target) if target is not None else default_target(film, codec=settings.codec, named=settings.purpose)
    written, recipe = _recipe(film, place, settings)
    check_target(film, place, recipe, sound=settings.sound, overwrite=settings.overwrite)
    # With one thread, since several frames are in work at once.
    work = _Work(film, written, recipe, settings, colorizer or Colorizer(settings, threads=1), smoothing, span)
    with work_folder(place, work.plan()) as folder:
        since = folder.progress()
        done = work.paint(folder, since, on_frame, on_picture)
        lost = assemble(
            written,
            folder.parts(),
            place,
            recipe,
            start_pts=span[0],
            end_pts=span[1],
            sound=settings.sound,
            note=f"colorized by tinct {__version__}, model {work.model}, smoothing {smoothing}",
            overwrite=settings.overwrite,
        )
    seconds = time.perf_counter() - started
    return work.result(Path(source), place, since=since, done=done, lost=lost, seconds=seconds)


def list_shots(source: str | Path, *, rate: float | None = None) -> list[Shot]:
    """Find a film's shots, without colouring it; `colored` is None in each, since that is not looked at.

    Raises:
        InputError: the source is no film, or cannot be decoded.
    """
    film = open_film(Path(source), rate=rate)
    top, bottom, left, right = picture_area(film)
    size = small_size(bottom - top, right - left, size=_SHOT_SIZE)
    form = FrameForm.of(film)
    finder = CutFinder()
    starts: list[Shot] = []
    cuts: list[bool] = []
    with closing(read_frames(film)) as frames:
        for frame in frames:
            luma = form.unit(resized(frame.luma[top:bottom, left:right], size))
            cuts += finder.push(np.rint(luma * 255).astype(np.uint8))
            starts.append(Shot(frame.number, float(film.seconds_at(frame.pts))))
    cuts += finder.flush()
    return [start for index, (start, cut) in enumerate(zip(starts, cuts, strict=True)) if cut or index == 0]


def _span(film: Film, settings: VideoSettings) -> tuple[int | None, int | None]:
    """Return the first pts to take and the first to leave out."""
    start, end = settings.start, settings.end
    if (start is not None and start < 0) or (end is not None and end <= (start or 0)):
        raise SettingError(f"start and end must be seconds, the end after the start, not {start} and {end}")
    if start is not None and film.duration is not None and start >= film.duration:
        ending = f"ends at {float(film.duration):.1f} s, before the start asked for, {start:g} s"
        raise SettingError(f"{film.path}: {ending}")
    return film.pts_at(start) if start else None, film.pts_at(end) if end is not None else None


def _recipe(film: Film, target: Path, settings: VideoSettings) -> tuple[Film, Recipe]:
    """Return the film as it is written, twice as wide for comparing, and how it is encoded."""
    # Side by side, of an odd width the last column is left out.
    written = replace(film, width=2 * (film.width - film.width % 2)) if settings.compare else film
    recipe = choose_recipe(
        written,
        target,
        codec=settings.codec,
        crf=settings.crf,
        preset=settings.preset,
        bits=settings.bits,
        named=settings.purpose,
    )
    return written, recipe


@dataclass(eq=False)
class _Work:
    """One film being made."""

    film: Film
    written: Film
    recipe: Recipe
    settings: VideoSettings
    colorizer: Colorizer
    smoothing: Smoothing
    span: tuple[int | None, int | None]
    tracks: HintTracks | None = None

    def __post_init__(self) -> None:
        self._threads = min(self.settings.threads or core_count(), _MOST_THREADS)
        height, width = self.recipe.chroma_shape
        across = 1 if width == self.written.width else 2
        self._form = FrameForm.of(
            self.film,
            area=picture_area(self.film),
            chroma_shape=(height, -(-self.film.width // across)),
            chroma_depth=self.recipe.bits,
        )

    @property
    def model(self) -> str:
        return self.colorizer.session.card.name

    def plan(self) -> dict[str, Any]:
        """Return what the parts depend on; another plan starts the work anew."""
        source, colorizer, settings = self.film.path.stat(), self.colorizer, self.settings
        references = [Path(path) for path in colorizer.decoding.references]
        return {
            "tinct": __version__,
            "source": [str(self.film.path.resolve()), source.st_size, source.st_mtime_ns],
            "model": [str(colorizer.session.path), colorizer.session.path.stat().st_mtime_ns],
            "runtime": colorizer.session.runtime,
            "recipe": repr(self.recipe),
            "area": list(self._form.area),
            "temperature": colorizer.temperature,
            "caution": colorizer.caution,
            "saturation": colorizer.saturation,
            "size": colorizer.size,
            "denoise": colorizer.decoding.denoise,
            "smoothing": str(self.smoothing),
            "memory": self._memory,
            "span": list(self.span),
            "compare": settings.compare,
            "recolor": settings.recolor,
            "references": [[str(path.resolve()), path.stat().st_mtime_ns] for path in references],
            "hints": [hint.to_json() for hint in settings.hints],
        }

    def paint(
        self, folder: WorkFolder, since: Progress | None, on_frame: OnFrame | None, on_picture: OnPicture | None
    ) -> Progress:
        """Make the parts that are missing; return what is known after the last."""
        if since is not None and since.facts["done"]:
            return since
        problems = Problems()
        colorizer = FrameColorizer(self.colorizer, self._form)
        hints = self.settings.hints
        self.tracks = follow_hints(self.film, hints, colorizer) if hints else None
        memory = self._remembered(colorizer)
        frames = read_frames(
            self.film,
            start_pts=since.facts["next_pts"] if since is not None else self.span[0],
            start_number=since.facts["given_to"] if since is not None else 0,
            end_pts=self.span[1],
            problems=problems,
        )
        painted = paint_film(
            self.film,
            frames,
            colorizer,
            self.smoothing,
            since=since,
            recolor=self.settings.recolor,
            threads=self._threads,
            problems=problems,
            hints=self.tracks,
            memory=memory,
        )
        # Parts that were encoded with another number of threads would not fit together.
        threads = since.facts["threads"] if since is not None else self._threads
        encoder = PartEncoder(self.written, self.recipe, compare=self.settings.compare, threads=threads)
        total = self._total()
        shown = painted if on_picture is None else self._shown(painted, on_picture)
        with closing(painted), closing(encoder.encode(shown, folder)) as encoded:
            for done in encoded:
                if isinstance(done, Progress):
                    since = done
                elif on_frame is not None:
                    on_frame(done, total)
        if since is None or since.facts["given_to"] == 0:
            raise InputError(f"{self.film.path}: no frame of it could be decoded; is it damaged?")
        return since

    def _shown(self, painted: Iterator[Painted | Progress], on_picture: OnPicture) -> Iterator[Painted | Progress]:
        """Show each frame on its way to the encoder."""
        for item in painted:
            if isinstance(item, Painted):
                on_picture(partial(self._drawn, item))
            yield item

    def _drawn(self, item: Painted, size: tuple[int, int]) -> NDArray[np.uint8]:
        luma, *chroma = (resized(plane, size) for plane in (item.frame.luma, *item.planes))
        return self._form.picture(luma, (chroma[0], chroma[1]))

    @property
    def _memory(self) -> str:
        """What is remembered: along the motion the scene, with another smoothing nothing, unless the settings say."""
        default = "scene" if self.smoothing.way == "motion" else "off"
        return self.settings.memory or default

    def _remembered(self, colorizer: FrameColorizer) -> SceneMemory | None:
        """Go through the film once for what its shots show."""
        return remember(
            read_frames(self.film, start_pts=self.span[0], end_pts=self.span[1]),
            lambda frame: colorizer.look(frame.luma).levels,
            is_colored=colorizer.is_colored,
            seconds_at=lambda pts: float(self.film.seconds_at(pts)),
            answer=colorizer.answer_to,
            memory=self._memory,
        )

    def _total(self) -> int | None:
        """Return about how many frames there will be."""
        film, (start, end) = self.film, self.span
        if film.frames is None or (start is None and end is None):
            return film.frames
        first = film.seconds_at(start) if start is not None else 0
        last = film.seconds_at(end) if end is not None else film.duration
        return min(film.frames, round((last - first) * film.rate)) if last is not None else None

    def result(
        self, source: Path, target: Path, *, since: Progress | None, done: Progress, lost: Sequence[str], seconds: float
    ) -> VideoResult:
        return VideoResult(
            source=source,
            target=target,
            width=self.recipe.width,
            height=self.recipe.height,
            frames=done.facts["given_to"],
            seconds=seconds,
            resumed=since.facts["given_to"] if since is not None else 0,
            model=self.model,
            codec=self.recipe.codec.name,
            shots=tuple(Shot(**shot) for shot in done.facts["shots"]),
            notices=(*self._notices(done), *dict.fromkeys((*self.recipe.remarks, *lost))),
            problems=tuple(done.facts["problems"]),
        )

    def _notices(self, done: Progress) -> Iterator[str]:
        """Yield what was done that one might not expect."""
        film, area = self.film, self._form.area
        if film.interlaced:
            yield "the film is interlaced: it was deinterlaced, one frame for one"
        if missing := missing_numbers(film.images):
            yield f"of its pictures' numbers {len(missing)} are missing, the first {missing[0]}"
        if area != (0, film.height, 0, film.width):
            yield f"black borders were left black: the picture is {area[3] - area[2]} x {area[1] - area[0]}"
        if self.tracks is None:
            return
        for item, begin in zip(self.settings.hints, self.tracks.begins, strict=True):
            shots = [shot for shot in done.facts["shots"] if shot["seconds"] <= begin + 1e-3]
            if shots and shots[-1]["colored"]:
                yield f"hint {item.hint} changes nothing: its shot has colours already; --recolor colours it anew"

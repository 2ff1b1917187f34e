"""Colour for a film: its Y planes untouched, U and V made; sound, subtitles and times kept.

    film -> frames -> network -> smoothing over time -> U and V -> parts, encoded -> one film with the sound

A killed run goes on after the last finished part when it is called again with the same settings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tinct import __version__
from tinct.color.resize import resized, small_size
from tinct.coloring.film.frames import Area, FrameColorizer, FrameForm
from tinct.coloring.film.hints import HintTracks, follow_hints
from tinct.coloring.film.pipeline import Break, Painted, paint_film
from tinct.coloring.film.resume import Progress, WorkFolder, work_folder
from tinct.coloring.film.settings import Smoothing, VideoResult, VideoSettings
from tinct.coloring.film.shots import CutFinder, Shot, active_area
from tinct.coloring.photo.colorizer import Colorizer
from tinct.errors import InputError, SettingError
from tinct.media.video.film import Film
from tinct.media.video.mux import assemble, check_target
from tinct.media.video.probe import open_film, sample_lumas
from tinct.media.video.read import Problems, read_frames
from tinct.media.video.recipe import Recipe, choose_recipe, default_target
from tinct.media.video.write import SegmentWriter
from tinct.parallel import core_count, ordered_map

# Frames, spread over the film, in which black borders are looked for.
_BORDER_FRAMES = 24
# Root of height x width at which cuts are found where no network runs.
_SHOT_SIZE = 128
_MOST_THREADS = 8
# Frames that may wait for the encoder.
_AHEAD = 2


def colorize_video(
    source: str | Path,
    target: str | Path | None = None,
    *,
    settings: VideoSettings | None = None,
    colorizer: Colorizer | None = None,
    on_frame: Callable[[int, int | None], object] | None = None,
) -> VideoResult:
    """Colorize a film.

    Args:
        source: a film of any kind that FFmpeg reads, or a folder of pictures.
        target: the film to write, in the container of its suffix; NAME_color.EXT beside the source without it.
        settings: how; the defaults without it.
        colorizer: a network that is loaded already, with its own settings; the model of `settings` without it.
        on_frame: called after each frame with how many are done and about how many there are.

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
    # Side by side, of an odd width the last column is left out.
    written = replace(film, width=2 * (film.width - film.width % 2)) if settings.compare else film
    recipe = choose_recipe(
        written,
        place,
        codec=settings.codec,
        crf=settings.crf,
        preset=settings.preset,
        bits=settings.bits,
        named=settings.purpose,
    )
    check_target(film, place, recipe, sound=settings.sound, overwrite=settings.overwrite)
    # With one thread, since several frames are in work at once.
    colorizer = colorizer or Colorizer(settings, threads=1)
    work = _Work(film, written, recipe, settings, colorizer, smoothing, span)
    with work_folder(place, work.plan) as folder:
        since = folder.progress()
        done = work.paint(folder, since, on_frame)
        lost = assemble(
            written,
            folder.parts(),
            place,
            recipe,
            start_pts=span[0],
            end_pts=span[1],
            sound=settings.sound,
            note=f"colorized by tinct {__version__}, model {colorizer.session.card.name}, smoothing {smoothing}",
            overwrite=settings.overwrite,
        )
    return VideoResult(
        source=Path(source),
        target=place,
        width=recipe.width,
        height=recipe.height,
        frames=done.facts["given_to"],
        seconds=time.perf_counter() - started,
        resumed=since.facts["given_to"] if since is not None else 0,
        model=colorizer.session.card.name,
        codec=recipe.codec.name,
        shots=tuple(Shot(**shot) for shot in done.facts["shots"]),
        notices=(*work.notices(), *work.idle_hints(done), *dict.fromkeys((*recipe.remarks, *lost))),
        problems=tuple(done.facts["problems"]),
    )


def list_shots(source: str | Path, *, rate: float | None = None) -> list[Shot]:
    """Find a film's shots, without colouring it; `colored` is None in each, since that is not looked at.

    Raises:
        InputError: the source is no film, or cannot be decoded.
    """
    film = open_film(Path(source), rate=rate)
    top, bottom, left, right = _area(film)
    size = small_size(bottom - top, right - left, size=_SHOT_SIZE)
    form = FrameForm.of(film)
    finder = CutFinder()
    numbers: list[tuple[int, int]] = []
    cuts: list[bool] = []
    with closing(read_frames(film)) as frames:
        for frame in frames:
            luma = form.unit(resized(frame.luma[top:bottom, left:right], size))
            cuts += finder.push(np.rint(luma * 255).astype(np.uint8))
            numbers.append((frame.number, frame.pts))
    cuts += finder.flush()
    begin = [index for index, cut in enumerate(cuts) if cut or index == 0]
    return [Shot(numbers[index][0], float(film.seconds_at(numbers[index][1]))) for index in begin]


def _span(film: Film, settings: VideoSettings) -> tuple[int | None, int | None]:
    """Return the first pts to take and the first to leave out."""
    start, end = settings.start, settings.end
    if (start is not None and start < 0) or (end is not None and end <= (start or 0)):
        raise SettingError(f"start and end must be seconds, the end after the start, not {start} and {end}")
    if start is not None and film.duration is not None and start >= film.duration:
        raise SettingError(
            f"{film.path}: ends at {float(film.duration):.1f} s, before the start asked for, {start:g} s"
        )
    return (
        film.pts_at(start) if start else None,
        film.pts_at(end) if end is not None else None,
    )


def _area(film: Film) -> Area:
    """Find a film's picture between black borders."""
    form = FrameForm.of(film)
    lumas = (np.rint(form.unit(luma) * 255).astype(np.uint8) for luma in sample_lumas(film, _BORDER_FRAMES))
    first = next(lumas, None)
    return active_area(chain([first], lumas)) if first is not None else (0, film.height, 0, film.width)


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
        across = 1 if self.recipe.chroma_shape[1] == self.written.width else 2
        self._form = FrameForm.of(
            self.film,
            area=_area(self.film),
            chroma_shape=(self.recipe.chroma_shape[0], -(-self.film.width // across)),
            chroma_depth=self.recipe.bits,
        )

    @property
    def plan(self) -> dict[str, Any]:
        """What the parts depend on; another plan starts the work anew."""
        source, colorizer, settings = self.film.path.stat(), self.colorizer, self.settings
        return {
            "tinct": __version__,
            "source": [str(self.film.path.resolve()), source.st_size, source.st_mtime_ns],
            "model": [str(colorizer.session.path), colorizer.session.path.stat().st_mtime_ns],
            "runtime": colorizer.session.runtime,
            "recipe": repr(self.recipe),
            "area": list(self._form.area),
            "temperature": colorizer.temperature,
            "caution": colorizer.caution,
            "size": colorizer.size,
            "denoise": colorizer.decoding.denoise,
            "smoothing": str(self.smoothing),
            "span": list(self.span),
            "compare": settings.compare,
            "recolor": settings.recolor,
            "hints": [hint.to_json() for hint in settings.hints],
        }

    def notices(self) -> Iterator[str]:
        """Yield what was done that one might not expect."""
        film, area = self.film, self._form.area
        if film.interlaced:
            yield "the film is interlaced: it was deinterlaced, one frame for one"
        if area != (0, film.height, 0, film.width):
            yield f"black borders were left black: the picture is {area[3] - area[2]} x {area[1] - area[0]}"

    def idle_hints(self, done: Progress) -> Iterator[str]:
        """Name the hints that lie in shots whose own colours were kept."""
        if self.tracks is None:
            return
        for item, begin in zip(self.settings.hints, self.tracks.begins, strict=True):
            shots = [shot for shot in done.facts["shots"] if shot["seconds"] <= begin + 1e-3]
            if shots and shots[-1]["colored"]:
                yield f"hint {item.hint} changes nothing: its shot has colours already; --recolor colours it anew"

    def paint(
        self, folder: WorkFolder, since: Progress | None, on_frame: Callable[[int, int | None], object] | None
    ) -> Progress:
        """Make the parts that are missing; return what is known after the last."""
        if since is not None and since.facts["done"]:
            return since
        problems = Problems()
        colorizer = FrameColorizer(self.colorizer, self._form)
        hints = self.settings.hints
        self.tracks = follow_hints(self.film, hints, colorizer) if hints else None
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
        )
        # Parts that were encoded with another number of threads would not fit together.
        threads = since.facts["threads"] if since is not None else self._threads
        total = self._total()

        def show(done: int) -> None:
            if on_frame is not None:
                on_frame(done, total)

        with closing(painted):
            for item in painted:
                if isinstance(item, Painted):
                    item = self._make_part(folder, item, painted, threads, show)
                since = item.progress
        if since is None or since.facts["given_to"] == 0:
            raise InputError(f"{self.film.path}: no frame of it could be decoded; is it damaged?")
        return since

    def _make_part(
        self,
        folder: WorkFolder,
        first: Painted,
        rest: Iterator[Painted | Break],
        threads: int,
        show: Callable[[int], None],
    ) -> Break:
        """Encode frames into a part, up to the next place where a run can go on; there is one after the last frame."""
        part = folder.next_part()
        ends: list[Break] = []

        def frames() -> Iterator[Painted]:
            item: Painted | Break = first
            while isinstance(item, Painted):
                yield item
                item = next(rest)
            ends.append(item)

        with (
            SegmentWriter(part, self.written, self.recipe, threads=threads) as writer,
            ThreadPoolExecutor(1, thread_name_prefix="tinct-encoder") as encoder,
        ):

            def write(item: Painted) -> int:
                self._write(writer, item)
                return item.frame.number + 1

            for done in ordered_map(write, frames(), pool=encoder, ahead=_AHEAD + 1):
                show(done)
        (end,) = ends
        folder.finish(part, replace(end.progress, facts=end.progress.facts | {"threads": threads}))
        return end

    def _write(self, writer: SegmentWriter, item: Painted) -> None:
        frame, (u, v) = item.frame, item.planes
        luma = frame.luma
        if self.settings.compare:
            grey = self._form.neutral()
            width, half = self.written.width // 2, self.recipe.chroma_shape[1] // 2
            luma = np.hstack([luma[:, :width], luma[:, :width]])
            u, v = (np.hstack([grey[:, :half], plane[:, :half]]) for plane in (u, v))
        writer.write(luma, u, v, pts=frame.pts, duration=frame.duration)

    def _total(self) -> int | None:
        """Return about how many frames there will be."""
        film, (start, end) = self.film, self.span
        if film.frames is None or (start is None and end is None):
            return film.frames
        first = film.seconds_at(start) if start is not None else 0
        last = film.seconds_at(end) if end is not None else film.duration
        return min(film.frames, round((last - first) * film.rate)) if last is not None else None

"""Colorize a film: make U and V, leave its Y planes untouched, and keep sound, subtitles and times.

    film -> frames -> network -> smoothing over time -> U and V -> parts, encoded -> one film with the sound

A killed run continues after the last finished part when it is called again with the same settings.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct import __version__
from tinct.actors import Engine
from tinct.color.resize import resized, small_size
from tinct.coloring.film.parts import WorkFolder, clear_finished, work_folder
from tinct.coloring.film.pipeline import Progress
from tinct.coloring.film.segment_workers import paint_apart, segment_processes
from tinct.coloring.film.shots import Shot, looked_at
from tinct.coloring.film.smoothing import Smoothing
from tinct.coloring.film.work import OnFrame, OnPicture, Work, open_as, recipe_of, span_of
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.settings import VideoSettings
from tinct.media.video.film import Film
from tinct.media.video.form import FrameForm, picture_area
from tinct.media.video.mux import assemble, check_target
from tinct.media.video.probe import open_film
from tinct.media.video.read import Frame, read_frames
from tinct.media.video.recipe import default_target

# sqrt(height x width) at which cuts are found if no network runs.
_SHOT_SIZE = 128


@dataclass(frozen=True)
class VideoResult:
    """A colorized film.

    Attributes:
        source, target: the input and the file written.
        width, height: of the result, in pixels.
        frames: number of frames of the result.
        resumed: how many of them an earlier run had finished.
        seconds: the time this run took.
        model, codec: their names.
        shots: the shots between cuts.
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
        """Return the result as plain JSON values."""
        values = asdict(self)
        return values | {"source": str(self.source), "target": str(self.target), "seconds": round(self.seconds, 3)}


def colorize_video(
    source: str | Path,
    target: str | Path | None = None,
    *,
    settings: VideoSettings | None = None,
    colorizer: Colorizer | None = None,
    workers: int | None = None,
    engine: Engine | None = None,
    on_frame: OnFrame | None = None,
    on_picture: OnPicture | None = None,
) -> VideoResult:
    """Colorize a film.

    Args:
        source: a film of any kind that FFmpeg reads, a folder of pictures, or a pattern of their names (`f_%04d.png`).
        target: the film to write, or a pattern of pictures (`f_%04d.dpx`); by default NAME_color.EXT beside the source.
        settings: how to colorize; by default as `VideoSettings()`.
        colorizer: a network that is already loaded, with its own settings; by default the model of `settings`.
        workers: divide the film into segments, which this many processes colour; see `segments`. By default one process
            colours it in one pass.
        engine: runs the processes, on this machine or with Ray; without `workers`, as many as there are cores.
        on_frame: called after each frame, or segment, with how many are done and about how many there are.
        on_picture: called for each frame before it is encoded, if one process colours all, with a function that draws
            it at a height and width, as (h, w, 3) sRGB uint8, in the film's own pixels and not rotated.

    Raises:
        InputError: the source is not a film, or cannot be decoded.
        OutputError: the target cannot be written, already exists, or is the source itself.
        SettingError: an option is out of range, or the container cannot hold what was asked for.
        ModelError: the model cannot be used.
    """
    work = begin(Path(source), target, settings or VideoSettings(), colorizer)
    processes = segment_processes(work.settings, workers, engine)
    with work_folder(work.target, work.plan(apart=processes is not None)) as folder:
        if processes is None:
            since = folder.progress()
            done, parts = work.paint(folder, since, on_frame, on_picture), folder.parts()
        else:
            since, done, parts = paint_apart(work, folder, processes, on_frame)
        return finish(work, folder, since=since, done=done, parts=parts)


def begin(
    source: Path,
    target: str | Path | None,
    settings: VideoSettings,
    colorizer: Colorizer | None,
    *,
    film: Film | None = None,
) -> Work:
    """Open a film, and settle how and where its result is written; errors are those of `colorize_video`.

    `film` is the film if it is already open with these settings, since opening a long file may read it to its end.
    """
    started = time.perf_counter()
    smoothing = Smoothing.parse(settings.smoothing)
    film = film or open_as(source, settings)
    span = span_of(film, settings)
    place = Path(target) if target is not None else default_target(film, codec=settings.codec, named=settings.purpose)
    written, recipe = recipe_of(film, place, settings)
    if not settings.overwrite and place.is_file():
        clear_finished(place)
    check_target(film, place, recipe, sound=settings.sound, overwrite=settings.overwrite)
    # The network gets one thread, since several frames are processed at once.
    colorizer = colorizer or Colorizer(settings, threads=1)
    return Work(film, place, written, recipe, settings, colorizer, smoothing, span, started)


def finish(
    work: Work, folder: WorkFolder, *, since: Progress | None, done: Progress, parts: Sequence[Path]
) -> VideoResult:
    """Join a film's finished parts with its sound, and write the result."""
    lost = assemble(
        work.written,
        parts,
        work.target,
        work.recipe,
        start_pts=work.span[0],
        end_pts=work.span[1],
        sound=work.settings.sound,
        note=f"colorized by tinct {__version__}, model {work.model}, smoothing {work.smoothing}",
        overwrite=work.settings.overwrite,
    )
    return VideoResult(
        source=work.film.path,
        target=work.target,
        width=work.recipe.width,
        height=work.recipe.height,
        frames=done.facts["given_to"],
        seconds=time.perf_counter() - work.started,
        resumed=since.facts["given_to"] if since is not None else 0,
        model=work.model,
        codec=work.recipe.codec.name,
        shots=tuple(Shot(**shot) for shot in done.facts["shots"]),
        notices=(*work.notices(done), *dict.fromkeys((*work.recipe.remarks, *lost, *folder.notices))),
        problems=tuple(done.facts["problems"]),
    )


def list_shots(source: str | Path, *, rate: float | None = None, deinterlace: str = "auto") -> list[Shot]:
    """Find a film's shots, without colouring it; `colored` is None in each, since colours are not examined.

    Raises:
        InputError: the source is not a film, or cannot be decoded.
    """
    film = open_film(Path(source), rate=rate, deinterlace=deinterlace)
    top, bottom, left, right = picture_area(film)
    size = small_size(bottom - top, right - left, size=_SHOT_SIZE)
    form = FrameForm.of(film)

    def look(frame: Frame) -> NDArray[np.uint8]:
        luma = form.unit(resized(frame.luma[top:bottom, left:right], size))
        return np.rint(luma * 255).astype(np.uint8)

    return [
        Shot(frame.number, float(film.seconds_at(frame.pts)))
        for index, (frame, _, cut) in enumerate(looked_at(read_frames(film), look))
        if cut or index == 0
    ]

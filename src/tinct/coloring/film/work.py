"""Make one film: what its parts depend on, and how its frames, or those of a segment, become parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha1
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct import __version__
from tinct.color.resize import resized
from tinct.coloring.film.directed import Directed, PlacedShot, place_shots
from tinct.coloring.film.frames import FrameColorizer
from tinct.coloring.film.hints import HintTracks, follow_hints
from tinct.coloring.film.memory import SceneMemory, remember
from tinct.coloring.film.parts import WorkFolder, encode_parts
from tinct.coloring.film.pipeline import Painted, Progress, paint_film
from tinct.coloring.film.segments import SEGMENT_FRAMES, Task, before_segment, own_frames
from tinct.coloring.film.smoothing import Smoothing
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.settings import KEEP_AUTO, VideoSettings
from tinct.errors import InputError, SettingError
from tinct.media.video.film import Film, clock
from tinct.media.video.form import FrameForm, picture_area
from tinct.media.video.probe import open_film
from tinct.media.video.problems import Problems
from tinct.media.video.read import Frame, read_frames
from tinct.media.video.recipe import Recipe, choose_recipe
from tinct.media.video.sequence import missing_numbers
from tinct.parallel import core_count

_MOST_THREADS = 8
# Notices on interlaced films, by how they were deinterlaced.
_DEINTERLACED = {
    "single": "the film is interlaced: it was deinterlaced, one frame for each",
    "mixed": "parts of the film are interlaced: their frames were deinterlaced, one for each",
    "double": "the film is interlaced: each of its fields became a frame, {:.6g} a second",
    "film": "the film had 3:2 pulldown: its original frames were restored, {:.6g} a second",
}

OnFrame = Callable[[int, int | None], object]
# Draws a frame at a height and width, (h, w, 3) sRGB uint8.
Draw = Callable[[tuple[int, int]], NDArray[np.uint8]]
OnPicture = Callable[[Draw], object]


def open_as(source: str | Path, settings: VideoSettings) -> Film:
    """Open a film with the rate and the deinterlacing of its settings; see `tinct.media.video.probe.open_film`."""
    return open_film(source, rate=settings.rate, deinterlace=settings.deinterlace)


def span_of(film: Film, settings: VideoSettings) -> tuple[int | None, int | None]:
    """Return the first pts to take and the first to leave out."""
    start, end = settings.start, settings.end
    if (start is not None and start < 0) or (end is not None and end <= (start or 0)):
        raise SettingError(f"start and end must be seconds, the end after the start, not {start} and {end}")
    if start is not None and film.duration is not None and start >= film.duration:
        ending = f"the film ends at {float(film.duration):.1f} s, before the start at {start:g} s"
        raise SettingError(f"{film.path}: {ending}; give an earlier start")
    return film.pts_at(start) if start else None, film.pts_at(end) if end is not None else None


def recipe_of(film: Film, target: Path, settings: VideoSettings) -> tuple[Film, Recipe]:
    """Return the film as it is written, twice as wide for comparing, and how it is encoded."""
    # Side by side, the last column of an odd width is left out.
    written = replace(film, width=2 * (film.width - film.width % 2)) if settings.compare else film
    recipe = choose_recipe(
        written,
        target,
        codec=settings.codec,
        crf=settings.crf,
        preset=settings.preset,
        bits=settings.bits,
        sampling=settings.chroma,
        named=settings.purpose,
    )
    return written, recipe


def _marks(film: Film) -> list[int | str]:
    """Return values that change whenever the film's file, or any of its pictures, changes."""
    files = [path.stat() for path in film.images or (film.path,)]
    marks = [(file.st_size, file.st_mtime_ns) for file in files]
    return [*marks[0]] if not film.images else [sha1(repr(marks).encode(), usedforsecurity=False).hexdigest()]


@dataclass(eq=False)
class Work:
    """One film being made: it and its target have been checked, and nothing is written yet.

    Attributes:
        film: as it is read.
        target: the path of its result.
        written: the film as it is written, see `recipe_of`.
        span: the first pts to take and the first to leave out.
        started: when the work on it began, by `time.perf_counter`.
        tracks: where hints are in each frame.
        spotted: pts of grey key frames that have colours in some places.
    """

    film: Film
    target: Path
    written: Film
    recipe: Recipe
    settings: VideoSettings
    colorizer: Colorizer
    smoothing: Smoothing
    span: tuple[int | None, int | None]
    started: float = 0.0
    tracks: HintTracks | None = None
    spotted: list[int] = field(default_factory=list)

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

    def _frame_colorizer(self) -> FrameColorizer:
        """Return the colorizer of frames, with the mask of what is kept rotated as frames are stored."""
        mask, film = self.colorizer.kept, self.film
        if mask is None:
            return FrameColorizer(self.colorizer, self._form)
        aspect = float(film.sample_aspect)
        width, height = film.upright_size
        mask.check(width=width, height=height, aspect=1 / aspect if film.turns % 2 else aspect)
        stored = replace(mask, levels=np.ascontiguousarray(np.rot90(mask.levels, -film.turns)))
        return FrameColorizer(self.colorizer, self._form, stored.at(self._form.chroma_shape))

    @property
    def model(self) -> str:
        return self.colorizer.session.card.name

    def plan(self, *, apart: bool) -> dict[str, Any]:
        """Return what the parts depend on, as plain JSON values; with another plan the work starts anew.

        `apart` says whether several processes colour segments.
        """
        colorizer, settings = self.colorizer, self.settings
        keep, mask = colorizer.decoding.keep, colorizer.decoding.keep_mask
        return {
            "tinct": __version__,
            "source": [str(self.film.path.resolve()), *_marks(self.film)],
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
            "times": [repr(self.film.fields), str(self.film.time_base)],
            "compare": settings.compare,
            "recolor": settings.recolor,
            "references": [
                [text, str(Path(reference.path).resolve()), Path(reference.path).stat().st_mtime_ns]
                for text, reference in zip(colorizer.decoding.references, colorizer.references, strict=True)
            ],
            "hints": [hint.to_json() for hint in settings.hints],
            "keep": keep if mask is None else [[str(Path(mask).resolve()), Path(mask).stat().st_mtime_ns]],
            "shots": [shot.to_json() for shot in settings.shots],
            **({"segments": SEGMENT_FRAMES} if apart else {}),
        }

    def paint(
        self,
        folder: WorkFolder,
        since: Progress | None,
        on_frame: OnFrame | None = None,
        on_picture: OnPicture | None = None,
        *,
        task: Task | None = None,
    ) -> Progress:
        """Make the missing parts of the film or of one segment; return the state after the last."""
        if since is not None and since.facts["done"]:
            return since
        problems = Problems()
        colorizer = self._frame_colorizer()
        hints = self.settings.hints
        self.tracks = follow_hints(self.film, hints, colorizer) if hints else None
        if task is None:
            (begin, end), memory = self.span, self.remembered()
            shots: Sequence[PlacedShot] = place_shots(self.film, self.settings.shots)
        else:
            begin, end, shots = task.segment.read_from, task.segment.read_to, task.placed
            memory = SceneMemory(task.shots, colorizer.answer_to, colorizer.features_of) if task.shots else None
            since = since or before_segment(task, self.film, colorizer, self.smoothing)
        frames = read_frames(
            self.film,
            start_pts=since.facts["next_pts"] if since is not None else begin,
            start_number=since.facts["given_to"] if since is not None else 0,
            end_pts=end,
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
            directed=Directed(shots, colorizer),
        )
        if task is not None:
            painted = own_frames(painted, task.segment, since)
        # Parts that were encoded with different numbers of threads would not fit together.
        threads = 1 if task is not None else since.facts["threads"] if since is not None else self._threads
        shown = painted if on_picture is None else self._shown(painted, on_picture)
        compare = self.settings.compare
        encoding = encode_parts(shown, folder, self.written, self.recipe, compare=compare, threads=threads)
        with closing(painted), closing(encoding) as encoded:
            for done in encoded:
                if isinstance(done, Progress):
                    since = done
                elif on_frame is not None:
                    on_frame(done, self.total())
        if since is None or (task is None and since.facts["given_to"] == 0):
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
        return self._form.rgb_codes(luma, (chroma[0], chroma[1]), bits=8)

    @property
    def _memory(self) -> str:
        """What to remember: by default the scene if smoothing follows the motion, else nothing."""
        default = "scene" if self.smoothing.way == "motion" else "off"
        return self.settings.memory or default

    def remembered(self) -> SceneMemory | None:
        """Go through the film once, and return the memory of what its shots show."""
        colorizer = self._frame_colorizer()
        self._check_references()

        def is_colored(frame: Frame) -> bool:
            colors = colorizer.colors(frame)
            if not (colors.are_some or self.settings.recolor) and colors.spots > 0:
                self.spotted.append(frame.pts)
            return colors.are_some

        return remember(
            read_frames(self.film, start_pts=self.span[0], end_pts=self.span[1]),
            lambda frame: colorizer.look(frame.luma).levels,
            is_colored=is_colored,
            seconds_at=lambda pts: float(self.film.seconds_at(pts)),
            answer=colorizer.answer_to,
            sight=colorizer.features_of,
            memory=self._memory,
            stills=colorizer.stills(self.film),
        )

    def _check_references(self) -> None:
        """Check that references for single frames can be carried; SettingError if not."""
        for reference in self.colorizer.references:
            if (reference.frame, reference.seconds) != (None, None) and self._memory == "off":
                raise SettingError(
                    f"reference {reference.name}: only the memory carries it through its shot; do not turn that off"
                )
            if reference.frame is not None and self.span[0] is not None:
                raise SettingError(
                    f"reference {reference.name}: with --start frames are not counted; give a time, such as 4.8s@"
                )

    def total(self) -> int | None:
        """Return about how many frames there will be."""
        film, (start, end) = self.film, self.span
        if film.frames is None or (start is None and end is None):
            return film.frames
        first = film.seconds_at(start) if start is not None else 0
        last = film.seconds_at(end) if end is not None else film.duration
        return min(film.frames, round((last - first) * film.rate)) if last is not None else None

    def notices(self, done: Progress) -> Iterator[str]:
        """Yield what was done that one might not expect."""
        film, area = self.film, self._form.area
        if film.interlaced:
            way = "mixed" if film.fields.mixed else film.fields.way
            yield _DEINTERLACED[way].format(float(film.rate * film.stretch))
        if film.pulldown:
            yield f"its frames are flagged for 3:2 pulldown: they were spaced evenly, {float(film.rate):.6g} a second"
        if film.stretch != 1:
            yield f"its {float(film.rate * film.stretch):.6g} frames a second are shown as {float(film.rate):.6g}"
        if jumps := [jump for jump in film.jumps if jump.by]:
            first = jumps[0]
            times = "once," if len(jumps) == 1 else f"{len(jumps)} times, first"
            by = f"{clock(abs(first.by))} {'back' if first.by < 0 else 'ahead'}"
            at = clock(first.at * film.stretch - film.start)
            yield f"its time stamps jump {times} at {at}, {by}: they were joined into one timeline"
        if missing := missing_numbers(film.images):
            yield f"{len(missing)} numbers of its pictures are missing, the first is {missing[0]}"
        if self.spotted:
            moment = clock(film.seconds_at(min(self.spotted)))
            anew = "coloured anew; --keep auto keeps them, --keep MASK those in one place, --shots those of one shot"
            became = "kept" if self.settings.keep == KEEP_AUTO else anew
            yield f"grey shots have colours in some places, such as captions, the first at {moment}: they were {became}"
        if area != (0, film.height, 0, film.width):
            yield f"black borders were left black: the picture is {area[3] - area[2]} x {area[1] - area[0]}"
        if self.tracks is None:
            return
        for item, begin in zip(self.settings.hints, self.tracks.begins, strict=True):
            shots = [shot for shot in done.facts["shots"] if shot["seconds"] <= begin + 1e-3]
            if shots and shots[-1]["colored"]:
                yield f"hint {item.hint} changes nothing: its shot has colours already; --recolor colours it anew"

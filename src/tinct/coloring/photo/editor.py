"""A picture to try settings on: the network runs once, and further hints or temperatures show their effect at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.places import framed
from tinct.color.resize import shrunk
from tinct.color.spaces import FloatArray
from tinct.color.upsample import ChromaGuide, color_rows
from tinct.coloring.hints.hint import Hint
from tinct.coloring.hints.reference import Taken, taken
from tinct.coloring.hints.spreading import Spread, place_hints
from tinct.coloring.photo import arrays
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.prediction import Prediction
from tinct.coloring.photo.readings import Reading, other_readings
from tinct.coloring.photo.result import PhotoResult
from tinct.coloring.photo.suggest import Suggestion, suggest_hints
from tinct.coloring.photo.watch import Watch
from tinct.errors import SettingError
from tinct.media.image.picture import open_picture

# Guides are kept for this many pairs of temperature and caution, since a slider moves to and fro. Each is about 6 MB.
_KEPT_GUIDES = 4
# Answers are kept for this many sets of references, for undo. Each has its own guides and its own spreader.
_KEPT_LOOKS = 3


@dataclass(eq=False)
class _Look:
    """The network's answer with certain references, and what was computed from it.

    Attributes:
        colorizer: the colorizer that has these references.
        prediction: the answer.
        guides: by temperature, caution and reading.
        readings: other plausible ones; None until they are asked for.
        hinted: the hints that were spread last, and their shares.
        taken: what came from each reference; None until it is asked for.
    """

    colorizer: Colorizer
    prediction: Prediction
    guides: dict[tuple[float | None, float | None, int], ChromaGuide] = field(default_factory=dict)
    readings: list[Reading] | None = None
    hinted: tuple[tuple[Hint, ...], Spread] | None = None
    taken: list[Taken] | None = None

    def read(self, reading: int) -> Prediction:
        """Return the prediction of a reading; 0 is the usual one."""
        if reading == 0:
            return self.prediction
        others = self.others()
        if not 1 <= reading <= len(others):
            raise SettingError(f"this picture has readings 0..{len(others)}, not {reading}")
        return others[reading - 1].prediction

    def others(self) -> list[Reading]:
        """Return the other readings, computed once."""
        if self.readings is None:
            self.readings = other_readings(self.prediction)
        return self.readings

    def seen_in_references(self) -> list[Taken]:
        """Return what the picture takes from each reference; the network runs once more."""
        session, references = self.colorizer.session, self.colorizer.references
        luma = self.prediction.luma if self.prediction.places else self.prediction.network_luma
        seen = session.features(shrunk(luma, session.card.working_size)) if references else {}
        return taken(tuple(seen.values()), references) if references else []

    def guide(self, temperature: float | None, caution: float | None, reading: int) -> ChromaGuide:
        """Return what colours the picture, without hints and at a saturation of 1."""
        key = (temperature, caution, reading)
        if key not in self.guides:
            chosen = self.read(reading).chosen(temperature=temperature, caution=caution, saturation=1.0)
            guide = chosen.guide()
            if len(self.guides) >= _KEPT_GUIDES:
                del self.guides[next(iter(self.guides))]
            self.guides[key] = guide
        return self.guides[key]

    def shares(self, hints: tuple[Hint, ...], *, width: int, height: int) -> Spread:
        """Return the shares of hints, kept for the next call with the same ones."""
        if self.hinted is None or self.hinted[0] != hints:
            placed = place_hints(hints, width=width, height=height)
            self.hinted = (hints, self.prediction.spreader.shares(placed))
        return self.hinted[1]


class Editor:
    """A photograph on which the network runs once, and that can then be coloured again and again.

        with Editor("grandmother.jpg") as editor:
            rgb = editor.preview()                                     # (h, w, 3) uint8, as `tinct colorize` would
            red = Hint(points=((25.0, 60.0),), color=(176, 48, 32), unit="percent")
            rgb = editor.preview([red], temperature=0.6)               # within a tenth of a second
            editor.save("out.jpg", hints=[red], temperature=0.6)       # full size, streamed, with its metadata

    The network runs in the constructor, and later only for references that were not tried before. Several threads may
    use one editor; they wait for each other.

    Attributes:
        colorizer: the model and the defaults for temperature and caution.
        prediction: the network's answer, with the colorizer's own references.
        source: the file, or a file's bytes.
        width, height: of the upright picture in pixels, to which pixels of hints refer.
        remarks: what a person should know, such as pages left out.
    """

    def __init__(
        self,
        picture: str | Path | bytes | NDArray[Any],
        *,
        colorizer: Colorizer | None = None,
        preview: int = 1024,
        recolor: bool = False,
    ) -> None:
        """Open a picture and run the network.

        Args:
            picture: a file, a file's bytes, or an array as `Colorizer` takes.
            colorizer: model and settings, which several editors may share; by default as `Colorizer()`.
            preview: longest edge of previews in pixels, 64..4096; smaller pictures are not enlarged.
            recolor: take pictures that have colours already; their colours are not used.

        Raises:
            SettingError: `preview` is out of range.
            AlreadyColorError: the picture has colours, and `recolor` is not set.
            InputError: it cannot be read.
        """
        if not 64 <= preview <= 4096:
            raise SettingError(f"the preview's longest edge must lie in 64..4096 pixels, not {preview}")
        self.colorizer = colorizer or Colorizer()
        source = arrays.encoded(picture) if isinstance(picture, np.ndarray) else picture
        self._opened = open_picture(source, negative=self.colorizer.decoding.negative)
        self.source = self._opened.source
        self.width, self.height = self._opened.width, self._opened.height
        self.prediction = self.colorizer.look(self.source, recolor=recolor)
        self._before = arrays.shown(self._opened, longest=preview)
        self._luma = arrays.luma_of(self._before)
        watch = Watch(self._luma.shape[1], len(self._luma))
        watch.see(self._luma, 0)
        self.remarks = (*self._opened.remarks, *self.prediction.told, *watch.remarks)
        self._lock = threading.RLock()
        self._recolor = recolor
        self._looks = OrderedDict({self.colorizer.decoding.references: _Look(self.colorizer, self.prediction)})
        # Made here so that the first hint is as fast as later ones.
        self.prediction.spreader  # noqa: B018

    def preview(
        self,
        hints: Sequence[Hint] = (),
        *,
        temperature: float | None = None,
        caution: float | None = None,
        saturation: float | None = None,
        reading: int = 0,
        references: Sequence[str | Path] | None = None,
    ) -> NDArray[np.uint8]:
        """Return the picture coloured small, (h, w, 3) sRGB; the network runs only for references not tried before.

        Args:
            hints: what is known of its colours; pixels refer to the full-size picture.
            temperature: of decoding, above 0; by default the colorizer's.
            caution: of decoding, 0..4; by default the colorizer's.
            saturation: of the result, 0..4; by default the colorizer's.
            reading: 0 for the usual colours, or the number of another one of `readings`, from 1.
            references: colour pictures to take colours from; by default the colorizer's.

        Raises:
            InputError: a hint lies outside the picture, or a reference has no colours.
            SettingError: a setting is out of range, the model does not have it, or there is no such reading.
        """
        with self._lock:
            look = self._look(references)
            guide = look.guide(temperature, caution, reading)
            if hints:
                shares = look.shares(tuple(hints), width=self.width, height=self.height)
                guide = look.prediction.spreader.added(guide, shares)
        guide = guide.stronger(_changed(self.colorizer, saturation=saturation).saturation)
        height = len(self._luma)
        colors = color_rows(self._luma, guide, top=0, height=height, dtype=np.uint8)
        places = self.prediction.places
        return framed(colors, self._before * 255, places, top=0, height=height) if places else colors

    def notices(self, hints: Sequence[Hint]) -> tuple[str, ...]:
        """Return what a person should know about hints, such as that the picture is too bright for their colours.

        Raises:
            InputError: a hint lies outside the picture.
        """
        if not hints:
            return ()
        with self._lock:
            placed = place_hints(hints, width=self.width, height=self.height)
            return self.prediction.chosen(hints=placed).remarks

    def pale(self, hints: Sequence[Hint]) -> tuple[int, ...]:
        """Return the numbers, from 0, of hints at places too bright for their colour, unless they darken them.

        Raises:
            InputError: a hint lies outside the picture.
        """
        if not hints:
            return ()
        with self._lock:
            return self.prediction.spreader.pale(place_hints(hints, width=self.width, height=self.height))

    def taken(self, references: Sequence[str | Path] | None = None) -> list[Taken]:
        """Return what is taken from each reference, and from where; by default for the colorizer's references.

        Raises:
            InputError: a reference cannot be read, or has no colours.
            SettingError: the model cannot compare pictures.
        """
        with self._lock:
            look = self._look(references)
            if look.taken is None:
                look.taken = look.seen_in_references()
            return look.taken

    def grey(self) -> NDArray[np.uint8]:
        """Return the picture as it was, without colour, (h, w, 3) sRGB at the previews' size."""
        return arrays.grey_levels(self._luma)

    def confidence(self) -> tuple[FloatArray, FloatArray] | None:
        """Return how sure the network is; see `Prediction.confidence`."""
        return self.prediction.confidence

    def readings(self, references: Sequence[str | Path] | None = None) -> list[Reading]:
        """Return other colourings that the network finds plausible, far from the usual one and from each other.

        There are five at most, and none if the network is sure; see `tinct.coloring.photo.readings`.

        Raises:
            SettingError: the model has no bins.
        """
        with self._lock:
            return self._look(references).others()

    def suggest(self, count: int = 5, *, hints: Sequence[Hint] = ()) -> list[Suggestion]:
        """Return the points where a hint would help most, in pixels of the full-size picture; see `suggest_hints`.

        Raises:
            SettingError: `count` is out of range, or the model has no bins.
            InputError: a hint lies outside the picture.
        """
        with self._lock:
            size = {"width": self.width, "height": self.height}
            placed = place_hints(hints, **size) if hints else None
            return suggest_hints(self.prediction, **size, count=count, hints=placed)

    def save(
        self,
        target: str | Path,
        *,
        hints: Sequence[Hint] = (),
        overwrite: bool = False,
        temperature: float | None = None,
        caution: float | None = None,
        saturation: float | None = None,
        reading: int = 0,
        references: Sequence[str | Path] | None = None,
    ) -> PhotoResult:
        """Write the picture at full size; arguments, result and errors are those of `preview` and `Colorizer.photo`."""
        colorizer, prediction = self._chosen(references, reading, temperature, caution, saturation)
        return colorizer.photo(self.source, target, overwrite=overwrite, hints=hints, prediction=prediction)

    def encoded(
        self,
        *,
        suffix: str | None = None,
        hints: Sequence[Hint] = (),
        temperature: float | None = None,
        caution: float | None = None,
        saturation: float | None = None,
        reading: int = 0,
        references: Sequence[str | Path] | None = None,
    ) -> tuple[bytes, PhotoResult]:
        """Return the full-size result as a file's bytes; arguments and errors are those of `Colorizer.encoded`."""
        colorizer, prediction = self._chosen(references, reading, temperature, caution, saturation)
        return colorizer.encoded(self.source, suffix=suffix, hints=hints, prediction=prediction)

    def close(self) -> None:
        """Free the memory that previews need; `save` still works."""
        with self._lock:
            own = _Look(self.colorizer, self.prediction)
            for look in self._looks.values():
                look.prediction.forget()
            self._looks = OrderedDict({self.colorizer.decoding.references: own})

    def __enter__(self) -> Editor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _look(self, references: Sequence[str | Path] | None) -> _Look:
        """Return the network's answer with these references; recent answers are kept."""
        key = tuple(map(str, self.colorizer.decoding.references if references is None else references))
        if key not in self._looks:
            colorizer = self.colorizer.changed(references=key)
            self._looks[key] = _Look(colorizer, colorizer.look(self.source, recolor=self._recolor))
            own = self.colorizer.decoding.references
            if len(self._looks) > _KEPT_LOOKS:
                oldest = next(other for other in self._looks if other not in (own, key))
                self._looks.pop(oldest).prediction.forget()
        self._looks.move_to_end(key)
        return self._looks[key]

    def _chosen(
        self,
        references: Sequence[str | Path] | None,
        reading: int,
        temperature: float | None,
        caution: float | None,
        saturation: float | None,
    ) -> tuple[Colorizer, Prediction]:
        """Return the colorizer that writes the picture, and the prediction it uses."""
        with self._lock:
            look = self._look(references)
            return _changed(look.colorizer, temperature, caution, saturation), look.read(reading)


def _changed(
    colorizer: Colorizer,
    temperature: float | None = None,
    caution: float | None = None,
    saturation: float | None = None,
) -> Colorizer:
    strength = colorizer.saturation if saturation is None else saturation
    return colorizer.changed(temperature=temperature, caution=caution, saturation=strength)

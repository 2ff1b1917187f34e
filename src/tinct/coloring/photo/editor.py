"""One picture to try things on: the network runs once, and every further hint or temperature shows at once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.places import framed
from tinct.color.spaces import FloatArray
from tinct.color.upsample import ChromaGuide, color_rows
from tinct.coloring.hints.hint import Hint
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

# Guides kept for temperatures and cautions tried before; a slider goes to and fro. Each is about 6 MB.
_KEPT_GUIDES = 4


class Editor:
    """A photograph that was looked at once, to be coloured as often as one likes.

        with Editor("grandmother.jpg") as editor:
            rgb = editor.preview()                                     # (h, w, 3) uint8, as `tinct colorize` would
            red = Hint(points=((25.0, 60.0),), color=(176, 48, 32), unit="percent")
            rgb = editor.preview([red], temperature=0.6)               # within a tenth of a second
            editor.save("out.jpg", hints=[red], temperature=0.6)       # full size, streamed, with its metadata

    The network does not run again after the constructor. Several threads may use one; they wait for each other.

    Attributes:
        colorizer: what made the prediction, and its defaults for temperature and caution.
        prediction: the network's answer.
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
            colorizer: model and settings, which several editors may share; the default model without it.
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
        self._guides: dict[tuple[float | None, float | None, int], ChromaGuide] = {}
        self._readings: list[Reading] | None = None
        self._hinted: tuple[tuple[Hint, ...], Spread] | None = None
        # Ready before the first hint comes, which then is as fast as those after it.
        self.prediction.spreader  # noqa: B018

    def preview(
        self,
        hints: Sequence[Hint] = (),
        *,
        temperature: float | None = None,
        caution: float | None = None,
        saturation: float | None = None,
        reading: int = 0,
    ) -> NDArray[np.uint8]:
        """Return the picture coloured small, (h, w, 3) sRGB; the network does not run.

        Args:
            hints: what is known of its colours; pixels refer to the full-size picture.
            temperature: of decoding, above 0; the colorizer's without it.
            caution: of decoding, 0..4; the colorizer's without it.
            saturation: of the result, 0..4; the colorizer's without it.
            reading: 0 for the usual colours, or the number of another one of `readings`, from 1.

        Raises:
            InputError: a hint lies outside the picture.
            SettingError: a setting is out of range, the model has none such, or there is no such reading.
        """
        with self._lock:
            guide = self._guide(temperature, caution, reading)
            if hints:
                guide = self.prediction.spreader.added(guide, self._shares(tuple(hints)))
        guide = guide.stronger(self._changed(saturation=saturation).saturation)
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

    def grey(self) -> NDArray[np.uint8]:
        """Return the picture as it was, without colour, (h, w, 3) sRGB at the previews' size."""
        return arrays.grey_levels(self._luma)

    def confidence(self) -> tuple[FloatArray, FloatArray] | None:
        """Return how sure the network is; see `Prediction.confidence`."""
        return self.prediction.confidence

    def readings(self) -> list[Reading]:
        """Return other colourings that the network finds plausible, far from the usual one and from each other.

        There are five at most, and none where the network is sure; see `tinct.coloring.photo.readings`.

        Raises:
            SettingError: the model has no bins.
        """
        with self._lock:
            if self._readings is None:
                self._readings = other_readings(self.prediction)
            return self._readings

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
    ) -> PhotoResult:
        """Write the picture at full size; arguments, result and errors are those of `preview` and `Colorizer.photo`."""
        colorizer = self._changed(temperature, caution, saturation)
        return colorizer.photo(self.source, target, overwrite=overwrite, hints=hints, prediction=self._read(reading))

    def encoded(
        self,
        *,
        suffix: str | None = None,
        hints: Sequence[Hint] = (),
        temperature: float | None = None,
        caution: float | None = None,
        saturation: float | None = None,
        reading: int = 0,
    ) -> tuple[bytes, PhotoResult]:
        """Return the full-size result as a file's bytes; arguments and errors are those of `Colorizer.encoded`."""
        colorizer = self._changed(temperature, caution, saturation)
        return colorizer.encoded(self.source, suffix=suffix, hints=hints, prediction=self._read(reading))

    def close(self) -> None:
        """Free the memory that previews need; `save` still works."""
        with self._lock:
            self._guides.clear()
            self._readings = None
            self._hinted = None
            self.prediction.forget()

    def __enter__(self) -> Editor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _changed(
        self, temperature: float | None = None, caution: float | None = None, saturation: float | None = None
    ) -> Colorizer:
        strength = self.colorizer.saturation if saturation is None else saturation
        return self.colorizer.changed(temperature=temperature, caution=caution, saturation=strength)

    def _read(self, reading: int) -> Prediction:
        """Return the answer that gives a reading's colours; 0 is the usual one."""
        if reading == 0:
            return self.prediction
        others = self.readings()
        if not 1 <= reading <= len(others):
            raise SettingError(f"this picture has readings 0..{len(others)}, not {reading}")
        return others[reading - 1].prediction

    def _guide(self, temperature: float | None, caution: float | None, reading: int) -> ChromaGuide:
        """Return what colours the picture, without hints and as strong as it comes."""
        key = (temperature, caution, reading)
        if key not in self._guides:
            chosen = self._read(reading).chosen(temperature=temperature, caution=caution, saturation=1.0)
            guide = chosen.guide()
            if len(self._guides) >= _KEPT_GUIDES:
                del self._guides[next(iter(self._guides))]
            self._guides[key] = guide
        return self._guides[key]

    def _shares(self, hints: tuple[Hint, ...]) -> Spread:
        """Return the shares of hints, kept for the next call with the same ones."""
        if self._hinted is None or self._hinted[0] != hints:
            placed = place_hints(hints, width=self.width, height=self.height)
            self._hinted = (hints, self.prediction.spreader.shares(placed))
        return self._hinted[1]

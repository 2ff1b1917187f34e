"""Colorize one photograph: a file, bytes, a PIL image or an array in, the same kind out.

The network sees a small copy; its answer is turned into a few smooth planes (`Prediction.guide`), and the picture
itself is streamed once more and coloured row by row, its luma untouched.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from tinct.color.decoding import CAUTIOUS
from tinct.color.denoise import denoised
from tinct.color.resize import shrunk, small_size
from tinct.color.spaces import FloatArray, rgb_to_lab
from tinct.color.tonal_range import Tones, normal_tones
from tinct.coloring.hints.hint import Hint, as_hints
from tinct.coloring.hints.mask import Mask, greyed, read_mask
from tinct.coloring.hints.reference import Reference, consulting, read_references
from tinct.coloring.hints.spreading import place_hints
from tinct.coloring.hints.things_by_network import look_for_things
from tinct.coloring.photo import arrays
from tinct.coloring.photo.explain import Stage, Trace, stages_of
from tinct.coloring.photo.negative import looks_negative
from tinct.coloring.photo.prediction import Prediction, anchored, averaged, native_luma
from tinct.coloring.photo.result import PhotoResult, numbered, parts_of
from tinct.coloring.photo.scan import Scan, look_at, predict_each
from tinct.coloring.settings import Decoding, Options
from tinct.errors import InputError, SettingError
from tinct.media.image import formats
from tinct.media.image.picture import Picture, check_target, open_picture
from tinct.parallel import core_count
from tinct.runtime import DEFAULT_MODEL
from tinct.runtime.session import Session

# sqrt(height x width) at which chroma is fitted to luma; larger than the network's size, for sharper edges.
GUIDE_SIZE = 640
# More threads than this gain nothing: decoding and encoding have one thread each.
_MOST_THREADS = 8


class Colorizer:
    """A model and settings, ready to colour pictures. Several threads may use one at once.

    Attributes:
        session: the running model; `session.card` describes it.
        decoding: the settings asked for.
        used: the settings, with the model's own in place of None.
        kept: where pictures keep their own colours; None for nowhere.
        references: the references, as read from their files.
        temperature, caution, saturation, size, views: as in `used`; numbers, never None.
    """

    def __init__(self, model: str | Path | Decoding = DEFAULT_MODEL, **options: Unpack[Options]) -> None:
        """Open a model.

        Args:
            model: the name of a model that comes with tinct, or the path of a model file; or all settings at once.
            options: the other fields of `tinct.coloring.settings.Decoding`: `runtime`, `temperature`, `caution`,
                `cautious`, `saturation`, `size`, `views`, `denoise`, `tones`, `frames`, `negative`, `references` and
                `threads`.

        Raises:
            SettingError: an option is out of range, or the model does not have it.
            ModelError: there is no such model, or the file cannot be used.
            MissingExtraError: OpenVINO was asked for and is not installed.
        """
        decoding = model.changed(**options) if isinstance(model, Decoding) else Decoding(model=model, **options)
        self.session = Session(decoding.model, runtime=decoding.runtime, threads=decoding.threads)
        self.decoding = Decoding()
        self.kept: Mask | None = None
        self.references: tuple[Reference, ...] = ()
        self._settle(decoding)

    def changed(self, **options: Unpack[Options]) -> Colorizer:
        """Return a colorizer with other settings and the same network; None leaves a setting as it is.

        Raises:
            SettingError: an option is out of range, or the model does not have it.
        """
        other = copy.copy(self)
        other._settle(self.decoding.changed(**options))
        return other

    def _settle(self, decoding: Decoding) -> None:
        """Take settings, with the model's own in place of None."""
        card = self.session.card
        care = decoding.caution is not None or decoding.cautious
        for option, given in (("temperature", decoding.temperature is not None), ("caution", care)):
            if given and self.session.bins is None:
                without = f"the model {card.name} predicts chroma directly and has no {option}"
                raise SettingError(f"{without}; leave the option out")
        caution = card.caution if decoding.caution is None else float(decoding.caution)
        if decoding.references != self.decoding.references:
            self.references = read_references(decoding.references, self.session, size=card.working_size)
        if decoding.keep != self.decoding.keep:
            self.kept = None if decoding.keep_mask is None else read_mask(decoding.keep_mask)
        self.decoding = decoding
        self.temperature = card.temperature if decoding.temperature is None else float(decoding.temperature)
        self.caution = max(CAUTIOUS, caution) if decoding.cautious else caution
        self.saturation = float(decoding.saturation)
        self.size = decoding.size or card.working_size
        self.views = decoding.views or card.views
        self.used = replace(decoding, model=card.name).changed(
            runtime=self.session.runtime,
            temperature=self.temperature,
            caution=self.caution,
            size=self.size,
            views=self.views,
        )
        self._threads = min(decoding.threads or core_count(), _MOST_THREADS)

    def __call__(
        self,
        picture: Any,
        target: str | Path | None = None,
        *,
        hints: Any = (),
        recolor: bool = False,
        overwrite: bool = False,
    ) -> Any:
        """Colour a picture; the result is of the same kind.

        Args:
            picture: the path of a file; a file's bytes; a PIL image; or an array as `array` takes it.
            target: the file to write, only for a file or its bytes; its path is then returned.
            hints: what is known of its colours: texts such as "25%,60%=#b03020", `tinct.Hint`s, or the path of a file
                of hints.
            recolor: colour pictures that have colours already.
            overwrite: replace an existing result; for paths.

        Returns:
            The path of NAME_color.EXT beside the file, bytes, a PIL image (RGB or RGBA) or an array of the same type.

        Raises:
            InputError: the picture cannot be used; AlreadyColorError if it has colours.
            OutputError: the result cannot be written.
        """
        known = as_hints(hints)
        if target is not None:
            if not isinstance(picture, bytes | str | Path):
                raise InputError(
                    "a target is for files and bytes only; save the array or PIL image that is returned yourself"
                )
            return self.photo(picture, target, hints=known, recolor=recolor, overwrite=overwrite).target
        if isinstance(picture, bytes):
            return self.encoded(picture, hints=known, recolor=recolor)[0]
        if isinstance(picture, str | Path):
            return self.photo(picture, hints=known, recolor=recolor, overwrite=overwrite).target
        if isinstance(picture, np.ndarray):
            return self.array(picture, hints=known, recolor=recolor)
        if arrays.is_pil(picture):
            return arrays.to_pil(self.array(arrays.from_pil(picture), hints=known, recolor=recolor), picture)
        raise InputError(f"a picture must be a path, bytes, PIL image or NumPy array, not {type(picture).__name__}")

    def photo(
        self,
        source: str | Path | bytes,
        target: str | Path | None = None,
        *,
        recolor: bool = False,
        overwrite: bool = False,
        confidence: bool = False,
        hints: Sequence[Hint] = (),
        prediction: Prediction | None = None,
        page: int | None = None,
        crop: bool = False,
        strict: bool = False,
        **options: Unpack[Options],
    ) -> PhotoResult:
        """Colour a file of any size; memory use does not grow with it.

        Args:
            source: the picture, or a file's bytes.
            target: the file to write, in the format of its suffix; by default NAME_color.EXT beside the source.
            recolor: colour it even if it has colours already.
            overwrite: replace an existing target.
            confidence: return confidence maps with the result.
            hints: what is known of its colours.
            prediction: that of `look` or of an earlier result for the same picture; the network does not run again.
            page: which page of a TIFF file, from 0; by default the first.
            crop: write each photograph of a scan by itself: the first to the target, others to NAME_2.EXT and so on.
            strict: refuse a damaged picture, instead of colouring what can be read of it and saying so.
            options: settings for this picture instead of the colorizer's, such as `temperature` or `caution`.

        Raises:
            AlreadyColorError: it has colours, and `recolor` is not set.
            InputError: it cannot be read, or a hint lies outside it.
            OutputError: the target cannot be written; nothing is left behind.
            SettingError: an option is out of range, or the model does not have it.
        """
        started = time.perf_counter()
        chosen = self.changed(**options)
        opened = open_picture(source, page=page, negative=chosen.decoding.negative, strict=strict)
        place = Path(target) if target is not None else opened.default_target()
        check_target(place, opened.source, overwrite=overwrite)
        form = formats.format_of(place)
        trace = chosen._trace(opened, recolor=recolor, hints=hints, prediction=prediction)
        parts = parts_of(trace, form, crop=crop)
        targets = numbered(place, len(parts))
        for path in targets[1:]:
            check_target(path, opened.source, overwrite=overwrite)
        for part, path in zip(parts, targets, strict=True):
            part.picture.write(part.rows, path, settings=trace.note(), threads=self._threads)
        result = chosen._result(trace, form, place, confidence=confidence, started=started)
        return result if not crop else result.cropped(parts, targets)

    def encoded(
        self,
        source: str | Path | bytes,
        *,
        suffix: str | None = None,
        recolor: bool = False,
        hints: Sequence[Hint] = (),
        prediction: Prediction | None = None,
        crop: bool = False,
        strict: bool = False,
        **options: Unpack[Options],
    ) -> tuple[bytes, PhotoResult]:
        """Colour a file; return the result as a file's bytes and a `PhotoResult`. Arguments and errors as for `photo`.

        `suffix` chooses the result's format, such as `.png`; by default the source's, or PNG if that is not writable.
        """
        started = time.perf_counter()
        chosen = self.changed(**options)
        opened = open_picture(source, negative=chosen.decoding.negative, strict=strict)
        own = opened.source.suffix if isinstance(opened.source, Path) else ""
        ending = suffix or formats.suffix_for(opened.loader, own)
        form = formats.format_of(f"result{ending}")
        trace = chosen._trace(opened, recolor=recolor, hints=hints, prediction=prediction)
        parts = parts_of(trace, form, crop=crop)
        if len(parts) > 1:
            raise InputError(f"{opened.name}: it holds {len(parts)} photographs; write them to files, or do not crop")
        data = parts[0].picture.encode(parts[0].rows, ending, settings=trace.note(), threads=self._threads)
        result = chosen._result(trace, form, None, confidence=False, started=started)
        return data, result if not crop else result.cropped(parts, [])

    def array(
        self,
        picture: NDArray[Any],
        *,
        recolor: bool = False,
        hints: Sequence[Hint] = (),
        **options: Unpack[Options],
    ) -> NDArray[Any]:
        """Colour an array: (H, W) grey or (H, W, 3) sRGB, one channel more with alpha, uint8, uint16 or floats in 0..1.

        The other arguments are those of `photo`.

        Returns:
            (H, W, 3), or (H, W, 4) with alpha, of the same type; its BT.601 luma is the picture's.

        Raises:
            AlreadyColorError: it has colours, and `recolor` is not set.
            InputError: the array's shape, type or range is wrong, or a hint lies outside it.
        """
        chosen = self.changed(**options)
        pixels, alpha = arrays.unit_pixels(picture)
        if chosen.decoding.negative:
            pixels = arrays.inverted(pixels)
        height, width = pixels.shape[:2]
        small = arrays.small_copy(pixels, small_size(height, width, size=chosen.guide_size))
        small = greyed(small, chosen.kept, width=width, height=height)
        scan = chosen._look_at(small, recolor=recolor, name="the picture", inverted=chosen.decoding.negative)
        placed = place_hints(hints, width=width, height=height) if hints else None
        guide = predict_each(chosen.predict, small, scan).chosen(hints=placed).guide()
        return arrays.colored(pixels, alpha, guide, places=scan.chosen, kept=chosen.kept, threads=self._threads)

    def explain(
        self, source: str | Path | bytes, *, recolor: bool = False, hints: Sequence[Hint] = (), page: int | None = None
    ) -> tuple[Stage, ...]:
        """Return what is decided at each stage for a picture, in order, without writing; errors as for `photo`."""
        opened = open_picture(source, page=page, negative=self.decoding.negative)
        return stages_of(self._trace(opened, recolor=recolor, hints=hints))

    def look(self, source: str | Path | bytes, *, recolor: bool = False, page: int | None = None) -> Prediction:
        """Run the network on a file, without writing anything; errors as for `photo`."""
        return self._seen(open_picture(source, page=page, negative=self.decoding.negative), recolor=recolor)[2]

    def predict(self, luma: NDArray[Any], *, rgb: NDArray[Any] | None = None) -> Prediction:
        """Run the network on luma.

        Args:
            luma: (H, W) BT.601 luma in 0..1, of any size; it is shrunk to the working size.
            rgb: (H, W, 3) sRGB in 0..1 of the same picture: a network that works in Lab then sees its lightness
                instead of that of the grey picture. Others do not need it.

        Raises:
            InputError: the array's shape or type is wrong.
        """
        if luma.ndim != 2 or 0 in luma.shape or not np.issubdtype(luma.dtype, np.floating):
            raise InputError(f"luma must be floats in 0..1 of the shape (H, W), not {luma.dtype} {luma.shape}")
        values = np.ascontiguousarray(luma, dtype=np.float32)
        guide_luma = shrunk(values, self.guide_size)
        space = self.session.card.space
        lightness = rgb is not None and space == "lab"
        if rgb is not None and lightness:
            values = rgb_to_lab(shrunk(rgb, self.guide_size))[..., 0] / np.float32(100)
        noise: list[float] = []
        tones = normal_tones(values) if self.decoding.tones == "auto" else Tones()
        denoise = self.decoding.denoise

        def look(size: int) -> FloatArray:
            small = tones.applied(shrunk(values, size))
            seen = small if lightness else native_luma(small, space=space)
            # The strength asked for is that of the picture's grain, and more contrast makes grain stronger.
            asked = denoise if isinstance(denoise, str) else denoise * tones.gain
            clean, strength = denoised(seen, denoise=asked, still=True)
            noise.append(strength)
            return clean

        run = self.asking()
        batch = self.session.run_batch if run == self.session.run else None
        output, seen = averaged(run, look, size=self.size, views=self.views, run_batch=batch)
        return Prediction(
            output=output,
            luma=guide_luma,
            network_luma=seen,
            space=space,
            bins=self.session.bins,
            temperature=self.temperature,
            caution=self.caution,
            saturation=self.saturation,
            denoised=noise[0],
            calibration=self.session.card.calibration,
            tones=tones,
            sight=lambda luma: look_for_things(self.session, native_luma(luma, space=space)),
        )

    def asking(self, numbers: Sequence[int] | None = None) -> Callable[[FloatArray], FloatArray]:
        """Return the network as a function from (h, w) luma in 0..1 to (k, l, n).

        It consults the references of these numbers, or all.
        """
        own = self.session.card.working_size
        asked = self.references if numbers is None else [self.references[number] for number in numbers]
        run = consulting(self.session, asked) if asked else self.session.run
        return run if self.size <= own else anchored(run, size=own)

    @property
    def guide_size(self) -> int:
        """Return sqrt(height x width) at which chroma is fitted to luma."""
        return max(GUIDE_SIZE, self.size)

    def _trace(
        self, opened: Picture, *, recolor: bool, hints: Sequence[Hint], prediction: Prediction | None = None
    ) -> Trace:
        """Take a picture through all stages except writing, with an earlier prediction or the network's answer."""
        placed = place_hints(hints, width=opened.width, height=opened.height) if hints else None
        small, scan = None, None
        if prediction is None:
            small, scan, prediction = self._seen(opened, recolor=recolor)
        decoded = {} if prediction.bins is None else {"temperature": self.temperature, "caution": self.caution}
        answer = prediction.chosen(hints=placed, saturation=self.saturation, **decoded)
        return Trace(self.decoding, self.used, opened, small, scan, answer, answer.guide(), self.kept)

    def _seen(self, opened: Picture, *, recolor: bool) -> tuple[FloatArray, Scan, Prediction]:
        size = {"width": opened.width, "height": opened.height}
        small = greyed(opened.small(size=self.guide_size), self.kept, **size)
        scan = self._look_at(small, recolor=recolor, name=opened.name, inverted=opened.negative)
        closer = scan.size(self.guide_size)
        if closer > self.guide_size:
            small = greyed(opened.small(size=closer), self.kept, **size)
        return small, scan, predict_each(self.predict, small, scan)

    def _look_at(self, small: FloatArray, *, recolor: bool, name: str, inverted: bool) -> Scan:
        frames, negative = self.decoding.frames, partial(looks_negative, self.session)
        return look_at(small, frames=frames, recolor=recolor, name=name, inverted=inverted, looks_negative=negative)

    def _result(
        self, trace: Trace, form: formats.Format, target: Path | None, *, confidence: bool, started: float
    ) -> PhotoResult:
        opened, answer = trace.picture, trace.prediction
        return PhotoResult(
            source=opened.source if isinstance(opened.source, Path) else None,
            target=target,
            width=opened.width,
            height=opened.height,
            seconds=time.perf_counter() - started,
            model=self.session.card.name,
            temperature=None if answer.bins is None else answer.temperature,
            status="colorized",
            remarks=(*opened.remarks, *opened.losses(form), *trace.told, *answer.remarks),
            confidence=answer.confidence if confidence else None,
            trace=trace,
        )

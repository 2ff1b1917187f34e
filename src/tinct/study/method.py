"""Ways to colorize, and how pictures are measured with each of them, in this process or in several."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinct.actors import Processes
from tinct.color.spaces import RGB_TO_YUV
from tinct.data.pictures import Picture
from tinct.errors import InputError, SettingError
from tinct.parallel import core_count, ordered_map
from tinct.study.backbone import Judge
from tinct.study.metrics import Comparison, Truth, compare

Pixels = NDArray[np.uint8]
LONGEST = 1024  # pixels: the longer edge of larger pictures is reduced to this before they are measured


@dataclass(frozen=True)
class Method:
    """A way to colorize.

    Attributes:
        name: in the results.
        colorize: luma (H, W) uint8 -> sRGB (H, W, 3) uint8.
        kind: `model` or `baseline`.
    """

    name: str
    colorize: Callable[[Pixels], Pixels]
    kind: str = "model"


@dataclass(frozen=True)
class MeasuredPicture:
    """One picture measured with every method.

    Attributes:
        picture: that was measured.
        comparisons: one for each method; empty if it could not be measured.
        near_grey: whether the true picture has almost no colour.
        reason: why it could not be measured; empty if it could.
    """

    picture: Picture
    comparisons: list[Comparison]
    near_grey: bool = False
    reason: str = ""


# A picture on its way: with its truth and luma, with its truth and the colorized pictures, or given up with a reason.
_Loaded = tuple[Picture, Truth, Pixels] | MeasuredPicture
_Colorized = tuple[Picture, Truth, list[Pixels]] | MeasuredPicture


@dataclass(frozen=True, eq=False)
class Measurer:
    """Measures pictures with some methods.

    Attributes:
        methods: the ways to colorize.
        longest: pixels; the longer edge of larger pictures is reduced to this first.
        judge: measures the metrics of `tinct.study.backbone` too; None: they are not measured.
    """

    methods: Sequence[Method]
    longest: int = LONGEST
    judge: Judge | None = None

    def __call__(self, picture: Picture) -> MeasuredPicture:
        """Read, colorize and measure one picture."""
        return self._compared(self._colorized(self._loaded(picture)))

    def rows(self, pictures: Sequence[Picture]) -> Generator[MeasuredPicture, None, None]:
        """Measure pictures, in their order; the models colorize one at a time while others are read and measured."""
        loaded = ordered_map(self._loaded, pictures, threads=1, ahead=2 * core_count())
        yield from ordered_map(self._compared, map(self._colorized, loaded))

    def _loaded(self, picture: Picture) -> _Loaded:
        try:
            rgb = picture.read(longest=self.longest)
            return picture, Truth.of(rgb), grey_of(rgb)
        except InputError as error:
            return MeasuredPicture(picture, [], reason=str(error))

    def _colorized(self, loaded: _Loaded) -> _Colorized:
        if isinstance(loaded, MeasuredPicture):
            return loaded
        picture, truth, luma = loaded
        try:
            return picture, truth, [method.colorize(luma) for method in self.methods]
        except InputError as error:
            return MeasuredPicture(picture, [], reason=str(error))

    def _compared(self, colorized: _Colorized) -> MeasuredPicture:
        if isinstance(colorized, MeasuredPicture):
            return colorized
        picture, truth, results = colorized
        comparisons = [compare(truth, result) for result in results]
        if self.judge is not None:
            comparisons = [
                replace(comparison, values={**comparison.values, **judged})
                for comparison, judged in zip(comparisons, self.judge.compare(truth.rgb, results), strict=True)
            ]
        return MeasuredPicture(picture, comparisons, truth.near_grey)


def measure(
    pictures: Sequence[Picture],
    measurer: Measurer,
    *,
    processes: Processes | None = None,
    make: Callable[[], Measurer] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[MeasuredPicture]:
    """Read, colorize and measure pictures, in this process or in several; return a result for each, in their order.

    Args:
        pictures: to measure on.
        measurer: used in this process.
        processes: worker processes that measure instead, each one picture at a time, with the same figures.
        make: makes the measurer of a worker process; it is pickled.
        progress: called with (done, total) after each picture.

    Raises:
        SettingError: a method cannot be sent to another process.
        TinctError: a process of this machine died.
    """
    rows: Iterator[MeasuredPicture]
    if processes is None or make is None:
        rows = measurer.rows(pictures)
    else:
        _check_sent(make)
        rows = processes.map(make, pictures, lost=_lost)
    measured = []
    with closing(rows):
        for row in rows:
            measured.append(row)
            if progress:
                progress(len(measured), len(pictures))
    return measured


def _check_sent(make: Callable[[], Measurer]) -> None:
    try:
        pickle.dumps(make)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise SettingError(
            f"a method cannot be sent to another process ({error}); measure in one process, or let the method colorize "
            "by a function at the top of a module"
        ) from error


def _lost(picture: Picture) -> MeasuredPicture:
    return MeasuredPicture(picture, [], reason="every worker that took it died; give them more memory")


def grey_of(rgb: Pixels) -> Pixels:
    """Return the BT.601 luma (H, W) uint8 of a picture (H, W, 3) sRGB uint8, which a colorizer gets."""
    luma: Pixels = np.rint(rgb.astype(np.float32) @ RGB_TO_YUV[0]).astype(np.uint8)
    return luma

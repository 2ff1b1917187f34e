"""Recognise pictures by their colours, from a model file, without PyTorch."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinct.actors import Processes
from tinct.color.features import ArrayFeatures
from tinct.color.inputs import ARRAY
from tinct.color.resize import resized
from tinct.color.spaces import FloatArray
from tinct.color.statistics import as_unit_rgb
from tinct.errors import InputError, UnreadableError
from tinct.files import check_target, walk, written_beside
from tinct.media.image.formats import PICTURE_SUFFIXES
from tinct.media.image.small import read_pixels, read_small, reduce_small
from tinct.parallel import core_count, ordered_map
from tinct.runtime.classifier import ClassifierCard, ClassifierSession

BATCH = 32  # pictures in one run of the network
READERS = min(4, os.cpu_count() or 1)  # threads that read files
T = TypeVar("T")


@dataclass(frozen=True)
class Prediction:
    """The classes that a model gives to one picture.

    Attributes:
        label: the likeliest class.
        probability: of that class, calibrated, 0..1.
        probabilities: of every class, in the order of the model's classes.
    """

    label: str
    probability: float
    probabilities: dict[str, float]


@dataclass(frozen=True)
class Recognized:
    """One file: its prediction, or why there is none."""

    path: Path
    prediction: Prediction | None
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        if self.prediction is None:
            return {"path": str(self.path), "error": self.message}
        return {"path": str(self.path), **vars(self.prediction)}


class Classifier:
    """A model that `tinct classify train` wrote, ready to recognise pictures.

    Takes a path, a PIL image, or an array: (H, W, 3), (H, W, 4) or (H, W) sRGB as uint8, uint16 or floats in 0..1; for
    models of arrays, a .npy path or (H, W) or (H, W, channels) numbers. Any size is resized to the model's, and
    transparent parts become white. Several threads may use one at once.

    Attributes:
        path: the model file.
        card: the model's description.
        classes: the names of the classes.
    """

    def __init__(self, model: str | Path, *, threads: int | None = None) -> None:
        """Open a model file; `threads` of one run are by default one a core.

        Raises:
            ModelError: there is no such file, it is damaged, or it is not a classifier of tinct's.
        """
        self._session = ClassifierSession(model, threads=threads)
        self.path = self._session.path
        self.card: ClassifierCard = self._session.card
        self.classes: tuple[str, ...] = tuple(self.card.classes)

    def __repr__(self) -> str:
        return f"Classifier({str(self.path)!r}, classes={self.classes!r})"

    def __call__(self, picture: Any) -> Prediction:
        """Recognise one picture, as `predict`."""
        return self.predict(picture)

    def predict(self, picture: Any) -> Prediction:
        """Recognise one picture: a path, PIL image or array, as the class says.

        Raises:
            UnreadableError: the file is missing or damaged.
            InputError: the array's shape, type or range is wrong.
            ModelError: the model failed.
        """
        return self._named(self.probabilities([picture])[0])

    def probabilities(self, pictures: Iterable[Any]) -> FloatArray:
        """Recognise several pictures: paths, PIL images or arrays, as the class says, mixed at will.

        Returns:
            (N, classes) float32 calibrated probabilities, in the order of `classes`; errors are those of `predict`.
        """
        read = ordered_map(self.prepare, pictures, threads=READERS, ahead=BATCH)
        batches = [self._session.probabilities(np.stack(batch)) for batch in batched(read, BATCH)]
        return np.concatenate(batches) if batches else np.zeros((0, len(self.classes)), dtype=np.float32)

    def rows(self, paths: Iterable[str | Path], *, processes: Processes | None = None) -> Iterator[Recognized]:
        """Recognise files, in order; one that cannot be read gets a row that says why.

        Args:
            paths: of pictures, or of .npy arrays for a model of arrays.
            processes: recognise the files instead of this process, with the same figures; each opens the model file
                itself and takes some pictures at a time.

        Raises:
            ModelError: the model failed.
            TinctError: a process of this machine died.
        """
        if processes is None:
            yield from self._rows(paths)
            return
        make = partial(_recognizer, self.path, max(1, core_count() // processes.count))
        with closing(processes.map(make, batched(map(Path, paths), BATCH), lost=_lost)) as batches:
            for rows in batches:
                yield from rows

    def _rows(self, paths: Iterable[str | Path]) -> Iterator[Recognized]:

        def prepared(path: Path) -> tuple[Path, NDArray[Any] | str]:
            try:
                return path, self.prepare(path)
            except InputError as error:
                return path, str(error)

        for batch in batched(ordered_map(prepared, map(Path, paths), threads=READERS, ahead=BATCH), BATCH):
            read = [pixels for _, pixels in batch if not isinstance(pixels, str)]
            shares = iter(self._session.probabilities(np.stack(read)) if read else ())
            for path, pixels in batch:
                if isinstance(pixels, str):
                    yield Recognized(path, None, pixels)
                else:
                    yield Recognized(path, self._named(next(shares)))

    def prepare(self, picture: Any) -> NDArray[Any]:
        """Read a picture in the form that the model was trained on.

        Returns:
            (height, width, 3) uint8, or (height, width, channels) float32 for a model of arrays.

        Raises:
            UnreadableError: the file is missing or damaged.
            InputError: the array's shape, type or range is wrong.
        """
        height, width = self.card.size
        if isinstance(picture, str | Path):
            kinds = "pictures", ".npy arrays"
            is_array, wanted = Path(picture).suffix.lower() == ".npy", self.card.kind == ARRAY
            if is_array != wanted:
                raise UnreadableError(
                    f"{picture}: the model was trained on {kinds[wanted]} and cannot recognise {kinds[is_array]}"
                )
            return self._checked(read_pixels(picture, size=(height, width), kind=self.card.kind), str(picture))
        if self.card.kind == ARRAY:
            return self._checked(resized(_numbers(picture), (height, width)), "the array")
        if any(kind.__module__ == "PIL.Image" for kind in type(picture).__mro__):
            small = read_small(_png(picture), longest=2 * max(height, width), name="the PIL image")
            return resized(small, (height, width))
        return resized(reduce_small(_pixels(picture), longest=2 * max(height, width)), (height, width))

    def _checked(self, values: NDArray[Any], name: str) -> NDArray[Any]:
        measure = self.card.measure()
        wanted = measure.channels if isinstance(measure, ArrayFeatures) else len(self.card.mean)
        if self.card.kind == ARRAY and values.shape[-1] != wanted:
            raise InputError(f"{name}: has {values.shape[-1]} channels, but the model was trained on {wanted}")
        return values

    def _named(self, shares: FloatArray) -> Prediction:
        best = int(shares.argmax())
        named = {name: float(share) for name, share in zip(self.classes, shares, strict=True)}
        return Prediction(self.classes[best], float(shares[best]), named)


def _recognizer(model: Path, threads: int) -> Callable[[tuple[Path, ...]], list[Recognized]]:
    """Return a function that recognises files, with a classifier of its own."""
    classifier = Classifier(model, threads=threads)
    return lambda paths: list(classifier.rows(paths))


def _lost(paths: tuple[Path, ...]) -> list[Recognized]:
    message = "every worker that took it and its neighbours died; give them more memory"
    return [Recognized(path, None, f"{path}: {message}") for path in paths]


def batched(values: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """Split values into tuples of a size, the last one shorter."""
    rest = iter(values)
    while batch := tuple(islice(rest, size)):
        yield batch


def find_inputs(
    places: Iterable[str | Path], *, kind: str, complain: Callable[[str], None] | None = None
) -> list[Path]:
    """List the files to recognise: those that are named, and all of a kind, `picture` or `array`, in folders.

    Folders are searched at any depth; `complain` is called with a message for each that holds none.

    Raises:
        UnreadableError: there are none.
    """
    suffixes = (".npy",) if kind == ARRAY else tuple(PICTURE_SUFFIXES)
    paths: list[Path] = []
    last = ""
    for place in map(Path, places):
        if not place.is_dir():
            paths.append(place)
            continue
        inside = sorted(path for path in walk(place, suffixes) if path.is_file())
        if not inside:
            last = f"{place}: holds no {'.npy arrays' if kind == ARRAY else 'pictures'}"
            if complain:
                complain(last)
        paths += inside
    if not paths:
        raise UnreadableError(f"{last or 'nothing was named'}; name pictures or a folder of them")
    return paths


def write_table(rows: Sequence[Recognized], classes: Sequence[str], path: Path, *, overwrite: bool = False) -> None:
    """Write a CSV table in UTF-8: path, class, its probability, the probabilities of all classes, and any error.

    Raises:
        OutputError: the file already exists, or cannot be written.
    """
    check_target(path, overwrite=overwrite)
    with written_beside(path) as beside, beside.open("w", encoding="utf-8", errors="surrogateescape", newline="") as to:
        writer = csv.writer(to)
        writer.writerow(["path", "class", "probability", *(f"p({name})" for name in classes), "error"])
        for row in rows:
            if row.prediction is None:
                writer.writerow([row.path, "", "", *[""] * len(classes), row.message])
                continue
            shares = [f"{row.prediction.probabilities[name]:.6f}" for name in classes]
            writer.writerow([row.path, row.prediction.label, f"{row.prediction.probability:.6f}", *shares, ""])


def _numbers(values: Any) -> FloatArray:
    """Check an array for a model of arrays: (H, W, channels) float32."""
    array = np.asarray(values)
    if array.dtype.kind not in "iuf" or array.ndim not in (2, 3) or 0 in array.shape:
        raise InputError(f"needs real numbers of the shape (H, W) or (H, W, channels), not {array.dtype} {array.shape}")
    numbers = np.asarray(array if array.ndim == 3 else array[..., None], dtype=np.float32)
    if not np.isfinite(numbers).all():
        raise InputError("the array holds values that are not finite; replace them by numbers")
    return numbers


def _pixels(values: Any) -> NDArray[np.uint8]:
    """Turn an array of any of the forms into (H, W, 3) uint8."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError("needs a path, a PIL image or an array of pixels") from error
    if array.ndim == 2:
        array = np.repeat(array[..., None], 3, axis=-1)
    if array.ndim != 3 or array.shape[-1] not in (3, 4) or 0 in array.shape:
        raise InputError(f"a picture must have the shape (H, W, 3), (H, W, 4) or (H, W), not {array.shape}")
    if array.dtype not in (np.uint8, np.uint16) and array.dtype.kind != "f":
        raise InputError(f"pixels must be uint8, uint16 or floats in 0..1, not {array.dtype}")
    if array.dtype == np.uint8 and array.shape[-1] == 3:
        return np.asarray(array, dtype=np.uint8)
    unit = as_unit_rgb(array)
    if not np.isfinite(unit).all() or unit.min() < 0 or unit.max() > 1:
        raise InputError("floats of a picture must lie in 0..1; divide them by their largest possible value")
    if unit.shape[-1] == 4:
        unit = unit[..., :3] * unit[..., 3:] + (1 - unit[..., 3:])
    rounded: NDArray[np.uint8] = np.rint(unit * 255).astype(np.uint8)
    return rounded


def _png(image: Any) -> bytes:
    """Write a PIL image of any mode as a file in memory, which is then read as any other: upright, in sRGB."""
    from PIL import ImageOps

    stream = io.BytesIO()
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode in ("CMYK", "YCbCr", "HSV", "LAB", "F", "RGBX", "RGBa", "La"):
            upright = upright.convert("RGB")
        upright.save(stream, "PNG", compress_level=1)
    except (OSError, ValueError) as error:
        raise InputError(
            f"the PIL image of the mode {image.mode} cannot be used ({error}); convert it to RGB"
        ) from error
    return stream.getvalue()

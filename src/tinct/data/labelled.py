"""Labelled pictures or arrays from a folder or a table, read into memory at one size."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.inputs import ARRAY, PICTURE
from tinct.data.pictures import TRAIN, split_of, walk_data
from tinct.errors import DataError, UnreadableError
from tinct.files import closed_folder
from tinct.media.image.formats import PICTURE_SUFFIXES
from tinct.media.image.small import read_array, read_pixels, size_of
from tinct.media.video import FILM_SUFFIXES
from tinct.parallel import counted, ordered_map

LARGEST_EDGE = 128  # default for the longer edge at which pictures are read, in pixels
SMALLEST_EDGE = 16
SUFFIXES = PICTURE_SUFFIXES | {".npy"}
SIZES_LOOKED_AT = 50  # files that are enough to choose a common size
COMPARED_EDGE = 64  # pixels; smaller pictures lack the detail by which copies are recognised


@dataclass(frozen=True)
class Labelled:
    """Labelled pictures: their files, classes and splits.

    Attributes:
        place: folder or table, for messages.
        kind: `picture` or `array`.
        classes: their names, sorted unless they were given.
        paths: of each picture.
        labels: (N,) each picture's index in `classes`.
        splits: each picture's split: `train`, `val`, `test`, or empty if none is given.
        empty: names of subfolders without pictures, which do not count as classes.
        films: films beside the pictures of a folder, which are ignored.
    """

    place: str
    kind: str
    classes: tuple[str, ...]
    paths: tuple[Path, ...]
    labels: NDArray[np.intp]
    splits: tuple[str, ...]
    empty: tuple[str, ...] = ()
    films: tuple[Path, ...] = ()

    def counts(self) -> dict[str, int]:
        """Return how many pictures each class has."""
        numbers = np.bincount(self.labels, minlength=len(self.classes))
        return {name: int(number) for name, number in zip(self.classes, numbers, strict=True)}

    def part(self, chosen: NDArray[np.bool_]) -> Labelled:
        """Return some of the pictures; the classes stay."""
        kept = np.flatnonzero(chosen)
        paths, splits = tuple(self.paths[index] for index in kept), tuple(self.splits[index] for index in kept)
        return replace(self, paths=paths, labels=self.labels[kept], splits=splits)


@dataclass(frozen=True)
class Loaded:
    """Pictures in memory.

    Attributes:
        labelled: their files, classes and splits.
        pixels: (N, H, W, 3) sRGB uint8, or (N, H, W, C) float32 for arrays.
        left_out: path and reason of each that could not be read.
        finer: the same pictures at 64 pixels, in which copies are recognised; None if `pixels` are as large.
    """

    labelled: Labelled
    pixels: NDArray[Any]
    left_out: list[tuple[str, str]] = field(default_factory=list)
    finer: NDArray[Any] | None = None

    @property
    def compared(self) -> NDArray[Any]:
        """The pixels in which copies are sought."""
        return self.pixels if self.finer is None else self.finer

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.pixels.shape[1]), int(self.pixels.shape[2])

    def of(self, *splits: str) -> NDArray[np.intp]:
        """Return the indices of the pictures of some splits."""
        return np.flatnonzero(np.isin(np.array(self.labelled.splits), splits))


def find_labelled(source: str | Path, *, classes: tuple[str, ...] | None = None) -> Labelled:
    """Find labelled pictures, or arrays.

    Args:
        source: a folder with one subfolder for each class (pictures may lie at any depth in it); or one with the
            subfolders train/, val/ and test/ (val/ and test/ may be missing), each with one subfolder for each class;
            or a CSV table of paths (relative to the table), labels and perhaps splits, with or without headings,
            separated by commas, semicolons or tabs.
        classes: the only ones allowed, in this order, for measuring a model; default: those that exist, sorted.

    Raises:
        DataError: there is no such folder or table, it is empty, has fewer than two classes or one that is not allowed,
            or mixes pictures and arrays.
    """
    place = Path(source)
    if place.is_dir():
        rows, empty = _folder_rows(place)
        films = tuple(walk_data(place, FILM_SUFFIXES))
    elif place.suffix.lower() == ".csv" and place.is_file():
        rows, empty, films = list(_table_rows(place)), (), ()
    else:
        what = "neither a folder nor a .csv table" if place.exists() else "no such folder"
        raise DataError(f"{source}: {what}; give a folder with one subfolder for each class, or a .csv table")
    if not rows and place.is_file():
        raise DataError(f"{source}: the table names no pictures; give each a row of path and label")
    if not rows:
        raise DataError(
            f"{source}: no pictures or .npy arrays in subfolders{_but(films)}; make one subfolder for each class"
        )
    kinds = {ARRAY if path.suffix.lower() == ".npy" else PICTURE for path, _, _ in rows}
    if len(kinds) > 1:
        raise DataError(f"{source}: holds pictures and .npy arrays; keep them in two folders and train on one")
    labels = sorted({label for _, label, _ in rows})
    if place.is_dir():
        _check_runs(place, rows)
    names = tuple(labels) if classes is None else classes
    if foreign := [label for label in labels if label not in names]:
        raise DataError(f"{source}: the model knows no class '{foreign[0]}'; it knows {', '.join(names)}")
    if len(names) < 2:
        beside = f"; '{empty[0]}' holds no pictures{_but(films, empty[0])}" if empty else ""
        remedy = f"a classifier needs at least two classes, one subfolder each{beside}"
        raise DataError(f"{source}: only one class, '{names[0]}'; {remedy}")
    return Labelled(
        str(source),
        kinds.pop(),
        names,
        tuple(path for path, _, _ in rows),
        np.array([names.index(label) for _, label, _ in rows], dtype=np.intp),
        tuple(split for _, _, split in rows),
        empty,
        films,
    )


Row = tuple[Path, str, str]


def _check_runs(folder: Path, rows: list[Row]) -> None:
    """Check that the subfolders are not runs that all hold the same subfolders, which are then the classes."""
    below: dict[Path, set[str]] = {}
    for path, _, split in rows:
        inside = path.relative_to(folder).parts[1 if split else 0 :]
        below.setdefault(folder / inside[0], set()).add(inside[1] if len(inside) > 2 else "")
    kinds = list(below.values())
    if len(kinds) < 2 or len(kinds[0]) < 2 or "" in kinds[0] or any(kind != kinds[0] for kind in kinds):
        return
    runs, classes = (", ".join(sorted(names)) for names in ({path.name for path in below}, kinds[0]))
    raise DataError(
        f"{folder}: {runs} hold the same subfolders, {classes}: these look like the classes, and the others like runs; "
        "give a .csv of path and label, or put each class's pictures into one folder"
    )


def _but(films: tuple[Path, ...], below: str = "") -> str:
    """Return a remark on films, if one is named only on those below that subfolder; empty if there are none."""
    if not any(not below or below in film.parts for film in films):
        return ""
    return ", but films, whose single frames have to be saved as pictures first"


def _folder_rows(folder: Path) -> tuple[list[Row], tuple[str, ...]]:
    """Return the files in the classes' folders, and the names of those that are empty."""
    inside = _subfolders(folder)
    splits = {path: split for path in inside if (split := split_of(path.name))}
    if TRAIN not in splits.values():
        places = [(path, "") for path in inside]
    elif len(splits) < len(inside):
        other = next(path.name for path in inside if path not in splits)
        raise DataError(f"{folder}: beside train/ there may be val/ and test/ only, not '{other}'; move it away")
    else:
        places = [(place, split) for path, split in splits.items() for place in _subfolders(path)]
    rows = [
        (path, place.name, split)
        for place, split in places
        for path in sorted(walk_data(place, SUFFIXES))
        if path.is_file()
    ]
    return rows, tuple(sorted({place.name for place, _ in places} - {label for _, label, _ in rows}))


def _subfolders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError as error:
        raise DataError(closed_folder(error)) from error


def _table_rows(table: Path) -> Iterator[Row]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            # Spreadsheets in many countries separate by semicolons; if there are both, the semicolons belong to names.
            separator = "\t" if "\t" in first else ";" if ";" in first and "," not in first else ","
            rows = [row for row in csv.reader(stream, delimiter=separator) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: cannot be read as a table in UTF-8 ({error}); save it as CSV in UTF-8") from error
    for number, row in enumerate(rows, start=1):
        path = table.parent / row[0].strip()
        if number == 1 and path.suffix.lower() not in SUFFIXES:
            continue  # the headings
        if len(row) < 2 or not row[1].strip():
            raise DataError(f"{table}, row {number}: needs a path and a label")
        split = row[2].strip() if len(row) > 2 else ""
        if split and not split_of(split):
            raise DataError(f"{table}, row {number}: no split '{split}'; there are train, val and test")
        if not path.is_file():
            raise DataError(f"{table}, row {number}: {path} does not exist; paths are relative to the table")
        yield path, row[1].strip(), split_of(split) or ""


def common_size(labelled: Labelled, *, largest: int = LARGEST_EDGE) -> tuple[int, int]:
    """Return the height and width at which to read pictures: their medians, shrunk to edges of `largest` pixels.

    Raises:
        DataError: none of the files that were tried can be read.
    """
    paths = labelled.paths[:: max(1, len(labelled.paths) // SIZES_LOOKED_AT)]
    sizes = []
    for path in paths:
        try:
            if labelled.kind == ARRAY:
                sizes.append(read_array(path).shape[:2])
            else:
                sizes.append(size_of(path.read_bytes(), name=str(path)))
        except (UnreadableError, OSError):
            continue
    if not sizes:
        raise DataError(f"{labelled.place}: none of {len(paths)} files can be read; check whether they are pictures")
    height, width = np.median(np.array(sizes), axis=0)
    scale = min(1.0, largest / max(height, width))
    return max(SMALLEST_EDGE, round(height * scale)), max(SMALLEST_EDGE, round(width * scale))


def load(labelled: Labelled, *, size: tuple[int, int], progress: Callable[[int, int], None] | None = None) -> Loaded:
    """Read pictures into memory, resized to (height, width); those that cannot be read are left out and listed.

    Raises:
        DataError: none can be read, or arrays differ in their number of channels.
    """
    total = len(labelled.paths)
    scale = COMPARED_EDGE / max(size)
    finer = scale > 1 and labelled.kind == PICTURE
    enough = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))

    def one(path: Path) -> tuple[NDArray[Any], NDArray[Any] | None] | str:
        try:
            pixels = read_pixels(path, size=size, kind=labelled.kind)
            return pixels, read_pixels(path, size=enough, kind=PICTURE) if finer else None
        except UnreadableError as error:
            return str(error)

    results = list(counted(ordered_map(one, labelled.paths), total, progress))
    left_out = [
        (str(path), reason) for path, reason in zip(labelled.paths, results, strict=True) if isinstance(reason, str)
    ]
    read = [result for result in results if not isinstance(result, str)]
    kept = [pixels for pixels, _ in read]
    compared = [detail for _, detail in read if detail is not None]
    if not kept:
        raise DataError(f"{labelled.place}: none of {total} files can be read; the first: {left_out[0][1]}")
    if len({pixels.shape for pixels in kept}) > 1:
        raise DataError(f"{labelled.place}: the arrays differ in their number of channels; all must have the same")
    readable = np.array([not isinstance(result, str) for result in results])
    return Loaded(labelled.part(readable), np.stack(kept), left_out, np.stack(compared) if compared else None)

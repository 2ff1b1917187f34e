"""Labelled pictures or arrays, from a folder or a table, read into memory at one size."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.inputs import ARRAY, PICTURE
from tinct.data.pictures import TRAIN, split_of, walk_data
from tinct.errors import DataError, UnreadableError
from tinct.media.image.formats import PICTURE_SUFFIXES
from tinct.media.image.small import read_array, read_pixels, size_of
from tinct.media.video import FILM_SUFFIXES
from tinct.parallel import ordered_map

# Pictures are looked at in a size whose longer edge is at most this, if nothing else is said.
LARGEST_EDGE = 128
SMALLEST_EDGE = 16
SUFFIXES = PICTURE_SUFFIXES | {".npy"}
SIZES_LOOKED_AT = 50
# Copies are told by detail, which smaller pictures do not have.
COMPARED_EDGE = 64


@dataclass(frozen=True)
class Labelled:
    """Which pictures there are, and what they show.

    Attributes:
        place: folder or table, for messages.
        kind: `picture` or `array`.
        classes: their names, sorted.
        paths: of each picture.
        labels: (N,) each one's index in `classes`.
        splits: each one's split: `train`, `val`, `test`, or empty where none is given.
        empty: names of subfolders without pictures, which are no classes.
        films: that lie in a folder beside its pictures, and are not looked at.
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
        return Labelled(
            self.place,
            self.kind,
            self.classes,
            tuple(self.paths[index] for index in kept),
            self.labels[kept],
            tuple(self.splits[index] for index in kept),
            self.empty,
            self.films,
        )


@dataclass(frozen=True)
class Loaded:
    """Pictures in memory.

    Attributes:
        labelled: what they are.
        pixels: (N, H, W, 3) sRGB uint8, or (N, H, W, C) float32 for arrays.
        left_out: path and reason of each that could not be read.
        finer: pictures of less than 64 pixels once more at 64, for copies to be told by; None where `pixels` will do.
    """

    labelled: Labelled
    pixels: NDArray[Any]
    left_out: list[tuple[str, str]] = field(default_factory=list)
    finer: NDArray[Any] | None = None

    @property
    def compared(self) -> NDArray[Any]:
        """What copies are looked for in."""
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
        source: a folder with one subfolder a class (pictures lie in it to any depth); or with the subfolders train/,
            val/ and test/ (of which val/ and test/ may be missing), each with one subfolder a class; or a CSV table of
            paths (relative to the table) and labels, and splits if there is a third column, with or without headings,
            separated by commas, semicolons or tabs.
        classes: the only ones allowed, in this order, for measuring a model; those found, sorted, without it.

    Raises:
        DataError: there is no such folder or table, nothing in it, fewer than two classes (where `classes` is not
            given), a class that is not allowed, or pictures and arrays side by side.
    """
    place = Path(source)
    if place.is_dir():
        rows, empty = _folder_rows(place)
        films = tuple(walk_data(place, FILM_SUFFIXES))
    elif place.suffix.lower() == ".csv" and place.is_file():
        rows, empty, films = list(_table_rows(place)), (), ()
    else:
        what = "no folder and no .csv table" if place.exists() else "no such folder"
        raise DataError(f"{source}: {what}; give a folder with one subfolder a class, or a .csv table")
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
        raise DataError(f"{source}: only one class, '{names[0]}'; telling apart needs two or more subfolders{beside}")
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
    """Refuse subfolders that all hold the same subfolders: they are runs, and what they hold are the classes.

    Raises:
        DataError: they do.
    """
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
    """Return a remark on films, those below a subfolder if one is named; empty where there are none."""
    if not any(not below or below in film.parts for film in films):
        return ""
    return ", but films, whose single frames have to be saved as pictures first"


def _folder_rows(folder: Path) -> tuple[list[Row], tuple[str, ...]]:
    """Return what lies in the classes' folders, and the names of those in which nothing does."""
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
        raise DataError(f"{folder}: the folder cannot be read ({error.strerror}); check its permissions") from error


def _table_rows(table: Path) -> Iterator[Row]:
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            # Spreadsheets of many countries write semicolons; where both are there, those belong to names.
            separator = "\t" if "\t" in first else ";" if ";" in first and "," not in first else ","
            rows = [row for row in csv.reader(stream, delimiter=separator) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{table}: cannot be read as a table in UTF-8 ({error})") from error
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
    """Return the height and width to look at pictures in: their medians, with edges of at most `largest` pixels."""
    step = max(1, len(labelled.paths) // SIZES_LOOKED_AT)
    sizes = []
    for path in labelled.paths[::step]:
        try:
            if labelled.kind == ARRAY:
                sizes.append(read_array(path).shape[:2])
            else:
                sizes.append(size_of(path.read_bytes(), name=str(path)))
        except (UnreadableError, OSError):
            continue
    if not sizes:
        raise DataError(f"{labelled.place}: none of the first pictures can be read; are they pictures?")
    height, width = np.median(np.array(sizes), axis=0)
    scale = min(1.0, largest / max(height, width))
    return max(SMALLEST_EDGE, round(height * scale)), max(SMALLEST_EDGE, round(width * scale))


def load(labelled: Labelled, *, size: tuple[int, int], progress: Callable[[int, int], None] | None = None) -> Loaded:
    """Read pictures into memory, brought to a size (height, width); those that cannot be read are left out and listed.

    Raises:
        DataError: none can be read, or arrays differ in their number of channels.
    """
    total = len(labelled.paths)
    read: list[tuple[NDArray[Any], NDArray[Any] | None]] = []
    left_out: list[tuple[str, str]] = []
    readable = np.ones(total, dtype=bool)
    scale = COMPARED_EDGE / max(size)
    finer = scale > 1 and labelled.kind == PICTURE
    enough = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))

    def one(path: Path) -> tuple[NDArray[Any], NDArray[Any] | None] | str:
        try:
            pixels = read_pixels(path, size=size, kind=labelled.kind)
            return pixels, read_pixels(path, size=enough, kind=PICTURE) if finer else None
        except UnreadableError as error:
            return str(error)

    for index, result in enumerate(ordered_map(one, labelled.paths)):
        if progress:
            progress(index + 1, total)
        if isinstance(result, str):
            readable[index] = False
            left_out.append((str(labelled.paths[index]), result))
        else:
            read.append(result)
    kept = [pixels for pixels, _ in read]
    compared = [detail for _, detail in read if detail is not None]
    if not kept:
        raise DataError(f"{labelled.place}: none of {total} files can be read; the first: {left_out[0][1]}")
    if len({pixels.shape for pixels in kept}) > 1:
        raise DataError(f"{labelled.place}: arrays of different numbers of channels; give them all the same")
    return Loaded(labelled.part(readable), np.stack(kept), left_out, np.stack(compared) if compared else None)

"""Listing the pictures of a plain folder, or of a dataset of `tinct prepare`, by their splits, and reading them.

A picture's split is that of a dataset, of its folder's name, or one that is drawn at random.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct.data.shards import DATASET_FILE, Shard, list_shard, read_card
from tinct.errors import DataError, InputError, SettingError, UnreadableError
from tinct.files import walk
from tinct.media.image.formats import PICTURE_SUFFIXES
from tinct.media.image.small import read_small
from tinct.parallel import ordered_map

TRAIN, VAL, TEST = SPLITS = ("train", "val", "test")
# Usual names of the folders of a split.
_SPLIT_NAMES = {"training": TRAIN, "valid": VAL, "validation": VAL, "dev": VAL} | {split: split for split in SPLITS}


@dataclass(frozen=True)
class Picture:
    """Where one picture is.

    Attributes:
        name: its path below the folder, or its key in the dataset.
        source: the dataset's source it comes from; empty in a plain folder.
        category: its category; in a plain folder the first subfolder, empty for pictures in the folder itself.
        path: the file, or the shard that holds it.
        offset: where its bytes begin in `path`.
        size: how many bytes it has, or None for the whole file.
        original: in a dataset, the name of the file it was prepared from.
    """

    name: str
    source: str
    category: str
    path: Path
    offset: int = 0
    size: int | None = None
    original: str = ""

    @property
    def label(self) -> str:
        """The name for users: its path, or its key in the dataset with the file that it was prepared from."""
        parts = [part for part in (self.source, self.category, self.original) if part]
        return f"{self.name} ({'/'.join(parts)})" if self.original else self.name

    def group(self, by: str | None) -> str:
        """Return its source if `by` is `source`, else source and category; `(none)` if it has neither."""
        parts = [self.source] if by == "source" else [self.source, self.category]
        return "/".join(part for part in parts if part) or "(none)"

    def read(self, *, longest: int | None = None) -> NDArray[np.uint8]:
        """Read the picture, upright and in sRGB.

        Args:
            longest: longer edge in pixels to which larger pictures are shrunk (Lanczos); default: its own size.

        Returns:
            (H, W, 3) uint8 sRGB.

        Raises:
            UnreadableError: the file is missing, damaged or not a picture.
        """
        return read_small(self.content(), longest=longest, name=self.name)

    def content(self) -> bytes:
        """Read the picture's bytes as they are stored.

        Raises:
            UnreadableError: the file cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                return file.read() if self.size is None else file.read(self.size)
        except OSError as error:
            raise UnreadableError(f"{self.name}: cannot be read ({error.strerror})") from error


def find_pictures(data: str | Path, *, split: str = VAL, limit: int | None = None, seed: int = 0) -> list[Picture]:
    """List the pictures of a folder or a dataset.

    Args:
        data: a folder, searched to any depth, or a dataset that `tinct prepare` made.
        split: `train`, `val` or `test`, for a dataset; of a plain folder all pictures are listed.
        limit: take this number, chosen at random; default: all.
        seed: of the choice.

    Returns:
        The pictures in the order of the folder or dataset.

    Raises:
        SettingError: `split` or `limit` is out of range.
        DataError: there is no such folder, no picture in it, or the dataset is damaged.
    """
    if limit is not None and limit < 1:
        raise SettingError(f"the limit must be at least 1 picture, not {limit}")
    if (shards := _shards_of(data)) is None:
        pictures = [_in_folder(Path(data), path) for path in walk_data(data, PICTURE_SUFFIXES)]
    else:
        if split not in shards:
            raise SettingError(f"no split '{split}'; there are: {', '.join(shards)}")
        pictures = [picture for shard in shards[split] for picture in _in_shard(shard)]
        if not pictures:
            raise DataError(f"{data}: the dataset has no pictures in its split '{split}'")
    _check_any(data, pictures)
    if limit is None or limit >= len(pictures):
        return pictures
    return [pictures[index] for index in sorted(random.Random(seed).sample(range(len(pictures)), limit))]


def find_splits(data: str | Path) -> dict[str, list[Picture]]:
    """List the pictures of a folder or a dataset by split.

    Args:
        data: a dataset that `tinct prepare` made, or a folder, whose own splits are those of `own_splits`.

    Returns:
        Those of `train`, `val` and `test` that have pictures, in this order; for a plain folder without splits, one
        split with an empty name.

    Raises:
        DataError: there is no such folder, no picture in it, or the dataset is damaged.
    """
    splits: dict[str, list[Picture]] = {split: [] for split in (*SPLITS, "")}
    if (shards := _shards_of(data)) is None:
        for split, picture in _walk_pictures(data, own_splits(data)):
            splits[split].append(picture)
    else:
        for split in SPLITS:
            splits[split] = [picture for shard in shards.get(split, ()) for picture in _in_shard(shard)]
    _check_any(data, [picture for pictures in splits.values() for picture in pictures[:1]])
    return {split: pictures for split, pictures in splits.items() if pictures}


def read_pictures(
    pictures: Iterable[Picture], *, longest: int, threads: int | None = None
) -> Iterator[tuple[Picture, NDArray[np.uint8] | str]]:
    """Read pictures in threads, fitted into a square of `longest` pixels.

    Yields:
        Each picture in order, with its pixels (H, W, 3) sRGB, or with the reason why it cannot be read.
    """

    def read(picture: Picture) -> tuple[Picture, NDArray[np.uint8] | str]:
        try:
            return picture, picture.read(longest=longest)
        except InputError as error:
            return picture, str(error)

    return ordered_map(read, pictures, threads=threads)


def is_dataset(data: str | Path) -> bool:
    """Return whether a folder is a dataset that `tinct prepare` made."""
    return (Path(data) / DATASET_FILE).is_file()


def walk_data(folder: str | Path, suffixes: Collection[str]) -> Iterator[Path]:
    """Yield a folder's files as `tinct.files.walk` does.

    Raises:
        DataError: a folder cannot be read.
    """
    try:
        yield from walk(folder, suffixes)
    except UnreadableError as error:
        raise DataError(str(error)) from error


def _shards_of(data: str | Path) -> dict[str, tuple[Shard, ...]] | None:
    """Return a dataset's shards by split; None for a plain folder."""
    if not Path(data).is_dir():
        raise DataError(f"{data}: no such folder of pictures or dataset")
    card = read_card(data)
    return None if card is None else card.shards


def _check_any(data: str | Path, pictures: list[Picture]) -> None:
    if not pictures and any(Path(data).glob("*.tar*")):
        raise DataError(f"{data}: has shards but no {DATASET_FILE}: it is unfinished; run  tinct prepare  again")
    if not pictures:
        raise DataError(f"{data}: no pictures in it; give a folder of photographs or a dataset of  tinct prepare")


def _in_folder(folder: Path, path: Path, *, below: int = 0) -> Picture:
    """Return a file of a plain folder as a picture; its category is the folder that is `below` levels down, if any."""
    inside = path.relative_to(folder)
    folders = inside.parts[below:-1]
    return Picture(str(inside), "", folders[0] if folders else "", path)


def _in_shard(shard: Shard) -> Iterator[Picture]:
    for key, offset, size, card in list_shard(shard):
        source, category, original = (str(card.get(name, "")) for name in ("source", "category", "name"))
        yield Picture(key, source, category, Path(shard.place), offset, size, original)


def has_split(data: str | Path, split: str) -> bool:
    """Return whether a dataset has pictures in a split.

    Raises:
        DataError: the dataset is damaged.
    """
    return bool((_shards_of(data) or {}).get(split))


def split_of(name: str) -> str | None:
    """Return the split that a folder's name stands for: `train`, `val` or `test`; None for any other name."""
    return _SPLIT_NAMES.get(name.lower())


def own_splits(folder: str | Path) -> set[str]:
    """Return the splits that a plain folder's subfolders are named after.

    Empty unless there are two or more, and all pictures lie in them.
    """
    splits = set()
    for path in walk_data(folder, PICTURE_SUFFIXES):
        split = split_of(path.relative_to(folder).parts[0])
        if split is None:
            return set()
        splits.add(split)
    return splits if len(splits) > 1 else set()


def _walk_pictures(folder: str | Path, own: set[str]) -> Iterator[tuple[str, Picture]]:
    """Yield (split, picture) of a plain folder with splits of its `own`, whose categories are the folders below these.

    Without them the split is empty.
    """
    for path in walk_data(folder, PICTURE_SUFFIXES):
        split = split_of(path.relative_to(folder).parts[0]) if own else ""
        yield split or "", _in_folder(Path(folder), path, below=int(bool(own)))


def divide_pictures(folder: str | Path, *, val: float, seed: int, prefix: str = "") -> Iterator[tuple[str, Picture]]:
    """Yield (split, picture) of a plain folder, with its own splits or divided at random.

    Args:
        folder: where the pictures lie.
        val: share of the pictures for validation, if the folder has no pictures for that itself.
        seed: of the draw, which otherwise depends only on the picture's name.
        prefix: put before the names for the draw.

    Raises:
        DataError: a folder cannot be read.
    """
    fixed = own_splits(folder)
    for split, picture in _walk_pictures(folder, fixed):
        if split in fixed and (split != TRAIN or VAL in fixed):
            yield split, picture
        else:
            chance = draw(seed, prefix + Path(picture.name).as_posix(), "split")
            yield VAL if chance < val else TRAIN, picture


def draw(seed: int, name: str, purpose: str) -> float:
    """Return a random number in 0..1 that depends only on the arguments."""
    digest = hashlib.sha256(f"{seed}\0{purpose}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64

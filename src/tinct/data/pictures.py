"""The pictures a study looks at: a plain folder's, or those of a prepared dataset's shards."""

from __future__ import annotations

import json
import os
import random
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct.errors import DataError, SettingError, UnreadableError
from tinct.media.image.formats import PICTURE_SUFFIXES
from tinct.media.image.small import read_small

DATASET_FILE = "dataset.json"
# What the folders of a split are called, by habit.
SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
}


@dataclass(frozen=True)
class Picture:
    """Where one picture is.

    Attributes:
        name: its path below the folder, or its key in the dataset.
        source: the dataset's source it comes from; empty in a plain folder.
        category: its category; in a plain folder the subfolder right below, empty for pictures in the folder itself.
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
        """The name a person finds it by: its path, or its key in the dataset and the file it was prepared from."""
        parts = [part for part in (self.source, self.category, self.original) if part]
        return f"{self.name} ({'/'.join(parts)})" if self.original else self.name

    def group(self, by: str | None) -> str:
        """Give the picture's group: its `source`, or its `category` with the source before it where it has both."""
        parts = [self.source] if by == "source" else [self.source, self.category]
        return "/".join(part for part in parts if part) or "(none)"

    def read(self, *, longest: int | None = None) -> NDArray[np.uint8]:
        """Read the picture, upright and in sRGB.

        Args:
            longest: longest edge in pixels to fit it into (Lanczos, never enlarged); its own size without it.

        Returns:
            (H, W, 3) uint8 sRGB.

        Raises:
            UnreadableError: the file is missing, damaged or no picture.
        """
        return read_small(self.content(), longest=longest, name=self.name)

    def content(self) -> bytes:
        """Give the picture's bytes as they are stored.

        Raises:
            UnreadableError: the file cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                return file.read() if self.size is None else file.read(self.size)
        except OSError as error:
            raise UnreadableError(f"{self.name}: cannot be read ({error.strerror})") from error


def find_pictures(data: str | Path, *, split: str = "val", limit: int | None = None, seed: int = 0) -> list[Picture]:
    """List the pictures of a folder or a dataset.

    Args:
        data: a folder, searched to any depth, or a dataset that `tinct prepare` made.
        split: `train` or `val`, for a dataset; a plain folder has none.
        limit: take so many, chosen at random; all without it.
        seed: decides the choice.

    Returns:
        The pictures in the order of their places.

    Raises:
        SettingError: `split` or `limit` is out of range.
        DataError: there is no such folder, no picture in it, or the dataset is damaged.
    """
    folder = Path(data)
    if limit is not None and limit < 1:
        raise SettingError(f"the limit must be at least 1 picture, not {limit}")
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder of pictures or dataset")
    if (folder / DATASET_FILE).is_file():
        if split not in ("train", "val"):
            raise SettingError(f"no split '{split}'; there are: train, val")
        pictures = [picture for shard in _shards(folder, split) for picture in _in_shard(shard)]
    else:
        pictures = _in_folder(folder)
    if not pictures and any(folder.glob("*.tar*")):
        raise DataError(f"{folder}: shards, but no {DATASET_FILE}: it was not finished; run  tinct prepare  again")
    if not pictures:
        raise DataError(f"{folder}: no pictures in it; give a folder of photographs or a dataset of  tinct prepare")
    if limit is None or limit >= len(pictures):
        return pictures
    return [pictures[index] for index in sorted(random.Random(seed).sample(range(len(pictures)), limit))]


def find_splits(data: str | Path) -> dict[str, list[Picture]]:
    """List the pictures of a folder or a dataset by split.

    Args:
        data: a dataset that `tinct prepare` made, or a folder. In a folder whose only subfolders with pictures are
            called train, training, val, valid, validation, dev or test, these are the splits, and the folders below
            them the categories.

    Returns:
        `train`, `val` and `test` where there are such, in this order; one split without a name for a plain folder.

    Raises:
        DataError: there is no such folder, no picture in it, or the dataset is damaged.
    """
    if is_dataset(data):
        return {split: find_pictures(data, split=split) for split in ("train", "val") if has_split(data, split)}
    pictures = find_pictures(data)
    tops = {picture.category for picture in pictures}
    if not tops <= set(SPLIT_FOLDERS) or len({SPLIT_FOLDERS[top] for top in tops}) < 2:
        return {"": pictures}
    found: dict[str, list[Picture]] = {split: [] for split in dict.fromkeys(SPLIT_FOLDERS.values())}
    for picture in pictures:
        below = Path(picture.name).parts[1:-1]
        found[SPLIT_FOLDERS[picture.category]].append(replace(picture, category=below[0] if below else ""))
    return {split: listed for split, listed in found.items() if listed}


def is_dataset(data: str | Path) -> bool:
    """Say whether a folder is a dataset that `tinct prepare` made."""
    return (Path(data) / DATASET_FILE).is_file()


def has_split(data: str | Path, split: str) -> bool:
    """Say whether a dataset has a split.

    Raises:
        DataError: the dataset is damaged.
    """
    return bool(_listed_shards(Path(data), split))


def _in_folder(folder: Path) -> list[Picture]:
    pictures = []

    def closed(error: OSError) -> None:
        raise DataError(f"{error.filename}: the folder cannot be read ({error.strerror}); check its permissions")

    for place, folders, names in os.walk(folder, onerror=closed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        parts = Path(place).relative_to(folder).parts
        for name in sorted(names):
            path = Path(place, name)
            if path.suffix.lower() in PICTURE_SUFFIXES and not name.startswith("."):
                pictures.append(Picture(str(path.relative_to(folder)), "", parts[0] if parts else "", path))
    return pictures


def _listed_shards(folder: Path, split: str) -> list[Path]:
    try:
        listed = json.loads((folder / DATASET_FILE).read_text(encoding="utf-8")).get("shards", {}).get(split)
        names = [shard["file"] for shard in listed] if listed is not None else None
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        raise DataError(f"{folder / DATASET_FILE}: damaged ({error!r}); prepare the dataset again") from error
    return sorted(folder.glob(f"{split}-*.tar")) if names is None else [folder / name for name in names]


def _shards(folder: Path, split: str) -> list[Path]:
    """Give a split's shards; a shard that the dataset lists but that is not there is an error, not fewer pictures."""
    shards = _listed_shards(folder, split)
    for shard in shards:
        if not shard.is_file():
            raise DataError(f"{shard}: the shard is missing; prepare the dataset again")
    if not shards:
        raise DataError(f"{folder}: the dataset has no pictures in its split '{split}'")
    return shards


def _in_shard(shard: Path) -> Iterator[Picture]:
    """List a shard's pictures from its headers and the JSON beside each picture; no picture is read."""
    places: dict[str, tuple[int, int]] = {}
    cards: dict[str, dict[str, str]] = {}
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                key, _, suffix = member.name.partition(".")
                if suffix.lower() == "json":
                    file = tar.extractfile(member)
                    cards[key] = json.loads(file.read()) if file else {}
                elif f".{suffix.lower()}" in PICTURE_SUFFIXES:
                    places[key] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise DataError(f"{shard}: damaged shard ({error}); prepare the dataset again") from error
    for key, (offset, size) in places.items():
        card = cards.get(key, {})
        source, category, original = (str(card.get(name, "")) for name in ("source", "category", "name"))
        yield Picture(key, source, category, shard, offset, size, original)

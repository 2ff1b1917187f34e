"""Which split a picture belongs to: that of a dataset, of its folder's name, or one that is drawn at random."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from tinct.data.pictures import SPLITS, TRAIN, VAL, Picture, check_any, in_folder, in_shard, shards_of, walk_data
from tinct.media.image.formats import PICTURE_SUFFIXES

# Usual names of the folders of a split.
_SPLIT_NAMES = {"training": TRAIN, "valid": VAL, "validation": VAL, "dev": VAL} | {split: split for split in SPLITS}


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
    if (shards := shards_of(data)) is None:
        for split, picture in walk_pictures(data):
            splits[split].append(picture)
    else:
        for split in SPLITS:
            splits[split] = [picture for shard in shards.get(split, ()) for picture in in_shard(shard)]
    check_any(data, [picture for pictures in splits.values() for picture in pictures[:1]])
    return {split: pictures for split, pictures in splits.items() if pictures}


def has_split(data: str | Path, split: str) -> bool:
    """Return whether a dataset has pictures in a split.

    Raises:
        DataError: the dataset is damaged.
    """
    return bool((shards_of(data) or {}).get(split))


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


def walk_pictures(folder: str | Path) -> Iterator[tuple[str, Picture]]:
    """Yield (split, picture) of a plain folder, at any depth.

    In a folder with splits of its own, the categories are the folders below these. In other folders the split is empty.

    Raises:
        DataError: a folder cannot be read.
    """
    divided = bool(own_splits(folder))
    for path in walk_data(folder, PICTURE_SUFFIXES):
        split = split_of(path.relative_to(folder).parts[0]) if divided else ""
        yield split or "", in_folder(Path(folder), path, below=int(divided))


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
    for split, picture in walk_pictures(folder):
        if split in fixed and (split != TRAIN or VAL in fixed):
            yield split, picture
        else:
            chance = draw(seed, prefix + Path(picture.name).as_posix(), "split")
            yield VAL if chance < val else TRAIN, picture


def draw(seed: int, name: str, purpose: str) -> float:
    """Return a random number in 0..1 that depends only on the arguments."""
    digest = hashlib.sha256(f"{seed}\0{purpose}\0{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64

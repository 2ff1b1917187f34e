"""The source from which a training reads photographs, one after another: shards, local or remote, or a plain folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.data.pictures import Picture, divide_pictures, draw
from tinct.data.shards import DATASET_FILE, Shard, read_card, read_shard
from tinct.errors import DataError, UnreadableError
from tinct.files import folder_beside
from tinct.media.image.small import read_small
from tinct.remote import is_address

# A photograph's file as bytes, or the photograph decoded, with its description.
Sample = tuple[bytes | NDArray[np.uint8], dict[str, Any]]
# The two files of a folder of decoded photographs.
PIXELS, INDEX = "pixels.bin", "index.json"


@dataclass(frozen=True)
class Source:
    """One split of a dataset, as a training reads it.

    Attributes:
        place: the dataset's folder or address, for messages.
        size: longer edge to which photographs are shrunk, in pixels.
        shards: of a dataset.
        files: of a plain folder, instead.
        draws: mean number of times that each photograph is drawn, in the source's order; None draws each once.
        decoded: folder into which `decode_source` wrote the photographs, or empty.
    """

    place: str
    size: int
    shards: tuple[Shard, ...] = ()
    files: tuple[Picture, ...] = ()
    draws: tuple[float, ...] | None = None
    decoded: str = ""

    @property
    def parts(self) -> tuple[Shard | Picture, ...]:
        """The shards or files."""
        return self.shards or self.files

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of photographs in each part."""
        return tuple(shard.count for shard in self.shards) or (1,) * len(self.files)

    @property
    def count(self) -> int:
        """The number of photographs that are drawn."""
        return sum(self.counts) if self.draws is None else sum(share > 0 for share in self.draws)


def open_source(data: str | Path, *, split: str, val: float = 0.1, seed: int = 0, size: int = 256) -> Source:
    """Open one split of a dataset.

    Args:
        data: a dataset of `tinct prepare` (a folder, or an http(s), s3:// or other address), or a plain folder of
            photographs, which are shrunk to `size` while they are read. A folder's own splits (see
            `tinct.data.pictures.own_splits`) are kept; if it has none for validation, its photographs are divided at
            random.
        split: `train`, `val` or `test`.
        val: share of a plain folder for validation, if it is divided at random.
        seed: of that division.
        size: longer edge in pixels, for plain folders.

    Raises:
        DataError: there is neither a dataset nor a photograph, or the dataset is damaged or has another format.
    """
    card = read_card(data)
    if card is not None:
        return Source(str(data).rstrip("/"), card.size, card.shards.get(split, ()))
    folder = Path(data)
    if is_address(data) or not folder.is_dir():
        raise DataError(f"{data}: no such dataset or folder")
    divided = sorted(divide_pictures(folder, val=val, seed=seed), key=lambda pair: pair[1].path)
    if not divided:
        raise DataError(
            f"{data}: no photographs and no {DATASET_FILE} in it; run `tinct prepare` or name another folder"
        )
    return Source(str(folder), size, files=tuple(picture for its_split, picture in divided if its_split == split))


def read_samples(parts: Iterable[Shard | Picture], source: Source) -> Iterator[Sample]:
    """Read photographs from parts of a source, one at a time, without those that are never drawn.

    Args:
        parts: some of `source.parts`.
        source: to which they belong.

    Yields:
        The photograph's file as bytes (or its pixels, if the source is decoded), and its description, whose `index` is
        the photograph's number in the source.

    Raises:
        DataError: a file cannot be read, or a shard is missing, cut short, or damaged.
    """
    counts = source.counts
    starts = dict(zip(source.parts, accumulate(counts, initial=0), strict=False))
    for part in parts:
        first = starts[part]
        count = part.count if isinstance(part, Shard) else 1
        for index, (content, card) in enumerate(_read_part(part, source, first, count), first):
            if source.draws is None or source.draws[index]:
                # A file of a plain folder is read only here, if it is drawn.
                sample = content if isinstance(part, Shard) or source.decoded else _content(part)
                yield sample, {**card, "index": index}


def _read_part(part: Shard | Picture, source: Source, first: int, count: int) -> Iterator[Sample]:
    if source.decoded:
        pixels, entries = _open_decoded(source.decoded)
        for offset, height, width, card in entries[first : first + count]:
            yield pixels[offset : offset + height * width * 3].reshape(height, width, 3), card
    elif isinstance(part, Shard):
        yield from read_shard(part)
    else:
        yield b"", {"name": str(part.path), "category": part.category}


def _content(picture: Picture) -> bytes:
    try:
        return picture.content()
    except UnreadableError as error:
        raise DataError(f"{picture.path.parent}: {error}; take it out of the folder") from error


def select(source: Source, *, subset: float = 1.0, categories: tuple[str, ...] = (), seed: int = 0) -> Source:
    """Choose some of a source's photographs.

    Args:
        source: all of them.
        subset: share to keep, above 0 and up to 1. The draw depends only on each photograph's content or name and the
            seed, so that a smaller share is part of a larger one.
        categories: the only ones to keep; all if empty.
        seed: of the draw.

    Returns:
        The source, with `draws` of 1 and 0.

    Raises:
        DataError: no photograph is left, or there is no such category.
    """
    if subset >= 1 and not categories:
        return source
    present: set[str] = set()
    draws = []
    for name, category in _names(source):
        present.add(category)
        kept = (not categories or category in categories) and draw(seed, name, "subset") < subset
        draws.append(float(kept))
    if missing := sorted(set(categories) - present):
        raise DataError(f"{source.place}: no category '{missing[0]}'; there are {', '.join(sorted(present)[:20])}")
    if not any(draws):
        raise DataError(f"{source.place}: no photograph is left at a share of {subset:g}; use a larger one")
    return replace(source, draws=tuple(draws))


def _names(source: Source) -> Iterator[tuple[str, str]]:
    """Yield each photograph's identity, which does not depend on where it lies, and its category."""
    for picture in source.files:
        yield Path(picture.name).as_posix(), picture.category
    if source.shards:
        for _, card in read_samples(source.parts, source):
            yield str(card.get("sha256") or card["name"]), str(card.get("category", ""))


def decode(content: bytes | NDArray[np.uint8], card: dict[str, Any], source: Source) -> NDArray[np.uint8]:
    """Decode a photograph to (H, W, 3) sRGB uint8.

    Raises:
        DataError: it cannot be decoded; the message has `card["name"]`.
    """
    if isinstance(content, np.ndarray):
        return content
    if not source.shards:
        try:
            return read_small(content, longest=source.size, name=card["name"])
        except UnreadableError as error:
            raise DataError(str(error)) from error
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB) if content else None
    if picture is None:
        raise DataError(f"{card['name']}: cannot be decoded; prepare the dataset again")
    return np.asarray(picture, dtype=np.uint8)


def pictures(source: Source, *, limit: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """Yield whole photographs, (H, W, 3) sRGB uint8, in the dataset's own order."""
    for content, card in islice(read_samples(source.parts, source), limit):
        yield decode(content, card, source)


def decode_source(source: Source, folder: str | Path) -> Source:
    """Decode a source's photographs into one file that several trainings can share, unless it exists already.

    This does not change a training: the same photographs come in the same order with the same pixels.

    Args:
        source: a split of a dataset; photographs that it never draws are decoded as well.
        folder: where caches are kept; trainings that run at the same time may share it.

    Returns:
        The source, which now reads the decoded photographs. They take as much space as their uncompressed pixels.

    Raises:
        DataError: a photograph cannot be read.
        OutputError: the file cannot be written; nothing is left behind.
    """
    target = Path(folder) / f"decoded-{source_key(source)}"
    if not target.is_dir():
        with folder_beside(target) as partial:
            listed = []
            with (partial / PIXELS).open("wb") as pixels:
                for content, card in read_samples(source.parts, replace(source, draws=None)):
                    picture = decode(content, card, source)
                    pixels.write(np.ascontiguousarray(picture).data)
                    kept = {name: value for name, value in card.items() if name != "index"}
                    listed.append((*picture.shape[:2], kept))
            (partial / INDEX).write_text(json.dumps(listed), encoding="utf-8")
    return replace(source, decoded=str(target))


def source_key(source: Source) -> str:
    """Return a name that changes if any photograph of a source does."""
    digests = tuple(shard.sha256 for shard in source.shards if shard.sha256)
    facts: list[Any] = [bool(source.shards), source.size, source.counts, digests]
    if not digests:
        places = [shard.place for shard in source.shards] or [str(picture.path) for picture in source.files]
        facts.append(tuple(places))
        if not is_address(source.place):
            stats = [Path(place).stat() for place in places]
            facts.append([(stat.st_size, stat.st_mtime_ns) for stat in stats])
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


@lru_cache(maxsize=4)
def _open_decoded(folder: str) -> tuple[NDArray[np.uint8], list[tuple[int, int, int, dict[str, Any]]]]:
    """Map decoded photographs into memory, with the offset, height, width and description of each."""
    place = Path(folder)
    try:
        listed = json.loads((place / INDEX).read_text(encoding="utf-8"))
        sizes = [int(height) * int(width) * 3 for height, width, _ in listed]
        *offsets, end = accumulate(sizes, initial=0)
        entries = [(offset, *entry) for offset, entry in zip(offsets, listed, strict=True)]
        pixels = np.memmap(place / PIXELS, dtype=np.uint8, mode="r")
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{place}: decoded photographs missing or damaged ({error}); remove the folder") from error
    if len(pixels) != end:
        raise DataError(f"{place}: decoded photographs damaged; remove the folder, and it is made again")
    return pixels, entries

"""Photographs streamed into training: tar shards, local or over http(s), or a plain folder.

Shards and photographs are shuffled anew each epoch, from the seed and the epoch alone; each worker of each device reads
its own part. However large the dataset, what is held is one buffer of compressed photographs for each worker.
"""

from __future__ import annotations

import json
import random
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from webdataset.shardlists import split_by_node, split_by_worker

from tinct.errors import DataError
from tinct.learn.ledger import draw
from tinct.learn.prepare import FORMAT
from tinct.media.formats import PICTURE_SUFFIXES
from tinct.media.small import read_small

Sample = tuple[bytes, dict[str, Any]]
SHUFFLE_BUFFER = 1000


@dataclass(frozen=True)
class Source:
    """Where one split of a dataset is read from.

    Attributes:
        place: the dataset's folder or address, for messages.
        parts: shards (paths or addresses), or the picture files of a plain folder.
        counts: photographs in each part.
        shards: whether the parts are shards.
        size: longest edge that photographs are fitted into.
    """

    place: str
    parts: tuple[str, ...]
    counts: tuple[int, ...]
    shards: bool
    size: int

    @property
    def count(self) -> int:
        """Photographs in all."""
        return sum(self.counts)


def open_source(data: str | Path, *, split: str, val: float = 0.1, seed: int = 0, size: int = 256) -> Source:
    """Find one split of a dataset.

    Args:
        data: a dataset of `tinct prepare` (a folder or an http(s) address), or a plain folder of photographs, which is
            split at random by `val` and `seed` and fitted into `size` while it is read.
        split: `train` or `val`.
        val: share kept for validation, for plain folders.
        seed: decides the split of plain folders.
        size: longest edge in pixels, for plain folders.

    Returns:
        Where to read.

    Raises:
        DataError: there is no dataset and no photograph, or the dataset has another format.
    """
    place = str(data).rstrip("/")
    card = _read_card(place)
    if card is None:
        return _open_folder(Path(data), split=split, val=val, seed=seed, size=size)
    if card.get("format") != FORMAT:
        raise DataError(
            f"{place}: a dataset of format {card.get('format')}, this tinct reads {FORMAT}; prepare it again"
        )
    shards = card["shards"][split]
    return Source(
        place,
        tuple(f"{place}/{shard['file']}" for shard in shards),
        tuple(int(shard["count"]) for shard in shards),
        True,
        int(card["size"]),
    )


def _read_card(place: str) -> dict[str, Any] | None:
    address = f"{place}/dataset.json"
    try:
        with _open(address) as stream:
            card: dict[str, Any] = json.load(stream)
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as error:
        raise DataError(f"{address}: damaged ({error}); prepare the dataset again") from error
    return card


def _open_folder(folder: Path, *, split: str, val: float, seed: int, size: int) -> Source:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such dataset or folder")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    chosen = tuple(
        str(path)
        for path in files
        if (draw(seed, path.relative_to(folder).as_posix(), "split") < val) == (split == "val")
    )
    if not files:
        raise DataError(
            f"{folder}: no photographs and no dataset.json in it; run `tinct prepare` or name another folder"
        )
    return Source(str(folder), chosen, (1,) * len(chosen), False, size)


def _open(place: str) -> Any:
    """Open a path or an http(s) address for reading bytes."""
    if place.startswith(("http://", "https://")):
        try:
            return urllib.request.urlopen(place, timeout=60)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                raise FileNotFoundError(place) from error
            raise DataError(f"{place}: the server answered {error.code} {error.reason}") from error
        except OSError as error:
            raise DataError(f"{place}: cannot be reached ({error}); check the address and the network") from error
    return Path(place).open("rb")


def read_samples(parts: Iterable[str], source: Source) -> Iterator[Sample]:
    """Read photographs from parts of a source, one at a time.

    Args:
        parts: some of `source.parts`.
        source: where they belong.

    Yields:
        The photograph's file as bytes, and its description.

    Raises:
        DataError: a shard is missing, cut short, or damaged.
    """
    counts = dict(zip(source.parts, source.counts, strict=True))
    for part in parts:
        if not source.shards:
            yield Path(part).read_bytes(), {"name": Path(part).name, "category": Path(part).parent.name}
            continue
        found = 0
        try:
            with _open(part) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
                for sample in _pairs(tar):
                    found += 1
                    yield sample
        except (tarfile.TarError, FileNotFoundError, EOFError, ValueError) as error:
            raise DataError(f"{part}: the shard is missing or damaged ({error}); prepare the dataset again") from error
        if found != counts[part]:  # tarfile takes a file that is cut short for a shorter one
            raise DataError(f"{part}: holds {found} photographs, not {counts[part]}; prepare the dataset again")


def _pairs(tar: tarfile.TarFile) -> Iterator[Sample]:
    jpeg = b""
    for entry in tar:
        file = tar.extractfile(entry)
        content = file.read() if file else b""
        if entry.name.endswith(".json"):
            yield jpeg, json.loads(content)
        else:
            jpeg = content


def shuffled(samples: Iterable[Sample], rng: random.Random, size: int = SHUFFLE_BUFFER) -> Iterator[Sample]:
    """Shuffle a stream through a buffer of `size` photographs."""
    buffer: list[Sample] = []
    for sample in samples:
        if len(buffer) < size:
            buffer.append(sample)
            continue
        place = rng.randrange(size)
        yield buffer[place]
        buffer[place] = sample
    rng.shuffle(buffer)
    yield from buffer


def decode(content: bytes, source: Source) -> NDArray[np.uint8]:
    """Decode a photograph to (H, W, 3) sRGB uint8."""
    if source.shards:
        picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
        if picture is None:
            raise DataError(f"{source.place}: holds a photograph that cannot be decoded; prepare the dataset again")
        return np.asarray(picture, dtype=np.uint8)
    return read_small(content, longest=source.size, name=source.place)


@dataclass(frozen=True)
class Crop:
    """How a photograph is cut for training.

    Attributes:
        size: edge of the square that comes out, in pixels.
        zoom: the photograph's shorter edge is scaled to between `size` and `zoom` times `size`, never enlarged; at 1
            each crop holds the whole shorter edge.
        random: where the crop lies: anywhere, or in the middle.
    """

    size: int = 128
    zoom: float = 1.75
    random: bool = True


def cut(picture: NDArray[np.uint8], crop: Crop, rng: random.Random) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Cut a square from a photograph; what is too small for it is padded.

    Args:
        picture: (H, W, 3) sRGB uint8.
        crop: how.
        rng: draws scale and place.

    Returns:
        (size, size, 3) uint8 and (size, size) bool, true where the photograph is.
    """
    height, width = picture.shape[:2]
    zoom = crop.zoom ** rng.random() if crop.random else 1.0
    scale = min(1.0, crop.size * zoom / min(height, width))
    if scale < 1:
        new = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = np.asarray(cv2.resize(picture, new, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        height, width = picture.shape[:2]
    spare_y, spare_x = max(0, height - crop.size), max(0, width - crop.size)
    top = rng.randint(0, spare_y) if crop.random else spare_y // 2
    left = rng.randint(0, spare_x) if crop.random else spare_x // 2
    part = picture[top : top + crop.size, left : left + crop.size]
    square = np.zeros((crop.size, crop.size, 3), dtype=np.uint8)
    mask = np.zeros((crop.size, crop.size), dtype=bool)
    square[: part.shape[0], : part.shape[1]] = part
    mask[: part.shape[0], : part.shape[1]] = True
    return square, mask


class PhotoStream(IterableDataset[dict[str, torch.Tensor]]):
    """Batches of cut photographs: `rgb` (N, size, size, 3) uint8 and `mask` (N, size, size) bool.

    In training it never ends by itself: the caller takes as many batches as make an epoch. In validation it gives every
    photograph once.
    """

    def __init__(self, source: Source, *, crop: Crop, batch_size: int, seed: int, epoch: int, endless: bool) -> None:
        """Describe the stream; nothing is opened before it is read."""
        super().__init__()
        self.source = source
        self.crop = crop
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = epoch
        self.endless = endless

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        """Read this worker's part."""
        cv2.setNumThreads(0)
        info = get_worker_info()
        worker = info.id if info else 0
        rng = random.Random(f"{self.seed} {self.epoch} {worker}")
        samples = self._samples(rng)
        while batch := [
            cut(decode(content, self.source), self.crop, rng) for content, _ in islice(samples, self.batch_size)
        ]:
            yield {
                "rgb": torch.from_numpy(np.stack([square for square, _ in batch])),
                "mask": torch.from_numpy(np.stack([mask for _, mask in batch])),
            }

    def _samples(self, rng: random.Random) -> Iterator[Sample]:
        turn = 0
        while True:
            parts = list(self.source.parts)
            if self.endless:
                # The same order for every worker, so that splitting it leaves out and repeats nothing.
                random.Random(f"{self.seed} {self.epoch} {turn}").shuffle(parts)
            mine = list(split_by_worker(split_by_node(parts)))
            if not mine:
                # Fewer shards than workers: share every shard's photographs out instead.
                yield from self._shared(parts, rng)
            elif self.endless:
                yield from shuffled(read_samples(mine, self.source), rng)
            else:
                yield from read_samples(mine, self.source)
            if not self.endless:
                return
            turn += 1

    def _shared(self, parts: list[str], rng: random.Random) -> Iterator[Sample]:
        if self.endless:
            yield from shuffled(read_samples(parts, self.source), rng)


def loader(stream: PhotoStream, *, workers: int) -> DataLoader[Any]:
    """Give a DataLoader of ready-made batches."""
    return DataLoader(stream, batch_size=None, num_workers=workers, prefetch_factor=4 if workers else None)


def pictures(source: Source, *, limit: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """Give whole photographs, (H, W, 3) sRGB uint8, in the dataset's own order."""
    for content, _ in islice(read_samples(source.parts, source), limit):
        yield decode(content, source)

"""Photographs streamed into training: tar shards, local or over http(s), or a plain folder.

Shards and photographs are shuffled anew each epoch, from the seed and the epoch alone; each worker of each device reads
its own part. However large the dataset, what is held is one buffer of compressed photographs for each worker.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from tinct.errors import DataError, UnreadableError
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
        digests: SHA-256 of each shard; empty for a plain folder and for datasets without them.
        shards: whether the parts are shards.
        size: longest edge that photographs are fitted into.
    """

    place: str
    parts: tuple[str, ...]
    counts: tuple[int, ...]
    shards: bool
    size: int
    digests: tuple[str, ...] = ()

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
    try:
        shards = card["shards"][split]
        return Source(
            place,
            tuple(f"{place}/{shard['file']}" for shard in shards),
            tuple(int(shard["count"]) for shard in shards),
            True,
            int(card["size"]),
            tuple(str(shard["sha256"]) for shard in shards if "sha256" in shard),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{place}/dataset.json: damaged ({error!r}); prepare the dataset again") from error


def _read_card(place: str) -> dict[str, Any] | None:
    address = f"{place}/dataset.json"
    try:
        with _open(address) as stream:
            card: dict[str, Any] = json.load(stream)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{address}: cannot be read ({error}); prepare the dataset again") from error
    if not isinstance(card, dict):
        raise DataError(f"{address}: damaged; prepare the dataset again")
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
    known = {part: place for place, part in enumerate(source.parts)} if source.shards else {}
    for part in parts:
        if not source.shards:
            yield _read_file(part), {"name": part, "category": Path(part).parent.name}
            continue
        found = 0
        try:
            with _open(part) as stream:
                checked: Any = _Hashed(stream)
                with tarfile.open(fileobj=checked, mode="r|") as tar:
                    for sample in _pairs(tar, part):
                        found += 1
                        yield sample
                checked.finish()
        except (tarfile.TarError, OSError, EOFError, ValueError, http.client.HTTPException) as error:
            raise DataError(f"{part}: the shard is missing or damaged ({error}); prepare or copy it again") from error
        expected = source.digests[known[part]] if source.digests else ""
        # tarfile takes a file that is cut short for a shorter one.
        if found != source.counts[known[part]] or (expected and checked.digest != expected):
            raise DataError(f"{part}: is not what dataset.json says it is; prepare or copy it again")


class _Hashed:
    """A stream that is hashed while it is read."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        content: bytes = self._stream.read(size)
        self._hash.update(content)
        return content

    def finish(self) -> None:
        """Read what is left: a tar file ends in padding."""
        while self.read(1 << 16):
            pass

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def _read_file(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); take it out of the folder") from error


def _pairs(tar: tarfile.TarFile, part: str) -> Iterator[Sample]:
    jpeg = b""
    for entry in tar:
        file = tar.extractfile(entry)
        content = file.read() if file else b""
        if entry.name.endswith(".json"):
            card = json.loads(content)
            card["name"] = f"{part}: {card.get('name', entry.name)}"
            yield jpeg, card
            jpeg = b""
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


def decode(content: bytes, card: dict[str, Any], source: Source) -> NDArray[np.uint8]:
    """Decode a photograph to (H, W, 3) sRGB uint8.

    Raises:
        DataError: it cannot be decoded; `card["name"]` is named.
    """
    if not source.shards:
        try:
            return read_small(content, longest=source.size, name=card["name"])
        except UnreadableError as error:
            raise DataError(str(error)) from error
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB) if content else None
    if picture is None:
        raise DataError(f"{card['name']}: cannot be decoded; prepare the dataset again")
    return np.asarray(picture, dtype=np.uint8)


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

    In training it never ends by itself: the caller takes as many batches as make an epoch. Each reader (a worker of a
    rank) then has shards of its own, drawn anew each epoch; an epoch takes equally much from each reader, so that with
    few shards some photographs come twice and others not, which evens out from epoch to epoch. In validation every
    photograph comes once.
    """

    def __init__(
        self,
        source: Source,
        *,
        crop: Crop,
        batch_size: int,
        seed: int,
        epoch: int,
        endless: bool,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        """Describe the stream; nothing is opened before it is read."""
        super().__init__()
        self.rank = rank
        self.ranks = ranks
        self.source = source
        self.crop = crop
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = epoch
        self.endless = endless

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        """Read this reader's part."""
        info = get_worker_info()
        if info is not None:
            cv2.setNumThreads(0)
        workers, worker = (info.num_workers, info.id) if info is not None else (1, 0)
        reader, readers = self.rank * workers + worker, self.ranks * workers
        rng = random.Random(f"{self.seed} {self.epoch} {reader}")
        samples = self._samples(rng, reader=reader, readers=readers)
        while batch := list(islice(samples, self.batch_size)):
            cuts = [cut(decode(content, card, self.source), self.crop, rng) for content, card in batch]
            yield {
                "rgb": torch.from_numpy(np.stack([square for square, _ in cuts])),
                "mask": torch.from_numpy(np.stack([mask for _, mask in cuts])),
            }

    def _samples(self, rng: random.Random, *, reader: int, readers: int) -> Iterator[Sample]:
        for turn in count():
            parts = list(self.source.parts)
            if self.endless:
                # The same order for every reader, so that each part has one reader only.
                random.Random(f"{self.seed} {self.epoch} {turn}").shuffle(parts)
            if len(parts) >= readers:
                samples = read_samples(parts[reader::readers], self.source)
            else:
                samples = islice(read_samples(parts, self.source), reader, None, readers)
            yield from shuffled(samples, rng) if self.endless else samples
            if not self.endless or not self.source.count:
                return


def loader(stream: PhotoStream, *, workers: int) -> DataLoader[Any]:
    """Give a DataLoader of ready-made batches.

    The files of a plain folder are decoded by libvips, whose threads do not survive a fork: its workers start anew.
    """
    context = "spawn" if workers and not stream.source.shards else None
    prefetch = 4 if workers else None
    return DataLoader(
        stream, batch_size=None, num_workers=workers, prefetch_factor=prefetch, multiprocessing_context=context
    )


def pictures(source: Source, *, limit: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """Give whole photographs, (H, W, 3) sRGB uint8, in the dataset's own order."""
    for content, card in islice(read_samples(source.parts, source), limit):
        yield decode(content, card, source)

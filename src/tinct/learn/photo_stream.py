"""Stream photographs into a training, cropped to squares.

Shards and photographs are shuffled in each epoch, by the seed and the epoch only. Each worker of each device reads its
own part, with one buffer of compressed photographs, however large the dataset is.
"""

from __future__ import annotations

import atexit
import os
import random
from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass, replace
from itertools import accumulate, count, islice, repeat
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from tinct.data.source import Sample, Source, decode, read_samples
from tinct.learn.settings import FORMS, Training
from tinct.learn.sevenfold import in_forms, piece
from tinct.parallel import unheard
from tinct.remote import is_address, is_http

SHUFFLE_BUFFER = 1000  # photographs


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


@dataclass(frozen=True)
class Crop:
    """How a photograph is cropped for training.

    Attributes:
        size: edge of the resulting square, in pixels.
        zoom: the shorter edge is scaled to between `size` and `zoom` times `size`; at 1, the crop contains the whole
            shorter edge.
        random: crop at a random place and scale, instead of in the middle at scale 1.
        enlarge: the largest scale; at 1 no photograph is enlarged.
        whole: fit the whole photograph into the middle of the square instead of cropping; `zoom` and `random` are then
            ignored.
        lanczos: make photographs smaller with a Lanczos kernel instead of averaging over areas.
    """

    size: int = 128
    zoom: float = 1.75
    random: bool = True
    enlarge: float = 1.0
    whole: bool = False
    lanczos: bool = False

    @classmethod
    def of(cls, training: Training, split: str) -> Crop:
        """Return how a training crops the photographs of a split, `train` or `val`."""
        how = cls(training.crop, whole=training.letterbox, lanczos=training.scaling == "lanczos")
        if split == "val":
            return replace(how, zoom=1.0, random=False)
        drawn = training.augmentation.random_crop
        return replace(how, zoom=training.zoom, random=drawn, enlarge=training.enlarge)


def cut(picture: NDArray[np.uint8], crop: Crop, rng: random.Random) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Crop a square from a photograph (H, W, 3) sRGB uint8; one that is too small is padded.

    Returns:
        The square (size, size, 3) uint8, and its mask (size, size) bool, true inside the photograph.
    """
    zoom = crop.zoom ** rng.random() if crop.random and not crop.whole else 1.0
    edge = max(picture.shape[:2]) if crop.whole else min(picture.shape[:2])
    picture = _scaled(picture, min(crop.enlarge, crop.size * zoom / edge), crop)
    height, width = picture.shape[:2]
    square = np.zeros((crop.size, crop.size, 3), dtype=np.uint8)
    mask = np.zeros((crop.size, crop.size), dtype=bool)
    if crop.whole:
        top, left = (crop.size - height) // 2, (crop.size - width) // 2
        square[top : top + height, left : left + width] = picture
        mask[top : top + height, left : left + width] = True
        return square, mask
    spare_y, spare_x = max(0, height - crop.size), max(0, width - crop.size)
    top = rng.randint(0, spare_y) if crop.random else spare_y // 2
    left = rng.randint(0, spare_x) if crop.random else spare_x // 2
    part = picture[top : top + crop.size, left : left + crop.size]
    square[: part.shape[0], : part.shape[1]] = part
    mask[: part.shape[0], : part.shape[1]] = True
    return square, mask


def _scaled(picture: NDArray[np.uint8], scale: float, crop: Crop) -> NDArray[np.uint8]:
    if scale == 1:
        return picture
    height, width = (max(1, round(edge * scale)) for edge in picture.shape[:2])
    if crop.lanczos and scale < 1:
        # Not with libvips, whose threads do not survive the fork of workers.
        return np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS))
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=kind), dtype=np.uint8)


@dataclass(frozen=True)
class FeatureFile:
    """A file of a frozen encoder's features of the squares of a source's photographs, which are always the same.

    Attributes:
        path: the file of numbers, one photograph after the other.
        shape: (channels, h, w) of a photograph's features.
        places: (n,) place of each of the source's photographs in the file; -1 if it is not there.
        half: whether the numbers are bfloat16, as from mixed precision, instead of float32.
    """

    path: str
    shape: tuple[int, int, int]
    places: tuple[int, ...]
    half: bool

    def read(self, indices: list[int]) -> torch.Tensor:
        """Return the features (N, channels, h, w) of photographs, given by their indices in the source."""
        mapped = np.memmap(self.path, dtype=np.int16 if self.half else np.float32, mode="r").reshape(-1, *self.shape)
        features = torch.from_numpy(mapped[[self.places[index] for index in indices]])
        return features.view(torch.bfloat16) if self.half else features


@dataclass(frozen=True)
class Share:
    """The part of the photographs that one of several processes reads: number `rank` of `ranks`, from 0."""

    rank: int = 0
    ranks: int = 1

    def batches(self, count: int, batch_size: int) -> int:
        """Return the number of batches into which each process divides its part of `count` photographs (>= `ranks`)."""
        most, least = -(-count // self.ranks), count // self.ranks
        return max(1, min(-(-most // batch_size), least))

    def places(self, count: int, *, of: int = 1, part: int = 0) -> range:
        """Return the indices of its photographs among `count`; with `of` readers, those that reader `part` reads.

        The indices of all shares and parts are disjoint, cover all photographs, and differ in number by one at most.
        """
        reader, readers = self.rank * of + part, self.ranks * of
        return range(count * reader // readers, count * (reader + 1) // readers)


@dataclass(eq=False, repr=False)
class PhotoStream(IterableDataset[dict[str, torch.Tensor]]):
    """Batches of cropped photographs: `rgb` (N, size, size, 3) uint8 and `mask` (N, size, size) bool.

    In training (`endless`) the stream never ends: the caller takes the batches of an epoch, and each photograph comes
    as often as `Source.draws` says. Each reader (a worker of a rank) has its own shards, drawn anew in each epoch. An
    epoch takes equally much from each reader, so that with few shards some photographs come twice and others not at
    all; this evens out over epochs. In validation every photograph comes once, and each reader has its own range.

    With `batches`, a finite share is divided into so many nearly equal batches. With a file of features there is also
    `features`, those of each square. With `sevenfold`, each photograph comes in seven forms, and `form` (N,) is the
    index of each one's.
    """

    source: Source
    _: KW_ONLY
    crop: Crop
    batch_size: int
    seed: int
    epoch: int
    endless: bool
    share: Share = Share()
    batches: int | None = None
    features: FeatureFile | None = None
    sevenfold: bool = False

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        """Yield the batches of this reader."""
        info = get_worker_info()
        if info is not None:
            cv2.setNumThreads(0)
        workers, worker = (info.num_workers, info.id) if info is not None else (1, 0)
        rng = random.Random(f"{self.seed} {self.epoch} {self.share.rank * workers + worker}")
        samples = self._samples(rng, worker=worker, workers=workers)
        for size in self._sizes(worker=worker, workers=workers):
            batch = list(islice(samples, size))
            if not batch:
                return
            cuts = [cut(self._decoded(content, card, rng), self.crop, rng) for content, card in batch]
            made = {
                "rgb": torch.from_numpy(np.stack([square for square, _ in cuts])),
                "mask": torch.from_numpy(np.stack([mask for _, mask in cuts])),
            }
            if self.sevenfold:
                made["form"] = torch.tensor([card["form"] for _, card in batch])
            if self.features is not None:
                made["features"] = self.features.read([card["index"] for _, card in batch])
            yield made

    def _sizes(self, *, worker: int, workers: int) -> Iterable[int]:
        """Return the sizes of the batches to read; the last may come out smaller."""
        if self.batches is None:
            return repeat(self.batch_size)
        own = len(self.share.places(sum(self.source.counts), of=workers, part=worker))
        return [len(Share(part, self.batches).places(own)) for part in range(self.batches)]

    def _decoded(
        self, content: bytes | NDArray[np.uint8], card: dict[str, Any], rng: random.Random
    ) -> NDArray[np.uint8]:
        picture = decode(content, card, self.source)
        return piece(picture, card["form"], rng) if "form" in card else picture

    def _samples(self, rng: random.Random, *, worker: int, workers: int) -> Iterator[Sample]:
        if not self.endless:
            places = self.share.places(sum(self.source.counts), of=workers, part=worker)
            yield from _between(self.source, places)
            return
        reader, readers = self.share.rank * workers + worker, self.share.ranks * workers
        for turn in count():
            parts = list(self.source.parts)
            # In the same order for every reader, so that each part has one reader.
            random.Random(f"{self.seed} {self.epoch} {turn}").shuffle(parts)
            if len(parts) >= readers:
                samples = read_samples(parts[reader::readers], self.source)
            else:
                samples = islice(read_samples(parts, self.source), reader, None, readers)
            samples = _repeated(samples, self.source, rng)
            if self.sevenfold:
                # The forms of a photograph share its bytes, so that the larger buffer takes no more memory.
                yield from shuffled(in_forms(samples), rng, SHUFFLE_BUFFER * FORMS)
            else:
                yield from shuffled(samples, rng)
            if not self.source.count:
                return


def _between(source: Source, places: range) -> Iterator[Sample]:
    """Read the photographs of a range of indices of a source, from the parts that hold them."""
    ends = list(accumulate(source.counts))
    parts = [
        part
        for part, number, end in zip(source.parts, source.counts, ends, strict=True)
        if end > places.start and end - number < places.stop
    ]
    return (sample for sample in read_samples(parts, source) if sample[1]["index"] in places)


def _repeated(samples: Iterator[Sample], source: Source, rng: random.Random) -> Iterator[Sample]:
    """Yield each photograph as often as the source draws it, on average."""
    for sample in samples:
        share = 1.0 if source.draws is None else source.draws[sample[1]["index"]]
        whole = int(share)
        for _ in range(whole + (share > whole and rng.random() < share - whole)):
            yield sample


class _Loader(DataLoader[Any]):
    """A DataLoader whose workers ignore Ctrl-C."""

    def __iter__(self) -> Any:
        with unheard():  # the workers are started here
            return super().__iter__()


def loader(stream: PhotoStream, *, workers: int) -> DataLoader[Any]:
    """Return a DataLoader of the stream's batches.

    For a plain folder, whose files libvips decodes, and for buckets, which fsspec reads, workers are spawned, since the
    threads of libvips and fsspec do not survive a fork.
    """
    source = stream.source
    in_bucket = is_address(source.place) and not is_http(source.place)
    anew = bool(workers and not source.decoded and (in_bucket or not source.shards))
    return _Loader(
        stream,
        batch_size=None,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        multiprocessing_context="spawn" if anew else None,
        worker_init_fn=_leave_at_once if anew else None,
    )


def _leave_at_once(worker: int) -> None:
    """Make a worker exit without the clean-up of libvips and codecs, which sometimes aborts due to their threads."""
    atexit.register(os._exit, 0)

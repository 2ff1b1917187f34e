"""Streams of photographs: all of them, each once, split among workers, from everywhere."""

from __future__ import annotations

import functools
import http.server
import itertools
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from tinct.data.prepare import prepare
from tinct.data.source import open_source, pictures, read_samples
from tinct.errors import DataError
from tinct.learn.photo_stream import Crop, PhotoStream, Share, cut, loader, shuffled
from tinct.media.image.small import reduce_small


@pytest.fixture(scope="module")
def dataset(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare([photo_folder], tmp_path_factory.mktemp("set"), val=0.25, shard_size=6).path


@pytest.fixture
def served(dataset: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(dataset))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _names(data: str | Path, split: str) -> list[str]:
    source = open_source(data, split=split)
    return [card["name"].rpartition(": ")[2] + card["category"] for _, card in read_samples(source.parts, source)]


def test_a_dataset_gives_each_photograph_once(dataset: Path) -> None:
    train, val = _names(dataset, "train"), _names(dataset, "val")
    assert len(set(train)) == len(train) == open_source(dataset, split="train").count
    assert not set(train) & set(val)
    assert len(train) + len(val) == 48


def test_shards_stream_over_http(dataset: Path, served: str) -> None:
    assert _names(served, "train") == _names(dataset, "train")
    with pytest.raises(DataError, match="no such dataset"):
        open_source(f"{served}/nowhere", split="train")


def test_a_plain_folder_works_too(photo_folder: Path) -> None:
    train, val = (open_source(photo_folder, split=split, val=0.25) for split in ("train", "val"))
    assert train.count + val.count == 48
    assert 0 < val.count < 24
    assert next(pictures(train)).shape[2] == 3


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("split", ["train", "val"])
def test_validation_gives_every_photograph_once_whatever_the_workers(dataset: Path, split: str, workers: int) -> None:
    source = open_source(dataset, split=split)
    stream = PhotoStream(source, crop=Crop(64, random=False), batch_size=5, seed=0, epoch=0, endless=False)
    batches = list(loader(stream, workers=workers))
    assert sum(len(batch["rgb"]) for batch in batches) == source.count
    sums = {float(square.sum()) for batch in batches for square in batch["rgb"].double()}
    assert len(sums) == source.count


@pytest.mark.parametrize("ranks", [2, 3])
def test_devices_share_the_photographs(dataset: Path, ranks: int) -> None:
    source = open_source(dataset, split="train")
    for epoch in range(2):
        seen = []
        for rank in range(ranks):
            stream = PhotoStream(
                source, crop=Crop(64), batch_size=1, seed=0, epoch=epoch, endless=False, share=Share(rank, ranks)
            )
            seen.append(sum(len(batch["rgb"]) for batch in stream))
        assert sum(seen) == source.count
        assert min(seen) > 0


@pytest.mark.parametrize("batch_size", [1, 4, 7])
@pytest.mark.parametrize("ranks", [2, 5])
def test_devices_validate_in_as_many_batches_each(dataset: Path, ranks: int, batch_size: int) -> None:
    source = open_source(dataset, split="val")
    shares = [Share(rank, ranks) for rank in range(ranks)]
    parts = []
    for share in shares:
        batches = share.batches(source.count, batch_size)
        stream = PhotoStream(
            source,
            crop=Crop(64, random=False),
            batch_size=batch_size,
            seed=0,
            epoch=0,
            endless=False,
            share=share,
            batches=batches,
        )
        parts.append([[float(square.sum()) for square in batch["rgb"].double()] for batch in stream])
        assert len(parts[-1]) == batches
        assert all(0 < len(batch) <= max(2, batch_size) for batch in parts[-1])
    seen = [square for part in parts for batch in part for square in batch]
    assert len(seen) == len(set(seen)) == source.count


def test_training_order_depends_on_seed_and_epoch_alone(dataset: Path) -> None:
    source = open_source(dataset, split="train")

    def first(seed: int, epoch: int) -> torch.Tensor:
        stream = PhotoStream(source, crop=Crop(64), batch_size=8, seed=seed, epoch=epoch, endless=True)
        return next(iter(stream))["rgb"]

    assert torch.equal(first(1, 2), first(1, 2))
    assert not torch.equal(first(1, 2), first(1, 3))
    assert not torch.equal(first(1, 2), first(2, 2))


def test_readers_without_a_shard_of_their_own_share_what_there_is(dataset: Path) -> None:
    source = open_source(dataset, split="val")
    ranks = len(source.parts) + 3

    def drawn(rank: int) -> set[float]:
        stream = PhotoStream(
            source, crop=Crop(64, random=False), batch_size=1, seed=0, epoch=0, endless=False, share=Share(rank, ranks)
        )
        return {float(batch["rgb"].double().sum()) for batch in stream}

    parts = [drawn(rank) for rank in range(ranks)]
    assert sum(len(part) for part in parts) == len(set().union(*parts)) == source.count


def test_training_never_ends_by_itself(dataset: Path) -> None:
    source = open_source(dataset, split="train")
    stream = PhotoStream(source, crop=Crop(64), batch_size=16, seed=0, epoch=0, endless=True)
    assert sum(len(batch["rgb"]) for batch in itertools.islice(stream, 12)) == 192


def test_shuffling_keeps_all_and_holds_few() -> None:
    taken: list[int] = []

    def source() -> Iterator[tuple[bytes, dict[str, int]]]:
        for number in range(1000):
            taken.append(number)
            yield b"", {"number": number}

    stream = shuffled(source(), random.Random(0), size=50)
    first = next(stream)[1]["number"]
    assert len(taken) == 51
    numbers = [first, *(card["number"] for _, card in stream)]
    assert sorted(numbers) == list(range(1000))
    assert numbers != sorted(numbers)


def test_cutting_pads_what_is_too_small_and_says_where() -> None:
    picture = np.full((40, 200, 3), 7, np.uint8)
    square, mask = cut(picture, Crop(64, random=False), random.Random(0))
    assert square.shape == (64, 64, 3)
    assert mask[:40].all()
    assert not mask[40:].any()
    assert (square[mask] == 7).all()
    assert (square[~mask] == 0).all()


def test_cutting_enlarges_only_as_far_as_it_may() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (100, 100, 3), dtype=np.uint8)
    seeds = range(30)
    filled = [cut(picture, Crop(160, zoom=1.5, enlarge=1.2), random.Random(seed))[1] for seed in seeds]
    assert {mask.any(axis=0).sum() for mask in filled} == {120}
    filled = [cut(picture, Crop(160, zoom=1.5, enlarge=2.0), random.Random(seed))[1] for seed in seeds]
    assert all(mask.all() for mask in filled)
    filled = [cut(picture, Crop(160, zoom=1.5), random.Random(seed))[1] for seed in seeds]
    assert {mask.any(axis=0).sum() for mask in filled} == {100}


def test_cutting_keeps_the_shorter_edge_at_zoom_1() -> None:
    picture = np.arange(200 * 300 * 3, dtype=np.uint32).reshape(200, 300, 3).astype(np.uint8)
    square, mask = cut(picture, Crop(100, zoom=1.0), random.Random(0))
    assert mask.all()
    assert square.shape == (100, 100, 3)


def test_a_damaged_shard_is_named(dataset: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in dataset.iterdir():
        content = file.read_bytes()
        (broken / file.name).write_bytes(content[: len(content) // 2] if file.name == "train-000000.tar" else content)
    source = open_source(broken, split="train")
    with pytest.raises(DataError, match=r"train-000000\.tar"):
        list(read_samples(source.parts, source))


def test_a_missing_dataset_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing"):
        open_source(tmp_path / "nothing", split="train")
    with pytest.raises(DataError, match="no photographs"):
        open_source(tmp_path, split="train")


def test_a_letterboxed_photograph_is_whole_in_the_middle_and_masked_around() -> None:
    picture = np.random.default_rng(0).integers(1, 255, (100, 160, 3), dtype=np.uint8)
    drawn = random.Random(0)
    square, mask = cut(picture, Crop(200, whole=True), drawn)
    assert np.array_equal(square[50:150, 20:180], picture)
    assert mask[50:150, 20:180].all()
    assert mask.sum() == 100 * 160
    assert not square[~mask].any()
    assert drawn.random() == random.Random(0).random()
    small, inside = cut(picture, Crop(80, whole=True), drawn)
    assert inside.sum() == 50 * 80
    assert inside[15:65].all()
    assert small[inside].mean() == pytest.approx(picture.mean(), abs=1)


@pytest.mark.parametrize("crop", [Crop(80, whole=True), Crop(50, zoom=1)])
def test_lanczos_is_that_of_libvips(crop: Crop) -> None:
    picture = np.random.default_rng(1).integers(0, 255, (100, 160, 3), dtype=np.uint8)
    square, mask = cut(picture, replace(crop, lanczos=True, random=False), random.Random(0))
    reference = reduce_small(picture, longest=80).astype(int)
    if not crop.whole:
        reference = reference[:, 15:65]
    assert np.abs(square[mask].reshape(reference.shape) - reference).mean() < 1.5
    area = cut(picture, replace(crop, random=False), random.Random(0))[0]
    assert np.abs(area[mask].reshape(reference.shape) - reference).mean() > 6


def test_sevenfold_each_photograph_comes_in_every_form(photo_folder: Path) -> None:
    source = open_source(photo_folder, split="train", val=0.2)
    count = source.count
    stream = PhotoStream(
        source, crop=Crop(192, whole=True), batch_size=count, seed=0, epoch=0, endless=True, sevenfold=True
    )
    batches = list(islice(stream, 7))
    forms = torch.cat([batch["form"] for batch in batches])
    assert torch.bincount(forms).tolist() == [count] * 7
    covered = torch.cat([batch["mask"] for batch in batches]).flatten(1).sum(dim=1)
    whole = {160 * 160, 120 * 160}
    pieces = {112 * 112, 84 * 112}
    assert set(covered[forms < 5].tolist()) == whole
    assert set(covered[forms >= 5].tolist()) == pieces

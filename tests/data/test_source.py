"""Which photographs a training takes, and how often."""

from __future__ import annotations

import csv
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tinct.color.bins import ColorBins
from tinct.data.prepare import prepare
from tinct.data.source import Source, open_source, pictures, read_samples, select
from tinct.errors import DataError, SettingError
from tinct.learn.photo_stream import Crop, PhotoStream, loader
from tinct.learn.run import Run, draw_shares
from tinct.learn.settings import Training
from tinct.learn.train import train

SMALL: dict[str, Any] = {
    "network": "flat",
    "options": {"width": 4},
    "batch_size": 4,
    "crop": 32,
    "workers": 0,
    "bins": 8,
    "average": 0.0,
    "precision": "float32",
    "devices": "cpu",
}


@pytest.fixture(scope="module")
def dataset(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(prepare([photo_folder], tmp_path_factory.mktemp("set"), val=0.2, shard_size=10).path)


def _drawn(source: Source) -> set[int]:
    return {card["index"] for _, card in read_samples(source.parts, source)}


@pytest.mark.parametrize("kind", ["dataset", "folder"])
def test_a_share_is_drawn_by_seed_and_smaller_ones_are_part_of_larger(
    dataset: str, photo_folder: Path, kind: str
) -> None:
    source = open_source(dataset if kind == "dataset" else photo_folder, split="train")
    assert _drawn(source) == set(range(source.count))
    third, half, again, other = (
        select(source, subset=share, seed=seed) for share, seed in ((0.3, 1), (0.6, 1), (0.6, 1), (0.6, 2))
    )
    assert _drawn(third) < _drawn(half) == _drawn(again) != _drawn(other)
    assert half.count == len(_drawn(half)) == sum(1 for _ in pictures(half))
    assert 0.3 * source.count < half.count < 0.9 * source.count
    assert select(source) is source


@pytest.mark.parametrize("kind", ["dataset", "folder"])
def test_categories_are_chosen_by_name(dataset: str, photo_folder: Path, kind: str) -> None:
    source = open_source(dataset if kind == "dataset" else photo_folder, split="train")
    chosen = select(source, categories=("outdoors",))
    assert 0 < chosen.count < source.count
    assert {card["category"] for _, card in read_samples(chosen.parts, chosen)} == {"outdoors"}
    with pytest.raises(DataError, match="no category 'beach'; there are indoors, outdoors"):
        select(source, categories=("outdoors", "beach"))
    with pytest.raises(DataError, match="no photograph is left"):
        select(source, subset=1e-9)


@pytest.fixture
def divided(photo_folder: Path, tmp_path: Path) -> Path:
    """A folder with splits of its own, hidden files and a hidden folder in it."""
    folder = tmp_path / "divided"
    files = sorted((photo_folder / "indoors").iterdir())
    for split, some in (("train", files[:9]), ("validation", files[9:13]), ("test", files[13:16])):
        for index, file in enumerate(some):
            target = folder / split / ("cats" if index % 2 else "dogs") / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    (folder / "train" / "cats" / "._00.png").write_bytes(b"what macOS leaves beside a picture")
    (folder / ".trash").mkdir()
    (folder / ".trash" / "0.png").write_bytes(files[20].read_bytes())
    return folder


def test_a_folders_own_splits_are_kept_and_hidden_files_passed_over(divided: Path) -> None:
    for seed in range(3):
        sources = {split: open_source(divided, split=split, val=0.5, seed=seed) for split in ("train", "val", "test")}
        assert {split: source.count for split, source in sources.items()} == {"train": 9, "val": 4, "test": 3}
        assert all("/validation/" in card["name"] for _, card in read_samples(sources["val"].parts, sources["val"]))
    assert len(list(pictures(sources["train"]))) == 9
    assert select(sources["train"], categories=("cats",)).count == 4


def test_what_a_folder_has_no_validation_of_is_divided(divided: Path) -> None:
    shutil.rmtree(divided / "validation")
    train, val, test = (open_source(divided, split=split, val=0.5, seed=1) for split in ("train", "val", "test"))
    assert (train.count + val.count, test.count) == (9, 3)
    assert 0 < val.count < 9


def test_a_training_reads_a_folder_as_it_is_divided(divided: Path, tmp_path: Path) -> None:
    run = train(Training(data=str(divided), epochs=1, **SMALL), tmp_path / "run")
    with (run.path / "metrics.csv").open(newline="") as file:
        assert all(row["val_loss"] for row in csv.DictReader(file))


def test_an_endless_stream_draws_as_often_as_told(dataset: str) -> None:
    source = open_source(dataset, split="train")
    draws = [0.0, 0.5, 3.0, *[1.0] * (source.count - 3)]
    told = Source(**{**vars(source), "draws": tuple(draws)})
    stream = PhotoStream(told, crop=Crop(16), batch_size=10, seed=0, epoch=0, endless=True)
    seen: Counter[int] = Counter()
    reads = stream._samples(random.Random(1), worker=0, workers=1)
    for _, (_, card) in zip(range(round(sum(draws) * 60)), reads, strict=False):
        seen[card["index"]] += 1
    assert seen[0] == 0
    assert seen[1] == pytest.approx(30, abs=14)
    assert seen[2] == pytest.approx(180, abs=6)
    assert next(iter(loader(stream, workers=0)))["rgb"].shape == (10, 16, 16, 3)


def test_photographs_of_rare_colours_are_drawn_more_often(dataset: str) -> None:
    source = open_source(dataset, split="train")
    bins = ColorBins.learn(pictures(source), bins=16)
    alike, some, most = (draw_shares(source, bins, strength=strength) for strength in (0.0, 0.5, 1.0))
    np.testing.assert_allclose(alike, 1)
    assert 0 < some.std() < most.std()
    assert most.mean() == pytest.approx(1)
    # By hand: the mean of 1 / frequency over a photograph's pixels.
    from tinct.color.spaces import chroma_space

    index = int(most.argmax())
    picture = list(pictures(source))[index].astype(np.float32) / 255
    shares = [
        (1 / bins.frequencies)[bins.encode(chroma_space("yuv").split(each.astype(np.float32) / 255)[1])].mean()
        for each in pictures(source)
    ]
    rare = (1 / bins.frequencies)[bins.encode(chroma_space("yuv").split(picture)[1])].mean()
    assert most[index] == pytest.approx(rare / np.mean(shares), rel=1e-4)
    half = select(source, subset=0.5)
    assert (draw_shares(half, bins, strength=1.0) > 0).sum() == half.count


@pytest.mark.parametrize("task", ["bins", "regression"])
def test_a_training_resamples_and_goes_on_alike(dataset: str, tmp_path: Path, task: str) -> None:
    training = Training(data=dataset, task=task, resample=0.8, epochs=1, **SMALL)
    train(training, tmp_path / "run")
    shares = np.load(tmp_path / "run" / "resample.npy")
    assert shares.std() > 0
    train(training.changed({"epochs": 2}), tmp_path / "run", resume=True)
    plain = train(training.changed({"resample": 0.0, "epochs": 2}), tmp_path / "plain")
    first, second = (
        torch.load(path / "checkpoints" / "last.ckpt", weights_only=False)["state_dict"]
        for path in (tmp_path / "run", plain.path)
    )
    assert any(not torch.equal(first[key], second[key]) for key in first)
    with pytest.raises(SettingError, match="another resample"):
        train(training.changed({"resample": 0.2, "epochs": 3}), tmp_path / "run", resume=True)


def test_a_training_takes_the_steps_and_photographs_it_is_told(dataset: str, tmp_path: Path) -> None:
    training = Training(data=dataset, epochs=2, epoch_steps=17, subset=0.4, categories=("indoors",), **SMALL)
    run = train(training, tmp_path / "run")
    state = torch.load(run.path / "checkpoints" / "last.ckpt", weights_only=False)
    assert state["global_step"] == 34  # more than there are photographs for in one pass
    assert Run.open(run.path).training == training
    with pytest.raises(SettingError, match="another categories"):
        train(training.changed({"categories": (), "epochs": 3}), run.path, resume=True)
    for wrong in (
        {"epoch_steps": 0},
        {"limit": 4},
        {"minutes": 0},
        {"subset": 0.0},
        {"subset": 1.5},
        {"resample": 2.0},
    ):
        with pytest.raises(SettingError):
            training.changed(wrong).check()


def test_a_training_ends_by_time_and_stays_ended(dataset: str, tmp_path: Path) -> None:
    training = Training(data=dataset, epochs=100_000, epoch_steps=3, minutes=0.05, **SMALL)
    run = train(training, tmp_path / "run")
    with (run.path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert 1 <= len(rows) < 2000
    assert all(row["val_loss"] for row in rows)
    assert float(rows[-1]["learning_rate"]) < 0.3 * max(float(row["learning_rate"]) for row in rows)
    steps = torch.load(run.path / "checkpoints" / "last.ckpt", weights_only=False)["global_step"]
    train(training, run.path, resume=True)
    assert torch.load(run.path / "checkpoints" / "last.ckpt", weights_only=False)["global_step"] == steps
    train(training.changed({"minutes": 0.08}), run.path, resume=True)
    assert torch.load(run.path / "checkpoints" / "last.ckpt", weights_only=False)["global_step"] > steps

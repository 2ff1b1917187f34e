"""What trainings share: the same pixels, in the same order, and the same results as without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tinct.data import source as sources
from tinct.data.source import decode_source, open_source, pictures, select
from tinct.errors import DataError, OutputError
from tinct.learn.networks.registry import build
from tinct.learn.networks.transfer import TransferNetwork
from tinct.learn.photo_stream import Crop, PhotoStream, loader
from tinct.learn.settings import AUGMENTATIONS, Augmentation, Training
from tinct.learn.streams import Streams, can_store, store_features
from tinct.learn.tasks import split_rgb
from tinct.learn.train import train

PLAIN = AUGMENTATIONS["none"]


def _batches(source: Any, *, workers: int = 0, epoch: int = 0) -> list[dict[str, torch.Tensor]]:
    stream = PhotoStream(source, crop=Crop(48), batch_size=4, seed=1, epoch=epoch, endless=True)
    batches = iter(loader(stream, workers=workers))
    return [next(batches) for _ in range(14)]


@pytest.mark.parametrize("kind", ["dataset", "folder"])
@pytest.mark.parametrize("workers", [0, 2])
def test_decoded_photographs_come_in_the_same_order_with_the_same_pixels(
    dataset: str, photo_folder: Path, tmp_path: Path, kind: str, workers: int
) -> None:
    source = open_source(dataset if kind == "dataset" else photo_folder, split="train")
    shared = decode_source(source, tmp_path)
    assert shared.count == source.count
    for expected, found in zip(pictures(source), pictures(shared), strict=True):
        assert np.array_equal(expected, found)
    for epoch in (0, 3):
        plain, same = (_batches(each, workers=workers, epoch=epoch) for each in (source, shared))
        for expected, found in zip(plain, same, strict=True):
            assert torch.equal(expected["rgb"], found["rgb"])
            assert torch.equal(expected["mask"], found["mask"])


def test_they_are_decoded_once(dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = open_source(dataset, split="train")
    part = select(source, subset=0.5, seed=2)
    first = decode_source(part, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(sources, "decode", lambda *_: pytest.fail("decoded again"))
        assert decode_source(source, tmp_path).decoded == first.decoded
    assert sum(1 for _ in pictures(first)) == part.count < source.count
    assert [path.name for path in tmp_path.iterdir()] == [Path(first.decoded).name]


def test_other_photographs_are_decoded_anew(photo_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    files = sorted((photo_folder / "indoors").iterdir())
    for file in files[:3]:
        (folder / file.name).write_bytes(file.read_bytes())
    before = decode_source(open_source(folder, split="train", val=0), tmp_path / "cache")
    (folder / files[0].name).write_bytes(files[4].read_bytes())
    after = decode_source(open_source(folder, split="train", val=0), tmp_path / "cache")
    assert before.decoded != after.decoded
    assert not np.array_equal(next(pictures(before)), next(pictures(after)))


def test_nothing_half_made_is_left_or_read(photo_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.png").write_bytes((photo_folder / "indoors" / "00.png").read_bytes())
    (folder / "b.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"b\.png"):
        decode_source(open_source(folder, split="train", val=0), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    (folder / "b.png").unlink()
    made = decode_source(open_source(folder, split="train", val=0), tmp_path / "cache")
    pixels = Path(made.decoded) / "pixels.bin"
    pixels.write_bytes(pixels.read_bytes()[:-1])
    with pytest.raises(DataError, match="remove the folder"):
        list(pictures(made))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="write elsewhere"):
        decode_source(open_source(folder, split="train", val=0), tmp_path / "file" / "cache")


@pytest.mark.parametrize(("half", "size", "enlarge"), [(False, 48, 1.0), (True, 48, 1.0), (False, 160, 2.0)])
def test_features_are_those_the_encoder_gives(
    dataset: str, tmp_path: Path, half: bool, size: int, enlarge: float
) -> None:
    network = build("squeezenet1_1", outputs=2, options={"width": 8})
    assert isinstance(network, TransferNetwork)
    source = select(open_source(dataset, split="train"), subset=0.7)
    crop = Crop(size, zoom=1.0, random=False, enlarge=enlarge)
    settings: dict[str, Any] = {"crop": crop, "space": "lab", "half": half, "device": torch.device("cpu")}
    file = store_features(network, source, tmp_path, **settings)
    stream = PhotoStream(source, crop=crop, batch_size=5, seed=7, epoch=2, endless=True, features=file)
    batches = iter(loader(stream, workers=0))
    for batch in (next(batches) for _ in range(9)):
        luma = split_rgb(batch["rgb"].permute(0, 3, 1, 2).float() / 255, "lab")[0]
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            expected = network.encode(luma)
        assert batch["features"].dtype == expected.dtype
        torch.testing.assert_close(
            batch["features"], expected, rtol=1e-2 if half else 1e-4, atol=1e-2 if half else 1e-5
        )
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert store_features(network, source, tmp_path, **settings) == file
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    other = build("squeezenet1_1", outputs=2, options={"width": 8})
    assert isinstance(other, TransferNetwork)
    assert store_features(other, source, tmp_path, **settings).path != file.path
    larger = {**settings, "crop": Crop(size, zoom=1.0, random=False, enlarge=enlarge + 1)}
    assert store_features(network, source, tmp_path, **larger).path != file.path


def test_features_of_enlarged_photographs_are_those_of_the_squares_they_come_with(dataset: str, tmp_path: Path) -> None:
    network = build("squeezenet1_1", outputs=2, options={"width": 8})
    training = Training(dataset, crop=160, enlarge=2.0, batch_size=4, workers=0, augmentation=PLAIN)
    streams = Streams(training, *(open_source(dataset, split=split) for split in ("train", "val")))
    streams.features = streams.stored_features(network, tmp_path, seen=10**6, half=False, device=torch.device("cpu"))
    batch = next(iter(streams.train_dataloader()))
    assert batch["mask"].all()
    with torch.no_grad():
        expected = network.encode(split_rgb(batch["rgb"].permute(0, 3, 1, 2).float() / 255, "yuv")[0])  # type: ignore[operator]
    torch.testing.assert_close(batch["features"], expected, rtol=1e-4, atol=1e-5)


def test_only_a_frozen_encoder_on_plain_squares_is_stored() -> None:
    frozen = build("squeezenet1_1", outputs=2, options={"width": 8})
    assert can_store(frozen, PLAIN)
    assert not can_store(frozen, Augmentation())
    assert not can_store(build("squeezenet1_1", outputs=2, options={"width": 8, "frozen": False}), PLAIN)
    assert not can_store(build("flat", outputs=2), PLAIN)


def test_a_training_is_the_same_with_and_without(dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    weights = build("squeezenet1_1", outputs=2).encoder.state_dict()  # type: ignore[union-attr]
    torch.save({key: value for key, value in weights.items() if key.startswith("features.")}, tmp_path / "w.pth")
    training = Training(
        data=dataset, network="squeezenet1_1", encoder_weights=str(tmp_path / "w.pth"), task="regression", space="lab",
        epochs=3, batch_size=8, crop=32, workers=0, average=0.5, precision="float32", devices="cpu", augmentation=PLAIN,
        options={"regularization": "dropout"},
    )  # fmt: skip
    plain = train(training, tmp_path / "plain")
    encoded = []
    encode = TransferNetwork.encode
    monkeypatch.setattr(TransferNetwork, "encode", lambda self, luma: encoded.append(len(luma)) or encode(self, luma))
    shared = train(training, tmp_path / "shared", cache=tmp_path / "cache")
    photographs = sum(open_source(dataset, split=split).count for split in ("train", "val"))
    sheets = 3 * min(12, open_source(dataset, split="val").count)
    assert sum(encoded) == photographs + sheets  # each once, and those that the sheets show
    first, second = (
        torch.load(run.path / "checkpoints" / "last.ckpt", weights_only=False)["state_dict"] for run in (plain, shared)
    )
    for key, value in first.items():
        torch.testing.assert_close(value, second[key], rtol=1e-3, atol=5e-4, msg=key)  # rounding, raised by Adam
    rows = [(run.path / "metrics.csv").read_text().splitlines() for run in (plain, shared)]
    for expected, found in zip(*(np.genfromtxt(lines[1:], delimiter=",") for lines in rows), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-3)
    encoded.clear()
    train(training.changed({"learning_rate": 1e-4}), tmp_path / "next", cache=tmp_path / "cache")
    assert sum(encoded) == sheets  # the next arm encodes nothing again

"""Networks with a recogniser as encoder: frozen or not, pretrained or not, and what is said about it."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tinct.cli import build as build_app
from tinct.color.spaces import rgb_to_yuv
from tinct.coloring.photo.colorizer import Colorizer
from tinct.errors import SettingError
from tinct.learn.export import Export, export, trained_network
from tinct.learn.networks.backbones import SqueezeNet
from tinct.learn.networks.registry import build
from tinct.learn.networks.transfer import TransferNetwork
from tinct.learn.run import Run
from tinct.learn.schedule import Schedule
from tinct.learn.settings import Training
from tinct.learn.tasks import ColorizeTask
from tinct.learn.train import train
from tinct.runtime.modelfile import read_card

SMALL: dict[str, Any] = {
    "network": "squeezenet1_1",
    "epochs": 1,
    "batch_size": 8,
    "crop": 32,
    "workers": 0,
    "bins": 8,
    "average": 0.5,
    "precision": "float32",
    "devices": "cpu",
    "limit": 16,
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file in torchvision's layout; nobody's real weights."""
    torch.manual_seed(4)
    state = {key: value for key, value in SqueezeNet().state_dict().items() if key not in {"mean", "deviation"}}
    file = tmp_path_factory.mktemp("weights") / "squeezenet.pth"
    torch.save(state, file)
    return file


def _network(name: str = "vgg16", **options: Any) -> TransferNetwork:
    network = build(name, outputs=2, options={"width": 8, **options})
    assert isinstance(network, TransferNetwork)
    return network


def test_the_decoder_is_the_papers() -> None:
    with torch.device("meta"):
        network = build("vgg16", outputs=2)
    assert isinstance(network, TransferNetwork)
    filters = [layer.out_channels for layer in network.decoder if isinstance(layer, torch.nn.Conv2d)]
    assert filters == [256, 128, 64, 32, 16, 2]
    learned = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    assert learned == pytest.approx(1.5e6, rel=0.05)  # "approximately 1.5M parameters", section 4.1
    assert network.encode(torch.empty(1, 1, 224, 224, device="meta")).shape == (1, 512, 7, 7)


@pytest.mark.parametrize("name", ["vgg16", "squeezenet1_1"])
def test_a_frozen_encoder_stays_as_it_is(name: str) -> None:
    network = _network(name, regularization="dropout").train()
    assert not network.encoder.training
    assert network.decoder.training
    before = {key: value.clone() for key, value in network.state_dict().items()}
    training = Training("", task="regression", space="lab", learning_rate=0.1, weight_decay=0.5)
    task = ColorizeTask(network, training, bins=None, schedule=Schedule(steps=1, decay=0))
    optimizer = task.configure_optimizers()["optimizer"]
    task(torch.rand(2, 1, 64, 64)).sum().backward()
    optimizer.step()
    assert all(weight.grad is None for weight in network.encoder.parameters())
    for key, value in network.state_dict().items():
        assert torch.equal(before[key], value) == key.startswith("encoder.")


def test_regularization_stands_before_each_convolution_of_the_decoder() -> None:
    for kind, layer in (("batchnorm", torch.nn.BatchNorm2d), ("dropout", torch.nn.Dropout)):
        decoder = list(_network(regularization=kind, dropout=0.4).decoder)
        for index, module in enumerate(decoder):
            if isinstance(module, torch.nn.Conv2d):
                assert isinstance(decoder[index - 1], layer)
    assert next(module.p for module in decoder if isinstance(module, torch.nn.Dropout)) == 0.4
    for wrong in ({"regularization": "l2"}, {"dropout": 1.0}, {"width": 6}):
        with pytest.raises(SettingError, match="cannot be built"):
            _network(**wrong)


def test_chroma_is_bounded_by_tanh() -> None:
    network = _network()
    output = torch.full((1, 2, 4, 4), 9.0)
    assert torch.equal(network.finish(output, "regression"), torch.tanh(output))
    assert torch.equal(network.finish(output, "bins"), output)
    assert network.finish(-output, "rgb").min() >= 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "--encoder-weights FILE, or --from-scratch; torchvision publishes them at https"),
        ({"from_scratch": True}, "frozen=false"),
        ({"from_scratch": True, "encoder_weights": "w.pth"}, "give one of them"),
        ({"encoder_weights": "w.pth", "options": {"width": 8}}, "fit the full width only"),
        ({"encoder_weights": "w.pth", "network": "flat"}, "has no pretrained encoder"),
    ],
)
def test_a_start_must_be_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Training(**{"data": "x", **SMALL, **settings}).check()


def test_pretrained_weights_are_kept_and_told(dataset: str, weights: Path, tmp_path: Path) -> None:
    settings = {**SMALL, "encoder_weights": str(weights), "task": "regression", "space": "lab"}
    run = train(Training(data=dataset, **settings), tmp_path / "run")
    told = {"name": weights.name, "sha256": hashlib.sha256(weights.read_bytes()).hexdigest()}
    assert run.encoder == told
    assert json.loads((run.path / "config.json").read_text())["encoder"] == told
    network, _ = trained_network(run)
    assert isinstance(network, TransferNetwork)
    for key, value in torch.load(weights, weights_only=True).items():
        if key.startswith("features."):
            assert torch.equal(network.encoder.state_dict()[key], value)
    written = CliRunner().invoke(build_app(), ["export", str(run.path), "-o", str(tmp_path / "m.onnx")])
    assert f"holds pretrained weights from {weights.name}" in written.stdout
    card = read_card(tmp_path / "m.onnx")
    assert card.training["encoder"] == told
    assert weights.name in card.licence
    # What is trained on from it still says whose weights it holds.
    on = train(Training(data=dataset, **{**SMALL, "task": "regression", "space": "lab"}, initial=str(tmp_path / "m.safetensors")), tmp_path / "on")  # fmt: skip # noqa: E501
    assert on.encoder == told


def test_the_command_shows_the_hash_and_resuming_needs_no_file_once_there_is_a_checkpoint(
    dataset: str, weights: Path, tmp_path: Path
) -> None:
    file, run = Path(shutil.copy(weights, tmp_path / "w.pth")), tmp_path / "run"
    words = "--epochs 1 --limit 8 --batch-size 8 --crop 32 --workers 0 --bins 8 --devices cpu --average 0"
    arguments = ["train", dataset, "--network", "squeezenet1_1", "--out", str(run), *words.split(" ")]
    refused = CliRunner().invoke(build_app(), arguments)
    assert refused.exit_code != 0
    assert not run.exists()
    made = CliRunner().invoke(build_app(), [*arguments, "--encoder-weights", str(file)])
    assert hashlib.sha256(file.read_bytes()).hexdigest() in made.stdout
    file.unlink()
    train(Run.open(run).training.changed({"epochs": 2}), run, resume=True)
    rows = (run / "metrics.csv").read_text().splitlines()
    assert {row.split(",")[rows[0].split(",").index("epoch")] for row in rows[1:]} == {"0", "1"}


def test_a_whole_picture_is_learned_and_only_its_chroma_is_used(dataset: str, tmp_path: Path) -> None:
    options = {"width": 8, "frozen": False}
    settings = {**SMALL, "options": options, "from_scratch": True, "task": "rgb", "epochs": 2}
    run = train(Training(data=dataset, **settings), tmp_path / "run")
    assert run.bins is None
    rows = (run.path / "metrics.csv").read_text().splitlines()
    values = dict(zip(rows[0].split(","), rows[-1].split(","), strict=True))
    assert 0 <= float(values["val_accuracy_10"]) <= 1
    assert 0 <= float(values["train_accuracy_10"]) <= 1
    assert values["val_accuracy_bins"] == ""
    card = export(run.path, tmp_path / "m.onnx", Export(working_size=64))
    assert card.task == "rgb"
    colorizer = Colorizer(tmp_path / "m.onnx", runtime="onnxruntime")
    grey = np.random.default_rng(0).integers(0, 256, (90, 70), dtype=np.uint8)
    painted = colorizer.array(grey)
    assert np.abs(rgb_to_yuv(painted.astype(np.float32) / 255)[..., 0] * 255 - grey).max() < 1.5
    answer = colorizer.predict(grey.astype(np.float32) / 255)
    drawn = answer.drawn(90, 70)
    assert drawn.shape == (90, 70, 3)
    assert answer.picture is not None
    np.testing.assert_allclose(answer.chroma(), rgb_to_yuv(answer.picture)[..., 1:], atol=1e-6)
    # The network's own luma is a blur of what it was shown.
    assert np.abs(rgb_to_yuv(drawn.astype(np.float32) / 255)[..., 0] * 255 - grey).max() > 20


def test_runs_of_before_still_open(dataset: str, tmp_path: Path) -> None:
    run = train(Training(data=dataset, **{**SMALL, "network": "flat", "task": "regression", "space": "lab"}), tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    for name in ("chroma_scale", "encoder"):
        del values[name]
    for name in ("encoder_weights", "from_scratch", "epoch_steps", "minutes", "subset", "categories", "resample"):
        del values["training"][name]
    (tmp_path / "config.json").write_text(json.dumps(values))
    old = Run.open(tmp_path)
    assert old.training == run.training
    assert (run.chroma_scale, old.chroma_scale) == (128, 110)

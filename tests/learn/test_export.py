"""Model files: what PyTorch gives, ONNX Runtime gives, at any size; and twins to train on from."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import scipy.special
import torch

from tinct.data.prepare import prepare
from tinct.data.source import open_source
from tinct.errors import DataError, ModelError, OutputError, SettingError
from tinct.learn import export as exporting
from tinct.learn.export import HALF_TOLERANCE, Export, export, trained_network
from tinct.learn.initial_weights import load_weights, read_initial_card, training_luma
from tinct.learn.networks.registry import FAMILIES, build
from tinct.learn.run import Run
from tinct.learn.settings import Training
from tinct.learn.train import train
from tinct.runtime.modelfile import read_card
from tinct.runtime.session import Session

SMALL: dict[str, Any] = {
    "epochs": 1,
    "batch_size": 8,
    "crop": 64,
    "workers": 0,
    "bins": 8,
    "average": 0.5,
    "precision": "float32",
    "devices": "cpu",
}
# Every registered network; those that are large by default in a small form.
NETWORKS: dict[str, dict[str, Any]] = {
    **{name: {} for name in FAMILIES},
    "tinct": {"widths": [8, 16, 24], "blocks": [0, 1, 1]},
    "vgg16": {"width": 8, "frozen": False},
    "squeezenet1_1": {"width": 8, "frozen": False, "regularization": "batchnorm"},
    **{f"efficientnet_lite{size}": {"widths": [32, 24, 16, 16], "encoder_width": 0.25} for size in (0, 2)},
}
# Taking up the others takes half a minute each; in half precision, too, one shows it.
QUICK = {False: ("flat", "tinct", "vgg16"), True: ("tinct",)}
# Networks of many layers take some ten seconds: Lite0 has those of Lite2, but fewer; SqueezeNet is exported by
# tests/learn/networks/test_transfer.py as well.
SLOW = ("efficientnet_lite0", "squeezenet1_1")


class Runs(dict[str, Path]):
    """Trainings by name, each made when it is asked for: of a network, or of another task."""

    def __init__(self, photos: Path, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.data = str(prepare([photos], folder / "set", val=0.2).path)

    def __missing__(self, name: str) -> Path:
        task = {"chroma": "regression", "rgb": "rgb"}.get(name, "bins")
        network = name if name in NETWORKS else "tinct"
        training = Training(data=self.data, network=network, options=NETWORKS[network], **SMALL)
        changes = {"from_scratch": True} if name in NETWORKS else {"task": task, "space": "lab"}
        self[name] = train(training.changed(changes), self.folder / name).path
        return self[name]


@pytest.fixture(scope="module")
def runs(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(photo_folder, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def model(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return the model file of a training, exported once; its twin lies beside it."""
    folder = tmp_path_factory.mktemp("models")

    def exported(name: str, *, half: bool = False) -> Path:
        file = folder / f"{name}{'-half' if half else ''}.onnx"
        if not file.exists():
            card = export(runs[name], file, Export(half=half))
            assert read_card(file) == card
        return file

    return exported


# Rounding to half precision does not look at the architecture.
@pytest.mark.parametrize(
    ("name", "half"),
    [
        *(
            pytest.param(name, False, marks=pytest.mark.slow if name in SLOW else ())
            for name in (*NETWORKS, "chroma", "rgb")
        ),
        ("tinct", True),
    ],
)
def test_onnx_runtime_gives_what_pytorch_gives(runs: Runs, model: Callable[..., Path], name: str, half: bool) -> None:
    file = model(name, half=half)
    card = read_card(file)
    run = Run.open(runs[name])
    network, _ = trained_network(run)
    if half:
        load_weights(network, file.with_suffix(".safetensors"), [])
    session = Session(file, runtime="onnxruntime")
    rng = np.random.default_rng(0)
    for rows, columns in ((1, 1), (2, 5), (4, 3)):
        luma = rng.random((rows * card.multiple, columns * card.multiple), dtype=np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(luma)[None, None])[0].permute(1, 2, 0).numpy()
            expected = network.finish(torch.from_numpy(expected), card.task).numpy()
        scale = 128 if name == "chroma" else 1
        np.testing.assert_allclose(session.run(luma) / scale, expected, atol=1e-3 * max(1, np.abs(expected).max()))
        with torch.no_grad():
            inner = network.forward_tapped(torch.from_numpy(luma)[None, None])[1:]
        assert card.features == network.tapped
        for (of, values), given in zip(session.features(luma).items(), inner, strict=True):
            assert values.shape[:2] == tuple(edge // card.features[of] for edge in luma.shape)
            np.testing.assert_allclose(values, given[0].permute(1, 2, 0), atol=1e-3 * max(1, float(given.abs().max())))


def test_the_graph_is_plain_and_dynamic(model: Callable[..., Path]) -> None:
    file = model("tinct")
    graph = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    assert graph.get_inputs()[0].shape == ["batch", 1, "height", "width"]
    assert graph.get_outputs()[0].shape == ["batch", 8, "output_height", "output_width"]
    onnx.checker.check_model(onnx.load(file), full_check=True)
    assert str(Path(__file__).parents[2]).encode() not in file.read_bytes()


def test_half_precision_halves_the_file(model: Callable[..., Path]) -> None:
    sizes = [
        sum(len(item.raw_data) for item in onnx.load(model("bottleneck", half=half)).graph.initializer)
        for half in (False, True)
    ]
    assert sizes[1] < 0.65 * sizes[0]


@pytest.fixture(scope="module")
def chosen(runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model file with everything that an export lets one choose, but for half precision."""
    file = tmp_path_factory.mktemp("chosen") / "m.onnx"
    own = Export(temperature=0.3, working_size=96, metrics={"auc": 1.5}, description="x", unweigh=0.75, risk=0.6)
    export(runs["tinct"], file, own)
    return file


def test_the_card_tells_what_was_trained(runs: Runs, chosen: Path) -> None:
    card, bins = read_card(chosen), Run.open(runs["tinct"]).bins
    assert bins is not None
    assert (card.network, card.options) == ("tinct", NETWORKS["tinct"])
    assert (card.temperature, card.working_size, card.metrics) == (0.3, 96, {"auc": 1.5})
    assert card.training["finished"] == {"epochs": 1, "steps": card.training["finished"]["steps"]}
    assert card.training["unweigh"] == 0.75
    assert card.data["photographs"] > 20
    assert card.color_bins().to_card() == replace(bins, risk=0.6).to_card()


def test_weights_are_taken_back(runs: Runs, model: Callable[..., Path], chosen: Path) -> None:
    """With p(bin) for each bin as frequent as it is, p(bin) weight(bin) is what a rebalanced training aims at."""
    luma = np.random.default_rng(3).random((64, 32), np.float32)
    weighed, plain = (Session(file, runtime="onnxruntime") for file in (model("tinct"), chosen))
    assert weighed.bins is not None
    shares = scipy.special.softmax(weighed.run(luma), axis=-1) * weighed.bins.weights**-0.75
    expected = shares / shares.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(scipy.special.softmax(plain.run(luma), axis=-1), expected, atol=1e-5)
    # What a training goes on from is the network as it was trained.
    network = Run.open(runs["tinct"]).network()
    load_weights(network, chosen, [torch.rand(4, 1, 64, 64)])
    assert torch.equal(network.head.bias, trained_network(Run.open(runs["tinct"]))[0].head.bias)  # type: ignore[union-attr]


def test_a_twin_goes_on_training(runs: Runs, model: Callable[..., Path], tmp_path: Path) -> None:
    twin = model("tinct").with_suffix(".safetensors")
    run = Run.open(runs["tinct"])
    changes = {"learning_rate": 1e-12, "average": 0.0, "initial": str(twin)}
    tuned = train(run.training.changed(changes), tmp_path / "tuned")
    assert tuned.bins.to_card() == run.bins.to_card()  # type: ignore[union-attr]
    before, after = trained_network(run)[0], trained_network(tuned)[0]
    for (key, old), new in zip(before.named_parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(old, new, msg=key)


@pytest.mark.parametrize(
    ("name", "half"),
    [
        pytest.param(name, half, marks=() if name in QUICK[half] else pytest.mark.slow)
        for half in (False, True)
        for name in NETWORKS
    ],
)
def test_a_model_file_goes_on_training(runs: Runs, model: Callable[..., Path], name: str, half: bool) -> None:
    run = Run.open(runs[name])
    before = trained_network(run)[0]
    network = run.network()
    luma = next(training_luma(run.training, open_source(run.training.data, split="train")))
    load_weights(network, model(name, half=half), [luma])
    network.eval()
    for sides in ((64, 96), (128, 64)):
        seen = torch.rand(2, 1, *sides, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            expected = before(seen)
            # Rounding to half precision is judged as the export judges it: by the size of the outputs.
            most = HALF_TOLERANCE * float(expected.abs().max()) if half else 1e-3
            torch.testing.assert_close(network(seen), expected, rtol=1e-3, atol=most)
    if name == "tinct":  # whose norms all follow convolutions, and so all were folded
        # In training mode norms use the statistics of what they meet: the same, on the photographs they were set on.
        network.train()
        with torch.no_grad():
            torch.testing.assert_close(network(luma), before(luma), rtol=1e-2, atol=2e-2)


def test_training_starts_from_a_model_file(runs: Runs, model: Callable[..., Path], tmp_path: Path) -> None:
    run = Run.open(runs["tinct"])
    changes = {"learning_rate": 1e-12, "average": 0.0, "initial": str(model("tinct"))}
    tuned = train(run.training.changed(changes), tmp_path / "tuned")
    assert tuned.bins.to_card() == run.bins.to_card()  # type: ignore[union-attr]
    before, after = trained_network(run)[0], trained_network(tuned)[0]
    for key, weight in before.state_dict().items():
        if weight.ndim == 4:
            alike = torch.cosine_similarity(weight.flatten(1), after.state_dict()[key].flatten(1)).abs()
            torch.testing.assert_close(alike, torch.ones_like(alike), msg=key)  # scaled by the norm that was folded in
    with pytest.raises(SettingError, match="network 'tinct'"):
        train(run.training.changed({**changes, "network": "flat", "options": {}}), tmp_path / "other")


def test_differing_outputs_are_refused(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(5)
    stranger = build("flat", outputs=8, options=NETWORKS["flat"]).eval()
    graph_of = exporting.network_graph
    monkeypatch.setattr(
        exporting, "network_graph", lambda network, *parts, **names: graph_of(stranger, *parts, **names)
    )
    with pytest.raises(ModelError, match="differ"):
        export(runs["flat"], tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten_or_left_behind(runs: Runs, model: Callable[..., Path], tmp_path: Path) -> None:
    for suffix in (".onnx", ".safetensors"):
        shutil.copy(model("flat").with_suffix(suffix), tmp_path / f"m{suffix}")
    before = (tmp_path / "m.onnx").read_bytes()
    with pytest.raises(OutputError, match="--overwrite"):
        export(runs["flat"], tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == before
    export(runs["flat"], tmp_path / "m.onnx", overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.onnx", "m.safetensors"]


def test_bad_requests_are_named(runs: Runs, model: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"\.onnx"):
        export(runs["flat"], tmp_path / "m.pt")
    with pytest.raises(DataError, match="is not a training run"):
        export(tmp_path, tmp_path / "m.onnx")
    with pytest.raises(SettingError, match="unweigh must lie"):
        Export(unweigh=1.5)
    for setting in ("unweigh", "risk"):
        with pytest.raises(SettingError, match="leave --unweigh and --risk out"):
            export(runs["chroma"], tmp_path / "m.onnx", Export(**{setting: 0.5}))
    with pytest.raises(SettingError, match="last or best"):
        Export(checkpoint="first")
    (tmp_path / "w.safetensors").write_bytes(b"no weights")
    with pytest.raises(ModelError, match="damaged"):
        read_initial_card(tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match="another network"):
        load_weights(build("colorunet", outputs=8), model("flat").with_suffix(".safetensors"), [])
    with pytest.raises(ModelError, match="another network"):
        load_weights(build("colorunet", outputs=8), model("flat"), [])

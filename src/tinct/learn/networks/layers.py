"""Base classes of the networks, layers and initial weights that several share, and statistics of batch norms."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from tinct.errors import SettingError

CLASSES = 1000
TORCHVISION = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and deviation of sRGB in 0..1, in torchvision


class Network(nn.Module):
    """Base class of every network that colorizes.

    `forward` takes luma (N, 1, H, W) float in 0..1, H and W multiples of `multiple`, and returns
    (N, outputs, H / stride, W / stride): logits over bins, or chroma. It is built for a number of outputs and options.

    Attributes:
        options: a frozen dataclass, whose fields all have defaults.
        stride: factor by which the output is smaller than the input: 1, 2 or 4.
        multiple: of which height and width must be multiples.
        bounded: chroma is the tanh of the output, and thus within ±1 of its scale.
        tapped: name of inner features, which other networks use -> factor by which they are smaller than the input.
    """

    options: type[Any]
    stride: int = 1
    multiple: int = 1
    bounded: bool = False
    tapped: dict[str, int] = {}  # noqa: RUF012 - a constant of each class

    def forward_tapped(self, luma: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the output of `forward`, then the features named in `tapped`, each (N, channels, h, w)."""
        return (self(luma),)

    def finish(self, output: torch.Tensor, task: str) -> torch.Tensor:
        """Return the output (N, outputs, h, w) of `forward` in the task's range.

        For `bins` these are logits, unchanged; for `regression` scaled chroma; for `rgb` sRGB in 0..1.
        """
        if task == "rgb":
            return torch.sigmoid(output.float())
        if task == "regression" and self.bounded:
            return torch.tanh(output.float())
        return output


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


class EncoderNetwork(Network):
    """A network whose encoder is a recogniser, and may start from its pretrained weights.

    Attributes:
        backbone: the encoder's name in `tinct.learn.networks.backbones`.
        encoder: the recogniser without its classifier.
        frozen: whether the encoder is not trained.
        pretrainable: whether published weights fit the encoder.
    """

    backbone: str
    encoder: Backbone
    frozen: bool = False
    pretrainable: bool = True


def conv_norm_relu(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution, batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def xavier(network: nn.Module) -> None:
    """Initialise all convolutions as in Glorot & Bengio 2010, with biases of 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def kaiming(network: nn.Module) -> None:
    """Initialise all convolutions as in He et al. 2015, with biases of 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm, whose output is added to the input (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv_norm_relu(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        nn.init.zeros_(self.second[1].weight)  # type: ignore[arg-type]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (N, channels, H, W) to the same shape."""
        return torch.relu(features + self.second(self.first(features)))


def has_norms(network: nn.Module) -> bool:
    """Return whether a network has batch norms that measure what comes to them."""
    return bool(_norms(network))


def _norms(network: nn.Module) -> list[Any]:
    return [part for part in network.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]


@contextmanager
def norms_measured_anew(network: nn.Module) -> Iterator[list[Any]]:
    """Measure the statistics of a network's batch norms within the context, as the mean over all batches that are run.

    The running statistics were gathered while the weights changed; for averaged weights, the input of batch norms can
    be very different (Izmailov et al. 2018, "Averaging weights leads to wider optima", section 3.2).

    All other modules keep their mode; batch norms end in inference mode. Batch norms without running statistics, or
    through which no batch is run, do not change.

    Yields:
        The batch norms that are measured; if there are none, nothing needs to be run.
    """
    norms = _norms(network)
    before = [(norm.momentum, {name: value.clone() for name, value in norm.named_buffers()}) for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
        norm.train()
    with torch.no_grad():
        yield norms
    for norm, (momentum, buffers) in zip(norms, before, strict=True):
        norm.momentum = momentum
        norm.eval()
        if not norm.num_batches_tracked:
            norm.load_state_dict(buffers, strict=False)

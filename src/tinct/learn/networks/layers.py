"""Base classes of all networks that colorize, and layers that several of them share."""

from __future__ import annotations

import torch
from torch import nn

from tinct.learn.networks.backbone import Backbone


class Network(nn.Module):
    """Base class of every network that colorizes.

    `forward` takes luma (N, 1, H, W) float in 0..1, H and W multiples of `multiple`, and returns
    (N, outputs, H / stride, W / stride): logits over bins, or chroma.

    Attributes:
        stride: factor by which the output is smaller than the input: 1, 2 or 4.
        multiple: of which height and width must be multiples.
        bounded: chroma is the tanh of the output, and thus within ±1 of its scale.
        tapped: name of inner features, which other networks use -> factor by which they are smaller than the input.
    """

    stride: int = 1
    multiple: int = 1
    bounded: bool = False
    tapped: dict[str, int] = {}  # noqa: RUF012 - a constant of each class

    def forward_tapped(self, luma: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the output of `forward`, then the features named in `tapped`, each (N, channels, h, w)."""
        return (self(luma),)

    def finish(self, output: torch.Tensor, task: str) -> torch.Tensor:
        """Return the output of `forward` in the task's range.

        Args:
            output: (N, outputs, h, w).
            task: `bins` (logits, unchanged), `regression` (scaled chroma) or `rgb` (sRGB in 0..1).
        """
        if task == "rgb":
            return torch.sigmoid(output.float())
        if task == "regression" and self.bounded:
            return torch.tanh(output.float())
        return output


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

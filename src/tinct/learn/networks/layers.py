"""What several families are built from."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Network(nn.Module):
    """Base of every network that gives colour to luma.

    `forward` takes luma (N, 1, H, W) float in 0..1, H and W multiples of `multiple`, and gives
    (N, outputs, H / stride, W / stride): logits over bins, or chroma.

    Attributes:
        stride: how much smaller than the input the output is: 1, 2 or 4.
        multiple: what height and width must be multiples of.
        bounded: chroma is the output's tanh, and so within ±1 of the scale it is learned in.
    """

    stride: int = 1
    multiple: int = 1
    bounded: bool = False

    def finish(self, output: torch.Tensor, task: str) -> torch.Tensor:
        """Bring what `forward` gave into the task's range.

        Args:
            output: (N, outputs, h, w).
            task: `bins` (logits stay as they are), `regression` (scaled chroma) or `rgb` (sRGB in 0..1).
        """
        if task == "rgb":
            return torch.sigmoid(output.float())
        if task == "regression" and self.bounded:
            return torch.tanh(output.float())
        return output


def conv_relu(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution with bias, same padding, and ReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.ReLU(inplace=True))


def conv_norm_relu(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution, batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def xavier(network: nn.Module) -> None:
    """Initialise all convolutions as Glorot & Bengio 2010, biases at 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def double_size(inputs: int, outputs: int) -> nn.Sequential:
    """Return a transposed 3x3 convolution of stride 2 that exactly doubles height and width, and ReLU."""
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1), nn.ReLU(inplace=True)
    )


class FixedNorm(nn.BatchNorm2d):
    """Batch norm that never leaves inference mode: what the published ColorUNet trained with by mistake."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - torch's own name for it
        """Normalise by the statistics it began with, whatever mode a trainer puts it in."""
        return functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )


def norm(channels: int, *, as_published: bool) -> nn.BatchNorm2d:
    """Return batch norm, or the published ColorUNet's that never learns its statistics."""
    return FixedNorm(channels) if as_published else nn.BatchNorm2d(channels)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch norm around which the input is added (He et al. 2016)."""

    def __init__(self, channels: int) -> None:
        """Keep the number of channels."""
        super().__init__()
        self.first = conv_norm_relu(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        nn.init.zeros_(self.second[1].weight)  # type: ignore[arg-type]

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (N, channels, H, W) to the same shape."""
        return torch.relu(features + self.second(self.first(features)))

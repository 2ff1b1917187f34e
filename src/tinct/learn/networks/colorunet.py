"""The three networks of Billaut, de Rochemonteix & Thibault 2018: the ColorUNet, and two that they tried before it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from tinct.learn.networks.layers import Network, xavier


@dataclass(frozen=True)
class FlatOptions:
    """Options of the flat network.

    Attributes:
        width: filters of the second convolution; the first has twice as many.
    """

    width: int = 32


class Flat(Network):
    """Three convolutions, to 2 x width, width and the outputs; its receptive field of 7 pixels sees textures only.

    Source: Billaut et al. 2018, section 2.2.
    """

    options = FlatOptions

    def __init__(self, outputs: int, options: FlatOptions) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _conv(1, 2 * options.width),
            _conv(2 * options.width, options.width),
            nn.Conv2d(options.width, outputs, 3, padding=1),
        )
        xavier(self)

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """Map luma (N, 1, H, W) to (N, outputs, H, W)."""
        return self.layers(luma - 0.5)


@dataclass(frozen=True)
class BottleneckOptions:
    """Options of the bottleneck network.

    Attributes:
        width: filters of the first convolutions; the deepest have twice as many.
        as_published: keep batch norm in inference mode during training, as the authors' code did.
    """

    width: int = 32
    as_published: bool = False


class Bottleneck(Network):
    """Three groups of convolutions down to 1/8 of the size, and three up, without skip connections.

    Source: Billaut et al. 2018, section 2.2.
    """

    options = BottleneckOptions
    multiple = 8

    def __init__(self, outputs: int, options: BottleneckOptions) -> None:
        super().__init__()
        width, deep = options.width, 2 * options.width
        self.layers = nn.Sequential(
            *(_conv(1, width, stride=2), _conv(width, width), nn.MaxPool2d(2), _norm(width, options.as_published)),
            *(_conv(width, deep), _conv(deep, deep), nn.MaxPool2d(2), _norm(deep, options.as_published)),
            *(_conv(deep, deep), _conv(deep, deep), _norm(deep, options.as_published)),
            *(_double_size(deep, width), _conv(width, width), _conv(width, width)),
            *(_double_size(width, width // 2), _conv(width // 2, width), _conv(width, width)),
            *(_double_size(width, width // 2), nn.Conv2d(width // 2, outputs, 1)),
        )
        xavier(self)

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """Map luma (N, 1, H, W) to (N, outputs, H, W)."""
        return self.layers(luma - 0.5)


@dataclass(frozen=True)
class ColorUNetOptions:
    """Options of the ColorUNet.

    Attributes:
        width: filters of the first cell; the next two have twice and four times as many.
        as_published: keep batch norm in inference mode during training, as the authors' code did.
    """

    width: int = 16
    as_published: bool = False


class ColorUNet(Network):
    """Three cells down to 1/8 of the size, two up with skip connections from the first two, and an output cell.

    At width 16 it has about 142,000 parameters.

    Source: Billaut et al. 2018, figure 2.
    """

    options = ColorUNetOptions
    multiple = 8

    def __init__(self, outputs: int, options: ColorUNetOptions) -> None:
        super().__init__()
        width, as_published = options.width, options.as_published
        self.down1 = _down(1, width, as_published)
        self.down2 = _down(width, 2 * width, as_published)
        self.down3 = _down(2 * width, 4 * width, as_published)
        self.up4 = _up(4 * width, 2 * width, 2 * width, as_published)
        self.up5 = _up(4 * width, width, 2 * width, as_published)
        self.output = nn.Sequential(_double_size(3 * width, width), _conv(width, width), nn.Conv2d(width, outputs, 1))
        xavier(self)

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """Map luma (N, 1, H, W) to (N, outputs, H, W)."""
        half = self.down1(luma - 0.5)
        quarter = self.down2(half)
        deep = self.down3(quarter)
        joined = torch.cat([self.up4(deep), quarter], dim=1)
        return self.output(torch.cat([self.up5(joined), half], dim=1))


def _down(inputs: int, filters: int, as_published: bool) -> nn.Sequential:
    return nn.Sequential(_conv(inputs, filters), _conv(filters, filters), nn.MaxPool2d(2), _norm(filters, as_published))


def _up(inputs: int, enlarged: int, filters: int, as_published: bool) -> nn.Sequential:
    return nn.Sequential(
        _double_size(inputs, enlarged), _conv(enlarged, filters), _conv(filters, filters), _norm(filters, as_published)
    )


def _conv(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), nn.ReLU(inplace=True))


def _double_size(inputs: int, outputs: int) -> nn.Sequential:
    transposed = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(transposed, nn.ReLU(inplace=True))


class FixedNorm(nn.BatchNorm2d):
    """Batch norm that never leaves inference mode, as in the published ColorUNet's training, by mistake."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - torch's own name for it
        """Normalise by the initial statistics, in training mode too."""
        return functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
        )


def _norm(channels: int, as_published: bool) -> nn.BatchNorm2d:
    return FixedNorm(channels) if as_published else nn.BatchNorm2d(channels)

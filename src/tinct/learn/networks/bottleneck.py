"""The bottleneck network: down and up again without connections, the second that the ColorUNet's authors tried."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from tinct.learn.networks.layers import Network, conv_relu, double_size, norm, xavier


@dataclass(frozen=True)
class BottleneckOptions:
    """Options of the bottleneck network.

    Attributes:
        width: filters of the first convolutions; the deepest have twice as many.
        as_published: batch norm kept in inference mode while training, as the authors' code did.
    """

    width: int = 32
    as_published: bool = False


class Bottleneck(Network):
    """Three groups of convolutions down to 1/8 of the size, three up, none connected.

    Source: Billaut et al. 2018, section 2.2.
    """

    multiple = 8

    def __init__(self, outputs: int, options: BottleneckOptions) -> None:
        """Build for a number of output channels."""
        super().__init__()
        width, deep = options.width, 2 * options.width
        self.layers = nn.Sequential(
            conv_relu(1, width, stride=2),
            conv_relu(width, width),
            nn.MaxPool2d(2),
            norm(width, as_published=options.as_published),
            conv_relu(width, deep),
            conv_relu(deep, deep),
            nn.MaxPool2d(2),
            norm(deep, as_published=options.as_published),
            conv_relu(deep, deep),
            conv_relu(deep, deep),
            norm(deep, as_published=options.as_published),
            double_size(deep, width),
            conv_relu(width, width),
            conv_relu(width, width),
            double_size(width, width // 2),
            conv_relu(width // 2, width),
            conv_relu(width, width),
            double_size(width, width // 2),
            nn.Conv2d(width // 2, outputs, 1),
        )
        xavier(self)

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """Map luma (N, 1, H, W) to (N, outputs, H, W)."""
        result: torch.Tensor = self.layers(luma - 0.5)
        return result

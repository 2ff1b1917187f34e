"""The flat network: three convolutions at full size, the first that the ColorUNet's authors tried."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from tinct.learn.networks.layers import Network, conv_relu, xavier


@dataclass(frozen=True)
class FlatOptions:
    """Options of the flat network.

    Attributes:
        width: filters of the second convolution; the first has twice as many.
    """

    width: int = 32


class Flat(Network):
    """Convolutions to 2 x width, width and the outputs; its receptive field of 7 pixels knows textures only.

    Source: Billaut et al. 2018, section 2.2.
    """

    def __init__(self, outputs: int, options: FlatOptions) -> None:
        """Build for a number of output channels."""
        super().__init__()
        self.layers = nn.Sequential(
            conv_relu(1, 2 * options.width),
            conv_relu(2 * options.width, options.width),
            nn.Conv2d(options.width, outputs, 3, padding=1),
        )
        xavier(self)

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """Map luma (N, 1, H, W) to (N, outputs, H, W)."""
        result: torch.Tensor = self.layers(luma - 0.5)
        return result

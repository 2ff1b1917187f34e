"""The ColorUNet of Billaut, de Rochemonteix & Thibault 2018."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from tinct.learn.networks.layers import Network, conv_relu, double_size, norm, xavier


@dataclass(frozen=True)
class ColorUNetOptions:
    """Options of the ColorUNet.

    Attributes:
        width: filters of the first cell; the next two have twice and four times as many.
        as_published: batch norm kept in inference mode while training, as the authors' code did.
    """

    width: int = 16
    as_published: bool = False


class ColorUNet(Network):
    """Three cells down to 1/8 of the size, two up joined with the first two's outputs, and an output cell.

    Source: Billaut et al. 2018, figure 2; at width 16 about 142,000 parameters.
    """

    multiple = 8

    def __init__(self, outputs: int, options: ColorUNetOptions) -> None:
        """Build for a number of output channels."""
        super().__init__()
        width = options.width
        as_published = options.as_published
        self.down1 = _down(1, width, as_published=as_published)
        self.down2 = _down(width, 2 * width, as_published=as_published)
        self.down3 = _down(2 * width, 4 * width, as_published=as_published)
        self.up4 = _up(4 * width, 2 * width, 2 * width, as_published=as_published)
        self.up5 = _up(4 * width, width, 2 * width, as_published=as_published)
        self.output = nn.Sequential(
            double_size(3 * width, width), conv_relu(width, width), nn.Conv2d(width, outputs, 1)
        )
        xavier(self)

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """Map luma (N, 1, H, W) to (N, outputs, H, W)."""
        half = self.down1(luma - 0.5)
        quarter = self.down2(half)
        deep = self.down3(quarter)
        joined = torch.cat([self.up4(deep), quarter], dim=1)
        result: torch.Tensor = self.output(torch.cat([self.up5(joined), half], dim=1))
        return result


def _down(inputs: int, filters: int, *, as_published: bool) -> nn.Sequential:
    return nn.Sequential(
        conv_relu(inputs, filters),
        conv_relu(filters, filters),
        nn.MaxPool2d(2),
        norm(filters, as_published=as_published),
    )


def _up(inputs: int, enlarged: int, filters: int, *, as_published: bool) -> nn.Sequential:
    return nn.Sequential(
        double_size(inputs, enlarged),
        conv_relu(enlarged, filters),
        conv_relu(filters, filters),
        norm(filters, as_published=as_published),
    )

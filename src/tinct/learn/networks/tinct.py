"""tinct's own network: a residual U-Net that thinks at small sizes and sees the whole picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from tinct.learn.networks.layers import Network, ResidualBlock, conv_norm_relu


@dataclass(frozen=True)
class TinctOptions:
    """Options of tinct's network.

    Attributes:
        widths: channels at 1/2, 1/4, 1/8, ... of the size; each entry halves once more.
        blocks: residual blocks at each size on the way down.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256, 448)
    blocks: tuple[int, ...] = (0, 1, 2, 3, 2)


class Tinct(Network):
    """Strided encoder, global context at the bottom, decoder back to half size.

    Most of its work is done at 1/8 to 1/32 of the size, where a photograph's contents are recognised; edges are left to
    the guided upsampling that follows. Each size on the way up adds the encoder's features of that size (as LinkNet,
    Chaurasia & Culurciello 2017, does), which costs half of what joining them would. Global context: what the average
    over the whole picture says is added to every place.
    """

    stride = 2

    def __init__(self, outputs: int, options: TinctOptions) -> None:
        """Build for a number of output channels.

        Raises:
            ValueError: `widths` and `blocks` differ in length, or there are fewer than two.
        """
        super().__init__()
        if len(options.widths) != len(options.blocks) or len(options.widths) < 2:
            raise ValueError("widths and blocks need the same length, at least 2")
        widths = options.widths
        self.multiple = 2 ** len(widths)
        inputs = (1, *widths[:-1])
        self.encoder = nn.ModuleList(
            nn.Sequential(conv_norm_relu(before, width, stride=2), *(ResidualBlock(width) for _ in range(count)))
            for before, width, count in zip(inputs, widths, options.blocks, strict=True)
        )
        self.context = nn.Sequential(
            nn.Linear(widths[-1], widths[-1]), nn.ReLU(inplace=True), nn.Linear(widths[-1], widths[-1])
        )
        self.narrow = nn.ModuleList(
            nn.Sequential(nn.Conv2d(deeper, width, 1, bias=False), nn.BatchNorm2d(width))
            for deeper, width in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.refine = nn.ModuleList(
            ResidualBlock(width) if width > widths[0] else conv_norm_relu(width, width) for width in widths[-2::-1]
        )
        self.head = nn.Conv2d(widths[0], outputs, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """Map luma (N, 1, H, W) to (N, outputs, H / 2, W / 2)."""
        features = (luma - 0.5) * 4
        skips = []
        for stage in self.encoder:
            features = stage(features)
            skips.append(features)
        features = skips.pop()
        features = features + self.context(features.mean(dim=(2, 3)))[:, :, None, None]
        for narrow, refine in zip(self.narrow, self.refine, strict=True):
            larger = functional.interpolate(narrow(features), scale_factor=2, mode="nearest")
            features = refine(torch.relu(larger + skips.pop()))
        result: torch.Tensor = self.head(features)
        return result

"""A decoder on EfficientNet-Lite: what is in a photograph was learned from a million others before."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from tinct.learn.networks.backbones import BACKBONES
from tinct.learn.networks.efficientnet import EfficientNetLite
from tinct.learn.networks.encoder import EncoderNetwork
from tinct.learn.networks.layers import ResidualBlock


@dataclass(frozen=True)
class LiteOptions:
    """Options of `efficientnet_lite0` and `efficientnet_lite2`.

    Attributes:
        widths: the decoder's channels at 1/32, 1/16, 1/8 and 1/4 of the size.
        encoder_width: the encoder's channels as a share of the published ones; pretrained weights are of width 1.
        frozen: how many layers of the encoder, from the first on, keep their pretrained weights: its stem and its
            blocks in order; 0 trains all of them.
    """

    widths: tuple[int, ...] = (256, 192, 128, 80)
    encoder_width: float = 1.0
    frozen: int = 0


class LiteNetwork(EncoderNetwork):
    """EfficientNet-Lite to 1/32 of the size, global context, and a decoder of residual blocks up to 1/4.

    Each size on the way up adds the encoder's features of that size (as LinkNet, Chaurasia & Culurciello 2017). Global
    context: the 1280 features by which the recogniser names what is in a picture, averaged over it, are added to every
    place. Finer than 1/4 the guided upsampling follows luma's edges; a network that looks for them costs twice as much.
    """

    stride = 4
    multiple = 32
    encoder: EfficientNetLite

    def __init__(self, outputs: int, options: LiteOptions) -> None:
        """Build for a number of output channels.

        Raises:
            ValueError: an option is out of range.
        """
        super().__init__()
        if len(options.widths) != 4 or min(options.widths) < 1:
            raise ValueError("widths needs four whole numbers, each at least 1")
        if not options.encoder_width > 0:
            raise ValueError("encoder_width must be above 0")
        self.encoder = BACKBONES[self.backbone](width=options.encoder_width, head=False)
        self.pretrainable = options.encoder_width == 1
        if not 0 <= options.frozen <= len(self.encoder.features):
            raise ValueError(f"frozen must lie in 0..{len(self.encoder.features)}")
        deep, *others = options.widths
        _, *skipped, deepest = self.encoder.tap_channels
        self.context = nn.Sequential(
            nn.Linear(self.encoder.top_channels, deep), nn.ReLU(inplace=True), nn.Linear(deep, deep)
        )
        self.bottom = _narrow(deepest, deep)
        self.deep = ResidualBlock(deep)
        self.narrow = nn.ModuleList(
            _narrow(before, width) for before, width in zip(options.widths, others, strict=False)
        )
        self.skip = nn.ModuleList(_narrow(before, width) for before, width in zip(skipped[::-1], others, strict=True))
        self.refine = nn.ModuleList(ResidualBlock(width) for width in others)
        self.head = nn.Conv2d(others[-1], outputs, 1)
        for part in (self.bottom, self.deep, self.narrow, self.skip, self.refine):
            for module in part.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]
        self.encoder.features[: options.frozen].requires_grad_(False)

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """Map luma (N, 1, H, W) to (N, outputs, H / 4, W / 4)."""
        _, *skips, deepest = self.encoder.stages(luma.expand(-1, 3, -1, -1))
        context = self.context(self.encoder.top(deepest).mean(dim=(2, 3)))
        features = self.deep(torch.relu(self.bottom(deepest) + context[:, :, None, None]))
        for narrow, skip, refine in zip(self.narrow, self.skip, self.refine, strict=True):
            larger = functional.interpolate(narrow(features), scale_factor=2, mode="nearest")
            features = refine(torch.relu(larger + skip(skips.pop())))
        result: torch.Tensor = self.head(features)
        return result


class Lite0Network(LiteNetwork):
    """On EfficientNet-Lite0."""

    backbone = "efficientnet_lite0"


class Lite2Network(LiteNetwork):
    """On EfficientNet-Lite2."""

    backbone = "efficientnet_lite2"


def _narrow(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

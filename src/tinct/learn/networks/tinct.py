"""tinct's own networks: residual decoders with global context, behind their own encoder or EfficientNet-Lite."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from tinct.learn.networks.backbones import BACKBONES
from tinct.learn.networks.efficientnet import EfficientNetLite
from tinct.learn.networks.layers import EncoderNetwork, Network, ResidualBlock, conv_norm_relu, kaiming


@dataclass(frozen=True)
class TinctOptions:
    """Options of `tinct`.

    Attributes:
        widths: channels at 1/2, 1/4, 1/8, ... of the size.
        blocks: number of the encoder's residual blocks at each size.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256, 448)
    blocks: tuple[int, ...] = (0, 1, 2, 3, 2)


class Tinct(Network):
    """Strided encoder, global context at the bottom, decoder back to half size.

    Most of the computing is done at 1/8 to 1/32 of the size, where a photograph's contents are recognised; edges are
    left to the guided upsampling that follows. The decoder adds the encoder's features of each size, as LinkNet does
    (Chaurasia & Culurciello 2017), which costs half as much as concatenating them. For global context, the mean of the
    deepest features over the whole picture goes through two linear layers and is added at every place.
    """

    options = TinctOptions
    stride = 2

    def __init__(self, outputs: int, options: TinctOptions) -> None:
        """Build for a number of output channels; raise a ValueError if an option is out of range."""
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
        self.context = _context(widths[-1], widths[-1])
        self.narrow = nn.ModuleList(
            _narrow(deeper, width) for deeper, width in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.refine = nn.ModuleList(
            ResidualBlock(width) if width > widths[0] else conv_norm_relu(width, width) for width in widths[-2::-1]
        )
        self.head = nn.Conv2d(widths[0], outputs, 1)
        kaiming(self)
        _start_small(self.head)

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """Map luma (N, 1, H, W) to (N, outputs, H / 2, W / 2)."""
        features = (luma - 0.5) * 4
        skips = []
        for stage in self.encoder:
            features = stage(features)
            skips.append(features)
        *skips, features = skips
        features = features + self.context(features.mean(dim=(2, 3)))[:, :, None, None]
        return self.head(_climb(features, skips[::-1], self.narrow, self.refine))


@dataclass(frozen=True)
class LiteOptions:
    """Options of `efficientnet_lite0` and `efficientnet_lite2`.

    Attributes:
        widths: the decoder's channels at 1/32, 1/16, 1/8 and 1/4 of the size.
        encoder_width: the encoder's channels relative to the published ones; pretrained weights need 1.
        frozen: number of the encoder's layers (stem, then blocks), from the first on, that are not trained.
    """

    widths: tuple[int, ...] = (256, 192, 128, 80)
    encoder_width: float = 1.0
    frozen: int = 0


class LiteNetwork(EncoderNetwork):
    """EfficientNet-Lite to 1/32 of the size, global context, and a decoder of residual blocks up to 1/4.

    The decoder is that of `Tinct`; its context are the 1280 features with which the recogniser names what is in a
    picture. Below 1/4 of the size, guided upsampling follows the edges of luma; a network for this would cost twice as
    much.
    """

    options = LiteOptions
    stride = 4
    multiple = 32
    tapped = {"features_8": 8, "features_16": 16, "features_32": 32}  # noqa: RUF012
    encoder: EfficientNetLite

    def __init__(self, outputs: int, options: LiteOptions) -> None:
        """Build for a number of output channels; raise a ValueError if an option is out of range."""
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
        self.context = _context(self.encoder.top_channels, deep)
        self.bottom = _narrow(deepest, deep)
        self.deep = ResidualBlock(deep)
        self.narrow = nn.ModuleList(
            _narrow(before, width) for before, width in zip(options.widths, others, strict=False)
        )
        self.skip = nn.ModuleList(_narrow(before, width) for before, width in zip(skipped[::-1], others, strict=True))
        self.refine = nn.ModuleList(ResidualBlock(width) for width in others)
        self.head = nn.Conv2d(others[-1], outputs, 1)
        for part in (self.bottom, self.deep, self.narrow, self.skip, self.refine):
            kaiming(part)
        _start_small(self.head)
        self.encoder.features[: options.frozen].requires_grad_(False)

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """Map luma (N, 1, H, W) to (N, outputs, H / 4, W / 4)."""
        return self.forward_tapped(luma)[0]

    def forward_tapped(self, luma: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the output of `forward`, and the encoder's last features at 1/8, 1/16 and 1/32 of the size."""
        _, *skips, deepest = self.encoder.stages(luma.expand(-1, 3, -1, -1))
        context = self.context(self.encoder.top(deepest).mean(dim=(2, 3)))
        features = self.deep(torch.relu(self.bottom(deepest) + context[:, :, None, None]))
        narrowed = (skip(values) for skip, values in zip(self.skip, skips[::-1], strict=True))
        result: torch.Tensor = self.head(_climb(features, narrowed, self.narrow, self.refine))
        return result, *skips[1:], deepest


class Lite0Network(LiteNetwork):
    """`LiteNetwork` with EfficientNet-Lite0."""

    backbone = "efficientnet_lite0"


class Lite2Network(LiteNetwork):
    """`LiteNetwork` with EfficientNet-Lite2."""

    backbone = "efficientnet_lite2"


def _climb(
    features: torch.Tensor, skips: Iterable[torch.Tensor], narrow: nn.ModuleList, refine: nn.ModuleList
) -> torch.Tensor:
    """Return features after doubling their size and adding one of `skips`, for each of these, deepest first."""
    for skip, fewer, block in zip(skips, narrow, refine, strict=True):
        larger = functional.interpolate(fewer(features), scale_factor=2, mode="nearest")
        features = block(torch.relu(larger + skip))
    return features


def _context(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU(inplace=True), nn.Linear(outputs, outputs))


def _narrow(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


def _start_small(head: nn.Conv2d) -> None:
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)  # type: ignore[arg-type]

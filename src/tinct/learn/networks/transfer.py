"""A recogniser's convolutions as encoder, with the decoder of Hultgren et al.

Their encoder is VGG-16. The same decoder is also available with SqueezeNet 1.1, whose pretrained weights are small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tinct.learn.networks.backbones import BACKBONES
from tinct.learn.networks.layers import EncoderNetwork, xavier

PUBLISHED_WIDTH = 64
REGULARIZATIONS = ("none", "batchnorm", "dropout")


@dataclass(frozen=True)
class TransferOptions:
    """Options of `vgg16` and `squeezenet1_1`.

    Attributes:
        regularization: `none`, `batchnorm` or `dropout` before each convolution of the decoder.
        dropout: share of the activations that dropout removes in training, above 0 and below 1.
        frozen: do not train the encoder, as in the paper.
        width: filters of the encoder's first convolution, a multiple of 4; the others are in proportion. Published
            weights have width 64.
    """

    regularization: str = "none"
    dropout: float = 0.25
    frozen: bool = True
    width: int = 64


class TransferNetwork(EncoderNetwork):
    """Encoder and decoder; a frozen encoder stays in inference mode, and its weights get no gradients.

    The decoder's last doubling of the size is left out, so `stride` is 2. Since it would only repeat each value four
    times, the squared error is the same except for a constant.

    Attributes:
        decoder: always trained.
        doublings: number of times that the decoder doubles the size.
    """

    options = TransferOptions
    stride = 2
    bounded = True
    doublings: int

    def __init__(self, outputs: int, options: TransferOptions) -> None:
        """Build for a number of output channels; raise a ValueError if an option is out of range."""
        super().__init__()
        if options.regularization not in REGULARIZATIONS:
            raise ValueError(f"regularization must be one of {', '.join(REGULARIZATIONS)}")
        if not 0 < options.dropout < 1:
            raise ValueError("dropout must lie above 0 and below 1")
        if options.width < 4 or options.width % 4:
            raise ValueError("width must be a multiple of 4")
        self.frozen = options.frozen
        self.pretrainable = options.width == PUBLISHED_WIDTH
        self.encoder = BACKBONES[self.backbone](width=options.width, head=False)
        layers: list[nn.Module] = []
        before = self.encoder.channels
        for index, filters in enumerate((*(4 * options.width >> index for index in range(5)), outputs)):
            # The first convolutions are at the encoder's size.
            if index >= 6 - self.doublings:
                layers.append(nn.Upsample(scale_factor=2))
            layers += [*_regularized(before, options), nn.Conv2d(before, filters, 3, padding=1), nn.ReLU(inplace=True)]
            before = filters
        self.decoder = nn.Sequential(*layers[:-1])
        xavier(self.decoder)
        if options.frozen:
            self.encoder.requires_grad_(False)
        self.train()

    def train(self, mode: bool = True) -> TransferNetwork:
        """Switch training mode on or off, except for a frozen encoder."""
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self

    def encode(self, luma: torch.Tensor) -> torch.Tensor:
        """Return the encoder's features of luma (N, 1, H, W) in 0..1, repeated on three channels."""
        return self.encoder.encode(luma.expand(-1, 3, -1, -1))

    def decode(self, features: torch.Tensor) -> torch.Tensor:
        """Map the features of `encode` to (N, outputs, H / 2, W / 2)."""
        return self.decoder(features)

    def forward(self, luma: torch.Tensor) -> torch.Tensor:
        """Map luma (N, 1, H, W) to (N, outputs, H / 2, W / 2)."""
        return self.decode(self.encode(luma))


class VGG16Transfer(TransferNetwork):
    """VGG-16 to 1/32 of the size, then convolutions to 256, 128, 64, 32, 16 and the outputs, with doublings in between.

    Source: Hultgren, Kaya & Ekman, tables 1 and 2. Table 1 lists twelve convolutions, but VGG-16 has thirteen.
    """

    multiple = 32
    backbone = "vgg16"
    doublings = 4


class SqueezeNetTransfer(TransferNetwork):
    """SqueezeNet 1.1 to 1/16 of the size, then the same convolutions with one doubling less.

    SqueezeNet's features are a little smaller than 1/16 of its input. Padding by 7 and 8 reflected pixels makes them
    exactly 1/16 of the picture, with each centred on its 16 x 16 pixels.
    """

    multiple = 16
    backbone = "squeezenet1_1"
    doublings = 3

    def encode(self, luma: torch.Tensor) -> torch.Tensor:
        """Return the encoder's features (N, channels, H / 16, W / 16) of luma (N, 1, H, W) in 0..1."""
        return super().encode(functional.pad(luma, (7, 8, 7, 8), mode="reflect"))


def _regularized(channels: int, options: TransferOptions) -> list[Any]:
    if options.regularization == "batchnorm":
        return [nn.BatchNorm2d(channels)]
    return [nn.Dropout(options.dropout)] if options.regularization == "dropout" else []

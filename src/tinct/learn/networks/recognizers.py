"""Networks that recognise by colour, from standardised channels (N, C, H, W) to logits (N, classes)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from tinct.errors import SettingError
from tinct.learn.networks.backbones import load_backbone


class SmallCNN(nn.Module):
    """Three 3x3 convolutions with max pooling, then two dense layers: the obvious first attempt.

    `width` is the number of filters of the first layer; the next two have twice and four times as many.
    """

    def __init__(self, channels: int, classes: int, size: tuple[int, int], *, width: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = channels
        for outputs in (width, 2 * width, 4 * width):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
            inputs = outputs
        self.features = nn.Sequential(*layers)
        cells = (size[0] // 8) * (size[1] // 8)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(inputs * cells, 64), nn.ReLU(), nn.Linear(64, classes))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return logits (N, classes) for (N, C, H, W)."""
        return self.head(self.features(values))


class LongKernels(nn.Module):
    """Alternating convolutions of `long` x `short` and `short` x `long`, without padding."""

    def __init__(
        self,
        channels: int,
        classes: int,
        size: tuple[int, int],
        *,
        width: int = 16,
        long: int = 30,
        short: int = 3,
        layers: int = 4,
    ) -> None:
        """Build for pictures of a size; raise a SettingError if the kernels do not fit into it."""
        super().__init__()
        self.convolutions = nn.ModuleList()
        height, wide = size
        inputs = channels
        for index in range(layers):
            kernel = (long, short) if index % 2 == 0 else (short, long)
            height, wide = height - kernel[0] + 1, wide - kernel[1] + 1
            if height < 1 or wide < 1:
                raise SettingError(
                    f"{layers} kernels of {long}x{short} do not fit into {size[0]}x{size[1]} pixels; "
                    "use --option layers=2 or a smaller long"
                )
            outputs = width * min(4, 1 + index)
            self.convolutions.append(nn.Conv2d(inputs, outputs, kernel))
            inputs = outputs
        self.head = nn.Linear(inputs, classes)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return logits (N, classes) for (N, C, H, W)."""
        for convolution in self.convolutions:
            values = F.relu(convolution(values))
        return self.head(values.mean(dim=(2, 3)))


class _Branch(nn.Module):
    """One of the two branches of Rachmadi & Purnama 2015."""

    def __init__(self, channels: int, width: float) -> None:
        super().__init__()

        def count(filters: int) -> int:
            return max(2, 2 * round(filters * width / 2))

        first, second, third, fourth = count(48), count(128), count(192), count(128)
        self.layers = nn.Sequential(
            *(nn.Conv2d(channels, first, 11, stride=4), nn.ReLU(), nn.LocalResponseNorm(5), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(first, second, 3, padding=1, groups=2), nn.ReLU(), nn.LocalResponseNorm(5)),
            nn.MaxPool2d(3, 2),
            *(nn.Conv2d(second, third, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(third, third, 3, padding=1, groups=2), nn.ReLU()),
            *(nn.Conv2d(third, fourth, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        )
        self.outputs = fourth

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.layers(values)


class TwoBranch(nn.Module):
    """The vehicle-colour network of Rachmadi & Purnama 2015: two branches on one picture, joined by dense layers.

    Filters and dense units are proportional to `width`; theirs has a width of 1. Pictures are scaled to its 227 x 227
    pixels.

    Source: arXiv 1510.07391.
    """

    edge = 227

    def __init__(self, channels: int, classes: int, size: tuple[int, int], *, width: float = 1.0) -> None:
        super().__init__()
        self.branches = nn.ModuleList([_Branch(channels, width), _Branch(channels, width)])
        units = max(8, round(4096 * width))
        joined = sum(branch.outputs for branch in self.branches if isinstance(branch, _Branch)) * 6 * 6
        self.head = nn.Sequential(
            *(nn.Flatten(), nn.Linear(joined, units), nn.ReLU(), nn.Dropout(0.5)),
            *(nn.Linear(units, units), nn.ReLU(), nn.Dropout(0.5), nn.Linear(units, classes)),
        )

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return logits (N, classes) for (N, C, H, W)."""
        values = F.interpolate(values, size=(self.edge, self.edge), mode="bilinear", align_corners=False)
        return self.head(torch.cat([branch(values) for branch in self.branches], dim=1))


class Pretrained(nn.Module):
    """A frozen backbone trained on ImageNet, and a dense layer on its pooled features at several depths.

    Shallow features still contain colour. The input is sRGB in 0..1, as for the backbone's training. Pictures smaller
    than `edge` are enlarged, since pooling would leave nothing of them.
    """

    edge = 64

    def __init__(
        self, channels: int, classes: int, size: tuple[int, int], *, weights: str, backbone: str = "squeezenet1_1"
    ) -> None:
        """Load the backbone.

        Raises:
            SettingError: the colour space is not RGB, or there is no such backbone.
            ModelError: the file does not hold such weights.
        """
        super().__init__()
        if channels != 3:
            raise SettingError("pretrained features need --color-space rgb, which they were trained on")
        self.backbone, self.digest = load_backbone(weights, backbone, head=False)
        with torch.no_grad():
            stages = self.backbone.stages(torch.zeros(1, 3, 64, 64))
        self.head = nn.Linear(2 * sum(stage.shape[1] for stage in stages), classes)

    def pooled(self, values: torch.Tensor) -> torch.Tensor:
        """Return mean and maximum of each channel at each depth, (N, features), for sRGB (N, 3, H, W) in 0..1."""
        if min(values.shape[2:]) < self.edge:
            values = F.interpolate(values, size=(self.edge, self.edge), mode="bilinear", align_corners=False)
        stages = self.backbone.stages(values)
        return torch.cat([stage.mean(dim=(2, 3)) for stage in stages] + [stage.amax(dim=(2, 3)) for stage in stages], 1)

    def set_head(self, weights: NDArray[np.float64], bias: NDArray[np.float64]) -> None:
        """Set the dense layer's weights (features, classes) and bias (classes,), which were fitted elsewhere."""
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weights.T.astype(np.float32)))
            self.head.bias.copy_(torch.from_numpy(bias.astype(np.float32)))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return logits (N, classes) for sRGB (N, 3, H, W) in 0..1."""
        return self.head(self.pooled(values))

    def train(self, mode: bool = True) -> Pretrained:
        """Keep the backbone in inference mode."""
        super().train(mode)
        self.backbone.eval()
        return self


class ColorFirst(nn.Module):
    """A network that counts colours first: 1x1 convolutions name each pixel's colour, and the names are counted.

    The counts are soft histograms over learned colours: over the whole picture, over its quarters, and over the places
    to which a small branch of strided 3x3 convolutions attends. The features of that branch are added to them. `width`
    is the number of filters of the 1x1 convolutions, `colors` that of learned colours, `looks` that of attention maps,
    and `dropout` is applied before the last layer.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        size: tuple[int, int],
        *,
        width: int = 32,
        colors: int = 48,
        looks: int = 3,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.color = nn.Sequential(
            *(nn.Conv2d(channels, width, 1), nn.BatchNorm2d(width), nn.SiLU()),
            *(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.SiLU()),
        )
        self.names = nn.Conv2d(width, colors, 1)
        layers: list[nn.Module] = []
        inputs = width + channels
        for outputs in (width, 2 * width, 3 * width):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.BatchNorm2d(outputs), nn.SiLU()]
            inputs = outputs
        self.shape = nn.Sequential(*layers)
        self.look = nn.Conv2d(inputs, looks, 1)
        features = (5 + looks) * colors + 2 * width + inputs
        self.head = nn.Sequential(nn.BatchNorm1d(features), nn.Dropout(dropout), nn.Linear(features, classes))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return logits (N, classes) for (N, C, H, W)."""
        color = self.color(values)
        named = torch.softmax(self.names(color), dim=1)
        shape = self.shape(torch.cat([values, color], dim=1))
        logits = F.interpolate(self.look(shape), size=named.shape[2:], mode="bilinear", align_corners=False)
        where = torch.softmax(logits.flatten(2), dim=2)
        looked = torch.einsum("nlp,ncp->nlc", where, named.flatten(2)).flatten(1)
        counts = [named.mean(dim=(2, 3)), *(part.mean(dim=(2, 3)) for part in _quarters(named)), looked]
        # The root of a share, as in the Hellinger distance; the small constant keeps its gradient finite.
        shares = torch.sqrt(torch.cat(counts, dim=1) + 1e-4)
        mean = color.mean(dim=(2, 3))
        spread = torch.sqrt((color - mean[:, :, None, None]).square().mean(dim=(2, 3)) + 1e-4)
        return self.head(torch.cat([shares, mean, spread, shape.mean(dim=(2, 3))], dim=1))


class PerImage(nn.Module):
    """A network for which each picture is first standardised separately, so that plain colours vanish."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Return logits (N, classes) for (N, C, H, W)."""
        mean = values.mean(dim=(2, 3), keepdim=True)
        spread = torch.sqrt((values - mean).square().mean(dim=(2, 3), keepdim=True) + 1e-8)
        return self.network((values - mean) / spread)


def _quarters(values: torch.Tensor) -> list[torch.Tensor]:
    rows, columns = values.shape[2] // 2, values.shape[3] // 2
    halves = values[:, :, :rows], values[:, :, rows:]
    return [part for half in halves for part in (half[..., :columns], half[..., columns:])]


@dataclass(frozen=True)
class Recognizer:
    """A network with its default settings.

    Attributes:
        network: builds it from channels, classes, size (height, width) and its own options.
        color_space: the one in which it did best in benchmarks.
        epochs: number of passes over the pictures.
        learning_rate: the rate, or its peak.
        options: its own.
    """

    network: Callable[..., nn.Module]
    color_space: str = "rgb"
    epochs: int = 30
    learning_rate: float = 2e-3
    options: Mapping[str, Any] = field(default_factory=dict)


PRETRAINED = "pretrained"
# In the order in which they are tried, the costliest last. At full width, two_branch takes half an hour on two cores
# for a thousand pictures.
NETWORKS: dict[str, Recognizer] = {
    PRETRAINED: Recognizer(Pretrained),
    "small_cnn": Recognizer(SmallCNN, "lab", 20, 1e-3),
    "color_first": Recognizer(ColorFirst, "lab+hsv", 40, 4e-3),
    "long_kernels": Recognizer(LongKernels, "lab", 20, 1e-3),
    "two_branch": Recognizer(TwoBranch, "rgb", 30, 1e-3, {"width": 0.25}),
}


def build(name: str, *, channels: int, classes: int, size: tuple[int, int], options: dict[str, Any]) -> nn.Module:
    """Build a network of `NETWORKS` with random weights, for the input's number of channels and size (height, width).

    Raises:
        SettingError: no such network or option, or the network does not fit the size.
        ModelError: pretrained weights cannot be read.
    """
    if name not in NETWORKS:
        raise SettingError(f"no network '{name}'; there are {', '.join(NETWORKS)}")
    arguments = inspect.signature(NETWORKS[name].network).parameters
    known = [argument for argument in arguments if argument not in ("channels", "classes", "size")]
    for option in options:
        if option not in known:
            raise SettingError(f"{name} has no option '{option}'; it has {', '.join(known)}")
    try:
        return NETWORKS[name].network(channels, classes, size, **options)
    except (TypeError, RuntimeError, ZeroDivisionError) as error:
        raise SettingError(f"{name} cannot be built with {options} ({str(error).splitlines()[0]})") from error

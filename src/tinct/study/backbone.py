"""Judge colorized pictures by a pretrained recogniser: how far its features are from the truth's, and what it sees.

| metric           | unit     | better | what it says                                                              |
|------------------|----------|--------|---------------------------------------------------------------------------|
| perceptual       | 0 and up | less   | distance of the backbone's features from the truth's, at several depths   |
| recognition_top1 | per cent | more   | pictures whose likeliest class is still that of the true picture          |
| recognition_top5 | per cent | more   | pictures whose five likeliest classes include that of the true picture    |

**The perceptual distance** is similar to LPIPS (Zhang, Isola, Efros, Shechtman & Wang 2018, equation 1), but
uncalibrated: at each depth the features of both pictures are scaled to length 1 at every place, the squared difference
is summed over channels and averaged over places, and the depths are added with equal weights. The published LPIPS
weights channels by people's judgements; its figures are smaller and cannot be compared with these. Figures of different
backbones cannot be compared either.

**Recognition kept** asks whether colours help a machine recognise things (Zhang, Isola & Efros 2016, section 3.1). It
compares with the backbone's answer for the true picture, right or wrong, so that no labels are needed. Grey pictures
are recognised too: read it beside the grey baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.resize import resized
from tinct.color.spaces import FloatArray
from tinct.color.statistics import as_unit_rgb
from tinct.errors import InputError, MissingExtraError, ModelError

if TYPE_CHECKING:
    import torch

    from tinct.learn.networks.layers import Backbone

METRICS = ("perceptual", "recognition_top1", "recognition_top5")
NAMES = ("squeezenet1_1", "vgg16")
LONGEST = 256  # pixels: the longer edge of larger pictures is reduced to this before their features are compared
_SHORTEST = 32  # pixels: the shorter edge of smaller pictures is enlarged to this
_TINY = 1e-10
WHY_ABSENT = (
    "perceptual distance and recognition kept need a pretrained backbone: give --backbone FILE "
    "(weights of VGG-16 or SqueezeNet 1.1)"
)
WHY_NO_CLASSES = "the backbone's file has features only and cannot name things"


class Judge:
    """A pretrained backbone that compares true and colorized pictures.

    Attributes:
        name: `squeezenet1_1` or `vgg16`.
        file: its weights.
        sha256: of the file, 64 hexadecimal digits.
    """

    def __init__(self, file: str | Path) -> None:
        """Read the weights of VGG-16 or SqueezeNet 1.1, as `tinct.learn.networks.backbones.load_backbone` does.

        Raises:
            ModelError: the file is missing or damaged, or of another network.
            MissingExtraError: PyTorch is not installed.
        """
        self.file = Path(file)
        self.name, self._backbone, self.sha256 = _open(self.file)
        self._lock = Lock()  # PyTorch uses all cores for one picture; more at a time would only take memory

    @property
    def absent(self) -> dict[str, str]:
        """Metric -> why it cannot be measured with this file."""
        return {} if self._backbone.classifier is not None else dict.fromkeys(METRICS[1:], WHY_NO_CLASSES)

    def describe(self) -> dict[str, str]:
        """Return name, file and SHA-256 of the backbone."""
        return {"name": self.name, "file": str(self.file), "sha256": self.sha256}

    def compare(self, truth: NDArray[Any], pictures: Sequence[NDArray[Any]]) -> list[dict[str, float]]:
        """Judge colorized pictures by the true one, all (H, W, 3) sRGB: uint8, uint16 or floats in 0..1.

        Returns:
            For each picture, metric -> value: the distance, and 100 or 0 for recognised as the truth or not.

        Raises:
            InputError: the sizes differ.
        """
        for picture in pictures:
            if picture.shape != truth.shape:
                raise InputError(f"the colorized picture's shape {picture.shape} is not the true one's {truth.shape}")
        rgbs = [as_unit_rgb(rgb) for rgb in (truth, *pictures)]
        with self._lock:
            distances = self._distances([_fitted(rgb) for rgb in rgbs])
            values = [{"perceptual": distance} for distance in distances]
            if self._backbone.classifier is not None:
                ranks = self._ranks([_square(rgb, self._backbone.size) for rgb in rgbs])
                for judged, five in zip(values, ranks[1:], strict=True):
                    judged["recognition_top1"] = 100.0 * (five[0] == ranks[0][0])
                    judged["recognition_top5"] = 100.0 * (ranks[0][0] in five)
        return values

    def _distances(self, rgbs: list[FloatArray]) -> list[float]:
        import torch

        # One picture at a time, so that memory does not grow with the number of methods.
        with torch.inference_mode():
            true = [_unit(stage) for stage in self._backbone.stages(_batch([rgbs[0]]))]
            distances = []
            for rgb in rgbs[1:]:
                stages = self._backbone.stages(_batch([rgb]))
                parts = [
                    float((_unit(stage) - target).square().sum(dim=1).mean())
                    for stage, target in zip(stages, true, strict=True)
                ]
                distances.append(sum(parts))
        return distances

    def _ranks(self, rgbs: list[FloatArray]) -> list[list[int]]:
        """Return the five likeliest of ImageNet's 1000 classes for each picture, the likeliest first."""
        import torch

        with torch.inference_mode():
            ranked: list[list[int]] = self._backbone(_batch(rgbs)).topk(5, dim=1).indices.tolist()
        return ranked


def _open(file: Path) -> tuple[str, Backbone, str]:
    """Load the weights for that backbone of `NAMES` that they fit."""
    try:
        from tinct.learn.networks.backbones import load_backbone
    except ImportError as error:
        raise MissingExtraError("learn", "judging pictures by a pretrained backbone") from error
    complaints = []
    for name in NAMES:
        try:
            return (name, *load_backbone(file, name))
        except ModelError as error:
            if not file.is_file() or file.suffix.lower() == ".npz":
                raise
            complaints.append(str(error))
    if complaints[0] == complaints[1]:  # the fault does not depend on the network
        raise ModelError(complaints[0])
    raise ModelError(f"{file}: neither {' nor '.join(NAMES)} in torchvision's layout ({complaints[1]})")


def _fitted(rgb: FloatArray) -> FloatArray:
    height, width = rgb.shape[:2]
    factor = max(min(1.0, LONGEST / max(height, width)), _SHORTEST / min(height, width))
    return resized(rgb, (max(_SHORTEST, round(height * factor)), max(_SHORTEST, round(width * factor))))


def _square(rgb: FloatArray, size: int) -> FloatArray:
    """Scale the shorter edge to `size`, and crop the middle square."""
    height, width = rgb.shape[:2]
    factor = size / min(height, width)
    whole: FloatArray = resized(rgb, (max(size, round(height * factor)), max(size, round(width * factor))))
    top, left = (whole.shape[0] - size) // 2, (whole.shape[1] - size) // 2
    return whole[top : top + size, left : left + size]


def _batch(rgbs: list[FloatArray]) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(np.stack(rgbs).transpose(0, 3, 1, 2)))


def _unit(features: torch.Tensor) -> torch.Tensor:
    """Scale (1, channels, h, w) to length 1 over the channels at every place."""
    scaled: torch.Tensor = features / (features.square().sum(dim=1, keepdim=True).sqrt() + _TINY)
    return scaled

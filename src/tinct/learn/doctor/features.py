"""What plain classifiers look at, to tell whether pictures tell their classes at all: colours, and shapes of any size.

Nothing here is trained, so that nothing can fail to train.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from tinct.color.features import ArrayFeatures, ColorFeatures
from tinct.color.inputs import INPUT_SPACES, input_space
from tinct.color.spaces import FloatArray, rgb_to_lab
from tinct.learn.recognize.statistics import measure_all

# Random kernels of 3x3 whose points lie so many pixels apart see so far: 3, 9, 25 and 65 pixels.
SPACINGS = (1, 4, 12, 32)
KERNELS = 48
# The coarse layout: this many cells along each edge.
CELLS = 6


@dataclass(frozen=True)
class FeatureSet:
    """Features of some pictures.

    Attributes:
        name: `colors`, `layout`, `space lab` or `shapes of 9 pixels`.
        extent: how many pixels across a feature looks; 1 for plain colours, 0 where it looks at the whole.
        values: (N, features).
    """

    name: str
    extent: int
    values: FloatArray


def feature_sets(
    pixels: NDArray[Any], *, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> list[FeatureSet]:
    """Measure pictures in every way.

    Args:
        pixels: (N, H, W, 3) sRGB uint8, or (N, H, W, C) float32.
        seed: of the random kernels.
        progress: called with (done, total) pictures.

    Returns:
        Plain colours (or plain statistics of arrays), shapes of growing size, and the coarse layout.
    """
    picture = pixels.dtype == np.uint8
    plain = ColorFeatures(center=False) if picture else ArrayFeatures(channels=int(pixels.shape[-1]))
    values = rgb_to_lab(pixels.astype(np.float32) / 255) if picture else pixels.astype(np.float32)
    sets = [FeatureSet("colors", 1, measure_all(pixels, plain, progress=progress))]
    for spacing in SPACINGS:
        extent = 2 * spacing + 1
        if extent <= min(pixels.shape[1:3]):
            sets.append(FeatureSet(f"shapes of {extent} pixels", extent, _kernel_features(values, spacing, seed)))
    sets.append(FeatureSet("layout", 0, np.stack([_layout(each) for each in values])))
    return sets


def space_sets(pixels: NDArray[np.uint8]) -> list[FeatureSet]:
    """Return mean and spread of each channel, space by space, for pictures (N, H, W, 3)."""
    return [
        FeatureSet(name, 1, np.concatenate(channel_moments(pixels, color_space=name), axis=1)) for name in INPUT_SPACES
    ]


def channel_moments(pixels: NDArray[Any], *, color_space: str) -> tuple[FloatArray, FloatArray]:
    """Give mean and standard deviation (N, C) of each picture's channels; an empty space leaves arrays as they are."""
    means, spreads = [], []
    for each in pixels:
        values = input_space(color_space).from_rgb(each) if color_space else each.astype(np.float32)
        means.append(values.mean(axis=(0, 1), dtype=np.float64))
        spreads.append(values.std(axis=(0, 1), dtype=np.float64))
    return np.stack(means).astype(np.float32), np.stack(spreads).astype(np.float32)


def _kernel_features(values: FloatArray, spacing: int, seed: int) -> FloatArray:
    """Give, for random kernels of sum 0, the share of places where each answers, and how strongly.

    Source: Dempster, Petitjean & Webb 2020, "ROCKET" (the share of positive values), here in two dimensions.
    """
    generator = torch.Generator().manual_seed(seed)
    channels = values.shape[-1]
    kernels = torch.randn(KERNELS, channels, 3, 3, generator=generator)
    # Without their mean they see no plain colour, only how it changes from place to place.
    kernels -= kernels.mean(dim=(2, 3), keepdim=True)
    spread = torch.from_numpy(np.maximum(values.std(axis=(0, 1, 2)), 1e-6)).view(1, -1, 1, 1)
    found = []
    with torch.no_grad():
        for start in range(0, len(values), 32):
            batch = torch.from_numpy(np.moveaxis(values[start : start + 32], -1, 1).copy()) / spread
            answers = torch.nn.functional.conv2d(batch, kernels, dilation=spacing)
            share = (answers > 0.5).float().mean(dim=(2, 3))
            strength = torch.log1p(answers.square().mean(dim=(2, 3)))
            found.append(torch.cat([share, strength], dim=1))
    result: FloatArray = torch.cat(found).numpy()
    return result


def _layout(values: FloatArray) -> FloatArray:
    """Return a picture (H, W, C) as a few coarse cells less its mean."""
    small = cv2.resize(values, (CELLS, CELLS), interpolation=cv2.INTER_AREA).reshape(CELLS * CELLS, -1)
    less: FloatArray = (small - small.mean(axis=0)).ravel()
    return less

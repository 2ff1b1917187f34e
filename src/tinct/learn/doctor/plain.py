"""Test whether pictures tell their classes apart, without any training that could go wrong.

Plain features (colours, and shapes of several sizes) are given to a ridge regression on class indicators. Its
leave-one-out answers have a closed form, and the costly part of it does not depend on the labels. So some hundred
shufflings of the labels take only a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from tinct.color.features import ArrayFeatures, ColorFeatures
from tinct.color.inputs import INPUT_SPACES, input_space
from tinct.color.spaces import FloatArray, rgb_to_lab
from tinct.learn.doctor.findings import percent
from tinct.learn.recognize.heads import LOGISTIC, fit_head, measure_all
from tinct.runtime.scores import wilson

SPACINGS = (1, 4, 12, 32)  # dilations of random 3x3 kernels, which then cover 3, 9, 25 and 65 pixels
KERNELS = 48  # random kernels of each dilation
CELLS = 6  # along each edge of the coarse layout
SHUFFLES = 299  # the smallest possible p is then 0.0033, well below every threshold in use
RIDGES = (0.01, 0.1, 1.0)  # ridge strengths relative to the mean eigenvalue; the best counts, for shuffled labels too
SIGNIFICANT = 0.01  # a difference is real if p is below this
CHANCE = 0.05  # a difference may be chance if p is above this
MARGIN = 0.1  # a smaller difference of accuracies is not reported, even if it is real
CURVE_SHARES = (0.25, 0.5, 1.0)  # shares of the pictures in a learning curve
CURVE_REPEATS = 6  # random draws of each share


@dataclass(frozen=True)
class FeatureSet:
    """Features of some pictures.

    Attributes:
        name: such as `colors`, `layout`, `lab` or `shapes of 9 pixels`.
        extent: pixels across that a feature sees; 1 for plain colours, 0 for the whole picture.
        values: (N, features).
    """

    name: str
    extent: int
    values: FloatArray


def feature_sets(pixels: NDArray[Any]) -> list[FeatureSet]:
    """Compute every set of features of pictures.

    Args:
        pixels: (N, H, W, 3) sRGB uint8, or (N, H, W, C) float32.

    Returns:
        Plain colours (or plain statistics of arrays), shapes of increasing size, and the coarse layout.
    """
    picture = pixels.dtype == np.uint8
    plain = ColorFeatures(center=False) if picture else ArrayFeatures(channels=int(pixels.shape[-1]))
    values = rgb_to_lab(pixels.astype(np.float32) / 255) if picture else pixels.astype(np.float32)
    sets = [FeatureSet("colors", 1, measure_all(pixels, plain))]
    for spacing in SPACINGS:
        extent = 2 * spacing + 1
        if extent <= min(pixels.shape[1:3]):
            sets.append(FeatureSet(f"shapes of {extent} pixels", extent, _kernel_features(values, spacing)))
    sets.append(FeatureSet("layout", 0, np.stack([_layout(picture) for picture in values])))
    return sets


def side_by_side(sets: Sequence[FeatureSet]) -> FloatArray:
    """Return all features of the same pictures in one table, (N, features)."""
    return np.concatenate([features.values for features in sets], axis=1)


def space_sets(pixels: NDArray[np.uint8]) -> list[FeatureSet]:
    """Return mean and standard deviation of each channel in each colour space, for pictures (N, H, W, 3)."""
    return [
        FeatureSet(name, 1, np.concatenate(channel_moments(pixels, color_space=name), axis=1)) for name in INPUT_SPACES
    ]


def channel_moments(pixels: NDArray[Any], *, color_space: str) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation (N, C) of each picture's channels; without a space, of the pixels as given."""
    means, spreads = [], []
    for picture in pixels:
        values = input_space(color_space).from_rgb(picture) if color_space else picture.astype(np.float32)
        means.append(values.mean(axis=(0, 1), dtype=np.float64))
        spreads.append(values.std(axis=(0, 1), dtype=np.float64))
    return np.stack(means).astype(np.float32), np.stack(spreads).astype(np.float32)


def _kernel_features(values: FloatArray, spacing: int) -> FloatArray:
    """Compute, for random kernels of sum 0, the share of places where each responds, and how strongly.

    Source: Dempster, Petitjean & Webb 2020, "ROCKET" (the share of positive values), here in two dimensions.
    """
    generator = torch.Generator().manual_seed(0)
    channels = values.shape[-1]
    kernels = torch.randn(KERNELS, channels, 3, 3, generator=generator)
    # With a mean of 0 they see only how colours change from place to place, not the colours themselves.
    kernels -= kernels.mean(dim=(2, 3), keepdim=True)
    spread = torch.from_numpy(np.maximum(values.std(axis=(0, 1, 2)), 1e-6)).view(1, -1, 1, 1)
    features = []
    with torch.no_grad():
        for start in range(0, len(values), 32):
            batch = torch.from_numpy(np.moveaxis(values[start : start + 32], -1, 1).copy()) / spread
            answers = torch.nn.functional.conv2d(batch, kernels, dilation=spacing)
            share = (answers > 0.5).float().mean(dim=(2, 3))
            strength = torch.log1p(answers.square().mean(dim=(2, 3)))
            features.append(torch.cat([share, strength], dim=1))
    return np.asarray(torch.cat(features).numpy())


def _layout(values: FloatArray) -> FloatArray:
    """Return a picture (H, W, C) as a few coarse cells, minus its mean."""
    small = cv2.resize(values, (CELLS, CELLS), interpolation=cv2.INTER_AREA).reshape(CELLS * CELLS, -1)
    return np.asarray((small - small.mean(axis=0)).ravel())


def leave_one_out(values: FloatArray, labels: NDArray[np.intp], *, classes: int) -> NDArray[np.intp]:
    """Classify each picture by a ridge regression fitted to all other pictures, for several labellings.

    Args:
        values: (N, features), which are standardised.
        labels: (N, labellings) classes.
        classes: number of classes.

    Returns:
        (strengths, N, labellings): the class of each picture, with each ridge strength.
    """
    wide = values.astype(np.float64)
    spread = wide.std(axis=0)
    kept = spread > 1e-9
    scaled = (wide[:, kept] - wide[:, kept].mean(axis=0)) / spread[kept]
    eigenvalues, vectors = np.linalg.eigh(scaled @ scaled.T / max(1, int(kept.sum())))
    eigenvalues = np.maximum(eigenvalues, 0)
    count, labellings = labels.shape
    indicator = (labels[..., None] == np.arange(classes)).astype(np.float32)
    share = indicator.mean(axis=0, keepdims=True)
    named = []
    for ridge in RIDGES:
        shrunk = vectors * (eigenvalues / (eigenvalues + ridge))
        hat = (shrunk @ vectors.T + 1 / count).astype(np.float32)
        own = np.minimum(np.diag(hat), 0.999)[:, None, None]
        fitted = (hat @ indicator.reshape(count, -1)).reshape(count, labellings, classes)
        without = (fitted - own * indicator) / (1 - own)
        # The indicator of a rare class is near 0 everywhere; divided by its standard deviation, all count equally.
        named.append(((without - share) / np.sqrt(share * (1 - share) + 1e-9)).argmax(axis=-1))
    return np.stack(named)


def best_accuracies(named: NDArray[np.intp], labels: NDArray[np.intp], *, classes: int) -> NDArray[np.float64]:
    """Return the best balanced accuracy (labellings) over the ridge strengths; `named` is from `leave_one_out`."""
    recalls = []
    for label in range(classes):
        inside = labels == label
        counts = np.maximum(inside.sum(axis=0), 1)
        recalls.append((inside[None] & (named == label)).sum(axis=1) / counts)
    return np.asarray(np.mean(recalls, axis=0).max(axis=0), dtype=np.float64)


@dataclass(frozen=True)
class LabelTest:
    """Whether plain features tell the classes apart.

    Attributes:
        names: of the feature sets.
        extents: pixels across that each sees.
        accuracies: balanced leave-one-out accuracy of each.
        values: p-value of each: the share of shuffled labellings on which it does as well.
        shuffled: the best accuracy of all sets, for each shuffled labelling.
        best: the best accuracy on the true labels.
        p: the share of shuffled labellings on which the best accuracy is as high.
        right: name of a set -> (N,) whether each picture is named rightly, with the best ridge strength.
        count: number of pictures.
    """

    names: tuple[str, ...]
    extents: tuple[int, ...]
    accuracies: tuple[float, ...]
    values: tuple[float, ...]
    shuffled: tuple[float, ...]
    best: float
    p: float
    right: dict[str, NDArray[np.bool_]]
    count: int

    @property
    def detectable(self) -> float:
        """The accuracy from which on the true labels would be told from shuffled ones."""
        return float(np.quantile(self.shuffled, 1 - CHANCE))

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        plain = {name: value for name, value in vars(self).items() if name != "right"}
        return {**plain, "detectable": self.detectable}


def check_labels(sets: Sequence[FeatureSet], labels: NDArray[np.intp], *, classes: int, seed: int = 0) -> LabelTest:
    """Compare the accuracy on the labels with that on shuffled labels.

    The best of all feature sets is compared with the best of all on shuffled labels, which corrects for trying several
    sets.

    Args:
        sets: features of the same pictures, without copies.
        labels: (N,) classes.
        classes: number of classes.
        seed: of the shuffles.

    Source: Ojala & Garriga 2010, "Permutation tests for studying classifier performance", test 1; Westfall & Young
        1993 (the maximum over several tests).
    """
    random = np.random.default_rng(seed)
    shuffled = np.stack([labels, *(random.permutation(labels) for _ in range(SHUFFLES))], axis=1)
    table, right = [], {}
    for features in sets:
        named = leave_one_out(features.values, shuffled, classes=classes)
        table.append(best_accuracies(named, shuffled, classes=classes))
        right[features.name] = max((row == labels for row in named[:, :, 0]), key=lambda row: int(row.sum()))
    accuracies = np.stack(table)
    null = accuracies[:, 1:]
    best = null.max(axis=0)
    return LabelTest(
        tuple(features.name for features in sets),
        tuple(features.extent for features in sets),
        tuple(accuracies[:, 0].tolist()),
        tuple(((1 + (null >= accuracies[:, :1]).sum(axis=1)) / (SHUFFLES + 1)).tolist()),
        tuple(best.tolist()),
        float(accuracies[:, 0].max()),
        float((1 + (best >= accuracies[:, 0].max()).sum()) / (SHUFFLES + 1)),
        right,
        len(labels),
    )


def paired_p(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return the p-value for two classifiers being equally accurate, from whether each is right on the same pictures.

    Source: McNemar 1947, the exact form.
    """
    from scipy.stats import binomtest

    first, second = int((one & ~other).sum()), int((other & ~one).sum())
    return 1.0 if first + second == 0 else float(binomtest(first, first + second, 0.5).pvalue)


def clearly_better(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> bool:
    """Return whether classifier `one` is ahead by `MARGIN` and by more than chance; arguments as for `paired_p`."""
    return paired_p(one, other) < SIGNIFICANT and float(one.mean()) - float(other.mean()) >= MARGIN


def chance_p(right: NDArray[np.bool_], chance: float) -> float:
    """Return the p-value for being right no more often than `chance`, 0..1."""
    from scipy.stats import binomtest

    return float(binomtest(int(right.sum()), len(right), min(max(chance, 0.0), 1.0), alternative="greater").pvalue)


def how_it_fails(right: NDArray[np.bool_], chance: float, *, measured_on: str) -> str:
    """Say how a training falls short.

    Args:
        right: whether it is right on each sample.
        chance: accuracy of always naming the commonest class.
        measured_on: what the samples are called, such as `pictures`.
    """
    if chance_p(np.ones_like(right), chance) > CHANCE:  # even if all were right
        return f"too few {measured_on} to say whether it learns"
    return "it learns less than it could" if chance_p(right, chance) <= CHANCE else "it does not learn"


def named_by_statistics(
    values: FloatArray, labels: NDArray[np.intp], others: FloatArray, *, classes: int | None = None
) -> NDArray[np.intp]:
    """Fit a logistic regression on plain features, and return the class (M,) that it names for other pictures.

    Args:
        values: (N, features) of the pictures to fit to.
        labels: (N,) their classes.
        others: (M, features) of the pictures to be named.
        classes: number of classes; default: those that occur in `labels`, which may be any numbers.
    """
    present = np.unique(labels) if classes is None else np.arange(classes)
    head = fit_head(LOGISTIC, values, np.searchsorted(present, labels), classes=len(present))
    return np.asarray(present[head.logits(others).argmax(axis=1)])


def interval(right: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy."""
    return wilson(int(right.sum()), len(right))


def with_interval(right: NDArray[np.bool_]) -> str:
    """Write the accuracy with its 95 % interval: 90 % (83 % to 94 %)."""
    low, high = interval(right)
    return f"{percent(float(right.mean()))} ({percent(low)} to {percent(high)})"


@dataclass(frozen=True)
class CurvePoint:
    """The accuracy with `count` pictures: mean over random draws, and its standard error."""

    count: int
    accuracy: float
    error: float


def learning_curve(values: FloatArray, labels: NDArray[np.intp], *, classes: int) -> tuple[CurvePoint, ...]:
    """Measure the leave-one-out accuracy with a quarter, half and all of the pictures (N, features)."""
    random = np.random.default_rng(0)
    points = []
    for share in CURVE_SHARES:
        accuracies = []
        for _ in range(CURVE_REPEATS if share < 1 else 1):
            some = np.concatenate(
                [
                    random.permutation(inside)[: max(2, round(share * len(inside)))]
                    for inside in (np.flatnonzero(labels == label) for label in range(classes))
                ]
            )
            named = leave_one_out(values[some], labels[some, None], classes=classes)
            accuracies.append(float(best_accuracies(named, labels[some, None], classes=classes)[0]))
        mean = float(np.mean(accuracies))
        # Draws of half the pictures overlap, so that their scatter is too small: this is the error of all pictures.
        points.append(CurvePoint(len(some), mean, float(np.sqrt(max(mean * (1 - mean), 1e-4) / len(labels)))))
    return tuple(points)

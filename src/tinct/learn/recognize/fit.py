"""Train a network to recognise.

This is a plain loop instead of Lightning's: a training takes seconds to minutes, is never resumed, stops by the clock,
and is repeated for each candidate and fold; setting up a Trainer would often take longer than the training.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinct.color.decoding import softmax
from tinct.color.spaces import FloatArray
from tinct.errors import SettingError
from tinct.learn.networks.layers import norms_measured_anew
from tinct.learn.networks.recognizers import PRETRAINED, PerImage, Pretrained, build
from tinct.learn.recognize.augment import Augmentation, augment
from tinct.learn.recognize.heads import LOGISTIC, LinearHead, class_weights, fit_head
from tinct.runtime.classifier import channels_of, standardized

MEASURED = 400  # pictures on which the channels' means and deviations are measured, at most
MEASURING_BATCH = 64  # pictures in a batch in inference
TIMED = 8  # pictures on which the time of a pretrained backbone is estimated
NORMS_MEASURED_ON = 16  # batches on which the batch norm statistics of averaged weights are measured
FIRST_STEPS = 3  # steps after which the speed of a training is known
SCHEDULES = ("cosine", "constant")
OPTIMIZERS = ("adamw", "adam", "sgd")


@dataclass(frozen=True)
class Fitting:
    """How a network is trained.

    Attributes:
        epochs: passes over the pictures.
        batch_size: pictures a step.
        learning_rate: the rate, or its peak.
        schedule: `cosine`: the rate rises over the first tenth of the steps and then falls to 0; or `constant`.
        optimizer: `adamw`, `adam`, or `sgd` with a momentum of 0.9.
        weight_decay: of the optimizer.
        clip: norm to which gradients are clipped; None: never.
        smoothing: of the labels.
        average: decay of the exponential moving average of the weights; 0: no average.
        standardize: subtract each channel's mean and divide by its standard deviation, both of the training pictures.
        scale: factor of the channels if they are not standardised: 255 gives numbers of 0 to 255.
        minutes: time after which the training stops; None: after all epochs.
        augmentation: changes to the pictures.
        seed: of weights, order and augmentation.
    """

    epochs: int = 30
    batch_size: int = 32
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    optimizer: str = "adamw"
    weight_decay: float = 0.02
    clip: float | None = 1.0
    smoothing: float = 0.05
    average: float = 0.99
    standardize: bool = True
    scale: float = 1.0
    minutes: float | None = None
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise a SettingError if a value is out of its range."""
        if self.epochs < 1 or self.batch_size < 2 or not self.learning_rate > 0 or not self.scale > 0:
            raise SettingError("training needs at least 1 epoch, 2 pictures a step, and a rate and scale above 0")
        if self.schedule not in SCHEDULES or self.optimizer not in OPTIMIZERS:
            raise SettingError(
                f"the schedule must be one of {', '.join(SCHEDULES)}, the optimizer of {', '.join(OPTIMIZERS)}"
            )

    @classmethod
    def as_first_written(cls) -> Fitting:
        """Return the training that one would write first: Adam at a constant rate, on inputs of 0 to 255."""
        return cls(
            epochs=10,
            learning_rate=1e-2,
            schedule="constant",
            optimizer="adam",
            weight_decay=0.0,
            clip=None,
            smoothing=0.0,
            average=0.0,
            standardize=False,
            scale=255.0,
            augmentation=Augmentation(flip=False, shift=0.0, brightness=0.0, mixup=0.0),
        )


@dataclass
class Trained:
    """A trained network and how its input is standardised.

    Attributes:
        network: from standardised channels to logits.
        color_space: of its channels; empty for arrays.
        mean: of each channel, which is subtracted.
        std: of each channel, by which the result is divided.
        losses: mean loss of each pass over the pictures.
    """

    network: nn.Module
    color_space: str
    mean: list[float]
    std: list[float]
    losses: list[float]

    def channels(self, pixels: NDArray[Any]) -> torch.Tensor:
        """Return the network's input (N, C, H, W) for pictures as in `tinct.runtime.classifier.channels_of`."""
        channels = channels_of(pixels, color_space=self.color_space)
        return torch.from_numpy(standardized(channels, mean=self.mean, std=self.std))

    def logits(self, pixels: NDArray[Any]) -> FloatArray:
        """Return logits (N, classes) for pictures as in `tinct.runtime.classifier.channels_of`."""
        return self.outputs(pixels, self.network)

    def outputs(self, pixels: NDArray[Any], module: Callable[[torch.Tensor], torch.Tensor]) -> FloatArray:
        """Return the output (N, ...) float32 of the network, or of a part of it, in inference mode."""
        self.network.eval()
        with torch.no_grad():
            starts = range(0, len(pixels), MEASURING_BATCH)
            outputs = [module(self.channels(pixels[start : start + MEASURING_BATCH])).numpy() for start in starts]
        return np.concatenate(outputs).astype(np.float32)


def fit_network(
    name: str,
    pixels: NDArray[Any],
    labels: NDArray[np.intp],
    *,
    classes: int,
    color_space: str,
    options: dict[str, Any] | None = None,
    fitting: Fitting | None = None,
    fewest: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Trained:
    """Train a network of `tinct.learn.networks.recognizers.NETWORKS`; all classes have equal weight.

    Args:
        name: of the network.
        pixels: (N, H, W, 3) sRGB uint8, or (N, H, W, C) float32 with an empty `color_space`.
        labels: (N,) classes.
        classes: number of classes.
        color_space: of the network's input.
        options: the network's own.
        fitting: how it is trained.
        fewest: passes over the pictures that it must complete in its time.
        progress: called with (done, total) epochs.

    Returns:
        The network, with averaged weights if the fitting averages them.

    Raises:
        SettingError: the first steps show that the time is too short for `fewest` passes.
    """
    fitting = fitting or Fitting()
    random = np.random.default_rng(fitting.seed)
    trained = begin_network(name, pixels, classes, color_space, options or {}, fitting, random)
    if isinstance(trained.network, Pretrained):
        _fit_last_layer(trained, trained.network, pixels, labels, classes, fitting)
    else:
        given = _Given(trained, pixels, labels, torch.from_numpy(class_weights(labels, classes)), fitting, random)
        _descend(given, min(fewest, fitting.epochs), progress)
    return trained


@dataclass(frozen=True)
class _Given:
    """What a network learns from: pictures and their labels, by augmented and mixed batches."""

    trained: Trained
    pixels: NDArray[Any]
    labels: NDArray[np.intp]
    weights: torch.Tensor  # (classes,)
    fitting: Fitting
    random: np.random.Generator

    def batches(self) -> Iterator[NDArray[np.intp]]:
        """Yield shuffled indices in batches of at least two, since batch norm cannot normalise a single picture."""
        order = self.random.permutation(len(self.pixels))
        parts = np.array_split(order, max(1, math.ceil(len(order) / self.fitting.batch_size)))
        yield from parts if len(order) > 1 else [np.repeat(order, 2)]

    def mixed(self, chosen: NDArray[np.intp]) -> tuple[torch.Tensor, torch.Tensor, float]:
        """Return a batch (N, C, H, W) after augmentation and mixup, the indices (N,) mixed in, and the own share."""
        change = self.fitting.augmentation
        values = self.trained.channels(augment(self.pixels[chosen], change, self.random))
        share = float(self.random.beta(change.mixup, change.mixup)) if change.mixup else 1.0
        other = torch.from_numpy(self.random.permutation(len(chosen)))
        return share * values + (1 - share) * values[other] if share < 1 else values, other, share

    def loss(self, chosen: NDArray[np.intp]) -> torch.Tensor:
        """Return the mean weighted cross-entropy of a batch after augmentation and mixup."""
        values, other, share = self.mixed(chosen)
        truth = torch.from_numpy(np.asarray(self.labels[chosen], dtype=np.int64))
        logits = self.trained.network(values)
        loss = share * self._cross_entropy(logits, truth)
        if share < 1:
            loss = loss + (1 - share) * self._cross_entropy(logits, truth[other])
        return loss

    def _cross_entropy(self, logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        smoothing = self.fitting.smoothing
        losses = nn.functional.cross_entropy(logits, truth, reduction="none", label_smoothing=smoothing)
        return (losses * self.weights[truth]).mean()

    def measure_norms(self, average: nn.Module) -> None:
        """Measure the batch norm statistics of averaged weights, on pictures after augmentation and mixup."""
        with norms_measured_anew(average.eval()) as norms:
            if norms:
                for chosen in islice(self.batches(), NORMS_MEASURED_ON):
                    average(self.mixed(chosen)[0])


def _descend(given: _Given, fewest: int, progress: Callable[[int, int], None] | None) -> None:
    """Train by gradient descent until all epochs are done or the time is over."""
    trained, fitting = given.trained, given.fitting
    network = trained.network
    optimizer = make_optimizer(network, fitting)
    average = copy.deepcopy(network) if fitting.average else None
    steps = max(1, math.ceil(len(given.labels) / fitting.batch_size))
    seconds = math.inf if fitting.minutes is None else 60 * fitting.minutes
    began = time.monotonic()
    done = 0
    for epoch in range(fitting.epochs):
        network.train()
        losses: list[float] = []
        for chosen in given.batches():
            passed = max((epoch * steps + len(losses)) / (fitting.epochs * steps), (time.monotonic() - began) / seconds)
            for group in optimizer.param_groups:
                group["lr"] = fitting.learning_rate * (_rise_and_fall(passed) if fitting.schedule == "cosine" else 1.0)
            loss = given.loss(chosen)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if fitting.clip is not None:
                nn.utils.clip_grad_norm_(network.parameters(), fitting.clip)
            optimizer.step()
            done += 1
            if average is not None:
                _follow(average, network, min(fitting.average, done / (done + 9)))
            losses.append(float(loss.detach()))
            if done >= FIRST_STEPS:  # the very first steps are slower
                _check_pace((time.monotonic() - began) / done * steps, seconds, fewest)
            if passed >= 1:
                break
        trained.losses.append(float(np.mean(losses)))
        if progress:
            progress(epoch + 1, fitting.epochs)
        if time.monotonic() - began >= seconds:
            break
    if len(trained.losses) < fewest:
        _check_pace((time.monotonic() - began) / len(trained.losses), seconds, fewest)
    if average is not None:
        given.measure_norms(average)
    trained.network = (average if average is not None else network).eval()


def _check_pace(pass_seconds: float, seconds: float, fewest: int) -> None:
    """Raise a SettingError if the time is too short for `fewest` passes."""
    if pass_seconds * fewest > seconds:
        passes = seconds / pass_seconds
        raise SettingError(
            f"its share of the time is enough for {passes:.1f} passes over the pictures only; give more --time"
        )


def _fit_last_layer(
    trained: Trained,
    network: Pretrained,
    pixels: NDArray[Any],
    labels: NDArray[np.intp],
    classes: int,
    fitting: Fitting,
) -> None:
    """Fit a pretrained network's last layer: the backbone runs once on every picture, and on its mirror image."""
    views = [pixels, pixels[:, :, ::-1]] if fitting.augmentation.flip else [pixels]
    if fitting.minutes is not None:
        began = time.monotonic()
        few = len(trained.outputs(pixels[:TIMED], network.pooled))
        needed = (time.monotonic() - began) / few * len(views) * len(pixels)
        _check_pace(needed, 60 * fitting.minutes, 1)
    features = np.concatenate([trained.outputs(view, network.pooled) for view in views])
    head = fit_head(LOGISTIC, features, np.tile(labels, len(views)), classes=classes, seed=fitting.seed)
    assert isinstance(head, LinearHead)
    network.set_head(head.weights, head.bias)
    shares = softmax(trained.logits(pixels))[np.arange(len(labels)), labels]
    trained.losses.append(float(-np.log(np.maximum(shares, 1e-12)).mean()))


def begin_network(
    name: str,
    pixels: NDArray[Any],
    classes: int,
    color_space: str,
    options: dict[str, Any],
    fitting: Fitting,
    random: np.random.Generator,
) -> Trained:
    """Return a network before its first step, with the measured standardisation of its input."""
    torch.manual_seed(fitting.seed)
    mean, std = _standard(name, pixels, color_space, fitting, random)
    size = (int(pixels.shape[1]), int(pixels.shape[2]))
    network = build(name, channels=len(mean), classes=classes, size=size, options=options)
    if fitting.augmentation.per_image and not isinstance(network, Pretrained):
        network = PerImage(network)
    return Trained(network, color_space, mean, std, [])


def _standard(
    name: str, pixels: NDArray[Any], color_space: str, fitting: Fitting, random: np.random.Generator
) -> tuple[list[float], list[float]]:
    """Return the number to subtract from each channel, and the number to divide it by."""
    some = pixels[random.permutation(len(pixels))[:MEASURED]]
    channels = channels_of(some, color_space=color_space)
    if name == PRETRAINED:  # it standardises its input itself
        return [0.0] * channels.shape[1], [1.0] * channels.shape[1]
    if not fitting.standardize:
        return [0.0] * channels.shape[1], [1 / fitting.scale] * channels.shape[1]
    spread = channels.std(axis=(0, 2, 3), dtype=np.float64)
    mean = channels.mean(axis=(0, 2, 3), dtype=np.float64)
    return mean.tolist(), np.where(spread > 1e-6, spread, 1.0).tolist()


def make_optimizer(network: nn.Module, fitting: Fitting) -> torch.optim.Optimizer:
    """Return the optimizer of all trainable weights."""
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    rate, decay = fitting.learning_rate, fitting.weight_decay
    if fitting.optimizer == "sgd":
        return torch.optim.SGD(weights, lr=rate, momentum=0.9, weight_decay=decay)
    make = torch.optim.AdamW if fitting.optimizer == "adamw" else torch.optim.Adam
    return make(weights, lr=rate, weight_decay=decay)


def _rise_and_fall(passed: float) -> float:
    """Return the rate as a share of its peak, after a share of the steps."""
    if passed < 0.1:
        return 0.1 + 9 * passed
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (passed - 0.1) / 0.9)))


def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for slow, fast in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if slow.dtype.is_floating_point:
                slow.lerp_(fast, 1 - decay)
            else:
                slow.copy_(fast)

"""Training a network to recognise, with changes to the pictures that leave their colours alone.

A plain loop: a training takes seconds to minutes, is never resumed in its midst, and stops by the clock.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinct.color.decoding import softmax
from tinct.color.spaces import FloatArray
from tinct.errors import SettingError
from tinct.learn.networks.recognizers import PerImage, Pretrained, build
from tinct.learn.recognize.statistics import LOGISTIC, LinearHead, class_weights, fit_head
from tinct.runtime.classifier import channels_of, standardized

MEASURED = 400  # pictures that the channels' means and spreads are taken of
MEASURING_BATCH = 64
SCHEDULES = ("cosine", "constant")
OPTIMIZERS = ("adamw", "adam", "sgd")


@dataclass(frozen=True)
class Augmentation:
    """How training pictures are changed.

    The last four change colours, and so destroy the label where colour is what the classes differ in.

    Attributes:
        flip: mirror half of them, left to right.
        shift: move them by up to this share of the edges; what enters is mirrored.
        brightness: multiply red, green and blue alike by 1 ± this, which leaves hue and saturation.
        mixup: mix pairs, labels too, by shares drawn from Beta(mixup, mixup); 0 for not at all.
        hue: turn the hue by up to this share of the circle.
        saturation: multiply saturation by 1 ± this.
        grey: turn this share of the pictures grey.
        per_image: standardise each picture by its own mean and spread.
    """

    flip: bool = True
    shift: float = 0.06
    brightness: float = 0.15
    mixup: float = 0.2
    hue: float = 0.0
    saturation: float = 0.0
    grey: float = 0.0
    per_image: bool = False

    @property
    def destroys_color(self) -> list[str]:
        """The changes asked for that change colours."""
        return [name for name in ("hue", "saturation", "grey", "per_image") if getattr(self, name)]


@dataclass(frozen=True)
class Fitting:
    """How a network is trained.

    Attributes:
        epochs: passes over the pictures.
        batch_size: pictures a step.
        learning_rate: the rate, or its peak.
        schedule: `cosine`: the rate rises over the first tenth of the steps and then falls to 0; `constant`.
        optimizer: `adamw`, `adam`, or `sgd` with a momentum of 0.9.
        weight_decay: the optimizer's.
        clip: gradients are shortened to this norm; None: never.
        smoothing: of the labels.
        average: decay of the exponential moving average of the weights; 0 turns it off.
        standardize: subtract each channel's mean and divide by its spread, from the training pictures.
        scale: where they are not standardised, channels are multiplied by this: 255 gives 8-bit numbers.
        minutes: when to stop; None: after all epochs.
        augmentation: changes to the pictures.
        seed: of weights, order and changes.
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
        """Check the settings.

        Raises:
            SettingError: a value is out of its range.
        """
        if self.epochs < 1 or self.batch_size < 2 or not self.learning_rate > 0 or not self.scale > 0:
            raise SettingError("training needs at least 1 epoch, 2 pictures a step, and a rate and scale above 0")
        if self.schedule not in SCHEDULES or self.optimizer not in OPTIMIZERS:
            raise SettingError(f"a schedule is one of {', '.join(SCHEDULES)}, an optimizer of {', '.join(OPTIMIZERS)}")

    @classmethod
    def as_first_written(cls, *, epochs: int = 10, learning_rate: float = 1e-2, seed: int = 0) -> Fitting:
        """Return the training that one would write first: Adam at one rate on numbers of 0 to 255, and nothing else."""
        return cls(
            epochs=epochs,
            learning_rate=learning_rate,
            schedule="constant",
            optimizer="adam",
            weight_decay=0.0,
            clip=None,
            smoothing=0.0,
            average=0.0,
            standardize=False,
            scale=255.0,
            augmentation=Augmentation(flip=False, shift=0.0, brightness=0.0, mixup=0.0),
            seed=seed,
        )


@dataclass
class Trained:
    """A trained network and how its input is standardised."""

    network: nn.Module
    color_space: str
    mean: list[float]
    std: list[float]
    losses: list[float]

    def logits(self, pixels: NDArray[Any]) -> FloatArray:
        """Compute (N, classes) for pictures as `tinct.runtime.classifier.channels_of` takes them."""
        self.network.eval()
        logits = []
        with torch.no_grad():
            for start in range(0, len(pixels), MEASURING_BATCH):
                batch = channels_of(pixels[start : start + MEASURING_BATCH], color_space=self.color_space)
                logits.append(self.network(torch.from_numpy(standardized(batch, mean=self.mean, std=self.std))).numpy())
        return np.concatenate(logits).astype(np.float32)


def fit_network(
    name: str,
    pixels: NDArray[Any],
    labels: NDArray[np.intp],
    *,
    classes: int,
    color_space: str,
    options: dict[str, Any] | None = None,
    fitting: Fitting | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Trained:
    """Train a network of `tinct.learn.networks.recognizers.NETWORKS`; all classes count alike.

    Args:
        pixels: (N, H, W, 3) sRGB uint8, or (N, H, W, C) float32 with an empty `color_space`.
        labels: (N,).

    Returns:
        The network; its weights are the average's where there is one.
    """
    fitting = fitting or Fitting()
    random = np.random.default_rng(fitting.seed)
    trained = begin_network(name, pixels, classes, color_space, options or {}, fitting, random)
    if isinstance(trained.network, Pretrained):
        return _fit_pretrained(trained, pixels, labels, classes, fitting)
    network = trained.network
    weights = torch.from_numpy(class_weights(labels, classes))
    steps = max(1, math.ceil(len(labels) / fitting.batch_size))
    optimizer = make_optimizer(network, fitting)
    average = copy.deepcopy(network) if fitting.average else None
    began = time.monotonic()
    done = 0
    for epoch in range(fitting.epochs):
        network.train()
        losses: list[float] = []
        for chosen in _batches(len(labels), fitting.batch_size, random):
            passed = (epoch * steps + len(losses)) / (fitting.epochs * steps)
            if fitting.minutes is not None:
                passed = max(passed, (time.monotonic() - began) / (60 * fitting.minutes))
            for group in optimizer.param_groups:
                group["lr"] = fitting.learning_rate * (_share(passed) if fitting.schedule == "cosine" else 1.0)
            loss = _loss(trained, pixels[chosen], labels[chosen], weights, fitting, random)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            if fitting.clip is not None:
                nn.utils.clip_grad_norm_(network.parameters(), fitting.clip)
            optimizer.step()
            done += 1
            if average is not None:
                _follow(average, network, min(fitting.average, done / (done + 9)))
            losses.append(float(loss.detach()))
            if passed >= 1:
                break
        trained.losses.append(float(np.mean(losses)))
        if progress:
            progress(epoch + 1, fitting.epochs)
        if fitting.minutes is not None and time.monotonic() - began >= 60 * fitting.minutes:
            break
    trained.network = (average if average is not None else network).eval()
    return trained


def begin_network(
    name: str,
    pixels: NDArray[Any],
    classes: int,
    color_space: str,
    options: dict[str, Any],
    fitting: Fitting,
    random: np.random.Generator,
) -> Trained:
    """Build a network as it is before the first step, and measure how to standardise its input; see `fit_network`."""
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
    """Return each channel's mean and spread over training pictures, or what only scales them."""
    some = pixels[random.permutation(len(pixels))[:MEASURED]]
    channels = channels_of(some, color_space=color_space)
    if name == "pretrained":  # it standardises inside, as it was trained
        return [0.0] * channels.shape[1], [1.0] * channels.shape[1]
    if not fitting.standardize:
        return [0.0] * channels.shape[1], [1 / fitting.scale] * channels.shape[1]
    spread = channels.std(axis=(0, 2, 3), dtype=np.float64)
    mean = channels.mean(axis=(0, 2, 3), dtype=np.float64)
    return mean.tolist(), np.where(spread > 1e-6, spread, 1.0).tolist()


def make_optimizer(network: nn.Module, fitting: Fitting) -> torch.optim.Optimizer:
    """Return the optimizer of the weights that learn."""
    weights = [each for each in network.parameters() if each.requires_grad]
    rate, decay = fitting.learning_rate, fitting.weight_decay
    if fitting.optimizer == "sgd":
        return torch.optim.SGD(weights, lr=rate, momentum=0.9, weight_decay=decay)
    make = torch.optim.AdamW if fitting.optimizer == "adamw" else torch.optim.Adam
    return make(weights, lr=rate, weight_decay=decay)


def _fit_pretrained(
    trained: Trained, pixels: NDArray[Any], labels: NDArray[np.intp], classes: int, fitting: Fitting
) -> Trained:
    """Fit the last layer alone: the backbone is run once over every picture, and over its mirror image."""
    views = [pixels, pixels[:, :, ::-1]] if fitting.augmentation.flip else [pixels]
    features = np.concatenate([_pooled(trained, view) for view in views])
    truth = np.tile(labels, len(views))
    head = fit_head(LOGISTIC, features, truth, classes=classes, seed=fitting.seed)
    network = trained.network
    if isinstance(network, Pretrained) and isinstance(head, LinearHead):
        network.set_head(head.weights, head.bias)
    shares = softmax(trained.logits(pixels))[np.arange(len(labels)), labels]
    trained.losses.append(float(-np.log(np.maximum(shares, 1e-12)).mean()))
    return trained


def _pooled(trained: Trained, pixels: NDArray[Any]) -> FloatArray:
    network = trained.network.eval()
    features = []
    with torch.no_grad():
        for start in range(0, len(pixels), MEASURING_BATCH):
            batch = channels_of(pixels[start : start + MEASURING_BATCH], color_space=trained.color_space)
            if isinstance(network, Pretrained):
                features.append(network.pooled(torch.from_numpy(batch)).numpy())
    return np.concatenate(features)


def _share(passed: float) -> float:
    """Return the share of the peak rate after a share of the steps."""
    if passed < 0.1:
        return 0.1 + 9 * passed
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (passed - 0.1) / 0.9)))


def _batches(count: int, size: int, random: np.random.Generator) -> Iterator[NDArray[np.intp]]:
    """Yield shuffled indices in batches of at least two, since one picture alone cannot be normalised."""
    order = random.permutation(count)
    parts = np.array_split(order, max(1, math.ceil(count / size)))
    yield from parts if len(order) > 1 else [np.repeat(order, 2)]


def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        for slow, fast in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if slow.dtype.is_floating_point:
                slow.lerp_(fast, 1 - decay)
            else:
                slow.copy_(fast)


def _loss(
    trained: Trained,
    pixels: NDArray[Any],
    labels: NDArray[np.intp],
    weights: torch.Tensor,
    fitting: Fitting,
    random: np.random.Generator,
) -> torch.Tensor:
    """Compute the mean weighted cross-entropy of a batch, changed and mixed."""
    change = fitting.augmentation
    changed = augment(pixels, change, random)
    values = torch.from_numpy(
        standardized(channels_of(changed, color_space=trained.color_space), mean=trained.mean, std=trained.std)
    )
    truth = torch.from_numpy(np.asarray(labels, dtype=np.int64))
    share = float(random.beta(change.mixup, change.mixup)) if change.mixup else 1.0
    other = torch.from_numpy(random.permutation(len(labels)))
    logits = trained.network(share * values + (1 - share) * values[other] if share < 1 else values)
    loss = share * _cross_entropy(logits, truth, weights, fitting.smoothing)
    if share < 1:
        loss = loss + (1 - share) * _cross_entropy(logits, truth[other], weights, fitting.smoothing)
    return loss


def _cross_entropy(logits: torch.Tensor, truth: torch.Tensor, weights: torch.Tensor, smoothing: float) -> torch.Tensor:
    each = nn.functional.cross_entropy(logits, truth, reduction="none", label_smoothing=smoothing)
    return (each * weights[truth]).mean()


def augment(pixels: NDArray[Any], change: Augmentation, random: np.random.Generator) -> NDArray[Any]:
    """Change a batch.

    Args:
        pixels: (N, H, W, 3) sRGB uint8, or (N, H, W, C) floats, which are only mirrored and moved.
        change: how.
        random: where chance comes from.

    Returns:
        The same shape: floats in 0..1 for pictures, floats as they were for arrays.
    """
    picture = pixels.dtype == np.uint8
    whole: FloatArray = pixels.astype(np.float32) / np.float32(255) if picture else pixels.astype(np.float32)
    values: FloatArray = np.stack([_moved(each, change, random) for each in whole])
    if not picture:
        return values
    if change.brightness:
        light = random.uniform(1 - change.brightness, 1 + change.brightness, (len(values), 1, 1, 1))
        values *= light.astype(np.float32)
    if change.hue or change.saturation:
        values = _recolored(values, change, random)
    if change.grey:
        grey = random.random(len(values)) < change.grey
        values[grey] = values[grey].mean(axis=-1, keepdims=True)
    clipped: FloatArray = np.clip(values, 0, 1)
    return clipped


def _moved(values: FloatArray, change: Augmentation, random: np.random.Generator) -> FloatArray:
    if change.flip and random.random() < 0.5:
        values = values[:, ::-1]
    rows, columns = (round(change.shift * edge) for edge in values.shape[:2])
    if not rows and not columns:
        return values
    padded: FloatArray = np.pad(values, ((rows, rows), (columns, columns), (0, 0)), mode="reflect")
    top, left = int(random.integers(2 * rows + 1)), int(random.integers(2 * columns + 1))
    return padded[top : top + values.shape[0], left : left + values.shape[1]]


def _recolored(values: FloatArray, change: Augmentation, random: np.random.Generator) -> FloatArray:
    from tinct.color.spaces import hsv_to_rgb, rgb_to_hsv

    hsv = rgb_to_hsv(np.clip(values, 0, 1))
    shape = (len(values), 1, 1)
    hsv[..., 0] += random.uniform(-change.hue, change.hue, shape)
    hsv[..., 1] = np.clip(hsv[..., 1] * random.uniform(1 - change.saturation, 1 + change.saturation, shape), 0, 1)
    return hsv_to_rgb(hsv)

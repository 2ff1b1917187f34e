"""Experiments on a network that do not depend on what it is trained for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from torch import nn
from torch.overrides import TorchFunctionMode

LOWEST_RATE = 1e-6  # of the range test: below, nothing changes in so few steps
HIGHEST_RATE = 1.0  # of the range test: above, every training breaks
MARGIN = 10.0  # the suggested rate is this many times below the one with the lowest loss; usual for Adam
TAKEN_BACK = 0.5  # if the loss fell, learning is broken once the loss has risen again by this share of the fall
RISEN = 0.25  # if the loss did not fall, learning is broken once the loss has risen by this share of the initial loss
# A fall counts from this share of the initial loss on, or of the loss of guessing if that is lower.
SMALLEST_FALL = 0.05
DEAD = 0.95  # a layer with this share of dead units passes nothing on
CRIPPLED = 0.5  # a layer with this share of dead units is crippled
# A layer hardly learns if its gradient, relative to its weights, is below this share of that of the fastest layer.
VANISHING = 1e-4
# From this ratio of gradient to weights on, a step of plain descent at a rate of 1e-2 changes a layer completely.
EXPLODING = 100.0
KNOWN = 0.95  # a batch is known by heart from this accuracy on
RELUS = {torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_, nn.functional.relu}


@dataclass(frozen=True)
class Probe:
    """A training reduced to one batch.

    Attributes:
        make: returns the network as it is before the first step; the same one each time.
        loss: returns the loss of a network on one fixed batch.
        optimizer: returns an optimizer for a network and a rate.
        guess: the loss of the best constant answer.
        enough: share of `guess` below which learning by heart ends.
        accuracy: share of the batch on which a network is right; None: there is no right or wrong.
        by_accuracy: a batch is known by heart from an accuracy of `KNOWN` on; if False, from a loss below `enough`.
        clip: norm to which gradients are clipped; None: never.
    """

    make: Callable[[], nn.Module]
    loss: Callable[[nn.Module], torch.Tensor]
    optimizer: Callable[[nn.Module, float], torch.optim.Optimizer]
    guess: float
    enough: float = 0.1
    accuracy: Callable[[nn.Module], float] | None = None
    by_accuracy: bool = True
    clip: float | None = None


def take_step(
    network: nn.Module, loss: torch.Tensor, optimizer: torch.optim.Optimizer, *, clip: float | None = None
) -> float:
    """Take a step with a loss of the network, and return that loss; infinity if it is not finite."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if clip is not None:
        nn.utils.clip_grad_norm_(network.parameters(), clip)
    optimizer.step()
    value = float(loss.detach())
    return value if math.isfinite(value) else math.inf


@dataclass(frozen=True)
class RateRange:
    """The loss as the rate rises.

    Attributes:
        rates: that were tried, as long as the loss was finite.
        losses: at each rate, smoothed.
        lowest: the rate at which the loss was lowest; None if it never fell.
        breaks: the rate at which learning breaks; None if it never does.
        suggested: `lowest` divided by `MARGIN`; None if the loss never fell.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    lowest: float | None
    breaks: float | None
    suggested: float | None


def range_of_rates(probe: Probe, *, steps: int) -> RateRange:
    """Measure the loss on one batch while the rate rises exponentially from step to step (the range test).

    Source: Smith 2017, "Cyclical learning rates for training neural networks", section 3.3.
    """
    network = probe.make().train()
    optimizer = probe.optimizer(network, LOWEST_RATE)
    rates = np.geomspace(LOWEST_RATE, HIGHEST_RATE, steps)
    losses: list[float] = []
    for rate in rates:
        for group in optimizer.param_groups:
            group["lr"] = float(rate)
        loss = take_step(network, probe.loss(network), optimizer, clip=probe.clip)
        if not math.isfinite(loss) or loss > 1e6 * max(1.0, losses[0] if losses else 1.0):
            break
        losses.append(loss)
    return _judged(tuple(rates[: len(losses)].tolist()), losses, guess=probe.guess, ended=len(losses) < steps)


def _judged(rates: tuple[float, ...], losses: list[float], *, guess: float, ended: bool) -> RateRange:
    if len(losses) < 3:
        return RateRange(rates, tuple(losses), None, rates[-1] if rates else LOWEST_RATE, None)
    smooth = _smoothed(losses)
    bottom = int(smooth.argmin())
    # A huge initial loss (inputs of 0 to 255) may fall for long without getting below that of guessing: it must.
    start = min(float(np.median(losses[: max(3, len(losses) // 8)])), guess)
    fell = float(smooth[bottom]) < (1 - SMALLEST_FALL) * start
    limit = start + RISEN * start if not fell else TAKEN_BACK * (start + float(smooth[bottom]))
    after = [index for index in range(bottom if fell else 0, len(smooth)) if smooth[index] > limit]
    if not fell and after and after[0] == 0:  # the loss was above the limit from the beginning
        after = []
    breaks = rates[after[0]] if after else (rates[-1] if ended else None)
    lowest = rates[bottom] if fell else None
    return RateRange(rates, tuple(smooth.tolist()), lowest, breaks, None if lowest is None else lowest / MARGIN)


def _smoothed(losses: list[float]) -> NDArray[np.float64]:
    """Return the losses after a median of three and a mean of three, so that no single step decides."""
    padded = np.pad(median_filter(losses, 3, mode="nearest"), 1, mode="edge")
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3)


@dataclass(frozen=True)
class ByHeart:
    """An attempt to learn one batch by heart.

    Attributes:
        name: what was tried.
        rate: the learning rate.
        losses: before each step.
        accuracy: share of the batch that is right in the end, in inference mode; None if there is no right or wrong.
        known: whether the batch was learned by heart.
    """

    name: str
    rate: float
    losses: tuple[float, ...]
    accuracy: float | None
    known: bool

    def to_json(self) -> dict[str, Any]:
        """Return plain values; losses that are not finite are None."""
        return {"name": self.name, "rate": self.rate, "losses": finite(self.losses), "accuracy": self.accuracy}


def learn_by_heart(probe: Probe, *, name: str, rate: float, steps: int) -> ByHeart:
    """Take steps on one batch at one rate, at least one, until three losses in a row are low enough."""
    network = probe.make().train()
    optimizer = probe.optimizer(network, rate)
    stop = probe.enough * probe.guess
    losses: list[float] = []
    for _ in range(steps):
        losses.append(take_step(network, probe.loss(network), optimizer, clip=probe.clip))
        if not math.isfinite(losses[-1]) or max(losses[-3:]) < stop:
            break
    accuracy = probe.accuracy(network.eval()) if probe.accuracy else None
    known = accuracy >= KNOWN if accuracy is not None and probe.by_accuracy else losses[-1] < stop
    return ByHeart(name, rate, tuple(losses), accuracy, known)


def finite(losses: Sequence[float]) -> list[float | None]:
    """Return losses for JSON: None for those that are not finite."""
    return [loss if math.isfinite(loss) else None for loss in losses]


@dataclass(frozen=True)
class UnitFacts:
    """The units of one ReLU."""

    name: str
    units: int
    dead: float  # share of units that are 0 for every input, at every place
    zeros: float  # share of all outputs that are 0


class _Watch(TorchFunctionMode):
    """Records the output of every call of some functions."""

    def __init__(self, functions: Set[Any]) -> None:
        super().__init__()
        self.functions = functions
        self.outputs: list[torch.Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in self.functions:
            self.outputs.append(result.detach().clone())
        return result


def outputs_of(functions: Set[Any], network: nn.Module, values: torch.Tensor) -> list[torch.Tensor]:
    """Return the output of each call of some functions for inputs (N, ...) in inference mode, in their order."""
    watch = _Watch(functions)
    with torch.no_grad(), watch:
        network.eval()(values)
    return watch.outputs


def dead_units(network: nn.Module, values: torch.Tensor) -> list[UnitFacts]:
    """Count the dead units of each ReLU.

    Args:
        network: in any mode.
        values: (N, C, H, W) at least some dozen pictures.

    Returns:
        A row for each ReLU, in the order of the calls.
    """
    rows = []
    outputs = outputs_of(RELUS, network, values)
    for index, output in enumerate(outputs):
        units = output.transpose(0, 1).flatten(1) if output.ndim > 1 else output[None]
        alive = (units > 0).any(dim=1)
        name = f"ReLU {index + 1} of {len(outputs)}"
        rows.append(UnitFacts(name, len(units), float((~alive).float().mean()), float((output <= 0).float().mean())))
    return rows


def born_dead(units: Sequence[UnitFacts]) -> list[UnitFacts]:
    """Return those ReLUs, measured before the first step, that pass nothing on."""
    return [relu for relu in units if relu.dead >= DEAD]


@dataclass(frozen=True)
class LayerFacts:
    """A layer before the first step: the norm of its weights, and that of their gradient."""

    name: str
    weights: float
    gradient: float

    @property
    def ratio(self) -> float:
        """Gradient divided by weights: the relative change by a step of plain gradient descent at a rate of 1."""
        return self.gradient / max(self.weights, 1e-12)


def gradients(probe: Probe) -> list[LayerFacts]:
    """Measure each layer's gradient before the first step, except for biases, norms and layers without gradient."""
    network = probe.make().train()
    probe.loss(network).backward()  # type: ignore[no-untyped-call]
    return [
        LayerFacts(name.removesuffix(".weight"), float(weight.detach().norm()), float(weight.grad.norm()))
        for name, weight in network.named_parameters()
        if weight.ndim > 1 and weight.grad is not None
    ]


def explode(layers: Sequence[LayerFacts]) -> bool:
    """Return whether a gradient is not finite, or far larger than its weights (unless these are all 0)."""
    return any(not math.isfinite(layer.gradient) or (layer.weights > 0 and layer.ratio > EXPLODING) for layer in layers)


def vanish(layers: Sequence[LayerFacts]) -> bool:
    """Return whether the first layer hardly learns beside the fastest one, ignoring layers whose weights are all 0."""
    ratios = [layer.ratio for layer in layers if layer.weights > 0]
    return bool(ratios) and ratios[0] < VANISHING * max(ratios)


@dataclass(frozen=True)
class Seen:
    """The receptive field of one place of the last convolution.

    Attributes:
        pixels: its longer side; 0 for a network without convolutions.
        joined: whether dense layers after it look at all places at once, so that the network sees the whole picture.
    """

    pixels: int = 0
    joined: bool = False


def receptive_field(network: nn.Module, values: torch.Tensor) -> Seen:
    """Measure the receptive field of the last convolution: the pixels on which the centre of its output depends.

    Source: Luo et al. 2016, "Understanding the effective receptive field"; here every pixel with a gradient counts.
    """
    convolutions: list[torch.Tensor] = []
    dense: list[int] = []

    def note(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        if isinstance(module, nn.Linear):
            dense.append(module.in_features)
        elif max(output.shape[2:]) > 1 or not convolutions:
            convolutions.append(output)

    handles = [
        module.register_forward_hook(note) for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    try:
        some = values.clone().requires_grad_()
        network.eval()(some)
        if not convolutions or not convolutions[-1].requires_grad:  # or `forward` cuts it off from its input
            return Seen()
        last = convolutions[-1]
        middle = last[:, :, last.shape[2] // 2, last.shape[3] // 2].abs().sum()
        (gradient,) = torch.autograd.grad(middle, some)
    finally:
        for handle in handles:
            handle.remove()
    touched = (gradient != 0).any(dim=0).any(dim=0)
    extents = [
        int(np.ptp(np.flatnonzero(touched.any(dim=axis).numpy())) + 1) if touched.any() else 0 for axis in (0, 1)
    ]
    # Dense layers that get one number a channel come after global pooling, and do not see places.
    return Seen(max(extents), bool(dense) and dense[0] >= 4 * last.shape[1])

"""Experiments on a network that are the same whatever it is trained for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.overrides import TorchFunctionMode

# The range of rates that is tried: below, nothing moves in so few steps; above, everything breaks.
LOWEST_RATE, HIGHEST_RATE = 1e-6, 1.0
# A rate this much below the one at which the loss was lowest leaves a margin: the usual choice for Adam.
MARGIN = 10.0
# Learning is broken once the loss has taken back so much of its gain over guessing, or has risen so much above it.
TAKEN_BACK, RISEN = 0.5, 0.25
# A fall by less than this share of the loss of guessing is no fall.
SMALLEST_FALL = 0.05
# A layer of which this share of units is dead passes nothing on; from the second share on, it is crippled.
DEAD, CRIPPLED = 0.95, 0.5
# Below this share of the gradient of the layer that learns most, a layer stands still.
VANISHING = 1e-4
# Of plain descent at the usual rate of 1e-2 a step would change a layer more than it weighs.
EXPLODING = 100.0
# A unit whose output is 0 for every picture of a probe, at every place, is dead.
_RELUS = {torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_, nn.functional.relu}


@dataclass(frozen=True)
class Probe:
    """A training in small.

    Attributes:
        make: gives the network as it is before the first step; the same one each time.
        loss: of a network on one fixed batch.
        optimizer: for a network and a rate.
        guess: the loss of the best answer that does not look at the input.
        clip: the norm gradients are shortened to; None: never.
    """

    make: Callable[[], nn.Module]
    loss: Callable[[nn.Module], torch.Tensor]
    optimizer: Callable[[nn.Module, float], torch.optim.Optimizer]
    guess: float
    clip: float | None = None

    def step(self, network: nn.Module, optimizer: torch.optim.Optimizer) -> float:
        """Take one step, and give the loss before it; infinite where it is no number."""
        loss = self.loss(network)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.clip is not None:
            nn.utils.clip_grad_norm_(network.parameters(), self.clip)
        optimizer.step()
        value = float(loss.detach())
        return value if math.isfinite(value) else math.inf


@dataclass(frozen=True)
class RateRange:
    """What became of the loss as the rate rose.

    Attributes:
        rates: that were passed through.
        losses: at each, smoothed; as long as the loss was a number.
        lowest: the rate at which the loss was lowest; None where it never fell.
        breaks: the rate at which learning breaks; None where none did.
        suggested: the lowest's, divided by `MARGIN`; None where the loss never fell.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    lowest: float | None
    breaks: float | None
    suggested: float | None


def range_of_rates(probe: Probe, *, steps: int) -> RateRange:
    """Raise the rate evenly in its logarithm, a step each, and watch the loss on one batch.

    Source: Smith 2017, "Cyclical learning rates for training neural networks", section 3.3.
    """
    network = probe.make().train()
    optimizer = probe.optimizer(network, LOWEST_RATE)
    rates = np.geomspace(LOWEST_RATE, HIGHEST_RATE, steps)
    losses: list[float] = []
    for rate in rates:
        for group in optimizer.param_groups:
            group["lr"] = float(rate)
        loss = probe.step(network, optimizer)
        if not math.isfinite(loss) or loss > 1e6 * max(1.0, losses[0] if losses else 1.0):
            break
        losses.append(loss)
    return _judged(tuple(rates[: len(losses)].tolist()), losses, guess=probe.guess, ended=len(losses) < steps)


def _judged(rates: tuple[float, ...], losses: list[float], *, guess: float, ended: bool) -> RateRange:
    if len(losses) < 3:
        return RateRange(rates, tuple(losses), None, rates[-1] if rates else LOWEST_RATE, None)
    smooth = _smoothed(losses)
    bottom = int(smooth.argmin())
    # A loss that is huge at the start (numbers of 0 to 255) falls for long without getting anywhere: what counts is how
    # far it gets below guessing.
    start = min(float(np.median(losses[: max(3, len(losses) // 8)])), guess)
    fell = float(smooth[bottom]) < (1 - SMALLEST_FALL) * start
    limit = start + RISEN * start if not fell else TAKEN_BACK * (start + float(smooth[bottom]))
    after = [index for index in range(bottom if fell else 0, len(smooth)) if smooth[index] > limit]
    if not fell and after and after[0] == 0:  # it was above from the beginning
        after = []
    breaks = rates[after[0]] if after else (rates[-1] if ended else None)
    lowest = rates[bottom] if fell else None
    return RateRange(rates, tuple(smooth.tolist()), lowest, breaks, None if lowest is None else lowest / MARGIN)


def _smoothed(losses: list[float]) -> NDArray[np.float64]:
    """Take the median of three, then the mean of three: one odd step decides nothing."""
    padded = np.pad(np.array(losses), 1, mode="edge")
    middle = np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)
    padded = np.pad(middle, 1, mode="edge")
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3)


@dataclass(frozen=True)
class ByHeart:
    """How well one batch was learned by heart.

    Attributes:
        name: what was tried.
        rate: the rate.
        losses: before each step.
        accuracy: share of the batch that was right in the end, in inference mode; NaN where there is no right or wrong.
    """

    name: str
    rate: float
    losses: tuple[float, ...]
    accuracy: float


def learn_by_heart(
    probe: Probe, *, name: str, rate: float, steps: int, accuracy: Callable[[nn.Module], float], stop: float
) -> ByHeart:
    """Take steps on one batch at one rate, until its loss has been below `stop` for three steps."""
    network = probe.make().train()
    optimizer = probe.optimizer(network, rate)
    losses: list[float] = []
    for _ in range(steps):
        losses.append(probe.step(network, optimizer))
        if not math.isfinite(losses[-1]) or max(losses[-3:]) < stop:
            break
    return ByHeart(name, rate, tuple(losses), accuracy(network.eval()))


@dataclass(frozen=True)
class UnitFacts:
    """The units of one ReLU: how many there are, the share that is dead, and the mean share of 0 among outputs."""

    name: str
    units: int
    dead: float
    zeros: float


class ReluMode(TorchFunctionMode):
    """Hands every call of a ReLU to `relu`, in the order of the calls."""

    def __init__(self) -> None:
        super().__init__()
        self._inside = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func not in _RELUS or self._inside:
            return func(*args, **(kwargs or {}))
        self._inside = True  # one way of writing a ReLU calls another
        try:
            return self.relu(func, args, kwargs or {})
        finally:
            self._inside = False

    def relu(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Return what a call is to give; here what it gives."""
        return func(*args, **kwargs)


class _Watch(ReluMode):
    """Notes what every ReLU gives."""

    def __init__(self) -> None:
        super().__init__()
        self.outputs: list[torch.Tensor] = []

    def relu(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        """Note what a call gives."""
        result = super().relu(func, args, kwargs)
        self.outputs.append(result.detach().clone())
        return result


def relu_outputs(network: nn.Module, values: torch.Tensor) -> list[torch.Tensor]:
    """Return what each ReLU gives for inputs (N, ...) in inference mode, in the order of the calls."""
    watch = _Watch()
    with torch.no_grad(), watch:
        network.eval()(values)
    return watch.outputs


def dead_units(network: nn.Module, values: torch.Tensor) -> list[UnitFacts]:
    """Count dead ReLUs.

    Args:
        network: in whichever state.
        values: (N, C, H, W) a probe of at least some dozen pictures.

    Returns:
        A row for each ReLU, in the order of the calls; none for a network without.
    """
    rows = []
    outputs = relu_outputs(network, values)
    for index, output in enumerate(outputs):
        units = output.transpose(0, 1).flatten(1) if output.ndim > 1 else output[None]
        alive = (units > 0).any(dim=1)
        name = f"ReLU {index + 1} of {len(outputs)}"
        rows.append(UnitFacts(name, len(units), float((~alive).float().mean()), float((output <= 0).float().mean())))
    return rows


def born_dead(units: Sequence[UnitFacts]) -> list[UnitFacts]:
    """Return the ReLUs, measured before the first step, that pass nothing on."""
    return [unit for unit in units if unit.dead >= DEAD]


@dataclass(frozen=True)
class LayerFacts:
    """A layer's weights at the first step: their norm, their gradient's, and the one divided by the other."""

    name: str
    weights: float
    gradient: float

    @property
    def ratio(self) -> float:
        """The gradient's norm next to the weights': how much a step of plain descent at a rate of 1 would change."""
        return self.gradient / max(self.weights, 1e-12)


def gradients(probe: Probe) -> list[LayerFacts]:
    """Measure each layer's gradient before the first step; biases, norms and what gets no gradient are left out."""
    network = probe.make().train()
    probe.loss(network).backward()  # type: ignore[no-untyped-call]
    return [
        LayerFacts(name.removesuffix(".weight"), float(weight.detach().norm()), float(weight.grad.norm()))
        for name, weight in network.named_parameters()
        if weight.ndim > 1 and weight.grad is not None
    ]


def explode(layers: Sequence[LayerFacts]) -> bool:
    """Return whether a gradient is no number, or far larger than its weights; weights of 0 are no measure of it."""
    return any(not math.isfinite(layer.gradient) or (layer.weights > 0 and layer.ratio > EXPLODING) for layer in layers)


def vanish(layers: Sequence[LayerFacts]) -> bool:
    """Return whether the first layer stands still beside the one that learns most, of those that do not start at 0."""
    ratios = [layer.ratio for layer in layers if layer.weights > 0]
    return bool(ratios) and ratios[0] < VANISHING * max(ratios)


@dataclass(frozen=True)
class Seen:
    """How much of the picture one place of the last convolution sees.

    Attributes:
        pixels: across, the longer way; 0 for a network without convolutions.
        joined: dense layers after it look at all places at once, so that the network sees the whole.
    """

    pixels: int = 0
    joined: bool = False


def receptive_field(network: nn.Module, values: torch.Tensor) -> Seen:
    """Measure what the middle of the last convolution's output depends on, by its gradient.

    Source: Luo et al. 2016, "Understanding the effective receptive field"; here every pixel with any gradient counts.
    """
    convolutions: list[tuple[nn.Module, torch.Tensor]] = []
    dense: list[int] = []

    def note(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        if isinstance(module, nn.Linear):
            dense.append(module.in_features)
        elif max(output.shape[2:]) > 1 or not convolutions:
            convolutions.append((module, output))

    handles = [
        module.register_forward_hook(note) for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    try:
        some = values.clone().requires_grad_()
        network.eval()(some)
        if not convolutions:
            return Seen()
        last = convolutions[-1][1]
        if not last.requires_grad:  # something in `forward` cuts it off from its input
            return Seen()
        middle = last[:, :, last.shape[2] // 2, last.shape[3] // 2].abs().sum()
        (gradient,) = torch.autograd.grad(middle, some)
    finally:
        for handle in handles:
            handle.remove()
    touched = (gradient != 0).any(dim=0).any(dim=0)
    extents = [
        int(np.ptp(np.flatnonzero(touched.any(dim=axis).numpy())) + 1) if touched.any() else 0 for axis in (0, 1)
    ]
    # Dense layers that get one number a channel come after pooling, and see no places.
    return Seen(max(extents), bool(dense) and dense[0] >= 4 * last.shape[1])

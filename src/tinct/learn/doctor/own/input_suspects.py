"""Possible faults of the inputs, and their mends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from tinct.learn.doctor.evidence import LARGEST_INPUT, SMALLEST_INPUT
from tinct.learn.doctor.own.answers import Map
from tinct.learn.doctor.own.case import Case, Looked, Suspect

# A mean this many standard deviations away from 0 hides small differences.
OFFSET = 2.0
# A network was trained on another form of the input if that is this many times nearer to batch norm's statistics.
NEARER = 3.0
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
# Pictures were reshaped, not permuted, if their rows are this many times more alike when read as (H, W, C).
SMOOTHER = 1.5


def moments(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and standard deviation of each channel of (N, C, ...), in a shape that broadcasts with it."""
    dims = [axis for axis in range(values.ndim) if axis != 1]
    return values.mean(dim=dims, keepdim=True), values.std(dim=dims, keepdim=True).clamp(min=1e-6)


def scaling(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for inputs far larger or smaller than 1, or with a mean that is large beside their differences."""
    values = case.train.inputs
    if not values.is_floating_point() or values.ndim < 2:
        return
    mean, spread = moments(values)
    size = float((mean**2 + spread**2).mean().sqrt())
    away = mean.abs() / spread
    # Among many features some are nearly constant, so their median counts; of a picture, every channel counts.
    offset = float(away.max() if case.train.is_picture else away.median())
    unscaled = size > LARGEST_INPUT or size < SMALLEST_INPUT
    if not unscaled and offset < OFFSET:
        return
    lines = [f"channel {index}: mean {one:.4g}, standard deviation {other:.3g}" for index, (one, other) in
             enumerate(zip(mean.flatten()[:4].tolist(), spread.flatten()[:4].tolist(), strict=True))]  # fmt: skip
    yield Suspect(
        "unscaled-input" if unscaled else "low-contrast", 95 if unscaled else 86,
        f"the input is unscaled: its root mean square is {size:.3g} instead of about 1" if unscaled
        else f"the mean of the input is {offset:.2g} standard deviations away from 0: differences are small beside it",
        lines, "subtract each channel's mean and divide by its standard deviation, both of the training set",
        lambda one: replace(one, feed=lambda given: (given - mean) / spread), alone=72 if size > LARGEST_INPUT else 0,
    )  # fmt: skip


def pretrained(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for an input that the network was not pretrained on, by the running statistics of its first batch norm."""
    first = next((name for name, module in case.model.named_modules() if isinstance(module, BATCH_NORM)), None)
    values = looked.some.inputs
    if first is None or not looked.some.is_picture or values.shape[1] != 3:
        return
    norm: Any = case.model.get_submodule(first)
    if norm.running_mean is None or not bool(norm.running_mean.abs().max() > 1e-3):  # not trained yet
        return
    middle, scale = (torch.tensor(numbers, device=values.device).view(1, 3, 1, 1) for numbers in IMAGENET)
    forms: dict[str, Map] = {
        "as it is": lambda given: given,
        "divided by 255": lambda given: given / 255,
        "standardised by ImageNet's statistics": lambda given: (given - middle) / scale,
        "divided by 255 and standardised by ImageNet's statistics": lambda given: (given / 255 - middle) / scale,
        "with channels in reverse order (BGR for RGB)": lambda given: given.flip(1),
    }
    away = {name: _distance(case.make(), first, form(values)) for name, form in forms.items()}
    nearest = min(away, key=lambda name: away[name])
    if nearest == "as it is" or away["as it is"] < NEARER * away[nearest] or away["as it is"] < 0.3:
        return
    yield Suspect(
        "not-the-pretrained-input", 96, f"the network was pretrained on other inputs; it needs these {nearest}",
        [f"{name}: {value:.2g} standard deviations away from the running statistics of {first}"
         for name, value in away.items()],
        f"give it the input {nearest}", lambda one: replace(one, feed=forms[nearest]), alone=80,
    )  # fmt: skip


def _distance(network: nn.Module, name: str, values: torch.Tensor) -> float:
    """Return how far the input of a batch norm is from its running statistics, in their standard deviations."""
    seen: list[torch.Tensor] = []
    norm: Any = network.get_submodule(name)
    handle = norm.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach()))
    with torch.no_grad():
        network.eval()(values)
    handle.remove()
    mean, spread = moments(seen[0])
    kept = (norm.running_var + norm.eps).sqrt()
    off = (mean.flatten() - norm.running_mean).abs() / kept
    return float(off.median() + (spread.flatten() / kept).log().abs().median())


def rearranged(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for pictures that were reshaped, not permuted: adjacent rows are more alike when read as (H, W, C)."""
    values = case.train.inputs
    if not case.train.is_picture or values.shape[1] == 1:
        return

    def permuted(given: torch.Tensor) -> torch.Tensor:
        count, channels, height, width = given.shape
        return given.reshape(count, height, width, channels).permute(0, 3, 1, 2)

    as_it_is, otherwise = _roughness(values), _roughness(permuted(values))
    if as_it_is < SMOOTHER * otherwise:
        return
    yield Suspect(
        "reshaped-for-permuted", 97, "pixels are out of order: (H, W, C) was turned into (C, H, W) by reshape or view",
        [f"adjacent rows differ by {as_it_is:.2g} standard deviations; if the same numbers are read as (H, W, C), by "
         f"{otherwise:.2g}"],
        "use permute(0, 3, 1, 2), or np.moveaxis(picture, -1, 0)",
        lambda one: replace(one, feed=permuted), failing=96,
    )  # fmt: skip


def _roughness(values: torch.Tensor) -> float:
    """Return the mean difference of pixels (N, C, H, W) from those below them, in standard deviations."""
    return float((values[:, :, 1:] - values[:, :, :-1]).abs().mean() / values.std().clamp(min=1e-9))

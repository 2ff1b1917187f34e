"""Possible faults of the inputs, and on the way through the network to an answer, recognized from its answers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinct.learn.doctor.evidence import LARGEST_INPUT, SMALLEST_INPUT
from tinct.learn.doctor.findings import percent
from tinct.learn.doctor.own.answers import FREE, POSITIVE, THROUGH, UNIT, Map, reaches
from tinct.learn.doctor.own.case import Case, Looked, Suspect
from tinct.learn.doctor.own.undone import CLAMPS
from tinct.learn.doctor.plain import SIGNIFICANT, chance_p, clearly_better, named_by_statistics
from tinct.learn.doctor.probes import RELUS, outputs_of

OFFSET = 2.0  # a mean this many standard deviations away from 0 hides small differences
# A network was trained on another form of the input if that is this many times nearer to batch norm's statistics.
NEARER = 3.0
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
# Pictures were reshaped, not permuted, if their rows are this many times more alike when read as (H, W, C).
SMOOTHER = 1.5
SAME = 1e-3  # answers are the same if they differ by less than this share of their standard deviation over the samples
NUMBERS = 1000  # of each input, plain statistics use at most this many
AT_BOUNDS = 0.1  # a clamp is suspect if this share of the answers is at its bounds


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


def _differ(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return how much answers differ, in standard deviations over the samples; 0 if they are the same."""
    scale = max(float(one.std()), 1e-4 * float(one.abs().max()), 1e-12)
    apart = float((one - other).abs().max()) / scale
    return apart if apart > SAME else 0.0


def cut_off(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for parameters that answers depend on, but that get no gradient: `forward` cuts them off."""
    mended = replace(case, undone=replace(case.undone, cuts=True))
    network, named = _with_gradients(case, looked)
    passed = dict(_with_gradients(mended, looked)[1])
    # A gradient of 0 is a cut if it is not 0 with cuts undone; that of dead units is 0 either way.
    without = {
        name: weight
        for name, weight in named
        if weight.requires_grad and (weight.grad is None or (not weight.grad.any() and _reached(passed[name])))
    }
    with torch.no_grad():
        before = case.answer(network.eval(), looked.some.inputs)
        for weight in without.values():
            weight.mul_(-1.5).add_(0.1)
        apart = _differ(before, case.answer(network, looked.some.inputs))
    if not without or not apart:
        return
    yield Suspect(
        "cut-off", 95, f"no gradient reaches {len(without)} of {len(named)} parameters, though answers depend on them",
        [f"without gradient: {', '.join(list(without)[:4])}",
         f"changing them changes the answers by up to {apart:.2g} standard deviations"],
        "look for torch.no_grad(), .detach(), .data or numpy() in forward, and for round, sign, floor or comparisons, "
        "whose gradient is 0",
        lambda one: replace(one, undone=replace(one.undone, cuts=True)), failing=60,
    )  # fmt: skip


def _with_gradients(case: Case, looked: Looked) -> tuple[nn.Module, list[tuple[str, nn.Parameter]]]:
    """Return a copy of the network after one backward pass, and its named parameters."""
    network = case.make()
    case.value(network, looked.some.inputs, looked.some.targets).sum().backward()  # type: ignore[no-untyped-call]
    return network, list(network.named_parameters())


def _reached(weight: nn.Parameter) -> bool:
    return weight.grad is not None and bool(weight.grad.any())


def unsteady(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for answers that differ from call to call, even in inference mode."""
    network = case.make().eval()
    with torch.no_grad():
        apart = _differ(case.answer(network, looked.some.inputs), case.answer(network, looked.some.inputs))
    if not apart:
        return
    yield Suspect(
        "random-answers", 94, "the same input gets another answer each time, even in inference mode",
        [f"two answers to the same inputs differ by up to {apart:.2g} standard deviations"],
        "give nn.functional.dropout training=self.training, or use nn.Dropout; make layers in __init__, not in forward",
        lambda one: replace(one, undone=replace(one.undone, dropout=True)), alone=45, failing=86,
    )  # fmt: skip


def mixed(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for answers that, in inference mode, depend on which other samples are in the batch."""
    values, network = looked.some.inputs, case.make().eval()
    few = max(1, len(values) // 3)
    with torch.no_grad():
        whole = case.answer(network, values)
        if len(whole) != len(values) or _differ(whole, case.answer(network, values)):
            return
        try:
            # The last ones: a recurrent network that takes samples for time steps depends on the earlier ones.
            apart = _differ(whole[-few:], case.answer(network, values[-few:]))
        except RuntimeError:  # the network takes batches of one size only
            return
    if not apart:
        return
    yield Suspect(
        "samples-mixed", 95, "a sample's answer depends on the other samples in its batch, even in inference mode",
        [f"the answers to the last {few} samples alone, and in a batch of {len(values)}, differ by up to {apart:.2g} "
         "standard deviations"],
        "look for softmax, norms or means along axis 0, for reshape and view that join samples, and for an RNN or "
        "attention without batch_first=True", alone=95,
    )  # fmt: skip


def blind(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for classes that differ in the mean level of a channel, and a network whose answers ignore that level."""
    values, held = case.train.inputs, case.held.inputs
    labels, truth = case.reading.labels(case.train.targets), case.reading.labels(case.held.targets)
    if not case.train.is_picture or labels is None or truth is None or len(np.unique(labels)) < 2:
        return
    some = looked.some.inputs
    random = torch.Generator().manual_seed(case.seed)
    shift = values.std().cpu() * torch.randn(len(some), some.shape[1], 1, 1, generator=random)
    network = case.make().eval()
    with torch.no_grad():
        one, other = case.answer(network, some), case.answer(network, some + shift.to(some))
        if _differ(one, other) or _differ(one, case.answer(network, some.flip(0))) == 0:
            return
    means, others = values.mean(dim=(2, 3)).cpu().numpy(), held.mean(dim=(2, 3)).cpu().numpy()
    right = named_by_statistics(means, labels, others) == truth
    chance = float(np.bincount(truth).max() / len(truth))
    if chance_p(right, chance) >= SIGNIFICANT:
        return
    yield Suspect(
        "blind-to-level", 90, "the network ignores how bright each channel is, but that is what the classes differ in",
        [f"from the mean of each channel alone, {percent(float(right.mean()))} are right (chance: {percent(chance)})",
         "adding a number to a channel of a picture does not change the answer"],
        "leave out what standardises each picture separately: instance norm on the input, or x - x.mean() in forward",
        failing=89,
    )  # fmt: skip


def unseen(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for answers that depend on a part of the input only, while the rest tells the classes apart better."""
    values, held = case.train.inputs, case.held.inputs
    labels, truth = (case.reading.labels(sample.targets) for sample in (case.train, case.held))
    if labels is None or truth is None or not values.is_floating_point() or values.shape[1:] != held.shape[1:]:
        return
    reached = _reached_inputs(case, looked)
    if bool(reached.all()) or not bool(reached.any()) or len(np.unique(labels)) < 2:
        return
    seen, rest = (
        named_by_statistics(_plain(values, part), labels, _plain(held, part)) == truth for part in (reached, ~reached)
    )
    if not clearly_better(rest, seen):
        return
    share = float((~reached).float().mean())
    yield Suspect(
        "part-unseen", 93, f"the answer does not depend on {percent(share)} of each input, but that part tells the "
        "classes apart",
        [f"plain statistics of the part that it depends on are right in {percent(float(seen.mean()))}, of the rest in "
         f"{percent(float(rest.mean()))}"],
        "look for indices and slices in forward, such as out[:, 0] of a sequence or a crop of a picture, and for masks",
        failing=93,
    )  # fmt: skip


def _reached_inputs(case: Case, looked: Looked) -> torch.Tensor:
    """Return which numbers of an input (...) the answer depends on, in at least one of some samples."""
    inputs = looked.some.inputs.detach().clone().requires_grad_()
    answers = case.answer(case.make().eval(), inputs)
    weights = torch.randn(answers.shape, generator=torch.Generator().manual_seed(case.seed)).to(answers)
    if not answers.requires_grad:
        return torch.ones(inputs.shape[1:], dtype=torch.bool)
    (gradient,) = torch.autograd.grad((answers * weights).sum(), inputs, allow_unused=True)
    return torch.zeros(inputs.shape[1:], dtype=torch.bool) if gradient is None else (gradient != 0).any(dim=0).cpu()


def _plain(values: torch.Tensor, part: torch.Tensor) -> NDArray[np.float32]:
    """Return some numbers of a part of inputs (N, ...), and the mean of all numbers of that part."""
    numbers = values.detach().cpu()[:, part].float()
    kept = torch.linspace(0, numbers.shape[1] - 1, min(numbers.shape[1], NUMBERS)).long()
    return np.asarray(torch.cat([numbers[:, kept], numbers.mean(dim=1, keepdim=True)], dim=1).numpy())


def rectified(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for answers that cannot be negative because they come out of a ReLU."""
    if looked.answers != POSITIVE:
        return
    relus = outputs_of(RELUS, case.make(), case.feed(looked.some.inputs))
    if not relus or relus[-1].shape != looked.outputs.shape or not torch.equal(relus[-1], looked.outputs):
        return
    yield Suspect(
        "relu-on-output", 95, "answers cannot be negative: a ReLU comes after the last layer",
        ["with the last weights 30 times as large, and negated, no answer is below 0",
         "the answers are exactly the output of the last ReLU"],
        "return the last layer's output without a ReLU",
        lambda one: replace(one, undone=replace(one.undone, relu=len(relus) - 1)),
    )  # fmt: skip


def clamped(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for answers that come out of a clamp and are often at its bounds, where the gradient is 0."""
    clamps = outputs_of(CLAMPS, case.make(), case.feed(looked.some.inputs))
    if not clamps or clamps[-1].shape != looked.outputs.shape:
        return
    answers = clamps[-1]
    low, high = float(answers.min()), float(answers.max())
    at_bounds = float(((answers == low) | (answers == high)).float().mean())
    if not torch.equal(answers, looked.outputs) or at_bounds < AT_BOUNDS:
        return
    free = math.isfinite(reaches(case.loss, looked.some.targets, looked.outputs, FREE))
    yield Suspect(
        "clamp-on-output", 95, "a clamp comes after the last layer: answers at its bounds get no gradient",
        [f"{percent(at_bounds)} of the answers are at its bounds, {low:g} or {high:g}"],
        "leave it out" if free else "use a sigmoid instead, or leave the clamp out and use BCEWithLogitsLoss",
        lambda one: replace(one, undone=replace(one.undone, clamps=True), read=THROUGH[FREE if free else UNIT]),
    )  # fmt: skip


LOOKS = (scaling, pretrained, rearranged, cut_off, unsteady, mixed, blind, unseen, rectified, clamped)

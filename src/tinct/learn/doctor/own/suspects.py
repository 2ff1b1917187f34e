"""What may be wrong with a training, and its mend: whether it is, a short training with the mend shows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from tinct.learn.doctor.evidence import Evidence, heart_lines, range_line
from tinct.learn.doctor.findings import percent
from tinct.learn.doctor.own.answers import POSITIVE
from tinct.learn.doctor.own.case import Case, leaves
from tinct.learn.doctor.own.loss_suspects import pairs, squashed, summed
from tinct.learn.doctor.own.suspect import Looked, Suspect
from tinct.learn.doctor.probes import explode, vanish

# Inputs of such a size (root mean square) are unscaled; a mean this many spreads away from 0 hides small differences.
LARGEST_INPUT, SMALLEST_INPUT, OFFSET = 10.0, 0.1, 2.0
# Batches this small leave batch norm's running figures unsteady; the mend takes batches of this size.
SMALL_BATCH, LARGER_BATCH = 4, 32
# A form of the input that is this many times nearer to what batch norm has seen is the one it was trained on.
NEARER = 3.0
# What a training that was too short gets instead.
LONGER = 8
# Weights this many times larger or smaller than PyTorch's own start are odd.
ODD = 4.0
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# More than this is out of the usual.
LARGEST_DECAY, LARGEST_DROPOUT = 0.05, 0.7
DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
BATCH_NORM = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def suspects(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
    """Look for everything that may be wrong and could be mended."""
    for look in (squashed, pairs, summed, _input, _pretrained, _parameters, _modes, _restraints, _order, _start):
        yield from look(case, looked, probed)
    other = probed.better_rate
    if other is not None and probed.rate is not None and probed.range is not None:
        high = other < probed.rate
        yield Suspect(
            "rate-high" if high else "rate-low", 90, f"the learning rate is too {'high' if high else 'low'}",
            [f"asked for: {probed.rate:g}", range_line(probed.range), *heart_lines(probed.hearts)],
            f"use a rate of about {other:.1g}", lambda one: replace(one, rate=other),
        )  # fmt: skip
    if looked.planned is not None and looked.planned == case.steps:
        yield Suspect(
            "too-few-epochs", 92, f"{looked.planned} steps are too few: it learns, and is stopped too early",
            [f"a training of {LONGER} times as many steps"],
            "train for more epochs, and stop when the loss on held-out samples no longer falls",
            lambda one: replace(one, steps=LONGER * one.steps),
        )  # fmt: skip


def moments(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and spread of each channel, of a shape that goes with (N, C, ...)."""
    dims = [axis for axis in range(values.ndim) if axis != 1]
    return values.mean(dim=dims, keepdim=True), values.std(dim=dims, keepdim=True).clamp(min=1e-6)


def _input(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
    values = case.train.inputs
    if not values.is_floating_point() or values.ndim < 2:
        return
    mean, spread = moments(values)
    size = float((mean**2 + spread**2).mean().sqrt())
    away = mean.abs() / spread
    # Of many features some are nearly constant; of a picture's channels each counts.
    offset = float(away.max() if case.train.is_picture else away.median())
    unscaled = size > LARGEST_INPUT or size < SMALLEST_INPUT
    if not unscaled and offset < OFFSET:
        return
    lines = [f"channel {index}: mean {one:.4g}, spread {other:.3g}" for index, (one, other) in
             enumerate(zip(mean.flatten()[:4].tolist(), spread.flatten()[:4].tolist(), strict=True))]  # fmt: skip
    yield Suspect(
        "unscaled-input" if unscaled else "low-contrast", 95 if unscaled else 86,
        f"the input is unscaled: of a size of {size:.3g} instead of about 1" if unscaled
        else f"the input lies {offset:.2g} spreads away from 0: differences are small beside the offset",
        lines, "subtract each channel's mean and divide by its spread, both of the training set",
        lambda one: replace(one, feed=lambda given: (given - mean) / spread), alone=72 if size > LARGEST_INPUT else 0,
    )  # fmt: skip


def _pretrained(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
    """Compare what the first batch norm gets with what it has seen before, for several forms of the input."""
    first = next((name for name, each in case.model.named_modules() if isinstance(each, BATCH_NORM)), None)
    values = looked.some.inputs
    if first is None or not looked.some.is_picture or values.shape[1] != 3:
        return
    norm: Any = case.model.get_submodule(first)
    if norm.running_mean is None or not bool(norm.running_mean.abs().max() > 1e-3):  # it has seen nothing yet
        return
    middle, scale = (torch.tensor(each, device=values.device).view(1, 3, 1, 1) for each in IMAGENET)
    forms: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "as it is": lambda given: given,
        "divided by 255": lambda given: given / 255,
        "with ImageNet's mean and spread taken out": lambda given: (given - middle) / scale,
        "divided by 255, with ImageNet's mean and spread taken out": lambda given: (given / 255 - middle) / scale,
        "with its channels in reverse order (BGR for RGB)": lambda given: given.flip(1),
    }
    away = {name: _distance(case.make(), first, form(values)) for name, form in forms.items()}
    nearest = min(away, key=lambda name: away[name])
    if nearest == "as it is" or away["as it is"] < NEARER * away[nearest] or away["as it is"] < 0.3:
        return
    yield Suspect(
        "not-the-pretrained-input", 96, f"the network was trained on another input: it wants this one {nearest}",
        [f"{name}: {value:.2g} spreads away from what {first} has seen" for name, value in away.items()],
        f"give it the input {nearest}", lambda one: replace(one, feed=forms[nearest]), alone=80,
    )  # fmt: skip


def _distance(network: nn.Module, name: str, values: torch.Tensor) -> float:
    """Return how far the input of a batch norm lies from its running figures, in their spreads."""
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


def _parameters(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
    """Look for parameters that take part and are not trained."""
    network = case.make()
    named = list(network.named_parameters())
    frozen = [name for name, each in named if not each.requires_grad]
    held = {id(each) for group in case.begin(network).param_groups for each in group["params"]}
    outside = [name for name, each in named if each.requires_grad and id(each) not in held]
    own = {id(each) for _, each in named}
    hidden = [each for each in leaves(case.value(network, looked.some.inputs, looked.some.targets))
              if id(each) not in own]  # fmt: skip
    if hidden:
        yield Suspect(
            "unregistered", 94, "there are weights that the model does not know of: no optimizer gets them",
            [f"{len(hidden)} tensors with gradients take part and are not in model.parameters(): "
             + ", ".join(str(tuple(each.shape)) for each in hidden[:4])],
            "keep layers as attributes, in nn.ModuleList or nn.ModuleDict, and tensors as nn.Parameter",
            lambda one: replace(one, whole=True), alone=60,
        )  # fmt: skip
    if outside:
        none = len(outside) == sum(each.requires_grad for _, each in named)
        yield Suspect(
            "optimizer-holds-others", 96 if none else 92,
            f"the optimizer holds {'none' if none else 'only some'} of the model's parameters",
            [f"not in it: {len(outside)} of {len(named)}: {', '.join(outside[:4])}"],
            "make the optimizer after the model has its last form, from model.parameters()",
            lambda one: replace(one, whole=True), alone=96 if none else 0,
        )  # fmt: skip
    if frozen:
        yield Suspect(
            "frozen", 90, f"{len(frozen)} of {len(named)} parameters are frozen, and what is left cannot learn this",
            [f"requires_grad is off: {', '.join(frozen[:4])}"], "set requires_grad_(True) on more layers",
            lambda one: replace(one, unfreeze=True, whole=True),
        )  # fmt: skip


def _modes(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
    norms = [name for name, each in case.model.named_modules() if isinstance(each, BATCH_NORM)]
    if not norms:
        return
    if not case.model.training:
        yield Suspect(
            "eval-mode", 91, "the model is in eval() mode: batch norm works with figures it has never gathered",
            [f"{len(norms)} batch norm layers, handed over in inference mode"],
            "call model.train() before the training steps of each epoch, and model.eval() before measuring",
            lambda one: replace(one, training=True),
        )  # fmt: skip
    if case.batch_size <= SMALL_BATCH:
        yield Suspect(
            "small-batches", 90, f"batch norm with batches of {case.batch_size}: what it gathers is unsteady",
            [f"{len(norms)} batch norm layers; the mean of a batch of {case.batch_size} is off by "
             f"{percent(1 / math.sqrt(case.batch_size))} of the spread"],
            "use batches of 16 and more, or GroupNorm",
            lambda one: replace(one, batch_size=LARGER_BATCH),
        )  # fmt: skip


def _restraints(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
    """Look for what holds a network back: weight decay, dropout, answers that cannot be negative."""
    decay = max(float(group.get("weight_decay", 0)) for group in case.begin(case.make()).param_groups)
    if decay > LARGEST_DECAY:
        yield Suspect(
            "weight-decay", 91, f"a weight decay of {decay:g} pulls weights to 0 faster than they learn", [],
            "1e-4 to 1e-2 is usual", lambda one: replace(one, decay=0.0),
        )  # fmt: skip
    dropped = {name: each.p for name, each in case.model.named_modules() if isinstance(each, DROPOUT)}
    if max(dropped.values(), default=0.0) > LARGEST_DROPOUT:

        def kept(network: nn.Module) -> None:
            for each in network.modules():
                if isinstance(each, DROPOUT):
                    each.p = 0.0

        yield Suspect(
            "dropout", 91, f"dropout takes {percent(max(dropped.values()))} of what a layer passes on",
            [f"{name}: p = {p:g}" for name, p in dropped.items()], "0.1 to 0.5 is usual",
            lambda one: replace(one, alter=kept),
        )  # fmt: skip
    if looked.answers == POSITIVE and (last := [n for n, e in case.model.named_modules() if isinstance(e, nn.ReLU)]):

        def opened(network: nn.Module) -> None:
            network.set_submodule(last[-1], nn.Identity())

        yield Suspect(
            "relu-on-output", 92, "answers cannot be negative: ReLU stands behind the last layer",
            ["with the last weights 30 times as large, and turned round, no answer is below 0"],
            "return the last layer's numbers as they are", lambda one: replace(one, alter=opened),
        )  # fmt: skip


def _order(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
    """Labels that come in runs, in the same order each time."""
    labels = case.reading.labels(case.train.targets)
    if labels is None or not case.train.same_order or len(np.unique(labels)) < 2:
        return
    runs = int((labels[1:] != labels[:-1]).sum())
    random = np.random.default_rng(0)
    chance = [int((mixed[1:] != mixed[:-1]).sum()) for mixed in (random.permutation(labels) for _ in range(200))]
    if runs >= min(chance):
        return
    yield Suspect(
        "no-shuffling", 93, "samples come sorted by class, in the same order each time",
        [f"the class changes {runs} times along {len(labels)} samples; mixed, it would {int(np.median(chance))} times; "
         "sorted, each batch unlearns the last"],
        "use DataLoader(..., shuffle=True)", lambda one: replace(one, shuffle=True), alone=45,
    )  # fmt: skip


def _start(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
    """Weights that a training cannot begin from: no numbers, or far from those that PyTorch starts with."""
    weights = dict(case.make().named_parameters())
    if not all(bool(torch.isfinite(each).all()) for each in weights.values()):
        yield Suspect(
            "weights-not-finite", 97, "the weights hold NaN or infinity: an earlier training has broken them", [],
            "make the model anew", lambda one: replace(one, fresh=True), alone=97,
        )  # fmt: skip
        return
    if not (explode(probed.layers) or vanish(probed.layers)):
        return
    usual = dict(replace(case, fresh=True).make().named_parameters())
    odd = {
        name: float(each.std() / usual[name].std())
        for name, each in weights.items()
        if each.ndim > 1 and not 1 / ODD <= float(each.std() / usual[name].std().clamp(min=1e-9)) <= ODD
    }
    if odd:
        yield Suspect(
            "bad-start", 95, "the weights it starts from are of the wrong size: gradients explode or vanish",
            [f"{name}: {ratio:.2g} times as large as PyTorch's own" for name, ratio in list(odd.items())[:6]],
            "leave weights and biases as PyTorch starts them, or start them as He et al. 2015 do",
            lambda one: replace(one, fresh=True),
        )  # fmt: skip

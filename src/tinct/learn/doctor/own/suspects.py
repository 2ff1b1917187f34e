"""Possible faults of a training and their mends; a short training with the mend shows whether a fault is real."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from tinct.learn.doctor.evidence import Evidence, heart_lines, range_line
from tinct.learn.doctor.findings import percent
from tinct.learn.doctor.own import loss_suspects, network_suspects
from tinct.learn.doctor.own.case import Case, Looked, Suspect, leaves
from tinct.learn.doctor.own.network_suspects import BATCH_NORM
from tinct.learn.doctor.probes import explode, vanish

SMALL_BATCH = 4  # up to this size, the running statistics of batch norm are unsteady
LARGER_BATCH = 32  # the batch size of the mend
LONGER = 8  # a training that may be too short is tried with this many times as many steps
ODD = 4.0  # initial weights this many times larger or smaller than PyTorch's are suspect
LARGEST_DECAY = 0.05  # usual weight decay is below this
LARGEST_DROPOUT = 0.7  # usual dropout is below this
SMALLEST_MOMENTUM = 0.005  # usual momentum of batch norm is above this
LARGEST_MOMENTUM = 0.9  # and below this
USUAL_MOMENTUM = 0.1  # PyTorch's default for batch norm
UNEVEN = 1e-3  # with less than this share of another group's rate, a group of parameters hardly moves
DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def suspects(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
    """Look for every possible fault that could be mended."""
    for look in LOOKS:
        yield from look(case, looked)
    yield from _start(case, probed)
    other = probed.better_rate
    if other is not None and probed.rate is not None and probed.range is not None:
        yield wrong_rate(probed.rate, other, [range_line(probed.range), *heart_lines(probed.hearts)])
    if looked.planned is not None and looked.planned == case.steps:
        yield Suspect(
            "too-few-epochs", 92, f"{looked.planned} steps are too few: it learns, but is stopped too early",
            [f"tried: {LONGER} times as many steps"],
            "train for more epochs, and stop when the loss on held-out samples no longer falls",
            lambda one: replace(one, steps=LONGER * one.steps),
        )  # fmt: skip


def wrong_rate(asked: float, other: float, evidence: list[str]) -> Suspect:
    """Return the suspect for a learning rate that is too high or too low, with the rate to use instead."""
    high = other < asked
    return Suspect(
        "rate-high" if high else "rate-low", 90, f"the learning rate is too {'high' if high else 'low'}",
        [f"asked for: {asked:g}", *evidence], f"use a rate of about {other:.1g}", lambda one: replace(one, rate=other),
    )  # fmt: skip


def _parameters(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for parameters that take part but are not trained."""
    network = case.make()
    named = list(network.named_parameters())
    frozen = [name for name, weight in named if not weight.requires_grad]
    held = {id(weight) for group in case.begin(network).param_groups for weight in group["params"]}
    outside = [name for name, weight in named if weight.requires_grad and id(weight) not in held]
    # The loss may use the given model instead of its copy.
    own = {id(weight) for weight in (*network.parameters(), *case.model.parameters())}
    hidden = [tensor for tensor in leaves(case.value(network, looked.some.inputs, looked.some.targets))
              if id(tensor) not in own]  # fmt: skip
    if hidden:
        yield Suspect(
            "unregistered", 94, "some weights are not registered with the model, so that no optimizer trains them",
            [f"{len(hidden)} tensors with gradients take part but are not in model.parameters(); their shapes: "
             + ", ".join(str(tuple(tensor.shape)) for tensor in hidden[:4])],
            "keep layers as attributes, in nn.ModuleList or nn.ModuleDict, and tensors as nn.Parameter",
            lambda one: replace(one, whole=True), alone=60,
        )  # fmt: skip
    if outside:
        none = len(outside) == sum(weight.requires_grad for _, weight in named)
        yield Suspect(
            "optimizer-holds-others", 96 if none else 92,
            f"the optimizer holds {'none' if none else 'only some'} of the model's parameters",
            [f"not in it: {len(outside)} of {len(named)}: {', '.join(outside[:4])}"],
            "make the optimizer from model.parameters(), after the last change of the model's layers",
            lambda one: replace(one, whole=True), alone=96 if none else 0,
        )  # fmt: skip
    if frozen:
        yield Suspect(
            "frozen", 90, f"{len(frozen)} of {len(named)} parameters are frozen, and the others cannot learn this",
            [f"requires_grad is off: {', '.join(frozen[:4])}"], "call requires_grad_(True) on more layers",
            lambda one: replace(one, whole=True).altered(nn.Module.requires_grad_),
        )  # fmt: skip


def _modes(case: Case, looked: Looked) -> Iterator[Suspect]:
    norms = [name for name, module in case.model.named_modules() if isinstance(module, BATCH_NORM)]
    if not norms:
        return
    if not case.model.training:
        yield Suspect(
            "eval-mode", 91, "the model is in eval() mode: batch norm uses running statistics that it never gathered",
            [f"{len(norms)} batch norm layers; the model was given in eval() mode"],
            "call model.train() before the training steps of each epoch, and model.eval() before measuring",
            lambda one: replace(one, training=True),
        )  # fmt: skip
    odd = {name: norm.momentum for name in norms if (norm := _norm(case.model, name)).momentum is not None
           and not SMALLEST_MOMENTUM <= norm.momentum <= LARGEST_MOMENTUM}  # fmt: skip
    if odd:

        def steadied(network: nn.Module) -> None:
            for name in odd:
                _norm(network, name).momentum = USUAL_MOMENTUM

        yield Suspect(
            "batch-norm-momentum", 94, f"with a momentum of {next(iter(odd.values())):g}, batch norm does not gather "
            "running statistics that inference mode could use",
            [f"{name}: momentum {value:g}; in PyTorch, this is the share of the newest batch"
             for name, value in odd.items()],
            f"use {USUAL_MOMENTUM:g}; 0.99 in Keras is 0.01 in PyTorch",
            lambda one: one.altered(steadied),
        )  # fmt: skip
    if case.batch_size <= SMALL_BATCH:
        yield Suspect(
            "small-batches", 90, f"with batches of {case.batch_size}, the statistics of batch norm are unsteady",
            [f"{len(norms)} batch norm layers; the mean of a batch of {case.batch_size} is off by "
             f"{percent(1 / math.sqrt(case.batch_size))} of the standard deviation"],
            "use batches of 16 or more, or GroupNorm",
            lambda one: replace(one, batch_size=LARGER_BATCH),
        )  # fmt: skip


def _norm(network: nn.Module, name: str) -> Any:
    return network.get_submodule(name)


def _restraints(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for too much weight decay or dropout."""
    decay = max(float(group.get("weight_decay", 0)) for group in case.begin(case.make()).param_groups)
    if decay > LARGEST_DECAY:
        yield Suspect(
            "weight-decay", 91, f"a weight decay of {decay:g} pulls weights to 0 faster than they learn", [],
            "1e-4 to 1e-2 is usual", lambda one: replace(one, groups={**one.groups, "weight_decay": 0.0}),
        )  # fmt: skip
    dropped = {name: module.p for name, module in case.model.named_modules() if isinstance(module, DROPOUT)}
    if max(dropped.values(), default=0.0) > LARGEST_DROPOUT:

        def kept(network: nn.Module) -> None:
            for module in network.modules():
                if isinstance(module, DROPOUT):
                    module.p = 0.0

        yield Suspect(
            "dropout", 91, f"dropout removes {percent(max(dropped.values()))} of what a layer passes on",
            [f"{name}: p = {p:g}" for name, p in dropped.items()], "0.1 to 0.5 is usual",
            lambda one: one.altered(kept),
        )  # fmt: skip


def _optimizer(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for an optimizer that maximises, hardly moves some parameters, or whose rate falls too soon."""
    groups = case.begin(case.make()).param_groups
    if any(group.get("maximize") for group in groups):
        yield Suspect(
            "wrong-sign", 96, "the optimizer makes the loss larger, because of maximize=True", [], "leave it out",
            lambda one: replace(one, groups={**one.groups, "maximize": False}), alone=90,
        )  # fmt: skip
    rates = [float(group["lr"]) for group in groups]
    if min(rates) < UNEVEN * max(rates):
        yield Suspect(
            "uneven-rates", 94, f"some parameters have a rate of {min(rates):g}, others of {max(rates):g}",
            [f"{len(group['params'])} parameters: rate {rate:g}" for group, rate in zip(groups, rates, strict=True)],
            "give the slow group a rate nearer to the others'",
            lambda one: replace(one, groups={**one.groups, "lr": max(rates)}),
        )  # fmt: skip
    if case.schedule is not None:
        yield Suspect(
            "schedule", 95, "the schedule lowers the rate to almost nothing before anything is learned",
            ["rate after step " + ", ".join(f"{step}: {rate:.2g}" for step, rate in scheduled_rates(case)
                                            if step in (0, 1, 5, 20, case.steps))],
            "call scheduler.step() once an epoch, not once a batch, or let the rate fall more slowly",
            lambda one: replace(one, schedule=None),
        )  # fmt: skip


def scheduled_rates(case: Case) -> list[tuple[int, float]]:
    """Return (step, highest scheduled rate of all groups) from step 0 to the case's last."""
    optimizer = case.begin(case.make())
    schedule = case.begin_schedule(optimizer)
    rates = []
    for step in range(case.steps + 1):
        rates.append((step, max(float(group["lr"]) for group in optimizer.param_groups)))
        if schedule is not None and (step + 1) % case.schedule_every == 0:
            schedule.step()
    return rates


def _order(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for samples sorted by class, in the same order in each pass."""
    labels = case.reading.labels(case.train.targets)
    if labels is None or not case.train.same_order or len(np.unique(labels)) < 2:
        return
    runs = int((labels[1:] != labels[:-1]).sum())
    random = np.random.default_rng(0)
    chance = [int((mixed[1:] != mixed[:-1]).sum()) for mixed in (random.permutation(labels) for _ in range(200))]
    if runs >= min(chance):
        return
    yield Suspect(
        "no-shuffling", 93, "samples come sorted by class, in the same order in each pass",
        [f"the class changes {runs} times along {len(labels)} samples; shuffled, it would change "
         f"{int(np.median(chance))} times", "on sorted samples, each batch undoes what the last one taught"],
        "use DataLoader(..., shuffle=True)", lambda one: replace(one, shuffle=True), alone=45,
    )  # fmt: skip


def _start(case: Case, probed: Evidence) -> Iterator[Suspect]:
    """Look for initial weights that are NaN or infinite, or of another size than PyTorch's."""
    weights = dict(case.make().named_parameters())
    if not all(bool(torch.isfinite(weight).all()) for weight in weights.values()):
        yield Suspect(
            "weights-not-finite", 97, "the weights hold NaN or infinity: an earlier training has broken them", [],
            "create the model anew", lambda one: one.altered(_reset), alone=97,
        )  # fmt: skip
        return
    if not (explode(probed.layers) or vanish(probed.layers)):
        return
    usual = dict(case.altered(_reset).make().named_parameters())
    odd = {
        name: float(weight.std() / usual[name].std())
        for name, weight in weights.items()
        if weight.ndim > 1 and not 1 / ODD <= float(weight.std() / usual[name].std().clamp(min=1e-9)) <= ODD
    }
    if odd:
        yield Suspect(
            "bad-start", 95, "the initial weights are of the wrong size: gradients explode or vanish",
            [f"{name}: {ratio:.2g} times as large as PyTorch's own" for name, ratio in list(odd.items())[:6]],
            "keep PyTorch's initial weights and biases, or initialise them as He et al. 2015 do",
            lambda one: one.altered(_reset),
        )  # fmt: skip


@dataclass(frozen=True)
class _Stepped:
    """What some steps did."""

    moved: torch.Tensor  # change of all weights, flat
    gradient: float  # norm of the gradient that is left
    gradients_came: bool  # whether any weight got a gradient
    steps: int  # calls of optimizer.step()


def _steps(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for a missing `optimizer.step()`, `zero_grad()` or `backward()` in the user's own step, if there is one."""
    if case.step is None:
        return
    once, twice = _take(case), _take(case, times=2, rate=0.0)
    left = _take(case, rate=0.0).gradient

    def mend(one: Case) -> Case:
        return replace(one, step=None)

    if not bool(once.moved.any()):
        kind, what, remedy = _why_nothing_moves(once)
        yield Suspect(
            kind, 98, f"the step changes no weight: {what}",
            [f"after a step, all {len(once.moved)} weights are as before; the norm of their gradient is "
             f"{once.gradient:.3g}"],
            remedy, mend, alone=98,
        )  # fmt: skip
        return
    if left > 0 and twice.gradient > 1.5 * left:
        yield Suspect(
            "no-zero-grad", 96, "gradients add up from step to step",
            [f"with a rate of 0, the norm of the gradient is {left:.4g} after one step on a batch, and "
             f"{twice.gradient:.4g} after two steps on the same batch"],
            "call optimizer.zero_grad() before loss.backward()", mend, alone=75,
        )  # fmt: skip
        return
    plain = _take(replace(case, step=None))
    ratio = float(once.moved.norm() / plain.moved.norm().clamp(min=1e-30))
    same_way = float(torch.nn.functional.cosine_similarity(once.moved, plain.moved, dim=0))
    yield Suspect(
        "step-differs", 94, "the step does not do what loss.backward() and optimizer.step() would do",
        [f"on one batch, it moves the weights {ratio:.2g} times as far as a plain step; the cosine between both moves "
         f"is {same_way:.2f}",
         "a shorter move: gradients are clipped or scaled; another direction: the step uses other labels, inputs or "
         "another mode"],
        "look at what the step does besides model(inputs), loss, backward() and step()", mend,
    )  # fmt: skip


def _why_nothing_moves(once: _Stepped) -> tuple[str, str, str]:
    if not once.gradients_came:
        return "no-backward", "no gradient is computed", "call loss.backward() on the loss of this batch"
    if once.steps:
        return (
            "gradients-emptied", "gradients are computed, but emptied before they are used",
            "call optimizer.zero_grad() before loss.backward(), not between it and optimizer.step()",
        )  # fmt: skip
    return "no-step", "gradients are computed, but never used", "call optimizer.step() after loss.backward()"


def _take(case: Case, *, times: int = 1, rate: float | None = None) -> _Stepped:
    """Take steps on one batch: the case's own step, or the doctor's if there is none."""
    network = case.set_modes(case.make())
    optimizer = case.begin(network)
    for group in optimizer.param_groups if rate is not None else ():
        group["lr"] = rate
    before = [weight.detach().clone() for weight in network.parameters()]
    came: list[bool] = []
    for weight in network.parameters():
        if weight.requires_grad:
            weight.register_post_accumulate_grad_hook(lambda _: came.append(True))  # type: ignore[no-untyped-call]
    steps: list[int] = []
    optimizer.register_step_pre_hook(lambda *_: steps.append(1))
    inputs, targets = case.train.inputs[: case.batch_size], case.train.targets[: case.batch_size]
    for _ in range(times):
        torch.manual_seed(case.seed)
        case.take(network, optimizer, inputs, targets)
    pairs = zip(before, network.parameters(), strict=True)
    moved = torch.cat([(after.detach() - start).flatten() for start, after in pairs])
    norms = [weight.grad.norm() for weight in network.parameters() if weight.grad is not None]
    return _Stepped(moved, float(torch.stack(norms).norm()) if norms else 0.0, any(came), len(steps))


def _reset(network: nn.Module) -> None:
    """Give a network PyTorch's own initial weights."""
    for module in network.modules():
        if callable(getattr(module, "reset_parameters", None)):
            module.reset_parameters()  # type: ignore[operator]


LOOKS = (
    _steps,
    *loss_suspects.LOOKS,
    *network_suspects.LOOKS,
    *(_parameters, _modes, _restraints, _optimizer, _order),
)

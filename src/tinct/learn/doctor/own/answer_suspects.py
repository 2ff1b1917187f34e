"""What may be wrong on the way from an input to its answer, told by what the network answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from tinct.learn.doctor.evidence import Evidence
from tinct.learn.doctor.findings import percent
from tinct.learn.doctor.own.answers import POSITIVE
from tinct.learn.doctor.own.case import Case
from tinct.learn.doctor.own.suspect import Looked, Suspect
from tinct.learn.doctor.own.undone import Undone
from tinct.learn.doctor.plain import SIGNIFICANT, chance_p, named_rightly
from tinct.learn.doctor.probes import relu_outputs

# Answers that differ by less than this share of their spread over the samples are the same.
SAME = 1e-3


def _differ(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return how far answers are apart, in their spreads over the samples; 0 where they are the same."""
    scale = max(float(one.std()), 1e-4 * float(one.abs().max()), 1e-12)
    apart = float((one - other).abs().max()) / scale
    return apart if apart > SAME else 0.0


def cut_off(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
    """Parameters that answers depend on get no gradient: something in `forward` cuts them off."""
    network = case.make()
    case.value(network, looked.some.inputs, looked.some.targets).sum().backward()  # type: ignore[no-untyped-call]
    named = list(network.named_parameters())
    without = {name: each for name, each in named if each.requires_grad and each.grad is None}
    with torch.no_grad():
        before = case.answer(network.eval(), looked.some.inputs)
        for each in without.values():
            each.mul_(-1.5).add_(0.1)
        apart = _differ(before, case.answer(network, looked.some.inputs))
    if not without or not apart:
        return
    yield Suspect(
        "cut-off", 95, f"no gradient reaches {len(without)} of {len(named)} parameters, though answers depend on them",
        [f"without gradient: {', '.join(list(without)[:4])}", f"changed, they move the answers by {apart:.2g} spreads"],
        "look for torch.no_grad(), .detach(), .data or numpy() in forward",
        lambda one: replace(one, undone=replace(one.undone, cuts=True)), failing=60,
    )  # fmt: skip


def unsteady(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
    """The same input gets another answer each time, in inference mode as well."""
    network = case.make().eval()
    with torch.no_grad():
        apart = _differ(case.answer(network, looked.some.inputs), case.answer(network, looked.some.inputs))
    if not apart:
        return
    yield Suspect(
        "random-answers", 94, "the same input gets another answer each time, in inference mode as well",
        [f"two answers to the same inputs differ by up to {apart:.2g} spreads"],
        "give nn.functional.dropout training=self.training, or use nn.Dropout; make layers in __init__, not in forward",
        lambda one: replace(one, undone=replace(one.undone, dropout=True)), alone=45, failing=86,
    )  # fmt: skip


def mixed(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
    """An answer in inference mode depends on which other samples are in the batch."""
    values, network = looked.some.inputs, case.make().eval()
    few = max(1, len(values) // 3)
    with torch.no_grad():
        whole = case.answer(network, values)
        if len(whole) != len(values) or _differ(whole, case.answer(network, values)):
            return
        try:
            # The last ones: what takes samples for steps of time goes on from the first to the last.
            apart = _differ(whole[-few:], case.answer(network, values[-few:]))
        except RuntimeError:  # it takes batches of one size only
            return
    if not apart:
        return
    yield Suspect(
        "samples-mixed", 95, "a sample's answer depends on the others in its batch, in inference mode as well",
        [f"the last {few} samples by themselves, and among {len(values)}: answers differ by {apart:.2g} spreads"],
        "look for softmax, norms or means along axis 0, for reshape and view that join samples, and for an RNN or "
        "attention without batch_first=True",
        lambda one: one, alone=95,
    )  # fmt: skip


def blind(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
    """The classes differ in the level of a channel, and answers stay the same whatever the level."""
    values, held = case.train.inputs, case.held.inputs
    labels, truth = (case.reading.labels(each.targets) for each in (case.train, case.held))
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
    means, others = (each.mean(dim=(2, 3)).cpu().numpy() for each in (values, held))
    right = named_rightly(means, labels, others, truth)
    chance = float(np.bincount(truth).max() / len(truth))
    if chance_p(right, chance) >= SIGNIFICANT:
        return
    yield Suspect(
        "blind-to-level", 90, "the network does not see how light each channel is, and the classes differ in that",
        [f"the means of each picture's channels alone tell {percent(float(right.mean()))} (chance: {percent(chance)})",
         "with other numbers added to each channel of a picture, its answer stays the same"],
        "leave out what standardises each picture by itself: instance norm on the input, or x - x.mean() in forward",
        lambda one: one, failing=89,
    )  # fmt: skip


def rectified(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
    """Answers that cannot be negative are what the last ReLU gives."""
    if looked.answers != POSITIVE:
        return
    network = case.make()
    relus = relu_outputs(network, case.feed(looked.some.inputs))
    if not relus or relus[-1].shape != looked.outputs.shape or not torch.equal(relus[-1], looked.outputs):
        return
    yield Suspect(
        "relu-on-output", 95, "answers cannot be negative: ReLU stands behind the last layer",
        ["with the last weights 30 times as large, and turned round, no answer is below 0",
         "answers are what the last ReLU gives"],
        "return the last layer's numbers as they are",
        lambda one: replace(one, undone=Undone(one.undone.cuts, one.undone.dropout, len(relus) - 1)),
    )  # fmt: skip

"""Whether somebody's own training step does what a step has to: tried on copies, at a rate of 0 and as asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn

from tinct.learn.doctor.own.case import Case, Step
from tinct.learn.doctor.own.suspect import Suspect


def step_suspects(case: Case) -> Iterator[Suspect]:
    """Look for a missing `optimizer.step()`, `zero_grad()` or `backward()` in the user's step; none without one."""
    step = case.step
    if step is None:
        return
    network = case.set_modes(case.make())
    before = [each.detach().clone() for each in network.parameters()]
    batch = (case.train.inputs[: case.batch_size], case.train.targets[: case.batch_size])
    optimizer = case.begin(network)
    step(network, optimizer, batch)
    moved = any(not torch.equal(one, other) for one, other in zip(before, network.parameters(), strict=True))
    once, twice = _gradient(case, step, 1), _gradient(case, step, 2)

    def mend(one: Case) -> Case:
        return replace(one, step=None)

    if not moved:
        none = once == 0
        yield Suspect(
            "no-backward" if none else "no-step", 98,
            "the step changes no weight" + (": no gradient is computed" if none else ": gradients come and go unused"),
            [f"after a step all {len(before)} parameters are as before; their gradients' norm is {once:.3g}"],
            "call loss.backward() on the loss of this batch" if none else "call optimizer.step() after loss.backward()",
            mend, alone=98,
        )  # fmt: skip
    if once > 0 and twice > 1.5 * once:
        yield Suspect(
            "no-zero-grad", 96, "gradients add up from step to step",
            [f"with a rate of 0, the gradient's norm is {once:.4g} after one step on a batch, {twice:.4g} after two on "
             "the same"],
            "call optimizer.zero_grad() before loss.backward()", mend, alone=75,
        )  # fmt: skip


def _gradient(case: Case, step: Step, times: int) -> float:
    """Return the norm of the gradients that are left after some steps on one batch at a rate of 0."""
    network: nn.Module = case.set_modes(case.make())
    optimizer = case.begin(network)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    batch = (case.train.inputs[: case.batch_size], case.train.targets[: case.batch_size])
    for _ in range(times):
        torch.manual_seed(case.seed)
        step(network, optimizer, batch)
    norms = [each.grad.norm() for each in network.parameters() if each.grad is not None]
    return float(torch.stack(norms).norm()) if norms else 0.0

"""Check whether the user's own training step does what it must: it is compared, on copies, with the doctor's step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch

from tinct.learn.doctor.own.case import Case
from tinct.learn.doctor.own.suspect import Suspect


@dataclass(frozen=True)
class _Stepped:
    """What some steps did."""

    moved: torch.Tensor  # change of all weights, flat
    gradient: float  # norm of the gradient that is left
    gradients_came: bool  # whether any weight got a gradient
    steps: int  # calls of optimizer.step()


def step_suspects(case: Case) -> Iterator[Suspect]:
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

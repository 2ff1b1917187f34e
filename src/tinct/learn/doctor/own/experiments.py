"""The order of all experiments on a user's training."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinct.learn.doctor.evidence import USUAL_RATE, heart_lines, range_line, run_probes
from tinct.learn.doctor.own.answers import ALWAYS_ONE, FREE, THROUGH, reaches
from tinct.learn.doctor.own.case import Case, Suspect
from tinct.learn.doctor.own.examined import Examined, look_at_samples
from tinct.learn.doctor.own.input_suspects import moments
from tinct.learn.doctor.own.suspects import scheduled_rates, suspects, wrong_rate
from tinct.learn.doctor.probes import learn_by_heart, range_of_rates, receptive_field
from tinct.learn.doctor.trials import BATCH, batch_of_all, steps_for

RANGE_STEPS = 50  # of the learning rate range test
HEART_STEPS = 80  # of learning one batch by heart
# A schedule that falls below this share of the rate within a short training may be why nothing is learned.
TAKEN_AWAY = 0.01
PLAIN_UNITS = 256  # of the hidden layer of the plain network


def examine(examined: Examined, planned: int | None, steps: int) -> None:
    """Make all experiments.

    Args:
        examined: what is known so far; everything that is measured is added to it.
        planned: number of steps that the user plans; None: unknown.
        steps: of each short training, at most.
    """
    case = examined.case
    look_at_samples(examined)
    most, _ = steps_for(case.make(), case.train.inputs, batch_size=case.batch_size, most=steps)
    case = replace(case, steps=min(most, planned or most))
    lowest = min(rate for _, rate in scheduled_rates(case))
    # Over so few steps, a rate that rises or falls slowly is as good as a constant one.
    examined.case = case = case if lowest < TAKEN_AWAY * case.asked_rate else replace(case, schedule=None)
    examined.looked = replace(examined.looked, planned=planned)
    if case.train.is_picture:
        examined.seen = receptive_field(case.make(), examined.looked.some.inputs[:4])
    chosen = _batch(examined)
    probe_and_run(examined, chosen, HEART_STEPS)
    if examined.failing and examined.telling:
        try_mends(examined)
        for attempt in (_try_adam, _try_plain_network):
            if not examined.explained and not any(heart.known for heart in examined.probed.hearts):
                attempt(examined, chosen)


def probe_and_run(examined: Examined, chosen: NDArray[np.intp], heart_steps: int) -> None:
    """Probe the network with a batch, train as asked for, and look for possible faults.

    Args:
        examined: to which everything that is measured is added.
        chosen: indices of the batch among the samples to train on.
        heart_steps: of learning the batch by heart, at most.
    """
    case = examined.case
    some, rate = examined.looked.some.inputs, case.asked_rate
    examined.probed = run_probes(case.probe(chosen), some, rate=rate, range_steps=RANGE_STEPS, heart_steps=heart_steps)
    examined.asked = case.run()
    examined.probed.after = examined.asked.units
    examined.suspects = list(suspects(case, examined.looked, examined.probed))


def _batch(examined: Examined) -> NDArray[np.intp]:
    """Choose a small batch with as many samples of each class as there are, and no input twice."""
    count = len(examined.case.train.inputs)
    alone = np.flatnonzero(examined.groups[:count] == np.arange(count))
    if examined.labels is None:
        return alone[:BATCH]
    return alone[batch_of_all(examined.labels[alone])]


def try_mends(examined: Examined) -> None:
    """Train with each suspect mended; if no single mend is enough, with all mends, and with all but one."""
    case = examined.case
    mends = [suspect for suspect in examined.suspects if suspect.mend(case) is not case]
    for suspect in mends:
        examined.tried[suspect.kind] = suspect.mend(case).run()
    if len(mends) == 0 or any(map(examined.works, examined.tried)):
        return

    def all_but(left_out: str) -> Case:
        mended = case
        for suspect in mends:
            mended = suspect.mend(mended) if suspect.kind != left_out else mended
        return mended

    examined.together = all_but("").run()
    if examined.falls_short(examined.together):
        other = _rate_of_mended(examined, all_but("rate-high"))
        if other is None:
            return
        mends = [*(suspect for suspect in mends if not suspect.kind.startswith("rate-")), other]
        examined.together = all_but("").run()
        if examined.falls_short(examined.together):
            return
        examined.suspects = [*_without_rates(examined), other]
    examined.needed = {suspect.kind for suspect in mends if examined.falls_short(all_but(suspect.kind).run())}


def _without_rates(examined: Examined) -> list[Suspect]:
    return [suspect for suspect in examined.suspects if not suspect.kind.startswith("rate-")]


def _rate_of_mended(examined: Examined, mended: Case) -> Suspect | None:
    """Return the rate that suits a training with everything else mended; None if it is about the one asked for."""
    rates = range_of_rates(replace(mended, rate=None).probe(_batch(examined)), steps=RANGE_STEPS)
    asked, other = examined.probed.rate, replace(examined.probed, range=rates).better_rate
    if rates.suggested is None or asked is None or other is None:
        return None
    return wrong_rate(asked, other, [f"with all else mended, {range_line(rates)}"])


def _try_adam(examined: Examined, chosen: NDArray[np.intp]) -> None:
    """Train with Adam instead of plain gradient descent, at the usual rate.

    Through several layers the gradients may be so small that plain descent gets nowhere at any rate of the range test.
    """
    case, asked = examined.case, examined.probed.rate
    if case.step is not None or asked is None or not isinstance(case.begin(case.make()), torch.optim.SGD):
        return
    by_adam = replace(case, optimizer=None, rate=None)
    heart = learn_by_heart(by_adam.probe(chosen), name="by Adam", rate=USUAL_RATE, steps=HEART_STEPS)
    examined.probed.hearts.append(heart)
    outcome = by_adam.run()
    if examined.falls_short(outcome):
        return
    breaks = None if examined.probed.range is None else examined.probed.range.breaks
    kind = "rate-high" if breaks is not None and asked >= breaks else "rate-low"
    how = "large" if kind == "rate-high" else "small"
    suspect = Suspect(
        kind, 90, f"the steps of plain gradient descent at a rate of {asked:g} are too {how}; with Adam it learns",
        heart_lines(examined.probed.hearts), f"use torch.optim.Adam at a rate of {USUAL_RATE:g}, or a "
        f"{'lower' if kind == 'rate-high' else 'much higher'} rate",
        lambda one: replace(one, optimizer=None, rate=None),
    )  # fmt: skip
    examined.suspects = [*_without_rates(examined), suspect]
    examined.tried[kind] = outcome


def _try_plain_network(examined: Examined, chosen: NDArray[np.intp]) -> None:
    """Let a plain network learn the same batch by heart with the same loss, on standardised input."""
    case, some, outputs = examined.case, examined.looked.some, examined.looked.outputs
    if not some.inputs.is_floating_point() or examined.looked.answers == ALWAYS_ONE:
        return
    free = math.isfinite(reaches(case.loss, some.targets, outputs, FREE))
    through = THROUGH[FREE if free else examined.looked.answers]
    mean, spread = moments(case.train.inputs) if case.train.inputs.ndim > 1 else (torch.zeros(1), torch.ones(1))
    torch.manual_seed(case.seed)
    first, shape = nn.Linear(some.inputs[0].numel(), PLAIN_UNITS), outputs.shape[1:]
    last = nn.Linear(PLAIN_UNITS, max(1, outputs[0].numel()))
    shaped = nn.Unflatten(1, shape) if shape else nn.Flatten(0)
    network = nn.Sequential(nn.Flatten(), first, nn.ReLU(), last, shaped).to(some.inputs.device)
    plain = replace(case, model=network, optimizer=None, feed=lambda given: (given - mean) / spread, read=through)
    probe = plain.probe(chosen)
    examined.plain_heart = learn_by_heart(probe, name="a plain network", rate=USUAL_RATE, steps=HEART_STEPS)

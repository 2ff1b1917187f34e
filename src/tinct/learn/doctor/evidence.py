"""The engine of all examinations: probes give evidence, rules turn it into findings, and these make a diagnosis."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import torch
from torch import nn

from tinct.learn.doctor.findings import Diagnosis, Finding, in_order, percent
from tinct.learn.doctor.probes import (
    CRIPPLED,
    DEAD,
    ByHeart,
    LayerFacts,
    Probe,
    RateRange,
    UnitFacts,
    born_dead,
    dead_units,
    explode,
    gradients,
    learn_by_heart,
    range_of_rates,
    vanish,
)

USUAL_RATE = 1e-3  # the learning rate that suits Adam on standardised input most often

Examined = TypeVar("Examined")
Rule = Callable[[Examined], Iterable[Finding]]


@dataclass
class Evidence:
    """What the probes of a network measured.

    Attributes:
        rate: the learning rate asked for; None if the training searches for it.
        guess: the loss of the best constant answer.
        alike: a rate within this factor of the suggested one is as good.
        before: ReLUs before the first step.
        layers: weights and gradients before the first step.
        range: result of the range test of rates.
        hearts: attempts to learn one batch by heart: as asked first, then others until one succeeds.
        after: ReLUs after a short training.
    """

    rate: float | None = None
    guess: float = math.nan
    alike: float = 3.0
    before: list[UnitFacts] = field(default_factory=list)
    layers: list[LayerFacts] = field(default_factory=list)
    range: RateRange | None = None
    hearts: list[ByHeart] = field(default_factory=list)
    after: Sequence[UnitFacts] = ()

    @property
    def better_rate(self) -> float | None:
        """The rate to try instead of the one asked for; None if that is as good, or if none was asked for."""
        if self.rate is None:
            return None
        suggested = (self.range.suggested if self.range else None) or USUAL_RATE
        return None if 1 / self.alike <= self.rate / suggested <= self.alike else suggested

    def to_json(self) -> dict[str, Any]:
        """Return plain values; losses that are not finite are None."""
        return {
            "range": asdict(self.range) if self.range else None,
            "by_heart": [heart_json(heart) for heart in self.hearts],
            "layers": [{**asdict(layer), "ratio": layer.ratio} for layer in self.layers],
            "units_before": [asdict(relu) for relu in self.before],
            "units_after": [asdict(relu) for relu in self.after],
        }


def run_probes(
    probe: Probe,
    values: torch.Tensor,
    *,
    rate: float | None,
    known: Callable[[ByHeart], bool],
    stop: float,
    range_steps: int,
    heart_steps: int,
    accuracy: Callable[[nn.Module], float] = lambda network: math.nan,
    alike: float = 3.0,
    tick: Callable[[], None] = lambda: None,
) -> Evidence:
    """Run the experiments that are the same for every network.

    Args:
        probe: the training, reduced to one batch.
        values: (N, ...) some dozen inputs, as the network takes them.
        rate: the learning rate asked for; None: use the suggested one.
        known: tells whether an attempt has learned its batch by heart.
        stop: learning by heart ends when the loss is below this.
        range_steps: of the range test of rates.
        heart_steps: of learning by heart, at most.
        accuracy: share of the batch on which a network is right; NaN if there is no right or wrong.
        alike: a rate within this factor of the suggested one is as good.
        tick: called after ReLUs and gradients, after the range test, and after learning by heart.

    Returns:
        The evidence; `hearts` holds the attempt as asked and, if it failed, one at another rate.
    """
    evidence = Evidence(rate, probe.guess, alike, dead_units(probe.make(), values), gradients(probe))
    tick()
    evidence.range = range_of_rates(probe, steps=range_steps)
    tick()

    def attempt(name: str, rate: float) -> None:
        heart = learn_by_heart(probe, name=name, rate=rate, steps=heart_steps, accuracy=accuracy, stop=stop)
        evidence.hearts.append(heart)

    attempt("as asked" if rate else "at the suggested rate", rate or evidence.range.suggested or USUAL_RATE)
    if not known(evidence.hearts[0]) and evidence.better_rate is not None:
        attempt("at another rate", evidence.better_rate)
    tick()
    return evidence


def conclude(
    examined: Examined,
    rules: Iterable[Rule[Examined]],
    *,
    subject: str,
    setup: dict[str, Any],
    verdict: Callable[[Examined, list[Finding]], str],
    facts: list[str],
    measurements: dict[str, Any],
    began: float,
) -> Diagnosis:
    """Apply the rules to what was measured, and return the diagnosis.

    Args:
        examined: what was measured.
        rules: each returns the findings of one kind.
        subject: what was examined.
        setup: the training in question, as plain values.
        verdict: returns the result in one sentence, from what was measured and the sorted findings.
        facts: what was measured, whether good or bad.
        measurements: the same as plain values.
        began: `time.perf_counter()` at the start.
    """
    findings = in_order([finding for rule in rules for finding in rule(examined)])
    seconds = time.perf_counter() - began
    return Diagnosis(subject, setup, verdict(examined, findings), facts, findings, measurements, seconds)


def unit_findings(evidence: Evidence, *, failing: bool, learns: bool, remedy: str) -> Iterator[Finding]:
    """Judge the ReLUs before and after a training; `learns`: a failing training learns something."""
    born = born_dead(evidence.before)
    if born:
        yield Finding(
            "dead-network",
            95,
            f"the network is dead before the first step: {born[0].name} outputs 0 for every input",
            [f"{relu.name}: {percent(relu.dead)} of {relu.units} units are always 0" for relu in evidence.before],
            "check the initial weights and biases (He et al. 2015), and the scale of the input",
        )
        return
    worst = max(evidence.after, key=lambda relu: relu.dead, default=None)
    if worst is None or worst.dead < CRIPPLED or not failing:
        return
    before = {relu.name: relu for relu in evidence.before}
    lines = [
        f"{relu.name}: {percent(relu.dead)} of {relu.units} units are always 0 after the training, "
        f"{percent(before[relu.name].dead)} before it"
        for relu in evidence.after
        if relu.name in before
    ]
    yield Finding(
        "dead-units",
        70 if worst.dead >= DEAD else 20 if learns else 45,
        f"training killed {percent(worst.dead)} of {worst.name}: a unit that is 0 for every input learns no more",
        lines,
        remedy,
    )


def gradient_findings(evidence: Evidence, *, failing: bool) -> Iterator[Finding]:
    """Judge the gradients of a failing training; those of a dead network show nothing."""
    if not failing or born_dead(evidence.before):
        return
    ratios = [layer.ratio for layer in evidence.layers]
    lines = [
        f"{layer.name}: norm of the gradient {layer.gradient:.2g}, of the weights {layer.weights:.2g}; "
        f"ratio {layer.ratio:.2g}"
        for layer in evidence.layers
    ]
    if explode(evidence.layers):
        highest = max((ratio for ratio in ratios if not math.isnan(ratio)), default=math.nan)
        yield Finding(
            "exploding-gradients",
            55,
            f"gradients explode: up to {highest:.2g} times as large as the weights",
            lines,
            "standardise the input; clip gradients; add batch norm between layers",
        )
    elif vanish(evidence.layers):
        yield Finding(
            "vanishing-gradients",
            80,
            f"gradients vanish on the way back: relative to its weights, that of {evidence.layers[0].name} is "
            f"{ratios[0] / max(*ratios, 1e-30):.1g} times that of the layer that learns most",
            lines,
            "use ReLU instead of sigmoid or tanh, batch norm, or fewer layers",
        )


def heart_lines(hearts: Iterable[ByHeart]) -> list[str]:
    """Return a line for each attempt to learn a batch by heart."""
    return [
        f"one batch by heart, {heart.name} (rate {heart.rate:.1g}): "
        + ("" if math.isnan(heart.accuracy) else f"{percent(heart.accuracy)} right after ")
        + f"{len(heart.losses)} steps, loss from {heart.losses[0]:.3g} to {heart.losses[-1]:.3g}"
        for heart in hearts
        if heart.losses
    ]


def range_line(rates: RateRange) -> str:
    """Return the result of the range test in one line."""
    if rates.lowest is None:
        return "the loss on one batch did not fall at any rate"
    end = f", and learning breaks at {rates.breaks:.2g}" if rates.breaks is not None else ""
    return f"the loss is lowest at a rate of {rates.lowest:.2g}{end}; {rates.suggested:.1g} is suggested"


def heart_json(heart: ByHeart) -> dict[str, Any]:
    """Return plain values; losses that are not finite are None."""
    losses = [loss if math.isfinite(loss) else None for loss in heart.losses]
    return {**asdict(heart), "losses": losses, "accuracy": None if math.isnan(heart.accuracy) else heart.accuracy}

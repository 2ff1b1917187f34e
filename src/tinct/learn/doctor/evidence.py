"""The one engine of all examinations: probes fill the evidence, rules make findings of it, and those a diagnosis."""

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

# What suits standardised input and Adam more often than any other rate.
USUAL_RATE = 1e-3

Examined = TypeVar("Examined")
Rule = Callable[[Examined], Iterable[Finding]]


@dataclass
class Evidence:
    """What the probes of a network measured.

    Attributes:
        rate: that was asked for; None where it is looked for.
        guess: the loss of the best answer that does not look at the input.
        alike: a rate within this factor of the suggested one is as good.
        before: ReLUs before the first step.
        layers: weights and gradients before it.
        range: the range of rates.
        hearts: attempts to learn one batch by heart: as asked, then others until one knows it.
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
        """The rate to try instead of the one asked for; None where that is as good, or is looked for anyway."""
        if self.rate is None:
            return None
        suggested = (self.range.suggested if self.range else None) or USUAL_RATE
        return None if 1 / self.alike <= self.rate / suggested <= self.alike else suggested

    def to_json(self) -> dict[str, Any]:
        """Return plain values; losses that are no numbers are None."""
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
    """Make the experiments that are the same for every network.

    Args:
        probe: the training in small.
        values: some dozen inputs, as the network takes them.
        rate: that was asked for; None: the suggested one is used.
        known: whether a batch was learned by heart.
        stop: the loss below which a batch is known, and learning it ends.
        range_steps: through the range of rates.
        heart_steps: by heart, at most.
        accuracy: share of the batch that a network has right; NaN where there is no right or wrong.
        alike: a rate within this factor of the suggested one is as good.
        tick: called after the units and gradients, the range of rates, and learning by heart.

    Returns:
        The evidence; `hearts` has the attempt as asked and, where it failed, one at another rate.
    """
    evidence = Evidence(rate, probe.guess, alike, dead_units(probe.make(), values), gradients(probe))
    tick()
    evidence.range = range_of_rates(probe, steps=range_steps)
    tick()

    def attempt(name: str, rate: float) -> None:
        heart = learn_by_heart(probe, name=name, rate=rate, steps=heart_steps, accuracy=accuracy, stop=stop)
        evidence.hearts.append(heart)

    attempt("as asked" if rate else "at the rate found", rate or evidence.range.suggested or USUAL_RATE)
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
    """Put what was measured before the rules, and their findings in order.

    Args:
        examined: what was measured.
        rules: of each finding, or several that belong together.
        subject: what was looked at.
        setup: the training in question, as plain values.
        verdict: the whole in a sentence, from the evidence and the findings in order.
        facts: what was measured whether it was bad or not.
        measurements: as plain values.
        began: `time.perf_counter()` at the start.
    """
    findings = in_order([finding for rule in rules for finding in rule(examined)])
    seconds = time.perf_counter() - began
    return Diagnosis(subject, setup, verdict(examined, findings), facts, findings, measurements, seconds)


def unit_findings(evidence: Evidence, *, failing: bool, learns: bool, remedy: str) -> Iterator[Finding]:
    """Judge ReLUs before and after a training that is failing, or learns a little all the same."""
    born = born_dead(evidence.before)
    if born:
        yield Finding(
            "dead-network",
            95,
            f"the network is dead before the first step: {born[0].name} gives 0 for every picture",
            [f"{relu.name}: {percent(relu.dead)} of {relu.units} units never answer" for relu in evidence.before],
            "look at how its weights and biases start (He et al. 2015), and at the size of its input",
        )
        return
    worst = max(evidence.after, key=lambda relu: relu.dead, default=None)
    if worst is None or worst.dead < CRIPPLED or not failing:
        return
    before = {relu.name: relu for relu in evidence.before}
    lines = [
        f"{relu.name}: {percent(relu.dead)} of {relu.units} units never answer any more, "
        f"{percent(before[relu.name].dead)} before the first step"
        for relu in evidence.after
        if relu.name in before
    ]
    yield Finding(
        "dead-units",
        70 if worst.dead >= DEAD else 20 if learns else 45,
        f"training killed {percent(worst.dead)} of {worst.name}: what gives 0 for every picture learns no more",
        lines,
        remedy,
    )


def gradient_findings(evidence: Evidence, *, failing: bool) -> Iterator[Finding]:
    """Judge the gradients of a training that is failing; those of a dead network say nothing."""
    if not failing or born_dead(evidence.before):
        return
    ratios = [layer.ratio for layer in evidence.layers]
    lines = [
        f"{layer.name}: gradient {layer.gradient:.2g}, weights {layer.weights:.2g}: {layer.ratio:.2g}"
        for layer in evidence.layers
    ]
    if explode(evidence.layers):
        highest = max((ratio for ratio in ratios if not math.isnan(ratio)), default=math.nan)
        yield Finding(
            "exploding-gradients",
            55,
            f"gradients explode: {highest:.2g} times the weights themselves",
            lines,
            "standardise the input; clip gradients; add batch norm between layers",
        )
    elif vanish(evidence.layers):
        yield Finding(
            "vanishing-gradients",
            80,
            f"gradients vanish on the way back: {evidence.layers[0].name} gets {ratios[0] / max(*ratios, 1e-30):.1g} "
            "of what the layer that learns most gets",
            lines,
            "use ReLU instead of sigmoid or tanh, batch norm, or fewer layers",
        )


def heart_lines(hearts: Iterable[ByHeart]) -> list[str]:
    """Return a line for each attempt to learn a batch by heart."""
    return [
        f"one batch by heart, {heart.name} ({heart.rate:.1g}): "
        + ("" if math.isnan(heart.accuracy) else f"{percent(heart.accuracy)} right after ")
        + f"{len(heart.losses)} steps, loss {heart.losses[0]:.3g} to {heart.losses[-1]:.3g}"
        for heart in hearts
        if heart.losses
    ]


def range_line(rates: RateRange) -> str:
    """Return the range of rates in a line."""
    if rates.lowest is None:
        return "the loss on one batch did not fall at any rate"
    end = f", breaks at {rates.breaks:.2g}" if rates.breaks is not None else ""
    return f"the loss is lowest at {rates.lowest:.2g}{end}; {rates.suggested:.1g} suggested"


def heart_json(heart: ByHeart) -> dict[str, Any]:
    """Return plain values; losses that are no numbers are None."""
    losses = [loss if math.isfinite(loss) else None for loss in heart.losses]
    return {**asdict(heart), "losses": losses, "accuracy": None if math.isnan(heart.accuracy) else heart.accuracy}

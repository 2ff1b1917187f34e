"""What is common to all examinations: what probes and short trainings measure, and findings that follow from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tinct.learn.doctor.findings import Finding, percent
from tinct.learn.doctor.plain import (
    CHANCE,
    MARGIN,
    SIGNIFICANT,
    LabelTest,
    chance_p,
    clearly_better,
    interval,
    paired_p,
    with_interval,
)
from tinct.learn.doctor.probes import (
    CRIPPLED,
    DEAD,
    ByHeart,
    LayerFacts,
    Probe,
    RateRange,
    Seen,
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
LARGEST_INPUT = 10.0  # inputs are unscaled if their root mean square is above this: initial weights suit one of about 1
SMALLEST_INPUT = 0.1  # or below this (He et al. 2015)
# Without classes, a training falls short unless this share of its answers is clearly better than a constant.
HALF_RIGHT = 0.5
OVERFITTED = 0.95  # a network that overfits has at least this accuracy on training samples
GAP = 0.2  # its accuracy on held-out samples is lower by this
# The loss is still falling if it falls by more than this share from one part of a training to the next.
STILL_FALLING = 0.03
# If the larger of two classes has this many times the samples, always naming it is right in 10 of 11 of them.
VERY_UNEVEN = 10.0
HEART_STEPS = 80  # of learning one batch by heart, at most


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
            "by_heart": [heart.to_json() for heart in self.hearts],
            "layers": [{**asdict(layer), "ratio": layer.ratio} for layer in self.layers],
            "units_before": [asdict(relu) for relu in self.before],
            "units_after": [asdict(relu) for relu in self.after],
        }


@dataclass(frozen=True)
class Outcome:
    """The result of a short training.

    Attributes:
        losses: of each step, or the mean of each pass.
        right: (M,) whether the network is right on each held-out sample, in inference mode.
        learned: share of the training samples on which it is right, in inference mode.
        units: facts about its ReLUs after the training.
        broken: whether a loss or an answer is NaN or infinite.
    """

    losses: tuple[float, ...]
    right: NDArray[np.bool_]
    learned: float
    units: tuple[UnitFacts, ...]
    broken: bool

    @property
    def accuracy(self) -> float:
        """Share of the held-out samples on which the network is right."""
        return float(self.right.mean())

    @property
    def overfits(self) -> bool:
        """Whether it is right on nearly all training samples, and on far fewer held-out ones."""
        return self.learned >= OVERFITTED and self.learned - self.accuracy >= GAP

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "accuracy": self.accuracy,
            "interval": list(interval(self.right)),
            "learned": self.learned,
            "broken": self.broken,
        }


@dataclass(kw_only=True)
class Measured:
    """What every examination measures.

    Attributes:
        truth: (M,) classes of the held-out samples; None if there are no classes.
        test: whether plain statistics tell the classes apart; None if that cannot be tested.
        reference: (M,) whether plain statistics, fitted to the training samples, are right on each held-out sample.
        probed: what the probes measured of the network.
        seen: how much of a picture the network sees at once.
        asked: the short training as asked for.
        tried: name of a change -> the short training with it.
    """

    truth: NDArray[np.intp] | None = None
    test: LabelTest | None = None
    reference: NDArray[np.bool_] | None = None
    probed: Evidence = field(default_factory=Evidence)
    seen: Seen = field(default_factory=Seen)
    asked: Outcome | None = None
    tried: dict[str, Outcome] = field(default_factory=dict)

    @property
    def chance(self) -> float:
        """Accuracy of always naming the commonest class of the held-out samples; 0 if there are no classes."""
        return 0.0 if self.truth is None else float(np.bincount(self.truth).max() / len(self.truth))

    @property
    def telling(self) -> bool:
        """Whether plain statistics tell the classes apart; True if that cannot be tested."""
        return self.test is None or self.test.p <= CHANCE

    def falls_short(self, outcome: Outcome) -> bool:
        """Return whether a training is no better than guessing, or clearly worse than plain statistics."""
        if outcome.broken:
            return True
        if self.truth is None:
            return outcome.accuracy < HALF_RIGHT
        if chance_p(outcome.right, self.chance) > CHANCE:
            return True
        return self.reference is not None and clearly_better(self.reference, outcome.right)

    @property
    def failing(self) -> bool:
        """Whether the training as asked for falls short."""
        return self.asked is not None and self.falls_short(self.asked)

    @property
    def beats_chance(self) -> bool:
        """Whether the training as asked for learns something, little as it may be."""
        if self.asked is None or self.truth is None:
            return False
        return chance_p(self.asked.right, self.chance) < SIGNIFICANT

    def works(self, change: str) -> bool:
        """Return whether the training with a change was tried and does not fall short."""
        return change in self.tried and not self.falls_short(self.tried[change])

    def helps(self, change: str) -> Outcome | None:
        """Return the training with a change, if it did clearly better than the one as asked for."""
        asked, tried = self.asked, self.tried.get(change)
        return tried if asked and tried and clearly_better(tried.right, asked.right) else None

    def trials_json(self) -> list[dict[str, Any]]:
        """Return plain values of all short trainings."""
        trials = {"as asked": self.asked, **self.tried}
        return [{"name": name, **trial.to_json()} for name, trial in trials.items() if trial is not None]

    def gain(self, outcome: Outcome, how: str) -> str:
        """Return the accuracy after a change, and before it, in one line."""
        before = f" instead of {percent(self.asked.accuracy)}" if self.asked else ""
        return f"the same training {how}: right in {with_interval(outcome.right)}{before}"


def run_probes(
    probe: Probe,
    values: torch.Tensor,
    *,
    rate: float | None,
    range_steps: int,
    heart_steps: int,
    alike: float = 3.0,
    tick: Callable[[], None] = lambda: None,
) -> Evidence:
    """Run the experiments that are the same for every network.

    Args:
        probe: the training, reduced to one batch.
        values: (N, ...) some dozen inputs, as the network takes them.
        rate: the learning rate asked for; None: use the suggested one.
        range_steps: of the range test of rates.
        heart_steps: of learning by heart, at most.
        alike: a rate within this factor of the suggested one is as good.
        tick: called after ReLUs and gradients, after the range test, and after learning by heart.

    Returns:
        The evidence; `hearts` holds the attempt as asked and, if it failed, one at another rate.
    """
    evidence = Evidence(rate, probe.guess, alike, dead_units(probe.make(), values), gradients(probe))
    tick()
    evidence.range = range_of_rates(probe, steps=range_steps)
    tick()
    name, first = ("as asked", rate) if rate else ("at the suggested rate", evidence.range.suggested or USUAL_RATE)
    evidence.hearts.append(learn_by_heart(probe, name=name, rate=first, steps=heart_steps))
    other = evidence.better_rate
    if not evidence.hearts[0].known and other is not None:
        evidence.hearts.append(learn_by_heart(probe, name="at another rate", rate=other, steps=heart_steps))
    tick()
    return evidence


def unit_findings(examined: Measured, *, remedy: str) -> Iterator[Finding]:
    """Judge the ReLUs before and after a training; `remedy` is for those that die in a failing one."""
    before, after = examined.probed.before, examined.probed.after
    if born := born_dead(before):
        yield Finding(
            "dead-network",
            95,
            f"the network is dead before the first step: {born[0].name} outputs 0 for every input",
            [f"{relu.name}: {percent(relu.dead)} of {relu.units} units are always 0" for relu in before],
            "check the initial weights and biases (He et al. 2015), and the scale of the input",
        )
        return
    worst = max(after, key=lambda relu: relu.dead, default=None)
    # If there is nothing to be learned, units die because nothing uses them.
    if worst is None or worst.dead < CRIPPLED or not (examined.failing and examined.telling):
        return
    at_first = {relu.name: relu.dead for relu in before}
    yield Finding(
        "dead-units",
        70 if worst.dead >= DEAD else 20 if examined.beats_chance else 45,
        f"training killed {percent(worst.dead)} of {worst.name}: a unit that is 0 for every input learns no more",
        [
            f"{relu.name}: {percent(relu.dead)} of {relu.units} units are always 0 after the training, "
            f"{percent(at_first[relu.name])} before it"
            for relu in after
            if relu.name in at_first
        ],
        remedy,
    )


def gradient_findings(examined: Measured) -> Iterator[Finding]:
    """Judge the gradients of a failing training; those of a dead network show nothing."""
    layers = examined.probed.layers
    if not examined.failing or born_dead(examined.probed.before):
        return
    ratios = [layer.ratio for layer in layers]
    lines = [
        f"{layer.name}: norm of the gradient {layer.gradient:.2g}, of the weights {layer.weights:.2g}; "
        f"ratio {layer.ratio:.2g}"
        for layer in layers
    ]
    if explode(layers):
        highest = max((ratio for ratio in ratios if not math.isnan(ratio)), default=math.nan)
        yield Finding(
            "exploding-gradients",
            55,
            f"gradients explode: up to {highest:.2g} times as large as the weights",
            lines,
            "standardise the input; clip gradients; add batch norm between layers",
        )
    elif vanish(layers):
        yield Finding(
            "vanishing-gradients",
            80,
            f"gradients vanish on the way back: relative to its weights, that of {layers[0].name} is "
            f"{ratios[0] / max(*ratios, 1e-30):.1g} times that of the layer that learns most",
            lines,
            "use ReLU instead of sigmoid or tanh, batch norm, or fewer layers",
        )


def sight_findings(examined: Measured) -> Iterator[Finding]:
    """Judge whether the receptive field of a failing network is too small."""
    test, seen = examined.test, examined.seen
    if not examined.failing or test is None or seen.joined or not seen.pixels:
        return
    within = [index for index, extent in enumerate(test.extents) if 0 < extent <= seen.pixels]
    beyond = [index for index in range(len(test.extents)) if index not in within]
    if not within or not beyond:
        return
    near = max(within, key=lambda index: test.accuracies[index])
    far = max(beyond, key=lambda index: test.accuracies[index])
    p = paired_p(test.right[test.names[far]], test.right[test.names[near]])
    if p < SIGNIFICANT and test.accuracies[far] - test.accuracies[near] >= MARGIN:
        yield Finding(
            "receptive-field",
            60,
            f"the network sees {seen.pixels} pixels at once, but what tells the classes apart is larger",
            [
                f"{test.names[near]}: {percent(test.accuracies[near])}; {test.names[far]}: "
                f"{percent(test.accuracies[far])} (p = {p:.2g})"
            ],
            "use more layers, strides or larger kernels, or a smaller --size",
            sure=False,
        )


def heart_lines(hearts: Iterable[ByHeart]) -> list[str]:
    """Return a line for each attempt to learn a batch by heart."""
    return [
        f"one batch by heart, {heart.name} (rate {heart.rate:.1g}): "
        + ("" if heart.accuracy is None else f"{percent(heart.accuracy)} right after ")
        + f"{len(heart.losses)} steps, loss from {heart.losses[0]:.3g} to {heart.losses[-1]:.3g}"
        for heart in hearts
    ]


def range_line(rates: RateRange) -> str:
    """Return the result of the range test in one line."""
    if rates.lowest is None:
        return "the loss on one batch did not fall at any rate"
    end = f", and learning breaks at {rates.breaks:.2g}" if rates.breaks is not None else ""
    return f"the loss is lowest at a rate of {rates.lowest:.2g}{end}; {rates.suggested:.1g} is suggested"

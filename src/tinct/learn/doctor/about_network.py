"""From what was measured of a training to findings about the network and how it learns."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tinct.learn.doctor.about_data import FINE
from tinct.learn.doctor.evidence import gradient_findings, heart_lines, unit_findings
from tinct.learn.doctor.examination import Examination
from tinct.learn.doctor.experiments import knows
from tinct.learn.doctor.findings import Finding, percent
from tinct.learn.doctor.plain import CHANCE, MARGIN, SIGNIFICANT, LabelTest, chance_p, interval, paired_p
from tinct.learn.doctor.probes import Seen
from tinct.learn.doctor.trials import STEPS

# A loss within this share of ln(classes) is that of guessing.
STUCK = 0.03
# A loss that falls by more than this share from one pass to the next has not come to rest.
STILL_FALLING = 0.03
BY_HEART_TOO_MUCH, GAP = 0.95, 0.2


def network_findings(examined: Examination) -> Iterator[Finding]:
    """Judge units, gradients, size and sight, and how the loss behaves."""
    for rule in (_dead, _gradients, _sight, _heart, _stuck, _fine, _memory, _cost):
        yield from rule(examined)


def _dead(examined: Examination) -> Iterator[Finding]:
    learns = examined.asked is not None and chance_p(examined.asked.right, examined.chance) < SIGNIFICANT
    remedy = "take smaller steps: lower the rate"
    remedy += "" if examined.setup.fitting.standardize else ", and standardise the input"
    # Where there is nothing to be learned, units fall silent for want of a use.
    yield from unit_findings(
        examined.probed, failing=examined.failing and examined.telling, learns=learns, remedy=remedy
    )


def _gradients(examined: Examination) -> Iterator[Finding]:
    yield from gradient_findings(examined.probed, failing=examined.failing)


def _sight(examined: Examination) -> Iterator[Finding]:
    if examined.failing:
        yield from sight_findings(examined.test, examined.seen)


def sight_findings(test: LabelTest, seen: Seen) -> Iterator[Finding]:
    """Judge whether a network that fails sees enough of a picture at once."""
    if seen.joined or not seen.pixels:
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
            f"the network sees {seen.pixels} pixels at once, and what tells the classes apart is larger",
            [
                f"{test.names[near]}: {percent(test.accuracies[near])}; {test.names[far]}: "
                f"{percent(test.accuracies[far])} (p = {p:.2g})"
            ],
            "use more layers, strides or longer kernels, or a smaller --size",
            sure=False,
        )


def _heart(examined: Examination) -> Iterator[Finding]:
    if not examined.failing or not examined.probed.hearts or knows(examined.probed.hearts[0]):
        return
    # Pictures that are alike for all that can be seen, or were made so, cannot be learned by heart by anything.
    if not examined.telling or any(change.destroys and change.name == "per_image" for change in examined.changes):
        return
    if examined.wider is not None and knows(examined.wider):
        yield Finding(
            "too-small",
            80,
            "the network is too small: it cannot even learn one batch by heart, and a wider one can",
            heart_lines([*examined.probed.hearts, examined.wider]),
            "give it more filters (--option width=...)",
        )
        return
    rescued = [heart for heart in examined.probed.hearts[1:] if knows(heart)]
    yield Finding(
        "no-overfit",
        50 if rescued else 65,
        "as asked for, it cannot even learn one batch by heart",
        heart_lines(examined.probed.hearts),
        f"the same network can, {rescued[0].name}: do that" if rescued
        else "if the data are right, the network cannot pass on what it sees: look for dead layers, or take another",
    )  # fmt: skip


def _stuck(examined: Examination) -> Iterator[Finding]:
    if examined.asked is None or not examined.failing:
        return
    guess, last = math.log(examined.classes), examined.asked.losses[-1]
    alone = examined.asked.named == 1
    if abs(last - guess) > STUCK * guess and not alone:
        return
    lines = [f"loss in the last pass: {last:.4g}; ln({examined.classes}) = {guess:.4g}"]
    if alone:
        lines.append("it names one class for every picture")
    yield Finding(
        "stuck",
        45,
        "the loss stays where guessing puts it" if not alone else "it gives every picture the same answer",
        lines,
        "this is how it shows, not why: see the other findings" + ("" if examined.telling else " about the labels"),
    )


def _fine(examined: Examination) -> Iterator[Finding]:
    reference = float(examined.reference.mean())
    if not examined.failing or not examined.telling or chance_p(examined.reference, examined.chance) >= SIGNIFICANT:
        return
    low, high = interval(examined.reference)
    colors = examined.test.accuracies[examined.test.names.index("colors")]
    lines = [
        f"a logistic regression on plain statistics: {percent(reference)} right ({percent(low)} to {percent(high)})",
        f"colours alone, left out in turn: {percent(colors)}",
    ]
    other = examined.helps("another network")
    if other is not None:
        lines.append(f"{examined.trials[-1][1].network} is right in {percent(other.accuracy)} after as many steps")
    explained = any(examined.helps(name) for name in ("standardised", "rate", "augmentation"))
    remedy = (
        "take what works: tinct classify train without --network tries colour statistics and others, picks the best"
    )
    asked = examined.asked
    if asked is None or chance_p(asked.right, examined.chance) > CHANCE:
        start = "the data are fine" if reference >= FINE else "the data hold something"
        title = f"{start}: plain statistics tell the classes apart, and the training does not"
        yield Finding("data-are-fine", 72 if other is not None and not explained else 40, title, lines, remedy)
        return
    falling = len(asked.losses) > 1 and asked.losses[-1] < (1 - STILL_FALLING) * asked.losses[-2]
    if falling:
        lines.append(
            f"the loss still fell in the last pass, from {asked.losses[-2]:.3g} to {asked.losses[-1]:.3g}: with more "
            "passes it may catch up (--steps)"
        )
    title = f"plain statistics do better in as little time: {percent(reference)} against {percent(asked.accuracy)}"
    yield Finding("slower-than-statistics", 40, title, lines, remedy, sure=not falling)


def _memory(examined: Examination) -> Iterator[Finding]:
    asked = examined.asked
    if asked is None or not examined.failing or asked.learned < BY_HEART_TOO_MUCH:
        return
    if asked.learned - asked.accuracy >= GAP:
        yield Finding(
            "overfitting",
            45,
            f"it learns by heart: {percent(asked.learned)} of the pictures trained on are right, "
            f"{percent(asked.accuracy)} of others",
            [f"trained on {len(examined.split.train)} here; with all the pictures there are it may be less"],
            "give more pictures, a smaller network, or changes that keep the label (mirrored, moved, lighter)",
            sure=len(examined.split.train) >= 0.6 * sum(examined.counts.values()),
        )


def _cost(examined: Examination) -> Iterator[Finding]:
    if examined.failing and examined.steps < min(examined.most, STEPS / 2) and examined.operations:
        yield Finding(
            "few-steps",
            15,
            f"{examined.setup.network} costs so much that only {examined.steps} steps were tried: what is said of its "
            "training is unsure",
            [f"{examined.operations / 1e9:.1f} billion operations a picture, there and back"],
            "examine a smaller form of it (--option width=...), or a smaller --size",
            sure=False,
        )

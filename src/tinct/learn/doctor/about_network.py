"""Turn what was measured of a training into findings about the network and how it learns."""

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

# The loss is stuck if it is within this share of ln(classes), the loss of guessing.
STUCK = 0.03
# The loss is still falling if it falls by more than this share from one pass to the next.
STILL_FALLING = 0.03
# A network that overfits has at least this accuracy on training pictures.
BY_HEART_TOO_MUCH = 0.95
# Its accuracy on other pictures is lower by this.
GAP = 0.2


def network_findings(examined: Examination) -> Iterator[Finding]:
    """Judge ReLUs, gradients, the network's size and receptive field, and how the loss behaves."""
    for rule in (_dead, _gradients, _sight, _heart, _stuck, _fine, _memory, _cost):
        yield from rule(examined)


def _dead(examined: Examination) -> Iterator[Finding]:
    learns = examined.asked is not None and chance_p(examined.asked.right, examined.chance) < SIGNIFICANT
    remedy = "lower the rate"
    remedy += "" if examined.setup.fitting.standardize else ", and standardise the input"
    # If there is nothing to be learned, units die because nothing uses them.
    yield from unit_findings(
        examined.probed, failing=examined.failing and examined.telling, learns=learns, remedy=remedy
    )


def _gradients(examined: Examination) -> Iterator[Finding]:
    yield from gradient_findings(examined.probed, failing=examined.failing)


def _sight(examined: Examination) -> Iterator[Finding]:
    if examined.failing:
        yield from sight_findings(examined.test, examined.seen)


def sight_findings(test: LabelTest, seen: Seen) -> Iterator[Finding]:
    """Judge whether the receptive field of a failing network is too small."""
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
            f"the network sees {seen.pixels} pixels at once, but what tells the classes apart is larger",
            [
                f"{test.names[near]}: {percent(test.accuracies[near])}; {test.names[far]}: "
                f"{percent(test.accuracies[far])} (p = {p:.2g})"
            ],
            "use more layers, strides or larger kernels, or a smaller --size",
            sure=False,
        )


def _heart(examined: Examination) -> Iterator[Finding]:
    if not examined.failing or not examined.probed.hearts or knows(examined.probed.hearts[0]):
        return
    # Pictures that do not differ, or no longer after standardising each, cannot be learned by heart by any network.
    if not examined.telling or any(change.destroys and change.name == "per_image" for change in examined.changes):
        return
    if examined.wider is not None and knows(examined.wider):
        yield Finding(
            "too-small",
            80,
            "the network is too small: it cannot even learn one batch by heart, but a wider one can",
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
        f"train {rescued[0].name}: the same network can then learn it" if rescued
        else "if the data are right, the network does not pass on what it sees: look for dead layers, or use another",
    )  # fmt: skip


def _stuck(examined: Examination) -> Iterator[Finding]:
    if examined.asked is None or not examined.failing:
        return
    guess, last = math.log(examined.classes), examined.asked.losses[-1]
    alone = examined.asked.named == 1
    if abs(last - guess) > STUCK * guess and not alone:
        return
    lines = [f"loss in the last pass: {last:.4g}; loss of guessing, ln({examined.classes}): {guess:.4g}"]
    if alone:
        lines.append("it names one class for every picture")
    yield Finding(
        "stuck",
        45,
        "the loss stays at that of guessing" if not alone else "it gives every picture the same answer",
        lines,
        "this is a symptom; for the cause, see the other findings" + ("" if examined.telling else " about the labels"),
    )


def _fine(examined: Examination) -> Iterator[Finding]:
    reference = float(examined.reference.mean())
    if not examined.failing or not examined.telling or chance_p(examined.reference, examined.chance) >= SIGNIFICANT:
        return
    low, high = interval(examined.reference)
    colors = examined.test.accuracies[examined.test.names.index("colors")]
    lines = [
        f"a logistic regression on plain statistics: {percent(reference)} right ({percent(low)} to {percent(high)})",
        f"by colours alone (leave-one-out): {percent(colors)}",
    ]
    other = examined.helps("another network")
    if other is not None:
        lines.append(f"{examined.trials[-1][1].network} is right in {percent(other.accuracy)} after as many steps")
    explained = any(examined.helps(name) for name in ("standardised", "rate", "augmentation"))
    remedy = (
        "use what works: tinct classify train without --network tries colour statistics and networks, picks the best"
    )
    asked = examined.asked
    if asked is None or chance_p(asked.right, examined.chance) > CHANCE:
        start = "the data are fine" if reference >= FINE else "there is something to learn"
        title = f"{start}: plain statistics tell the classes apart, but the training does not"
        yield Finding("data-are-fine", 72 if other is not None and not explained else 40, title, lines, remedy)
        return
    falling = len(asked.losses) > 1 and asked.losses[-1] < (1 - STILL_FALLING) * asked.losses[-2]
    if falling:
        lines.append(
            f"the loss still fell in the last pass, from {asked.losses[-2]:.3g} to {asked.losses[-1]:.3g}: with more "
            "passes it may catch up (--steps)"
        )
    title = f"plain statistics reach more in as little time: {percent(reference)} against {percent(asked.accuracy)}"
    yield Finding("slower-than-statistics", 40, title, lines, remedy, sure=not falling)


def _memory(examined: Examination) -> Iterator[Finding]:
    asked = examined.asked
    if asked is None or not examined.failing or asked.learned < BY_HEART_TOO_MUCH:
        return
    if asked.learned - asked.accuracy >= GAP:
        yield Finding(
            "overfitting",
            45,
            f"it learns by heart: it is right on {percent(asked.learned)} of the training pictures, on "
            f"{percent(asked.accuracy)} of others",
            [f"only {len(examined.split.train)} pictures were trained on here; with all pictures it may overfit less"],
            "use more pictures, a smaller network, or augmentation that keeps the label (mirrored, moved, lighter)",
            sure=len(examined.split.train) >= 0.6 * sum(examined.counts.values()),
        )


def _cost(examined: Examination) -> Iterator[Finding]:
    if examined.failing and examined.steps < min(examined.most, STEPS / 2) and examined.operations:
        yield Finding(
            "few-steps",
            15,
            f"{examined.setup.network} is so costly that only {examined.steps} steps were tried, so findings about its "
            "training are uncertain",
            [f"{examined.operations / 1e9:.1f} billion operations a picture, forward and backward"],
            "examine a smaller form of it (--option width=...), or a smaller --size",
            sure=False,
        )

"""Turn what was measured of a training into findings about its settings, the network, and how it learns."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tinct.learn.doctor.about_data import FINE
from tinct.learn.doctor.changes import WORTH, ChangeFacts, suspects
from tinct.learn.doctor.evidence import (
    LARGEST_INPUT,
    SMALLEST_INPUT,
    STILL_FALLING,
    gradient_findings,
    heart_lines,
    range_line,
    sight_findings,
    unit_findings,
)
from tinct.learn.doctor.examination import OTHER_NETWORK, TOGETHER, Examination
from tinct.learn.doctor.findings import Finding, percent
from tinct.learn.doctor.plain import CHANCE, MARGIN, SIGNIFICANT, chance_p, interval
from tinct.learn.doctor.trials import STEPS
from tinct.learn.networks.recognizers import NETWORKS

# A colour space is wrong if, with channel means and deviations in another space, accuracy is higher by this.
SPACE_MARGIN = 0.05
CHANGES = {
    "hue": "hue jitter", "saturation": "saturation jitter", "grey": "turning pictures grey", "flip": "mirroring",
    "per_image": "standardising each picture by itself", "brightness": "brightness jitter", "all": "all together",
}  # fmt: skip
FAINT = 0.05  # contrast is low if the classes' means differ by less than this share of the input's root mean square
STUCK = 0.03  # the loss is stuck if it is within this share of ln(classes), the loss of guessing


def training_findings(examined: Examination) -> Iterator[Finding]:
    """Judge a training by gradients: its settings, the network, and how the loss behaves."""
    for rule in (_changes, _input, _rate, _space, _network, _heart, _stuck, _fine, _memory, _cost):
        yield from rule(examined)


def _changes(examined: Examination) -> Iterator[Finding]:
    helped = examined.helps("augmentation")
    proven = helped is not None or any(change.destroys for change in examined.changes)
    if not proven and not _likely(examined):
        return
    blamed = suspects(examined.changes, examined.setup.fitting.augmentation)
    guilty = [change for change in examined.changes[1:] if change.name in blamed] or examined.changes[:1]
    what = [CHANGES[name] for name in blamed] or ["what is done to the pictures"]

    def line(change: ChangeFacts) -> str:
        fall = f"from {percent(change.before)} to {percent(change.after)}"
        return f"{CHANGES[change.name]}: the accuracy of plain statistics falls {fall}"

    evidence = [f"{line(change)} (p = {change.p:.2g})" for change in guilty]
    if examined.changes[0] not in guilty and not any(change.destroys for change in guilty):
        evidence.append(line(examined.changes[0]))
    together = examined.helps(TOGETHER) if blamed else None
    if helped is not None:
        evidence.append(examined.gain(helped, "without it"))
    elif together is not None:
        evidence.append(examined.gain(together, "without it and with all else that was changed"))
    yield Finding(
        "augmentation",
        (95 if proven else 75) if examined.failing else 60,
        f"{' and '.join(what)} {'destroy' if len(what) > 1 else 'destroys'} what tells the classes apart",
        evidence,
        "leave it out of the training; mirrored, moved, and lighter or darker pictures keep their hue",
        sure=proven,
    )


def _likely(examined: Examination) -> bool:
    """Return whether a failing training changes colours and this costs accuracy, if less clearly than as a proof."""
    if not examined.failing or not examined.setup.fitting.augmentation.destroys_color:
        return False
    return any(change.before - change.after >= WORTH and change.p < CHANCE for change in examined.changes)


def _input(examined: Examination) -> Iterator[Finding]:
    if examined.setup.fitting.standardize or not examined.channels:
        return
    sizes = [channel.size for channel in examined.channels]
    strongest = max(examined.channels, key=lambda channel: channel.ratio)
    unscaled = max(sizes) > LARGEST_INPUT or max(sizes) < SMALLEST_INPUT
    if not unscaled and strongest.ratio >= FAINT:
        return
    best = max(examined.others, key=lambda channel: channel.ratio)
    evidence = [
        f"{channel.name}: mean {channel.mean:.4g}, standard deviation {channel.spread:.3g}; the classes' means differ "
        f"by {channel.signal:.2g}, {percent(channel.ratio)} of the root mean square"
        for channel in examined.channels[:4]
    ]
    evidence.append(
        f"standardised, it would be {percent(strongest.signal / max(strongest.spread, 1e-9))} in {strongest.name}"
    )
    if best.ratio > 2 * strongest.ratio:
        evidence.append(f"without standardising, it is largest in {best.name}: {percent(best.ratio)}")
    alone, together = examined.helps("standardised"), examined.helps(TOGETHER)
    if alone is not None:
        evidence.append(examined.gain(alone, "with each channel standardised"))
    elif together is not None:
        evidence.append(examined.gain(together, "standardised and with all else that was changed"))
    weight = 30 if not examined.failing else 95 if alone else 85 if together else 80 if unscaled else 60
    if not examined.failing:
        evidence.append("this training learns in spite of it; with another seed or rate it may not")
    yield Finding(
        "unscaled-input" if unscaled else "low-contrast",
        weight,
        f"the input is unscaled: its root mean square is {max(sizes):.3g} instead of about 1"
        if unscaled
        else "the classes hardly differ beside the input's mean",
        evidence,
        "standardise each channel by the training pictures (the default: leave out --no-standardize and --scale)",
        sure=alone is not None or together is not None,
    )


def _rate(examined: Examination) -> Iterator[Finding]:
    asked, rates = examined.setup.fitting.learning_rate, examined.probed.range
    other = examined.probed.better_rate
    if rates is None or examined.asked is None:
        return
    broken = examined.asked.broken
    beyond = rates.breaks is not None and asked >= rates.breaks and examined.failing and examined.telling
    helped = examined.helps("rate")
    together = examined.helps(TOGETHER) if other is not None else None
    if not broken and helped is None and together is None and not beyond:
        return
    high = broken or beyond or (other is not None and other < asked)
    evidence = [f"asked for: {asked:g}", range_line(rates)]
    evidence += heart_lines([heart for heart in examined.probed.hearts if heart.rate in (asked, other)])
    if broken:
        evidence.append("the loss became NaN or infinite")
    if helped is not None and other is not None:
        evidence.append(examined.gain(helped, f"at a rate of {other:.1g}"))
    elif together is not None:
        evidence.append(examined.gain(together, "with this and all else that was changed"))
    if helped is None and together is not None:  # the rate that did well together with the other changes
        other = examined.setups[TOGETHER].fitting.learning_rate
    good = f"use --lr {other:.1g}" if other is not None else f"use a rate well below {asked:g}"
    usual = examined.setup.network in NETWORKS and NETWORKS[examined.setup.network].learning_rate == asked
    yield Finding(
        "rate-high" if high else "rate-low",
        90 if helped is not None or broken else 75,
        f"the learning rate is too {'high' if high else 'low'}" + ("" if high else f" for {examined.steps} steps"),
        evidence,
        good + (" on standardised input, or leave it to tinct" if not examined.setup.fitting.standardize else
                "; tinct's own is meant for trainings of many more steps" if usual else
                ", or leave it to tinct (without --lr)"),
        sure=helped is not None or broken,
    )  # fmt: skip


def _space(examined: Examination) -> Iterator[Finding]:
    helped = examined.helps("colour space")
    if helped is None or examined.spaces is None:
        return
    # If something else helps as much, the colour space is not the cause.
    others = [examined.helps(name) for name in ("augmentation", "standardised", "rate")]
    if any(trial is not None and trial.accuracy >= helped.accuracy - MARGIN for trial in others):
        return
    named = dict(zip(examined.spaces.names, examined.spaces.accuracies, strict=True))
    evidence = [f"means and standard deviations in {name}: {percent(value)} right" for name, value in named.items()]
    own = max((value for name, value in named.items() if name in examined.setup.color_space.split("+")), default=0.0)
    worse = max(named.values()) - own >= SPACE_MARGIN
    yield Finding(
        "color-space",
        75 if worse else 35,
        f"{examined.setup.color_space} is not the colour space for these classes" if worse
        else f"in lab+hsv it learns faster than in {examined.setup.color_space}",
        [examined.gain(helped, "in lab+hsv"), *evidence],
        "use --color-space lab+hsv, or let tinct try them all",
    )  # fmt: skip


def _network(examined: Examination) -> Iterator[Finding]:
    scaled = "" if examined.setup.fitting.standardize else ", and standardise the input"
    yield from unit_findings(examined, remedy=f"lower the rate{scaled}")
    yield from gradient_findings(examined)
    yield from sight_findings(examined)


def _heart(examined: Examination) -> Iterator[Finding]:
    if not examined.failing or not examined.probed.hearts or examined.probed.hearts[0].known:
        return
    # Pictures that do not differ, or no longer after standardising each, cannot be learned by heart by any network.
    if not examined.telling or any(change.destroys and change.name == "per_image" for change in examined.changes):
        return
    if examined.wider is not None and examined.wider.known:
        yield Finding(
            "too-small",
            80,
            "the network is too small: it cannot even learn one batch by heart, but a wider one can",
            heart_lines([*examined.probed.hearts, examined.wider]),
            "give it more filters (--option width=...)",
        )
        return
    rescued = [heart for heart in examined.probed.hearts[1:] if heart.known]
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
    other = examined.helps(OTHER_NETWORK)
    if other is not None:
        lines.append(
            f"{examined.setups[OTHER_NETWORK].network} is right in {percent(other.accuracy)} after as many steps"
        )
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
    if asked is not None and examined.failing and asked.overfits:
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

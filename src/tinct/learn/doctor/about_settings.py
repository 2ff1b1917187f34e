"""Turn what was measured of a training into findings about its settings."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tinct.learn.doctor.changes import WORTH, ChangeFacts, suspects
from tinct.learn.doctor.evidence import heart_lines, range_line
from tinct.learn.doctor.examination import Examination
from tinct.learn.doctor.findings import Finding, percent
from tinct.learn.doctor.plain import CHANCE, MARGIN, interval
from tinct.learn.doctor.trials import Trial
from tinct.learn.networks.recognizers import NETWORKS

# Initial weights suit inputs whose root mean square is about 1 (He et al. 2015). If it is ten times as large or as
# small, the first steps go wrong.
LARGEST_INPUT = 10.0
SMALLEST_INPUT = 0.1
# A colour space is wrong if, with channel means and deviations in another space, accuracy is higher by this.
SPACE_MARGIN = 0.05
CHANGES = {
    "hue": "hue jitter", "saturation": "saturation jitter", "grey": "turning pictures grey", "flip": "mirroring",
    "per_image": "standardising each picture by itself", "brightness": "brightness jitter", "all": "all together",
}  # fmt: skip
# Contrast is low if the classes' means differ by less than this share of the input's root mean square.
FAINT = 0.05


def settings_findings(examined: Examination) -> Iterator[Finding]:
    """Judge augmentation, input, rate and colour space."""
    for rule in (_changes, _input, _rate, _space):
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
    together = examined.helps("all of these") if blamed else None
    if helped is not None:
        evidence.append(_gain(examined, helped, "without it"))
    elif together is not None:
        evidence.append(_gain(examined, together, "without it and with all else that was changed"))
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


def _gain(examined: Examination, trial: Trial, how: str) -> str:
    asked = examined.asked
    before = asked.accuracy if asked is not None else math.nan
    low, high = interval(trial.right)
    return (
        f"the same training {how}: right in {percent(trial.accuracy)} ({percent(low)} to {percent(high)}) "
        f"instead of {percent(before)}"
    )


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
    alone, together = examined.helps("standardised"), examined.helps("all of these")
    if alone is not None:
        evidence.append(_gain(examined, alone, "with each channel standardised"))
    elif together is not None:
        evidence.append(_gain(examined, together, "standardised and with all else that was changed"))
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
    together = examined.helps("all of these") if other is not None else None
    if not broken and helped is None and together is None and not beyond:
        return
    high = broken or beyond or (other is not None and other < asked)
    evidence = [f"asked for: {asked:g}", range_line(rates)]
    evidence += heart_lines([heart for heart in examined.probed.hearts if heart.rate in (asked, other)])
    if broken:
        evidence.append("the loss became NaN or infinite")
    if helped is not None and other is not None:
        evidence.append(_gain(examined, helped, f"at a rate of {other:.1g}"))
    elif together is not None:
        evidence.append(_gain(examined, together, "with this and all else that was changed"))
    if helped is None and together is not None:  # the rate that did well together with the other changes
        other = next(setup.fitting.learning_rate for trial, setup in examined.trials if trial is together)
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
        [_gain(examined, helped, "in lab+hsv"), *evidence],
        "use --color-space lab+hsv, or let tinct try them all",
    )  # fmt: skip

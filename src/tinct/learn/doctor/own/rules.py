"""From what was measured of somebody's training to findings."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from tinct.learn.doctor.about_network import sight_findings
from tinct.learn.doctor.evidence import gradient_findings, heart_lines, unit_findings
from tinct.learn.doctor.findings import SERIOUS, Finding, percent
from tinct.learn.doctor.own.case import Outcome
from tinct.learn.doctor.own.examined import MARGIN, Examined
from tinct.learn.doctor.own.input_suspects import moments
from tinct.learn.doctor.plain import SIGNIFICANT, chance_p, interval, paired_p
from tinct.learn.doctor.probes import born_dead, explode, vanish

# One class next to another: from here on, always naming the larger is right in 10 of 11 samples.
VERY_UNEVEN = 10.0
# Between training and measuring: this many spreads apart, or this much wider or narrower, is another input.
SHIFTED, RESCALED = 1.0, 2.0
# Pixels of which the channels differ by less than this share of their spread are grey.
GREYISH = 0.02
# Training mode and inference mode disagree from this difference of accuracies on.
DISAGREE, GAP, BY_HEART = 0.2, 0.2, 0.95
SHORTER = 0.03


def mended(examined: Examined) -> Iterator[Finding]:
    """Judge each suspect by what its mend brought."""
    for suspect in examined.suspects:
        lines, outcome = list(suspect.evidence), examined.tried.get(suspect.kind)
        works, needed = examined.works(suspect.kind), suspect.kind in examined.needed
        helps = outcome is not None and examined.failing and _helps(examined, outcome)
        if outcome is not None and examined.failing and (works or helps):
            lines.append(gain(examined, outcome, "with this mended alone"))
        elif needed and examined.together is not None:
            how = "with this and the other findings mended, not without this one"
            lines.append(gain(examined, examined.together, how))
        weight = suspect.weight if works and examined.failing else suspect.weight - 2 if needed else 0
        # Numbers of 0 to 255 make rates too high that would be none: where both mends help, scaling comes first.
        upstream = suspect.kind == "unscaled-input" and examined.works("rate-high")
        seen = max(suspect.alone, suspect.failing if examined.failing else 0)
        weight = max(weight, suspect.weight - (0 if upstream else 20) if helps else 0, seen)
        if weight:
            sure = works or needed or helps or bool(seen)
            yield Finding(suspect.kind, weight, suspect.title, lines, suspect.remedy, sure=sure)


def _helps(examined: Examined, outcome: Outcome) -> bool:
    asked = examined.asked
    if asked is None or outcome.accuracy - asked.accuracy < MARGIN:
        return False
    return paired_p(outcome.right, asked.right) < SIGNIFICANT


def _helped(examined: Examined, kind: str) -> bool:
    return kind in examined.tried and _helps(examined, examined.tried[kind])


def gain(examined: Examined, outcome: Outcome, how: str) -> str:
    """Return what a change brought, in a line."""
    low, high = interval(outcome.right)
    before = f" instead of {percent(examined.asked.accuracy)}" if examined.asked else ""
    return f"the same training {how}: right in {percent(outcome.accuracy)} ({percent(low)} to {percent(high)}){before}"


def data(examined: Examined) -> Iterator[Finding]:
    """Judge the samples."""
    for rule in (_one_class, _blank, _grey, _copies, _shifted, _other_order, _random, _uneven):
        yield from rule(examined)


def _one_class(examined: Examined) -> Iterator[Finding]:
    if examined.labels is not None and len(np.unique(examined.labels)) == 1:
        yield Finding(
            "one-class", 98, "all samples are of one class: there is nothing to tell apart",
            [f"{len(examined.labels)} labels, all {examined.labels[0]}"],
            "look at how labels are made; a DataLoader without shuffle may give one class for long",
        )  # fmt: skip


def _blank(examined: Examined) -> Iterator[Finding]:
    values = examined.case.train.inputs
    if len(values) > 1 and bool((values == values[:1]).all()):
        yield Finding("blank-input", 98, "all inputs are the same", [f"{len(values)} inputs, no difference among them"],
                      "look at what the transforms leave of a sample")  # fmt: skip


def is_grey(values: torch.Tensor) -> bool:
    """Return whether three channels (N, 3, H, W) are one, each perhaps scaled and shifted."""
    if values.ndim != 4 or values.shape[1] != 3 or not values.is_floating_point():
        return False
    mean, spread = moments(values)
    unit = (values - mean) / spread
    return bool(spread.min() > 1e-5) and float((unit - unit[:, :1]).std()) < GREYISH


def _grey(examined: Examined) -> Iterator[Finding]:
    train, held = is_grey(examined.case.train.inputs), is_grey(examined.case.held.inputs)
    lines = [f"the three channels of the samples to {what} are {'one' if grey else 'different'}"
             for what, grey in (("train on", train), ("measure on", held))]  # fmt: skip
    if train != held:
        yield Finding("grey-in-one", 94, f"pictures are grey in {'training' if train else 'validation'} alone", lines,
                      "use the same conversion for both")  # fmt: skip
    elif train and examined.failing and not examined.telling:
        yield Finding(
            "grey-pictures", 92, "the loader turns pictures grey, and nothing in their light tells the classes apart",
            lines, 'look for Grayscale, convert("L") or IMREAD_GRAYSCALE in what reads the files', sure=False,
        )  # fmt: skip


def _copies(examined: Examined) -> Iterator[Finding]:
    count = len(examined.case.train.inputs)
    ours, theirs = examined.groups[:count], examined.groups[count:]
    leaks = int(np.isin(theirs, ours).sum())
    if examined.given and leaks:
        yield Finding(
            "leak", 90 if leaks > 0.05 * len(theirs) else 70,
            f"{leaks} of {len(theirs)} samples of the validation are among those trained on",
            ["told to the pixel, and pictures by what others do not share; figures measured on them are too good"],
            "split before samples are copied or augmented, and by what they show",
        )  # fmt: skip
    labels = examined.labels
    if labels is None:
        return
    twice = [index for index in range(count) if labels[index] != labels[ours[index]]]
    if twice:
        yield Finding(
            "contradictions", 85 if len(twice) > 0.05 * count else 60,
            f"{len(twice)} of {count} samples are the same as one of another class",
            [f"sample {index} (class {labels[index]}) = sample {ours[index]} (class {labels[ours[index]]})"
             for index in twice[:4]],
            "look at each pair: where both show the same, keep the label that is right",
        )  # fmt: skip
    copies = int((ours != np.arange(count)).sum())
    if copies > 0.5 * count:
        yield Finding(
            "copies", 84, f"the same samples come again and again: {count - copies} different ones among {count}",
            [f"{copies} samples of the loader are copies of earlier ones"],
            "look whether the data set uses the index that it is given, and whether each step takes a new batch",
        )  # fmt: skip
    elif copies > 0.05 * count and not twice:
        yield Finding("copies", 20, f"{copies} of {count} samples are copies of others", [],
                      "keep copies on one side of every split")  # fmt: skip


def _shifted(examined: Examined) -> Iterator[Finding]:
    one, other = examined.case.train.inputs, examined.case.held.inputs
    if not examined.given or not one.is_floating_point() or one.ndim < 2 or one.shape[1:] != other.shape[1:]:
        return
    (mean, spread), (middle, width) = moments(one), moments(other)
    far = float(((mean - middle).abs() / torch.maximum(spread, width)).max())
    wide = float((width / spread).log().abs().max().exp())
    if far < SHIFTED and wide < RESCALED:
        return
    lines = [f"channel {index}: mean {a:.3g}, spread {b:.3g} in training; {c:.3g} and {d:.3g} in validation"
             for index, (a, b, c, d) in enumerate(zip(*(figures.flatten()[:4].tolist() for figures in
                                                       (mean, spread, middle, width)), strict=True))]  # fmt: skip
    turned = other.flip(1) if one.ndim == 4 and one.shape[1] == 3 else other
    reverse = float(((mean - moments(turned)[0]).abs() / spread).max()) < far / 3
    if reverse:
        lines.append("with the validation's channels in reverse order, the means agree")
    yield Finding(
        "validation-differs", 93, "the samples to measure on are another input than those to train on", lines,
        "use the same channel order" if reverse else "use the same normalisation for both",
        sure=examined.failing,
    )  # fmt: skip


def _other_order(examined: Examined) -> Iterator[Finding]:
    """Classes of the validation that are what others of the training are, as plain statistics see them."""
    named, held, right = examined.named, examined.held, examined.reference
    if not examined.given or named is None or held is None or right is None:
        return
    count = len(examined.classes)
    together = np.zeros((count, count))
    np.add.at(together, (held, named), 1)
    turned = linear_sum_assignment(together, maximize=True)[1]
    # The best of all orders is the luckiest of many.
    p = math.factorial(min(count, 100)) * paired_p(turned[held] == named, right)
    gained = float((turned[held] == named).mean()) - float(right.mean())
    moved = [index for index in np.unique(held) if turned[index] != index]
    if p >= SIGNIFICANT or gained < MARGIN or not moved:
        return
    names = examined.classes
    yield Finding(
        "class-order-differs", 96, "the classes of the validation are in another order than those of the training",
        [f"{names[index]} in validation looks like {names[turned[index]]} in training" for index in moved[:4]]
        + [f"plain statistics of the training are right in {percent(float(right.mean()))} of the samples to measure "
           f"on, in that order in {percent(float((turned[held] == named).mean()))}"],
        "make both from one list of classes: sort the names of folders, and give both the same class_to_idx",
    )  # fmt: skip


def _random(examined: Examined) -> Iterator[Finding]:
    test = examined.test
    if test is None or not examined.failing or examined.telling or examined.explained:
        return
    kinds = {suspect.kind for suspect in examined.suspects}
    if is_grey(examined.case.train.inputs) or "reshaped-for-permuted" in kinds:
        return
    remedy = "look at some inputs with their labels; files and labels may have been sorted or shuffled apart"
    lines = []
    if examined.held_test is not None and examined.held_test.p < SIGNIFICANT:
        lines.append(
            f"in the samples to measure on, classes are told apart in {percent(examined.held_test.best)} "
            f"(p = {examined.held_test.p:.2g}): the fault lies in what is done to training samples alone"
        )
        remedy = "look at augmentation and shuffling, which only training samples go through"
    yield Finding(
        "random-labels", 90, "labels have nothing to do with the inputs, as far as anything plain can tell",
        [f"plain statistics tell the classes apart in {percent(test.best)}, as well as shuffled labels "
         f"(p = {test.p:.2g}); {percent(test.detectable)} would have been noticed", *lines],
        remedy,
        sure=False,
    )  # fmt: skip


def _uneven(examined: Examined) -> Iterator[Finding]:
    if examined.labels is None:
        return
    counts = np.bincount(examined.labels, minlength=len(examined.classes))
    present = counts[counts > 0]
    if len(present) > 1 and present.max() > VERY_UNEVEN * present.min():
        yield Finding(
            "unbalanced", 50, f"the largest class has {present.max() / present.min():.0f} times as many samples",
            [f"always naming it is right in {percent(float(present.max() / present.sum()))}"],
            "weigh the loss by class, and measure balanced accuracy",
        )  # fmt: skip


def network(examined: Examined) -> Iterator[Finding]:
    """Judge the network, where no mend explains what is wrong."""
    asked = examined.asked
    if asked is None:
        return
    learns = examined.held is not None and chance_p(asked.right, examined.chance) < SIGNIFICANT
    yield from unit_findings(examined.probed, failing=examined.failing and examined.telling, learns=learns,
                             remedy="take smaller steps: lower the rate, and standardise the input")  # fmt: skip
    yield from gradient_findings(examined.probed, failing=examined.failing)
    if not examined.failing or examined.explained:
        return
    if examined.test is not None:
        yield from sight_findings(examined.test, examined.seen)
    if examined.telling:
        yield from _heart(examined)
    if abs(asked.learned_in_training - asked.learned) >= DISAGREE:
        yield Finding(
            "modes-disagree", 75, "training mode and inference mode do not agree",
            [f"right in {percent(asked.learned_in_training)} of the samples trained on in training mode, in "
             f"{percent(asked.learned)} in inference mode"],
            "look at batch norm (larger batches, higher momentum) and at dropout that eval() does not reach",
        )  # fmt: skip
    if examined.held is not None and asked.learned >= BY_HEART and asked.learned - asked.accuracy >= GAP:
        yield Finding(
            "overfitting", 45, f"it learns by heart: {percent(asked.learned)} of the samples trained on are right, "
            f"{percent(asked.accuracy)} of others", [], "more samples, a smaller network, or augmentation", sure=False,
        )  # fmt: skip
    quarter = max(1, len(asked.losses) // 4)
    last, before = np.mean(asked.losses[-quarter:]), np.mean(asked.losses[-2 * quarter : -quarter])
    if len(asked.losses) >= 8 and last < (1 - SHORTER) * before:
        line = f"from {before:.3g} to {last:.3g} in its last quarter"
        title = "the loss still falls when the short training ends"
        yield Finding("still-falling", 35, title, [line], "train for longer", sure=False)


def _heart(examined: Examined) -> Iterator[Finding]:
    hearts = examined.probed.hearts
    if not hearts or born_dead(examined.probed.before) or any(map(examined.knows, hearts)):
        return
    lines = heart_lines([*hearts, *([examined.plain_heart] if examined.plain_heart else [])])
    if examined.plain_heart is not None and examined.knows(examined.plain_heart):
        count = sum(weight.numel() for weight in examined.case.model.parameters())
        if explode(examined.probed.layers) or vanish(examined.probed.layers):
            return
        # What helps a little may only hide it; what is certain comes first.
        certain = any(suspect.alone >= SERIOUS for suspect in examined.suspects)
        helped = any(_helped(examined, suspect.kind) for suspect in examined.suspects)
        yield Finding(
            "too-small", 60 if certain else 72 if helped else 85,
            f"the network ({count:,} parameters) cannot learn a batch by heart, and a plain one can",
            lines, "give it more filters or units, or look for a layer so narrow that little passes",
        )  # fmt: skip
        return
    yield Finding("no-overfit", 65, "it cannot even learn one batch by heart", lines,
                  "look at the loss and the labels: not even a plain network can learn them")  # fmt: skip

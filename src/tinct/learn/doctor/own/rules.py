"""From what was measured of somebody's training to findings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

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


def mended(found: Examined) -> Iterator[Finding]:
    """Judge each suspect by what its mend brought."""
    for each in found.suspects:
        lines, outcome = list(each.evidence), found.tried.get(each.kind)
        works, needed = found.works(each.kind), each.kind in found.needed
        helps = outcome is not None and found.failing and _helps(found, outcome)
        if outcome is not None and found.failing and (works or helps):
            lines.append(gain(found, outcome, "with this mended alone"))
        elif needed and found.together is not None:
            lines.append(gain(found, found.together, "with this and the other findings mended, not without this one"))
        weight = each.weight if works and found.failing else each.weight - 2 if needed else 0
        # Numbers of 0 to 255 make rates too high that would be none: where both mends help, scaling comes first.
        upstream = each.kind == "unscaled-input" and found.works("rate-high")
        seen = max(each.alone, each.failing if found.failing else 0)
        weight = max(weight, each.weight - (0 if upstream else 20) if helps else 0, seen)
        if weight:
            sure = works or needed or helps or bool(seen)
            yield Finding(each.kind, weight, each.title, lines, each.remedy, sure=sure)


def _helps(found: Examined, outcome: Outcome) -> bool:
    asked = found.asked
    if asked is None or outcome.accuracy - asked.accuracy < MARGIN:
        return False
    return paired_p(outcome.right, asked.right) < SIGNIFICANT


def _helped(found: Examined, kind: str) -> bool:
    return kind in found.tried and _helps(found, found.tried[kind])


def gain(found: Examined, outcome: Outcome, how: str) -> str:
    """Return what a change brought, in a line."""
    low, high = interval(outcome.right)
    before = f" instead of {percent(found.asked.accuracy)}" if found.asked else ""
    return f"the same training {how}: right in {percent(outcome.accuracy)} ({percent(low)} to {percent(high)}){before}"


def data(found: Examined) -> Iterator[Finding]:
    """Judge the samples."""
    for rule in (_one_class, _blank, _grey, _copies, _shifted, _random, _uneven):
        yield from rule(found)


def _one_class(found: Examined) -> Iterator[Finding]:
    if found.labels is not None and len(np.unique(found.labels)) == 1:
        yield Finding(
            "one-class", 98, "all samples are of one class: there is nothing to tell apart",
            [f"{len(found.labels)} labels, all {found.labels[0]}"],
            "look at how labels are made; a DataLoader without shuffle may give one class for long",
        )  # fmt: skip


def _blank(found: Examined) -> Iterator[Finding]:
    values = found.case.train.inputs
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


def _grey(found: Examined) -> Iterator[Finding]:
    train, held = is_grey(found.case.train.inputs), is_grey(found.case.held.inputs)
    lines = [f"the three channels of the samples to {what} are {'one' if grey else 'different'}"
             for what, grey in (("train on", train), ("measure on", held))]  # fmt: skip
    if train != held:
        yield Finding("grey-in-one", 94, f"pictures are grey in {'training' if train else 'validation'} alone", lines,
                      "use the same conversion for both")  # fmt: skip
    elif train and found.failing and not found.telling:
        yield Finding(
            "grey-pictures", 92, "the loader turns pictures grey, and nothing in their light tells the classes apart",
            lines, 'look for Grayscale, convert("L") or IMREAD_GRAYSCALE in what reads the files', sure=False,
        )  # fmt: skip


def _copies(found: Examined) -> Iterator[Finding]:
    count = len(found.case.train.inputs)
    ours, theirs = found.groups[:count], found.groups[count:]
    leaks = int(np.isin(theirs, ours).sum())
    if found.given and leaks:
        yield Finding(
            "leak", 90 if leaks > 0.05 * len(theirs) else 70,
            f"{leaks} of {len(theirs)} samples of the validation are among those trained on",
            ["told to the pixel, and pictures by what others do not share; figures measured on them are too good"],
            "split before samples are copied or augmented, and by what they show",
        )  # fmt: skip
    if found.labels is None:
        return
    twice = [index for index in range(count) if found.labels[index] != found.labels[ours[index]]]
    if twice:
        yield Finding(
            "contradictions", 85 if len(twice) > 0.05 * count else 60,
            f"{len(twice)} of {count} samples are the same as one of another class",
            [f"sample {index} (class {found.labels[index]}) = sample {ours[index]} (class {found.labels[ours[index]]})"
             for index in twice[:4]],
            "look at each pair, and keep the label that is right",
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


def _shifted(found: Examined) -> Iterator[Finding]:
    one, other = found.case.train.inputs, found.case.held.inputs
    if not found.given or not one.is_floating_point() or one.ndim < 2 or one.shape[1:] != other.shape[1:]:
        return
    (mean, spread), (middle, width) = moments(one), moments(other)
    far = float(((mean - middle).abs() / torch.maximum(spread, width)).max())
    wide = float((width / spread).log().abs().max().exp())
    if far < SHIFTED and wide < RESCALED:
        return
    lines = [f"channel {index}: mean {a:.3g}, spread {b:.3g} in training; {c:.3g} and {d:.3g} in validation"
             for index, (a, b, c, d) in enumerate(zip(*(each.flatten()[:4].tolist() for each in
                                                       (mean, spread, middle, width)), strict=True))]  # fmt: skip
    turned = other.flip(1) if one.ndim == 4 and one.shape[1] == 3 else other
    reverse = float(((mean - moments(turned)[0]).abs() / spread).max()) < far / 3
    if reverse:
        lines.append("with the validation's channels in reverse order, the means agree")
    yield Finding(
        "validation-differs", 93, "the samples to measure on are another input than those to train on", lines,
        "use the same channel order" if reverse else "use the same normalisation for both",
        sure=found.failing,
    )  # fmt: skip


def _random(found: Examined) -> Iterator[Finding]:
    test = found.test
    if test is None or not found.failing or found.telling or found.explained:
        return
    if is_grey(found.case.train.inputs) or any(each.kind == "reshaped-for-permuted" for each in found.suspects):
        return
    remedy = "look at some inputs with their labels; files and labels may have been sorted or shuffled apart"
    lines = []
    if found.held_test is not None and found.held_test.p < SIGNIFICANT:
        lines.append(
            f"in the samples to measure on, classes are told apart in {percent(found.held_test.best)} "
            f"(p = {found.held_test.p:.2g}): the fault lies in what is done to training samples alone"
        )
        remedy = "look at augmentation and shuffling, which only training samples go through"
    yield Finding(
        "random-labels", 90, "labels have nothing to do with the inputs, as far as anything plain can tell",
        [f"plain statistics tell the classes apart in {percent(test.best)}, as well as shuffled labels "
         f"(p = {test.p:.2g}); {percent(test.detectable)} would have been noticed", *lines],
        remedy,
        sure=False,
    )  # fmt: skip


def _uneven(found: Examined) -> Iterator[Finding]:
    if found.labels is None:
        return
    counts = np.bincount(found.labels, minlength=len(found.classes))
    present = counts[counts > 0]
    if len(present) > 1 and present.max() > VERY_UNEVEN * present.min():
        yield Finding(
            "unbalanced", 50, f"the largest class has {present.max() / present.min():.0f} times as many samples",
            [f"always naming it is right in {percent(float(present.max() / present.sum()))}"],
            "weigh the loss by class, and measure balanced accuracy",
        )  # fmt: skip


def network(found: Examined) -> Iterator[Finding]:
    """Judge the network, where no mend explains what is wrong."""
    asked = found.asked
    if asked is None:
        return
    learns = found.held is not None and chance_p(asked.right, found.chance) < SIGNIFICANT
    yield from unit_findings(found.probed, failing=found.failing and found.telling, learns=learns,
                             remedy="take smaller steps: lower the rate, and standardise the input")  # fmt: skip
    yield from gradient_findings(found.probed, failing=found.failing)
    if not found.failing or found.explained:
        return
    if found.test is not None:
        yield from sight_findings(found.test, found.seen)
    if found.telling:
        yield from _heart(found)
    if abs(asked.learned_in_training - asked.learned) >= DISAGREE:
        yield Finding(
            "modes-disagree", 75, "training mode and inference mode do not agree",
            [f"right in {percent(asked.learned_in_training)} of the samples trained on in training mode, in "
             f"{percent(asked.learned)} in inference mode"],
            "look at batch norm (larger batches, higher momentum) and at dropout that eval() does not reach",
        )  # fmt: skip
    if found.held is not None and asked.learned >= BY_HEART and asked.learned - asked.accuracy >= GAP:
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


def _heart(found: Examined) -> Iterator[Finding]:
    hearts = found.probed.hearts
    if not hearts or born_dead(found.probed.before) or any(map(found.knows, hearts)):
        return
    lines = heart_lines([*hearts, *([found.plain_heart] if found.plain_heart else [])])
    if found.plain_heart is not None and found.knows(found.plain_heart):
        count = sum(each.numel() for each in found.case.model.parameters())
        if explode(found.probed.layers) or vanish(found.probed.layers):
            return
        # What helps a little may only hide it; what is certain comes first.
        certain = any(each.alone >= SERIOUS for each in found.suspects)
        helped = any(_helped(found, each.kind) for each in found.suspects)
        yield Finding(
            "too-small", 60 if certain else 72 if helped else 85,
            f"the network ({count:,} parameters) cannot learn a batch by heart, and a plain one can",
            lines, "give it more filters or units, or look for a layer so narrow that little passes",
        )  # fmt: skip
        return
    yield Finding("no-overfit", 65, "it cannot even learn one batch by heart", lines,
                  "look at the loss and the labels: not even a plain network can learn them")  # fmt: skip

"""Turn what was measured of a user's training into findings."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

from tinct.learn.doctor.evidence import (
    STILL_FALLING,
    VERY_UNEVEN,
    gradient_findings,
    heart_lines,
    sight_findings,
    unit_findings,
)
from tinct.learn.doctor.findings import SERIOUS, Finding, percent
from tinct.learn.doctor.own.examination import TOGETHER, Examined
from tinct.learn.doctor.own.network_suspects import moments
from tinct.learn.doctor.plain import MARGIN, SIGNIFICANT, paired_p
from tinct.learn.doctor.probes import born_dead, explode, vanish

# Training and validation get different inputs if a channel's means are this many standard deviations apart.
SHIFTED = 1.0
RESCALED = 2.0  # so they do if a channel's standard deviations differ by this factor
GREYISH = 0.02  # pictures are grey if standardised channels differ by less than this
DISAGREE = 0.2  # training mode and inference mode disagree if their accuracies differ by this


def mended(examined: Examined) -> Iterator[Finding]:
    """Judge each suspect by what its mend brings."""
    for suspect in examined.suspects:
        lines, outcome = list(suspect.evidence), examined.tried.get(suspect.kind)
        works, needed = examined.works(suspect.kind), suspect.kind in examined.needed
        helps = examined.failing and examined.helps(suspect.kind) is not None
        if outcome is not None and examined.failing and (works or helps):
            lines.append(examined.gain(outcome, "with only this mended"))
        elif needed:
            lines.append(examined.gain(examined.tried[TOGETHER], "with all findings mended"))
            lines.append("without this mend, the others were not enough")
        weight = suspect.weight if works and examined.failing else suspect.weight - 2 if needed else 0
        # A rate may be too high only because inputs are 0 to 255: if both mends help, scaling comes first.
        upstream = suspect.kind == "unscaled-input" and examined.works("rate-high")
        seen = max(suspect.alone, suspect.failing if examined.failing else 0)
        weight = max(weight, suspect.weight - (0 if upstream else 20) if helps else 0, seen)
        if weight:
            sure = works or needed or helps or bool(seen)
            yield Finding(suspect.kind, weight, suspect.title, lines, suspect.remedy, sure=sure)


def data(examined: Examined) -> Iterator[Finding]:
    """Judge the samples."""
    for rule in (_one_class, _blank, _grey, _copies, _shifted, _other_order, _random, _uneven):
        yield from rule(examined)


def _one_class(examined: Examined) -> Iterator[Finding]:
    if examined.labels is not None and len(np.unique(examined.labels)) == 1:
        yield Finding(
            "one-class", 98, "all samples belong to one class: there is nothing to tell apart",
            [f"{len(examined.labels)} labels, all {examined.labels[0]}"],
            "check how labels are made; if the samples are sorted by class, use DataLoader(..., shuffle=True)",
        )  # fmt: skip


def _blank(examined: Examined) -> Iterator[Finding]:
    values = examined.case.train.inputs
    if len(values) > 1 and bool((values == values[:1]).all()):
        yield Finding("blank-input", 98, "all inputs are the same", [f"{len(values)} inputs, all identical"],
                      "check what the transforms leave of a sample")  # fmt: skip


def is_grey(values: torch.Tensor) -> bool:
    """Return whether inputs (N, 3, H, W) have three equal channels, apart from the scale and offset of each."""
    if values.ndim != 4 or values.shape[1] != 3 or not values.is_floating_point():
        return False
    mean, spread = moments(values)
    unit = (values - mean) / spread
    return bool(spread.min() > 1e-5) and float((unit - unit[:, :1]).std()) < GREYISH


def _grey(examined: Examined) -> Iterator[Finding]:
    train, held = is_grey(examined.case.train.inputs), is_grey(examined.case.held.inputs)
    lines = [f"the three channels of the {what} samples are {'equal' if grey else 'different'}"
             for what, grey in (("training", train), ("held-out", held))]  # fmt: skip
    if train != held:
        yield Finding("grey-in-one", 94, f"pictures are grey only in {'training' if train else 'validation'}", lines,
                      "use the same conversion for both")  # fmt: skip
    elif train and examined.failing and not examined.telling:
        yield Finding(
            "grey-pictures", 92, "pictures come out grey, and their brightness alone does not tell the classes apart",
            lines, 'look for Grayscale, convert("L") or IMREAD_GRAYSCALE in the code that reads the files', sure=False,
        )  # fmt: skip


def _copies(examined: Examined) -> Iterator[Finding]:
    count = len(examined.case.train.inputs)
    ours, theirs = examined.groups[:count], examined.groups[count:]
    leaks = int(np.isin(theirs, ours).sum())
    if examined.given and leaks:
        yield Finding(
            "leak", 90 if leaks > 0.05 * len(theirs) else 70,
            f"{leaks} of {len(theirs)} validation samples are also among the training samples",
            ["found by comparing every pixel; pictures also by the details that set them apart from the rest",
             "scores measured on them are too high"],
            "split before samples are copied or augmented, and keep samples that show the same thing on one side",
        )  # fmt: skip
    labels = examined.labels
    if labels is None:
        return
    twice = [index for index in range(count) if labels[index] != labels[ours[index]]]
    if twice:
        yield Finding(
            "contradictions", 85 if len(twice) > 0.05 * count else 60,
            f"{len(twice)} of {count} samples are the same as a sample of another class",
            [f"sample {index} (class {labels[index]}) = sample {ours[index]} (class {labels[ours[index]]})"
             for index in twice[:4]],
            "look at each pair: if both are the same, keep the label that is right",
        )  # fmt: skip
    copies = int((ours != np.arange(count)).sum())
    if copies > 0.5 * count:
        yield Finding(
            "copies", 84, f"the same samples come again and again: only {count - copies} of {count} are different",
            [f"{copies} samples of the loader are copies of earlier ones"],
            "check whether the dataset uses the index that it is given, and whether each step takes a new batch",
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
    lines = [f"channel {index}: mean {a:.3g}, standard deviation {b:.3g} in training; {c:.3g}, {d:.3g} in validation"
             for index, (a, b, c, d) in enumerate(zip(*(values.flatten()[:4].tolist() for values in
                                                       (mean, spread, middle, width)), strict=True))]  # fmt: skip
    turned = other.flip(1) if one.ndim == 4 and one.shape[1] == 3 else other
    reverse = float(((mean - moments(turned)[0]).abs() / spread).max()) < far / 3
    if reverse:
        lines.append("with the channels of the validation samples in reverse order, the means agree")
    yield Finding(
        "validation-differs", 93, "the inputs of validation differ from those of training", lines,
        "use the same channel order" if reverse else "use the same normalisation for both",
        sure=examined.failing,
    )  # fmt: skip


def _other_order(examined: Examined) -> Iterator[Finding]:
    """Look for validation classes in another order than the training classes, by plain statistics."""
    named, held, right = examined.named, examined.truth, examined.reference
    if not examined.given or named is None or held is None or right is None:
        return
    count = len(examined.classes)
    together = np.zeros((count, count))
    np.add.at(together, (held, named), 1)
    turned = linear_sum_assignment(together, maximize=True)[1]
    # The best of all orders may only be lucky, so p is multiplied by their number.
    p = math.factorial(min(count, 100)) * paired_p(turned[held] == named, right)
    gained = float((turned[held] == named).mean()) - float(right.mean())
    moved = [index for index in np.unique(held) if turned[index] != index]
    if p >= SIGNIFICANT or gained < MARGIN or not moved:
        return
    names = examined.classes
    yield Finding(
        "class-order-differs", 96, "the classes of validation are in another order than those of training",
        [f"{names[index]} in validation looks like {names[turned[index]]} in training" for index in moved[:4]]
        + [f"plain statistics fitted to training samples are right in {percent(float(right.mean()))} of the validation "
           f"samples; with the classes in that order, in {percent(float((turned[held] == named).mean()))}"],
        "use one list of classes for both: sort the names of folders, and give both the same class_to_idx",
    )  # fmt: skip


def _random(examined: Examined) -> Iterator[Finding]:
    test = examined.test
    if test is None or not examined.failing or examined.telling or examined.explained:
        return
    kinds = {suspect.kind for suspect in examined.suspects}
    if is_grey(examined.case.train.inputs) or "reshaped-for-permuted" in kinds:
        return
    remedy = "look at some inputs with their labels; files and labels may have been sorted or shuffled separately"
    lines = []
    if examined.held_test is not None and examined.held_test.p < SIGNIFICANT:
        lines.append(
            f"on the validation samples, simple statistics are right in {percent(examined.held_test.best)} "
            f"(p = {examined.held_test.p:.2g}): the fault lies in what is done to training samples only"
        )
        remedy = "check augmentation and shuffling, which only training samples go through"
    yield Finding(
        "random-labels", 90, "labels have nothing to do with the inputs, as far as simple tests can tell",
        [f"simple statistics are right in {percent(test.best)}, no better than with shuffled labels "
         f"(p = {test.p:.2g}); an accuracy of {percent(test.detectable)} or more would have been detected", *lines],
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
            "weight the loss by class, and measure balanced accuracy",
        )  # fmt: skip


def network(examined: Examined) -> Iterator[Finding]:
    """Judge the network, if no mend explains what is wrong."""
    asked = examined.asked
    if asked is None:
        return
    yield from unit_findings(examined, remedy="lower the rate, and standardise the input")
    yield from gradient_findings(examined)
    if not examined.failing or examined.explained:
        return
    yield from sight_findings(examined)
    if examined.telling:
        yield from _heart(examined)
    if abs(asked.learned_in_training - asked.learned) >= DISAGREE:
        yield Finding(
            "modes-disagree", 75, "training mode and inference mode do not agree",
            [f"it is right on {percent(asked.learned_in_training)} of the training samples in training mode, on "
             f"{percent(asked.learned)} in inference mode"],
            "check batch norm (try larger batches or a higher momentum), and look for dropout that ignores eval()",
        )  # fmt: skip
    if examined.truth is not None and asked.overfits:
        yield Finding(
            "overfitting", 45, f"it learns by heart: it is right on {percent(asked.learned)} of the training samples, "
            f"on {percent(asked.accuracy)} of others", [], "use more samples, a smaller network, or augmentation",
            sure=False,
        )  # fmt: skip
    quarter = max(1, len(asked.losses) // 4)
    last, before = np.mean(asked.losses[-quarter:]), np.mean(asked.losses[-2 * quarter : -quarter])
    if len(asked.losses) >= 8 and last < (1 - STILL_FALLING) * before:
        line = f"from {before:.3g} in the third quarter of the training to {last:.3g} in the last"
        title = "the loss still falls when the short training ends"
        yield Finding("still-falling", 35, title, [line], "train for longer", sure=False)


def _heart(examined: Examined) -> Iterator[Finding]:
    hearts = examined.probed.hearts
    if born_dead(examined.probed.before) or any(heart.known for heart in hearts):
        return
    lines = heart_lines([*hearts, *([examined.plain_heart] if examined.plain_heart else [])])
    if examined.plain_heart is not None and examined.plain_heart.known:
        count = sum(weight.numel() for weight in examined.case.model.parameters())
        if explode(examined.probed.layers) or vanish(examined.probed.layers):
            return
        # A mend that helps a little may only hide the cause; a certain fault comes first.
        certain = any(suspect.alone >= SERIOUS for suspect in examined.suspects)
        helped = any(examined.helps(suspect.kind) for suspect in examined.suspects)
        yield Finding(
            "too-small", 60 if certain else 72 if helped else 85,
            f"the network ({count:,} parameters) cannot learn one batch by heart, but a plain network can",
            lines, "give it more filters or units, or look for a layer so narrow that it passes too little on",
        )  # fmt: skip
        return
    yield Finding("no-overfit", 65, "it cannot even learn one batch by heart", lines,
                  "check the loss and the labels: not even a plain network can learn them")  # fmt: skip

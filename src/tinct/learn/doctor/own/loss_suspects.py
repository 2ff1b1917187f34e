"""Possible faults of a loss, or between a loss and the labels and answers that it gets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from tinct.learn.doctor.own.answers import (
    ALWAYS_ONE,
    BINARY,
    CLASSES,
    FREE,
    LOGARITHMS,
    NUMBERS,
    POSITIVE,
    REFUSED,
    ROWS,
    SHARES,
    THROUGH,
    UNIT,
    reaches,
)
from tinct.learn.doctor.own.case import Case, Looked, Suspect

# Answers do not fit the loss if a perfect network's loss stays this far above the lowest that the loss can have.
FLOOR = 0.05
OUTWEIGHS = 10.0  # a penalty on the weights is too large if its gradient is this many times that of the answers
IGNORED = 0.01  # a class is ignored if the gradient of its samples is below this share of that of another class
FAR = 10.0  # targets are unscaled if their mean is this many standard deviations away from 0
WIDE = 30.0  # so they are if their standard deviation is above this


def squashed(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for answers that do not fit the loss: compare its lowest value with such answers and with free ones."""
    targets, outputs, answers = looked.some.targets, looked.outputs, looked.answers
    if answers == ALWAYS_ONE:
        yield Suspect(
            "softmax-on-one-output", 97, "the answer is 1 for every input, whatever the weights",
            ["with the last weights 30 times as large, and negated, every answer is still exactly 1: softmax over one "
             "output"],
            "leave softmax out and use BCEWithLogitsLoss, or give the last layer two outputs and use CrossEntropyLoss",
            alone=97,
        )  # fmt: skip
        return
    if answers not in (SHARES, UNIT):
        return
    best, held = reaches(case.loss, targets, outputs, FREE), reaches(case.loss, targets, outputs, answers)
    name = "softmax" if answers == SHARES else "sigmoid"

    def undone(values: torch.Tensor) -> torch.Tensor:
        kept = values.clamp(1e-6, 1 - 1e-6)  # about what float32 can tell apart
        return kept.log() if answers == SHARES else torch.logit(kept)

    if math.isfinite(best) and held > best + FLOOR:
        yield Suspect(
            f"{name}-before-loss", 94, f"{name} is applied twice: in the network, and again in the loss",
            [f"answers lie in 0..1 whatever the weights; with such answers the loss of a perfect network would be "
             f"{held:.3g}, with free answers {best:.3g}"],
            f"return the last layer's output without {name}; apply {name} only when showing answers",
            lambda one: replace(one, read=undone), alone=66,
        )  # fmt: skip
        return
    if best <= 1e-3 and case.reading.kind in (BINARY, CLASSES, ROWS) and _is_square(case, looked):
        cross = nn.functional.binary_cross_entropy_with_logits

        def entropy(values: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
            wanted = truth.to(values.dtype).reshape(values.shape)
            return cross(values, wanted) if answers == UNIT else nn.functional.cross_entropy(values, wanted)

        yield Suspect(
            f"{name}-with-squares", 93, f"squared error after {name}: confident wrong answers get almost no gradient",
            ["answers lie in 0..1 whatever the weights, and the loss is the squared distance"],
            f"use cross-entropy on the output before {name} (BCEWithLogitsLoss, CrossEntropyLoss)",
            lambda one: replace(one, read=undone, loss=entropy, reading=replace(one.reading, loss=entropy,
                                threshold=0.0)),
        )  # fmt: skip


def unlogged(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for a loss that expects log-probabilities: it falls without bound on free answers, but not on these."""
    targets, outputs, answers = looked.some.targets, looked.outputs, looked.answers
    if answers not in (FREE, SHARES) or reaches(case.loss, targets, outputs, FREE) > -math.inf:
        return
    with_logarithms = reaches(case.loss, targets, outputs, LOGARITHMS)
    if not math.isfinite(with_logarithms):
        return
    ends = f"after log_softmax, its lowest value is {with_logarithms:.3g}"
    if answers == FREE:
        yield Suspect(
            "loss-wants-logarithms", 93, "the loss falls without bound: it expects log-probabilities, but gets logits",
            [f"with free answers it falls below -1000; {ends}"],
            "use CrossEntropyLoss on the logits, or log_softmax before NLLLoss",
            lambda one: replace(one, read=lambda values: torch.log_softmax(values, dim=1)), alone=88,
        )  # fmt: skip
        return
    yield Suspect(
        "loss-wants-logarithms", 93, "the loss expects log-probabilities but gets probabilities: NLLLoss after softmax",
        [f"with free answers it falls below -1000; {ends}",
         f"with probabilities, its lowest value is {reaches(case.loss, targets, outputs, SHARES):.3g}, and a confident "
         "wrong answer costs no more than 1 above it"],
        "use log_softmax instead of softmax, or leave softmax out and use CrossEntropyLoss",
        lambda one: replace(one, read=lambda values: values.clamp(min=1e-6).log()), alone=66,
    )  # fmt: skip


def _is_square(case: Case, looked: Looked) -> bool:
    """Return whether the loss is the squared distance: twice the distance costs four times as much."""
    truth = looked.some.targets
    try:
        wanted = truth.to(looked.outputs.dtype).reshape(looked.outputs.shape)
        near, far = (float(case.loss(wanted + step, truth).mean()) for step in (0.1, 0.2))
    except REFUSED:
        return False
    return math.isclose(far, 4 * near, rel_tol=0.02) and near > 0


def pairs(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for a loss that compares each answer with every label: it is the same if labels change places."""
    targets, outputs = looked.some.targets, looked.outputs
    random = torch.Generator().manual_seed(0)
    answers = torch.rand(outputs.shape, generator=random).to(outputs)
    turned = targets.roll(1, dims=0)
    if outputs.shape == targets.shape or bool((turned == targets).all()):
        return
    with torch.no_grad():
        before, after = float(case.loss(answers, targets).mean()), float(case.loss(answers, turned).mean())
        rolled = float(case.loss(answers, targets.roll(2, dims=0)).mean())
    if not (math.isclose(before, after, rel_tol=1e-5) and math.isclose(before, rolled, rel_tol=1e-5)):
        return

    def reshaped(one: Case) -> Case:
        fits = outputs.numel() == targets.numel()
        return replace(one, read=lambda values: values.reshape(len(values), *targets.shape[1:])) if fits else one

    yield Suspect(
        "loss-of-all-pairs", 96, "the loss compares every answer with every label, because shapes are broadcast",
        [f"outputs {tuple(outputs.shape)} against targets {tuple(targets.shape)}",
         f"with the labels in another order, the loss is the same: {before:.6g} and {after:.6g}"],
        "bring both to one shape: outputs.squeeze(1), or targets.unsqueeze(1)",
        reshaped, alone=90,
    )  # fmt: skip


def summed(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for a loss that is a sum over the batch: it doubles with the batch."""
    targets, outputs = looked.some.targets, looked.outputs
    with torch.no_grad():
        once = float(case.loss(outputs, targets))
        twice = float(case.loss(torch.cat([outputs, outputs]), torch.cat([targets, targets])))
    if not math.isclose(twice, 2 * once, rel_tol=1e-3) or abs(once) < 1e-9:
        return

    def mean(values: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        return case.loss(values, truth) / len(values)

    yield Suspect(
        "loss-is-a-sum", 93, f"the loss is a sum over the batch, which makes steps {case.batch_size} times as large",
        [f"the loss is {once:.4g} on {len(targets)} samples, and {twice:.4g} on the same samples twice"],
        'use reduction="mean", or a rate divided by the batch size', lambda one: replace(one, loss=mean), alone=25,
    )  # fmt: skip


def penalised(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for a penalty on the weights in the loss whose gradient is far larger than that of the answers."""
    value = case.loss(looked.outputs.detach(), looked.some.targets).sum()
    weights = [weight for weight in case.model.parameters() if weight.requires_grad]
    if not value.requires_grad or not weights:
        return
    added = _norm(torch.autograd.grad(value, weights, allow_unused=True))
    network = case.make()
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    loss = case.value(network, looked.some.inputs, looked.some.targets).sum()
    wanted = _norm(torch.autograd.grad(loss, trained, allow_unused=True))
    if added < OUTWEIGHS * wanted:
        return
    yield Suspect(
        "penalty-outweighs", 90, "the loss's penalty on the weights outweighs the error of the answers",
        [f"norm of the penalty's gradient {added:.3g}, of the answers' {wanted:.3g}",
         "the short trainings here run without the penalty, since they train copies"],
        "give it a much smaller factor, or leave it out and give the optimizer a weight_decay of 1e-4", alone=72,
    )  # fmt: skip


def _norm(gradients: Sequence[torch.Tensor | None]) -> float:
    """Return the common norm of all gradients."""
    return math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients if gradient is not None))


def _some_answers(looked: Looked, *, spread: float = 1.0) -> torch.Tensor:
    """Return random answers (N, ...) of the kind that the network gives."""
    random = torch.randn(looked.outputs.shape, generator=torch.Generator().manual_seed(0)).to(looked.outputs)
    return THROUGH[looked.answers if looked.answers in (UNIT, SHARES, LOGARITHMS, POSITIVE) else FREE](spread * random)


def deaf(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for a loss that is the same whatever a sample's label is."""
    targets, answers = looked.some.targets, _some_answers(looked)
    flat = targets.reshape(len(targets), -1).cpu().numpy()
    first = np.unique(flat, axis=0, return_index=True)[1][:8].tolist()
    if len(first) < 2:
        return
    try:
        with torch.no_grad():
            losses = [[float(case.loss(answers[row : row + 1], targets[other : other + 1]).mean()) for other in first]
                      for row in first]  # fmt: skip
    except REFUSED:
        return
    if not all(math.isclose(value, row[0], rel_tol=1e-5, abs_tol=1e-9) for row in losses for value in row):
        return
    yield Suspect(
        "loss-ignores-labels", 97, "the loss of a sample is the same whatever its label is",
        [f"loss of one answer with {len(first)} different labels: "
         + ", ".join(f"{value:.6g}" for value in losses[0][:4])],
        "look for label_smoothing=1, a weight of 0, or a loss that never uses its targets", alone=97,
    )  # fmt: skip


def half_deaf(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for a class whose samples have almost no gradient."""
    labels = case.reading.labels(looked.some.targets)
    if labels is None or len(np.unique(labels)) < 2 or looked.outputs.ndim == 0:
        return
    gradients: dict[int, float] = {}
    try:
        for label in np.unique(labels):
            of_class = torch.as_tensor(labels == label)
            answers = _some_answers(looked, spread=0.5)[of_class].requires_grad_()
            rest = ~of_class
            whole = torch.cat([answers, _some_answers(looked, spread=0.5)[rest]])
            given = torch.cat([looked.some.targets[of_class], looked.some.targets[rest]])
            (grown,) = torch.autograd.grad(case.loss(whole, given).sum(), answers)
            gradients[int(label)] = float(grown.reshape(len(grown), -1).norm(dim=1).mean())
    except REFUSED:
        return
    most = max(gradients.values())
    ignored = [label for label, gradient in gradients.items() if not gradient >= IGNORED * most]
    if not ignored or not most > 0:
        return
    yield Suspect(
        "class-ignored", 96, f"the loss nearly ignores samples of class {', '.join(map(str, ignored))}",
        [f"class {label}: gradient of the loss by a sample's answer {gradient:.2g}"
         for label, gradient in list(gradients.items())[:8]],
        "check weight, pos_weight and ignore_index of the loss", failing=96, alone=72,
    )  # fmt: skip


def turned_round(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for a loss that is higher for right answers than for wrong ones."""
    targets, outputs, kind = looked.some.targets, looked.outputs, case.reading.kind
    labels = case.reading.labels(targets)
    if kind in (CLASSES, ROWS) and labels is not None and looked.answers in (FREE, SHARES, LOGARITHMS, POSITIVE):
        sure = 8.0 * torch.nn.functional.one_hot(torch.as_tensor(labels), outputs.shape[1]).to(outputs)
        right, wrong = THROUGH[looked.answers](sure), THROUGH[looked.answers](sure.roll(1, dims=1))
    elif kind == BINARY and labels is not None and looked.answers in (FREE, UNIT):
        sure = (torch.as_tensor(labels) * 8.0 - 4.0).to(outputs).reshape(outputs.shape)
        right, wrong = THROUGH[looked.answers](sure), THROUGH[looked.answers](-sure)
    elif kind == NUMBERS and outputs.shape == targets.shape and targets.is_floating_point():
        right, wrong = targets, targets + targets.std() + 1
    else:
        return
    try:
        good, bad = float(case.loss(right, targets).mean()), float(case.loss(wrong, targets).mean())
    except REFUSED:
        return
    if not (math.isfinite(good) and math.isfinite(bad)) or good <= bad + 1e-6:
        return

    def negated(values: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
        return -case.loss(values, truth)

    yield Suspect(
        "wrong-sign", 97, "right answers have a higher loss than wrong ones: it learns to be wrong",
        [f"the loss of confident right answers is {good:.3g}, of confident wrong answers {bad:.3g}"],
        "flip the sign of the loss; to maximise a similarity or likelihood, minimise its negative",
        lambda one: replace(one, loss=negated, reading=replace(one.reading, loss=negated)),
        failing=97, alone=75,
    )  # fmt: skip


def unscaled_targets(case: Case, looked: Looked) -> Iterator[Suspect]:
    """Look for targets far from what a network with usual initial weights outputs."""
    truth, outputs = case.train.targets, looked.outputs
    if case.reading.kind != NUMBERS or not truth.is_floating_point() or looked.some.targets.shape != outputs.shape:
        return
    middle, spread = truth.mean(dim=0), truth.std(dim=0).clamp(min=1e-12)
    far, wide = float((middle.abs() / spread).max()), float(spread.max())
    if far < FAR and wide < WIDE:
        return
    yield Suspect(
        "unscaled-targets", 95, "the targets are unscaled: the outputs start near 0, far from the targets",
        [f"targets: mean {float(middle.mean()):.4g}, standard deviation {float(spread.mean()):.3g}; "
         f"outputs before the first step: mean {float(outputs.mean()):.3g}, standard deviation "
         f"{float(outputs.std()):.3g}"],
        "learn (target - mean) / standard deviation, both of the training set, and scale the outputs back when using "
        "the network",
        lambda one: replace(one, read=lambda values: values * spread + middle),
    )  # fmt: skip


LOOKS = (deaf, half_deaf, turned_round, unscaled_targets, squashed, unlogged, pairs, summed, penalised)

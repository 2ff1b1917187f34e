"""Possible faults between a loss and its labels: they are ignored, one class is, the sign is wrong, or the scale."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from tinct.learn.doctor.evidence import Evidence
from tinct.learn.doctor.own.answers import (
    BINARY,
    CLASSES,
    FREE,
    LOGARITHMS,
    NUMBERS,
    POSITIVE,
    ROWS,
    SHARES,
    THROUGH,
    UNIT,
)
from tinct.learn.doctor.own.case import Case
from tinct.learn.doctor.own.suspect import Looked, Suspect

# A class is ignored if the gradient of its samples is below this share of that of another class.
IGNORED = 0.01
# Targets are unscaled if their mean is this many standard deviations away from 0.
FAR = 10.0
# So they are if their standard deviation is above this.
WIDE = 30.0
_REFUSED = (RuntimeError, ValueError, IndexError, TypeError)


def _some_answers(looked: Looked, *, spread: float = 1.0) -> torch.Tensor:
    """Return random answers (N, ...) of the kind that the network gives."""
    random = torch.randn(looked.outputs.shape, generator=torch.Generator().manual_seed(0)).to(looked.outputs)
    return THROUGH[looked.answers if looked.answers in (UNIT, SHARES, LOGARITHMS, POSITIVE) else FREE](spread * random)


def deaf(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
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
    except _REFUSED:
        return
    if not all(math.isclose(value, row[0], rel_tol=1e-5, abs_tol=1e-9) for row in losses for value in row):
        return
    yield Suspect(
        "loss-ignores-labels", 97, "the loss of a sample is the same whatever its label is",
        [f"loss of one answer with {len(first)} different labels: "
         + ", ".join(f"{value:.6g}" for value in losses[0][:4])],
        "look for label_smoothing=1, a weight of 0, or a loss that never uses its targets", lambda one: one, alone=97,
    )  # fmt: skip


def half_deaf(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
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
    except _REFUSED:
        return
    most = max(gradients.values())
    ignored = [label for label, gradient in gradients.items() if not gradient >= IGNORED * most]
    if not ignored or not most > 0:
        return
    yield Suspect(
        "class-ignored", 96, f"the loss nearly ignores samples of class {', '.join(map(str, ignored))}",
        [f"class {label}: gradient of the loss by a sample's answer {gradient:.2g}"
         for label, gradient in list(gradients.items())[:8]],
        "check weight, pos_weight and ignore_index of the loss", lambda one: one, failing=96, alone=72,
    )  # fmt: skip


def turned_round(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
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
    except _REFUSED:
        return
    if not (math.isfinite(good) and math.isfinite(bad)) or good <= bad + 1e-6:
        return
    yield Suspect(
        "wrong-sign", 97, "right answers have a higher loss than wrong ones: it learns to be wrong",
        [f"the loss of confident right answers is {good:.3g}, of confident wrong answers {bad:.3g}"],
        "flip the sign of the loss; to maximise a similarity or likelihood, minimise its negative",
        lambda one: replace(one, loss=lambda out, truth: -case.loss(out, truth),
                            reading=replace(one.reading, loss=lambda out, truth: -case.loss(out, truth))),
        failing=97, alone=75,
    )  # fmt: skip


def unscaled_targets(case: Case, looked: Looked, probed: Evidence) -> Iterator[Suspect]:
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

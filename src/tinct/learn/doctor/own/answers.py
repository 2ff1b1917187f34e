"""Find out by trying, not from names, what a loss expects, which answers a network can give, and which are right."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

Map = Callable[[torch.Tensor], torch.Tensor]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
# What a loss raises for outputs or targets that it does not take.
REFUSED = (RuntimeError, ValueError, IndexError, TypeError)
# Which answers a network can give, whatever its weights:
SHARES = "shares"  # rows of probabilities
LOGARITHMS = "logarithms"  # rows of log-probabilities
ALWAYS_ONE = "always one"  # one number that is always 1
UNIT = "unit"  # numbers in 0..1
POSITIVE = "positive"  # numbers from 0 on
FREE = "free"  # any numbers
# What is learned:
CLASSES = "classes"  # one of several classes
BINARY = "binary"  # one of two classes, by one number
ROWS = "rows"  # one of several classes, with one-hot targets
NUMBERS = "numbers"  # anything else
# The last layer's weights are multiplied by this, and by its negative, to see the range of the answers.
AMPLIFIED = 30.0
THROUGH: dict[str, Map] = {
    FREE: lambda values: values,
    UNIT: torch.sigmoid,
    SHARES: lambda values: torch.softmax(values, dim=1),
    LOGARITHMS: lambda values: torch.log_softmax(values, dim=1),
    ALWAYS_ONE: torch.ones_like,
    POSITIVE: nn.functional.softplus,
}
HALF = 0.5  # an answer that is not a class is right if its loss is below this share of that of the best constant answer


@dataclass(frozen=True)
class Reading:
    """How outputs become answers.

    Attributes:
        kind: what is learned: `CLASSES`, `BINARY`, `ROWS` or `NUMBERS`.
        loss: the user's.
        threshold: for `BINARY`, the output above which the answer is the second class.
        guess: the loss of the best constant answer.
    """

    kind: str
    loss: Loss
    threshold: float = 0.0
    guess: float = math.nan

    def labels(self, targets: torch.Tensor) -> NDArray[np.intp] | None:
        """Return the class (N,) of each target; None if there are no classes."""
        if self.kind == NUMBERS:
            return None
        flat = targets.argmax(dim=1) if self.kind == ROWS else targets.reshape(len(targets))
        if self.kind == BINARY:  # 0 and 1, or -1 and 1
            flat = flat > 0
        return np.asarray(flat.cpu().numpy().astype(np.intp))

    def right(self, outputs: torch.Tensor, targets: torch.Tensor) -> NDArray[np.bool_]:
        """Return (N,) whether each output is right."""
        labels = self.labels(targets)
        if labels is None:
            losses = [
                float(self.loss(outputs[index : index + 1], targets[index : index + 1]).mean())
                for index in range(len(outputs))
            ]
            return np.array(losses) < HALF * self.guess
        named = outputs.reshape(len(outputs)) > self.threshold if self.kind == BINARY else outputs.argmax(dim=1)
        finite = np.isfinite(outputs.cpu().numpy().reshape(len(outputs), -1)).all(axis=1)
        return np.asarray((named.cpu().numpy().astype(np.intp) == labels) & finite)


def kind_of_task(outputs: torch.Tensor, targets: torch.Tensor) -> str:
    """Return what is learned (`CLASSES`, `BINARY`, `ROWS` or `NUMBERS`), from outputs and targets of some samples."""
    whole = not targets.is_floating_point()
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        if whole and targets.ndim == 1:
            return CLASSES
        if targets.shape == outputs.shape and bool(((targets == 0) | (targets == 1)).all()):
            return ROWS if bool((targets.sum(dim=1) == 1).all()) else NUMBERS
    if outputs.numel() == len(targets) == targets.numel():
        values = set(torch.unique(targets).tolist())
        if values <= {0, 1} or values <= {-1, 1}:
            return BINARY
    return NUMBERS


def kind_of_answers(network: nn.Module, inputs: torch.Tensor) -> str:
    """Return which answers a network can give, by trying with its last weights much enlarged, and negated."""
    rows = []
    with torch.no_grad():
        for factor in (1.0, AMPLIFIED, -AMPLIFIED):
            changed = copy.deepcopy(network).eval()
            for weight in [weight for weight in changed.parameters() if weight.ndim > 1][-1:]:
                weight.mul_(factor)
            rows.append(changed(inputs).float())
    answers = torch.cat(rows).reshape(sum(map(len, rows)), -1)
    inside = bool(((answers >= 0) & (answers <= 1)).all())
    if answers.shape[1] == 1 and bool((answers == 1).all()):
        return ALWAYS_ONE
    if torch.allclose(rows[0], rows[1]) and torch.allclose(rows[0], rows[2]):  # a dead network shows nothing
        return FREE
    if answers.shape[1] == 1 and inside:
        return UNIT
    if inside:
        return SHARES if bool((answers.sum(dim=1) - 1).abs().max() < 1e-3) else UNIT
    shares = bool((answers <= 1e-6).all()) and bool(answers.logsumexp(dim=1).abs().max() < 1e-3)
    return LOGARITHMS if shares else POSITIVE if bool((answers >= 0).all()) else FREE


def reaches(loss: Loss, targets: torch.Tensor, outputs: torch.Tensor, through: str, *, constant: bool = False) -> float:
    """Return the lowest loss that a perfect network could have if its answers were restricted.

    Args:
        loss: the user's.
        targets: of some samples.
        outputs: of the same samples; only their shape counts.
        through: the restriction, a key of `THROUGH`.
        constant: give the same answer to all samples, as guessing does.

    Returns:
        The loss; infinity if the loss refuses such answers, minus infinity if it falls without bound.
    """
    free = torch.zeros_like(outputs[:1] if constant else outputs, requires_grad=True)
    search = torch.optim.LBFGS([free], max_iter=60, line_search_fn="strong_wolfe")
    lowest = math.inf

    def value() -> torch.Tensor:
        nonlocal lowest
        search.zero_grad()
        reached = loss(THROUGH[through](free.expand_as(outputs)), targets).mean()
        if reached.requires_grad:
            reached.backward()  # type: ignore[no-untyped-call]
        lowest = min(lowest, float(reached.detach()))
        return reached

    try:
        search.step(value)  # type: ignore[no-untyped-call, unused-ignore]
    except REFUSED:
        return math.inf
    return -math.inf if lowest < -1e3 else lowest


def make_reading(loss: Loss, outputs: torch.Tensor, targets: torch.Tensor, answers: str) -> Reading:
    """Find out how outputs become answers, and what the loss of guessing is.

    Args:
        loss: the user's.
        outputs: of some samples.
        targets: of the same samples.
        answers: as `kind_of_answers` returns.
    """
    kind = kind_of_task(outputs, targets)
    guess = reaches(loss, targets, outputs, answers, constant=True)
    if not math.isfinite(guess):
        guess = reaches(loss, targets, outputs, UNIT, constant=True)
    return Reading(kind, loss, _threshold(loss, outputs, targets) if kind == BINARY else 0.0, guess)


def _threshold(loss: Loss, outputs: torch.Tensor, targets: torch.Tensor) -> float:
    """Return the output for which the loss is the same with either label."""
    low, high = torch.zeros_like(targets) + targets.min(), torch.zeros_like(targets) + targets.max()
    if bool((low == high).all()):
        return 0.0
    gaps = []
    for value in np.linspace(-1, 1, 41):
        answer = torch.full_like(outputs, float(value))
        try:
            gap = abs(float(loss(answer, low).mean()) - float(loss(answer, high).mean()))
        except REFUSED:  # the loss takes 0..1 only
            continue
        gaps.append((gap if math.isfinite(gap) else math.inf, float(value)))
    return min(gaps, default=(0.0, 0.5))[1]

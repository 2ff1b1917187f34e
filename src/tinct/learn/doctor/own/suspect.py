"""A possible fault of a training, with its mend; and the facts from which faults are suspected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from tinct.learn.doctor.own.case import Case
from tinct.learn.doctor.own.sample import Sample


@dataclass(frozen=True)
class Suspect:
    """A possible fault.

    Attributes:
        kind: of the finding.
        weight: of the finding, if the mend makes the training work.
        title: what is wrong.
        evidence: what raised the suspicion.
        remedy: what to do.
        mend: returns the training without the fault.
        alone: weight of the finding if no training proves it; 0: it is not a finding then.
        failing: the same, if the training as asked for falls short.
    """

    kind: str
    weight: int
    title: str
    evidence: list[str]
    remedy: str
    mend: Callable[[Case], Case] = field(repr=False)
    alone: int = 0
    failing: int = 0


@dataclass(frozen=True)
class Looked:
    """What is known before any training.

    Attributes:
        answers: which answers the network can give; see `kind_of_answers`.
        outputs: (N, ...) of some samples, before the first step.
        some: those samples.
        planned: number of steps that the user plans; None: unknown.
    """

    answers: str
    outputs: torch.Tensor
    some: Sample
    planned: int | None

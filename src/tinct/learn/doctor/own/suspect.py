"""What may be wrong with a training, with its mend; and what suspicions are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from tinct.learn.doctor.own.case import Case
from tinct.learn.doctor.own.sample import Sample


@dataclass(frozen=True)
class Suspect:
    """Something that may be wrong.

    Attributes:
        kind: of the finding.
        weight: of the finding, if the mend makes the training work.
        title: what is wrong.
        evidence: what raised the suspicion.
        remedy: what to do.
        mend: of the training.
        alone: weight of the finding where no training proves it; 0: it is no finding then.
        failing: the same, of a training that falls short.
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
    """What was found out before any training.

    Attributes:
        answers: what the network's answers can be, as `kind_of_answers` says.
        outputs: (N, ...) of some samples.
        some: those samples.
        planned: steps that the user plans; None: unknown.
    """

    answers: str
    outputs: torch.Tensor
    some: Sample
    planned: int | None

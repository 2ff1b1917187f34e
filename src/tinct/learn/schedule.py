"""The schedule of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable


class Schedule:
    """The learning rate over a training: a short rise, a plateau, and a linear fall to nearly 0.

    Or, as in Billaut et al. 2018, two steps: the full rate from the start, then a lower one. A training that is resumed
    with another number of steps falls, or takes its second step, at its new end.
    """

    def __init__(
        self,
        *,
        steps: int,
        decay: float,
        warmup: int = 200,
        second_rate: float | None = None,
        spent: Callable[[], float] | None = None,
    ) -> None:
        """Plan the rate.

        Args:
            steps: of the whole training.
            decay: share of the steps, 0..1, over which the rate falls, or which the second of two steps takes.
            warmup: steps over which the rate rises; a tenth of all at most.
            second_rate: factor in the second of two steps; None: the rate rises first, and falls linearly.
            spent: returns the share of the time that is over, if time may end the training before its steps.
        """
        self.steps = steps
        self.decay = decay
        self.warmup = min(warmup, max(1, steps // 10))
        self.second_rate = second_rate
        self.spent = spent

    def __call__(self, step: int) -> float:
        """Return the factor on the learning rate at a step."""
        falling = self.decay * self.steps
        left = (self.steps - step) / falling if falling > 0 else math.inf
        if self.spent is not None and falling > 0:
            left = min(left, (1 - self.spent()) / self.decay)
        if self.second_rate is not None:
            return self.second_rate if left <= 1 else 1.0
        rise = min(1.0, (step + 1) / self.warmup)
        return rise * min(1.0, max(0.01, left))

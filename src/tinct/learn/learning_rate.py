"""The learning rate's course over a training."""

from __future__ import annotations

import math
from collections.abc import Callable


class Schedule:
    """The learning rate over a training: a short rise, a plateau, and a straight fall to nearly nothing.

    Or two steps, as Billaut et al. 2018 trained: the whole rate from the start, then a lower one at once. A training
    resumed with another number of steps keeps its plateau and falls, or takes its second step, at its new end.
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
            decay: share of them over which the rate falls, or that the second of two steps takes, 0..1.
            warmup: steps over which it rises; a tenth of all at most.
            second_rate: factor in the second of two steps; without it the rate rises first and falls straight.
            spent: returns the share of the time that is over, where time may end the training before its steps.
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

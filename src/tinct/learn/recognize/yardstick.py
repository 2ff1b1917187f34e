"""Compare networks with plain statistics, if only networks were asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tinct.data.labelled import Loaded
from tinct.learn.recognize.candidates import COLOR_STATISTICS, STATISTICS_SPACE, Candidate, features_of
from tinct.learn.recognize.folds import Fold
from tinct.learn.recognize.heads import JOINED, fit_head, measure_all, seconds_to_measure
from tinct.learn.recognize.trial import Judged
from tinct.runtime.scores import balanced


def statistics_ahead(
    table: Sequence[Judged], loaded: Loaded, folds: Sequence[Fold], *, seed: int = 0, seconds: float | None = None
) -> list[str]:
    """Return a warning if plain statistics, which were not asked for, are better than the best candidate.

    Args:
        table: the candidates, the best first.
        loaded: the pictures or arrays.
        folds: on which the candidates were measured.
        seed: of the forest.
        seconds: give up if measuring the pictures would take longer.
    """
    best = table[0]
    if best.scores is None or any(judged.outcome.candidate.network == COLOR_STATISTICS for judged in table):
        return []
    labels, classes = loaded.labelled.labels, len(loaded.labelled.classes)
    space = STATISTICS_SPACE if best.outcome.candidate.color_space else ""
    features = features_of(Candidate(COLOR_STATISTICS, space, JOINED), loaded.pixels)
    if seconds is not None and seconds_to_measure(loaded.pixels, features) > seconds:
        return []
    values = measure_all(loaded.pixels, features)
    heads = [fit_head(JOINED, values[fold.train], labels[fold.train], classes=classes, seed=seed) for fold in folds]
    named = [head.logits(values[fold.val]).argmax(axis=1) for head, fold in zip(heads, folds, strict=True)]
    rows = np.concatenate([fold.val for fold in folds])
    reached = balanced(np.concatenate(named), labels[rows])
    error = math.sqrt(max(reached * (1 - reached), 1 / len(rows)) / len(rows))
    if reached <= best.scores.balanced + error:
        return []
    return [
        f"plain statistics, which were not asked for, are right in {100 * reached:.1f} %, but "
        f"{best.outcome.candidate.name} in {100 * best.scores.balanced:.1f} %; to try them too, leave out --network"
    ]

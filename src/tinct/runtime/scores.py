"""How good a classifier is: accuracy with its interval, per-class figures, and calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.decoding import softmax
from tinct.color.spaces import FloatArray

CONFIDENCE_BINS = 10
# Temperatures are looked for between exp(-this) and exp(this).
_LARGEST_LOG = 3.0


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability table: how sure the model said it was, and how often it was right.

    Attributes:
        low: lower edge of the confidence, 0..1.
        high: upper edge.
        count: pictures.
        confidence: mean probability of the class that was named.
        accuracy: share that was right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Scores:
    """What was measured on N pictures.

    Attributes:
        classes: their names.
        confusion: (classes, classes) pictures; rows are the truth, columns what was named.
        accuracy: share of pictures that were right.
        interval: 95 % Wilson interval of the accuracy.
        balanced: mean of the classes' recalls.
        precision: of each class that was named, share that is right; None where it never was.
        recall: of each class, share that was found; None where there is none.
        log_loss: mean of -ln of the probability of the truth.
        calibration_error: mean distance of confidence and accuracy over the bins, weighed by pictures (ECE).
        reliability: the bins that hold pictures.
    """

    classes: tuple[str, ...]
    confusion: NDArray[np.int64]
    accuracy: float
    interval: tuple[float, float]
    balanced: float
    precision: tuple[float | None, ...]
    recall: tuple[float | None, ...]
    log_loss: float
    calibration_error: float
    reliability: tuple[Bin, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            **vars(self),
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
            "interval": list(self.interval),
            "precision": list(self.precision),
            "recall": list(self.recall),
            "reliability": [vars(interval) for interval in self.reliability],
            "count": int(self.confusion.sum()),
        }


def score(probabilities: FloatArray, labels: NDArray[np.intp], classes: tuple[str, ...]) -> Scores:
    """Measure predictions.

    Args:
        probabilities: (N, classes), N at least 1.
        labels: (N,) the truth.
        classes: their names.
    """
    count = len(classes)
    named = probabilities.argmax(axis=1)
    confusion = np.bincount(labels * count + named, minlength=count * count).reshape(count, count)
    right = int(np.trace(confusion))
    bins = reliability(probabilities, labels)
    truth = np.maximum(probabilities[np.arange(len(labels)), labels].astype(np.float64), 1e-12)
    recall = _shares(np.diag(confusion), confusion.sum(axis=1))
    return Scores(
        classes,
        confusion,
        right / len(labels),
        wilson(right, len(labels)),
        balanced(named, labels),
        _shares(np.diag(confusion), confusion.sum(axis=0)),
        recall,
        float(-np.log(truth).mean()),
        calibration_error(bins),
        bins,
    )


def balanced(named: NDArray[np.intp], labels: NDArray[np.intp]) -> float:
    """Return the mean of the recalls of the classes that are there, from what was named (N,) and the truth (N,).

    Naming one class for everything is worth 1 / classes by it, however unbalanced they are.
    """
    return float(np.mean([(named[labels == label] == label).mean() for label in np.unique(labels)]))


def _shares(parts: NDArray[Any], totals: NDArray[Any]) -> tuple[float | None, ...]:
    return tuple(float(part / total) if total else None for part, total in zip(parts, totals, strict=True))


def wilson(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share: Wilson 1927, which holds for few pictures and for shares near 0 and 1."""
    z = 1.959963984540054
    share, weight = right / count, z * z / count
    middle = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / count + weight / (4 * count)) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


def reliability(
    probabilities: FloatArray, labels: NDArray[np.integer[Any]], *, bins: int = CONFIDENCE_BINS
) -> tuple[Bin, ...]:
    """Compare how sure predictions are with how often they are right, in bins of equal width; empty bins are left out.

    Source: Guo et al. 2017, "On calibration of modern neural networks".
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * bins).astype(np.intp), bins - 1)
    table = []
    for index in np.unique(place):
        inside = place == index
        edges = float(index / bins), float((index + 1) / bins)
        table.append(Bin(*edges, int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean())))
    return tuple(table)


def calibration_error(table: tuple[Bin, ...]) -> float:
    """Return the mean distance of confidence and accuracy over the bins, weighed by their counts (ECE)."""
    return sum(row.count * abs(row.confidence - row.accuracy) for row in table) / sum(row.count for row in table)


def fit_temperature(logits: FloatArray, labels: NDArray[np.intp]) -> float:
    """Find the temperature at which probabilities are likeliest to be true.

    Args:
        logits: (N, classes) of pictures that were not trained on.
        labels: (N,) the truth.

    Returns:
        The temperature, 0.05..20. Where every picture is right, as sure as one more picture that is wrong would allow:
        half a picture's doubt is added, since no number of pictures proves certainty.

    Source: Guo et al. 2017, section 4.2.
    """
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        shares = softmax(logits, temperature=math.exp(log_temperature)).astype(np.float64)
        sure = -np.log(np.maximum(shares[rows, labels], 1e-12)).sum()
        # The half picture: as sure as the median one, and wrong.
        doubt = -0.5 * math.log(max(1 - float(np.median(shares.max(axis=1))), 1e-12))
        return float(sure + doubt)

    best = minimize_scalar(loss, bounds=(-_LARGEST_LOG, _LARGEST_LOG), method="bounded")
    return float(math.exp(best.x))

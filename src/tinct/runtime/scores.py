"""Measuring a classifier: accuracy with its interval, figures for each class, and calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.decoding import softmax
from tinct.color.spaces import FloatArray

CONFIDENCE_BINS = 10
_LARGEST_LOG = 3.0  # temperatures are sought between exp(-this) and exp(this)


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability table: the model's confidence, and how often it was right.

    Attributes:
        low: lower edge of the confidence, 0..1.
        high: upper edge.
        count: of the pictures in it.
        confidence: their mean probability of the predicted class.
        accuracy: share of them that were classified correctly.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Scores:
    """The results on N pictures.

    Attributes:
        classes: their names.
        confusion: (classes, classes) numbers of pictures; rows are the true classes, columns the predicted ones.
        accuracy: share of pictures that were classified correctly.
        interval: 95 % Wilson interval of the accuracy.
        balanced: mean of the classes' recalls.
        precision: of each class, the share of its predictions that are right; None if it was never predicted.
        recall: of each class, the share of its pictures that were recognised; None if there are none.
        log_loss: mean of -ln of the true class's probability.
        calibration_error: mean difference of confidence and accuracy over the bins, weighted by pictures (ECE).
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
        labels: (N,) the true classes.
        classes: their names.
    """
    count = len(classes)
    predicted = probabilities.argmax(axis=1)
    confusion = np.bincount(labels * count + predicted, minlength=count * count).reshape(count, count)
    right = int(np.trace(confusion))
    bins = reliability(probabilities, labels)
    truth = np.maximum(probabilities[np.arange(len(labels)), labels].astype(np.float64), 1e-12)
    recall = _shares(np.diag(confusion), confusion.sum(axis=1))
    return Scores(
        classes,
        confusion,
        right / len(labels),
        wilson(right, len(labels)),
        balanced(predicted, labels),
        _shares(np.diag(confusion), confusion.sum(axis=0)),
        recall,
        float(-np.log(truth).mean()),
        calibration_error(bins),
        bins,
    )


def balanced(predicted: NDArray[np.intp], labels: NDArray[np.intp]) -> float:
    """Return the mean of the classes' recalls, from predicted (N,) and true (N,) classes; absent classes are left out.

    Predicting one class for everything gives 1 / classes, however unbalanced they are.
    """
    return float(np.mean([(predicted[labels == label] == label).mean() for label in np.unique(labels)]))


def _shares(parts: NDArray[Any], totals: NDArray[Any]) -> tuple[float | None, ...]:
    return tuple(float(part / total) if total else None for part, total in zip(parts, totals, strict=True))


def wilson(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share by Wilson 1927, which is valid for few pictures and shares near 0 and 1."""
    z = 1.959963984540054
    share, weight = right / count, z * z / count
    middle = (share + weight / 2) / (1 + weight)
    half = z * math.sqrt(share * (1 - share) / count + weight / (4 * count)) / (1 + weight)
    return max(0.0, middle - half), min(1.0, middle + half)


def reliability(
    probabilities: FloatArray, labels: NDArray[np.integer[Any]], *, bins: int = CONFIDENCE_BINS
) -> tuple[Bin, ...]:
    """Compare confidence with accuracy in bins of equal width; empty bins are left out.

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
    """Return the mean difference of confidence and accuracy over the bins, weighted by their counts (ECE)."""
    return sum(row.count * abs(row.confidence - row.accuracy) for row in table) / sum(row.count for row in table)


def fit_temperature(logits: FloatArray, labels: NDArray[np.intp]) -> float:
    """Find the temperature with the least log loss.

    Args:
        logits: (N, classes) of pictures outside the training set.
        labels: (N,) the true classes.

    Returns:
        The temperature, 0.05..20. Half a wrong picture is added to the loss, so that the model never claims certainty
        even if every picture is right.

    Source: Guo et al. 2017, section 4.2.
    """
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        shares = softmax(logits, temperature=math.exp(log_temperature)).astype(np.float64)
        measured = -np.log(np.maximum(shares[rows, labels], 1e-12)).sum()
        # Half a picture that is wrong, with the median confidence.
        added = -0.5 * math.log(max(1 - float(np.median(shares.max(axis=1))), 1e-12))
        return float(measured + added)

    best = minimize_scalar(loss, bounds=(-_LARGEST_LOG, _LARGEST_LOG), method="bounded")
    return float(math.exp(best.x))

"""The plainest candidate: scikit-learn's logistic regression and gradient boosting on colour statistics."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.features import ArrayFeatures, ColorFeatures
from tinct.color.spaces import FloatArray
from tinct.errors import SettingError

LOGISTIC, BOOSTING = "logistic", "boosting"
HEADS = (LOGISTIC, BOOSTING)
# Inverse strength of the ridge of the logistic regression, on standardised features.
STRENGTH = 0.3


@dataclass(frozen=True)
class LinearHead:
    """A logistic regression: logits = features @ weights + bias; standardising is folded into both.

    Attributes:
        weights: (features, classes).
        bias: (classes,).
    """

    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def logits(self, features: FloatArray) -> FloatArray:
        """Compute (N, classes) for (N, features)."""
        logits: FloatArray = (features.astype(np.float64) @ self.weights + self.bias).astype(np.float32)
        return logits


@dataclass(frozen=True)
class TreesHead:
    """Gradient-boosted trees, as scikit-learn's own model."""

    model: Any

    def logits(self, features: FloatArray) -> FloatArray:
        """Compute (N, classes) for (N, features)."""
        logits = np.asarray(self.model.decision_function(features))
        if logits.ndim == 1:  # of two classes, scikit-learn gives the second's alone
            logits = np.stack([np.zeros_like(logits), logits], axis=1)
        return logits.astype(np.float32)


Head = LinearHead | TreesHead


def class_weights(labels: NDArray[np.intp], classes: int) -> NDArray[np.float32]:
    """Compute the weights (classes,) by which all classes count alike: 1 on average over the pictures.

    A class without pictures weighs 0.
    """
    counts = np.bincount(labels, minlength=classes)
    present = int((counts > 0).sum())
    weights = np.where(counts > 0, len(labels) / (present * np.maximum(counts, 1)), 0.0)
    return weights.astype(np.float32)


def measure_all(
    pixels: NDArray[Any],
    features: ColorFeatures | ArrayFeatures,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> FloatArray:
    """Measure every picture: (N, H, W, C) to (N, features) float32."""
    rows = []
    for index, picture in enumerate(pixels):
        rows.append(features.measure(picture))
        if progress:
            progress(index + 1, len(pixels))
    return np.stack(rows)


def fit_head(name: str, features: FloatArray, labels: NDArray[np.intp], *, classes: int, seed: int = 0) -> Head:
    """Fit a classifier to features; all classes count alike.

    Args:
        name: `logistic` or `boosting`.
        features: (N, features).
        labels: (N,) each class having at least one.
        classes: how many there are.
        seed: of the features that each split of a tree may choose from.

    Raises:
        SettingError: no such head.
    """
    if name not in HEADS:
        raise SettingError(f"no classifier '{name}' on statistics; there are {', '.join(HEADS)}")
    weights = class_weights(labels, classes)[labels]
    fit = _fit_logistic if name == LOGISTIC else _fit_boosting
    return fit(features.astype(np.float64), labels, weights, classes, seed)


def _fit_logistic(
    features: NDArray[np.float64], labels: NDArray[np.intp], weights: FloatArray, classes: int, seed: int
) -> LinearHead:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1)
    model = LogisticRegression(C=STRENGTH, max_iter=2000, random_state=seed)
    with warnings.catch_warnings():
        # Where classes can be told apart without error the weights grow for ever; where they stop does not matter.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit((features - mean) / spread, labels, sample_weight=weights)
    slopes, bias = np.asarray(model.coef_, dtype=np.float64), np.asarray(model.intercept_, dtype=np.float64)
    if len(slopes) == 1:  # of two classes, scikit-learn keeps the second's alone
        slopes, bias = np.concatenate([np.zeros_like(slopes), slopes]), np.concatenate([[0.0], bias])
    # A class without pictures gets a logit that never wins.
    every, every_bias = np.zeros((classes, slopes.shape[1])), np.full(classes, -1e4)
    every[model.classes_], every_bias[model.classes_] = slopes / spread, bias
    return LinearHead(every.T, every_bias - every @ mean)


def _fit_boosting(
    features: NDArray[np.float64], labels: NDArray[np.intp], weights: FloatArray, classes: int, seed: int
) -> TreesHead:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=120,
        learning_rate=0.1,
        max_leaf_nodes=15,
        min_samples_leaf=max(1, min(20, len(labels) // (8 * classes))),
        max_features=0.3,
        early_stopping=False,
        random_state=seed,
    )
    model.fit(features, labels, sample_weight=weights)
    if len(model.classes_) != classes:
        raise SettingError("gradient boosting needs pictures of every class to train on")
    return TreesHead(model)

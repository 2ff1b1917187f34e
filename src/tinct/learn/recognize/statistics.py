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
from tinct.learn.recognize.class_weights import class_weights

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
        """Give (N, classes) float32 for (N, features)."""
        found: FloatArray = (features.astype(np.float64) @ self.weights + self.bias).astype(np.float32)
        return found


@dataclass(frozen=True)
class Tree:
    """A regression tree as parallel arrays over its nodes, the root first.

    Attributes:
        feature: which feature a node asks for.
        threshold: it goes left where the feature is at most this.
        left: index of the left child.
        right: index of the right child.
        value: of a leaf.
        leaf: whether the node is one.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: NDArray[np.float32]
    leaf: NDArray[np.bool_]


@dataclass(frozen=True)
class TreesHead:
    """Gradient-boosted trees.

    Attributes:
        trees: each with the class whose logit it adds to.
        baseline: (classes,) what the logits begin with.
        model: scikit-learn's own, to be compared with.
    """

    trees: tuple[tuple[int, Tree], ...]
    baseline: NDArray[np.float64]
    model: Any

    def logits(self, features: FloatArray) -> FloatArray:
        """Give (N, classes) float32 for (N, features), by scikit-learn itself."""
        raw = np.asarray(self.model.decision_function(features))
        if raw.ndim == 1:  # of two classes, scikit-learn gives the second's alone
            raw = np.stack([np.zeros_like(raw), raw], axis=1)
        return raw.astype(np.float32)


Head = LinearHead | TreesHead


def measure_all(
    pixels: NDArray[Any],
    features: ColorFeatures | ArrayFeatures,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> FloatArray:
    """Measure every picture: (N, H, W, C) to (N, features) float32."""
    rows = []
    for index, each in enumerate(pixels):
        rows.append(features.measure(each))
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
        seed: of the boosting's own validation.

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
        # Where classes can be told apart without error the weights grow slowly for ever; where they stop is no matter.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit((features - mean) / spread, labels, sample_weight=weights)
    slopes, bias = _all_classes(model, classes)
    slopes = slopes / spread
    return LinearHead(slopes.T, bias - slopes @ mean)


def _all_classes(model: Any, classes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give one row of weights and one bias a class; a class that was not trained on gets a logit that never wins."""
    slopes, bias = np.asarray(model.coef_, dtype=np.float64), np.asarray(model.intercept_, dtype=np.float64)
    if len(slopes) == 1:  # two classes: scikit-learn keeps the second's alone
        slopes, bias = np.concatenate([np.zeros_like(slopes), slopes]), np.concatenate([[0.0], bias])
    full, full_bias = np.zeros((classes, slopes.shape[1])), np.full(classes, -1e4)
    full[model.classes_], full_bias[model.classes_] = slopes, bias
    return full, full_bias


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
    baseline = np.asarray(model._baseline_prediction, dtype=np.float64).ravel()
    if len(model.classes_) != classes:
        raise SettingError("gradient boosting needs pictures of every class to train on")
    if classes == 2:
        baseline = np.array([0.0, baseline[0]])
    trees = tuple(
        (1 if classes == 2 else place, _tree(predictor.nodes))
        for step in model._predictors
        for place, predictor in enumerate(step)
    )
    return TreesHead(trees, baseline, model)


def _tree(nodes: Any) -> Tree:
    """Copy a tree out of scikit-learn's node table.

    Features are float32, so that a threshold rounded down to float32 sends each of them the same way.
    """
    thresholds = nodes["num_threshold"].astype(np.float64)
    rounded = thresholds.astype(np.float32)
    down = np.where(rounded.astype(np.float64) > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    return Tree(
        nodes["feature_idx"].astype(np.int64),
        down.astype(np.float32),
        nodes["left"].astype(np.int64),
        nodes["right"].astype(np.int64),
        nodes["value"].astype(np.float32),
        nodes["is_leaf"].astype(bool),
    )

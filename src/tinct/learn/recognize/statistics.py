"""The plainest candidates: scikit-learn's logistic regression, forest and gradient boosting on colour statistics."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.decoding import softmax
from tinct.color.features import ArrayFeatures, ColorFeatures
from tinct.color.spaces import FloatArray
from tinct.errors import SettingError
from tinct.parallel import core_count, ordered_map

LOGISTIC, FOREST, JOINED, BOOSTING = "logistic", "forest", "joined", "boosting"
# In the order in which they are tried: what answers soonest comes first.
HEADS = (LOGISTIC, FOREST, JOINED, BOOSTING)
# What the joined head averages.
PARTS = (LOGISTIC, FOREST)
# Inverse strength of the ridge of the logistic regression, on standardised features: what folds choose from, and what
# is taken where they do not.
STRENGTHS = (0.003, 0.03, 0.3)
STRENGTH = 0.3
TREES = 300  # of a forest
ROUNDS, ROUNDS_AT_ONCE = 120, 20  # of boosting; the clock is looked at between
# The largest forest that is worth its file: leaves hold at least one of this many of the pictures.
MOST_LEAVES = 1000
SURENESS = 1e-3  # a forest's share of a class is never below this, since its logarithm is the logit
# Fewer numbers than this are fitted faster by one thread than by several.
MANY_NUMBERS = 2_000_000


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


@dataclass(frozen=True)
class ForestHead:
    """A forest, as scikit-learn's own model; logits are logarithms of the shares of its trees."""

    model: Any

    def logits(self, features: FloatArray) -> FloatArray:
        """Compute (N, classes) for (N, features)."""
        return logarithm(np.asarray(self.model.predict_proba(features)))


@dataclass(frozen=True)
class JoinedHead:
    """Several classifiers whose probabilities are averaged; logits are the logarithm of that."""

    parts: tuple[LinearHead | ForestHead, ...]

    def logits(self, features: FloatArray) -> FloatArray:
        """Compute (N, classes) for (N, features)."""
        return join_logits([part.logits(features) for part in self.parts])


Head = LinearHead | TreesHead | ForestHead | JoinedHead


def logarithm(shares: NDArray[Any]) -> FloatArray:
    """Return logits of shares (N, classes) in 0..1, mixed with a little of every class so that none is infinite."""
    mixed = SURENESS + (1 - SURENESS * shares.shape[1]) * shares
    logits: FloatArray = np.log(mixed).astype(np.float32)
    return logits


def join_logits(logits: list[FloatArray]) -> FloatArray:
    """Return the logarithm of the mean of several classifiers' probabilities: (N, classes) each and as a result."""
    return logarithm(np.mean([softmax(part) for part in logits], axis=0))


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
    for index, row in enumerate(ordered_map(features.measure, pixels)):
        rows.append(row)
        if progress:
            progress(index + 1, len(pixels))
    return np.stack(rows)


def fit_head(
    name: str,
    features: FloatArray,
    labels: NDArray[np.intp],
    *,
    classes: int,
    seed: int = 0,
    strength: float = STRENGTH,
    seconds: float | None = None,
) -> Head:
    """Fit a classifier to features; all classes count alike.

    Args:
        name: `logistic`, `forest`, `joined` (both) or `boosting`.
        features: (N, features).
        labels: (N,) each class having at least one.
        classes: how many there are.
        seed: of what trees leave to chance.
        strength: inverse strength of the ridge of a logistic regression.
        seconds: boosting stops after them; the others take what they need.

    Raises:
        SettingError: no such head; trees without pictures of every class; or boosting has come to nothing in its time.
    """
    if name not in HEADS:
        raise SettingError(f"no classifier '{name}' on statistics; there are {', '.join(HEADS)}")
    weights = class_weights(labels, classes)[labels]
    values = features.astype(np.float64)
    if name == LOGISTIC:
        return _fit_logistic(values, labels, weights, classes, strength)
    if len(np.unique(labels)) != classes:
        raise SettingError("trees need pictures of every class to train on")
    if name == BOOSTING:
        return _fit_boosting(values, labels, weights, classes, seed, seconds)
    forest = _fit_forest(features, labels, seed)
    return forest if name == FOREST else JoinedHead((_fit_logistic(values, labels, weights, classes, strength), forest))


def _fit_logistic(
    features: NDArray[np.float64], labels: NDArray[np.intp], weights: FloatArray, classes: int, strength: float
) -> LinearHead:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1)
    model = LogisticRegression(C=strength, max_iter=2000)
    with warnings.catch_warnings(), _threads_for(features):
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


def _fit_forest(features: FloatArray, labels: NDArray[np.intp], seed: int) -> ForestHead:
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(
        TREES,
        class_weight="balanced",
        min_samples_leaf=max(1, len(labels) // MOST_LEAVES),
        n_jobs=core_count(),
        random_state=seed,
    )
    return ForestHead(model.fit(features, labels))


def _threads_for(features: NDArray[Any]) -> Any:
    """Return a context in which few numbers are fitted by one thread: several would wait for each other."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(limits=1 if features.size < MANY_NUMBERS else None)


def _fit_boosting(
    features: NDArray[np.float64],
    labels: NDArray[np.intp],
    weights: FloatArray,
    classes: int,
    seed: int,
    seconds: float | None,
) -> TreesHead:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=ROUNDS_AT_ONCE,
        learning_rate=0.1,
        max_leaf_nodes=15,
        min_samples_leaf=max(1, min(20, len(labels) // (8 * classes))),
        max_features=0.3,
        early_stopping=False,
        warm_start=True,
        random_state=seed,
    )
    began = time.monotonic()
    with _threads_for(features):
        while model.fit(features, labels, sample_weight=weights).n_iter_ < ROUNDS:
            if seconds is not None and time.monotonic() - began >= seconds:
                raise SettingError(
                    f"only {model.n_iter_} of {ROUNDS} rounds fit into its share of the time; give more --time"
                )
            model.max_iter += ROUNDS_AT_ONCE
    return TreesHead(model)

"""Classifiers on colour statistics: scikit-learn's logistic regression, forests and gradient boosting."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.decoding import softmax
from tinct.color.features import ArrayFeatures, ColorFeatures
from tinct.color.spaces import FloatArray
from tinct.errors import SettingError
from tinct.parallel import core_count, ordered_map

LOGISTIC, FOREST, HISTOGRAM, JOINED, BOOSTING = "logistic", "forest", "histogram", "joined", "boosting"
HEADS = (LOGISTIC, FOREST, HISTOGRAM, JOINED, BOOSTING)  # in the order in which they are tried, the quickest first
PARTS = (LOGISTIC, FOREST, HISTOGRAM)  # the heads that the joined head averages
# Their shares in the average, from which cross-validation chooses; the first is the default.
SHARES = ((0.5, 0.5, 0.0), (0.5, 0.25, 0.25), (0.5, 0.0, 0.5))
# Inverse strengths of the logistic regression's ridge on standardised features, from which cross-validation chooses.
STRENGTHS = (0.003, 0.03, 0.3)
STRENGTH = 0.3  # the default of these
TIMED = 8  # pictures on which the time to measure all is estimated
TREES = 300  # of a forest
ROUNDS = 120  # of boosting
ROUNDS_AT_ONCE = 20  # rounds of boosting between two looks at the clock
MOST_LEAVES = 1000  # of a tree, about: leaves hold at least this fraction of the pictures, which limits the file's size
SURENESS = 1e-3  # lowest share of a class, since the logit is its logarithm
MANY_NUMBERS = 2_000_000  # fewer numbers are fitted faster by one thread than by several


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
        """Return logits (N, classes) for (N, features)."""
        return (features.astype(np.float64) @ self.weights + self.bias).astype(np.float32)


@dataclass(frozen=True)
class TreesHead:
    """Gradient-boosted trees: a model of scikit-learn on the first features, as many as it was fitted to."""

    model: Any

    def logits(self, features: FloatArray) -> FloatArray:
        """Return logits (N, classes) for (N, features)."""
        logits = np.asarray(self.model.decision_function(features[:, : self.model.n_features_in_]))
        if logits.ndim == 1:  # for two classes, scikit-learn has a logit for the second only
            logits = np.stack([np.zeros_like(logits), logits], axis=1)
        return logits.astype(np.float32)


@dataclass(frozen=True)
class ForestHead:
    """A forest; logits are logarithms of the mean class shares of its trees.

    Attributes:
        model: of scikit-learn.
        first: index of the first feature that it uses; it uses as many as it was fitted to.
    """

    model: Any
    first: int = 0

    def logits(self, features: FloatArray) -> FloatArray:
        """Return logits (N, classes) for (N, features)."""
        seen = features[:, self.first : self.first + self.model.n_features_in_]
        # scikit-learn's threads change the filters of warnings, and may leave them empty; this restores them.
        with warnings.catch_warnings():
            return logarithm(np.asarray(self.model.predict_proba(seen)))


@dataclass(frozen=True)
class JoinedHead:
    """Several classifiers whose probabilities are averaged; logits are the logarithm of the average.

    Attributes:
        parts: the classifiers.
        shares: weight of each in the average; they sum to 1.
    """

    parts: tuple[LinearHead | ForestHead, ...]
    shares: tuple[float, ...]

    def logits(self, features: FloatArray) -> FloatArray:
        """Return logits (N, classes) for (N, features)."""
        return join_logits([part.logits(features) for part in self.parts], self.shares)


Head = LinearHead | TreesHead | ForestHead | JoinedHead


def logarithm(shares: NDArray[Any]) -> FloatArray:
    """Return logits of shares (N, classes) in 0..1, mixed with a little of every class so that all are finite."""
    mixed = SURENESS + (1 - SURENESS * shares.shape[1]) * shares
    return np.log(mixed).astype(np.float32)


def join_logits(logits: Sequence[FloatArray], shares: Sequence[float]) -> FloatArray:
    """Return (N, classes) the logarithm of the weighted mean of classifiers' probabilities, from their logits."""
    return logarithm(np.sum([share * softmax(part) for part, share in zip(logits, shares, strict=True)], axis=0))


def class_weights(labels: NDArray[np.intp], classes: int) -> NDArray[np.float32]:
    """Return the weights (classes,) that make all classes count equally; their mean over the pictures is 1.

    A class without pictures has the weight 0.
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
    """Return the statistics (N, features) float32 of pictures (N, H, W, C)."""
    rows = []
    for index, row in enumerate(ordered_map(features.measure, pixels)):
        rows.append(row)
        if progress:
            progress(index + 1, len(pixels))
    return np.stack(rows)


def seconds_to_measure(pixels: NDArray[Any], features: ColorFeatures | ArrayFeatures) -> float:
    """Estimate how long `measure_all` takes, from some of the pictures."""
    began = time.monotonic()
    timed = measure_all(pixels[:TIMED], features)
    return (time.monotonic() - began) / len(timed) * len(pixels)


def fit_head(
    name: str,
    features: FloatArray,
    labels: NDArray[np.intp],
    *,
    classes: int,
    seed: int = 0,
    strength: float = STRENGTH,
    cells: int = 0,
    shares: Sequence[float] = SHARES[0],
    seconds: float | None = None,
) -> Head:
    """Fit a classifier to features; all classes count equally.

    Args:
        name: `logistic`, `forest` or `boosting`, on all features except the cells of the histogram; `histogram`, a
            forest on these cells only, which are lost among the other features if pictures are few; or `joined`, an
            average of several of these.
        features: (N, features).
        labels: (N,) classes; for trees, each class must occur.
        classes: number of classes.
        seed: of trees.
        strength: inverse strength of the logistic regression's ridge.
        cells: number of features at the end that are cells of a histogram.
        shares: weight of each of `PARTS` in the joined head; a part with weight 0 is left out.
        seconds: after which boosting stops; the others take the time that they need.

    Raises:
        SettingError: there is no such head; trees have no pictures of a class; there is no histogram; or the time is
            too short for boosting.
    """
    if name not in HEADS:
        raise SettingError(f"no classifier '{name}' on statistics; there are {', '.join(HEADS)}")
    weights = class_weights(labels, classes)[labels]
    values = features.astype(np.float64)
    others = features.shape[1] - cells
    if name == LOGISTIC:
        head = _fit_logistic(values[:, :others], labels, weights, classes, strength)
        return LinearHead(np.pad(head.weights, ((0, cells), (0, 0))), head.bias)
    if len(np.unique(labels)) != classes:
        raise SettingError("trees need pictures of every class to train on")
    if name == BOOSTING:
        return _fit_boosting(values[:, :others], labels, weights, classes, seed, seconds)
    if name == FOREST:
        return ForestHead(_fit_forest(features[:, :others], labels, seed))
    if name == HISTOGRAM:
        if not cells:
            raise SettingError("these statistics have no histogram")
        return ForestHead(_fit_forest(features[:, others:], labels, seed), others)
    parts = [part for part, share in zip(PARTS, shares, strict=True) if share]
    heads: list[Any] = [
        fit_head(part, features, labels, classes=classes, seed=seed, strength=strength, cells=cells) for part in parts
    ]
    return JoinedHead(tuple(heads), tuple(share for share in shares if share))


def _fit_logistic(
    features: NDArray[np.float64], labels: NDArray[np.intp], weights: FloatArray, classes: int, strength: float
) -> LinearHead:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean, spread = features.mean(axis=0), features.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1)
    model = LogisticRegression(C=strength, max_iter=2000)
    with warnings.catch_warnings(), _threads_for(features):
        # If classes can be told apart without error, the weights would grow forever; where they stop does not matter.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit((features - mean) / spread, labels, sample_weight=weights)
    slopes, bias = np.asarray(model.coef_, dtype=np.float64), np.asarray(model.intercept_, dtype=np.float64)
    if len(slopes) == 1:  # for two classes, scikit-learn has a logit for the second only
        slopes, bias = np.concatenate([np.zeros_like(slopes), slopes]), np.concatenate([[0.0], bias])
    # A class without pictures gets a logit that never wins.
    every, every_bias = np.zeros((classes, slopes.shape[1])), np.full(classes, -1e4)
    every[model.classes_], every_bias[model.classes_] = slopes / spread, bias
    return LinearHead(every.T, every_bias - every @ mean)


def _fit_forest(features: FloatArray, labels: NDArray[np.intp], seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    model = RandomForestClassifier(
        TREES,
        class_weight="balanced",
        min_samples_leaf=max(1, len(labels) // MOST_LEAVES),
        n_jobs=core_count(),
        random_state=seed,
    )
    with warnings.catch_warnings():  # as in `ForestHead.logits`
        return model.fit(features, labels)


def _threads_for(features: NDArray[Any]) -> Any:
    """Return a context that fits few numbers with one thread, since several would wait for each other."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    return threadpool_limits(limits=1 if features.size < MANY_NUMBERS else core_count())


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
            spent = time.monotonic() - began
            # Give up early if the first rounds show that even twice the time would not be enough.
            if seconds is not None and (spent >= seconds or spent / model.n_iter_ * ROUNDS > 2 * seconds):
                raise SettingError(
                    f"only {model.n_iter_} of {ROUNDS} rounds fitted into its share of the time; give more --time"
                )
            model.max_iter += ROUNDS_AT_ONCE
    return TreesHead(model)

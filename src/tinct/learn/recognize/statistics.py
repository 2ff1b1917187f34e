"""The plainest candidates: scikit-learn's logistic regression, forests and gradient boosting on colour statistics."""

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
# In the order in which they are tried: what answers soonest comes first.
HEADS = (LOGISTIC, FOREST, HISTOGRAM, JOINED, BOOSTING)
# What the joined head averages, and their shares in it: what folds choose from, the first where they do not.
PARTS = (LOGISTIC, FOREST, HISTOGRAM)
SHARES = ((0.5, 0.5, 0.0), (0.5, 0.25, 0.25), (0.5, 0.0, 0.5))
# Inverse strength of the ridge of the logistic regression, on standardised features: what folds choose from, and what
# is taken where they do not.
STRENGTHS = (0.003, 0.03, 0.3)
STRENGTH = 0.3
TIMED = 8  # pictures by which the time to measure all is estimated
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
    """Gradient-boosted trees, as scikit-learn's own model, which sees as many of the first features as it was given."""

    model: Any

    def logits(self, features: FloatArray) -> FloatArray:
        """Compute (N, classes) for (N, features)."""
        logits = np.asarray(self.model.decision_function(features[:, : self.model.n_features_in_]))
        if logits.ndim == 1:  # of two classes, scikit-learn gives the second's alone
            logits = np.stack([np.zeros_like(logits), logits], axis=1)
        return logits.astype(np.float32)


@dataclass(frozen=True)
class ForestHead:
    """A forest; logits are logarithms of the shares of its trees.

    Attributes:
        model: scikit-learn's own.
        first: of the features that it sees; it sees as many as it was given.
    """

    model: Any
    first: int = 0

    def logits(self, features: FloatArray) -> FloatArray:
        """Compute (N, classes) for (N, features)."""
        seen = features[:, self.first : self.first + self.model.n_features_in_]
        # scikit-learn's threads change the filters of warnings, and may leave them empty: this puts them back.
        with warnings.catch_warnings():
            return logarithm(np.asarray(self.model.predict_proba(seen)))


@dataclass(frozen=True)
class JoinedHead:
    """Several classifiers whose probabilities are averaged; logits are the logarithm of that.

    Attributes:
        parts: the classifiers.
        shares: of each in the average; they add up to 1.
    """

    parts: tuple[LinearHead | ForestHead, ...]
    shares: tuple[float, ...]

    def logits(self, features: FloatArray) -> FloatArray:
        """Compute (N, classes) for (N, features)."""
        return join_logits([part.logits(features) for part in self.parts], self.shares)


Head = LinearHead | TreesHead | ForestHead | JoinedHead


def logarithm(shares: NDArray[Any]) -> FloatArray:
    """Return logits of shares (N, classes) in 0..1, mixed with a little of every class so that none is infinite."""
    mixed = SURENESS + (1 - SURENESS * shares.shape[1]) * shares
    logits: FloatArray = np.log(mixed).astype(np.float32)
    return logits


def join_logits(logits: Sequence[FloatArray], shares: Sequence[float]) -> FloatArray:
    """Return the logarithm of the weighted mean of classifiers' probabilities, (N, classes) like each of them."""
    return logarithm(np.sum([share * softmax(part) for part, share in zip(logits, shares, strict=True)], axis=0))


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


def seconds_to_measure(pixels: NDArray[Any], features: ColorFeatures | ArrayFeatures) -> float:
    """Estimate how long `measure_all` takes, by some of the pictures."""
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
    """Fit a classifier to features; all classes count alike.

    Args:
        name: `logistic` or `forest`, on all but the cells of a histogram; `histogram`, a forest on these alone, which
            of few pictures are lost among the other features; `joined`, several of them; or `boosting`, on what a
            forest sees.
        features: (N, features).
        labels: (N,) each class having at least one.
        classes: how many there are.
        seed: of what trees leave to chance.
        strength: inverse strength of the ridge of a logistic regression.
        cells: how many features at the end are the cells of a histogram.
        shares: of each of `PARTS` in what is joined; one of 0 is left out.
        seconds: boosting stops after them; the others take what they need.

    Raises:
        SettingError: no such head; trees without pictures of every class; no cells to look at; or boosting has come to
            nothing in its time.
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
            raise SettingError("these statistics hold no histogram to look at alone")
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
    """Return a context in which few numbers are fitted by one thread, since several would wait for each other."""
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
            # It is given up early where its first rounds show that twice its time would not do.
            if seconds is not None and (spent >= seconds or spent / model.n_iter_ * ROUNDS > 2 * seconds):
                raise SettingError(
                    f"only {model.n_iter_} of {ROUNDS} rounds fit into its share of the time; give more --time"
                )
            model.max_iter += ROUNDS_AT_ONCE
    return TreesHead(model)

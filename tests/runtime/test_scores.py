"""Accuracy, intervals and calibration against scikit-learn and statistics' textbooks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, log_loss, precision_score, recall_score

from tinct.color.decoding import softmax
from tinct.runtime.scores import balanced, fit_temperature, reliability, score, wilson


@pytest.fixture(scope="module")
def predictions():
    random = np.random.default_rng(0)
    labels = random.choice(3, 400, p=[0.6, 0.3, 0.1])
    logits = random.normal(size=(400, 3)) + 1.5 * np.eye(3)[labels]
    return logits.astype(np.float32), labels


def test_scores_are_scikit_learns(predictions):
    logits, labels = predictions
    shares = softmax(logits)
    found, named = score(shares, labels, ("a", "b", "c")), shares.argmax(axis=1)
    assert np.array_equal(found.confusion, confusion_matrix(labels, named))
    assert found.balanced == pytest.approx(balanced_accuracy_score(labels, named))
    assert found.precision == pytest.approx(precision_score(labels, named, average=None))
    assert found.recall == pytest.approx(recall_score(labels, named, average=None))
    assert found.log_loss == pytest.approx(log_loss(labels, shares), rel=1e-4)
    interval = binomtest(int(np.trace(found.confusion)), 400).proportion_ci(method="wilson")
    assert found.interval == pytest.approx((interval.low, interval.high))
    assert found.to_json()["count"] == 400


def test_classes_that_are_absent_or_never_named_have_no_share():
    found = score(np.array([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0]], np.float32), np.array([0, 1]), ("a", "b", "c"))
    assert found.recall == (1, 0, None)
    assert found.precision == (0.5, None, None)
    assert found.balanced == 0.5
    assert wilson(0, 3)[0] == pytest.approx(0)
    assert wilson(3, 3)[1] == pytest.approx(1)


def test_temperature_undoes_what_was_made_too_sure(predictions):
    random = np.random.default_rng(1)
    logits = random.normal(size=(20000, 3)) * 2
    labels = np.array([random.choice(3, p=row) for row in softmax(logits)])
    for factor in (0.5, 1, 4):
        assert fit_temperature((logits * factor).astype(np.float32), labels) == pytest.approx(factor, rel=0.06)
    sure = score(softmax(logits * 4), labels, ("a", "b", "c"))
    calibrated = score(softmax(logits * 4, temperature=4), labels, ("a", "b", "c"))
    assert calibrated.calibration_error < 0.02 < 0.1 < sure.calibration_error


def test_no_mistakes_give_no_certainty():
    logits = np.array([[3.0, -3.0], [-3.0, 3.0]] * 50, np.float32)
    labels = np.array([0, 1] * 50)
    confidence = softmax(logits, temperature=fit_temperature(logits, labels)).max(axis=1).mean()
    assert 0.99 < confidence < 0.999


def test_reliability_counts_every_picture_once(predictions):
    logits, labels = predictions
    bins = reliability(softmax(logits), labels)
    assert sum(each.count for each in bins) == 400
    assert all(each.low - 1e-6 <= each.confidence <= each.high + 1e-6 for each in bins)


def test_naming_the_commonest_class_for_everything_is_worth_no_more_than_chance():
    truth = np.array([0] * 90 + [1] * 10)
    assert balanced(np.zeros(100, dtype=np.intp), truth) == 0.5
    assert balanced(truth, truth) == 1.0
    assert balanced(np.array([2, 1]), np.array([1, 1])) == 0.5

"""Folds of labelled pictures, and weights of their classes."""

from __future__ import annotations

import numpy as np
import pytest

from tinct.errors import DataError, SettingError
from tinct.learn.recognize.folds import leaks, stratified_folds
from tinct.learn.recognize.heads import class_weights


def test_rare_classes_weigh_more():
    weights = class_weights(np.array([0, 0, 0, 1]), 3)
    assert weights.tolist() == pytest.approx([4 / 6, 2, 0])


def test_folds_measure_each_picture_once_keep_copies_together_and_classes_in_proportion():
    labels = np.array([0] * 60 + [1] * 20)
    groups = np.arange(80)
    groups[10:14] = 10
    folds = stratified_folds(labels, groups, folds=4, seed=1)
    assert sorted(np.concatenate([fold.val for fold in folds])) == list(range(80))
    for fold in folds:
        assert leaks(groups, fold.train, fold.val) == 0
        assert 0.15 < labels[fold.val].mean() < 0.35
    assert leaks(groups, np.arange(12), np.arange(12, 80)) == 2
    assert len(stratified_folds(np.array([0, 0, 1, 1, 1]), np.arange(5), folds=5)) == 2


def test_a_class_of_one_picture_is_refused():
    with pytest.raises(DataError, match="only one picture"):
        stratified_folds(np.array([0, 0, 1]), np.arange(3))
    with pytest.raises(DataError, match="only copies"):
        stratified_folds(np.array([0, 0, 1, 1]), np.array([0, 1, 2, 2]))
    with pytest.raises(SettingError, match="at least 2 folds"):
        stratified_folds(np.array([0, 0, 1, 1]), np.arange(4), folds=1)

"""Tests without any network: labels against shuffled ones."""

from __future__ import annotations

import numpy as np
import pytest

from tinct.learn.doctor.plain import (
    FeatureSet,
    best_accuracies,
    chance_p,
    check_labels,
    feature_sets,
    learning_curve,
    leave_one_out,
    paired_p,
    space_sets,
)


def blobs(count=120, apart=2.0, seed=0, classes=2):
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    values = random.normal(size=(count, 6))
    values[:, 0] += apart * labels
    return values.astype(np.float32), labels


def test_leave_one_out_is_what_fitting_without_each_picture_gives():
    from sklearn.linear_model import Ridge

    values, labels = blobs(40)
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    # The closed form scales once with all pictures, and so does this; its ridge is in units of the features' number.
    expected = []
    for index in range(len(labels)):
        others = np.arange(len(labels)) != index
        model = Ridge(alpha=0.1 * values.shape[1]).fit(scaled[others], labels[others])
        expected.append(model.predict(scaled[index : index + 1])[0])
    named = leave_one_out(values, labels[:, None], classes=2)[1, :, 0]
    assert (named == (np.array(expected) > 0.5)).mean() >= 0.95


def test_shuffled_labels_are_not_told_apart_and_true_ones_are():
    values, labels = blobs()
    found = check_labels([FeatureSet("colors", 1, values)], labels, classes=2)
    assert found.p < 0.01
    assert found.best > found.detectable
    # Under shuffled labels p is spread evenly: small ones come seldom.
    random = np.random.default_rng(1)
    ps = [
        check_labels([FeatureSet("colors", 1, values)], random.permutation(labels), classes=2, seed=seed).p
        for seed in range(40)
    ]
    assert np.mean(np.array(ps) < 0.1) < 0.3
    assert 0.3 < np.mean(ps) < 0.7


def test_many_useless_sets_do_not_make_chance_significant():
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    sets = [FeatureSet(str(index), 1, random.normal(size=(60, 8)).astype(np.float32)) for index in range(12)]
    found = check_labels(sets, labels, classes=3)
    assert min(found.values) < 0.2  # one of twelve looks good by itself
    assert found.p > 0.02


def test_rare_classes_count_as_much_as_common_ones():
    values, labels = blobs(200, apart=3)
    kept = np.flatnonzero((labels == 0) | (np.arange(200) < 24))
    found = check_labels([FeatureSet("colors", 1, values[kept])], labels[kept], classes=2)
    assert found.best > 0.8
    columns = labels[kept][:, None]
    constant = leave_one_out(np.ones((len(kept), 3), dtype=np.float32), columns, classes=2)
    assert best_accuracies(constant, columns, classes=2)[0] <= 0.5


def test_more_pictures_help_where_there_are_few():
    values, labels = blobs(400, apart=1.5)
    noisy = np.concatenate([values, np.random.default_rng(0).normal(size=(400, 150)).astype(np.float32)], axis=1)
    points = learning_curve(noisy, labels, classes=2)
    assert [point.count for point in points] == [100, 200, 400]
    assert points[-1].accuracy > points[0].accuracy


def test_paired_and_chance_tests():
    right = np.array([True] * 60 + [False] * 40)
    assert paired_p(right, right) == 1
    assert paired_p(right, ~right) > 0.01
    assert paired_p(np.ones(100, dtype=bool), right) < 1e-9
    assert chance_p(right, 0.5) == pytest.approx(0.0284, abs=1e-3)


def test_kernels_of_each_extent_see_shapes_of_that_size_and_no_plain_color():
    random = np.random.default_rng(0)
    labels = np.arange(60) % 2
    plain = np.clip(random.uniform(40, 200, (60, 1, 1, 1)) + random.normal(0, 3, (60, 40, 40, 3)), 0, 255)
    sets = {each.name: each for each in feature_sets(plain.astype(np.uint8))}
    assert list(sets) == ["colors", "shapes of 3 pixels", "shapes of 9 pixels", "shapes of 25 pixels", "layout"]
    assert [each.extent for each in sets.values()] == [1, 3, 9, 25, 0]
    assert {each.name for each in space_sets(plain[:4].astype(np.uint8))} == {"rgb", "hsv", "hsl", "lab", "yuv", "xyz"}
    stripes = 20 * np.sin(2 * np.pi * np.arange(40) / 2.0)[None, None, :, None] * labels[:, None, None, None]
    found = check_labels(feature_sets(np.clip(plain + stripes, 0, 255).astype(np.uint8)), labels, classes=2)
    assert found.p < 0.05 or found.best < 0.7  # a period of two pixels sampled at its zeros is no stripe

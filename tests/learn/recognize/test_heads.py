"""scikit-learn on colour statistics, and its way into a model file."""

from __future__ import annotations

import json
import warnings
from functools import partial

import numpy as np
import onnx
import onnxruntime
import pytest

from tinct.color.decoding import softmax
from tinct.color.features import ArrayFeatures
from tinct.errors import ModelError, OutputError, SettingError
from tinct.learn.recognize.export import write_classifier
from tinct.learn.recognize.graphs import head_graph
from tinct.learn.recognize.heads import HEADS, PARTS, fit_head, measure_all
from tinct.runtime.classifier import ClassifierCard, ClassifierSession

CLASSES = {2: ["a", "b"], 4: ["a", "b", "c", "d"]}


@pytest.fixture(params=[2, 4])
def task(request):
    """Arrays whose mean, of large offset, decides the class; very unbalanced."""
    classes = request.param
    random = np.random.default_rng(classes)
    labels = np.concatenate(
        [np.arange(classes), random.choice(classes, 200, p=np.arange(classes, 0, -1) / (classes * (classes + 1) / 2))]
    )
    arrays = 1000 + labels[:, None, None, None] + random.normal(0, 1, (len(labels), 8, 6, 1))
    arrays = arrays.astype(np.float32)
    options = ArrayFeatures(bands=4)
    return classes, arrays, labels.astype(np.intp), options


def card_for(classes, options, **values):
    return ClassifierCard(
        name="t",
        network="color_statistics",
        classes=CLASSES[classes],
        kind="array",
        size=[8, 6],
        color_space="",
        mean=[],
        std=[],
        features=options.to_card(),
        temperature=2.0,
        **values,
    )


@pytest.mark.parametrize("name", [name for name in HEADS if name != "histogram"])
def test_what_was_fitted_says_the_same_from_its_file(task, name, tmp_path):
    classes, arrays, labels, options = task
    features = measure_all(arrays, options)
    head = fit_head(name, features, labels, classes=classes)
    logits = head.logits(features)
    assert (logits.argmax(axis=1) == labels).mean() > 0.97
    card = card_for(classes, options)
    write_classifier(head, card, tmp_path / "m.onnx", trial=arrays, expected=logits)
    session = ClassifierSession(tmp_path / "m.onnx")
    assert session.card == card
    assert np.abs(session.logits(arrays) - logits).max() <= 1e-5 * max(1, np.abs(logits).max())
    assert np.allclose(session.probabilities(arrays), softmax(logits, temperature=2), atol=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.onnx"]


def test_logits_are_scikit_learns_own_decision(task):
    from sklearn.linear_model import LogisticRegression

    from tinct.learn.recognize.heads import STRENGTH, class_weights

    classes, arrays, labels, options = task
    features = measure_all(arrays, options).astype(np.float64)
    plain = (features - features.mean(axis=0)) / features.std(axis=0)
    for strength in (STRENGTH, 0.01):
        model = LogisticRegression(C=strength, max_iter=2000)
        model.fit(plain, labels, sample_weight=class_weights(labels, classes)[labels])
        head = fit_head("logistic", features.astype(np.float32), labels, classes=classes, strength=strength)
        assert np.abs(softmax(head.logits(features)) - model.predict_proba(plain)).max() < 1e-3


def test_a_joined_head_averages_the_probabilities_of_logistic_regression_and_forest(task):
    classes, arrays, labels, options = task
    features = measure_all(arrays, options)
    parts = [fit_head(name, features, labels, classes=classes) for name in ("logistic", "forest")]
    trees = parts[1].model.predict_proba(features)
    assert np.abs(softmax(parts[1].logits(features)) - trees).max() < 0.005
    mean = (softmax(parts[0].logits(features)) + trees) / 2
    joined = softmax(fit_head("joined", features, labels, classes=classes).logits(features))
    assert np.abs(joined - mean).max() < 0.01


def test_a_histogram_is_seen_alone_and_joined_by_shares_and_the_file_says_the_same(task):
    classes, arrays, labels, options = task
    cells = measure_all(arrays, options)
    count = cells.shape[1]
    # Where only the last features tell classes apart, what sees the others alone cannot.
    noise = np.random.default_rng(0).normal(size=(2, *cells.shape)).astype(np.float32)
    seen, others = (np.concatenate([part, cells], axis=1) for part in noise)
    fit = partial(fit_head, features=seen, labels=labels, classes=classes, cells=count)
    parts = [fit(name) for name in PARTS]
    right = [(part.logits(others).argmax(axis=1) == labels).mean() for part in parts]
    assert right[0] < 0.7
    assert right[1] < 0.7
    assert right[2] > 0.97
    joined = fit("joined", shares=(0.5, 0.0, 0.5))
    mean = (softmax(parts[0].logits(others)) + softmax(parts[2].logits(others))) / 2
    assert np.abs(softmax(joined.logits(others)) - mean).max() < 0.005
    weighted = fit("joined", shares=(0.6, 0.3, 0.1))
    mean = sum(share * softmax(part.logits(others)) for share, part in zip((0.6, 0.3, 0.1), parts, strict=True))
    assert np.abs(softmax(weighted.logits(others)) - mean).max() < 0.005
    session = onnxruntime.InferenceSession(head_graph(weighted).SerializeToString())
    assert np.abs(session.run(None, {"features": others})[0] - weighted.logits(others)).max() < 1e-4
    with pytest.raises(SettingError, match="have no histogram"):
        fit_head("histogram", seen, labels, classes=classes)


def test_a_forest_leaves_the_filters_of_warnings_as_they_were(task):
    classes, arrays, labels, options = task
    features = measure_all(arrays, options)
    before = list(warnings.filters)
    for _ in range(5):
        fit_head("forest", features, labels, classes=classes).logits(features)
        assert list(warnings.filters) == before


def test_boosting_stops_when_its_time_is_over(task):
    classes, arrays, labels, options = task
    with pytest.raises(SettingError, match="only 20 of 120 rounds"):
        fit_head("boosting", measure_all(arrays, options), labels, classes=classes, seconds=0)


def test_scikit_learn_keeps_its_trees_under_the_names_that_the_model_file_is_made_from(task):
    classes, arrays, labels, options = task
    model = fit_head("boosting", measure_all(arrays, options), labels, classes=classes).model
    outputs = 1 if classes == 2 else classes
    assert np.size(model._baseline_prediction) == outputs
    assert {len(step) for step in model._predictors} == {outputs}
    names = {"is_leaf", "feature_idx", "num_threshold", "left", "right", "value", "is_categorical"}
    nodes = model._predictors[0][0].nodes
    assert names <= set(nodes.dtype.names)
    assert not nodes["is_categorical"].any()


def test_a_file_that_says_something_else_is_not_kept(task, tmp_path):
    classes, arrays, labels, options = task
    features = measure_all(arrays, options)
    head = fit_head("logistic", features, labels, classes=classes)
    card = card_for(classes, options)
    with pytest.raises(ModelError, match="differ"):
        write_classifier(head, card, tmp_path / "m.onnx", trial=arrays, expected=head.logits(features) + 1)
    assert not list(tmp_path.iterdir())
    (tmp_path / "m.onnx").write_bytes(b"mine")
    for path, kind, word in (
        (tmp_path / "m.onnx", OutputError, "already exists"),
        (tmp_path / "m.pt", SettingError, "ends in .onnx"),
        (tmp_path / "x" / "m.onnx", OutputError, "folder"),
    ):
        with pytest.raises(kind, match=word):
            write_classifier(head, card, path, trial=arrays, expected=head.logits(features))
    assert (tmp_path / "m.onnx").read_bytes() == b"mine"
    with pytest.raises(SettingError, match="logistic, forest"):
        fit_head("neighbours", features, labels, classes=classes)


def test_damaged_and_foreign_files_are_one_line(task, tmp_path, tiny_model):
    classes, arrays, labels, options = task
    features = measure_all(arrays, options)
    head = fit_head("logistic", features, labels, classes=classes)
    for values, word in (
        ({"task": "bins"}, "for colorizing"),
        ({"format": 99}, "newer tinct"),
        ({"temperature": 0}, "temperature is 0"),
        ({"classes": ["a"]}, "classes are"),
    ):
        path = tmp_path / "m.onnx"
        write_classifier(
            head, card_for(classes, options), path, trial=arrays, expected=head.logits(features), overwrite=True
        )
        model = onnx.load(path)
        entry = model.metadata_props[0]
        entry.value = json.dumps({**json.loads(entry.value), **values})
        onnx.save(model, path)
        with pytest.raises(ModelError, match=word):
            ClassifierSession(path)
    with pytest.raises(ModelError, match="for colorizing, not for recognising"):
        ClassifierSession(tiny_model)
    with pytest.raises(ModelError, match="give the path"):
        ClassifierSession(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(ModelError, match="not an ONNX model"):
        ClassifierSession(tmp_path / "bad.onnx")

"""The candidate that was picked: fitted to everything there is to train on, measured, and written as a model file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinct.color.decoding import softmax
from tinct.color.spaces import FloatArray
from tinct.data.labelled import Loaded
from tinct.data.pictures import TEST, TRAIN, VAL
from tinct.learn.graph import network_graph, write_model
from tinct.learn.networks.recognizers import PRETRAINED
from tinct.learn.recognize.candidates import Fitted, fit_candidate
from tinct.learn.recognize.fit import Fitting
from tinct.learn.recognize.statistics import LinearHead, TreesHead
from tinct.learn.recognize.trial import Judged, StatisticsCache
from tinct.runtime.classifier import ClassifierCard, ClassifierSession
from tinct.runtime.modelfile import check_model_target
from tinct.runtime.scores import Scores, score

if TYPE_CHECKING:
    import onnx

TRIAL = 8  # pictures on which the file is compared with what was trained
# By how much a file's logits may differ from those of a head on statistics, and of a network.
AGREEMENT, NETWORK_AGREEMENT = 1e-5, 1e-3


def finish(
    table: list[Judged],
    loaded: Loaded,
    path: Path,
    *,
    fitting: Fitting,
    measured: StatisticsCache,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[ClassifierCard, Scores | None]:
    """Fit the best to everything but the test split, measure it there, and write it.

    Args:
        table: all candidates, the best, which is picked, first.
        loaded: the pictures.
        path: the .onnx file.
        fitting: how the candidate was trained when it was measured.

    Returns:
        The card, and the scores on the test split if there is one.

    Raises:
        OutputError: the file is there already, or cannot be written.
        ModelError: the file's logits are not those of what was trained; it is not kept.
    """
    labelled, outcome = loaded.labelled, table[0].outcome
    rows = loaded.of(TRAIN, VAL, "")
    if outcome.epochs:
        # As many passes as it had when it was measured, however long they take.
        fitting = replace(fitting, epochs=max(1, round(outcome.epochs)), minutes=None)
    began = time.monotonic()
    values = measured.of(outcome.candidate, loaded.pixels, progress)
    fitted = fit_candidate(
        outcome.candidate,
        loaded.pixels[rows],
        labelled.labels[rows],
        classes=len(labelled.classes),
        fitting=fitting,
        measured=None if values is None else values[rows],
        progress=progress,
    )
    temperature = outcome.temperature(labelled.labels)
    test = loaded.of(TEST)
    scores = None
    if len(test):
        shares = softmax(fitted.logits(loaded.pixels[test]), temperature=temperature)
        scores = score(shares, labelled.labels[test], labelled.classes)
    card = _card(fitted, table, loaded, temperature=temperature, test=scores)
    card.training.update(
        seconds=round(time.monotonic() - began, 1),
        seed=fitting.seed,
        epochs=fitting.epochs,
        **_network_settings(fitted, fitting),
    )
    trial = loaded.pixels[rows[:TRIAL]]
    trained: Any = fitted.head if fitted.head is not None else fitted.trained and fitted.trained.network
    write_classifier(trained, card, path, trial=trial, expected=fitted.logits(trial), overwrite=overwrite)
    return card, scores


def _network_settings(fitted: Fitted, fitting: Fitting) -> dict[str, Any]:
    """Return what the card says about a network's training."""
    if fitted.trained is None:
        return {}
    changes = fitting.augmentation
    return {
        "learning_rate": fitting.learning_rate,
        "batch_size": fitting.batch_size,
        "standardize": fitting.standardize,
        "scale": fitting.scale,
        "augmentation": {name: value for name, value in vars(changes).items() if value},
    }


def _card(
    fitted: Fitted,
    table: list[Judged],
    loaded: Loaded,
    *,
    temperature: float,
    test: Scores | None,
) -> ClassifierCard:
    from tinct import __version__

    candidate, labelled, best = fitted.candidate, loaded.labelled, table[0]
    assert best.scores is not None  # what could not be measured is never picked
    measured_on = "cross-validation" if best.outcome.folds > 1 else "a fifth kept apart"
    if VAL in labelled.splits and best.outcome.folds == 1:
        measured_on = "the validation split"
    metrics: dict[str, Any] = {
        "measured_on": measured_on,
        "folds": best.outcome.folds,
        **best.scores.to_json(),
        "candidates": [judged.to_json() for judged in table],
    }
    if test is not None:
        metrics["test"] = test.to_json()
    return ClassifierCard(
        name=candidate.name,
        network=candidate.network + (f"/{candidate.head}" if candidate.head else ""),
        classes=list(labelled.classes),
        kind=labelled.kind,
        size=list(loaded.size),
        color_space=candidate.color_space,
        mean=fitted.trained.mean if fitted.trained else [],
        std=fitted.trained.std if fitted.trained else [],
        features=fitted.features.to_card() if fitted.features else None,
        temperature=temperature,
        options={key: Path(value).name if key == "weights" else value for key, value in candidate.options.items()},
        metrics=metrics,
        color_tests=best.color_tests,
        data={"place": Path(labelled.place).name, "counts": labelled.counts(), "left_out": len(loaded.left_out)},
        licence="the weights given with --weights are part of this file; their licence holds"
        if candidate.network == PRETRAINED
        else "",
        description=f"tells {len(labelled.classes)} classes apart by {candidate.name}",
        tinct=__version__,
        created=datetime.now(UTC).date().isoformat(),
    )


def write_classifier(
    trained: LinearHead | TreesHead | nn.Module,
    card: ClassifierCard,
    path: str | Path,
    *,
    trial: NDArray[Any],
    expected: FloatArray,
    overwrite: bool = False,
) -> None:
    """Write a model file, and compare its logits for some pictures with those of what was trained.

    Args:
        trained: a head on statistics, or a network that takes standardised channels (N, C, H, W).
        card: the card.
        path: the .onnx file.
        trial: pictures to compare on, as `tinct.runtime.classifier.graph_input` takes them.
        expected: (N, classes) logits of `trained` on them.
        overwrite: replace a file that is there.

    Raises:
        SettingError: it is no .onnx file.
        OutputError: the file is there already, or cannot be written.
        ModelError: the logits differ; the file is not kept.
    """
    check_model_target(Path(path), overwrite=overwrite)
    tolerance = AGREEMENT
    if isinstance(trained, LinearHead):
        model = _linear_graph(trained)
    elif isinstance(trained, TreesHead):
        model = _trees_graph(trained)
    else:
        example = torch.zeros(2, len(card.mean), *card.size)
        shapes = {0: torch.export.Dim("batch", min=1)}
        model = network_graph(trained.eval(), example, input_name="pixels", output_name="logits", dynamic_shapes=shapes)
        tolerance = NETWORK_AGREEMENT
    write_model(
        model,
        card,
        Path(path),
        trials=lambda file: [(expected, ClassifierSession(file).logits(trial))],
        tolerance=tolerance,
    )


def _linear_graph(head: LinearHead) -> onnx.ModelProto:
    """Return a logistic regression as one matrix product, in double precision inside."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = [
        helper.make_node("Cast", ["features"], ["wide"], to=TensorProto.DOUBLE),
        helper.make_node("MatMul", ["wide", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["sum"]),
        helper.make_node("Cast", ["sum"], ["logits"], to=TensorProto.FLOAT),
    ]
    constants = [
        numpy_helper.from_array(np.ascontiguousarray(head.weights), "weights"),
        numpy_helper.from_array(np.ascontiguousarray(head.bias), "bias"),
    ]
    return _model(nodes, constants, features=head.weights.shape[0], classes=len(head.bias))


def _trees_graph(head: TreesHead) -> onnx.ModelProto:
    """Return boosted trees as one TreeEnsembleRegressor with a target for each class.

    The trees are read from private attributes of scikit-learn, whose versions pyproject.toml limits: skl2onnx 1.20
    fails on these models with the current releases of onnx.
    """
    from onnx import helper

    baseline = np.asarray(head.model._baseline_prediction, dtype=np.float32).ravel()
    binary = len(baseline) == 1  # of two classes, scikit-learn keeps the second's alone
    node: dict[str, list[Any]] = {}
    number = 0
    for step in head.model._predictors:
        for target, predictor in enumerate(step):
            for key, values in _tree(predictor.nodes, number, 1 if binary else target).items():
                node.setdefault(key, []).extend(values)
            number += 1
    if binary:
        baseline = np.concatenate([np.zeros(1, np.float32), baseline])
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["logits"],
        domain="ai.onnx.ml",
        n_targets=len(baseline),
        base_values=baseline.tolist(),
        aggregate_function="SUM",
        post_transform="NONE",
        **node,
    )
    return _model([ensemble], [], features=None, classes=len(baseline))


def _tree(nodes: Any, number: int, target: int) -> dict[str, list[Any]]:
    """Return the attributes of one tree from scikit-learn's table of its nodes."""
    leaf = nodes["is_leaf"].astype(bool)
    leaves = np.flatnonzero(leaf)
    # Features are float32: a threshold rounded down to float32 sends each of them the same way.
    thresholds = nodes["num_threshold"].astype(np.float64)
    rounded = thresholds.astype(np.float32)
    down = np.where(rounded.astype(np.float64) > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    return {
        "nodes_treeids": [number] * len(leaf),
        "nodes_nodeids": list(range(len(leaf))),
        "nodes_featureids": np.where(leaf, 0, nodes["feature_idx"]).tolist(),
        "nodes_values": np.where(leaf, 0, down).astype(np.float32).tolist(),
        "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_truenodeids": np.where(leaf, 0, nodes["left"]).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, nodes["right"]).tolist(),
        "target_treeids": [number] * len(leaves),
        "target_nodeids": leaves.tolist(),
        "target_ids": [target] * len(leaves),
        "target_weights": nodes["value"][leaves].astype(np.float32).tolist(),
    }


def _model(nodes: list[Any], constants: list[Any], *, features: int | None, classes: int) -> onnx.ModelProto:
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        nodes,
        "tinct",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", features or "features"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])],
        constants,
    )
    versions = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=versions, ir_version=9)

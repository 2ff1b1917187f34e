"""Convert classifiers on statistics to ONNX graphs, from `features` (N, F) float32 to `logits` (N, classes)."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tinct.learn.recognize.heads import SURENESS, ForestHead, Head, JoinedHead, LinearHead, TreesHead


def head_graph(head: Head) -> onnx.ModelProto:
    """Return a head as an ONNX graph."""
    nodes: list[Any] = []
    constants: list[Any] = []
    classes = _append(head, "logits", nodes, constants)
    features = head.weights.shape[0] if isinstance(head, LinearHead) else None
    return _model(nodes, constants, features=features, classes=classes)


def _append(head: Head, output: str, nodes: list[Any], constants: list[Any]) -> int:
    """Append the nodes that compute a head's logits under the name `output`; return the number of classes."""
    if isinstance(head, LinearHead):
        return _append_linear(head, output, nodes, constants)
    if isinstance(head, TreesHead):
        return _append_boosted(head, output, nodes)
    if isinstance(head, ForestHead):
        return _append_forest(head, output, nodes, constants)
    return _append_joined(head, output, nodes, constants)


def _append_linear(head: LinearHead, output: str, nodes: list[Any], constants: list[Any]) -> int:
    """Append a logistic regression as one matrix product, computed in double precision."""
    nodes += [
        helper.make_node("Cast", ["features"], [f"{output}_wide"], to=TensorProto.DOUBLE),
        helper.make_node("MatMul", [f"{output}_wide", f"{output}_weights"], [f"{output}_product"]),
        helper.make_node("Add", [f"{output}_product", f"{output}_bias"], [f"{output}_sum"]),
        helper.make_node("Cast", [f"{output}_sum"], [output], to=TensorProto.FLOAT),
    ]
    constants += [
        numpy_helper.from_array(np.ascontiguousarray(head.weights), f"{output}_weights"),
        numpy_helper.from_array(np.ascontiguousarray(head.bias), f"{output}_bias"),
    ]
    return len(head.bias)


def _append_joined(head: JoinedHead, output: str, nodes: list[Any], constants: list[Any]) -> int:
    """Append the logarithm of the weighted mean of several heads' probabilities."""
    classes, shares = 0, []
    for number, (part, share) in enumerate(zip(head.parts, head.shares, strict=True)):
        logits = f"{output}_{number}"
        classes = _append(part, logits, nodes, constants)
        _append_constant(f"{logits}_share", share, constants)
        nodes.append(helper.make_node("Softmax", [logits], [f"{logits}_probabilities"], axis=-1))
        nodes.append(helper.make_node("Mul", [f"{logits}_probabilities", f"{logits}_share"], [f"{logits}_weighted"]))
        shares.append(f"{logits}_weighted")
    nodes.append(helper.make_node("Sum", shares, [f"{output}_mean"]))
    _append_logarithm(f"{output}_mean", output, classes, nodes, constants)
    return classes


def _append_forest(head: ForestHead, output: str, nodes: list[Any], constants: list[Any]) -> int:
    """Append a forest as one TreeEnsembleRegressor that averages the class shares of leaves, and its logarithm."""
    classes = len(head.model.classes_)
    trees = [estimator.tree_ for estimator in head.model.estimators_]
    parts = [_forest_tree(tree, number, head.first) for number, tree in enumerate(trees)]
    nodes.append(_ensemble(parts, f"{output}_sum", baseline=np.zeros(classes, dtype=np.float32)))
    _append_constant(f"{output}_trees", 1 / len(trees), constants)
    nodes.append(helper.make_node("Mul", [f"{output}_sum", f"{output}_trees"], [f"{output}_shares"]))
    _append_logarithm(f"{output}_shares", output, classes, nodes, constants)
    return classes


def _append_boosted(head: TreesHead, output: str, nodes: list[Any]) -> int:
    """Append boosted trees as one TreeEnsembleRegressor with a target for each class.

    The trees are read from private attributes of scikit-learn, whose versions pyproject.toml limits: skl2onnx 1.20
    fails on these models with the current releases of onnx.
    """
    baseline = np.asarray(head.model._baseline_prediction, dtype=np.float32).ravel()
    binary = len(baseline) == 1  # for two classes, scikit-learn has a logit for the second only
    parts: list[dict[str, list[Any]]] = []
    for step in head.model._predictors:
        for target, predictor in enumerate(step):
            parts.append(_boosted_tree(predictor.nodes, len(parts), 1 if binary else target))
    if binary:
        baseline = np.concatenate([np.zeros(1, np.float32), baseline])
    nodes.append(_ensemble(parts, output, baseline=baseline))
    return len(baseline)


def _append_logarithm(shares: str, output: str, classes: int, nodes: list[Any], constants: list[Any]) -> None:
    """Append `tinct.learn.recognize.heads.logarithm`."""
    _append_constant(f"{shares}_scale", 1 - SURENESS * classes, constants)
    _append_constant(f"{shares}_least", SURENESS, constants)
    nodes += [
        helper.make_node("Mul", [shares, f"{shares}_scale"], [f"{shares}_scaled"]),
        helper.make_node("Add", [f"{shares}_scaled", f"{shares}_least"], [f"{shares}_mixed"]),
        helper.make_node("Log", [f"{shares}_mixed"], [output]),
    ]


def _append_constant(name: str, value: float, constants: list[Any]) -> None:
    constants.append(numpy_helper.from_array(np.array(value, dtype=np.float32), name))


def _ensemble(parts: list[dict[str, list[Any]]], output: str, *, baseline: NDArray[np.float32]) -> Any:
    joined: dict[str, list[Any]] = {}
    for part in parts:
        for key, values in part.items():
            joined.setdefault(key, []).extend(values)
    return helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        [output],
        domain="ai.onnx.ml",
        n_targets=len(baseline),
        base_values=baseline.tolist(),
        aggregate_function="SUM",
        post_transform="NONE",
        **joined,
    )


def _boosted_tree(nodes: Any, number: int, target: int) -> dict[str, list[Any]]:
    """Return the attributes of one tree from scikit-learn's table of its nodes."""
    leaf = nodes["is_leaf"].astype(bool)
    leaves = np.flatnonzero(leaf)
    return {
        **_branches(leaf, nodes["feature_idx"], nodes["num_threshold"], nodes["left"], nodes["right"], number),
        "target_treeids": [number] * len(leaves),
        "target_nodeids": leaves.tolist(),
        "target_ids": [target] * len(leaves),
        "target_weights": nodes["value"][leaves].astype(np.float32).tolist(),
    }


def _forest_tree(tree: Any, number: int, first: int) -> dict[str, list[Any]]:
    """Return the attributes of one tree on features from `first` on; its leaves hold the share of each class."""
    leaf = tree.children_left < 0
    values = tree.value[:, 0, :]
    leaves, targets = np.nonzero(leaf[:, None] & (values > 0))
    shares = values[leaves] / values[leaves].sum(axis=1, keepdims=True)
    return {
        **_branches(leaf, tree.feature + first, tree.threshold, tree.children_left, tree.children_right, number),
        "target_treeids": [number] * len(leaves),
        "target_nodeids": leaves.tolist(),
        "target_ids": targets.tolist(),
        "target_weights": shares[np.arange(len(leaves)), targets].astype(np.float32).tolist(),
    }


def _branches(
    leaf: NDArray[np.bool_],
    features: NDArray[Any],
    thresholds: NDArray[Any],
    left: NDArray[Any],
    right: NDArray[Any],
    number: int,
) -> dict[str, list[Any]]:
    # Features are float32, so a threshold that is rounded down to float32 sends each of them the same way.
    exact = thresholds.astype(np.float64)
    rounded = exact.astype(np.float32)
    down = np.where(rounded.astype(np.float64) > exact, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    return {
        "nodes_treeids": [number] * len(leaf),
        "nodes_nodeids": list(range(len(leaf))),
        "nodes_featureids": np.where(leaf, 0, features).tolist(),
        "nodes_values": np.where(leaf, 0, down).astype(np.float32).tolist(),
        "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_truenodeids": np.where(leaf, 0, left).tolist(),
        "nodes_falsenodeids": np.where(leaf, 0, right).tolist(),
    }


def _model(nodes: list[Any], constants: list[Any], *, features: int | None, classes: int) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "tinct",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", features or "features"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])],
        constants,
    )
    versions = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=versions, ir_version=9)

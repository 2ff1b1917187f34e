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
    graph = _Graph()
    classes = graph.head(head, "logits")
    features = head.weights.shape[0] if isinstance(head, LinearHead) else "features"
    whole = helper.make_graph(
        graph.nodes,
        "tinct",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", features])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])],
        graph.constants,
    )
    versions = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(whole, opset_imports=versions, ir_version=9)


class _Graph:
    """The nodes and constants of a graph that is being made."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def node(self, kind: str, inputs: list[str], output: str, attributes: dict[str, Any] | None = None) -> str:
        """Append a node, and return the name of its output."""
        self.nodes.append(helper.make_node(kind, inputs, [output], **(attributes or {})))
        return output

    def constant(self, name: str, values: NDArray[Any] | np.float32) -> str:
        """Append a constant, and return its name."""
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def head(self, head: Head, output: str) -> int:
        """Append the nodes that compute a head's logits under the name `output`; return the number of classes."""
        if isinstance(head, LinearHead):
            return self._linear(head, output)
        if isinstance(head, TreesHead):
            return self._boosted(head, output)
        return self._forest(head, output) if isinstance(head, ForestHead) else self._joined(head, output)

    def _linear(self, head: LinearHead, output: str) -> int:
        """Append a logistic regression as one matrix product, computed in double precision."""
        wide = self.node("Cast", ["features"], f"{output}_wide", {"to": TensorProto.DOUBLE})
        product = self.node("MatMul", [wide, self.constant(f"{output}_weights", head.weights)], f"{output}_product")
        total = self.node("Add", [product, self.constant(f"{output}_bias", head.bias)], f"{output}_sum")
        self.node("Cast", [total], output, {"to": TensorProto.FLOAT})
        return len(head.bias)

    def _joined(self, head: JoinedHead, output: str) -> int:
        """Append the logarithm of the weighted mean of several heads' probabilities."""
        classes, weighted = 0, []
        for number, (part, share) in enumerate(zip(head.parts, head.shares, strict=True)):
            logits = f"{output}_{number}"
            classes = self.head(part, logits)
            probabilities = self.node("Softmax", [logits], f"{logits}_probabilities", {"axis": -1})
            weight = self.constant(f"{logits}_share", np.float32(share))
            weighted.append(self.node("Mul", [probabilities, weight], f"{logits}_weighted"))
        self._logarithm(self.node("Sum", weighted, f"{output}_mean"), output, classes)
        return classes

    def _forest(self, head: ForestHead, output: str) -> int:
        """Append a forest as one TreeEnsembleRegressor that averages the class shares of leaves, and its logarithm."""
        classes = len(head.model.classes_)
        trees = [estimator.tree_ for estimator in head.model.estimators_]
        parts = [_forest_tree(tree, number, head.first) for number, tree in enumerate(trees)]
        total = self._ensemble(parts, f"{output}_sum", np.zeros(classes, dtype=np.float32))
        count = self.constant(f"{output}_trees", np.float32(1 / len(trees)))
        shares = self.node("Mul", [total, count], f"{output}_shares")
        self._logarithm(shares, output, classes)
        return classes

    def _boosted(self, head: TreesHead, output: str) -> int:
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
        self._ensemble(parts, output, baseline)
        return len(baseline)

    def _logarithm(self, shares: str, output: str, classes: int) -> None:
        """Append `tinct.learn.recognize.heads.logarithm`."""
        scale = self.constant(f"{shares}_scale", np.float32(1 - SURENESS * classes))
        least = self.constant(f"{shares}_least", np.float32(SURENESS))
        scaled = self.node("Mul", [shares, scale], f"{shares}_scaled")
        self.node("Log", [self.node("Add", [scaled, least], f"{shares}_mixed")], output)

    def _ensemble(self, parts: list[dict[str, list[Any]]], output: str, baseline: NDArray[np.float32]) -> str:
        attributes: dict[str, Any] = {
            "domain": "ai.onnx.ml",
            "n_targets": len(baseline),
            "base_values": baseline.tolist(),
            "aggregate_function": "SUM",
            "post_transform": "NONE",
        }
        for key in parts[0]:
            attributes[key] = [value for part in parts for value in part[key]]
        return self.node("TreeEnsembleRegressor", ["features"], output, attributes)


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

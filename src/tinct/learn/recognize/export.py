"""Writing a trained classifier as a model file, checked against what was trained."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.errors import ModelError, OutputError
from tinct.files import check_place, written_beside
from tinct.learn.recognize.statistics import LinearHead, TreesHead
from tinct.runtime.classifier import ClassifierCard, ClassifierSession
from tinct.runtime.modelfile import METADATA_KEY

if TYPE_CHECKING:
    import onnx
    from torch import nn

# The logits of the file and of what was trained may differ by this share of the largest of them.
AGREEMENT = 1e-5
NETWORK_AGREEMENT = 1e-3


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
        OutputError: the file is there already, or cannot be written.
        ModelError: the logits differ; the file is not kept.
    """
    target = Path(path)
    check_model_target(target, overwrite=overwrite)
    if isinstance(trained, LinearHead):
        model = _linear_graph(trained)
    elif isinstance(trained, TreesHead):
        model = _trees_graph(trained)
    else:
        model = _network_graph(trained, card)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, card.to_json()
    with written_beside(target) as beside:
        beside.write_bytes(model.SerializeToString())
        logits = ClassifierSession(beside).logits(trial)
        difference = float(np.abs(logits - expected).max()) / max(1.0, float(np.abs(expected).max()))
        limit = AGREEMENT if isinstance(trained, LinearHead | TreesHead) else NETWORK_AGREEMENT
        if not difference <= limit:
            raise ModelError(f"{path}: the file's logits differ by {difference:.2g} from what was trained; not kept")


def check_model_target(target: Path, *, overwrite: bool) -> None:
    """Refuse a target before hours of training.

    Raises:
        OutputError: it is no .onnx file, is there already, or its folder is not or cannot be written to.
    """
    if target.suffix.lower() != ".onnx":
        raise OutputError(f"{target}: a model file ends in .onnx")
    if target.exists() and not overwrite:
        raise OutputError(f"{target}: is there already; use --overwrite or another -o")
    check_place(target)


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
    """Return the attributes of one tree, from scikit-learn's table of its nodes."""
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
    import onnx
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        nodes,
        "tinct",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", features or "features"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])],
        constants,
    )
    versions = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=9)
    onnx.checker.check_model(model)
    return model


def _network_graph(network: nn.Module, card: ClassifierCard) -> onnx.ModelProto:
    import onnx
    import torch

    from tinct.learn.export import onnx_graph

    model = onnx_graph(
        network.eval(),
        torch.zeros(2, len(card.mean), *card.size),
        input_name="pixels",
        output_name="logits",
        dynamic_shapes={0: torch.export.Dim("batch", min=1)},
    )
    onnx.checker.check_model(model)
    return model

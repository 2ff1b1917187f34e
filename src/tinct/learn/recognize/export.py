"""Writing a trained classifier as a model file, checked against what was trained."""

from __future__ import annotations

import logging
import warnings
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

# Logits of the file and of what was trained may differ by this, next to the largest of them.
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
    """Write a model file; what it says of some pictures is compared with what was trained.

    Args:
        trained: a head on statistics, or a network that takes standardised channels (N, C, H, W).
        card: the card.
        path: the .onnx file.
        trial: pictures to compare on, as `tinct.runtime.classifier.graph_input` takes them.
        expected: (N, classes) logits of `trained` on them.
        overwrite: replace a file that is there.

    Raises:
        OutputError: the file is there already, or cannot be written.
        ModelError: the file does not say what was trained; it is not kept.
    """
    target = Path(path)
    check_target(target, overwrite=overwrite)
    if isinstance(trained, LinearHead):
        model = linear_graph(trained)
    elif isinstance(trained, TreesHead):
        model = trees_graph(trained)
    else:
        model = network_graph(trained, card)
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, card.to_json()
    with written_beside(target) as beside:
        beside.write_bytes(model.SerializeToString())
        found = ClassifierSession(beside).logits(trial)
        difference = float(np.abs(found - expected).max()) / max(1.0, float(np.abs(expected).max()))
        limit = AGREEMENT if isinstance(trained, LinearHead | TreesHead) else NETWORK_AGREEMENT
        if not difference <= limit:
            raise ModelError(f"{path}: the file's logits differ by {difference:.2g} from what was trained; not kept")


def check_target(target: Path, *, overwrite: bool) -> None:
    """Refuse a target before hours of training.

    Raises:
        OutputError: it is no .onnx file, is there already, or its folder is not or cannot be written to.
    """
    if target.suffix.lower() != ".onnx":
        raise OutputError(f"{target}: a model file ends in .onnx")
    if target.exists() and not overwrite:
        raise OutputError(f"{target}: is there already; use --overwrite or another -o")
    check_place(target)


def linear_graph(head: LinearHead) -> onnx.ModelProto:
    """Give a logistic regression as one matrix product, in double precision inside."""
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


def trees_graph(head: TreesHead) -> onnx.ModelProto:
    """Give boosted trees as one TreeEnsembleRegressor with a target a class."""
    from onnx import helper

    node: dict[str, list[Any]] = {
        key: []
        for key in (
            *("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_values", "nodes_modes"),
            *("nodes_truenodeids", "nodes_falsenodeids"),
            *("target_treeids", "target_nodeids", "target_ids", "target_weights"),
        )
    }
    for number, (target, tree) in enumerate(head.trees):
        count = len(tree.leaf)
        node["nodes_treeids"] += [number] * count
        node["nodes_nodeids"] += list(range(count))
        node["nodes_featureids"] += np.where(tree.leaf, 0, tree.feature).tolist()
        node["nodes_values"] += np.where(tree.leaf, 0, tree.threshold).astype(np.float32).tolist()
        node["nodes_modes"] += ["LEAF" if leaf else "BRANCH_LEQ" for leaf in tree.leaf]
        node["nodes_truenodeids"] += np.where(tree.leaf, 0, tree.left).tolist()
        node["nodes_falsenodeids"] += np.where(tree.leaf, 0, tree.right).tolist()
        leaves = np.flatnonzero(tree.leaf)
        node["target_treeids"] += [number] * len(leaves)
        node["target_nodeids"] += leaves.tolist()
        node["target_ids"] += [target] * len(leaves)
        node["target_weights"] += tree.value[leaves].tolist()
    ensemble = helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        ["logits"],
        domain="ai.onnx.ml",
        n_targets=len(head.baseline),
        base_values=head.baseline.astype(np.float32).tolist(),
        aggregate_function="SUM",
        post_transform="NONE",
        **node,
    )
    return _model([ensemble], [], features=None, classes=len(head.baseline))


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


def network_graph(network: nn.Module, card: ClassifierCard) -> onnx.ModelProto:
    """Give a network as a graph of `pixels` (batch, C, H, W) to `logits`; H and W are the card's."""
    import onnx
    import torch

    example = torch.zeros(2, len(card.mean), *card.size)
    loggers = [logging.getLogger(each) for each in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                network.eval(),
                (example,),
                input_names=["pixels"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
                dynamo=True,
                optimize=True,
                verbose=False,
            )
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
    if program is None:
        raise ModelError("PyTorch gave no ONNX graph")
    model: onnx.ModelProto = program.model_proto
    # The exporter notes where in which file each node comes from: paths of this machine, of no use to anyone else.
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, model.graph):
        del part.metadata_props[:]
    onnx.checker.check_model(model)
    return model

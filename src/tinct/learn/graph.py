"""Writing a trained network: the exporter of both halves, and the comparison that every model file passes.

A model file is tried before it gets its name: ONNX Runtime must give what was trained.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import nn

from tinct.errors import ModelError
from tinct.files import written_beside
from tinct.runtime.modelfile import METADATA_KEY, BaseCard

if TYPE_CHECKING:
    import onnx

# Tensors larger than this many numbers are stored in half precision; what is computed stays single precision.
HALF_FROM = 1024


def network_graph(
    network: nn.Module,
    example: tuple[torch.Tensor, ...],
    *,
    input_names: Sequence[str],
    output_names: Sequence[str],
    dynamic_shapes: tuple[Any, ...],
) -> onnx.ModelProto:
    """Convert a network to ONNX.

    Args:
        network: in inference mode.
        example: its inputs.
        input_names: the graph's, as many as there are inputs.
        output_names: the graph's, as many as the network gives.
        dynamic_shapes: for each parameter of `forward` the axes that may have another length, as `torch.export` takes
            them.

    Raises:
        ModelError: PyTorch cannot.
    """
    with quiet("torch.onnx", "onnxscript", "onnx_ir"):
        program = torch.onnx.export(
            network,
            example,
            input_names=list(input_names),
            output_names=list(output_names),
            dynamic_shapes=dynamic_shapes,
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    if program is None:
        raise ModelError("PyTorch gave no ONNX graph")
    model: onnx.ModelProto = program.model_proto
    # The exporter notes where in which file each node comes from: paths of this machine, of no use to anyone else.
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, model.graph):
        del part.metadata_props[:]
    return model


def store_half(model: onnx.ModelProto) -> None:
    """Store large weights as float16, each turned to float32 by a Cast, which runtimes do once when they load."""
    import onnx
    from onnx import helper, numpy_helper

    casts = []
    for index, weight in enumerate(model.graph.initializer):
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size <= HALF_FROM:
            continue
        name = weight.name
        model.graph.initializer[index].CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def write_model(
    model: onnx.ModelProto,
    card: BaseCard,
    target: Path,
    *,
    trials: Callable[[Path], Iterable[tuple[NDArray[Any], NDArray[Any]]]],
    tolerance: float,
) -> None:
    """Write a graph with its card, if its output is what was trained.

    Args:
        model: the graph.
        card: the card.
        target: the file.
        trials: run the file at a path; yields what is expected and what the file gives.
        tolerance: by how much they may differ, relative to the largest expected value where that is above 1.

    Raises:
        ModelError: they differ by more, or the graph is none; nothing is kept.
        OutputError: the file cannot be written; nothing is left behind.
    """
    import onnx

    onnx.helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    onnx.checker.check_model(model)
    with written_beside(target) as partial:
        partial.write_bytes(model.SerializeToString())
        for expected, given in trials(partial):
            difference = float(np.abs(given - expected).max()) / max(1.0, float(np.abs(expected).max()))
            if not difference <= tolerance:
                raise ModelError(
                    f"{target}: the file's outputs differ by {difference:.2g} from what was trained, more than "
                    f"{tolerance}: not kept"
                )


def write_twin(network: nn.Module, card: BaseCard, path: Path, *, half: bool) -> None:
    """Write a network's weights with its card, large ones in half precision where asked for.

    Raises:
        OutputError: the file cannot be written; nothing is left behind.
    """
    state = {
        key: (value.half() if half and value.is_floating_point() and value.numel() > HALF_FROM else value).contiguous()
        for key, value in network.state_dict().items()
    }
    content = save(state, metadata={METADATA_KEY: card.to_json()})
    with written_beside(path) as partial:
        partial.write_bytes(content)


@contextmanager
def quiet(*loggers: str, module: str = "") -> Iterator[None]:
    """Keep loggers' advice, and warnings of a module (of all without it), off the screen."""
    levels = {logging.getLogger(name): logging.getLogger(name).level for name in loggers}
    try:
        for logger in levels:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=module)
            yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)

"""Write a trained network, a colorizer or a recogniser, as a model file.

A model file is tested before it gets its name: ONNX Runtime must give the same output as PyTorch.
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

HALF_FROM = 1024  # larger tensors are stored in half precision; computing stays in single precision


def network_graph(
    network: nn.Module,
    example: tuple[torch.Tensor, ...],
    *,
    input_names: Sequence[str],
    output_names: Sequence[str],
    dynamic_shapes: tuple[Any, ...],
) -> onnx.ModelProto:
    """Convert a network in inference mode to ONNX.

    Args:
        network: to be converted.
        example: inputs for `forward`.
        input_names: of the graph.
        output_names: of the graph.
        dynamic_shapes: for each parameter of `forward`, the axes whose length may vary, as for `torch.export`.

    Raises:
        ModelError: PyTorch cannot convert it.
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
        raise ModelError("PyTorch returned no ONNX graph")
    model: onnx.ModelProto = program.model_proto
    # The exporter records the source file of each node, with paths of this machine, which are of no use elsewhere.
    for part in (*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output, model.graph):
        del part.metadata_props[:]
    return model


def store_half(model: onnx.ModelProto) -> None:
    """Store large weights as float16, each followed by a Cast to float32, which runtimes apply once on loading."""
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
    """Write a graph with its card, if it gives the expected output.

    Args:
        model: the graph.
        card: the card.
        target: the file.
        trials: runs the file at a path, and yields pairs of expected and actual output.
        tolerance: largest difference, relative to the largest expected value if that is above 1.

    Raises:
        ModelError: they differ by more; nothing is kept.
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
                    f"{target}: the file's outputs differ by {difference:.2g} from those of the trained network, more "
                    f"than {tolerance}; it was not kept"
                )


def write_twin(network: nn.Module, card: BaseCard, path: Path, *, half: bool) -> None:
    """Write a network's weights with its card; with `half`, large ones in half precision.

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
    """Silence loggers below errors, and the warnings of a module, or of all modules."""
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

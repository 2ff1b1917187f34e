"""Write a trained head as a model file."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from tinct import __version__
from tinct.learn.graph import network_graph, store_half, write_model, write_twin
from tinct.learn.things.head import ThingHead
from tinct.runtime.modelfile import open_graph
from tinct.runtime.session import Session
from tinct.runtime.thing import FEATURES, MULTIPLE, ThingCard, pattern, sight

if TYPE_CHECKING:
    import onnx

_TOLERANCE = 0.02  # largest difference between ONNX Runtime's log odds (half-precision weights) and PyTorch's
_STRIDES = dict(zip(FEATURES, (8, 16, 32), strict=True))


def write(
    head: ThingHead,
    session: Session,
    target: Path,
    *,
    size: int,
    certain: float = 0.0,
    data: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> ThingCard:
    """Write a head as a model file, and its weights as `.safetensors` beside it.

    Args:
        head: trained on features of the session's model.
        session: that model.
        target: the file.
        size: root of height x width at which the model is used.
        certain: log odds at which a pixel counts as half the thing's.
        data: names and licences of the sets of photographs, for the card.
        metrics: how good it is, for the card.

    Raises:
        ModelError: the file's outputs differ from those of the trained head.
        OutputError: it cannot be written.
    """
    card = ThingCard(
        name=target.stem,
        network="thing_head",
        temperature=1.0,
        size=size,
        certain=certain,
        sight=sight(session.features(pattern())),
        data=dict(data or {}),
        training={"model": session.card.name},
        metrics=dict(metrics or {}),
        licence="MIT",
        description="Tells where the thing at a click ends, from features of the model that colorizes",
        tinct=__version__,
        created=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )
    head.eval()
    graph = _graph(head, card)
    store_half(graph)

    def trials(path: Path) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        runs = open_graph(path)
        for height, width, hints in ((96, 128, 1), (160, 64, 3)):
            given = _example(head, height, width, hints)
            with torch.no_grad():
                expected = head(*given).numpy()
            named = {name: values.numpy() for name, values in zip(card.inputs, given, strict=True)}
            yield expected, runs.run([card.graph_names[1]], named)[0]

    write_model(graph, card, target, trials=trials, tolerance=_TOLERANCE)
    write_twin(head, card, target.with_suffix(".safetensors"), half=False)
    return card


def initial_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read the weights of a file that `write` has made, or of the `.safetensors` beside it.

    Returns:
        name -> float32 weights; a network with other parts keeps what is not among them.
    """
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return {name: values.float() for name, values in load_file(path).items()}
    import onnx

    return {
        weight.name.removesuffix(".half"): torch.from_numpy(onnx.numpy_helper.to_array(weight).astype(np.float32))
        for weight in onnx.load(path).graph.initializer
        if weight.data_type in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
    }


def _example(head: ThingHead, height: int, width: int, hints: int) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    features = [
        torch.randn(1, getattr(head, f"mean_{name}").shape[1], height // stride, width // stride, generator=generator)
        for name, stride in _STRIDES.items()
    ]
    luma = torch.rand(1, 1, height, width, generator=generator)
    return luma, *features, 20 * torch.rand(hints, 1, height // 4, width // 4, generator=generator)


def _graph(head: ThingHead, card: ThingCard) -> onnx.ModelProto:
    example = _example(head, 3 * MULTIPLE, 4 * MULTIPLE, 2)
    rows, columns = torch.export.Dim("rows", min=1, max=64), torch.export.Dim("columns", min=1, max=64)
    shapes = [{2: MULTIPLE * rows, 3: MULTIPLE * columns}]
    shapes += [
        {2: rows, 3: columns} if stride == MULTIPLE else {2: MULTIPLE // stride * rows, 3: MULTIPLE // stride * columns}
        for stride in _STRIDES.values()
    ]
    shapes.append({0: torch.export.Dim("hints", min=1, max=64), 2: 8 * rows, 3: 8 * columns})
    return network_graph(
        head,
        example,
        input_names=card.inputs,
        output_names=[card.graph_names[1]],
        dynamic_shapes=(shapes[0], tuple(shapes[1:])),
    )

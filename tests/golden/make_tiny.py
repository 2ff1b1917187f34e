"""Writes tiny_bins.onnx and tiny_chroma.onnx: model files of a few kilobytes with fixed random weights.

They have the whole contract of a model file (card, dynamic size, a stride, a multiple) and colours that vary with the
picture, so that tests need no trained network. Run:  python tests/golden/make_tiny.py
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tinct.color.bins import ColorBins
from tinct.runtime.modelfile import Card

HERE = Path(__file__).parent
BINS = 12


def color_bins() -> ColorBins:
    """12 bins learned from a smooth field of colours that covers all hues."""
    rng = np.random.default_rng(1)
    coarse = rng.uniform(0.1, 0.9, size=(6, 6, 3)).repeat(12, axis=0).repeat(12, axis=1)
    return ColorBins.learn([coarse], space="yuv", grid=8, bins=BINS, rebalance=0.4)


def convolution(name: str, source: str, weights: np.ndarray, *, stride: int) -> tuple[list[onnx.NodeProto], list]:
    """A convolution `name` with a small random bias; padded so that size / stride comes out exactly."""
    bias = np.random.default_rng(len(name)).normal(0, 0.3, weights.shape[0]).astype(np.float32)
    values = [
        numpy_helper.from_array(weights.astype(np.float32), f"{name}_weights"),
        numpy_helper.from_array(bias, f"{name}_bias"),
    ]
    size = weights.shape[-1]
    node = helper.make_node(
        "Conv",
        [source, f"{name}_weights", f"{name}_bias"],
        [name],
        kernel_shape=[size, size],
        strides=[stride, stride],
        pads=[size // 2] * 4,
    )
    return [node], values


def graph(*, output: str, channels: int, gain: float) -> onnx.GraphProto:
    """Two convolutions with stride 2 in the first and a ReLU between."""
    rng = np.random.default_rng(7)
    first, first_values = convolution("features", "centered", rng.normal(0, 0.6, (8, 1, 3, 3)), stride=2)
    second, second_values = convolution(output, "rectified", gain * rng.normal(0, 1, (channels, 8, 3, 3)), stride=1)
    half = numpy_helper.from_array(np.array(0.5, dtype=np.float32), "half")
    nodes = [
        helper.make_node("Sub", ["luma", "half"], ["centered"]),
        *first,
        helper.make_node("Relu", ["features"], ["rectified"]),
        *second,
    ]
    return helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("luma", TensorProto.FLOAT, ["n", 1, "height", "width"])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", channels, "rows", "columns"])],
        [half, *first_values, *second_values],
    )


def write(card: Card, graph_: onnx.GraphProto) -> None:
    """Write tests/golden/NAME.onnx."""
    model = helper.make_model(graph_, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"tinct": card.to_json()})
    onnx.checker.check_model(model)
    path = HERE / f"{card.name}.onnx"
    onnx.save(model, str(path))
    print(path, path.stat().st_size, "bytes; card keys:", ", ".join(json.loads(card.to_json())))


def main() -> None:
    """Write both."""
    bins = color_bins()
    shared = {
        "network": "tiny",
        "options": {},
        "output_stride": 2,
        "multiple": 8,
        "working_size": 64,
        "data": {"description": "none: fixed random weights"},
        "licence": "MIT",
        "tinct": "0.1.0",
        "created": "2026-01-01",
    }
    write(
        Card(name="tiny_bins", task="bins", space="yuv", bins=bins.to_card(), temperature=0.7,
             description="Fixed random weights over 12 bins, for tests.", **shared),
        graph(output="logits", channels=BINS, gain=1.0),
    )  # fmt: skip
    write(
        Card(name="tiny_chroma", task="regression", space="lab", bins=None, temperature=1.0,
             description="Fixed random weights to Lab chroma, for tests.", **shared),
        graph(output="chroma", channels=2, gain=8.0),
    )  # fmt: skip


if __name__ == "__main__":
    main()

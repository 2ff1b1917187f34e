"""The bare network: pictures a second in each runtime, beside the matrix products the machine does in the same type.

    python benchmarks/network.py [--model photo] [--size 256] [--repeat 20]

The share tells how much of the machine's arithmetic the network gets out of it: its own multiplications and additions
a second over those of a plain product of two square matrices, with all cores, in the same runtime and type.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, shape_inference

import common
from tinct.runtime import openvino
from tinct.runtime.modelfile import OUTPUTS, find_model, open_graph, read_card
from tinct.runtime.session import Session

SEED = 1
EDGE = 2048  # of the matrices


def network_flops(path: Path, size: int) -> float:
    """Count the floating-point operations of one picture: 2 for each multiply-add of convolutions and products."""
    model = onnx.load(str(path))
    for item, value in zip(model.graph.input[0].type.tensor_type.shape.dim, (1, 1, size, size), strict=True):
        item.dim_value = value
    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {item.name: tuple(item.dims) for item in graph.initializer}
    for item in (*graph.input, *graph.value_info, *graph.output):
        shapes[item.name] = tuple(dim.dim_value for dim in item.type.tensor_type.shape.dim)
    # Weights stored in half precision reach their layer through a cast, whose shape is that of its input.
    for node in graph.node:
        if node.op_type in ("Cast", "Identity", "DequantizeLinear") and node.input[0] in shapes:
            shapes[node.output[0]] = shapes[node.input[0]]
    return float(sum(_node_flops(node, shapes) for node in graph.node))


def _node_flops(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> float:
    if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return 0.0
    first, second, result = (shapes.get(name, ()) for name in (node.input[0], node.input[1], node.output[0]))
    used = (second, first) if node.op_type == "ConvTranspose" else (second, result)
    if not all(used) or not all(used[0]) or not all(used[1]):
        raise SystemExit(f"the shapes of {node.op_type} {node.name} are not known; its operations cannot be counted")
    if node.op_type == "Conv":  # weights (out, in / groups, kh, kw), result (1, out, h, w)
        return 2.0 * np.prod(second) * np.prod(result[2:])
    if node.op_type == "ConvTranspose":  # weights (in, out / groups, kh, kw), input (1, in, h, w)
        return 2.0 * np.prod(second) * np.prod(first[2:])
    return 2.0 * np.prod(result) * first[-1]


def matrix_product(edge: int, folder: Path) -> Path:
    """Write an ONNX graph that multiplies its input by a fixed square matrix."""
    weights = np.random.default_rng(SEED).normal(0, edge**-0.5, (edge, edge)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["luma", "weights"], ["product"])],
        "product",
        [helper.make_tensor_value_info("luma", TensorProto.FLOAT, [edge, edge])],
        [helper.make_tensor_value_info("product", TensorProto.FLOAT, [edge, edge])],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    path = folder / "product.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def opened(runtime: str, precision: str, path: Path, output: str) -> Callable[[Any], Any]:
    """Open a graph with all cores; give a call of the runtime itself, the same layer in each: arrays in, array out."""
    cores = common.core_count()
    if runtime == "openvino":
        graph = openvino.read_graph(path)
        infer = openvino.open_graph(graph, path, threads=cores, cores=cores, precision=precision)
        return lambda values: infer(values, [output])[0]
    session = open_graph(path, threads=cores)
    return lambda values: session.run([output], {"luma": values})[0]


def product_rate(runtime: str, precision: str, path: Path, *, edge: int, repeat: int) -> float:
    """Measure operations a second of the matrix product in a runtime."""
    matrix = np.random.default_rng(SEED + 1).normal(size=(edge, edge)).astype(np.float32)
    infer = opened(runtime, precision, path, "product")
    took = common.seconds(lambda: infer(matrix), repeat=repeat, warm_up=3)
    return 2.0 * edge**3 / took


def measure(model: str, size: int, repeat: int, edge: int) -> dict[str, Any]:
    """Measure every runtime there is."""
    path = find_model(model)
    card = read_card(path)
    flops = network_flops(path, size)
    luma = np.random.default_rng(SEED).random((size, size), dtype=np.float32)
    ways = [("onnxruntime", "f32")]
    if openvino.installed():
        ways += [("openvino", "f32"), *([("openvino", "bf16")] if openvino.computes_bfloat16() else [])]
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        product = matrix_product(edge, Path(folder))
        for runtime, precision in ways:
            infer = opened(runtime, precision, path, OUTPUTS[card.task])
            took = common.seconds(lambda infer=infer: infer(luma[None, None]), repeat=repeat, warm_up=3)
            rate = product_rate(runtime, precision, product, edge=edge, repeat=max(3, repeat // 4))
            results[f"{runtime} {precision}"] = {
                "seconds_per_picture": round(took, 5),
                "pictures_per_second": round(1 / took, 2),
                "network_gflops": round(flops / took / 1e9, 1),
                "matrix_product_gflops": round(rate / 1e9, 1),
                "share_of_matrix_product": round(flops / took / rate, 3),
            }
    return {
        "model": card.name,
        "picture": f"{size}x{size}",
        "gflop_per_picture": round(flops / 1e9, 3),
        "matrix": f"{edge}x{edge}",
        "auto": Session(path).runtime,
        "runtimes": results,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="photo")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--edge", type=int, default=EDGE)
    parser.add_argument("--to", type=Path, help="write the JSON here instead of beside this file")
    arguments = parser.parse_args()
    results = measure(arguments.model, arguments.size, arguments.repeat, arguments.edge)
    common.write("network", results, seed=SEED, to=arguments.to)


if __name__ == "__main__":
    main()

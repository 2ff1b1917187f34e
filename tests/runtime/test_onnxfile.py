"""A model file that names other files, operators of its own or tensors that it does not hold is refused unread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from tinct.errors import ModelError
from tinct.runtime import openvino
from tinct.runtime.modelfile import list_models, read_card
from tinct.runtime.onnxfile import check_file


def outside(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")
    tensor.ClearField("raw_data")


def outside_in_a_node(model: onnx.ModelProto) -> None:
    tensor = TensorProto(dims=[1], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    model.graph.node.append(helper.make_node("Constant", [], ["more"], value=tensor))


def outside_in_an_inner_graph(model: onnx.ModelProto) -> None:
    inner = helper.make_graph([], "inner", [], [], [TensorProto(dims=[1], data_location=TensorProto.EXTERNAL)])
    model.graph.node.append(helper.make_node("If", ["half"], ["more"], then_branch=inner, else_branch=inner))


def huge(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(TensorProto(name="huge", dims=[1 << 20, 1 << 20], data_type=TensorProto.FLOAT))


def negative(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(TensorProto(name="odd", dims=[-1, -1], data_type=TensorProto.FLOAT))


def foreign(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Run", ["luma"], ["more"], domain="com.stranger"))


def foreign_set(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.stranger", 1))


def deep(model: onnx.ModelProto) -> None:
    graph = helper.make_graph([], "innermost", [], [])
    for _ in range(18):
        graph = helper.make_graph([helper.make_node("If", ["c"], [], then_branch=graph)], "around", [], [])
    model.graph.node.append(helper.make_node("If", ["half"], ["more"], then_branch=graph))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (outside, "another file"),
        (outside_in_a_node, "another file"),
        (outside_in_an_inner_graph, "another file"),
        (huge, "larger than the data stored"),
        (negative, "larger than the data stored"),
        (foreign, "'com.stranger'"),
        (foreign_set, "'com.stranger'"),
        (deep, "graphs within graphs"),
    ],
)
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_what_a_model_file_must_not_have(
    tiny_model: Path, tmp_path: Path, change: Callable[[onnx.ModelProto], None], said: str, runtime: str
) -> None:
    model = onnx.load(tiny_model)
    change(model)
    path = tmp_path / "bad.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match=said) as raised:
        read_card(path) if runtime == "onnxruntime" else openvino.read_graph(path)
    assert str(raised.value).startswith(f"{path}: it")
    assert "\n" not in str(raised.value)


def test_models_of_tinct_pass(tiny_model: Path, tmp_path: Path) -> None:
    names = list_models()
    assert names
    for name in names:
        assert read_card(name).name == name
    for path in sorted(tiny_model.parent.glob("*.onnx")):
        check_file(path)
    # Numbers of every type, packed and not, and functions of the file's own.
    model = onnx.load(tiny_model)
    model.graph.initializer.extend(
        helper.make_tensor(f"t{kind}", kind, [3], [0, 1, 1])
        for kind in (TensorProto.FLOAT, TensorProto.INT8, TensorProto.INT64, TensorProto.DOUBLE, TensorProto.UINT4)
    )
    model.graph.initializer.append(helper.make_tensor("words", TensorProto.STRING, [2], [b"", b"a"]))
    node = helper.make_node("Relu", ["x"], ["y"])
    model.functions.append(helper.make_function("own", "F", ["x"], ["y"], [node], [helper.make_opsetid("", 17)]))
    model.graph.node.append(helper.make_node("F", ["luma"], ["more"], domain="own"))
    path = tmp_path / "more.onnx"
    path.write_bytes(model.SerializeToString())
    check_file(path)


@pytest.mark.parametrize("kind", [3, 4, 6, 7])
def test_bytes_that_are_no_fields(tmp_path: Path, kind: int) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(bytes([7 << 3 | kind, 1, 2]))
    with pytest.raises(ModelError, match="not an ONNX model"):
        check_file(path)

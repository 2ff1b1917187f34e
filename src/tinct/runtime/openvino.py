"""OpenVINO, the second way to run a model file: faster where the processor computes in bfloat16 (extra `openvino`)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinct.color.spaces import FloatArray
from tinct.errors import MissingExtraError, ModelError
from tinct.runtime.modelfile import METADATA_KEY, Card, checked_card, read_card
from tinct.runtime.onnxfile import check_file

if TYPE_CHECKING:
    import openvino


# From lumas (N, 1, H, W) and names of outputs to those outputs.
Infer = Callable[[FloatArray, Sequence[str]], list[FloatArray]]

# The tag of an ONNX file's first field, the version of its format.
_ONNX_BEGINS = b"\x08"


def installed() -> bool:
    """Return whether OpenVINO is installed, without importing it."""
    return find_spec("openvino") is not None


def gains() -> bool:
    """Return whether OpenVINO is installed, works, and this processor computes in bfloat16 (AVX-512 BF16 or AMX)."""
    try:
        return installed() and computes_bfloat16()
    except ImportError:  # installed, but broken
        return False


def computes_bfloat16() -> bool:
    """Return whether OpenVINO, which must be installed, has bfloat16 arithmetic on this processor."""
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def open_model(path: Path, *, threads: int | None, cores: int, precision: str | None = None) -> tuple[Card, Infer]:
    """Open a model file in OpenVINO; return its card, and what runs its graph.

    Arguments and errors are those of `read_graph` and `open_graph`.
    """
    graph = read_graph(path)
    place = ["framework", METADATA_KEY]  # where OpenVINO keeps the metadata of ONNX files
    # Opening the file in ONNX Runtime only for its card would cost 30 MB and time.
    card = checked_card(
        graph.get_rt_info(place).astype(str) if graph.has_rt_info(place) else None,
        inputs=[item.any_name for item in graph.inputs],
        outputs=[item.any_name for item in graph.outputs],
        path=path,
        kind=Card,
    )
    return card, open_graph(graph, path, threads=threads, cores=cores, precision=precision)


def read_graph(path: Path) -> openvino.Model:
    """Read an ONNX file.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        ModelError: the file is damaged or no ONNX graph, OpenVINO cannot use it, or is broken itself.
    """
    if not installed():
        raise MissingExtraError("openvino", "the runtime openvino")
    try:
        import openvino
    except ImportError as error:
        raise ModelError(f"OpenVINO is installed but cannot be loaded ({error}); install it again") from error
    with path.open("rb") as file:
        # OpenVINO would try its other formats on what is no ONNX file, and complain on stderr about each.
        if file.read(1) != _ONNX_BEGINS:
            read_card(path)
    check_file(path)
    try:
        return openvino.Core().read_model(str(path))
    except RuntimeError as error:
        read_card(path)  # says better what is wrong with a file that is no model of tinct's
        raise _unusable(path, error) from error


def open_graph(
    graph: openvino.Model, path: Path, *, threads: int | None, cores: int, precision: str | None = None
) -> Infer:
    """Make a graph ready to run.

    Args:
        graph: what `read_graph` gave.
        path: where it came from, for messages.
        threads: how many threads one run uses, all cores without it. Where that leaves cores over, as many runs as fit
            go at once when several threads ask for them.
        cores: how many cores there are for all runs together.
        precision: `bf16` or `f32`; what the processor does best without it.

    Returns:
        A function from the array for the graph's input `luma` and names of outputs to those; several threads may call
        it at once. Outputs that are not asked for cost nothing: they are computed on the way to the others.

    Raises:
        ModelError: OpenVINO cannot use the graph.
    """
    import openvino

    threads = min(threads or cores, cores)
    settings = {
        "INFERENCE_PRECISION_HINT": precision or ("bf16" if computes_bfloat16() else "f32"),
        "INFERENCE_NUM_THREADS": max(threads, cores - cores % threads),
        "NUM_STREAMS": max(1, cores // threads),
    }
    try:
        compiled = openvino.Core().compile_model(graph, "CPU", settings)
    except RuntimeError as error:
        raise _unusable(path, error) from error
    # The first look at a tensor's values sets something up in OpenVINO's binding; two threads at once would wait there
    # for each other for ever.
    _ = openvino.Tensor(np.zeros(1, dtype=np.float32)).data
    requests = threading.local()  # a request runs one thing at a time, so each thread has its own

    def infer(lumas: FloatArray, outputs: Sequence[str]) -> list[FloatArray]:
        if not hasattr(requests, "own"):
            requests.own = compiled.create_infer_request()
        try:
            results = requests.own.infer({"luma": lumas})
            # Copies: the request's own memory is written over by its next run.
            return [np.array(results[name], dtype=np.float32) for name in outputs]
        except RuntimeError as error:
            reason = " ".join(str(error).split())[-200:]
            raise ModelError(f"{path}: OpenVINO failed on input {lumas.shape} ({reason})") from error

    return infer


def _unusable(path: Path, error: RuntimeError) -> ModelError:
    reason = " ".join(str(error).split())[-200:]
    return ModelError(f"{path}: OpenVINO cannot use it ({reason}); choose the runtime onnxruntime")

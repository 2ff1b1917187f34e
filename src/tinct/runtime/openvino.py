"""OpenVINO, the second way to run a model file: faster where the processor computes in bfloat16 (extra `openvino`)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from tinct.color.spaces import FloatArray
from tinct.errors import MissingExtraError, ModelError


def installed() -> bool:
    """Say whether OpenVINO is installed, without importing it."""
    return find_spec("openvino") is not None


def gains() -> bool:
    """Say whether OpenVINO is installed, works, and this processor computes in bfloat16 (AVX-512 BF16 or AMX)."""
    try:
        return installed() and computes_bfloat16()
    except ImportError:  # installed, but broken
        return False


def computes_bfloat16() -> bool:
    """Say whether OpenVINO, which must be installed, has bfloat16 arithmetic on this processor."""
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def open_model(
    path: Path, output: str, *, threads: int | None, cores: int, precision: str | None = None
) -> Callable[[FloatArray], FloatArray]:
    """Open a model file in OpenVINO.

    Args:
        path: the file, known to be one of tinct's.
        output: the name of the graph's output.
        threads: how many threads one run uses, all cores without it. Where that leaves cores over, as many runs as fit
            go at once when several threads ask for them.
        cores: how many cores there are for all runs together.
        precision: `bf16` or `f32`; what the processor does best without it.

    Returns:
        A function from (N, 1, H, W) float32 to the output's array; several threads may call it at once.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        ModelError: OpenVINO cannot use the file, or is broken itself.
    """
    if not installed():
        raise MissingExtraError("openvino", "the runtime openvino")
    try:
        import openvino
    except ImportError as error:
        raise ModelError(f"OpenVINO is installed but cannot be loaded ({error}); install it again") from error

    threads = min(threads or cores, cores)
    settings = {
        "INFERENCE_PRECISION_HINT": precision or ("bf16" if computes_bfloat16() else "f32"),
        "INFERENCE_NUM_THREADS": max(threads, cores - cores % threads),
        "NUM_STREAMS": max(1, cores // threads),
    }
    core = openvino.Core()
    try:
        compiled = core.compile_model(core.read_model(str(path)), "CPU", settings)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[-200:]
        raise ModelError(f"{path}: OpenVINO cannot use it ({reason}); choose the runtime onnxruntime") from error
    requests = threading.local()  # a request runs one thing at a time, so each thread has its own

    def infer(lumas: FloatArray) -> FloatArray:
        if not hasattr(requests, "own"):
            requests.own = compiled.create_infer_request()
        try:
            # A copy: the request's own memory is written over by its next run.
            return np.array(requests.own.infer({"luma": lumas})[output], dtype=np.float32)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[-200:]
            raise ModelError(f"{path}: OpenVINO failed on input {lumas.shape} ({reason})") from error

    return infer

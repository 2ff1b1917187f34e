"""OpenVINO, the second runtime: faster if the processor computes in bfloat16 (extra `openvino`).

The networks that it has compiled are kept, since opening one again takes a fifth of the processor time. They lie in the
user's cache folder, or in the one that the environment variable `TINCT_CACHE` names; `off` keeps none. A file's name is
a hash of everything that the compiled network depends on: the model's bytes, OpenVINO's version, the processor and the
settings. If the cache cannot be read or written, the network is compiled.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinct.color.spaces import FloatArray
from tinct.errors import MissingExtraError, ModelError, OutputError, one_line
from tinct.files import cache_folder, written_beside
from tinct.runtime.modelfile import METADATA_KEY, Card, checked_card, read_card
from tinct.runtime.onnxfile import check_file, metadata_of

if TYPE_CHECKING:
    import openvino


# Computes the named outputs from lumas (N, 1, H, W).
Infer = Callable[[FloatArray, Sequence[str]], list[FloatArray]]

MOST_KEPT = 8  # compiled networks; the least recently used are deleted, since each takes twice its model's space
_SUFFIX = ".blob"
_ONNX_BEGINS = b"\x08"  # tag of an ONNX file's first field, its format's version


def installed() -> bool:
    """Return whether OpenVINO is installed, without importing it."""
    return find_spec("openvino") is not None


def gains() -> bool:
    """Return whether OpenVINO is installed, works, and this processor computes in bfloat16 (AVX-512 BF16 or AMX)."""
    try:
        return installed() and computes_bfloat16()
    except ImportError:  # the installation is broken
        return False


def computes_bfloat16() -> bool:
    """Return whether OpenVINO, which must be installed, has bfloat16 arithmetic on this processor."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@cache
def _core() -> openvino.Core:
    """Return the one object of the process that reads and compiles networks; each new one examines the processor."""
    core: openvino.Core = _imported().Core()
    return core


def _imported() -> Any:
    """Import OpenVINO without its converter of other formats, which takes longer to import than everything else.

    A call of `openvino.convert_model` imports it then.
    """
    modules: dict[str, Any] = sys.modules
    fresh, converter = "openvino" not in modules, "openvino.tools.ovc"
    if fresh:
        modules.setdefault(converter, None)  # OpenVINO works without its converter
    try:
        import openvino
    finally:
        if fresh and modules.get(converter, ...) is None:  # another thread may have removed it
            modules.pop(converter, None)
    if not hasattr(openvino, "convert_model"):
        openvino.convert_model = _convert_model
    return openvino


def _convert_model(*values: Any, **options: Any) -> Any:
    from openvino.tools.ovc import convert_model

    return convert_model(*values, **options)


def open_model(path: Path, *, threads: int | None, cores: int, precision: str | None = None) -> tuple[Card, Infer]:
    """Open a model file in OpenVINO; return its card, and the function that runs its graph.

    Arguments and errors are those of `read_graph` and `open_graph`; a compiled network that is kept is used.
    """
    core = _checked_core(path)
    settings = _settings(threads=threads, cores=cores, precision=precision)
    place = _place_of(path, settings)
    compiled, memory = _kept(place, settings)
    if compiled is None:  # one of the same bytes that is kept was checked before it was compiled
        check_file(path)
        compiled = _compiled(_read(core, path), path, settings)
        _keep(compiled, place)
    # Opening the file in ONNX Runtime just for its card would cost time and 30 MB.
    card = checked_card(
        metadata_of(path, METADATA_KEY),
        inputs=[item.any_name for item in compiled.inputs],
        outputs=[item.any_name for item in compiled.outputs],
        path=path,
        kind=Card,
    )
    return card, _infer_of(compiled, path, memory=memory)


def read_graph(path: Path) -> openvino.Model:
    """Read an ONNX file.

    Raises:
        MissingExtraError: OpenVINO is not installed.
        ModelError: the file is damaged or not an ONNX graph, OpenVINO cannot use it, or OpenVINO itself is broken.
    """
    core = _checked_core(path)
    check_file(path)
    return _read(core, path)


def _checked_core(path: Path) -> openvino.Core:
    """Return OpenVINO after checking that a file may be an ONNX model; errors are those of `read_graph`."""
    if not installed():
        raise MissingExtraError("openvino", "the runtime openvino")
    try:
        core = _core()
    except ImportError as error:
        raise ModelError(f"OpenVINO is installed but cannot be loaded ({error}); install it again") from error
    with path.open("rb") as file:
        # OpenVINO would try its other formats on a file that is not ONNX, and complain about each on stderr.
        if file.read(1) != _ONNX_BEGINS:
            read_card(path)
    return core


def _read(core: openvino.Core, path: Path) -> openvino.Model:
    try:
        return core.read_model(str(path))
    except RuntimeError as error:
        read_card(path)  # its message is clearer if the file is not a model of tinct's
        raise _unusable(path, error) from error


def open_graph(
    graph: openvino.Model, path: Path, *, threads: int | None, cores: int, precision: str | None = None
) -> Infer:
    """Compile a graph.

    Args:
        graph: from `read_graph`.
        path: of its file, for messages.
        threads: how many threads one run uses; default: one for each core. With fewer threads than cores, as many runs
            as fit go on at once if several threads call.
        cores: how many cores there are for all runs together.
        precision: `bf16` or `f32`; default: bf16 if the processor has it.

    Returns:
        A function that takes the input `luma` and names of outputs, and returns these outputs; several threads may call
        it at once. Leaving outputs out saves nothing: inner ones are computed on the way to the others.

    Raises:
        ModelError: OpenVINO cannot use the graph.
    """
    settings = _settings(threads=threads, cores=cores, precision=precision)
    return _infer_of(_compiled(graph, path, settings), path)


def _settings(*, threads: int | None, cores: int, precision: str | None) -> dict[str, Any]:
    threads = min(threads or cores, cores)
    return {
        "INFERENCE_PRECISION_HINT": precision or ("bf16" if computes_bfloat16() else "f32"),
        "INFERENCE_NUM_THREADS": max(threads, cores - cores % threads),
        "NUM_STREAMS": max(1, cores // threads),
    }


def _compiled(graph: openvino.Model, path: Path, settings: dict[str, Any]) -> openvino.CompiledModel:
    try:
        compiled: openvino.CompiledModel = _core().compile_model(graph, "CPU", settings)
    except RuntimeError as error:
        raise _unusable(path, error) from error
    return compiled


def _place_of(model: Path, settings: Mapping[str, Any]) -> Path | None:
    """Return where a model file compiled with these settings is kept; None if nothing is."""
    folder = cache_folder()
    if folder is None:
        return None
    processor = [_core().get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    digest = sha256(repr([_imported().__version__, processor, sorted(settings.items())]).encode())
    digest.update(np.memmap(model, mode="r").data)
    return folder / "openvino" / f"{digest.hexdigest()}{_SUFFIX}"


def _kept(place: Path | None, settings: Mapping[str, Any]) -> tuple[openvino.CompiledModel | None, object]:
    """Return the network that is kept at a place, and the mapped file that it uses while it lives; None if none is."""
    try:
        # A file of another user, who may write into the folder, is not taken.
        if place is None or (hasattr(os, "getuid") and place.stat().st_uid != os.getuid()):
            return None, None
        # Mapped, not read: copying it took half of the time. The file is only ever replaced as a whole.
        content = _imported().Tensor(np.memmap(place, mode="c"), shared_memory=True)
        compiled = _core().import_model(content, "CPU", dict(settings))
        os.utime(place)  # marks it as used
    except (OSError, ValueError, RuntimeError):  # an empty file raises ValueError
        return None, None
    return compiled, content


def _keep(compiled: openvino.CompiledModel, place: Path | None) -> None:
    """Keep a network if that is possible, and no more than `MOST_KEPT`."""
    if place is None:
        return
    with suppress(OSError, OutputError, RuntimeError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with written_beside(place) as beside, beside.open("wb") as file:
            file.write(compiled.export_model().getbuffer())
            file.flush()
            os.fsync(file.fileno())  # after a crash, half a network would look like a whole one
        kept = sorted(place.parent.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in kept[MOST_KEPT:]:
            old.unlink(missing_ok=True)


def _infer_of(compiled: openvino.CompiledModel, path: Path, memory: object = None) -> Infer:
    """Return the function that runs a network, see `open_graph`; it keeps `memory` alive."""
    # The first access to a tensor's values initialises OpenVINO's binding; two threads at once would deadlock there.
    _ = _imported().Tensor(np.zeros(1, dtype=np.float32)).data
    requests = threading.local()  # a request can run only once at a time, so each thread has its own

    def infer(lumas: FloatArray, outputs: Sequence[str], _memory: object = memory) -> list[FloatArray]:
        if not hasattr(requests, "own"):
            requests.own = compiled.create_infer_request()
        try:
            results = requests.own.infer({"luma": lumas})
            # Copies, since the request's next run overwrites its memory.
            return [np.array(results[name], dtype=np.float32) for name in outputs]
        except RuntimeError as error:
            reason = one_line(error)[-200:]
            raise ModelError(f"{path}: OpenVINO failed on input {lumas.shape} ({reason})") from error

    return infer


def _unusable(path: Path, error: RuntimeError) -> ModelError:
    reason = one_line(error)[-200:]
    return ModelError(f"{path}: OpenVINO cannot use it ({reason}); choose the runtime onnxruntime")

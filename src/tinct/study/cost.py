"""Measure what a network costs: parameters, operations, time and memory."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tinct.errors import ModelError

_PICTURES = 5  # that are timed, after one that is not


def cost_of(run: Path, model: Path, *, size: int) -> dict[str, Any]:
    """Measure what the trained network of a run, exported as `model`, costs to use on squares of `size` pixels.

    Returns:
        `parameters` and, of these, `trained`; `gflop` for one picture (a multiplication and an addition count as two);
        `seconds` for one picture (median of five); `memory_mb`, the peak memory of a separate process with Python, ONNX
        Runtime and the model; `megabytes` of the file; and `size`, the edge that was used.

    Raises:
        ModelError: the model does not run.
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from tinct.learn.run import Run

    network = Run.open(run).network().eval()
    side = max(network.multiple, size // network.multiple * network.multiple)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network(torch.zeros(1, 1, side, side))
    return {
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "trained": sum(weight.numel() for weight in network.parameters() if weight.requires_grad),
        "gflop": counter.get_total_flops() / 1e9,
        "megabytes": model.stat().st_size / 1e6,
        "size": side,
        **_in_own_process(model, side),
    }


def _in_own_process(model: Path, side: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tinct.study.cost", str(model), str(side)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise ModelError(f"{model}: does not run in a separate process ({last[0]})")
    values: dict[str, float] = json.loads(done.stdout)
    return values


def _measure(model: str, side: int) -> dict[str, float]:
    import numpy as np

    from tinct.runtime.session import Session

    session = Session(model, runtime="onnxruntime")
    luma = np.random.default_rng(0).random((side, side), dtype=np.float32)
    session.run(luma)
    seconds = []
    for _ in range(_PICTURES):
        started = time.perf_counter()
        session.run(luma)
        seconds.append(time.perf_counter() - started)
    return {"seconds": statistics.median(seconds), "memory_mb": _peak_memory()}


def _peak_memory() -> float:
    """Return the peak memory of this process, in megabytes."""
    try:
        # Not getrusage, whose value for a child process starts at its parent's size.
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def machine() -> dict[str, Any]:
    """Return the machine's processor, number of cores and system."""
    name = platform.processor()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    return {"processor": name or platform.machine(), "cores": os.cpu_count(), "system": platform.platform()}


def versions() -> dict[str, str]:
    """Return the versions of the software that a study's figures depend on."""
    from importlib.metadata import PackageNotFoundError, version

    from tinct import __version__

    versions = {"tinct": __version__, "python": platform.python_version()}
    for name in ("torch", "lightning", "onnxruntime", "numpy", "scipy", "scikit-image", "matplotlib"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], int(sys.argv[2]))))

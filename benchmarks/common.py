"""What every benchmark shares: where it ran, how a run is timed, and the JSON it leaves."""

from __future__ import annotations

import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LIBRARIES = ("numpy", "onnxruntime", "openvino", "pyvips", "pyvips-binary", "opencv-python-headless", "av", "torch")


def write(name: str, results: dict[str, Any], *, seed: int | None = None, to: Path | None = None) -> Path:
    """Write benchmarks/NAME.json: the results with the command, the commit, the machine and the seed; say so."""
    path = to or HERE / f"{name}.json"
    report = {
        "benchmark": name,
        "command": shlex.join(["python", *sys.argv]),
        "commit": commit(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "machine": machine(),
        "results": results,
    }
    path.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(results, indent=2))
    print(f"written to {path}")
    return path


def machine() -> dict[str, Any]:
    """Describe the machine and the libraries that did the work."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return {
        "processor": _processor(),
        "cores": core_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "libraries": found,
    }


def commit() -> str:
    """Give the commit, with `+changes` where the code differs from it; `unknown` outside a checkout."""
    command = ["git", "-C", str(HERE)]
    try:
        head = subprocess.run([*command, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        status = [*command, "status", "--porcelain", "--untracked-files=no", "--", "../src", "*.py"]
        changes = subprocess.run(status, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+changes" if changes.stdout.strip() else "")


def core_count() -> int:
    """Give the number of processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def seconds(work: Callable[[], Any], *, repeat: int = 5, warm_up: int = 1) -> float:
    """Give the median wall time of `work` over `repeat` runs, after `warm_up` runs that do not count."""
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


@dataclass(frozen=True)
class Spent:
    """What a process took: wall seconds, seconds of all processors, and peak resident memory in 10^6 bytes."""

    wall: float
    cpu: float
    megabytes: float


def run_process(command: list[str], *, environment: dict[str, str] | None = None) -> tuple[float, float]:
    """Run a command; give its wall time in seconds and its peak resident memory in megabytes (10^6 bytes).

    Raises:
        SystemExit: it failed; its last words are shown.
    """
    spent = measured(command, environment=environment)
    return spent.wall, spent.megabytes


def measured(command: list[str], *, environment: dict[str, str] | None = None) -> Spent:
    """Run a command; give what it took, processes of its own included; fail as `run_process`."""
    # A fresh small process starts and waits for it: this one's own children would be in the figure otherwise.
    script = (
        "import json, resource, subprocess, sys, time\n"
        "start = time.perf_counter(); done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
        "took = time.perf_counter() - start; used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([done.returncode, took, used.ru_utime + used.ru_stime, used.ru_maxrss]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *command],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, **(environment or {})},
    )
    status, took, cpu, peak = json.loads(done.stdout)
    if status:
        raise SystemExit(f"failed with status {status}: {shlex.join(command)}")
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in kilobytes elsewhere
    return Spent(took, cpu, peak * unit / 1e6)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor()

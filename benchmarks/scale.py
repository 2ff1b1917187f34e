"""What a run over very many pictures costs beside colorizing them: the plan, the manifest, the scheduling, the memory.

    python benchmarks/scale.py [--count 50000] [--rates 30]

The simulated part takes tiny files through `run_jobs` with everything but the network and the pixels: instead of a
colorizer, a worker reads a file for its hash and writes a few bytes. Three runs: into a new folder, again with all
results there, and again with 1 in 100 gone. Memory is this process's resident memory, taken ten times in each run.
Where Ray is installed, numbers go to two of its workers and back.

The measured part colorizes a few photographs of 640x480 and of 12 megapixels with the model that comes with tinct, on
one thread, in this process: pictures a second of CPU time beside wall time, since other work may share the cores.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import common
from folder import write_photos
from tinct.actors import Pool, actor_map
from tinct.coloring.photo import batch
from tinct.coloring.photo.batch import Engine, colorize_files, run_jobs
from tinct.coloring.photo.manifest import look_whole, manifest_file
from tinct.coloring.photo.plan import plan_jobs
from tinct.coloring.photo.row import Outcome, Row, known
from tinct.coloring.photo.status import summarize
from tinct.coloring.photo.verdict import Step
from tinct.coloring.settings import PhotoSettings

SEED = 1
IN_A_FOLDER = 1000
TINY_MODEL = Path(__file__).parents[1] / "tests" / "golden" / "tiny_bins.onnx"


def megabytes() -> float:
    """Give this process's resident memory now, in 10^6 bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Pretender:
    """Stands in for the worker: reads the picture for its hash, writes a small result, and has no network."""

    def __init__(self, colorizer: object, settings: PhotoSettings, *, root: Path) -> None:
        self.settings = settings

    def __call__(self, step: Step) -> Outcome:
        outcome = known(step, self.settings)
        if outcome is not None:
            return outcome
        target = step.job.target
        assert target is not None
        picture = look_whole(step.job.source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"colours")
        return Outcome(step, Row(step.job.source, target, "colorized", "", 4, 3, 0.0), picture)


def write_tiny(folder: Path, count: int) -> float:
    """Write files of a few bytes, a thousand in a subfolder; give the seconds a file that takes."""
    start = time.perf_counter()
    for index in range(count):
        if index % IN_A_FOLDER == 0:
            place = folder / f"{index // IN_A_FOLDER:05}"
            place.mkdir(parents=True)
        (place / f"scan_{index:08}.jpg").write_bytes(index.to_bytes(8, "big"))
    return (time.perf_counter() - start) / count


def simulated(jobs: list[Any], out: Path) -> dict[str, Any]:
    """Take jobs through a run; give its cost a file, and its memory from tenth to tenth."""
    settings = PhotoSettings(model=TINY_MODEL, runtime="onnxruntime", threads=1)
    memory, statuses = [], Counter[str]()
    start, cpu = time.perf_counter(), time.process_time()
    for done, row in enumerate(run_jobs(jobs, settings, folder=out, root=Path(os.sep), engine=Engine()), start=1):
        statuses[row.status] += 1
        if done % (len(jobs) // 10) == 0:
            memory.append(round(megabytes(), 1))
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {
        "statuses": dict(statuses),
        "microseconds_a_file": round(took / len(jobs) * 1e6, 1),
        "cpu_microseconds_a_file": round(cpu / len(jobs) * 1e6, 1),
        "megabytes_by_tenths": memory,
    }


def simulate(count: int) -> dict[str, Any]:
    """Plan and run `count` tiny files three times."""
    results: dict[str, Any] = {"files": count}
    with tempfile.TemporaryDirectory() as place:
        folder, out = Path(place, "scans"), Path(place, "out")
        results["writing_a_tiny_file_microseconds"] = round(write_tiny(folder, count) * 1e6, 1)
        before, start = megabytes(), time.perf_counter()
        jobs = plan_jobs([folder], output=out, recursive=True)
        results["plan"] = {
            "microseconds_a_file": round((time.perf_counter() - start) / count * 1e6, 1),
            "bytes_a_file": round((megabytes() - before) * 1e6 / count),
        }
        batch.Worker = Pretender  # type: ignore[assignment, misc]
        results["first_run"] = simulated(jobs, out)
        results["again"] = simulated(jobs, out)
        for job in jobs[::100]:
            job.target.unlink()
        results["again_with_1_in_100_gone"] = simulated(jobs, out)
        start = time.perf_counter()
        summary = summarize(out)
        results["status"] = {
            "statuses": dict(summary.statuses),
            "microseconds_a_file": round((time.perf_counter() - start) / count * 1e6, 1),
        }
        results["manifest_bytes_a_file"] = round(manifest_file(out).stat().st_size / count)
    return results


def rates(count: int, width: int, height: int) -> dict[str, Any]:
    """Colorize real photographs on one thread; give pictures a second of wall time and of CPU time."""
    results: dict[str, Any] = {"pictures": count}
    with tempfile.TemporaryDirectory() as place:
        photos = Path(place, "photos")
        photos.mkdir()
        write_photos(photos, count, width, height)
        for runtime in ("onnxruntime", "openvino"):
            settings = PhotoSettings(runtime=runtime, threads=1)
            start, cpu = time.perf_counter(), time.process_time()
            rows = colorize_files([photos], output=Path(place, runtime), settings=settings)
            took, cpu = time.perf_counter() - start, time.process_time() - cpu
            if any(row.status != "colorized" for row in rows):
                raise SystemExit(f"not all were colorized: {Counter(row.status for row in rows)}")
            sizes = [row.target.stat().st_size for row in rows if row.target is not None]
            results[runtime] = {
                "pictures_a_second": round(count / took, 2),
                "pictures_a_cpu_second": round(count / cpu, 2),
                "result_bytes_a_picture": round(sum(sizes) / count),
            }
    return results


def echoing() -> Callable[[int], int]:
    """Make the least that a worker can do."""
    return lambda item: item


def ray_trips(count: int) -> dict[str, Any]:
    """Send items to two workers of Ray that do nothing; give the cost of one's way there and back."""
    items = actor_map(echoing, range(count + 1), known=lambda item: None, lost=int, pool=Pool(workers=2))
    begun = time.perf_counter()
    next(items)
    start, cpu = time.perf_counter(), time.process_time()
    trips = sum(1 for _ in items)
    return {
        "items": trips,
        "seconds_to_start": round(start - begun, 1),
        "microseconds_an_item": round((time.perf_counter() - start) / trips * 1e6, 1),
        "cpu_microseconds_an_item": round((time.process_time() - cpu) / trips * 1e6, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50_000, help="tiny files of the simulated run")
    parser.add_argument("--rates", type=int, default=30, help="photographs of 640x480 to colorize; 0 for none")
    parser.add_argument("--to", type=Path, help="write the JSON here instead of beside this file")
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    if arguments.rates:
        results["rates 640x480"] = rates(arguments.rates, 640, 480)
        results["rates 4000x3000"] = rates(max(1, arguments.rates // 5), 4000, 3000)
    if find_spec("ray"):
        results["ray"] = ray_trips(3000)
    results["simulated"] = simulate(arguments.count)
    common.write("scale", results, seed=SEED, to=arguments.to)


if __name__ == "__main__":
    main()

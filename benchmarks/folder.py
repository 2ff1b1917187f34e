"""A folder of small photographs, JPEG to JPEG, beside the bare network on as many pictures of that size.

    python benchmarks/folder.py [--model photo] [--count 500] [--sizes 320x240 640x480] [--runtimes openvino]

The pictures are crops of scikit-image's and scikit-learn's colour photographs, as grey JPEGs. Both sides use all cores:
the network alone as many pictures at once as is fastest here, the folder as `tinct colorize FOLDER -o FOLDER` does it.
`share` is the folder's pictures a second over the bare network's, for its work alone (in this process, the model
loaded) and for the whole command, start included; both run the network once a picture (`--views 1`). What the command
does with the model's usual views stands beside them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

import common
from tinct.coloring.photo.batch import colorize_files
from tinct.coloring.photo.demo import PHOTOS, photo_file
from tinct.coloring.settings import PhotoSettings
from tinct.runtime import openvino
from tinct.runtime.session import Session

SEED = 1


def write_photos(folder: Path, count: int, width: int, height: int) -> None:
    """Write grey JPEGs, each a random crop of a real photograph, scaled to width x height."""
    rng = np.random.default_rng(SEED)
    sources = [pyvips.Image.new_from_file(str(photo_file(photo))).colourspace("b-w") for photo in PHOTOS]
    sources = [source.flatten() if source.hasalpha() else source for source in sources]
    for index in range(count):
        source = sources[index % len(sources)]
        share = rng.uniform(0.6, 1.0)
        scale = share * min(source.width / width, source.height / height)
        crop_width, crop_height = int(width * scale), int(height * scale)
        left = int(rng.integers(0, source.width - crop_width + 1))
        top = int(rng.integers(0, source.height - crop_height + 1))
        crop = source.crop(left, top, crop_width, crop_height)
        crop.thumbnail_image(width, height=height, size="force").write_to_file(f"{folder}/{index:04}.jpg", Q=90)


def network_rate(model: str, runtime: str, *, count: int, width: int, height: int) -> tuple[float, str]:
    """Measure the bare network's pictures a second: the best of one with all cores, and one a core."""
    cores = common.core_count()
    best = (0.0, "")
    for workers in sorted({1, cores}):
        session = Session(model, runtime=runtime, threads=cores // workers)
        scale = min(1.0, session.card.working_size / (width * height) ** 0.5)
        shape = (round(height * scale), round(width * scale))
        lumas = list(np.random.default_rng(SEED).random((16, *shape), dtype=np.float32))
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(session.run, lumas))
            start = time.perf_counter()
            for _ in pool.map(session.run, (lumas[index % 16] for index in range(count))):
                pass
            rate = count / (time.perf_counter() - start)
        best = max(best, (rate, f"{workers} at once, {shape[1]}x{shape[0]}"))
    return best


def measure(model: str, runtime: str, count: int, width: int, height: int) -> dict[str, Any]:
    """Measure the network, the folder in this process, the whole command, and the network once more."""
    with tempfile.TemporaryDirectory() as place:
        photos = Path(place, "photos")
        photos.mkdir()
        write_photos(photos, count, width, height)
        before, way = network_rate(model, runtime, count=count // 4, width=width, height=height)
        settings = PhotoSettings(model=model, runtime=runtime, views=1)
        start = time.perf_counter()
        rows = colorize_files([photos], output=Path(place, "inside"), settings=settings)
        inside = count / (time.perf_counter() - start)
        failed = [row.message for row in rows if row.status != "colorized"]
        if failed or len(rows) != count:
            raise SystemExit(f"{len(failed)} of {count} were not colorized, the first: {failed[:1]}")
        script = "from tinct.cli import main; main()"
        options = ["--model", model, "--runtime", runtime]
        command = [sys.executable, "-c", script, "colorize", str(photos), *options]
        took, memory = common.run_process([*command, "-o", f"{place}/whole", "--views", "1"])
        usual, _ = common.run_process([*command, "-o", f"{place}/usual"])
        after, _ = network_rate(model, runtime, count=count // 4, width=width, height=height)
    bare = (before + after) / 2
    return {
        "pictures": count,
        "picture": f"{width}x{height} grey JPEG",
        "network_pictures_per_second": round(bare, 2),
        "network_way": way,
        "network_before_and_after": [round(before, 2), round(after, 2)],
        "folder_pictures_per_second": round(inside, 2),
        "folder_share": round(inside / bare, 3),
        "command_pictures_per_second": round(count / took, 2),
        "command_share": round(count / took / bare, 3),
        "command_seconds": round(took, 2),
        "command_peak_megabytes": round(memory, 1),
        "usual_views_pictures_per_second": round(count / usual, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="photo")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--sizes", nargs="+", default=["320x240", "640x480"])
    ways = ["onnxruntime", *(["openvino"] if openvino.installed() else [])]
    parser.add_argument("--runtimes", nargs="+", default=ways)
    parser.add_argument("--to", type=Path, help="write the JSON here instead of beside this file")
    arguments = parser.parse_args()
    results: dict[str, Any] = {"model": arguments.model}
    for size in arguments.sizes:
        width, height = (int(part) for part in size.split("x"))
        for runtime in arguments.runtimes:
            results[f"{size} {runtime}"] = measure(arguments.model, runtime, arguments.count, width, height)
    common.write("folder", results, seed=SEED, to=arguments.to)


if __name__ == "__main__":
    main()

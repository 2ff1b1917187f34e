"""Colour one large photograph, whole process, JPEG to JPEG, beside a plain libvips decode-and-encode of the same file.

Run:  python benchmarks/photo.py [--model FILE] [--megapixels 12 48 96] [--repeat 3]

Writes benchmarks/photo.json: wall seconds (the best and the median of the repeats) and peak memory of each process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = {12: (4243, 2828), 24: (6000, 4000), 48: (8485, 5657), 96: (12000, 8000)}
SEED = 1

PLAIN = """
import resource, sys, pyvips
pyvips.Image.new_from_file(sys.argv[1], access="sequential").write_to_file(sys.argv[2], Q=90)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
# The same decoding, written as RGB with full chroma: what any colour result has to write.
PLAIN_RGB = """
import resource, sys, pyvips
image = pyvips.Image.new_from_file(sys.argv[1], access="sequential")
if image.bands == 1:
    image = image.bandjoin([image, image]).copy(interpretation="srgb")
image.write_to_file(sys.argv[2], Q=90, subsample_mode="off")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
TINCT = """
import resource, sys
from tinct.colorize.colorizer import Colorizer
Colorizer(sys.argv[3], runtime=sys.argv[4]).photo(sys.argv[1], sys.argv[2], overwrite=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def make_photo(folder: Path, megapixels: int, *, bands: int) -> Path:
    """Enlarge scikit-image's cameraman and add grain, so that encoding has as much to do as with a real scan."""
    import pyvips
    import skimage

    width, height = SIZES[megapixels]
    camera = pyvips.Image.new_from_file(str(Path(skimage.__file__).parent / "data" / "camera.png"))
    image = camera.thumbnail_image(width, height=height, size="force")
    image = (image + pyvips.Image.gaussnoise(width, height, sigma=3, mean=0, seed=SEED)).cast("uchar")
    image = image.copy(interpretation="b-w")
    if bands == 3:
        image = image.bandjoin([image, image]).copy(interpretation="srgb")
    path = folder / f"photo{megapixels}_{bands}.jpg"
    image.write_to_file(str(path), Q=90)
    return path


def measure(script: str, *arguments: str, repeat: int) -> dict[str, float]:
    seconds, peaks = [], []
    for _ in range(repeat):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments], check=True, capture_output=True, text=True, timeout=600
        )
        seconds.append(time.perf_counter() - started)
        peaks.append(int(done.stdout) / 1024)
    return {
        "seconds_best": round(min(seconds), 3),
        "seconds_median": round(statistics.median(seconds), 3),
        "peak_mib": round(max(peaks), 1),
    }


def machine() -> dict[str, object]:
    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {"processor": model, "cores": os.cpu_count(), "system": platform.platform(), "load_before": load}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="photo")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--megapixels", type=int, nargs="+", choices=sorted(SIZES), default=[12, 48, 96])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".json"))
    options = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    report = {
        "what": "colour one photograph, whole process with start-up, JPEG to JPEG",
        "command": " ".join(["python", "benchmarks/photo.py", *sys.argv[1:]]),
        "commit": commit.stdout.strip(),
        "seed": SEED,
        "model": Path(options.model).stem,
        "machine": machine(),
        "rows": [],
    }
    with tempfile.TemporaryDirectory() as name:
        for megapixels in options.megapixels:
            for bands in (1, 3):
                photo = make_photo(Path(name), megapixels, bands=bands)
                target = str(Path(name) / "result.jpg")
                plain = measure(PLAIN, str(photo), target, repeat=options.repeat)
                rgb = measure(PLAIN_RGB, str(photo), target, repeat=options.repeat)
                tinct = measure(TINCT, str(photo), target, options.model, options.runtime, repeat=options.repeat)
                row = {
                    "megapixels": megapixels,
                    "input": "grey" if bands == 1 else "RGB",
                    "plain": plain,
                    "plain_to_rgb_444": rgb,
                    "tinct": tinct,
                    "times_plain": round(tinct["seconds_best"] / plain["seconds_best"], 2),
                    "times_plain_to_rgb_444": round(tinct["seconds_best"] / rgb["seconds_best"], 2),
                }
                report["rows"].append(row)
                print(json.dumps(row), file=sys.stderr)
                photo.unlink()
    peaks = {(row["megapixels"], row["input"]): row["tinct"]["peak_mib"] for row in report["rows"]}
    sizes = sorted(options.megapixels)
    report["peak_growth_mib"] = {
        kind: round(peaks[sizes[-1], kind] - peaks[sizes[0], kind], 1) for kind in ("grey", "RGB")
    }
    options.out.write_text(json.dumps(report, indent=2) + "\n")
    print(options.out)


if __name__ == "__main__":
    main()

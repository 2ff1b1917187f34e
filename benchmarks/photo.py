"""Colour one large photograph, whole process, JPEG to JPEG, beside a plain libvips decode-and-encode of the same file.

Run:  python benchmarks/photo.py [--model FILE] [--megapixels 12 48 96] [--repeat 3]

Writes benchmarks/photo.json: wall seconds (the best and the median of the repeats), processor seconds (the least) and
peak memory of each process. Where other work shares the machine, processor seconds alone can be compared. `stages` are
those of this process, the model loaded: the whole way, and libvips alone on the same file.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import common
from tinct.coloring.photo.colorizer import Colorizer

SIZES = {12: (4243, 2828), 24: (6000, 4000), 48: (8485, 5657), 96: (12000, 8000)}
SEED = 1

PLAIN = """
import sys, pyvips
pyvips.Image.new_from_file(sys.argv[1], access="sequential").write_to_file(sys.argv[2], Q=90)
"""
# The same decoding, written as RGB with full chroma: what any colour result has to write.
PLAIN_RGB = """
import sys, pyvips
image = pyvips.Image.new_from_file(sys.argv[1], access="sequential")
if image.bands == 1:
    image = image.bandjoin([image, image]).copy(interpretation="srgb")
image.write_to_file(sys.argv[2], Q=90, subsample_mode="off")
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


def measure(*command: str, repeat: int) -> dict[str, float]:
    """Measure a Python process: wall seconds, processor seconds and peak memory."""
    runs = [common.measured([sys.executable, *command]) for _ in range(repeat)]
    return {
        "seconds_best": round(min(run.wall for run in runs), 3),
        "seconds_median": round(statistics.median(run.wall for run in runs), 3),
        "cpu_seconds": round(min(run.cpu for run in runs), 3),
        "peak_megabytes": round(max(run.megabytes for run in runs), 1),
    }


def stages(photo: Path, target: str, colorizer: Colorizer, *, repeat: int) -> dict[str, float]:
    """Measure processor seconds in this process: of libvips alone, of tinct, and how many times the former it is."""
    import pyvips

    def plain() -> None:
        image = pyvips.Image.new_from_file(str(photo), access="sequential")
        if image.bands == 1:
            image = image.bandjoin([image, image]).copy(interpretation="srgb")
        image.write_to_file(target, Q=90, subsample_mode="off")

    def cpu(work: Callable[[], object]) -> float:
        times = []
        for _ in range(repeat):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        return min(times)

    alone = cpu(plain)
    whole = cpu(lambda: colorizer.photo(photo, target, recolor=True, overwrite=True))
    return {"plain": round(alone, 3), "tinct": round(whole, 3), "times_plain": round(whole / alone, 2)}


def compare(photo: Path, target: str, model: str, runtime: str, *, repeat: int) -> dict[str, Any]:
    """Measure the two plain ways, and the command as anybody would give it."""
    plain = measure("-c", PLAIN, str(photo), target, repeat=repeat)
    rgb = measure("-c", PLAIN_RGB, str(photo), target, repeat=repeat)
    options = ("--model", model, "--runtime", runtime, "--recolor", "--overwrite")
    tinct = measure("-m", "tinct", "colorize", str(photo), "-o", target, *options, repeat=repeat)
    return {
        "plain": plain,
        "plain_to_rgb_444": rgb,
        "tinct": tinct,
        "times_plain": round(tinct["cpu_seconds"] / plain["cpu_seconds"], 2),
        "times_plain_to_rgb_444": round(tinct["cpu_seconds"] / rgb["cpu_seconds"], 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="photo")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--megapixels", type=int, nargs="+", choices=sorted(SIZES), default=[12, 48, 96])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--to", type=Path, help="write the JSON here instead of beside this file")
    options = parser.parse_args()
    rows = []
    colorizer = Colorizer(options.model, runtime=options.runtime)
    with tempfile.TemporaryDirectory() as name:
        target = str(Path(name) / "result.jpg")
        for megapixels in sorted(options.megapixels):
            for bands in (1, 3):
                photo = make_photo(Path(name), megapixels, bands=bands)
                figures = compare(photo, target, options.model, options.runtime, repeat=options.repeat)
                figures["stages"] = stages(photo, target, colorizer, repeat=options.repeat)
                rows.append({"megapixels": megapixels, "input": "grey" if bands == 1 else "RGB", **figures})
                photo.unlink()
    growth = {}
    for kind in ("grey", "RGB"):
        peaks = [row["tinct"]["peak_megabytes"] for row in rows if row["input"] == kind]
        growth[kind] = round(peaks[-1] - peaks[0], 1)
    results = {"model": Path(options.model).stem, "rows": rows, "peak_growth_megabytes": growth}
    common.write("photo", results, seed=SEED, to=options.to)


if __name__ == "__main__":
    main()

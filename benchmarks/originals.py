"""Negatives, bilevel and halftone pictures: what is recognised, and what is taken for one by mistake.

    python benchmarks/originals.py ORDINARY... --ordinary-limit 900 --limit 100

The folders hold ordinary photographs, of which none may be used for the weights of `tinct.color.scan_kinds` and
`tinct.coloring.photo.negative`, nor to train `photo`. All are
looked at at their own size, as rows are while they are coloured, and small. Of the first `--limit`, made grey, the
others are made by code: inverses, photographs in two levels (by one threshold, by a threshold that follows the place,
by error diffusion), and halftones whose dots lie 3 to 10 pixels apart at any angle; some are saved as JPEG. Writes
benchmarks/originals.json.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from common import write
from tinct.color.toning import is_colored
from tinct.coloring.photo.negative import looks_negative
from tinct.coloring.photo.watch import Watch
from tinct.runtime.session import Session

SEED = 5
LEAST_EDGE = 200
Levels = Any


def inverse(levels: Levels, _: np.random.Generator) -> Levels:
    """Invert (H, W) uint8, as all that follow take and return."""
    return 255 - levels


def threshold(levels: Levels, _: np.random.Generator) -> Levels:
    """Put all above Otsu's threshold to white, the rest to black."""
    return cv2.threshold(levels, 0, 255, cv2.THRESH_OTSU)[1]


def local_threshold(levels: Levels, _: np.random.Generator) -> Levels:
    """Compare with the mean around, as scanners do with text."""
    return cv2.adaptiveThreshold(levels, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 31, 5)


def diffused(levels: Levels, _: np.random.Generator) -> Levels:
    """Diffuse the error. Source: Floyd & Steinberg 1976."""
    return np.asarray(Image.fromarray(levels).convert("1")).astype(np.uint8) * 255


def halftone(levels: Levels, rng: np.random.Generator) -> Levels:
    """Screen at any angle, with hard to soft dots."""
    rows, columns = np.mgrid[: levels.shape[0], : levels.shape[1]]
    turn, period = rng.choice([0, 15, 45, 75, rng.uniform(0, 90)]), rng.uniform(3, 10)
    x, y = np.cos(np.deg2rad(turn)) * 2 * np.pi / period, np.sin(np.deg2rad(turn)) * 2 * np.pi / period
    screen = (np.cos(columns * x + rows * y) + np.cos(rows * x - columns * y)) / 4 + 0.5
    inked = 255 / (1 + np.exp(-(levels / 255 - screen) * rng.choice([8, 20, 60])))
    return np.rint(inked).astype(np.uint8)


KINDS: dict[str, tuple[str, Callable[[Levels, np.random.Generator], Levels]]] = {
    "negative": ("negative", inverse),
    "bilevel, one threshold": ("bilevel", threshold),
    "bilevel, local threshold": ("bilevel", local_threshold),
    "bilevel, error diffusion": ("bilevel", diffused),
    "halftone": ("halftone", halftone),
}


def told(levels: Levels, session: Session) -> set[str]:
    """Return what is said of a grey picture (H, W) uint8, of negatives by what a model sees."""
    luma = levels.astype(np.float32) / 255
    watch = Watch(luma.shape[1], luma.shape[0])
    watch.see(luma, 0)
    said = " ".join(watch.remarks)
    kinds = {kind for kind in ("bilevel", "halftone") if f"looks {kind}" in said or f"like a {kind}" in said}
    return kinds | ({"negative"} if looks_negative(session, luma) else set())


def photographs(folders: list[Path], *, limit: int) -> list[np.ndarray]:
    """Read colour photographs (H, W) uint8 as grey ones, chosen at random."""
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
    random.Random(SEED).shuffle(paths)
    found: list[np.ndarray] = []
    for path in paths:
        picture = cv2.imread(str(path))
        if picture is None or min(picture.shape[:2]) < LEAST_EDGE:
            continue
        small = cv2.resize(picture, (128, 128), interpolation=cv2.INTER_AREA)[..., ::-1] / np.float32(255)
        if is_colored(small):  # posters in black and white are no photographs, and may be bilevel
            found.append(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
        if len(found) == limit:
            break
    return found


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--ordinary-limit", type=int, default=900)
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--to", type=Path, help="write here instead of benchmarks/originals.json")
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    ordinary = photographs(chosen.folder, limit=chosen.ordinary_limit)
    session = Session(threads=1)
    start = time.process_time()
    said = [told(levels, session) for levels in ordinary]
    spent = (time.process_time() - start) / len(ordinary)
    alarms = {kind: sum(kind in kinds for kinds in said) for kind in ("negative", "bilevel", "halftone")}
    rng = np.random.default_rng(SEED)
    recognised = {}
    for name, (kind, make) in KINDS.items():
        hits = 0
        for levels in ordinary[: chosen.limit]:
            picture = make(levels[:600, :600], rng) if kind != "negative" else make(levels, rng)
            if rng.uniform() < 0.5:
                quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.choice([75, 90]))]
                picture = cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], cv2.IMREAD_GRAYSCALE)
            hits += kind in told(picture, session)
        recognised[name] = {"made": min(len(ordinary), chosen.limit), "recognised": hits}
    inverted = sum(looks_negative(session, (255 - levels).astype(np.float32) / 255) for levels in ordinary)
    results = {
        "ordinary": {"photographs": len(ordinary), "taken_for": alarms, "milliseconds_of_processor": 1e3 * spent},
        "all_inverted": {"made": len(ordinary), "recognised": inverted},
        "recognised": recognised,
    }
    write("originals", results, seed=SEED, to=chosen.to)


if __name__ == "__main__":
    main()

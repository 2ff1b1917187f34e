"""What grain, stains and scratches do to colours, with `--denoise auto` and `off`.

    python benchmarks/damage.py PHOTOGRAPHS [--limit 16]

Each colour photograph is fitted into 512 pixels, made grey, and damaged by code (`scan_pages.py`). What the network
chooses is put on the untouched luma.

| figure | what it says                                                                                           |
|--------|--------------------------------------------------------------------------------------------------------|
| ab     | mean distance of a and b in Lab from the truth                                                         |
| chroma | mean chroma of the result                                                                              |
| stains | share of the area with a chroma above 25 where the truth's is below 10, in per cent                    |
| moved  | share of the area at the damage where a and b lie over 10 from those of the undamaged one, in per cent |
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from common import write
from scan_pages import DAMAGE
from scans import LONGEST, SEED, chosen, measured, photographs
from tinct import Colorizer
from tinct.color.spaces import rgb_to_yuv

MOVED, NOTICED = 10.0, 8 / 255  # in Lab, and of luma


def moved(colors: np.ndarray, before: np.ndarray, damage: np.ndarray) -> float:
    """Return in which share of the area at the damage (h, w), in luma, colours (h, w, 2) are others than without it."""
    near = cv2.dilate((np.abs(damage) > NOTICED).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    return 100 * float((np.hypot(*np.moveaxis(colors - before, -1, 0))[near] > MOVED).mean())


def main() -> None:
    """Measure, and write damage.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", type=Path, help="a folder of colour photographs")
    parser.add_argument("--model", default="photo")
    parser.add_argument("--limit", type=int, default=16, help="this many photographs")
    parser.add_argument("--to", type=Path, help="write here instead of benchmarks/damage.json")
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    auto = Colorizer(wanted.model, threads=1)
    ways = {"auto": auto, "off": auto.changed(denoise="off")}
    rows: dict[str, dict[str, list[dict[str, float]]]] = {}
    photos = photographs(wanted.photographs, limit=wanted.limit, longest=LONGEST)
    for number, photo in enumerate(photos):
        rng = np.random.default_rng(number)
        truth = photo.astype(np.float32) / 255
        luma = rgb_to_yuv(truth)[..., 0]
        before = {way: chosen(colorizer, luma, truth) for way, colorizer in ways.items()}
        for way, colors in before.items():
            rows.setdefault("undamaged", {}).setdefault(way, []).append(measured(colors, truth))
        for kind, damage in DAMAGE.items():
            scan = damage(luma, rng)
            for way, colorizer in ways.items():
                colors = chosen(colorizer, scan, truth)
                values = {**measured(colors, truth), "moved": moved(colors, before[way], scan - luma)}
                rows.setdefault(kind, {}).setdefault(way, []).append(values)
    write("damage", {"photographs": len(photos), "kinds": means(rows)}, seed=SEED, to=wanted.to)


def means(rows: dict[str, dict[str, list[dict[str, float]]]]) -> dict[str, dict[str, dict[str, float]]]:
    """Return the mean of each figure, by kind of damage and by way."""
    return {
        kind: {
            way: {name: round(float(np.mean([row[name] for row in of])), 2) for name in of[0]}
            for way, of in found.items()
        }
        for kind, found in rows.items()
    }


if __name__ == "__main__":
    main()

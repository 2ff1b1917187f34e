"""Which copies are found among pictures that share a layout, and which independent pictures are called copies.

Run:  python benchmarks/copies.py [--photographs FOLDER]

800 made pictures of noise in two hues 3 degrees apart, half of them in the axes of a plot; every tenth again as a JPEG
of quality 75 with halved chroma; with two seeds. With FOLDER, 800 photographs of it as well; every tenth once more as
JPEG of quality 30 or 50, at half the size, lighter, or less a fiftieth along each edge. Writes benchmarks/copies.json.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import common
from tinct.data.duplicates import near_duplicates

COUNT, EVERY = 800, 10
Picture = NDArray[np.uint8]


def as_jpeg(rgb: Picture, quality: int) -> Picture:
    """Return a picture saved as JPEG with halved chroma and read again."""
    saved = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(saved, cv2.IMREAD_COLOR)[..., ::-1])


def plot(index: int, seed: int) -> Picture:
    """Return noise in a hue of 216 or 219 degrees, on half of the pictures with slow changes, on half in axes."""
    random = np.random.default_rng([seed, index])
    slow = cv2.resize(random.normal(0, 1, (6, 8)).astype(np.float32), (128, 96), interpolation=cv2.INTER_CUBIC)
    value = 0.55 + 0.12 * slow * (random.random() < 0.5) + random.normal(0, 0.03, (96, 128)) + random.normal(0, 0.05)
    hsv = np.stack(
        [np.full((96, 128), 216 + 3 * (index % 2)), np.full((96, 128), 0.7), np.clip(value, 0.1, 1)], axis=-1
    )
    rgb = np.rint(255 * cv2.cvtColor(hsv.astype(np.float32), cv2.COLOR_HSV2RGB)).clip(0, 255).astype(np.uint8)
    if index % 4 >= 2:
        return rgb
    framed = np.full((96, 128, 3), 255, np.uint8)
    framed[10:82, 18:120] = cv2.resize(rgb, (102, 72), interpolation=cv2.INTER_AREA)
    cv2.rectangle(framed, (17, 9), (120, 82), (0, 0, 0), 1)
    cv2.putText(framed, "Time [s]", (40, 94), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (0, 0, 0), 1)
    for tick in range(5):
        cv2.line(framed, (13, 14 + 15 * tick), (17, 14 + 15 * tick), (0, 0, 0), 1)
    return framed


CHANGES = {
    "JPEG 50": lambda rgb: as_jpeg(rgb, 50),
    "half size": lambda rgb: cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    "lighter": lambda rgb: cv2.convertScaleAbs(rgb, alpha=1.03, beta=2),
    "cropped": lambda rgb: rgb[len(rgb) // 50 : -(len(rgb) // 50), rgb.shape[1] // 50 : -(rgb.shape[1] // 50)],
    "JPEG 30": lambda rgb: as_jpeg(rgb, 30),
}


def small(rgb: Picture) -> Picture:
    """Return a picture at 128x96."""
    return np.asarray(cv2.resize(rgb, (128, 96), interpolation=cv2.INTER_AREA))


def judge(pictures: list[Picture], copies: list[Picture], kinds: list[str]) -> dict[str, Any]:
    """Look for copies without and with those that there are."""
    count = len(pictures)
    began = time.process_time()
    alone = near_duplicates(np.stack(pictures))
    groups = near_duplicates(np.stack([*pictures, *copies]))
    seconds = time.process_time() - began
    found = groups[count:] == groups[np.arange(len(copies)) * EVERY]
    return {
        "pictures": count,
        "copies": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        "found": {kind: int(sum(found[place] for place, other in enumerate(kinds) if other == kind)) for kind in
                  sorted(set(kinds))},
        "called_copies_without_any": int((alone != np.arange(count)).sum()),
        "processor_seconds": round(seconds / 2, 1),
    }  # fmt: skip


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path)
    wanted = parser.parse_args()
    results: dict[str, Any] = {}
    for seed in (0, 1):
        plots = [plot(index, seed) for index in range(COUNT)]
        again = [as_jpeg(picture, 75) for picture in plots[::EVERY]]
        results[f"plots, seed {seed}"] = judge(plots, again, ["JPEG 75"] * len(again))
    if wanted.photographs:
        paths = sorted(path for path in wanted.photographs.rglob("*") if path.suffix.lower() in (".jpg", ".png"))
        chosen = np.random.default_rng(0).permutation(len(paths))[:COUNT]
        whole = [np.ascontiguousarray(cv2.imread(str(paths[index]))[..., ::-1]) for index in chosen]
        kinds = [list(CHANGES)[place % len(CHANGES)] for place in range(len(whole[::EVERY]))]
        again = [small(CHANGES[kind](rgb)) for kind, rgb in zip(kinds, whole[::EVERY], strict=True)]
        results["photographs"] = judge([small(rgb) for rgb in whole], again, kinds)
    common.write("copies", results, seed=0)


if __name__ == "__main__":
    main()

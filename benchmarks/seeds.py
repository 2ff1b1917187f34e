"""Colours from seeds beside the plain decode: python benchmarks/seeds.py --data DATASET [--limit N]

On validation photographs: CIEDE2000 and AuC against the truth, beside the grey picture, and leakage across edges: of
pixels two beside a strong edge of luma, how far their colour is already that of the other side.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import cv2
import numpy as np

import common
from tinct.color.spaces import rgb_to_yuv
from tinct.coloring.photo.colorizer import Colorizer
from tinct.data.pictures import find_pictures
from tinct.study.evaluate import evaluate
from tinct.study.making import colored_from_seeds
from tinct.study.method import Method

# Leakage: pixels beside an edge, and far enough from it to have their side's own colour.
NEAR, FAR = 2, 8
# Least luma step of an edge, and least difference of the sides' chroma for which leakage has a meaning.
STEP, DIFFERENCE = 0.15, 0.06
METRICS = ("ciede2000", "auc", "auc_rebalanced", "auc_within", "colorfulness_ratio")


def leakage(luma: np.ndarray, rgb: np.ndarray) -> list[float]:
    """Give the leakage of each place where an edge of luma separates two colours of the result.

    Args:
        luma: (h, w) in 0..1.
        rgb: (h, w, 3) uint8, the result.

    Returns:
        0 where the colour changes at the edge, 0.5 where it is an even mixture beside it.
    """
    chroma = rgb_to_yuv(rgb.astype(np.float32) / 255)[..., 1:]
    found = []
    for values, colors in ((luma, chroma), (luma.T, chroma.swapaxes(0, 1))):
        step = values[:, 2:] - values[:, :-2]
        rows, columns = np.nonzero((np.abs(step) > STEP) & (cv2.dilate(np.abs(step), np.ones((1, 5))) <= np.abs(step)))
        columns = columns + 1
        inside = (columns >= FAR) & (columns < values.shape[1] - FAR)
        rows, columns = rows[inside], columns[inside]
        for side in (-1, 1):
            own, other = colors[rows, columns + side * FAR], colors[rows, columns - side * FAR]
            near = colors[rows, columns + side * NEAR]
            gap = other - own
            length = np.square(gap).sum(axis=-1)
            clear = length > DIFFERENCE**2
            share = ((near - own) * gap).sum(axis=-1)[clear] / length[clear]
            found += np.clip(share, 0, 1).tolist()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="datasets/photo")
    parser.add_argument("--model", default="photo")
    parser.add_argument("--limit", type=int, default=300)
    parser.add_argument("--to", type=Path, default=None, help="write the JSON here")
    options = parser.parse_args()
    ways = {"plain": Colorizer(options.model), "seeds": partial(colored_from_seeds, Colorizer(options.model))}
    methods = [Method(name, way) for name, way in ways.items()]
    found = evaluate(methods, options.data, limit=options.limit)
    leaks: dict[str, list[float]] = {name: [] for name in ways}
    for picture in find_pictures(options.data, split="val", limit=options.limit, seed=0)[::3]:
        grey = np.rint(np.clip(rgb_to_yuv(picture.read().astype(np.float32) / 255)[..., 0], 0, 1) * 255)
        luma = grey.astype(np.float32) / 255
        for name, way in ways.items():
            leaks[name] += leakage(luma, way(grey.astype(np.uint8)))
    results = {
        score.method: {metric: round(score.metrics[metric].mean, 3) for metric in METRICS}
        for score in found.scores
        if score.method in ("grey", *ways)
    }
    for name, values in leaks.items():
        results[name]["leakage"] = round(float(np.mean(values)), 4)
        results[name]["edges"] = len(values)
    settings = {"data": Path(options.data).name, "pictures": found.pictures, "model": options.model}
    common.write("seeds", {**settings, "ways": results}, seed=0, to=options.to)


if __name__ == "__main__":
    main()

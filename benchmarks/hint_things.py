"""How well a hint keeps to its thing: python benchmarks/hint_things.py --images FOLDER --masks FOLDER [--limit N]

Each photograph FOLDER/NAME.jpg has a mask FOLDER/NAME.png, whose levels are kinds of things, 0 the rest, as the public
SYSU-Scene set has them in `images` and `seg`. A thing is a connected part of one kind, of 1.5 to 40 % of the picture;
of each photograph the two largest count. One hint says the true colour at the point farthest from the thing's border. A
pixel is coloured where the hint has more than half of it. Measured over things: the share of coloured pixels outside
the thing, the share of the thing that is coloured, and both as intersection over union.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import common
from tinct.color.spaces import rgb_to_yuv
from tinct.coloring.hints.hint import Hint
from tinct.coloring.hints.spreading import place_hints
from tinct.coloring.photo.colorizer import Colorizer

# Of the picture's area: smaller is finer than hints spread, larger is the background.
LEAST, MOST = 0.015, 0.4
A_PICTURE = 2
# Half the side of the window whose mean colour a hint says.
WINDOW = 2


def things(mask: NDArray[Any]) -> list[NDArray[np.bool_]]:
    """Return the largest things of a mask (h, w)."""
    found = []
    for kind in np.unique(mask[mask > 0]):
        count, parts, statistics, _ = cv2.connectedComponentsWithStats((mask == kind).astype(np.uint8))
        for part in range(1, count):
            area = statistics[part, cv2.CC_STAT_AREA] / mask.size
            if LEAST <= area <= MOST:
                found.append((float(area), parts == part))
    return [thing for _, thing in sorted(found, key=lambda item: -item[0])[:A_PICTURE]]


def true_hint(rgb: NDArray[np.uint8], thing: NDArray[np.bool_]) -> Hint:
    """Return the true colour at the point of a thing that is farthest from its border."""
    inside = cv2.distanceTransform(np.pad(thing, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = divmod(int(inside.argmax()), thing.shape[1])
    patch = rgb[max(0, y - WINDOW) : y + WINDOW + 1, max(0, x - WINDOW) : x + WINDOW + 1].reshape(-1, 3)
    red, green, blue = (int(value) for value in patch.mean(axis=0).round())
    return Hint(points=((float(x), float(y)),), color=(red, green, blue))


def shares(rgb: NDArray[np.uint8], mask: NDArray[Any], colorizer: Colorizer) -> Iterator[tuple[float, float, float]]:
    """Yield for each thing what is coloured outside it, how much of it is coloured, and intersection over union."""
    height, width = mask.shape
    luma = np.ascontiguousarray(np.clip(rgb_to_yuv(rgb.astype(np.float32) / 255)[..., 0], 0, 1))
    spreader = colorizer.predict(luma).spreader
    for thing in things(mask):
        share = spreader.shares(place_hints([true_hint(rgb, thing)], width=width, height=height)).share
        colored = cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
        both = int((colored & thing).sum())
        whole = max(1, int(colored.sum()))
        yield 1 - both / whole, both / int(thing.sum()), both / int((colored | thing).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--masks", type=Path, required=True)
    parser.add_argument("--model", default="photo")
    parser.add_argument("--limit", type=int, default=45, help="of photographs, the first by name")
    parser.add_argument("--to", type=Path, default=None, help="write the JSON here")
    options = parser.parse_args()
    colorizer = Colorizer(options.model)
    rows, pictures = [], 0
    for path in sorted(options.images.glob("*.jpg"))[: options.limit]:
        mask = cv2.imread(str(options.masks / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if mask is None or bgr is None or mask.shape != bgr.shape[:2]:
            raise SystemExit(f"{path}: has no mask of its size in {options.masks}")
        rows += list(shares(np.ascontiguousarray(bgr[..., ::-1]), mask, colorizer))
        pictures += 1
    percent = (100 * np.array(rows)).round(1)
    results = {
        "pictures": pictures,
        "things": len(rows),
        "model": Path(options.model).stem,
        "percent": {
            name: {"mean": round(float(column.mean()), 1), "median": round(float(np.median(column)), 1)}
            for name, column in zip(("outside", "inside", "intersection_over_union"), percent.T, strict=True)
        },
    }
    common.write("hint_things", results, to=options.to)


if __name__ == "__main__":
    main()

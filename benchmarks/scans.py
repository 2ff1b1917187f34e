"""Scans as people have them: faded, dark, framed, on album pages; and ordinary photographs left whole.

    python benchmarks/scans.py PHOTOGRAPHS --ordinary LANDSCAPES --ordinary OTHERS --limit 64

Each photograph is fitted into 512 pixels and made grey, and a scan is made of it by code (`scan_pages.py`). What
the network then chooses is put on the untouched luma, and compared with the true colours: the mean distance of a and b
in Lab over the photograph, so that only the choice of colours counts. `off` is the same with `tones` and `frames` off.

| figure       | what it says                                                                                     |
|--------------|--------------------------------------------------------------------------------------------------|
| ab           | mean distance of a and b from the truth                                                          |
| chroma       | mean chroma of the result, which shows whether a small distance is bought with greyness         |
| stains       | share of the area with a chroma above 25 where the truth's is below 10, in per cent              |
| found        | share of made scans on which each photograph was found (overlap of 0.93), and nothing else       |
| detections   | ordinary photographs on which a frame was found                                                  |
| cut          | those of them with more than 5 % of detail in what was taken for frame                           |
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from common import write
from scan_pages import LIGHT, Page, album, bordered, pages_of
from tinct import Colorizer
from tinct.color.page_layout import find_photographs
from tinct.color.places import inside
from tinct.color.resize import shrunk
from tinct.color.spaces import rgb_to_lab, rgb_to_yuv
from tinct.color.toning import is_colored
from tinct.color.upsample import yuv_colors
from tinct.coloring.photo.scan import look_at, predict_each
from tinct.errors import UnreadableError
from tinct.media.image.small import read_small
from tinct.study.metrics import Truth, compare

LONGEST, SMALL, SEED = 512, 640, 0
VIVID, DULL = 25.0, 10.0
FOUND, DETAIL = 0.93, 0.05
PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".webp")


def photographs(folder: Path, *, limit: int, longest: int, colored: bool = True) -> list[np.ndarray]:
    """Read some of a folder's photographs (h, w, 3), uint8, chosen at random."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    random.Random(SEED).shuffle(paths)
    found: list[np.ndarray] = []
    for path in paths:
        if len(found) == limit:
            break
        try:
            picture = read_small(path.read_bytes(), longest=longest, name=path.name)
        except UnreadableError:
            continue
        if min(picture.shape[:2]) >= 150 and (not colored or is_colored(picture / np.float32(255))):
            found.append(picture)
    return found


def chosen(colorizer: Colorizer, scan: np.ndarray, truth: np.ndarray, *, part: Any = None) -> np.ndarray:
    """Colour the luma of a scan (H, W) in 0..1; return a and b (h, w, 2) of its `part` on the truth's own luma."""
    small = shrunk(scan, SMALL)[..., None]
    answer = predict_each(
        colorizer.predict, small, look_at(small, frames=colorizer.decoding.frames, recolor=False, name="scan")
    )
    luma = answer.luma
    chroma = answer.guide().chroma(luma)
    if part is not None:
        chroma = cv2.resize(chroma, scan.shape[::-1], interpolation=cv2.INTER_LINEAR)
        matrix = cv2.getAffineTransform(
            part[[0, 1, 3]].astype(np.float32),
            np.array([[0, 0], [truth.shape[1], 0], [0, truth.shape[0]]], np.float32),
        )
        chroma = cv2.warpAffine(chroma, matrix, truth.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    chroma = cv2.resize(chroma, truth.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return rgb_to_lab(yuv_colors(rgb_to_yuv(truth)[..., 0], chroma))[..., 1:]


def measured(colors: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Compare a and b (h, w, 2) with the truth (h, w, 3) in 0..1."""
    true = rgb_to_lab(truth)[..., 1:]
    strength, real = (np.hypot(each[..., 0], each[..., 1]) for each in (colors, true))
    return {
        "ab": float(np.hypot(*np.moveaxis(colors - true, -1, 0)).mean()),
        "chroma": float(strength.mean()),
        "stains": 100 * float(((strength > VIVID) & (real < DULL)).mean()),
    }


def of_light(colorizers: dict[str, Colorizer], photos: list[np.ndarray]) -> dict[str, Any]:
    """Measure photographs in other light and in frames, with both colorizers."""
    rows: dict[str, dict[str, list[dict[str, float]]]] = {}

    def add(kind: str, way: str, values: dict[str, float]) -> None:
        rows.setdefault(kind, {}).setdefault(way, []).append(values)

    for number, photo in enumerate(photos):
        truth = photo.astype(np.float32) / 255
        luma = rgb_to_yuv(truth)[..., 0]
        grey = np.repeat(np.rint(luma * 255).astype(np.uint8)[..., None], 3, axis=2)
        for way, colorizer in colorizers.items():
            for kind, change in LIGHT.items():
                steps = 65535 if kind == "12 bits in 16" else 255
                scan = (np.rint(change(luma) * steps) / steps).astype(np.float32)
                add(kind, way, measured(chosen(colorizer, scan, truth), truth))
            for kind, page in _framed(grey, np.random.default_rng(number)).items():
                scan = rgb_to_yuv(page.pixels / np.float32(255))[..., 0]
                add(kind, way, measured(chosen(colorizer, scan, truth, part=page.corners[0]), truth))
    means = {
        kind: {
            way: {name: round(float(np.mean([row[name] for row in of])), 2) for name in of[0]}
            for way, of in ways.items()
        }
        for kind, ways in rows.items()
    }
    return {"photographs": len(photos), "kinds": means}


def _framed(grey: np.ndarray, rng: np.random.Generator) -> dict[str, Page]:
    return {
        "white border": bordered(grey, level=(252, 252, 252)),
        "album page": album([grey], rng, level=(42, 38, 36)),
    }


def of_ordinary(colorizers: dict[str, Colorizer], photos: list[np.ndarray]) -> dict[str, Any]:
    """Measure CIEDE2000 of untouched photographs with both colorizers."""
    means = {}
    for way, colorizer in colorizers.items():
        values = []
        for photo in photos:
            grey = np.rint(rgb_to_yuv(photo / np.float32(255))[..., 0] * 255).astype(np.uint8)
            values.append(compare(Truth.of(photo), colorizer(grey)).values["ciede2000"])
        means[way] = {"ciede2000": round(float(np.mean(values)), 3)}
    return means


def of_finding(photos: list[np.ndarray]) -> dict[str, Any]:
    """Count the made scans on which each photograph is found, and nothing else."""
    rng = np.random.default_rng(SEED)
    counts: dict[str, list[bool]] = {}
    for number in range(len(photos)):
        chosen = [photos[(number + 7 * step) % len(photos)] for step in range(4)]
        grey = [np.rint(rgb_to_yuv(photo / np.float32(255))[..., :1] * 255).astype(np.uint8) for photo in chosen]
        for kind, page in pages_of([np.repeat(photo, 3, axis=2) for photo in grey], rng).items():
            counts.setdefault(kind, []).append(_is_found(page))
    return {kind: {"scans": len(hits), "found": round(100 * float(np.mean(hits)), 1)} for kind, hits in counts.items()}


def _is_found(page: Page) -> bool:
    small = shrunk(page.pixels / np.float32(255), SMALL)
    height, width = small.shape[:2]
    places = find_photographs(small)
    masks = [_filled(place.on(width, height), height, width) for place in places]
    scale = (width / page.pixels.shape[1], height / page.pixels.shape[0])
    hits = 0
    for corners in page.corners:
        wanted = _filled(corners * scale, height, width)
        hits += any((mask & wanted).sum() >= FOUND * (mask | wanted).sum() for mask in masks)
    return hits == len(page.corners) == len(places)


def _filled(corners: np.ndarray, height: int, width: int) -> np.ndarray:
    return cv2.fillConvexPoly(np.zeros((height, width), np.uint8), np.rint(corners).astype(np.int32), 1)


def of_alarms(folder: Path, *, limit: int) -> dict[str, int]:
    """Count ordinary photographs on which a frame is found, and those of which detail would be taken for frame."""
    photos = photographs(folder, limit=limit, longest=SMALL, colored=False)
    detections = cut = 0
    for photo in photos:
        small = shrunk(photo / np.float32(255), SMALL)
        places = find_photographs(small)
        if not places:
            continue
        detections += 1
        height, width = small.shape[:2]
        outside = inside(places, 0, height, width=width, height=height, soft=4) == 0
        slope = cv2.blur(np.abs(cv2.Laplacian(small.mean(axis=-1), cv2.CV_32F)), (3, 3))
        cut += bool(outside.any() and (slope[outside] > 8 / 255).mean() > DETAIL)
    return {"photographs": len(photos), "detections": detections, "cut": cut}


def main() -> None:
    """Measure, and write scans.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", type=Path, help="a folder of colour photographs")
    parser.add_argument("--ordinary", type=Path, action="append", default=[], help="a folder on which to count alarms")
    parser.add_argument("--model", default="photo")
    parser.add_argument("--limit", type=int, default=64, help="this many photographs")
    parser.add_argument("--ordinary-limit", type=int, default=250, help="this many of each --ordinary")
    parser.add_argument("--to", type=Path, help="write here instead of benchmarks/scans.json")
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    photos = photographs(wanted.photographs, limit=wanted.limit, longest=LONGEST)
    colorizers = {"auto": Colorizer(wanted.model, threads=1)}
    colorizers["off"] = colorizers["auto"].changed(tones="off", frames="off")
    results = {
        "finding": of_finding(photos),
        "alarms": {folder.name: of_alarms(folder, limit=wanted.ordinary_limit) for folder in wanted.ordinary},
        "colours": of_light(colorizers, photos),
        "ordinary": of_ordinary(colorizers, photos),
    }
    write("scans", results, seed=SEED, to=wanted.to)


if __name__ == "__main__":
    main()

"""How far other readings differ: python benchmarks/readings.py --data FOLDER [--limit N]

Photographs are greyed and given the readings of `tinct.coloring.photo.readings`. Measured is the mean distance in a and
b of Lab between any two colourings, the usual one included; how much likelihood readings lose under the network; and
which share of their change is common to a thing, where things are found by luma alone: cells of a k-means on luma and
place. Beside it stand six settings of temperature and caution, which the page offered before.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

import common
from tinct.color.decoding import softmax
from tinct.color.resize import shrunk
from tinct.color.spaces import rgb_to_lab, rgb_to_yuv
from tinct.color.upsample import color_rows
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.prediction import Prediction
from tinct.coloring.photo.readings import other_readings
from tinct.data.pictures import find_pictures

SEED = 0
# Root of height x width at which colourings are compared.
SIZE = 160
# Multiples of the model's temperature and caution.
SETTINGS = ((1, 1), (0.45, 1), (0.45, 0), (1, 0), (1.7, 1), (1, 3))


def colors(prediction: Prediction, luma: np.ndarray) -> np.ndarray:
    """Give a and b (h, w, 2) of a colouring."""
    rgb = color_rows(luma, prediction.guide(), top=0, height=len(luma), dtype=np.float32)
    return rgb_to_lab(shrunk(rgb, SIZE))[..., 1:]


def apart(colorings: list[np.ndarray]) -> list[float]:
    return [float(np.linalg.norm(one - other, axis=-1).mean()) for one, other in combinations(colorings, 2)]


def common_share(change: np.ndarray, luma: np.ndarray) -> float:
    """Give the share of a change's (h, w, 2) squared size that is its mean over each thing."""
    height, width = luma.shape
    down, across = np.mgrid[:height, :width] / (0.35 * (height * width) ** 0.5)
    features = np.stack([luma / 0.08, down, across], axis=-1).reshape(-1, 3).astype(np.float32)
    stop = (cv2.TERM_CRITERIA_COUNT, 15, 0)
    _, owners, _ = cv2.kmeans(features, 16, None, stop, 1, cv2.KMEANS_PP_CENTERS)
    flat, owners = change.reshape(-1, 2), owners.ravel()
    mean = np.stack([flat[owners == owner].mean(axis=0) for owner in range(16)])[owners]
    return float(np.square(mean).sum() / max(1e-9, np.square(flat).sum()))


def likelihood(prediction: Prediction) -> float:
    """Give the mean log-probability of a colouring's bin cells under the network, in nats."""
    bins = prediction.bins
    assert bins is not None
    shares = softmax(prediction.output, temperature=prediction.calibration)
    cell = float(np.max((np.array(bins.high) - np.array(bins.low)) / bins.lookup.shape[0]))
    away = np.square(prediction.native_chroma()[..., None, :] - bins.centers).sum(axis=-1)
    return float(np.log((shares * np.exp(-away / (2 * cell * cell))).sum(axis=-1) + 1e-6).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", default="photo")
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--to", type=Path, default=None, help="write the JSON here")
    options = parser.parse_args()
    cv2.setRNGSeed(SEED)
    colorizer = Colorizer(options.model, threads=1)
    rows: dict[str, list[float]] = {name: [] for name in ("count", "readings", "settings", "lost", "common")}
    for picture in find_pictures(options.data, limit=options.limit, seed=SEED):
        rgb = picture.read(longest=640).astype(np.float32) / 255
        luma = np.ascontiguousarray(np.clip(rgb_to_yuv(rgb)[..., 0], 0, 1))
        usual = colorizer.predict(luma)
        readings = [reading.prediction for reading in other_readings(usual)]
        shown = [colors(one, luma) for one in (usual, *readings)]
        settings = [
            usual.chosen(temperature=min(1.2, hot * usual.temperature), caution=min(2.0, care * usual.caution))
            for hot, care in SETTINGS
        ]
        rows["count"].append(len(readings))
        rows["settings"] += [float(np.mean(apart([colors(one, luma) for one in settings])))]
        if readings:
            rows["readings"] += [float(np.mean(apart(shown)))]
            rows["lost"] += [likelihood(usual) - likelihood(one) for one in readings]
            rows["common"] += [common_share(one - shown[0], shrunk(luma, SIZE)) for one in shown[1:]]
    results = {
        "photographs": len(rows["count"]),
        "readings_a_photograph": round(float(np.mean(rows["count"])), 2),
        "ab_between_readings": round(float(np.mean(rows["readings"])), 2),
        "ab_between_readings_tenth_to_ninth_decile": [
            round(float(np.percentile(rows["readings"], at)), 2) for at in (10, 90)
        ],
        "ab_between_settings": round(float(np.mean(rows["settings"])), 2),
        "nats_lost": round(float(np.mean(rows["lost"])), 3),
        "nats_lost_ninth_decile": round(float(np.percentile(rows["lost"], 90)), 3),
        "share_of_change_common_to_a_thing": round(float(np.mean(rows["common"])), 3),
    }
    common.write("readings", results, seed=SEED, to=options.to)


if __name__ == "__main__":
    main()

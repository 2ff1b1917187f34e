"""Which photographs `tinct prepare` leaves out for their colours, and whether made grey or toned they are left out.

Run:  python benchmarks/screening.py FOLDER [--pictures 1500]

FOLDER holds photographs, nearly all in colour. Writes benchmarks/screening.json: the share left out at several
thresholds of colour beside the tone, with and without the former rule (mean chroma below 0.02 is near-grey whatever is
beside the tone), and the share left out of the same pictures made grey, sepia, blue or toned in two hues, as JPEG of
quality 60 and 90.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import common
from tinct.color.spaces import rgb_to_yuv
from tinct.color.statistics import as_unit_rgb
from tinct.color.toning import color_off_tone
from tinct.data.screening import NEAR_GREY, OFF_TONE
from tinct.parallel import ordered_map

SEED = 1
TONED = 200  # pictures that are toned
THRESHOLDS = (3.0, OFF_TONE, 4.5, 5.5)
FORMER = 5.5
Toning = Callable[[NDArray[Any]], NDArray[Any]]
TONINGS: dict[str, Toning] = {
    "grey": lambda grey: grey.repeat(3, axis=2),
    "sepia": lambda grey: grey * np.array([1.0, 0.86, 0.66]) + np.array([12, 4, 0]),
    "blue": lambda grey: grey * np.array([0.75, 0.9, 1.0]),
    "two hues": lambda grey: np.where(grey < 110, grey * np.array([0.85, 0.92, 1]), grey * np.array([1, 0.95, 0.85])),
}


def measure(rgb: NDArray[np.uint8]) -> tuple[float, float]:
    """Return mean chroma and colour beside the tone, of the small copy that the screening looks at."""
    small = as_unit_rgb(np.asarray(cv2.resize(rgb, (64, 64), interpolation=cv2.INTER_AREA)))
    return float(np.linalg.norm(rgb_to_yuv(small)[..., 1:], axis=-1).mean()), color_off_tone(small)


def toned(rgb: NDArray[np.uint8], toning: Toning, quality: int) -> NDArray[np.uint8]:
    """Return a picture toned and saved as JPEG."""
    values = np.clip(toning(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)), 0, 255)
    saved = cv2.imencode(".jpg", values.astype(np.uint8)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(saved, cv2.IMREAD_COLOR)[..., ::-1])


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=1500)
    wanted = parser.parse_args()
    paths = sorted(path for path in wanted.folder.rglob("*") if path.suffix.lower() in {".jpg", ".png"})
    chosen = [paths[place] for place in np.random.default_rng(SEED).permutation(len(paths))[: wanted.pictures]]

    def read(path: Path) -> NDArray[np.uint8]:
        return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])

    rows = np.array(list(ordered_map(lambda path: measure(read(path)), chosen)))
    former = (rows[:, 0] < NEAR_GREY) | (rows[:, 1] < FORMER)
    results: dict[str, Any] = {
        "pictures": len(rows),
        "left_out_by_the_former_rule": round(float(former.mean()), 4),
        "left_out": {str(limit): round(float((rows[:, 1] < limit).mean()), 4) for limit in THRESHOLDS},
        "toned_and_left_out": {},
    }
    few = [read(path) for path, row in zip(chosen, rows, strict=True) if row[1] >= FORMER][:TONED]
    for name, toning in TONINGS.items():
        for quality in (60, 90):
            left = np.array([measure(toned(rgb, toning, quality))[1] for rgb in few])
            shares = {str(limit): round(float((left < limit).mean()), 4) for limit in THRESHOLDS}
            results["toned_and_left_out"][f"{name}, quality {quality}"] = shares
    common.write("screening", results, seed=SEED)


if __name__ == "__main__":
    main()

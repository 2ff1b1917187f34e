"""Rebuild colour photographs from scans of glass plates, so that colours of 1910 can be measured on.

    python benchmarks/plates.py PLATES/ -o rebuilt/
    python benchmarks/quality.py photo --set plates=rebuilt

A scan holds three exposures of one scene through a blue, a green and a red filter, one above the other, as Prokudin-
Gorskii made them (Library of Congress, public domain). Blue and red are laid on green by the phase correlation of their
edges (scikit-image), a tenth is cut off each side, where plates are damaged and exposures do not cover each other, and
all channels are scaled alike, so that their 1st and 99th percentiles are black and white. What moved between the
exposures has fringes, stains have colours, and the filters were not those of sRGB: compare models on them, and with
grey; no figure says how far from the truth a model is.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.filters import sobel
from skimage.registration import phase_cross_correlation

CUT = 0.1


def rebuild(scan: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the photograph (H, W, 3) sRGB of a scan (3 H or so, W) uint8."""
    third = scan.shape[0] // 3
    blue, green, red = (scan[place * third : (place + 1) * third].astype(np.float32) for place in range(3))
    joined = np.stack([_laid_on(green, red), green, _laid_on(green, blue)], axis=-1)
    high, wide = (round(CUT * edge) for edge in joined.shape[:2])
    inside = joined[high:-high, wide:-wide]
    low, top = np.percentile(inside, (1, 99))
    return np.rint(np.clip((inside - low) / (top - low), 0, 1) * 255).astype(np.uint8)


def _laid_on(fixed: NDArray[np.float32], moved: NDArray[np.float32]) -> NDArray[np.float32]:
    high, wide = (round(CUT * edge) for edge in fixed.shape)
    edges = [sobel(exposure[high:-high, wide:-wide]) for exposure in (fixed, moved)]
    (down, right), *_ = phase_cross_correlation(*edges, upsample_factor=10, normalization=None)
    move = np.array([[1, 0, right], [0, 1, down]], dtype=np.float32)
    laid: NDArray[np.float32] = cv2.warpAffine(moved, move, fixed.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    return laid


def main() -> None:
    """Rebuild all scans of a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plates", type=Path, help="a folder of scans")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the folder for the photographs")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in sorted(arguments.plates.iterdir()):
        scan = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if scan is None:
            print(f"{path}: no picture, left out")
            continue
        cv2.imwrite(str(arguments.out / f"{path.stem}.png"), rebuild(scan)[..., ::-1])


if __name__ == "__main__":
    main()

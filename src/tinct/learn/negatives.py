"""Fit the weights by which negatives are told: python -m tinct.learn.negatives FOLDER... -o FILE.

FILE is `src/tinct/models/negatives.npy`; `tinct.coloring.photo.negative` tells what it weighs. Half of the photographs
are faded or bent first, since inverses of those are negatives as well. Photographs that the model did not learn colours
from are worth most: it knows the others. The thresholds there are chosen on photographs that are not in the folders.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tinct.color.spaces import FloatArray, rgb_to_yuv
from tinct.color.toning import is_colored
from tinct.coloring.photo.negative import beside_inverse
from tinct.errors import UnreadableError
from tinct.files import written_beside
from tinct.media.image.small import read_small
from tinct.runtime.session import Session

# The longer edge that photographs are read at, and the least of the shorter one.
_LONGEST, _LEAST = 480, 100
# Share of photographs that are bent, the spread of the gamma's logarithm, and how far black and white come nearer.
_BENT, _GAMMA, _BLACK, _WHITE = 0.5, 0.35, 0.15, 0.2
_PENALTY = 0.01  # scikit-learn's C, of weights of values of unit spread


def fit(differences: NDArray[np.floating]) -> NDArray[np.float16]:
    """Fit weights (n,) to what photographs have beside their inverses (m, n), which is what inverses have not."""
    scale = differences.std(axis=0) + 1e-6
    seen = np.concatenate([-differences, differences]) / scale
    negative = np.repeat([True, False], len(differences))
    fitted = LogisticRegression(C=_PENALTY, fit_intercept=False, max_iter=400).fit(seen, negative)
    return np.asarray(fitted.coef_[0] / scale, dtype=np.float16)


def lumas(paths: Sequence[Path], *, most: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Read luma (h, w) in 0..1 of colour photographs, at most so many; half of them are bent."""
    count = 0
    for path in paths:
        if count == most:
            return
        try:
            picture = read_small(path.read_bytes(), longest=_LONGEST, name=path.name) / np.float32(255)
        except UnreadableError:
            continue
        if min(picture.shape[:2]) < _LEAST or not is_colored(picture):
            continue
        count += 1
        luma = rgb_to_yuv(picture[..., :3])[..., 0].clip(0, 1)
        if rng.random() < _BENT:
            black, white = rng.uniform(0, _BLACK), 1 - rng.uniform(0, _WHITE)
            luma = black + (white - black) * luma ** np.exp(rng.normal(0, _GAMMA))
        yield luma.astype(np.float32)


def main() -> None:
    """Fit, and write."""
    parser = argparse.ArgumentParser(prog="python -m tinct.learn.negatives", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--most", type=int, default=6000, help="take at most this many photographs")
    options = parser.parse_args()
    session = Session(threads=1)
    paths = sorted(path for folder in options.folder for path in folder.rglob("*") if path.is_file())
    random.Random(0).shuffle(paths)
    seen = [beside_inverse(session, luma) for luma in lumas(paths, most=options.most, rng=np.random.default_rng(0))]
    weights = fit(np.stack(seen))
    with written_beside(options.output) as place, place.open("wb") as file:
        np.save(file, weights)
    print(f"{len(seen)} photographs; {len(weights)} weights in {options.output}")


if __name__ == "__main__":
    main()

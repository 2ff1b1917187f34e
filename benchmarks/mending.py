"""What keeps stains and scratches from colouring a photograph, if their places are known exactly.

    python benchmarks/mending.py PHOTOGRAPHS [--limit 16]

Photographs are damaged as in `damage.py`. Places whose luma the damage changes by more than 8 steps of 255 are known.
Each way changes only what the network sees, or what it answers:

| way              | what is done at these places                                                                |
|------------------|---------------------------------------------------------------------------------------------|
| nothing          | nothing                                                                                     |
| luma filled      | the network's luma is what lies around, blurred (normalised convolution on a pyramid)       |
| brightness only  | the same, with the fine detail that is left there                                           |
| colours filled   | the distribution over colours that the network answers is that of what lies around          |
| both filled      | luma and distribution are filled                                                            |
| true luma        | the network sees the undamaged photograph there                                             |

Figures are those of `damage.py`; `beside` is `moved` away from the damage.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from common import write
from damage import MOVED, NOTICED, means
from damage_kinds import KINDS
from scan_pages import DAMAGE
from scans import LONGEST, SEED, measured, photographs
from tinct import Colorizer
from tinct.color.resize import resized
from tinct.color.spaces import rgb_to_lab, rgb_to_yuv
from tinct.color.upsample import yuv_colors
from tinct.coloring.photo import colorizer as module

Values = NDArray[np.float32]
Change = Callable[[Values], Values]

SOFT = 3.0  # pixels of the network's copy, the blur that parts brightness from detail
NEAR = 0.15  # of a pixel of the network's copy; less of it covered counts as none


def filled(values: Values, known: Values) -> Values:
    """Fill (h, w) or (h, w, n) where `known` (h, w) is below 1, from what is known around."""
    given = values[..., None] if values.ndim == 2 else values
    return _pulled(given * known[..., None], known).reshape(values.shape)


def _pulled(given: Values, known: Values) -> Values:
    height, width = known.shape
    if min(height, width) <= 2:
        mean = given.reshape(-1, given.shape[2]).sum(axis=0) / max(float(known.sum()), 1e-6)
        return np.broadcast_to(mean, given.shape).astype(np.float32)
    half = ((height + 1) // 2, (width + 1) // 2)
    share = resized(known, half)
    more = np.minimum(1, 4 * share) / np.maximum(share, 1e-6)
    coarse = _pulled(resized(given, half) * more[..., None], share * more)
    larger: Values = given + (1 - known[..., None]) * resized(coarse, (height, width)).reshape(given.shape)
    return larger


def ways_of(luma: Values, places: Values) -> dict[str, tuple[Change, Change]]:
    """Return each way: a change of the network's luma (h, w) and one of its answer (k, l, n)."""

    def known(shape: tuple[int, ...]) -> Values:
        covered = (resized(places, shape[:2]) > NEAR).astype(np.uint8)
        return 1 - cv2.dilate(covered, np.ones((3, 3), np.uint8)).astype(np.float32)

    def fill(values: Values) -> Values:
        return filled(values, known(values.shape))

    def brightness(values: Values) -> Values:
        detail = values - cv2.GaussianBlur(values, (0, 0), SOFT)
        return np.where(known(values.shape) < 1, np.clip(fill(values) + detail, 0, 1), values)

    def same(values: Values) -> Values:
        return values

    return {
        "nothing": (same, same),
        "luma filled": (fill, same),
        "brightness only": (brightness, same),
        "colours filled": (same, fill),
        "both filled": (fill, fill),
        "true luma": (lambda values: resized(luma, values.shape), same),
    }


def colored(colorizer: Colorizer, scan: Values, truth: Values, way: tuple[Change, Change]) -> Values:
    """Colour luma (H, W) in one way; return a and b (H, W, 2) on the truth's own luma."""
    smoothed = module.denoised
    module.denoised = lambda luma, **how: smoothed(way[0](luma), **how)  # type: ignore[assignment]
    try:
        answer = colorizer.predict(scan)
    finally:
        module.denoised = smoothed
    answer = replace(answer, output=way[1](answer.output))
    chroma = cv2.resize(answer.guide().chroma(answer.luma), truth.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return rgb_to_lab(yuv_colors(rgb_to_yuv(truth)[..., 0], chroma))[..., 1:]


def main() -> None:
    """Measure, and write mending.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photographs", type=Path, help="a folder of colour photographs")
    parser.add_argument("--limit", type=int, default=16, help="this many photographs")
    parser.add_argument("--to", type=Path, help="write here instead of benchmarks/mending.json")
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    # Tones are not corrected, so that the true luma is that of the same tones.
    colorizer = Colorizer(threads=1, tones="off")
    photos = photographs(wanted.photographs, limit=wanted.limit, longest=LONGEST)
    kinds = {name: damage for name, damage in (DAMAGE | KINDS).items() if "grain" not in name}
    rows: dict[str, dict[str, list[dict[str, float]]]] = {}
    for number, photo in enumerate(photos):
        truth = photo.astype(np.float32) / 255
        luma = rgb_to_yuv(truth)[..., 0]
        before = colored(colorizer, luma, truth, ways_of(luma, luma)["nothing"])
        for kind, damage in kinds.items():
            scan = damage(luma, np.random.default_rng(number))
            places = (np.abs(scan - luma) > NOTICED).astype(np.float32)
            near = cv2.dilate(places, np.ones((7, 7), np.uint8)) > 0
            for name, way in ways_of(luma, places).items():
                colors = colored(colorizer, scan, truth, way)
                away = np.hypot(*np.moveaxis(colors - before, -1, 0)) > MOVED
                values = {"moved": 100 * float(away[near].mean()), "beside": 100 * float(away[~near].mean())}
                rows.setdefault(kind, {}).setdefault(name, []).append(measured(colors, truth) | values)
    write("mending", {"photographs": len(photos), "kinds": means(rows)}, seed=SEED, to=wanted.to)


if __name__ == "__main__":
    main()

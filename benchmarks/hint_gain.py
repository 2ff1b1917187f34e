"""What hints gain: python benchmarks/hint_gain.py --data DATASET [--limit N]

Validation photographs are greyed and colorized with 0, 1, 5, 10 and 50 hints, which say the true colour at random
points. Measured are the mean distance to the truth in a and b of Lab over the whole picture, and PSNR in sRGB, as Zhang
et al. 2017, "Real-time user-guided image colorization with learned deep priors", figure 6, have it on other pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import common
from tinct.color.spaces import rgb_to_lab, rgb_to_yuv
from tinct.color.upsample import color_rows
from tinct.coloring.hints.hint import Hint
from tinct.coloring.hints.spreading import place_hints
from tinct.coloring.photo.colorizer import Colorizer
from tinct.data.pictures import find_pictures

SEED = 0
COUNTS = (0, 1, 5, 10, 50)
# Half the side of the window whose mean colour a hint says, as a person would who names one colour.
WINDOW = 2


def distances(rgb: np.ndarray, colorizer: Colorizer, rng: np.random.Generator) -> list[tuple[float, float]]:
    """Return the mean ab distance and the PSNR with each number of hints, the more including the fewer."""
    height, width = rgb.shape[:2]
    unit = rgb.astype(np.float32) / 255
    luma = np.ascontiguousarray(np.clip(rgb_to_yuv(unit)[..., 0], 0, 1))
    truth = rgb_to_lab(unit)[..., 1:]
    prediction = colorizer.predict(luma)
    hints = []
    for _ in range(max(COUNTS)):
        x = int(rng.integers(WINDOW, width - WINDOW))
        y = int(rng.integers(WINDOW, height - WINDOW))
        patch = rgb[y - WINDOW : y + WINDOW + 1, x - WINDOW : x + WINDOW + 1].reshape(-1, 3)
        red, green, blue = (int(value) for value in patch.mean(axis=0).round())
        hints.append(Hint(points=((float(x), float(y)),), color=(red, green, blue)))
    measured = []
    for count in COUNTS:
        placed = place_hints(hints[:count], width=width, height=height) if count else None
        guide = prediction.chosen(hints=placed).guide()
        colored = color_rows(luma, guide, top=0, height=height, dtype=np.float32)
        distance = np.linalg.norm(rgb_to_lab(colored)[..., 1:] - truth, axis=-1).mean()
        measured.append((float(distance), float(-10 * np.log10(np.square(colored - unit).mean()))))
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="datasets/photo")
    parser.add_argument("--model", default="photo")
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--to", type=Path, default=None, help="write the JSON here")
    options = parser.parse_args()
    rng = np.random.default_rng(SEED)
    colorizer = Colorizer(options.model)
    pictures = find_pictures(options.data, split="val", limit=options.limit, seed=SEED)
    rows = np.array([distances(picture.read(), colorizer, rng) for picture in pictures])
    ratios, rows = rows[..., 1], rows[..., 0]
    gains = rows[:, :1] - rows
    results = {
        "data": Path(options.data).name,
        "pictures": len(rows),
        "model": Path(options.model).stem,
        "mean_ab_distance": {str(count): round(float(rows[:, i].mean()), 2) for i, count in enumerate(COUNTS)},
        "psnr": {str(count): round(float(ratios[:, i].mean()), 2) for i, count in enumerate(COUNTS)},
        "better_in_percent_of_pictures": {
            str(count): round(100 * float((gains[:, i] > 0).mean()), 1) for i, count in enumerate(COUNTS) if count
        },
    }
    common.write("hint_gain", results, seed=SEED, to=options.to)


if __name__ == "__main__":
    main()

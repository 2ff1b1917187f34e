"""Whether a person takes colorized photographs for real ones: blind sheets, judged before the key is read.

    python benchmarks/blind.py sheets photo --set people=PHOTOS/people --count 60 --out blind
    # look at blind/sheet-1.png and on; write the numbers you take for colorized into blind/judged.txt
    python benchmarks/blind.py score blind

Half of the photographs keep their true colours, half are colorized from their luma with the model's own defaults; the
seed decides which. Each is fitted into 320 pixels and numbered; `key.json` says what was true. The score is the share
of colorized ones that were taken for real, with its 95 % interval (Clopper & Pearson), beside the share of real ones
taken for colorized: where the two add up to 1, the judge could not tell them apart.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import cv2
import numpy as np
import scipy.stats

from common import write
from quality import pictures_of
from tinct import Colorizer
from tinct.study.method import grey_of

LONGEST, COLUMNS, ROWS, LABEL, SEED = 320, 4, 3, 26, 0


def make_sheets(model: str, sets: list[str], count: int, out: Path) -> None:
    """Write numbered sheets and the key."""
    out.mkdir(parents=True)
    rng = np.random.default_rng(SEED)
    chosen = []
    for item in sets:
        name, _, place = item.partition("=")
        chosen += [(name, picture) for picture in pictures_of(place, limit=-(-count // len(sets)))]
    chosen = [chosen[place] for place in rng.permutation(len(chosen))[:count]]
    real = rng.permutation(np.arange(len(chosen)) < len(chosen) / 2)
    colorizer = Colorizer(model)
    key, tiles = [], []
    for number, ((name, picture), true) in enumerate(zip(chosen, real, strict=True), start=1):
        rgb = picture.read(longest=LONGEST)
        tiles.append(_tile(rgb if true else np.asarray(colorizer(grey_of(rgb))), number))
        key.append({"number": number, "set": name, "picture": picture.label, "real": bool(true)})
    for first in range(0, len(tiles), COLUMNS * ROWS):
        page = tiles[first : first + COLUMNS * ROWS]
        page += [np.full_like(page[0], 255)] * (-len(page) % COLUMNS)
        rows = [np.hstack(page[place : place + COLUMNS]) for place in range(0, len(page), COLUMNS)]
        file = out / f"sheet-{first // (COLUMNS * ROWS) + 1}.png"
        cv2.imwrite(str(file), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))
        print(file)
    (out / "key.json").write_text(json.dumps({"model": model, "seed": SEED, "pictures": key}, indent=1))


def _tile(rgb: np.ndarray, number: int) -> np.ndarray:
    """Return a square with the picture in its middle and the number above it."""
    tile = np.full((LONGEST + LABEL, LONGEST + 6, 3), 255, np.uint8)
    height, width = rgb.shape[:2]
    top, left = LABEL + (LONGEST - height) // 2, 3 + (LONGEST - width) // 2
    tile[top : top + height, left : left + width] = rgb
    return np.asarray(cv2.putText(tile, str(number), (4, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 2))


def score(folder: Path) -> None:
    """Compare what was judged with the key, and write blind.json."""
    key = json.loads((folder / "key.json").read_text())
    numbers = {int(number) for number in re.findall(r"\d+", (folder / "judged.txt").read_text())}
    results = {"model": key["model"], "pictures": len(key["pictures"])}
    for name in ("all", *sorted({row["set"] for row in key["pictures"]})):
        rows = [row for row in key["pictures"] if name in ("all", row["set"])]
        made = [row["number"] not in numbers for row in rows if not row["real"]]
        real = [row["number"] in numbers for row in rows if row["real"]]
        results[name] = {"colorized taken for real": _share(made), "real taken for colorized": _share(real)}
    write("blind", results, seed=key["seed"])


def _share(answers: list[bool]) -> dict[str, float | int]:
    if not answers:
        return {"of": 0}
    low, high = scipy.stats.binomtest(sum(answers), len(answers)).proportion_ci(method="exact")
    return {
        "of": len(answers),
        "share": round(float(np.mean(answers)), 3),
        "low": round(low, 3),
        "high": round(high, 3),
    }


def main() -> None:
    """Make sheets, or score them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    sheets = commands.add_parser("sheets", help="write sheets and their key")
    sheets.add_argument("model")
    sheets.add_argument("--set", action="append", required=True, metavar="NAME=PLACE", dest="sets")
    sheets.add_argument("--count", type=int, default=60)
    sheets.add_argument("--out", type=Path, required=True)
    judged = commands.add_parser("score", help="compare judged.txt with the key")
    judged.add_argument("folder", type=Path)
    given = parser.parse_args()
    if given.command == "sheets":
        make_sheets(given.model, given.sets, given.count, given.out)
    else:
        score(given.folder)


if __name__ == "__main__":
    main()

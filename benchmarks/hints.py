"""How soon a hint shows: python benchmarks/hints.py

On a 12-megapixel photograph: opening it in an editor (the network's only run), then the time from a new hint, stroke,
temperature or caution to the new preview, and saving at full size. Every hint is at a place where none was before.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import common
from photo import make_photo
from tinct.coloring.hints.hint import Hint
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.editor import Editor

SEED = 0
MEGAPIXELS = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="photo")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--preview", type=int, default=1024)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--to", type=Path, default=None, help="write the JSON here")
    options = parser.parse_args()
    rng = np.random.default_rng(SEED)
    colorizer = Colorizer(options.model, runtime=options.runtime)
    with tempfile.TemporaryDirectory() as folder:
        photo = make_photo(Path(folder), MEGAPIXELS, bands=1)
        opening = common.seconds(
            lambda: Editor(photo, colorizer=colorizer, preview=options.preview, recolor=True), repeat=3
        )
        editor = Editor(photo, colorizer=colorizer, preview=options.preview, recolor=True)
        runs = _count_runs(colorizer)
        editor.preview()
        hints: list[Hint] = []

        def point() -> Hint:
            return Hint(points=(_place(rng),), color=_color(rng), unit="percent")

        def another() -> None:
            if len(hints) >= 12:
                hints.clear()
            hints.append(point())
            editor.preview(hints)

        def stroke() -> None:
            start, end = _place(rng), _place(rng)
            editor.preview([Hint(points=(start, end), color=_color(rng), unit="percent", width=1.5)])

        def settings(**values: float) -> None:
            editor.preview(hints, **values)

        figures = {
            "new_hint": _times(another, options.repeat),
            "new_stroke": _times(stroke, options.repeat),
            "new_temperature_with_hints": _times(
                lambda: settings(temperature=float(rng.uniform(0.2, 1.5))), options.repeat
            ),
            "new_caution_with_hints": _times(lambda: settings(caution=float(rng.uniform(0, 3))), options.repeat),
        }
        saving = common.seconds(lambda: editor.save(Path(folder) / "out.jpg", hints=hints, overwrite=True), repeat=3)
        shape = editor.preview().shape[:2]
    results = {
        "megapixels": MEGAPIXELS,
        "model": Path(options.model).stem,
        "preview": [int(edge) for edge in shape],
        "opening_seconds": round(opening, 3),
        "milliseconds": figures,
        "saving_seconds": round(saving, 3),
        "network_runs_after_opening": len(runs),
    }
    common.write("hints", results, seed=SEED, to=options.to)


def _times(work: Callable[[], object], repeat: int) -> dict[str, float]:
    """Give median and largest time in milliseconds, each run being one that was not done before."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return {"median": round(statistics.median(times), 1), "largest": round(max(times), 1)}


def _count_runs(colorizer: Colorizer) -> list[None]:
    """Note every run of the network from now on."""
    runs: list[None] = []
    run = colorizer.session.run

    def counted(luma: np.ndarray) -> np.ndarray:
        runs.append(None)
        return run(luma)

    colorizer.session.run = counted  # type: ignore[method-assign]
    return runs


def _place(rng: np.random.Generator) -> tuple[float, float]:
    x, y = rng.uniform(2, 98, 2)
    return float(x), float(y)


def _color(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = rng.integers(0, 256, 3)
    return int(red), int(green), int(blue)


if __name__ == "__main__":
    main()

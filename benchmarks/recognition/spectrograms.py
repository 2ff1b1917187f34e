"""Real spectrograms, k-fold: every kind of candidate, on the pictures, in grey, and on the numbers behind the colours.

    python benchmarks/recognition/spectrograms.py FOLDER... [--folds 5] [--size 64] [--only NETWORK ...]

Each FOLDER has one subfolder a class. Near-duplicates stay in one fold; the JSON says how many there are, and how many
would have stood on both sides of a plain random split. `array` undoes matplotlib's viridis where the pictures are drawn
in it. Writes benchmarks/recognition/spectrograms.json after each row; run again, it goes on.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from table import HERE, Table, chance, run_table

from tinct.color.inputs import ARRAY, without_color
from tinct.data.duplicates import near_duplicates
from tinct.data.labelled import Loaded, find_labelled, load
from tinct.learn.recognize.candidates import Choices, choose_candidates
from tinct.learn.recognize.folds import leaks, stratified_folds

# Mean distance to the colour map's nearest colour, in 8-bit steps, up to which a picture is taken to be drawn in it.
IN_MAP = 8.0


def numbers(loaded: Loaded) -> Loaded | None:
    """Undo viridis, or give None where the pictures are drawn in something else."""
    import matplotlib

    colors = np.rint(matplotlib.colormaps["viridis"](np.linspace(0, 1, 256))[:, :3] * 255)
    distance, index = cKDTree(colors).query(loaded.pixels.reshape(-1, 3).astype(np.float64))
    if float(distance.mean()) > IN_MAP:
        return None
    values: NDArray[np.float32] = (index / 255).astype(np.float32).reshape(*loaded.pixels.shape[:3], 1)
    return Loaded(replace(loaded.labelled, kind=ARRAY), values)


def main() -> None:
    """Measure every folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--only", nargs="+", default=["color_statistics", "small_cnn", "color_first", "long_kernels"])
    wanted = parser.parse_args()
    table = Table(HERE / "spectrograms.json", seed=0)
    for folder in wanted.folders:
        loaded = load(find_labelled(folder), size=(wanted.size, wanted.size))
        labels = loaded.labelled.labels
        groups = near_duplicates(loaded.compared)
        folds = stratified_folds(labels, groups, folds=wanted.folds)
        apart = stratified_folds(labels, np.arange(len(labels)), folds=wanted.folds)
        table.results[f"set {folder.name}"] = {
            "counts": loaded.labelled.counts(),
            "largest_class": round(chance(loaded), 4),
            "near_duplicates": int(len(groups) - len(np.unique(groups))),
            "leaks_in_these_folds": sum(leaks(groups, each.train, each.val) for each in folds),
            "leaks_in_plain_folds": sum(leaks(groups, each.train, each.val) for each in apart),
        }
        table.write()
        grey = replace(loaded, pixels=without_color(loaded.pixels))
        epochs = None if wanted.epochs is None else lambda candidate: wanted.epochs
        for network in wanted.only:
            for what, chosen in (("picture", loaded), ("grey", grey), ("array", numbers(loaded))):
                if chosen is None:
                    continue
                facts = {"set": folder.name, "input": what, "size": wanted.size, "folds": wanted.folds}
                candidates = choose_candidates(chosen.labelled.kind, Choices([network]), size=chosen.size)
                run_table(table, "table", candidates, chosen, folds, epochs=epochs, facts=facts)


if __name__ == "__main__":
    main()

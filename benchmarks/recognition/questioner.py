"""Two classes of blue spectrograms that differ by 2.7 degrees of hue: what one writes first, and what tinct picks.

    python benchmarks/recognition/questioner.py --work FOLDER [--per-class 1500] [--seeds 10] [--size 48]

The pictures are those of `tinct classify example`, made into FOLDER and kept there, so that a run goes on. Writes
benchmarks/recognition/questioner.json: a whole `tinct classify train`, measured on another set of 300 a class; the
filters that are dead after one pass as one would write it first; small_cnn trained so, seed by seed; and standardised.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
from table import HERE, Table
from torch import nn

from tinct.data.labelled import find_labelled, load
from tinct.learn.recognize.fit import Fitting, fit_network
from tinct.recognize.evaluate import evaluate_classifier
from tinct.recognize.example import Example, write_example

DIFFICULTY = 0.15
TEST_PER_CLASS = 300


def sets(work: Path, per_class: int) -> tuple[Path, Path]:
    """Make the pictures to learn from and those to measure on, if they are not there."""
    folders = work / f"learn{per_class}", work / "test"
    for folder, count, seed in zip(folders, (per_class, TEST_PER_CLASS), (0, 1), strict=True):
        if not (folder / "example.json").is_file():
            arrays = work / f"arrays{per_class}" if folder == folders[0] else None
            write_example(folder, per_class=count, example=Example(difficulty=DIFFICULTY, seed=seed), arrays=arrays)
    return folders


def first_written(table: Table, learn: Path, test: Path, *, size: int, seeds: int, epochs: int) -> None:
    """Train small_cnn as one would write it first, and with standardised input, seed by seed."""
    train, held = (load(find_labelled(folder), size=(size, size)) for folder in (learn, test))
    kinds = {
        "as first written": lambda seed: Fitting.as_first_written(epochs=epochs, seed=seed),
        "standardised": lambda seed: Fitting(epochs=epochs, learning_rate=1e-3, seed=seed),
    }
    for kind, fitting in kinds.items():
        space = "rgb" if kind == "as first written" else "lab"
        for seed in range(seeds if kind == "as first written" else min(3, seeds)):
            if table.has("small_cnn", training=kind, seed=seed, size=size, epochs=epochs):
                continue
            fitted = fit_network(
                "small_cnn", train.pixels, train.labelled.labels, classes=2, color_space=space, fitting=fitting(seed)
            )
            right = float((fitted.logits(held.pixels).argmax(axis=1) == held.labelled.labels).mean())
            facts = {"training": kind, "color_space": space, "seed": seed, "size": size, "epochs": epochs}
            losses = [round(each, 4) for each in fitted.losses]
            table.add("small_cnn", {**facts, "accuracy": round(right, 4), "losses": losses})


def dead_filters(table: Table, learn: Path, *, size: int, seeds: int = 4, count: int = 1600) -> None:
    """Count the ReLUs that give nothing for any picture, after one pass as one would write it first."""
    loaded = load(find_labelled(learn), size=(size, size))
    chosen = np.random.default_rng(0).permutation(len(loaded.pixels))[:count]
    pixels, labels = loaded.pixels[chosen], loaded.labelled.labels[chosen]
    for seed in range(seeds):
        if table.has("dead_filters", seed=seed, size=size):
            continue
        fitting = Fitting.as_first_written(epochs=1, seed=seed)
        fitted = fit_network("small_cnn", pixels, labels, classes=2, color_space="rgb", fitting=fitting)
        shares = []

        def note(module: nn.Module, given: object, found: torch.Tensor, shares: list[float] = shares) -> None:
            alive = found.transpose(0, 1).flatten(1).amax(1) > 0
            shares.append(round(1 - float(alive.float().mean()), 2))

        for module in fitted.network.modules():
            if isinstance(module, nn.ReLU):
                module.register_forward_hook(note)
        fitted.logits(pixels[:64])  # one batch: the hooks note once
        spread = float(fitted.logits(pixels[:200]).std(axis=0).max())
        table.add(
            "dead_filters", {"seed": seed, "size": size, "by_layer": shares[:4], "logit_spread": round(spread, 4)}
        )


def picked(table: Table, learn: Path, test: Path, work: Path, *, size: int, minutes: float) -> None:
    """Run `tinct classify train` as a user would, and measure its model on the other set."""
    if table.has("picked", size=size):
        return
    model = work / f"picked{size}.onnx"
    command = [sys.executable, "-m", "tinct", "classify", "train", str(learn), "-o", str(model), "--overwrite"]
    command += ["--size", str(size), "--time", str(minutes), "--json"]
    began, cpu = time.monotonic(), np.array(_children())
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    seconds, used = time.monotonic() - began, float((np.array(_children()) - cpu).sum())
    measured = evaluate_classifier(model, test)
    table.add(
        "picked",
        {
            "size": size,
            "minutes_for_networks": minutes,
            "wall_seconds": round(seconds, 1),
            "processor_seconds": round(used, 1),
            "picked": found["picked"],
            "candidates": found["candidates"],
            "test_accuracy": measured.scores.accuracy,
            "test_interval": measured.scores.interval,
            "color_tests": measured.color_tests,
            "calibration_error": measured.scores.calibration_error,
        },
    )


def from_arrays(table: Table, work: Path, *, per_class: int, size: int) -> None:
    """Run `tinct classify train` on the numbers before the colour map, statistics only."""
    if table.has("arrays", size=size):
        return
    command = [sys.executable, "-m", "tinct", "classify", "train", str(work / f"arrays{per_class}")]
    command += ["-o", str(work / "arrays.onnx"), "--overwrite", "--size", str(size), "--json"]
    command += ["--network", "color_statistics"]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    table.add("arrays", {"size": size, "picked": found["picked"], "candidates": found["candidates"]})


def _children() -> tuple[float, float]:
    import resource

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime, usage.ru_stime


def main() -> None:
    """Make the sets and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--per-class", type=int, default=1500)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=2.0)
    wanted = parser.parse_args()
    wanted.work.mkdir(exist_ok=True)
    learn, test = sets(wanted.work, wanted.per_class)
    table = Table(HERE / "questioner.json", seed=0)
    example = Example(difficulty=DIFFICULTY)
    table.results["set"] = {
        "per_class": wanted.per_class,
        "test_per_class": TEST_PER_CLASS,
        "difficulty": DIFFICULTY,
        "hue_shift_degrees": round(example.hue_shift, 2),
        "optimum": round(example.optimum, 5),
    }
    picked(table, learn, test, wanted.work, size=wanted.size, minutes=wanted.minutes)
    from_arrays(table, wanted.work, per_class=wanted.per_class, size=wanted.size)
    dead_filters(table, learn, size=wanted.size)
    first_written(table, learn, test, size=wanted.size, seeds=wanted.seeds, epochs=wanted.epochs)


if __name__ == "__main__":
    main()

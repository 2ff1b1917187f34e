"""What a study saves by sharing (photographs decoded once, a frozen encoder's features kept), and what it adds.

    python benchmarks/studies.py [--photographs 160] [--arms 5] [--epochs 4] [--parts reading training overhead]

`reading` is the time of getting batches ready, in one process: so many arms, each so many epochs, from the shards as
`tinct prepare` writes them, and from the photographs decoded once, the decoding counted. `training` is that of whole
trainings of `squeezenet1_1` with its encoder frozen (random weights: their values do not matter here) and nothing
augmented, each on its own and sharing a cache as a study's arms do, what fills the cache counted. A ratio above 1 says
how many times longer it takes without sharing. `overhead` is a whole `tinct study` of two arms, two seeds and 60 steps
each, in one process: the processor seconds of its trainings, and how much of them passes outside the steps (setting up,
validations, sheets, checkpoints) beside the steps, reading counted; and the seconds of the whole study. Parts that are
not asked for stay as they were. The pictures are those of benchmarks/training.py.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from safetensors.torch import save_file

import common
from tinct.data.source import Source, decode_source, open_source
from tinct.learn.networks.backbones import BACKBONES
from tinct.learn.photo_stream import Crop, PhotoStream, loader
from tinct.learn.settings import Training
from tinct.learn.train import train
from tinct.study.arms import _Meter, run_study
from tinct.study.folder import TRAINED_FILE
from training import make_dataset

SEED = 1
CROP, BATCH = 128, 16
TRAINED = 3  # arms of `training`
PARTS = ("reading", "training", "overhead")
OPTIONS: tuple[dict[str, Any], ...] = (
    {"regularization": "none"},
    {"regularization": "batchnorm"},
    {"regularization": "dropout"},
)
STEPS, SEEDS, STUDIED_CROP = 60, 2, 96
RECIPE = f"""title = "What a study adds to its trainings"
question = "How long does it take beside its steps?"

[shared]
network = "colorunet"
steps = {STEPS}
seeds = {SEEDS}
crop = {STUDIED_CROP}
batch_size = {BATCH}
workers = 0

[[arms]]
name = "as it is"

[[arms]]
name = "lambda 0.2"
rebalance = 0.2
"""


def read(source: Source, *, arms: int, epochs: int) -> float:
    """Read all batches of so many arms and epochs, and give the seconds."""
    start = time.perf_counter()
    for _ in range(arms):
        for epoch in range(epochs):
            stream = PhotoStream(source, crop=Crop(CROP), batch_size=BATCH, seed=SEED, epoch=epoch, endless=False)
            for _ in loader(stream, workers=0):
                pass
    return time.perf_counter() - start


def reading(data: Path, folder: Path, *, arms: int, epochs: int) -> dict[str, Any]:
    """Compare reading from shards with reading photographs decoded once."""
    source = open_source(data, split="train")
    read(source, arms=1, epochs=1)  # neither of them reads from a cold disk
    apart = read(source, arms=arms, epochs=epochs)
    start = time.perf_counter()
    decoded = decode_source(source, folder / "reading")
    decoding = time.perf_counter() - start
    shared = decoding + read(decoded, arms=arms, epochs=epochs)
    return {
        "apart_seconds": round(apart, 3),
        "shared_seconds": round(shared, 3),
        "decoding_seconds": round(decoding, 3),
        "times_as_long_apart": round(apart / shared, 2),
    }


def training(data: Path, folder: Path, *, epochs: int) -> dict[str, Any]:
    """Compare trainings with a frozen encoder, each on its own, with the same that share a cache."""
    torch.manual_seed(SEED)
    weights = folder / "squeezenet1_1.safetensors"
    encoder = BACKBONES["squeezenet1_1"](head=True).state_dict()
    save_file({name: value.contiguous() for name, value in encoder.items()}, weights)
    plain = Training(data=str(data), network="squeezenet1_1", encoder_weights=str(weights)).changed(
        {
            "augmentation": "none",
            "task": "regression",
            "space": "lab",
            "crop": CROP,
            "zoom": 1.0,
            "batch_size": BATCH,
            "epochs": epochs,
            "workers": 0,
            "seed": SEED,
        }
    )
    train(plain.changed({"epochs": 1, "limit": BATCH}), folder / "warm-up")
    seconds = {}
    for name, cache in (("apart", None), ("shared", folder / "training")):
        start = time.perf_counter()
        for index, options in enumerate(OPTIONS[:TRAINED]):
            train(plain.changed({"options": options}), folder / f"{name}-{index}", cache=cache)
        seconds[name] = time.perf_counter() - start
    return {
        "apart_seconds": round(seconds["apart"], 3),
        "shared_seconds": round(seconds["shared"], 3),
        "times_as_long_apart": round(seconds["apart"] / seconds["shared"], 2),
    }


class _Clock(_Meter):
    """Notes how long the steps of a training take, from the first of an epoch to its last, reading between included."""

    stepping, training = 0.0, 0.0  # processor seconds of all trainings
    began, made = 0.0, 0.0

    def __init__(self, *given: Any) -> None:
        """Note when a training begins."""
        super().__init__(*given)
        self.made = time.process_time()

    def on_train_end(self, *_: Any) -> None:
        """Count the training."""
        type(self).training += time.process_time() - self.made

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, number: int) -> None:
        """Note when an epoch's first step begins."""
        if number == 0:
            type(self).began = time.process_time()

    def on_train_batch_end(self, trainer: Any, *rest: Any) -> None:
        """Count the steps of an epoch when its last is done."""
        super().on_train_batch_end(trainer, *rest)
        if rest[-1] + 1 == trainer.num_training_batches:
            type(self).stepping += time.process_time() - self.began


def overhead(folder: Path) -> dict[str, Any]:
    """Run a small study, and compare its steps with its trainings, and with the whole."""
    recipe, out = folder / "overhead.toml", folder / "overhead"
    recipe.write_text(RECIPE)
    start, processor = time.perf_counter(), time.process_time()
    with mock.patch("tinct.study.arms._Meter", _Clock):
        run_study(recipe, data=folder / "photos", out=out)
    whole, spent = time.perf_counter() - start, time.process_time() - processor
    trained = [json.loads(path.read_text()) for path in sorted(out.rglob(TRAINED_FILE))]
    return {
        "network": "colorunet",
        "crop": STUDIED_CROP,
        "batch_size": BATCH,
        "trainings": len(trained),
        "steps": [row["steps"] for row in trained],
        "epochs": [row["epochs"] for row in trained],
        "steps_processor_seconds": round(_Clock.stepping, 1),
        "trainings_processor_seconds": round(_Clock.training, 1),
        "overhead_of_trainings": round(_Clock.training / _Clock.stepping - 1, 3),
        "trainings_seconds": round(60 * sum(row["minutes"] for row in trained), 1),
        "study_processor_seconds": round(spent, 1),
        "study_seconds": round(whole, 1),
    }


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=int, default=160)
    parser.add_argument("--arms", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--to", type=Path)
    given = parser.parse_args()
    kept = common.HERE / "studies.json"
    results: dict[str, Any] = json.loads(kept.read_text())["results"] if kept.is_file() else {}
    if {"reading", "training"} & set(given.parts):
        results["settings"] = {
            "photographs": given.photographs,
            "arms_reading": given.arms,
            "arms_training": TRAINED,
            "epochs": given.epochs,
            "crop": CROP,
            "batch_size": BATCH,
        }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = make_dataset(folder, given.photographs)
        if "reading" in given.parts:
            results["reading"] = reading(data, folder, arms=given.arms, epochs=given.epochs)
        if "training" in given.parts:
            results["training"] = training(data, folder, epochs=given.epochs)
        if "overhead" in given.parts:
            results["overhead"] = {"photographs": given.photographs, **overhead(folder)}
    common.write("studies", results, seed=SEED, to=given.to)


if __name__ == "__main__":
    main()

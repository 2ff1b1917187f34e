"""Training speed: images a second, and the share of a step spent waiting for data.

    python benchmarks/training.py [--steps 60] [--batch-size 32] [--crop 128] [--workers 2]

The dataset is made by `tinct prepare` from crops of scikit-image's and scikit-learn's colour photographs, as large as
prepared photographs usually are. `waiting` is the time spent in fetching batches over the whole, with so many workers;
the baseline in the same run is the same steps on one batch held in memory.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

import common
from tinct.color.bins import ColorBins
from tinct.coloring.photo.demo import PHOTOS, photo_file
from tinct.data.prepare import prepare
from tinct.data.source import open_source, pictures
from tinct.learn.devices import has_bfloat16
from tinct.learn.networks.registry import FAMILIES, build
from tinct.learn.photo_stream import Crop, PhotoStream, loader
from tinct.learn.schedule import Schedule
from tinct.learn.settings import Training
from tinct.learn.tasks import ColorizeTask

SEED = 1
PREFETCHED = 4  # batches that each worker reads ahead, see tinct.learn.photo_stream.loader


def make_dataset(folder: Path, count: int) -> Path:
    """Prepare a dataset of random crops of real photographs, 256 pixels at the longest edge."""
    rng = np.random.default_rng(SEED)
    loaded = [cv2.imread(str(photo_file(photo))) for photo in PHOTOS]
    sources = [picture for picture in loaded if np.ptp(picture.astype(int), axis=2).mean() > 8]
    (folder / "photos").mkdir()
    for index in range(count):
        source = sources[index % len(sources)]
        height, width = rng.integers(192, 257), 256
        top, left = (
            int(rng.integers(0, side - size)) for side, size in zip(source.shape, (height, width), strict=False)
        )
        cv2.imwrite(str(folder / "photos" / f"{index:04}.png"), source[top : top + height, left : left + width])
    return prepare([folder / "photos"], folder / "set", val=0, shard_size=50).path


def make_task(name: str, bins: ColorBins, steps: int) -> ColorizeTask:
    """Set up a training task on the processor."""
    torch.manual_seed(SEED)
    network = build(name, outputs=bins.count).to(memory_format=torch.channels_last)
    training = Training("", weight_decay=0.01)
    return ColorizeTask(network, training, bins=bins, schedule=Schedule(steps=steps, decay=0.3))


def step(task: ColorizeTask, optimizer: Any, batch: dict[str, torch.Tensor]) -> None:
    """Do what a training step does: augmentation, forward, backward, optimiser."""
    task.log = lambda *_, **__: None  # type: ignore[method-assign]
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bfloat16()):
        loss = task.training_step(batch, 0)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def measure(name: str, data: Path, *, steps: int, batch_size: int, crop: int, workers: int) -> dict[str, Any]:
    """Time `steps` steps on streamed photographs, and on one batch held in memory."""
    source = open_source(data, split="train")
    bins = ColorBins.learn(pictures(source, limit=50))
    task = make_task(name, bins, steps)
    optimizer = task.configure_optimizers()["optimizer"]
    stream = PhotoStream(source, crop=Crop(crop), batch_size=batch_size, seed=SEED, epoch=0, endless=True)
    batches = iter(loader(stream, workers=workers))
    held = next(batches)
    for _ in range(3):
        step(task, optimizer, held)
    start = time.perf_counter()
    for _ in range(steps):
        step(task, optimizer, held)
    alone = time.perf_counter() - start
    for _ in range(PREFETCHED * workers):  # what was read ahead meanwhile would make the waiting look shorter
        next(batches)
    waited = 0.0
    start = time.perf_counter()
    for _ in range(steps):
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        step(task, optimizer, batch)
    took = time.perf_counter() - start
    return {
        "parameters": sum(weight.numel() for weight in task.network.parameters()),
        "images_per_second": round(steps * batch_size / took, 1),
        "images_per_second_held_in_memory": round(steps * batch_size / alone, 1),
        "share_of_held_in_memory": round(alone / took, 3),
        "waiting": round(waited / took, 4),
    }


def main() -> None:
    """Measure the networks that are shipped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["tinct", "colorunet"], choices=list(FAMILIES))
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--to", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = make_dataset(Path(folder), 400)
        results = {
            name: measure(
                name, data, steps=given.steps, batch_size=given.batch_size, crop=given.crop, workers=given.workers
            )
            for name in given.networks
        }
    settings = {name: getattr(given, name) for name in ("steps", "batch_size", "crop", "workers")}
    common.write(
        "training",
        {"settings": settings, "precision": "bf16" if has_bfloat16() else "float32", **results},
        seed=SEED,
        to=given.to,
    )


if __name__ == "__main__":
    main()

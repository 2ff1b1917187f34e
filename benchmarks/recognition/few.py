"""Ten small sets: `tinct classify train` beside scikit-learn on a colour histogram and a network of thirty lines.

    python benchmarks/recognition/few.py --data DATA --repositories MIRROR [--only NAME ...] [--ways WAY ...]

DATA holds vehicle_colour/train and spectrograms/; MIRROR holds bare git directories, OWNER+NAME/repo. Writes
benchmarks/recognition/few.json after each row; run again, it goes on. Accuracy is that on pictures that nobody has
trained on; seconds are those of the whole, from files to answers, in processor time and by the clock.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from few_sets import SETS, write_set
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from table import HERE, Table
from torch import nn

from tinct.learn.recognize.candidates import Choices
from tinct.learn.recognize.pick import train_classifier
from tinct.recognize.evaluate import evaluate_classifier

EDGE = 128  # the baselines' pictures are squares of this; the network's of half
SEED = 0


def histogram(path: Path) -> NDArray[Any]:
    """Return the shares of 8 x 8 x 8 cells of RGB."""
    counts = cv2.calcHist([cv2.resize(cv2.imread(str(path)), (EDGE, EDGE))], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3)
    return counts.ravel() / counts.sum()


def listed(folder: Path) -> tuple[list[Path], NDArray[np.intp]]:
    """Return the pictures of class folders and their labels."""
    paths = sorted(folder.glob("*/*"))
    names = sorted({path.parent.name for path in paths})
    return paths, np.array([names.index(path.parent.name) for path in paths], dtype=np.intp)


def by_scikit_learn(model: Any) -> Callable[[Path, Path, Path], tuple[float, str]]:
    """Return what fits a model to histograms and measures it."""

    def run(train: Path, test: Path, _: Path) -> tuple[float, str]:
        (paths, labels), (others, truth) = listed(train), listed(test)
        model.fit(np.stack([histogram(path) for path in paths]), labels)
        return float(model.score(np.stack([histogram(path) for path in others]), truth)), ""

    return run


def by_network(train: Path, test: Path, _: Path) -> tuple[float, str]:
    """Train the network that a beginner writes: three convolutions, Adam, thirty epochs."""

    def read(paths: list[Path]) -> torch.Tensor:
        pixels = np.stack([cv2.resize(cv2.imread(str(path)), (EDGE // 2, EDGE // 2)) for path in paths])
        return torch.from_numpy(pixels.astype(np.float32) / 255).permute(0, 3, 1, 2)

    (paths, labels), (others, truth) = listed(train), listed(test)
    values, targets = read(paths), torch.from_numpy(labels)
    torch.manual_seed(SEED)
    layers: list[nn.Module] = []
    for inputs, outputs in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 64, 64), nn.ReLU(), nn.Linear(64, max(labels) + 1))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    for _epoch in range(30):
        for chosen in torch.randperm(len(values)).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(values[chosen]), targets[chosen]).backward()
            optimizer.step()
    with torch.no_grad():
        return float((network(read(others)).argmax(dim=1).numpy() == truth).mean()), ""


def by_tinct(**choices: Any) -> Callable[[Path, Path, Path], tuple[float, str]]:
    """Return what runs `tinct classify train` and `tinct classify evaluate`."""

    def run(train: Path, test: Path, work: Path) -> tuple[float, str]:
        done = train_classifier(train, work / "m.onnx", choices=Choices(**choices), overwrite=True)
        found = evaluate_classifier(work / "m.onnx", test, color_tests=False)
        return found.scores.accuracy, done.card.name

    return run


WAYS: dict[str, Callable[[Path, Path, Path], tuple[float, str]]] = {
    "histogram, forest": by_scikit_learn(RandomForestClassifier(300, random_state=SEED)),
    "histogram, logistic": by_scikit_learn(LogisticRegression(max_iter=2000)),
    "histogram, standardised, logistic": by_scikit_learn(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    ),
    "network of thirty lines": by_network,
    "tinct": by_tinct(),
    "tinct, statistics only": by_tinct(networks=["color_statistics"]),
    "tinct, statistics in lab": by_tinct(networks=["color_statistics"], color_spaces=["lab"]),
    "tinct, statistics in rgb": by_tinct(networks=["color_statistics"], color_spaces=["rgb"]),
    "tinct, statistics and small_cnn": by_tinct(networks=["color_statistics", "small_cnn"]),
}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--repositories", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=[one.name for one in SETS])
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    table = Table(HERE / "few.json", seed=SEED)
    for chosen in SETS:
        asked = [way for way in wanted.ways if not table.has("table", set=chosen.name, way=way)]
        if chosen.name not in wanted.only or not asked:
            continue
        with tempfile.TemporaryDirectory() as name:
            of_repository = "+" in chosen.source
            source = wanted.repositories / chosen.source / "repo" if of_repository else wanted.data / chosen.source
            train, test = write_set(chosen, source, Path(name))
            for way in asked:
                clock, processor = time.perf_counter(), time.process_time()
                accuracy, picked = WAYS[way](train, test, Path(name))
                row = {
                    "set": chosen.name,
                    "classes": len(list(train.iterdir())),
                    "trained": len(list(train.glob("*/*"))),
                    "tested": len(list(test.glob("*/*"))),
                    "way": way,
                    "picked": picked,
                    "accuracy": round(accuracy, 4),
                    "seconds": round(time.perf_counter() - clock, 1),
                    "processor_seconds": round(time.process_time() - processor, 1),
                    "load": round(os.getloadavg()[0], 1),
                }
                table.add("table", row)


if __name__ == "__main__":
    main()

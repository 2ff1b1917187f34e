"""Pictures a second recognised, beside decoding the same files and doing nothing else.

Run:  python benchmarks/recognizing.py [--pictures 400] [--edge 256] [--repeat 3] [--threads 1]

Pictures are crops of scikit-image's photographs, saved as JPEG; the models are fitted to them for a moment, since only
their speed counts. Writes benchmarks/recognizing.json.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import common
from tinct.learn.recognize.candidates import Choices
from tinct.learn.recognize.fit import Fitting
from tinct.learn.recognize.pick import train_classifier
from tinct.media.image.small import read_pixels
from tinct.recognize.classifier import Classifier

SEED = 0
SIZE = (96, 96)
MODELS = {
    "color_statistics": Choices(networks=["color_statistics"], color_spaces=["lab"], folds=2, size=SIZE),
    "small_cnn": Choices(
        networks=["small_cnn"], folds=2, size=SIZE, fitting=Fitting(epochs=1), given=frozenset({"epochs"})
    ),
    "color_first": Choices(
        networks=["color_first"], folds=2, size=SIZE, fitting=Fitting(epochs=1), given=frozenset({"epochs"})
    ),
}


def make_pictures(folder: Path, count: int, edge: int) -> list[Path]:
    """Cut squares out of two photographs, one a class."""
    import skimage

    random = np.random.default_rng(SEED)
    paths = []
    for name in ("chelsea.png", "coffee.png"):
        photo = cv2.imread(str(Path(skimage.__file__).parent / "data" / name))
        (folder / name[:-4]).mkdir(parents=True)
        for index in range(count // 2):
            top, left = random.integers(photo.shape[0] - edge + 1), random.integers(photo.shape[1] - edge + 1)
            path = folder / name[:-4] / f"{index}.jpg"
            cv2.imwrite(str(path), photo[top : top + edge, left : left + edge], [cv2.IMWRITE_JPEG_QUALITY, 90])
            paths.append(path)
    return paths


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=400)
    parser.add_argument("--edge", type=int, default=256)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    wanted = parser.parse_args()
    results: dict[str, Any] = {"pictures": wanted.pictures, "edge": wanted.edge, "size": SIZE, "per_second": {}}
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        paths = make_pictures(work / "all", wanted.pictures, wanted.edge)
        make_pictures(work / "few", 16, wanted.edge)

        def decode() -> None:
            for path in paths:
                cv2.imread(str(path))

        def read() -> None:
            for path in paths:
                read_pixels(path, size=SIZE)

        work_of = {"decoding by OpenCV": decode, "reading, as tinct does": read}
        for network, choices in MODELS.items():
            model = work / f"{network}.onnx"
            train_classifier(work / "few", model, choices=choices)
            classifier = Classifier(model, threads=wanted.threads)
            work_of[f"recognising by {network}"] = lambda classifier=classifier: classifier.probabilities(paths)
        for what, run in work_of.items():
            results["per_second"][what] = round(len(paths) / common.seconds(run, repeat=wanted.repeat), 1)
    common.write("recognizing", results, seed=SEED)


if __name__ == "__main__":
    main()

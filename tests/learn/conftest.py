"""Real colour photographs for learning: pieces of those that come with scikit-image and scikit-learn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 48 different colour photographs in two subfolders, 160 x 160 and 120 x 160 pixels."""
    skimage = pytest.importorskip("skimage")
    sklearn = pytest.importorskip("sklearn")
    images = Path(skimage.__file__).parent / "data"
    more = Path(sklearn.__file__).parent / "datasets" / "images"
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(3)
    files = [images / "astronaut.png", images / "coffee.png", images / "chelsea.png", images / "motorcycle_left.png"]
    for category, paths in (("indoors", files), ("outdoors", [more / "china.jpg", more / "flower.jpg"])):
        (folder / category).mkdir()
        for index in range(24):
            picture = cv2.imread(str(paths[index % len(paths)]))
            height, width = (160, 160) if index % 3 else (120, 160)
            piece = _colorful_piece(picture, height, width, rng)
            cv2.imwrite(str(folder / category / f"{index:02d}.png"), piece)
    return folder


def _colorful_piece(picture: np.ndarray, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Draw crops until one has colours of several kinds, which screening is sure to take."""
    while True:
        top = int(rng.integers(picture.shape[0] - height))
        left = int(rng.integers(picture.shape[1] - width))
        piece = picture[top : top + height, left : left + width]
        channels = piece.reshape(-1, 3).astype(float)
        if np.std(channels[:, 2] - channels[:, 1]) > 12 and np.std(channels[:, 0] - channels[:, 1]) > 8:
            return piece

"""What all tests share: the tiny model files, and pictures that come with scikit-image or lie in ../shared/data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

# Beside each other, tests' own threads only get in each other's way; set before any library reads it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

GOLDEN = Path(__file__).parent / "golden"
SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def tiny_model() -> Path:
    """A model file of the task `bins` (YUV, 12 bins, stride 2, multiple 8) with fixed random weights."""
    return GOLDEN / "tiny_bins.onnx"


@pytest.fixture(scope="session")
def tiny_chroma_model() -> Path:
    """A model file of the task `regression` (Lab, stride 2, multiple 8) with fixed random weights."""
    return GOLDEN / "tiny_chroma.onnx"


@pytest.fixture(scope="session")
def diverged_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model of bins with weights that are no numbers."""
    from diverged import diverge  # it imports NumPy

    return diverge(tiny_model, tmp_path_factory.mktemp("diverged") / "diverged.onnx")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real pictures that is no part of the project; the test is skipped where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"needs the pictures of {SHARED_DATA}, which are no part of the project")
    return SHARED_DATA


@pytest.fixture(scope="session")
def camera_png() -> Path:
    """scikit-image's cameraman, 512 x 512, 8-bit grey, as it lies in the installed package."""
    return _scikit_image("camera.png")


@pytest.fixture(scope="session")
def chelsea_png() -> Path:
    """scikit-image's cat, 451 x 300, 8-bit colour."""
    return _scikit_image("chelsea.png")


def _scikit_image(name: str) -> Path:
    skimage = pytest.importorskip("skimage", reason="its pictures are needed")
    path = Path(skimage.__file__).parent / "data" / name
    assert path.is_file()
    return path


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 48 different colour photographs in two subfolders, 160 x 160 and 120 x 160 pixels."""
    import cv2  # it takes long
    import numpy as np

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


def _colorful_piece(picture: Any, height: int, width: int, rng: Any) -> Any:
    """Draw crops until one has colours of several kinds, which screening is sure to take."""
    while True:
        top = int(rng.integers(picture.shape[0] - height))
        left = int(rng.integers(picture.shape[1] - width))
        piece = picture[top : top + height, left : left + width]
        channels = piece.reshape(-1, 3).astype(float)
        if (channels[:, 2] - channels[:, 1]).std() > 12 and (channels[:, 0] - channels[:, 1]).std() > 8:
            return piece

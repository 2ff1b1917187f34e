"""What all tests share: the tiny model files, and pictures that come with scikit-image or lie in ../shared/data."""

from __future__ import annotations

import os
from pathlib import Path

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

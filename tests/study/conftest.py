"""Photographs and a dataset of them, for studies to run on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of 60 pieces of scikit-image's and scikit-learn's photographs, in four subfolders."""
    skimage = pytest.importorskip("skimage")
    sklearn = pytest.importorskip("sklearn")
    places = [Path(skimage.__file__).parent / "data", Path(sklearn.__file__).parent / "datasets" / "images"]
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(1)
    for name, count in (("coffee.png", 20), ("astronaut.png", 16), ("china.jpg", 14), ("flower.jpg", 10)):
        picture = next(cv2.imread(str(place / name)) for place in places if (place / name).is_file())
        (folder / name[:-4]).mkdir()
        made = 0
        while made < count:
            top, left = (int(rng.integers(side - 72)) for side in picture.shape[:2])
            piece = picture[top : top + 72, left : left + 72]
            channels = piece.reshape(-1, 3).astype(float)
            if np.std(channels[:, 2] - channels[:, 1]) > 12 and np.std(channels[:, 0] - channels[:, 1]) > 8:
                cv2.imwrite(str(folder / name[:-4] / f"{made}.png"), piece)
                made += 1
    return folder


@pytest.fixture(scope="session")
def dataset(photos, tmp_path_factory):
    pytest.importorskip("torch")
    from tinct.data.prepare import prepare

    return prepare([photos], tmp_path_factory.mktemp("set"), val=0.25).path


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> Path:
    """SqueezeNet 1.1 of random weights, in torchvision's layout."""
    torch = pytest.importorskip("torch")
    from tinct.learn.networks.backbones import SqueezeNet

    torch.manual_seed(4)
    state = {key: value for key, value in SqueezeNet().state_dict().items() if key not in ("mean", "deviation")}
    path = tmp_path_factory.mktemp("weights") / "squeezenet.pth"
    torch.save(state, path)
    return path

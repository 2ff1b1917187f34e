"""Photographs and a dataset of them, for studies to run on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from photographs import colorful_piece, photograph, write_picture


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """A folder of 60 pieces of scikit-image's and scikit-learn's photographs, in four subfolders."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(1)
    for name, count in (("coffee", 20), ("astronaut", 16), ("china", 14), ("flower", 10)):
        picture = photograph(name)
        for number in range(count):
            write_picture(folder / name / f"{number}.png", colorful_piece(picture, 72, 72, rng))
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

"""Photographs that come with scikit-image and scikit-learn, and what tests make of them."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

COLORED = ("astronaut", "chelsea", "coffee", "motorcycle_left", "rocket", "china", "flower")
GREY = ("camera", "coins", "moon", "page", "brick", "grass", "gravel")
_FOLDERS = (("skimage", "data"), ("sklearn", "datasets/images"))


@cache
def photograph_file(name: str) -> Path:
    """Return the file of a photograph, as it lies in the installed package."""
    for package, folder in _FOLDERS:
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            pytest.skip(f"needs the photographs of {package}: pip install 'tinct[dev]'")
        for suffix in (".png", ".jpg"):
            path = Path(spec.origin).parent / folder / f"{name}{suffix}"
            if path.is_file():
                return path
    raise FileNotFoundError(name)


def photograph(name: str) -> Any:
    """Return a photograph (H, W, 3) of sRGB uint8, a grey one with equal channels."""
    return _read(name).copy()


@cache
def _read(name: str) -> Any:
    import cv2  # it takes long

    return cv2.imread(str(photograph_file(name)), cv2.IMREAD_COLOR_RGB)


def colorful_piece(picture: Any, height: int, width: int, rng: Any) -> Any:
    """Draw crops until one has colours of several kinds, which screening is sure to take."""
    while True:
        top = int(rng.integers(picture.shape[0] - height))
        left = int(rng.integers(picture.shape[1] - width))
        piece = picture[top : top + height, left : left + width]
        channels = piece.reshape(-1, 3).astype(float)
        if (channels[:, 0] - channels[:, 1]).std() > 12 and (channels[:, 2] - channels[:, 1]).std() > 8:
            return piece


def write_picture(path: Path, rgb: Any) -> Path:
    """Write sRGB uint8 (H, W, 3), and the folder it lies in."""
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[..., ::-1])
    return path


def toned(grey: Any, kind: str) -> Any:
    """Return a grey picture (H, W) in 0..1 as a print of a kind: sepia, cyanotype, faded or grey; (H, W, 3) in 0..1."""
    import numpy as np

    if kind == "sepia":
        return np.stack([grey**0.8, grey * 0.9, grey**1.3 * 0.75], axis=-1)
    if kind == "cyanotype":
        return np.stack([grey**1.4 * 0.85, grey**1.05, 0.15 + 0.85 * grey**0.75], axis=-1)
    if kind == "faded":
        return 0.2 + 0.7 * np.stack([grey, grey * 0.95, grey * 0.8], axis=-1)
    return np.repeat(grey[..., None], 3, axis=-1)

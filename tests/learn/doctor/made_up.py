"""Folders of small blue pictures in two hues and any brightness, and what can go wrong with them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from tinct.color.spaces import hsv_to_rgb


def plain_pictures(count=240, *, seed=0, degrees=12.0, size=32):
    """Give pictures (N, size, size, 3) uint8 and labels: two hues so many degrees apart, lighter and darker."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    hue = 0.6 + labels * degrees / 360 + random.normal(0, 0.003, count)
    value = random.uniform(0.3, 0.9, (count, 1, 1)) * random.uniform(0.9, 1, (count, size, size))
    hsv = np.stack([np.broadcast_to(hue[:, None, None], value.shape), np.full_like(value, 0.7), value], axis=-1)
    return np.rint(hsv_to_rgb(hsv) * 255).astype(np.uint8), labels


def without_hue(pictures):
    """Give grey pictures whose light says nothing of the hue."""
    light = pictures.max(axis=-1, keepdims=True)
    return np.repeat(light, 3, axis=-1)


def write(folder: Path, pictures, labels, *, suffix=".png", options: Sequence[int] = (), names="ab"):
    """Write pictures into a subfolder for each class, and give the folder."""
    for index, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        path = folder / names[label] / f"{index:04d}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(cv2.imencode(suffix, picture[..., ::-1], list(options))[1].tobytes())
    return folder

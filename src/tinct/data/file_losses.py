"""What picture files have lost: colours, levels, and JPEG's chroma."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyvips
from numpy.typing import NDArray

from tinct.data.labelled import Labelled
from tinct.data.screening import is_grey
from tinct.errors import InputError
from tinct.media.image.formats import quantisation_tables
from tinct.media.image.small import read_small

LOOKED_AT = 60  # files that are examined at full size; the others of a data set usually have lost the same


@dataclass(frozen=True)
class FileFacts:
    """Facts of some of the files at full size; those of single pictures are medians.

    Attributes:
        count: files that were examined.
        jpeg: share of them that are JPEG.
        halved: share of them that are JPEG with chroma at half size.
        chroma_step: step, in levels of 255, between the values that the mean chroma of a block of 8x8 pixels (16x16 if
            chroma is halved) can have; 0 if no file is JPEG.
        chroma_apart: largest difference, in levels, between two classes' mean Cb or Cr.
        colors: number of different colours in a picture.
        gap: mean distance, in levels, between the values that occur in a channel; of the channel where it is largest.
        commonest: share of the pixels that have the picture's commonest colour.
        cut: share of the pixels in which one or two channels, but not all, are clipped at 255.
    """

    count: int
    jpeg: float
    halved: float
    chroma_step: float
    chroma_apart: float
    colors: int
    gap: float
    commonest: float
    cut: float


def look_at_files(labelled: Labelled, *, seed: int = 0) -> FileFacts | None:
    """Examine some files; return None if none of them can be read."""
    chosen = np.random.default_rng(seed).permutation(len(labelled.paths))[:LOOKED_AT]
    rows, steps, chroma, labels = [], [], [], []
    for index in chosen:
        path = labelled.paths[int(index)]
        try:
            content = path.read_bytes()
            rgb = read_small(content, name=str(path))
        except (OSError, InputError):
            continue
        step = _chroma_step(content)
        steps.append(step)
        rows.append([step is not None, step is not None and _halved(content), *_levels(rgb)])
        chroma.append(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb)[..., 1:].mean(axis=(0, 1)))
        labels.append(int(labelled.labels[int(index)]))
    if not rows:
        return None
    table = np.array(rows, dtype=np.float64)
    jpeg_steps = [step for step in steps if step is not None]
    colors, gap, commonest, cut = np.median(table[:, 2:], axis=0)
    return FileFacts(
        len(rows),
        float(table[:, 0].mean()),
        float(table[:, 1].mean()),
        float(np.median(jpeg_steps)) if jpeg_steps else 0.0,
        _apart(np.array(chroma), np.array(labels)),
        int(colors),
        float(gap),
        float(commonest),
        float(cut),
    )


def _apart(chroma: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    means = np.stack([chroma[labels == label].mean(axis=0) for label in np.unique(labels)])
    return float(np.ptp(means, axis=0).max())


def _levels(rgb: NDArray[np.uint8]) -> tuple[int, float, float, float]:
    """Return `colors`, `gap`, `commonest` and `cut` of `FileFacts` for one picture (H, W, 3)."""
    wide = rgb.reshape(-1, 3).astype(np.uint32)
    _, counts = np.unique(wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2], return_counts=True)
    full = (wide == 255).sum(axis=1)
    levels = [np.unique(channel) for channel in wide.T]
    gap = max(float(values[-1] - values[0]) / max(1, len(values) - 1) for values in levels)
    return len(counts), gap, float(counts.max() / len(wide)), float(((full == 1) | (full == 2)).mean())


def _halved(content: bytes) -> bool:
    image = pyvips.Image.new_from_buffer(content, "", access="sequential")
    name = "jpeg-chroma-subsample"
    return image.get_typeof(name) != 0 and str(image.get(name)) not in ("4:4:4", "")


def _chroma_step(content: bytes) -> float | None:
    """Return the step of a block's mean chroma in a JPEG, from its second quantisation table; None for other files.

    The mean of a block is its first coefficient divided by 8, and that coefficient is a multiple of the table's first
    entry.
    """
    if content[:2] != b"\xff\xd8":
        return None
    tables = quantisation_tables(content)
    table = tables.get(1, tables.get(0))
    return 1.0 if table is None else float(table[0]) / 8


def grey_pictures(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which of the pictures (N, H, W, 3) have no colour at all, (N,)."""
    return np.array([is_grey(picture) for picture in pixels])


def twins(
    pixels: NDArray[np.uint8] | NDArray[np.float32], labels: NDArray[np.intp], groups: NDArray[np.intp]
) -> list[tuple[int, int]]:
    """Find pictures that occur in two classes.

    Args:
        pixels: (N, H, W, C) of the pictures.
        labels: (N,) their classes.
        groups: (N,) as `near_duplicates` returns them.

    Returns:
        Pairs of indices: identical pixels or near-duplicates.
    """
    first: dict[bytes, int] = {}
    pairs: list[tuple[int, int]] = []
    for index in range(len(labels)):
        earlier = int(groups[index])
        if earlier == index:
            earlier = first.setdefault(pixels[index].tobytes(), index)
        if earlier != index and labels[earlier] != labels[index]:
            pairs.append((earlier, index))
    return pairs


def names_of(paths: Sequence[Path], pairs: Sequence[tuple[int, int]], *, most: int = 4) -> list[str]:
    """Return lines that name the first `most` pairs of files by folder and name, and count the rest."""
    lines = [f"{_short(paths[one])} = {_short(paths[other])}" for one, other in pairs[:most]]
    return lines if len(pairs) <= most else [*lines, f"and {len(pairs) - most} more"]


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"

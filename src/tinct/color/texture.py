"""Where a picture's colours lie and in which directions its edges run, which a colour histogram does not show."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray

CELLS = 4  # along each edge of the picture
DIRECTIONS = 8
EDGE = 64  # pixels; pictures are resized to this square, so that edges of all pictures have one scale


def layout(lab: FloatArray) -> NDArray[np.float64]:
    """Compute the mean colour of each cell of a grid.

    Args:
        lab: (H, W, 3) CIE Lab.

    Returns:
        (4, 4, 3) means.
    """
    return np.asarray(cv2.resize(lab, (CELLS, CELLS), interpolation=cv2.INTER_AREA), dtype=np.float64)


def edge_directions(lightness: FloatArray) -> NDArray[np.float64]:
    """Compute the mean gradient of lightness in each direction, over the whole picture and in each cell of a grid.

    Args:
        lightness: (H, W) of Lab, 0..100.

    Returns:
        (1 + 4 * 4, 8) square roots of the mean gradient in each eighth of the half circle, the whole picture first;
        opposite gradients are one direction.

    Source: Dalal & Triggs 2005, "Histograms of oriented gradients for human detection", without their blocks.
    """
    square = cv2.resize(lightness, (EDGE, EDGE), interpolation=cv2.INTER_AREA) / np.float32(100)
    across, down = (cv2.Sobel(square, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    steepness = np.hypot(across, down)
    direction = np.rint(np.arctan2(down, across) / math.pi * DIRECTIONS).astype(np.intp) % DIRECTIONS
    place = np.arange(EDGE) * CELLS // EDGE
    cell = place[:, None] * CELLS + place[None, :]
    sums = np.bincount(
        (cell * DIRECTIONS + direction).ravel(), weights=steepness.ravel(), minlength=CELLS * CELLS * DIRECTIONS
    ).reshape(CELLS * CELLS, DIRECTIONS)
    means = np.concatenate([sums.sum(axis=0, keepdims=True) / CELLS**2, sums]) / (EDGE / CELLS) ** 2
    roots: NDArray[np.float64] = np.sqrt(means)
    return roots

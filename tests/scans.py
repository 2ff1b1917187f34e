"""Scans that tests make of photographs: borders, and prints on a page."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

WHITE, BLACK, DARK, YELLOWED = (250, 250, 250), (7, 7, 7), (44, 40, 37), (214, 190, 140)


def bordered(photo: Any, level: tuple[int, int, int], *, sides: tuple[int, int, int, int]) -> Any:
    """Put an even border around a photograph (h, w, 3), so many pixels above, below, at the left and at the right."""
    return cv2.copyMakeBorder(photo, *sides, cv2.BORDER_CONSTANT, value=level)


def laid(page: Any, photo: Any, middle: tuple[float, float], angle: float) -> Any:
    """Lay a photograph (h, w, 3) on a page, turned by degrees about its middle, which comes to x, y; return corners."""
    height, width = photo.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), -angle, 1)
    matrix[:, 2] += np.array(middle) - (width / 2, height / 2)
    size = page.shape[1::-1]
    share = cv2.warpAffine(np.ones((height, width), np.float32), matrix, size)[..., None]
    turned = cv2.warpAffine(photo, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    page[:] = np.rint(page * (1 - share) + turned * share)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5
    return corners @ matrix[:, :2].T + matrix[:, 2] + 0.5


def paper(height: int, width: int, level: tuple[int, int, int]) -> Any:
    """A page (h, w, 3) of a colour, with a scanner's noise."""
    noise = np.random.default_rng(2).normal(0, 1.5, (height, width, 1))
    return np.rint(np.clip(np.array(level) + noise, 0, 255)).astype(np.uint8)


def strip(height: int, width: int) -> Any:
    """A colour target (h, w, 3) of eight patches."""
    colors = [(0, 0, 180), (0, 160, 200), (0, 140, 60), (240, 220, 0), (220, 30, 30), (200, 0, 130), (130, 90, 60)]
    return cv2.resize(np.array([colors], np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)

"""The place of a photograph on a scan: four corners, and how to cut pixels out of it and put them back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray

# A place whose sides lean by less than this share of the picture's width or height counts as upright: its pixels are
# the file's own, without interpolation.
_UPRIGHT = 0.004


@dataclass(frozen=True)
class Place:
    """A rectangle on a picture, upright or slightly turned.

    Attributes:
        corners: x and y of the upper left, upper right, lower right and lower left corner, in 0..1 of the picture's
            width and height.
    """

    corners: tuple[tuple[float, float], ...]

    @classmethod
    def box(cls, left: float, top: float, right: float, bottom: float) -> Place:
        """Return an upright place."""
        return cls(((left, top), (right, top), (right, bottom), (left, bottom)))

    def on(self, width: float, height: float) -> NDArray[np.float64]:
        """Return the corners (4, 2) in pixels on a picture of this size, whose first pixel reaches from 0 to 1."""
        return np.array(self.corners, dtype=np.float64) * (width, height)

    def size_on(self, width: int, height: int) -> tuple[int, int]:
        """Return its height and width in whole pixels on a picture of this size."""
        above, right, below, left = _sides(self.on(width, height))
        return max(1, round((left + right) / 2)), max(1, round((above + below) / 2))

    def share(self) -> float:
        """Return its share of the picture's area, 0..1."""
        x, y = np.array(self.corners).T
        return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)

    def box_on(self, width: int, height: int) -> tuple[int, int, int, int] | None:
        """Return left, top, right and bottom in whole pixels on a picture of this size; None if it is not upright."""
        points = self.on(width, height)
        above, right, below, left = (
            points[1] - points[0],
            points[2] - points[1],
            points[2] - points[3],
            points[3] - points[0],
        )
        tilt = max(abs(above[1]) / width, abs(below[1]) / width, abs(left[0]) / height, abs(right[0]) / height)
        if tilt > _UPRIGHT:
            return None
        x = np.rint([points[[0, 3], 0].mean(), points[[1, 2], 0].mean()]).astype(int)
        y = np.rint([points[[0, 1], 1].mean(), points[[2, 3], 1].mean()]).astype(int)
        return max(0, x[0]), max(0, y[0]), min(width, max(x[1], x[0] + 1)), min(height, max(y[1], y[0] + 1))

    def within(self, other: Place, *, width: int, height: int) -> Place:
        """Return the place on a picture of this size of what has this place on the upright copy of `other`."""
        across, down = (other.on(width, height)[corner] - other.on(width, height)[0] for corner in (1, 3))
        points = other.on(width, height)[0] + np.array(self.corners) @ np.stack([across, down])
        return Place(tuple((float(x), float(y)) for x, y in points / (width, height)))

    def transform(self, width: int, height: int, size: tuple[int, int]) -> NDArray[np.float64]:
        """Return the matrix (2, 3) that maps pixels of a picture of this size to those of the upright copy.

        Args:
            width: of the picture.
            height: of the picture.
            size: height and width of the copy.
        """
        points = self.on(width, height)[[0, 1, 3]]
        target = np.array([[0, 0], [size[1], 0], [0, size[0]]], dtype=np.float64)
        return np.asarray(cv2.getAffineTransform(points.astype(np.float32), target.astype(np.float32)))

    def cut(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the upright copy of the place from values (H, W) or (H, W, k) of a picture, at their resolution."""
        height, width = values.shape[:2]
        box = self.box_on(width, height)
        if box is not None:
            left, top, right, bottom = box
            return np.ascontiguousarray(values[top:bottom, left:right])
        return self.cut_turned(values)

    def cut_turned(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return what `cut` does, but always interpolated; outside the picture its edge is repeated."""
        height, width = values.shape[:2]
        size = self.size_on(width, height)
        # OpenCV counts from the pixels' centres.
        matrix = self.transform(width, height, size)
        matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
        flags = cv2.INTER_LINEAR
        copy = cv2.warpAffine(
            np.ascontiguousarray(values), matrix, size[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(copy).reshape(*size, *values.shape[2:])

    def depth(self, top: int, count: int, *, width: int, height: int) -> FloatArray:
        """Return how deep inside the place pixels lie, (count, width), in pixels, below 0 outside.

        Args:
            top: first row of the picture.
            count: how many rows.
            width: of the picture.
            height: of the picture.
        """
        points = self.on(width, height)
        across = np.arange(width, dtype=np.float32)[None] + np.float32(0.5)
        down = np.arange(top, top + count, dtype=np.float32)[:, None] + np.float32(0.5)
        deep = np.full((count, width), np.inf, dtype=np.float32)
        for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
            x, y = (end - start) / max(1e-9, float(np.hypot(*(end - start))))
            away = (down - np.float32(start[1])) * np.float32(x) - (across - np.float32(start[0])) * np.float32(y)
            np.minimum(deep, away, out=deep)
        return deep

    def shares(self, top: int, count: int, *, width: int, height: int, soft: float = 1.0) -> FloatArray:
        """Return the share of each pixel that lies inside, (count, width), for a soft edge of `soft` pixels.

        The other arguments are those of `depth`.
        """
        deep = self.depth(top, count, width=width, height=height)
        shares: FloatArray = np.clip(deep / np.float32(soft) + np.float32(0.5), 0, 1)
        return shares


def inside(places: Sequence[Place], top: int, count: int, *, width: int, height: int, soft: float = 1.0) -> FloatArray:
    """Return the largest `Place.shares` of several places, (count, width)."""
    shares = np.zeros((count, width), dtype=np.float32)
    for place in places:
        low, high = place.on(width, height)[:, 1].min() - soft, place.on(width, height)[:, 1].max() + soft
        if top <= high and top + count >= low:
            np.maximum(shares, place.shares(top, count, width=width, height=height, soft=soft), out=shares)
    return shares


def framed(
    colors: NDArray[Any], before: NDArray[Any], places: Sequence[Place], *, top: int, height: int, soft: float = 1.0
) -> NDArray[Any]:
    """Return rows of a picture with colours inside its places, and unchanged outside.

    Args:
        colors: (n, W, 3) the rows with colours.
        before: (n, W, 1 or 3) the rows as they were, of the same type and range.
        places: where the colours belong; if there are none, everywhere.
        top: number of the first row in the whole picture.
        height: of the whole picture.
        soft: width of the edge between both, in pixels.
    """
    if not places:
        return colors
    count, width = colors.shape[:2]
    share = inside(places, top, count, width=width, height=height, soft=soft)[..., None]
    return mixed(colors, before, share)


def mixed(colors: NDArray[Any], before: NDArray[Any], share: NDArray[Any]) -> NDArray[Any]:
    """Return a picture's rows (n, W, 3), blended from `before` to `colors` by a share (n, W, 1) in 0..1."""
    between = before + share * (colors.astype(np.float32) - before)
    if np.issubdtype(colors.dtype, np.integer):
        result: NDArray[Any] = np.rint(between).astype(colors.dtype)
    else:
        result = np.where(share >= 1, colors, np.where(share <= 0, before, between)).astype(colors.dtype)
    return result


def _sides(points: NDArray[np.float64]) -> tuple[float, float, float, float]:
    lengths = np.hypot(*(np.roll(points, -1, axis=0) - points).T)
    return float(lengths[0]), float(lengths[1]), float(lengths[2]), float(lengths[3])

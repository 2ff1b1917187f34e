"""Make clicks on photographs with masks, and the target for each pixel: of the thing, not of it, or unknown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.runtime.thing import distance

REST = -1  # kind of a region that is not a thing: what a mask leaves over
# If the parts of a thing have different colours, like a person's clothes, its pixels belong to what was clicked if
# their colour is within this distance of the click's, in 8-bit Lab.
_ALIKE = 10.0
# From this distance on they do not belong to it; in between it is unknown.
_UNLIKE = 22.0
_LEAST = 0.003  # smallest region that is clicked, as a share of the picture
_STROKES = 0.15  # share of clicks that are strokes
_MOST_POINTS = 4  # of a stroke
_SAME_KIND = 0.4  # weight of pixels of other things of the same kind, such as the other shoe


@dataclass(frozen=True, eq=False)
class Sample:
    """A photograph with its regions.

    Attributes:
        luma: (h, w) uint8, height and width multiples of 32.
        colors: (h / 2, w / 2, 3) float32, Lab in 8-bit steps, with lightness divided by 3.
        regions: (h / 2, w / 2) uint16, numbers of regions from 1.
        kinds: region's number -> `REST`, or the level of the mask.
        parted: kinds whose parts have different colours.
    """

    luma: NDArray[np.uint8]
    colors: FloatArray
    regions: NDArray[np.uint16]
    kinds: NDArray[np.int16]
    parted: frozenset[int]

    @property
    def areas(self) -> NDArray[np.float64]:
        """Region's number -> its share of the picture."""
        areas = np.bincount(self.regions.ravel(), minlength=len(self.kinds)) / self.regions.size
        areas[0] = 0
        return areas

    @classmethod
    def read(cls, path: Path, *, parted: frozenset[int] = frozenset()) -> Sample:
        """Read a sample written by `samples.prepare`: luma, ab, regions (h, w) and kinds."""
        with np.load(path) as file:
            luma, regions, kinds = file["luma"], file["regions"][1::2, 1::2].copy(), file["kinds"]
            lab = np.dstack([luma // 3, file["ab"]]).astype(np.float32)
        return cls(luma, cv2.resize(lab, regions.shape[::-1], interpolation=cv2.INTER_AREA), regions, kinds, parted)


def clicks(
    sample: Sample, count: int, *, generator: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """Make clicks at random places of random things, with a preference for larger ones.

    Returns:
        Three arrays (n, 1, h / 4, w / 4): the distance to each click, in pixels of that size; the share of each pixel
        that belongs to the thing, 0..1; and the weight of each pixel. None if there is nothing to click.
    """
    areas = sample.areas
    chance = np.where(areas >= _LEAST, np.sqrt(np.minimum(areas, 0.2)), 0)
    chance *= np.where(sample.kinds == REST, 0.4, 1)
    if not chance.sum():
        return None
    chosen = generator.choice(len(chance), size=count, p=chance / chance.sum())
    made = [_click(sample, int(number), generator) for number in chosen]
    return tuple(np.stack(arrays)[:, None].astype(np.float32) for arrays in zip(*made, strict=True))  # type: ignore[return-value]


def deepest(region: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the row and column of the point of a region (h, w) that is farthest from its border."""
    row, column = divmod(int(_depth(region).argmax()), region.shape[1])
    return row, column


def _depth(region: NDArray[np.bool_]) -> FloatArray:
    """Return the distance of each pixel of a region (h, w) from its border."""
    depth: FloatArray = cv2.distanceTransform(np.pad(region, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    return depth


def _click(sample: Sample, number: int, generator: np.random.Generator) -> tuple[FloatArray, ...]:
    region = sample.regions == number
    depth = _depth(region)
    # People click in the middle of things rather than at their edges.
    chance = np.where(depth > 1, depth ** generator.choice([0.0, 1.0, 3.0]), 0).ravel()
    if not chance.any():
        chance = region.ravel().astype(np.float64)
    points = 1 if generator.random() > _STROKES else int(generator.integers(2, _MOST_POINTS + 1))
    cells = generator.choice(len(chance), size=points, p=chance / chance.sum())
    places = np.stack(np.divmod(cells, region.shape[1]), axis=1)
    own, counts = _labels(sample, number, region, places)
    smaller = region.shape[1] // 2, region.shape[0] // 2
    owned, counted = (cv2.resize(values, smaller, interpolation=cv2.INTER_AREA) for values in (own * counts, counts))
    return distance((places + 0.5) / region.shape, sample.luma.shape), owned / np.maximum(counted, 1e-3), counted


def _labels(
    sample: Sample, number: int, region: NDArray[np.bool_], places: NDArray[np.intp]
) -> tuple[NDArray[np.bool_], FloatArray]:
    """Return which pixels belong to what was clicked, and the weight of each."""
    kind = int(sample.kinds[number])
    alike = (sample.kinds == kind)[sample.regions] & ~region
    counts = np.where(alike, np.float32(_SAME_KIND), np.float32(1))
    if kind != REST and kind not in sample.parted:
        return region, counts
    lab = sample.colors
    away = np.min([np.linalg.norm(lab - lab[y, x], axis=-1) for y, x in places], axis=0)
    own = region & (away < _ALIKE)
    unknown = (region & (away >= _ALIKE) & (away < _UNLIKE)) | (alike & (away < _UNLIKE))
    return own, np.where(unknown, np.float32(0), counts)

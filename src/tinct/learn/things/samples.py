"""Make small samples of photographs with masks of things, store a model's features of them, and make clicks on them.

A click's target is, for each pixel: of the thing, not of it, or unknown.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.spaces import FloatArray
from tinct.errors import DataError
from tinct.files import make_folder, written_beside
from tinct.runtime.session import Session
from tinct.runtime.thing import FEATURES, distance, seen_shape

SIZE = 320  # root of height x width of the samples
_HELD = 16  # one photograph in this many, chosen by its name, is held out for measuring
_PARTS = 1  # additional samples of a photograph: parts of it, some mirrored, in other tones
_SMALLEST_PART = 0.55  # of the picture's area
REST = -1  # kind of a region that is not a thing: what a mask leaves over
# If the parts of a thing have different colours, like a person's clothes, its pixels belong to what was clicked if
# their colour is within this distance of the click's, in 8-bit Lab.
_ALIKE = 10.0
_UNLIKE = 22.0  # from this distance on they do not belong to it; in between it is unknown
_LEAST = 0.003  # smallest region that is clicked, as a share of the picture
_STROKES = 0.15  # share of clicks that are strokes
_MOST_POINTS = 4  # of a stroke
_SAME_KIND = 0.4  # weight of pixels of other things of the same kind, such as the other shoe


def prepare(images: Path, masks: Path, target: Path, *, name: str, rest: bool = True, seed: int = 0) -> int:
    """Write samples of photographs IMAGES/NAME.jpg with masks MASKS/NAME.png of their size; return how many.

    Args:
        images: a folder of photographs.
        masks: their masks, whose levels are kinds of things.
        target: the folder for samples; several sets may share it.
        name: prefix of the samples' names.
        rest: level 0 is not a thing; if False, it is a kind like the others.
        seed: of the parts.

    Raises:
        DataError: a photograph has no mask of its size.
    """
    make_folder(target)
    generator = np.random.default_rng(seed)
    count = 0
    for path in sorted(images.glob("*.jpg")):
        picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
        mask = cv2.imread(str(masks / f"{path.stem}.png"), cv2.IMREAD_GRAYSCALE)
        if picture is None or mask is None or mask.shape != picture.shape[:2]:
            raise DataError(f"{path}: has no mask of its size in {masks}; add {path.stem}.png, or take it out")
        for part in range(1 + _PARTS):
            shown = (picture, mask) if not part else _part(picture, mask, generator)
            sample = _sample(*shown, rest=rest, generator=generator if part else None)
            with written_beside(target / f"{name}_{path.stem}_{part}.npz") as partial, partial.open("wb") as file:
                np.savez(file, **sample)
            count += 1
    return count


def held(path: Path) -> bool:
    """Return whether a sample is held out for measuring, together with all samples of its photograph."""
    return zlib.crc32(path.stem.rpartition("_")[0].encode()) % _HELD == 0


def look(samples: Sequence[Path], session: Session, target: Path) -> Iterator[Path]:
    """Write a model's features of samples, unless they exist already, and yield their files."""
    make_folder(target)
    for path in samples:
        seen = target / path.name
        if not seen.exists():
            with np.load(path) as file:
                luma = file["luma"].astype(np.float32) / 255
            features = session.features(luma)
            halves: dict[str, Any] = {name: np.moveaxis(features[name], -1, 0).astype(np.float16) for name in FEATURES}
            with written_beside(seen) as partial, partial.open("wb") as file:
                np.savez(file, **halves)
        yield seen


def _part(
    picture: NDArray[np.uint8], mask: NDArray[np.uint8], generator: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return a random part with a thing in it, mirrored in half of the cases."""
    height, width = mask.shape
    side = generator.uniform(_SMALLEST_PART, 1) ** 0.5
    high, wide = int(height * side), int(width * side)
    rows, columns = np.nonzero(mask) if mask.any() else np.nonzero(mask == 0)
    chosen = generator.integers(len(rows))
    top = int(np.clip(rows[chosen] - generator.uniform(0.2, 0.8) * high, 0, height - high))
    left = int(np.clip(columns[chosen] - generator.uniform(0.2, 0.8) * wide, 0, width - wide))
    step = -1 if generator.random() < 0.5 else 1
    place = slice(top, top + high), slice(left, left + wide)
    return picture[place][:, ::step], mask[place][:, ::step]


def _sample(
    picture: NDArray[np.uint8], mask: NDArray[np.uint8], *, rest: bool, generator: np.random.Generator | None
) -> dict[str, Any]:
    """Return luma, a and b of Lab, regions and kinds, as `Sample.read` reads them."""
    height, width = seen_shape(*mask.shape, size=SIZE)
    small = cv2.resize(np.ascontiguousarray(picture), (width, height), interpolation=cv2.INTER_AREA)
    level = cv2.resize(np.ascontiguousarray(mask), (width, height), interpolation=cv2.INTER_NEAREST)
    luma = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
    if generator is not None:
        luma = _other_tones(luma, generator)
    regions = np.zeros((height, width), dtype=np.uint16)
    kinds = [0]
    for kind in np.unique(level):
        count, parts = cv2.connectedComponents((level == kind).astype(np.uint8), connectivity=4)
        regions = np.where(parts > 0, parts + len(kinds) - 1, regions).astype(np.uint16)
        kinds += [REST if rest and kind == 0 else int(kind)] * (count - 1)
    return {
        "luma": np.clip(luma + 0.5, 0, 255).astype(np.uint8),
        "ab": cv2.cvtColor(small, cv2.COLOR_BGR2LAB)[..., 1:],
        "regions": regions,
        "kinds": np.array(kinds, dtype=np.int16),
    }


def _other_tones(luma: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """Return luma (h, w) in 0..255 with less contrast, darker or brighter, and sometimes blurred or grainy."""
    low, high = generator.uniform(0, 0.12), generator.uniform(0.88, 1)
    toned = 255 * (low + (high - low) * (luma / 255) ** np.exp(generator.normal(0, 0.25)))
    if generator.random() < 0.3:
        toned = cv2.GaussianBlur(toned, (0, 0), generator.uniform(0.4, 1.1))
    if generator.random() < 0.4:
        toned = toned + generator.normal(0, generator.uniform(1, 6), toned.shape)
    result: NDArray[np.float32] = toned.astype(np.float32)
    return result


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

"""Make small samples of photographs with masks of things, and store a model's features of them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.errors import DataError
from tinct.files import make_folder, written_beside
from tinct.learn.things.clicks import REST
from tinct.runtime.session import Session
from tinct.runtime.thing import FEATURES, seen_shape

SIZE = 224  # root of height x width of the samples
_HELD = 16  # one photograph in this many, chosen by its name, is held out for measuring
_PARTS = 1  # additional samples of a photograph: parts of it, some mirrored, in other tones
_SMALLEST_PART = 0.55  # of the picture's area


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

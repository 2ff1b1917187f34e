"""Decoded photographs in one file, mapped into memory: what several trainings read without decoding it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.errors import DataError

PIXELS, INDEX = "pixels.bin", "index.json"


def read_decoded(folder: str, first: int, count: int) -> Iterator[tuple[NDArray[np.uint8], dict[str, Any]]]:
    """Give some of the photographs of a folder that `tinct.data.cache.decode_source` made.

    Args:
        folder: where they are.
        first: number of the first one.
        count: how many.

    Yields:
        (H, W, 3) sRGB uint8, read-only, and the photograph's description.

    Raises:
        DataError: the folder is missing or damaged.
    """
    pixels, entries = _open(folder)
    for offset, height, width, card in entries[first : first + count]:
        yield pixels[offset : offset + height * width * 3].reshape(height, width, 3), dict(card)


@lru_cache(maxsize=4)
def _open(folder: str) -> tuple[NDArray[np.uint8], list[tuple[int, int, int, dict[str, Any]]]]:
    place = Path(folder)
    try:
        listed = json.loads((place / INDEX).read_text(encoding="utf-8"))
        entries = []
        offset = 0
        for height, width, card in listed:
            entries.append((offset, int(height), int(width), card))
            offset += int(height) * int(width) * 3
        pixels = np.memmap(place / PIXELS, dtype=np.uint8, mode="r")
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{place}: decoded photographs missing or damaged ({error}); remove the folder") from error
    if len(pixels) != offset:
        raise DataError(f"{place}: decoded photographs damaged; remove the folder, it is made again")
    return pixels, entries

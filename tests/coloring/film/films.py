"""Films for tests, and what is stored in them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from media.video import clips

if TYPE_CHECKING:
    from tinct.coloring.film.colorize import VideoResult

HEIGHT, WIDTH = clips.HEIGHT, clips.WIDTH
Paint = Callable[..., "VideoResult"]  # the fixture `paint`


def texture(number: int, *, seed: int = 1, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Blocks of grey that move by a pixel a frame: uint8 in 40..215."""
    blocks = np.random.default_rng(seed).integers(40, 216, (height // 8 + 1, width // 8 + 8))
    wide = np.kron(blocks, np.ones((8, 8))).astype(np.uint8)
    return np.ascontiguousarray(wide[:height, number % 56 : number % 56 + width])


def film_of(path: Path, frames: int = 20, *, seed: int = 1, **options: Any) -> Path:
    """Write a grey film of one shot, losslessly where no codec is named."""
    options = {"codec": "ffv1", "planes": lambda number: (texture(number, seed=seed),)} | options
    return clips.write_clip(path, frames=frames, **options)


def stored(path: Path) -> list[list[np.ndarray]]:
    """Return Y, U and V of each frame as PyAV decodes them."""
    frames = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            dtype = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
            rows = [np.frombuffer(plane, dtype).reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes]
            frames.append([plane.copy() for plane in rows])
    return frames


def times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def has_colors(planes: list[np.ndarray]) -> bool:
    middle = 128 if planes[1].dtype == np.uint8 else 512
    return all(float((plane != middle).mean()) > 0.5 for plane in planes[1:])


def same(first: list[list[np.ndarray]], second: list[list[np.ndarray]]) -> bool:
    return len(first) == len(second) and all(
        all(map(np.array_equal, one, other)) for one, other in zip(first, second, strict=True)
    )

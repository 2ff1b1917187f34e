"""Small films made for tests, by PyAV alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

HEIGHT, WIDTH = 64, 96
RATE = 25


def scene(moment: float, *, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """A pattern that moves: uint8 luma in 28..228."""
    rows, columns = np.mgrid[0:height, 0:width]
    return (128 + 60 * np.sin((columns - 6 * moment) / 6) + 40 * np.sin((rows + 2 * moment) / 9)).astype(np.uint8)


def woven(number: int, *, top_first: bool = True) -> np.ndarray:
    """An interlaced frame of `scene`: every other line is half a frame later."""
    early, late = scene(number), scene(number + 0.5)
    frame = early.copy()
    later = 1 if top_first else 0
    frame[later::2] = late[later::2]
    return frame


def noise(number: int, shape: tuple[int, int], bits: int = 8, *, low: int = 0) -> np.ndarray:
    kind = np.uint8 if bits == 8 else np.uint16
    return np.random.default_rng(number).integers(low, 1 << bits, shape).astype(kind)


def fill(frame: av.VideoFrame, planes: Iterable[np.ndarray]) -> None:
    for plane, values in zip(frame.planes, planes, strict=False):
        rows = np.frombuffer(plane, values.dtype).reshape(plane.height, -1)
        rows[:, : values.shape[1]] = values


def write_clip(
    path: Path,
    *,
    codec: str = "libx264",
    form: str = "yuv420p",
    frames: int = 40,
    planes: Callable[[int], Iterable[np.ndarray]] = lambda number: (scene(number),),
    times: Callable[[int], int] = lambda number: number,
    time_base: Fraction = Fraction(1, RATE),
    rate: Fraction = Fraction(RATE),
    size: tuple[int, int] = (WIDTH, HEIGHT),
    muxer: str | None = None,
    options: dict[str, str] | None = None,
    flags: int = 0,
    before: Callable[[Any, Any], None] = lambda container, stream: None,
    **context: Any,
) -> Path:
    """Write a film; grey where `planes` gives Y alone."""
    with av.open(str(path), "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, form
        stream.codec_context.time_base = time_base
        stream.time_base = time_base
        stream.codec_context.flags |= flags
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        before(container, stream)
        for number in range(frames):
            frame = av.VideoFrame(*size, form)
            for plane in frame.planes:
                np.frombuffer(plane, np.uint8)[:] = 128
            fill(frame, planes(number))
            frame.pts, frame.time_base = times(number), time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def stored_luma(path: Path) -> list[np.ndarray]:
    """Each frame's Y of an 8-bit 4:2:0 film, as PyAV gives it."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray()[: frame.height].copy() for frame in container.decode(video=0)]

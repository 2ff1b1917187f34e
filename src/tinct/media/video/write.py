"""Encode a film's part into a file of its own: planes of Y, U and V in, exactly as they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray

from tinct.errors import OutputError, SettingError
from tinct.files import written_beside
from tinct.media.video.encoder import open_encoder
from tinct.media.video.film import Film
from tinct.media.video.planes import frame_of
from tinct.media.video.recipe import Recipe
from tinct.media.video.segment import Coded, SegmentFile
from tinct.media.video.source import reason


class SegmentWriter:
    """Encodes frames that follow each other into a file; finished and renamed into place when it is closed.

    As a context manager it is closed after the block, and leaves nothing behind if the block fails. The same frames,
    settings and threads give the same bytes.
    """

    def __init__(self, path: str | Path, film: Film, recipe: Recipe, *, threads: int) -> None:
        """Begin a segment.

        Args:
            path: its file.
            film: what is encoded.
            recipe: how.
            threads: of the processor.

        Raises:
            OutputError: the file cannot be written.
            SettingError: the encoder refuses the recipe.
        """
        self._path = Path(path)
        self._recipe = recipe
        self._luma = _luma_table(film, recipe)
        self._chroma = _chroma_table(film, recipe)
        self._shapes = ((film.height, film.width), recipe.chroma_shape, recipe.chroma_shape)
        self._types = (_code_type(film.depth), *[_code_type(recipe.bits)] * 2)
        self._time_base = film.time_base
        self._usual = film.frame_ticks
        self._durations: dict[int, int] = {}
        self._last: int | None = None
        self._encoder = open_encoder(film, recipe, threads=threads)
        self._stack = ExitStack()
        beside = self._stack.enter_context(written_beside(self._path))
        with _cleared(self._stack):
            self._file = SegmentFile(
                self._stack.enter_context(beside.open("wb")),
                codec=recipe.codec.name,
                settings=f"{recipe.describe()}, {recipe.width} x {recipe.height}",
                time_base=film.time_base,
                extradata=self._encoder.extradata or b"",
            )

    def write(
        self, luma: NDArray[Any], u: NDArray[Any], v: NDArray[Any], *, pts: int, duration: int | None = None
    ) -> None:
        """Encode the next frame.

        Args:
            luma: (H, W) codes of Y of the film's depth and range.
            u: `recipe.chroma_shape` codes of `recipe.bits` bits, in the film's range.
            v: likewise.
            pts: when it is shown, in units of the film's `time_base`; after the frame before.
            duration: how long; an average frame's without it.

        Raises:
            OutputError: it cannot be encoded or written; nothing is left behind.
            SettingError: the planes have another form, or the time does not rise.
        """
        with _cleared(self._stack):
            for plane, shape, dtype in zip((luma, u, v), self._shapes, self._types, strict=True):
                if plane.shape != shape or plane.dtype != dtype:
                    raise SettingError(f"a plane must be {dtype.__name__} {shape}, not {plane.dtype} {plane.shape}")
            if self._last is not None and pts <= self._last:
                raise SettingError(f"a frame's time must be after {self._last}, not {pts}")
            planes = (_through(luma, self._luma), _through(u, self._chroma), _through(v, self._chroma))
            frame = frame_of(planes, self._recipe.form, (self._recipe.width, self._recipe.height))
            tags = self._recipe.tags
            frame.colorspace, frame.color_range = tags.matrix, tags.range
            frame.color_primaries, frame.color_trc = tags.primaries, tags.transfer
            frame.pts, frame.time_base = pts, self._time_base
            frame.duration = duration or self._usual
            self._durations[pts] = frame.duration
            self._last = pts
            self._encode(frame)

    def close(self) -> None:
        """Encode what is still waiting, finish the file and rename it into place.

        Raises:
            OutputError: it cannot be written; nothing is left behind.
        """
        with _cleared(self._stack):
            self._encode(None)
            self._file.finish()
        self._stack.close()

    def _encode(self, frame: av.VideoFrame | None) -> None:
        try:
            packets = self._encoder.encode(frame)
        except av.FFmpegError as error:
            raise OutputError(
                f"{self._path}: the encoder {self._recipe.codec.encoder} failed ({reason(error)}); choose another codec"
            ) from error
        for packet in packets:
            assert packet.pts is not None
            duration = self._durations.pop(packet.pts)
            self._file.add(Coded(packet.pts, duration, packet.is_keyframe, bytes(packet)))

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it, or clear it away after a failure."""
        if error is None:
            self.close()
        else:
            self._stack.__exit__(kind, error, trace)


@contextmanager
def _cleared(stack: ExitStack) -> Iterator[None]:
    """Have what fails in the block close, and clear away, what is open."""
    try:
        yield
    except BaseException as error:
        stack.__exit__(type(error), error, error.__traceback__)
        raise


def _code_type(bits: int) -> type[np.unsignedinteger[Any]]:
    return np.uint8 if bits == 8 else np.uint16


def _through(plane: NDArray[Any], table: NDArray[Any] | None) -> NDArray[Any]:
    return plane if table is None else table[plane]


def _luma_table(film: Film, recipe: Recipe) -> NDArray[Any] | None:
    """Give the code that each of the film's codes of Y is written as; None where it stays."""
    if film.depth == recipe.bits and film.full_range == recipe.full_range:
        return None
    codes = np.arange(1 << film.depth, dtype=np.float64)
    most = (1 << recipe.bits) - 1
    scale = 1 << recipe.bits - 8
    if film.full_range:
        black, span = (0, most) if recipe.full_range else (16 * scale, 219 * scale)
        values = black + codes * span / (codes.size - 1)
    else:
        values = codes * 2.0 ** (recipe.bits - film.depth)
    table: NDArray[Any] = np.clip(np.rint(values), 0, most).astype(_code_type(recipe.bits))
    return table


def _chroma_table(film: Film, recipe: Recipe) -> NDArray[Any] | None:
    """Give the code that each code of U and V is written as; None where it stays."""
    if film.full_range == recipe.full_range:
        return None
    codes = np.arange(1 << recipe.bits, dtype=np.float64)
    scale = 1 << recipe.bits - 8
    values = 128 * scale + (codes - 128 * scale) * 224 * scale / (codes.size - 1)
    table: NDArray[Any] = np.rint(values).astype(_code_type(recipe.bits))
    return table

"""A picture computed strip by strip, as a libvips image that any of its savers can stream.

libvips offers no loader that takes raw rows from Python, but it reads uncompressed TIFF from any seekable source. So a
TIFF is described here whose pixels do not exist until libvips asks for them: reading ahead, computing on several cores
and encoding then run side by side, and a few strips are all that is ever held.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from tinct.media.image import tags
from tinct.media.image.pixels import image_of
from tinct.media.image.tags import LONG, LONG8, SHORT, numbers
from tinct.parallel import ordered_map

STRIP_PIXELS = 1 << 18  # pixels of a strip that are read, computed and handed on at once

StripFunction = Callable[[NDArray[Any], int], NDArray[Any]]


def computed(source: pyvips.Image, function: StripFunction) -> pyvips.Image:
    """Return the result of a function of a small picture's rows, all of them at once; see `StripPicture`."""
    rows = source.numpy().reshape(source.height, source.width, -1)
    return image_of(function(rows, 0))


class StripPicture:
    """A result computed from a source's rows, from top to bottom, once.

    Attributes:
        image: the result as a libvips image; writing it makes everything happen.
        error: what went wrong while reading or computing, since libvips itself only sees the data end.
    """

    def __init__(
        self, source: pyvips.Image, function: StripFunction, *, bands: int, dtype: type[np.generic], threads: int
    ) -> None:
        """Describe the result of a function of (n, W, k) rows and the first one's number; no pixel is computed yet.

        The source is read in order; `threads` strips are computed at once. The result has 3 `bands`, or 4 with alpha.
        """
        self.error: BaseException | None = None
        self._source: Any = source
        self._function = function
        self._rows = max(1, min(source.height, STRIP_PIXELS // source.width))
        self._dtype = np.uint8 if source.format == "uchar" else np.uint16
        self._header, self._length = tiff_header(
            source.width, source.height, bands=bands, bits=np.dtype(dtype).itemsize * 8, rows=self._rows
        )
        # One thread does all the reading: a libvips region belongs to the thread that made it.
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="tinct-read")
        self._region: Any = None
        reads = ((self._reader.submit(self._fetch, top), top) for top in range(0, source.height, self._rows))
        self._pieces = ordered_map(self._compute, reads, threads=threads, ahead=threads + 2)
        self._place = 0
        self._piece, self._piece_start = memoryview(self._header), 0
        self._stream = pyvips.SourceCustom()
        self._stream.on_read(self._read)
        self._stream.on_seek(self._seek)
        self.image = pyvips.Image.tiffload_source(self._stream, access="sequential", fail_on="error")

    def close(self) -> None:
        """Stop the threads, whether or not everything was computed."""
        self._pieces.close()
        self._reader.shutdown(wait=True, cancel_futures=True)
        # This object and its stream refer to each other, so they wait for the garbage collector. The source must not:
        # if it is damaged, libvips warns when it is freed, and crashes if that happens inside another warning.
        self._region = self._source = None

    def _fetch(self, top: int) -> NDArray[Any]:
        if self._region is None:
            self._region = pyvips.Region.new(self._source)
        width, rows = self._source.width, min(self._rows, self._source.height - top)
        data = np.frombuffer(self._region.fetch(0, top, width, rows), dtype=self._dtype)
        return data.reshape(rows, width, self._source.bands)

    def _compute(self, strip: tuple[Future[NDArray[Any]], int]) -> memoryview:
        read, top = strip
        pixels: Any = np.ascontiguousarray(self._function(read.result(), top)).reshape(-1)
        return memoryview(pixels).cast("B")

    def _read(self, size: int) -> bytes:
        """Return the next bytes to libvips; nothing after an error, which its loader then reports as an early end."""
        try:
            if self.error is not None or self._place >= self._length:
                return b""
            while self._place >= self._piece_start + len(self._piece):
                self._piece_start += len(self._piece)
                self._piece = next(self._pieces)
            offset = self._place - self._piece_start
            if offset < 0:
                raise RuntimeError("libvips read a streamed picture backwards")
            data = bytes(self._piece[offset : offset + size])
        except BaseException as error:  # it must not unwind through libvips' C code
            self.error = error
            return b""
        self._place += len(data)
        return data

    def _seek(self, offset: int, whence: int) -> int:
        self._place = (0, self._place, self._length)[whence] + offset
        return self._place


def tiff_header(width: int, height: int, *, bands: int, bits: int, rows: int) -> tuple[bytes, int]:
    """Describe an uncompressed RGB or RGBA picture, of 8 or 16 bits, whose strips of `rows` follow the header in order.

    Returns the header's bytes, and the whole file's length.

    Source: TIFF 6.0, with the 64-bit offsets of BigTIFF, for results over 4 GB.
    """
    strips = -(-height // rows)
    row_bytes = width * bands * bits // 8
    counts = [rows * row_bytes] * (strips - 1) + [(height - rows * (strips - 1)) * row_bytes]

    def directory(start: int) -> bytes:
        described = {
            256: numbers(LONG, [width]),
            257: numbers(LONG, [height]),
            258: numbers(SHORT, [bits] * bands),
            259: numbers(SHORT, [1]),  # no compression
            262: numbers(SHORT, [2]),  # RGB
            273: numbers(LONG8, list(accumulate(counts[:-1], initial=start))),
            277: numbers(SHORT, [bands]),
            278: numbers(LONG, [rows]),
            279: numbers(LONG8, counts),
            284: numbers(SHORT, [1]),  # channels interleaved
        }
        if bands == 4:
            described[338] = numbers(SHORT, [2])  # alpha, not multiplied in
        return tags.directory(described, len(head), big=True)

    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16)
    start = len(head) + len(directory(0))
    return head + directory(start), start + sum(counts)

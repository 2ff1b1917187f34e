"""Complete files that end too soon, for formats whose decoders accept whole files only, and say what is missing.

These decoders read the data in the order of the picture's rows, so rows before the file's end come out as they were.
To find how many these are, the missing bytes are filled in twice, differently: rows that come out the same are whole.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from tinct.media.image.containers import boxes, webp_data
from tinct.media.image.damage import LEAST_WHOLE
from tinct.media.image.kinds import HEAD, TooManyPixelsError, UnsupportedError, other_kind, pnm_header
from tinct.media.image.opening import open_image
from tinct.media.image.pixels import field_of

_ALIKE = 0.5  # rows are the same if their mean difference is at most this, in 8-bit steps
# Larger files are not completed.
_MOST_BYTES = 256 << 20
_SEED = 0


@dataclass(frozen=True)
class Saved:
    """A completed file: its bytes, and what the user should be told."""

    content: bytes
    damage: str


def open_or_complete(source: Path | bytes, *, page: int, most_pixels: int) -> tuple[pyvips.Image, Saved | None]:
    """Open a picture to read its header, as `open_image` does; complete it first if its file ends too soon."""
    options: dict[str, Any] = {"access": "sequential", "fail_on": "none", "most_pixels": most_pixels}
    image = None
    try:
        image = open_image(source, page=page, **options)
        # libvips reads only the header of an AVIF file here, and does not notice that data are missing after it.
        if not str(field_of(image, "vips-loader", "")).startswith("heifload"):
            return image, None
    except (TooManyPixelsError, UnsupportedError):
        raise
    except pyvips.Error:
        saved = completed_file(_content(source), most_pixels=most_pixels)
        if saved is None:
            raise
    else:
        saved = completed_file(_content(source), most_pixels=most_pixels)
    return (image, None) if saved is None else (open_image(saved.content, **options), saved)


def _content(source: Path | bytes) -> bytes:
    try:
        return source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:
        raise pyvips.Error(str(error.strerror)) from error


def completed_file(content: bytes, *, most_pixels: int) -> Saved | None:
    """Complete a WebP, AVIF, HEIC, JPEG 2000, BMP or PNM file that ends too soon; None if nothing can be saved.

    Args:
        content: the file.
        most_pixels: larger pictures are not decoded.
    """
    missing = _missing(content) if len(content) <= _MOST_BYTES else None
    if missing is None:
        return None
    body, count, wrap = missing
    noise = np.random.default_rng(_SEED).integers(0, 255, count, dtype=np.uint8).tobytes()
    jp2 = other_kind(content[:HEAD]) == "jp2kload"
    # A JPEG 2000 decoder assumes bytes of 255 after the end of its data. Source: ISO/IEC 15444-1, C.3.4.
    filled = [wrap(body + (b"\xff" if jp2 else b"\0") * count), wrap(body + noise)]
    try:
        (whole, first), (_, other) = (_decoded(made, most_pixels) for made in filled)
    except (pyvips.Error, ValueError):
        return None
    if jp2:
        damage = f"its file ends after {100 * len(body) // (len(body) + count)} % of its data, and detail is missing"
    else:
        alike = np.abs(first.astype(np.int32) - other).mean(axis=(1, 2)) <= _ALIKE
        share = int(100 * alike.mean())
        if share < LEAST_WHOLE:
            return None
        damage = f"its file ends too soon, and at most {share} % of its rows are whole"
    if count == 0:
        damage = "its file ends too soon, but all of its rows are there"
    return Saved(whole, f"damaged: {damage}")


def _decoded(content: bytes, most_pixels: int) -> tuple[bytes, NDArray[np.uint8]]:
    """Decode a file to (H, W, channels); FFmpeg decodes AVIF files that libvips cannot, and they become TIFF files."""
    try:
        image = open_image(content, most_pixels=most_pixels, fail_on="none")
        shown = image if image.format == "uchar" else (image / 257).cast("uchar")
        pixels = shown.numpy()
    except pyvips.Error:
        if content[4:12] not in (b"ftypavif", b"ftypmif1"):
            raise
        pixels = _by_ffmpeg(content)
        content = pyvips.Image.new_from_array(pixels, interpretation="srgb").tiffsave_buffer()
    return content, pixels.reshape(*pixels.shape[:2], -1)


def _by_ffmpeg(content: bytes) -> NDArray[np.uint8]:
    """Decode an AVIF file to (H, W, 3) sRGB by FFmpeg, which accepts damaged data that libheif refuses."""
    import av

    try:
        with av.open(io.BytesIO(content), "r") as file:
            frame = next(file.decode(video=0))
            pixels: NDArray[np.uint8] = np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
    except (av.FFmpegError, StopIteration, IndexError) as error:
        raise pyvips.Error("FFmpeg cannot decode it") from error
    return pixels


Missing = tuple[bytes, int, Callable[[bytes], bytes]]


def _missing(content: bytes) -> Missing | None:
    """Return a file's bytes, how many are missing, and a function that makes a file of both; None if none are known."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _missing_of_webp(content)
    kind = other_kind(content[:HEAD])
    if content[4:8] == b"ftyp":
        length = max((stop for _, _, stop in boxes(content)), default=0)
    elif kind == "jp2kload":
        length = _length_of_jp2(content)
    elif kind == "bmpload":
        length = int.from_bytes(content[2:6], "little")
    elif kind == "pnmload":
        length = _length_of_pnm(content)
    else:
        return None
    return (content, length - len(content), bytes) if 0 < length - len(content) <= _MOST_BYTES else None


def _missing_of_webp(content: bytes) -> Missing | None:
    """Find the chunk of the picture's data; what follows it, such as metadata, is left out."""
    place, size = webp_data(content)
    body = content[place - 8 : place + size]
    missing = 8 + size - len(body)
    return (body, missing, _riff) if place and missing <= _MOST_BYTES else None


def _riff(chunk: bytes) -> bytes:
    even = chunk + bytes(len(chunk) % 2)
    return b"RIFF" + (4 + len(even)).to_bytes(4, "little") + b"WEBP" + even


def _length_of_jp2(content: bytes) -> int:
    """Return a JPEG 2000 file's full length: to the end of the last tile part that begins in it, and the end marker.

    Source: ISO/IEC 15444-1, A.4.2.
    """
    start = content.find(b"\xff\x4f\xff\x51")
    part = content.find(b"\xff\x90\x00\x0a", start)
    while part >= 0 and part + 12 <= len(content):
        size = int.from_bytes(content[part + 6 : part + 10], "big")
        if size < 14 or part + size > len(content):
            return part + size + 2
        part += size
    return part + 2 if 0 < start < part == len(content) else 0


def _length_of_pnm(content: bytes) -> int:
    header, kind = pnm_header(content), content[1:2]
    if header is None or kind not in b"456":
        return 0
    width, height, largest, start = header
    if kind == b"4":
        return start + -(-width // 8) * height
    row = width * (3 if kind == b"6" else 1) * (2 if largest > 255 else 1)
    return start + row * height if largest else 0

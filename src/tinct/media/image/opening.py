"""Files of any name and kind, in and out of libvips; what its wheels cannot read (BMP, PNM, JPEG 2000), by OpenCV."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyvips
from numpy.typing import NDArray

# First bytes -> what is read so, by a name like those of libvips' loaders.
_KINDS = (
    (re.compile(rb"BM"), "bmpload"),
    (re.compile(rb"P[1-6]\s"), "pnmload"),
    (re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"), "jp2kload"),
)
# Magic number, width, height and largest value of a PNM file that has one; comments run from # to the end of a line.
_GAP = rb"(?:\s|#[^\n]*\n)+"
_LARGEST = re.compile(rb"P[2356]" + _GAP + rb"\d+" + _GAP + rb"\d+" + _GAP + rb"(\d+)")


def other_kind(head: bytes) -> str | None:
    """Return the kind of a file that libvips leaves to OpenCV; None for all others.

    Args:
        head: its first bytes, 12 or more.
    """
    return next((name for magic, name in _KINDS if magic.match(head)), None)


def open_bytes(content: bytes, **options: Any) -> pyvips.Image:
    """Open a picture of any kind that tinct reads from its bytes, with `vips-loader` set.

    `options` are for libvips' loader; what OpenCV reads is decoded whole.

    Raises:
        pyvips.Error: it is no picture, or it is damaged.
    """
    kind = other_kind(content[:12])
    if kind is None:
        return pyvips.Image.new_from_buffer(content, "", **options)
    pixels = _decode(content)
    if kind == "pnmload":
        pixels = _stretched(pixels, content)
    if pixels.ndim == 3:  # OpenCV's blue, green, red and opacity
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    depth, grey = pixels.dtype == np.uint16, pixels.ndim == 2
    interpretation = ("grey16" if grey else "rgb16") if depth else ("b-w" if grey else "srgb")
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels), interpretation=interpretation).copy()
    image.set_type(pyvips.GValue.gstr_type, "vips-loader", kind)
    return image


def _decode(content: bytes) -> NDArray[Any]:
    logging = cv2.utils.logging
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)  # what is wrong is told by the error, not on the console
    try:
        pixels: NDArray[Any] | None = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # more pixels than it decodes, for one
        pixels = None
    finally:
        logging.setLogLevel(level)
    if pixels is None or pixels.dtype not in (np.uint8, np.uint16) or pixels.shape[2:] not in ((), (3,), (4,)):
        raise pyvips.Error("OpenCV cannot decode it")
    return pixels


def _stretched(pixels: NDArray[Any], content: bytes) -> NDArray[Any]:
    """Bring values whose largest is not 255 or 65535 to that range; of 8-bit text files, OpenCV does so itself."""
    if pixels.dtype == np.uint8 and content[1:2] in (b"2", b"3"):
        return pixels
    header = _LARGEST.match(content)
    whole = int(np.iinfo(pixels.dtype).max)
    largest = min(int(header[1]), whole) if header else whole
    if largest in (0, whole):
        return pixels
    result: NDArray[Any] = np.rint(pixels.astype(np.float64) * (whole / largest)).clip(0, whole).astype(pixels.dtype)
    return result


def encodes(path: str | Path) -> bool:
    """Return whether a path is valid UTF-8, which libvips' own way of opening files needs."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def open_source(path: Path) -> pyvips.Source:
    """Open a file of any name for libvips to read.

    Raises:
        pyvips.Error: it cannot be opened.
    """
    if encodes(path):
        return pyvips.Source.new_from_file(str(path))
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise pyvips.Error(str(error.strerror)) from error
    try:
        return pyvips.Source.new_from_descriptor(descriptor)  # which keeps a descriptor of its own
    finally:
        os.close(descriptor)


def save(image: pyvips.Image, saver: str, path: Path, options: dict[str, Any]) -> None:
    """Write an image by one of libvips' savers, called without `save`, to an existing file of any name.

    Raises:
        pyvips.Error: it cannot be written.
        OSError: the file cannot be opened.
    """
    if encodes(path):
        getattr(image, f"{saver}save")(str(path), **options)
        return
    descriptor = os.open(path, os.O_RDWR | os.O_TRUNC | getattr(os, "O_BINARY", 0))
    try:
        getattr(image, f"{saver}save_target")(pyvips.Target.new_to_descriptor(descriptor), **options)
    finally:
        os.close(descriptor)

"""Files of any name and kind, in and out of libvips; what its packages cannot read goes through `decoders`."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyvips

from tinct.media.image.decoders import HEAD, REMARK, UnsupportedError, decode, other_kind, tiff_kind
from tinct.media.image.pages import Page, is_tiff, read_pages
from tinct.media.image.sizes import MOST_PIXELS, check_pixels

_INTEGERS = {"char": 127, "short": 32767, "int": 2**31 - 1, "uint": 2**32 - 1}
_GAMMA_OF_SRGB = 1 / 2.2


def open_image(source: Path | bytes, *, page: int = 0, most_pixels: int = MOST_PIXELS, **options: Any) -> pyvips.Image:
    """Open a picture of any kind that tinct reads, with `vips-loader` set.

    Of a TIFF file's pictures whole ones are taken, not smaller copies. Values become those of 8 or 16 bits, sRGB where
    a PNG file names another gamma; the field `REMARK` says so.

    Args:
        source: the file, or its bytes.
        page: of the pictures in a TIFF file, from 0.
        most_pixels: what is larger by its header is refused before it is decoded.
        options: for libvips' loader; what others read is decoded whole.

    Raises:
        MissingExtraError: reading it needs an extra that is not installed.
        TooManyPixelsError: it has more than `most_pixels`.
        pyvips.Error: it is no picture, or it is damaged.
    """
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            head = file.read(HEAD)
            kind, chosen = other_kind(head), None
            if kind is None and is_tiff(head):
                chosen = page_of(file, page)
                kind = tiff_kind(chosen) if chosen is not None else None
            if kind is not None:
                if chosen is not None:
                    check_pixels(chosen.width, chosen.height, most_pixels)
                file.seek(0)
                index = chosen.index if chosen is not None else 0
                return decode(file.read(), kind, page=index, most_pixels=most_pixels)
            gamma = _png_gamma(file) if head.startswith(b"\x89PNG") else None
    except OSError as error:
        raise pyvips.Error(str(error.strerror)) from error
    if chosen is not None:
        options |= chosen.options
    image = _by_libvips(source, options)
    check_pixels(image.width, image.height, most_pixels)
    if chosen is not None and image.format not in ("uchar", "ushort"):
        image = _in_sixteen_bits(image, lambda: _by_libvips(source, options))
    return image if gamma is None else _with_gamma(image, gamma)


def shrink_on_load(loader: str, factor: float) -> dict[str, Any]:
    """Return the loader's option for a smaller picture, which leaves a factor of 2 to the better filter."""
    if loader.startswith("jpegload"):
        return {"shrink": next((shrink for shrink in (8, 4, 2) if factor >= 2 * shrink), 1)}
    if loader.startswith("webpload") and factor > 2:
        return {"scale": 2 / factor}
    return {}


def page_of(file: BinaryIO, number: int) -> Page | None:
    """Return one of a TIFF file's pictures, from 0; None where its directories are damaged.

    Raises:
        UnsupportedError: it has fewer.
    """
    try:
        pages = read_pages(file)
    except ValueError:
        return None
    if number >= len(pages):
        raise UnsupportedError(f"it has {len(pages)} pages and no page {number + 1}; name another")
    return pages[number]


def page_count(source: Path | bytes) -> int:
    """Return how many pictures a TIFF file has, smaller copies not counted; 1 for all other files."""
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            return len(read_pages(file)) if is_tiff(file.read(4)) else 1
    except (OSError, ValueError):
        return 1


def left_out(source: Path | bytes, image: pyvips.Image) -> str:
    """Return what a person should know of pages and frames that are left out; empty where there are none."""
    paged = bool(image.get_typeof("vips-loader")) and str(image.get("vips-loader")).startswith("tiffload")
    pages = page_count(source) if paged else int(image.get("n-pages")) if image.get_typeof("n-pages") else 1
    return "" if pages == 1 else f"only the first of {pages} pages was used" + "; --pages all takes each" * paged


def directory_of(source: Path | bytes, page: int) -> int:
    """Return where the tags of one of a TIFF file's pictures lie; 0 where they are the first, or for other files."""
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            chosen = page_of(file, page) if is_tiff(file.read(4)) else None
    except (OSError, pyvips.Error):
        return 0
    return chosen.place if chosen is not None and (chosen.index or chosen.below >= 0) else 0


def _by_libvips(source: Path | bytes, options: dict[str, Any]) -> pyvips.Image:
    if isinstance(source, bytes):
        return pyvips.Image.new_from_buffer(source, "", **options)
    # A file name ending in ] would be taken for libvips' options.
    if str(source).endswith("]") or not encodes(source):
        return pyvips.Image.new_from_source(open_source(source), "", **options)
    return pyvips.Image.new_from_file(str(source), **options)


def _in_sixteen_bits(image: pyvips.Image, again: Any) -> pyvips.Image:
    """Return floats and long integers as 16 bits; `again` opens the picture once more, to find the largest value."""
    if image.format in _INTEGERS:
        largest = float(_INTEGERS[image.format])
        if image.format in ("int", "uint") and again().max() <= 65535:
            largest = 65535.0
        said = ""
    else:
        peak = float(again().max())
        if not 0 < peak <= 65535:
            raise UnsupportedError(f"its floats reach to {peak:g}; bring them to 0..1")
        largest = next(value for value in (1.0, 255.0, 65535.0) if peak <= value * 1.0001)
        said = f"its floats became 16 bits: {largest:g} is white"
    result = (image * (65535 / largest)).rint().cast("ushort")
    result = result.copy(interpretation="grey16" if image.bands < 3 else "rgb16")
    if said:
        result.set_type(pyvips.GValue.gstr_type, REMARK, said)
    return result


def _png_gamma(file: BinaryIO) -> float | None:
    """Return a PNG file's gamma where it is another than sRGB's and nothing better says what its values mean.

    Source: PNG specification, third edition, 11.3.2.2 and 13.13.
    """
    gamma = None
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind in (b"IDAT", b"iCCP", b"sRGB", b"cICP"):
            return gamma if kind == b"IDAT" else None
        if kind == b"gAMA" and length == 4:
            stored = int.from_bytes(file.read(4), "big") / 100_000
            gamma = stored if 0.1 <= stored <= 10 and abs(stored - _GAMMA_OF_SRGB) > 0.02 else None
            length = 0
        file.seek(length + 4, 1)
    return None


def _with_gamma(image: pyvips.Image, gamma: float) -> pyvips.Image:
    """Return a picture of a gamma in sRGB's values, transparency as it is."""
    steps = 256 if image.format == "uchar" else 65536
    linear = (np.arange(steps) / (steps - 1)) ** (1 / gamma)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    table = np.rint(encoded * (steps - 1)).astype(np.uint8 if steps == 256 else np.uint16)
    curve = pyvips.Image.new_from_array(table.reshape(1, -1))
    alpha = image.hasalpha()
    colors = image.extract_band(0, n=image.bands - alpha).maplut(curve)
    result = (colors.bandjoin(image[image.bands - 1]) if alpha else colors).copy(interpretation=image.interpretation)
    result.set_type(pyvips.GValue.gstr_type, REMARK, f"converted from its gamma of {1 / gamma:.2g} to sRGB")
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

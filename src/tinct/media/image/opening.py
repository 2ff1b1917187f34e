"""Open files of any name and kind by libvips, and write them; `decoders` reads what libvips' packages cannot."""

from __future__ import annotations

import io
import logging
import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import pyvips

from tinct.media.image import png
from tinct.media.image.decoders import decode
from tinct.media.image.kinds import HEAD, MOST_PIXELS, check_pixels, other_kind
from tinct.media.image.pixels import field_of, from_gamma, remarked
from tinct.media.image.tags import ICC, ORIENTATION, TagReader
from tinct.media.image.tiff import (
    CIE_LAB,
    ICC_LAB,
    PHOTOMETRIC,
    RGB,
    Page,
    colors_alone,
    from_lab,
    in_sixteen_bits,
    is_tiff,
    page_of,
    tiff_kind,
)


@cache
def set_up_vips() -> None:
    """Make libvips keep no results and print no warnings; done once."""
    # Otherwise libvips keeps the results of its last 100 operations: files may change, and the memory is needed.
    pyvips.cache_set_max(0)
    # Remarks and errors say what libvips warns of; it need not print it.
    logging.getLogger("pyvips").addFilter(lambda record: record.levelno >= logging.ERROR)


def open_image(source: Path | bytes, *, page: int = 0, most_pixels: int = MOST_PIXELS, **options: Any) -> pyvips.Image:
    """Open a picture of any kind that tinct reads, with `vips-loader` set.

    Values are converted to 8 or 16 bits, and to sRGB if a PNG file names another gamma or a TIFF file has Lab; the
    field `REMARK` says so.

    Args:
        source: the file, or its bytes.
        page: which of the pictures in a TIFF file, from 0; smaller copies of pictures are not counted.
        most_pixels: a picture that is larger by its header is refused before it is decoded.
        options: for libvips' loader; other decoders ignore them, and decode the whole picture.

    Raises:
        MissingExtraError: reading it needs an extra that is not installed.
        TooManyPixelsError: it has more than `most_pixels`.
        pyvips.Error: it is not a picture, or it is damaged.
    """
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            head = file.read(HEAD)
            file.seek(0)
            if (kind := other_kind(head)) is not None:
                return decode(file.read(), kind, most_pixels=most_pixels)
            chosen = page_of(file, page) if is_tiff(head) else None
            if chosen is not None:
                return _of_tiff(source, file, chosen, most_pixels, options)
            facts = png.Facts.of(file) if head.startswith(png.MAGIC) else None
    except OSError as error:
        raise pyvips.Error(str(error.strerror)) from error
    image = _by_libvips(source, options)
    check_pixels(image.width, image.height, most_pixels)
    return image if facts is None else _heeding(image, facts)


def _of_tiff(
    source: Path | bytes, file: BinaryIO, page: Page, most_pixels: int, options: dict[str, Any]
) -> pyvips.Image:
    """Open one of a TIFF file's pictures."""
    check_pixels(page.width, page.height, most_pixels)
    if (kind := tiff_kind(page)) is not None:
        return colors_alone(_decoded_tiff(file, page, kind, most_pixels), page)
    lab = page.photometric in (CIE_LAB, ICC_LAB)
    numbers = dict(page.mends)
    if lab:  # libvips refuses some forms of Lab and misreads others; it leaves the values of RGB as they are
        numbers[PHOTOMETRIC] = RGB
    if numbers:
        source = TagReader(file).with_numbers(_content(file), page.place, numbers)
    image = colors_alone(_by_libvips(source, options | page.options), page)
    if image.format not in ("uchar", "ushort"):
        image = in_sixteen_bits(image, lambda: colors_alone(_by_libvips(source, options | page.options), page))
    return from_lab(image, page) if lab else image


def _decoded_tiff(file: BinaryIO, page: Page, kind: str, most_pixels: int) -> pyvips.Image:
    """Decode a TIFF file's picture that libvips cannot read, with the profile and orientation that its tags name."""
    image = decode(_content(file)[page.jpeg :], kind, page=page.index, most_pixels=most_pixels).copy()
    if (image.width, image.height) != (page.width, page.height):
        raise pyvips.Error("its pixels have another size than its tags say")
    with suppress(ValueError):
        tags = TagReader(file).tags(page.place)[0]
        if ICC in tags:
            image.set_type(pyvips.GValue.blob_type, "icc-profile-data", tags[ICC].data)
        if ORIENTATION in tags:
            image.set_type(pyvips.GValue.gint_type, "orientation", tags[ORIENTATION].numbers[0])
    return image


def _heeding(image: pyvips.Image, facts: png.Facts) -> pyvips.Image:
    """Return a PNG file's picture with its gamma converted to sRGB, and its orientation and frames as fields."""
    if facts.gamma is not None:
        image = remarked(from_gamma(image, facts.gamma), f"converted from its gamma of {1 / facts.gamma:.2g} to sRGB")
    if facts.orientation > 1 or facts.frames > 1:
        image = image.copy()
    if facts.orientation > 1:
        image.set_type(pyvips.GValue.gint_type, "orientation", facts.orientation)
    if facts.frames > 1:
        image.set_type(pyvips.GValue.gint_type, "n-pages", facts.frames)
    return image


def _content(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


def shrink_on_load(loader: str, factor: float) -> dict[str, Any]:
    """Return the loader's option for a smaller picture; at least a factor of 2 is left to the better filter."""
    if loader.startswith("jpegload"):
        return {"shrink": next((shrink for shrink in (8, 4, 2) if factor >= 2 * shrink), 1)}
    if loader.startswith("webpload") and factor > 2:
        return {"scale": 2 / factor}
    return {}


def left_out(image: pyvips.Image, pages: int) -> str:
    """Return what the user should be told about pages and frames that are left out; empty if there are none.

    Args:
        image: the first one, as `open_image` returns it.
        pages: how many there are, if it is a TIFF file.
    """
    if str(field_of(image, "vips-loader", "")).startswith("tiffload"):
        return "" if pages <= 1 else f"only the first of {pages} pages was used; --pages all takes each"
    frames = int(field_of(image, "n-pages", 1))
    return "" if frames == 1 else f"only the first of {frames} pictures in the file was used"


def _by_libvips(source: Path | bytes, options: dict[str, Any]) -> pyvips.Image:
    if isinstance(source, bytes):
        return pyvips.Image.new_from_buffer(source, "", **options)
    # libvips takes what is in [ ] at the end of a file name for options.
    if str(source).endswith("]") or not encodes(source):
        return pyvips.Image.new_from_source(open_source(source), "", **options)
    return pyvips.Image.new_from_file(str(source), **options)


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
    """Write an image to an existing file of any name, by the libvips saver of this name without `save`.

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

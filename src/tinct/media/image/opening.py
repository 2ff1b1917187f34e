"""Open files of any name and kind by libvips, and write them; `decoders` reads what libvips' packages cannot."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import pyvips

from tinct.media.image import png
from tinct.media.image.decoders import HEAD, UnsupportedError, decode, other_kind, remarked, tiff_kind
from tinct.media.image.pages import (
    CIE_LAB,
    ICC_LAB,
    PHOTOMETRIC,
    RGB,
    Page,
    is_tiff,
    missing_directory,
    read_pages,
)
from tinct.media.image.sizes import MOST_PIXELS, check_pixels
from tinct.media.image.tags import ICC, ORIENTATION, TagReader
from tinct.media.image.tiff_values import colors_alone, from_lab, in_sixteen_bits


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
        image = remarked(png.in_srgb(image, facts.gamma), f"converted from its gamma of {1 / facts.gamma:.2g} to sRGB")
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


def page_of(file: BinaryIO, number: int) -> Page | None:
    """Return one of a TIFF file's pictures, counted from 0; None if its directories are damaged.

    Raises:
        UnsupportedError: the file has fewer, or ends before the directory that tells how to read its first one.
    """
    try:
        pages = read_pages(file)
    except ValueError:
        length = file.seek(0, 2)
        with suppress(ValueError):
            if (place := missing_directory(file)) >= length - 2:
                raise UnsupportedError(
                    f"its file ends too soon: what tells how to read it should be at byte {place}, but the file has "
                    f"only {length}; copy it again"
                ) from None
        return None
    if number >= len(pages):
        has = "only 1 page" if len(pages) == 1 else f"only {len(pages)} pages"
        raise UnsupportedError(f"it has {has}, no page {number + 1}; choose another")
    return pages[number]


def page_count(source: Path | bytes) -> int:
    """Return how many pictures a TIFF file has, smaller copies not counted; 1 for all other files."""
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            return len(read_pages(file)) if is_tiff(file.read(4)) else 1
    except (OSError, ValueError):
        return 1


def left_out(source: Path | bytes, image: pyvips.Image) -> str:
    """Return what the user should be told about pages and frames that are left out; empty if there are none."""
    paged = bool(image.get_typeof("vips-loader")) and str(image.get("vips-loader")).startswith("tiffload")
    if paged:
        pages = page_count(source)
        return "" if pages == 1 else f"only the first of {pages} pages was used; --pages all takes each"
    frames = int(image.get("n-pages")) if image.get_typeof("n-pages") else 1
    return "" if frames == 1 else f"only the first of {frames} pictures in the file was used"


def lacks_pages(source: Path | bytes) -> bool:
    """Return whether a TIFF file ends before the directory of a further page."""
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            return is_tiff(file.read(4)) and missing_directory(file) > 0
    except (OSError, ValueError):
        return False


def directory_of(source: Path | bytes, page: int) -> int:
    """Return where the tags of one of a TIFF file's pictures lie; 0 for the first one, and for other files."""
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            chosen = page_of(file, page) if is_tiff(file.read(4)) else None
    except (OSError, pyvips.Error):
        return 0
    return chosen.place if chosen is not None and (chosen.index or chosen.below >= 0) else 0


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

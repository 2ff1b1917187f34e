"""Find the pictures of a TIFF file, and convert values that libvips leaves as they are: Lab, floats, long integers.

A page's picture is its full-size one, wherever it lies; smaller copies are left out.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyvips

from tinct.media.image.kinds import UnsupportedError
from tinct.media.image.pixels import remarked
from tinct.media.image.tags import HEADS, Tag, TagReader

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, PHOTOMETRIC, _SUBDIRECTORIES = 254, 256, 257, 258, 259, 262, 330
_CHANNELS, _PLANAR, _TILES, _OTHERS, _JPEG = 277, 284, 322, 338, 513
# Values of the photometric interpretation.
GREY, RGB, CIE_LAB, ICC_LAB = 1, 2, 8, 9
# The number of colour channels, by photometric interpretation, for those whose values libvips leaves as they are.
_COLORS = {0: 1, GREY: 1, RGB: 3, 5: 4, 6: 3, CIE_LAB: 3, ICC_LAB: 3}
_OLD_JPEG = 6
# Tags, their allowed values, and the usual one; libtiff refuses pictures with other values. The tags are the order of
# bits, the orientation, the arrangement of channels, the unit of resolution, and the kind of numbers.
_ALLOWED = ((266, (1, 2), 1), (274, range(1, 9), 1), (_PLANAR, (1, 2), 1), (296, (1, 2, 3), 2), (339, range(1, 7), 1))
_REDUCED = 1  # the bit of NewSubfileType that marks a smaller copy of another picture
_MASK = 4  # the bit that marks a mask of transparency
# Photometric interpretations of a camera's raw data: a mosaic of coloured filters, and one that was interpolated.
_SENSOR = (32803, 34892)
_MOST_PAGES = 10_000
# Compressions that libvips' packages cannot read, by TIFF's numbers.
_COMPRESSIONS = {
    _OLD_JPEG: "an old form of JPEG, in pieces",
    32766: "NeXT's 2 bits",
    32809: "ThunderScan",
    33003: "JPEG 2000",
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    34712: "JPEG 2000",
    34887: "LERC",
    34925: "LZMA",
    50000: "zstd",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}

_INTEGERS = {"char": 127, "short": 32767, "int": 2**31 - 1, "uint": 2**32 - 1}
# Usual floats for white, and the brightest value that fits each: sharpening overshoots a little, lights do more.
_WHITES = ((1.0, 4.0), (255.0, 320.0), (65535.0, 70_000.0))


@dataclass(frozen=True)
class Page:
    """One picture in a TIFF file.

    Attributes:
        index: of its page, from 0, as libvips counts: smaller copies are counted too.
        below: its index among the page's subdirectories; -1 if it is the page itself.
        place: where its directory lies in the file.
        width, height: in pixels, as stored.
        bits: of each channel.
        compression: the name of one that libvips cannot read, else empty.
        raw: whether it holds a camera's raw data.
        reduced: whether it is a smaller copy, or a mask.
        photometric: what its values mean, by TIFF's numbers.
        channels: how many it has.
        colors: how many of them are colours; 0 if libvips converts them.
        others: what its further channels are: 0 for unknown, 1 and 2 for transparency; empty if the file does not say.
        planes_of_tiles: whether its channels are stored apart, in tiles.
        jpeg: where the JPEG file in it begins, for compression 6; else 0.
        mends: tags whose value is not allowed, each with its usual value.
    """

    index: int
    below: int
    place: int
    width: int
    height: int
    bits: int
    compression: str
    raw: bool
    reduced: bool
    photometric: int
    channels: int
    colors: int
    others: tuple[int, ...]
    planes_of_tiles: bool
    jpeg: int
    mends: tuple[tuple[int, int], ...]

    @property
    def directory(self) -> int:
        """Where its directory lies in the file; 0 if it is the first one."""
        return self.place if self.index or self.below >= 0 else 0

    @property
    def options(self) -> dict[str, int]:
        """Return the options with which libvips' loader reads this picture."""
        chosen = {"page": self.index} if self.index else {}
        return chosen if self.below < 0 else {**chosen, "subifd": self.below}


def is_tiff(head: bytes) -> bool:
    """Return whether a file's first bytes are those of a TIFF file."""
    return head[:4] in HEADS


def missing_directory(file: BinaryIO) -> int:
    """Return where a directory should lie that a TIFF file is too short to hold; 0 if none is missing.

    Raises:
        ValueError: it is not a TIFF file, or its header is cut short.
    """
    reader = TagReader(file)
    place, seen = reader.first, set[int]()
    while place and place not in seen and len(seen) < _MOST_PAGES:
        seen.add(place)
        try:
            place = reader.raw(place)[1]
        except ValueError:
            return place
    return 0


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


def pages_of(source: Path | bytes) -> list[Page]:
    """Return a TIFF file's pictures, smaller copies left out; none for other files, and for damaged ones."""
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            return read_pages(file) if is_tiff(file.read(4)) else []
    except (OSError, ValueError):
        return []


def lacks_pages(source: Path | bytes) -> bool:
    """Return whether a TIFF file ends before the directory of a further page."""
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            return is_tiff(file.read(4)) and missing_directory(file) > 0
    except (OSError, ValueError):
        return False


def read_pages(file: BinaryIO) -> list[Page]:
    """Read which pictures a TIFF file has: the full-size one of each page, without smaller copies and masks.

    If all are marked as smaller copies, the largest is returned.

    Raises:
        ValueError: it is not a TIFF file, or it is damaged.
    """
    reader = TagReader(file)
    place, seen = reader.first, set[int]()
    groups: list[list[Page]] = []
    while place and place not in seen and len(seen) < _MOST_PAGES:
        seen.add(place)
        try:
            tags, _, following = reader.tags(place)
        except ValueError:
            if not groups:
                raise
            break
        index = len(seen) - 1
        group = [_page(tags, index, -1, place)]
        for below, inner in enumerate(tags[_SUBDIRECTORIES].numbers if _SUBDIRECTORIES in tags else ()):
            try:
                group.append(_page(reader.tags(inner)[0], index, below, inner))
            except ValueError:
                continue
        groups.append(group)
        place = following
    whole = [_whole(group) for group in groups]
    pages = [page for page in whole if not page.reduced] or [max(whole, key=_area)]
    return _without_pyramid(pages)


def _page(tags: dict[int, Tag], index: int, below: int, place: int) -> Page:
    def number(tag: int, default: int) -> int:
        values = tags[tag].numbers if tag in tags else ()
        return values[0] if values else default

    photometric, compression = number(PHOTOMETRIC, GREY), number(_COMPRESSION, 1)
    old_jpeg = number(_JPEG, 0) if compression == _OLD_JPEG else 0
    colors = _COLORS.get(photometric, 0)
    return Page(
        index=index,
        below=below,
        place=place,
        width=number(_WIDTH, 0),
        height=number(_HEIGHT, 0),
        bits=number(_BITS, 1),
        compression="" if old_jpeg else _COMPRESSIONS.get(compression, ""),
        raw=photometric in _SENSOR,
        reduced=bool(number(_SUBFILE, 0) & (_REDUCED | _MASK)),
        photometric=photometric,
        channels=number(_CHANNELS, 1),
        colors=colors if number(_CHANNELS, 1) >= colors else 0,
        others=tags[_OTHERS].numbers if _OTHERS in tags else (),
        planes_of_tiles=number(_PLANAR, 1) == 2 and _TILES in tags,
        jpeg=old_jpeg,
        mends=tuple(
            (tag, usual)
            for tag, allowed, usual in _ALLOWED
            if tag in tags and tags[tag].amount == 1 and number(tag, usual) not in allowed
        ),
    )


def _area(page: Page) -> int:
    return page.width * page.height


def _whole(group: list[Page]) -> Page:
    """Return the largest of a page and its subdirectories; those marked as smaller copies come last."""
    return max(group, key=lambda page: (not page.reduced, _area(page), -page.below))


def _without_pyramid(pages: list[Page]) -> list[Page]:
    """Leave out pages half as large as the one before: smaller copies of a pyramid that are not marked as such."""
    kept: list[Page] = []
    before = None
    for page in pages:
        halved = before is not None and all(
            edge > 1 and abs(edge - 2 * half) <= 2
            for edge, half in ((before.width, page.width), (before.height, page.height))
        )
        if not halved:
            kept.append(page)
        before = page
    return kept


def tiff_kind(page: Page) -> str | None:
    """Return the kind of a picture in a TIFF file that libvips cannot read; None for all others.

    Raises:
        UnsupportedError: tinct does not read its compression or its values.
    """
    if page.raw:
        return "rawload"
    if page.compression in ("zstd", "WebP", "LZMA"):
        return "tiffload_zstd"
    if page.compression:
        raise UnsupportedError(
            f"its pixels are compressed by {page.compression}, which tinct does not read; save it with LZW, or "
            "without compression"
        )
    if page.jpeg:
        return "tiffload_jpeg"
    if page.planes_of_tiles:
        raise UnsupportedError("its channels are stored apart, in tiles, which tinct does not read; save it with LZW")
    if page.bits > 32:
        raise UnsupportedError(f"its values have {page.bits} bits each; save it with 8, 16 or 32")
    return "tiffload_packed" if page.bits in (10, 12, 14) else None


def colors_alone(image: pyvips.Image, page: Page) -> pyvips.Image:
    """Leave out channels that are neither colours nor transparency: infrared of film scanners, saved selections.

    Source: TIFF 6.0, "ExtraSamples"; if a file does not say what its only other channel is, it is transparency.
    """
    if page.colors == page.channels < image.bands:  # libtiff added the last when it converted a form unknown to libvips
        return image.extract_band(0, n=page.colors)
    others = image.bands - page.colors
    if not page.colors or others <= 0 or (others == 1 and page.others[:1] in ((), (1,), (2,))):
        return image
    alpha = page.others[:1] in ((1,), (2,))
    result = image.extract_band(0, n=page.colors + alpha)
    count, verb = others - alpha, "is" if others - alpha == 1 else "are"
    return remarked(result, f"{count} of its {image.bands} channels {verb} left out: not a colour (infrared, say)")


def from_lab(image: pyvips.Image, page: Page) -> pyvips.Image:
    """Convert the three bands of a picture in Lab to sRGB; a fourth, alpha, stays as it is.

    Source: TIFF 6.0, section 23, for CIE L*a*b*; TIFF technical note 4 for ICC L*a*b*, whose a and b are not signed.
    """
    deep = image.format == "ushort"
    most, step = (65535.0, 256.0) if deep else (255.0, 1.0)
    chroma = image.extract_band(1, n=2)
    if page.photometric == CIE_LAB:
        chroma = chroma.copy(format="short" if deep else "char")
        chroma = chroma / step
    else:
        chroma = chroma / step - 128
    lab = (image[0] * (100 / most)).bandjoin(chroma).copy(interpretation="lab")
    result = lab.colourspace("rgb16" if deep else "srgb")
    if image.bands > 3:
        result = result.bandjoin(image[3])
    return remarked(result, "converted from Lab to sRGB")


def in_sixteen_bits(image: pyvips.Image, again: Callable[[], pyvips.Image]) -> pyvips.Image:
    """Return floats and long integers as 16 bits; `again` opens the picture once more, to find the largest value.

    Raises:
        UnsupportedError: it cannot be told which of its floats is white.
    """
    if image.format in _INTEGERS:
        largest = float(_INTEGERS[image.format])
        if image.format in ("int", "uint") and again().max() <= 65535:
            largest = 65535.0
        remark = ""
    else:
        peak = float(again().max())
        largest = next((white for white, most in _WHITES if 0 < peak <= most), 0.0)
        if not largest:
            raise UnsupportedError(f"its floats reach up to {peak:g}; scale them to 0..1")
        remark = f"its floats became 16 bits: {largest:g} is white"
        remark += f", and brighter values (up to {peak:.3g}) were clipped" * (peak > 1.0001 * largest)
    result = (image * (65535 / largest)).rint().cast("ushort")
    result = result.copy(interpretation="grey16" if image.bands < 3 else "rgb16")
    return remarked(result, remark)

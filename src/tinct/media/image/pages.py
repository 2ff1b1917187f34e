"""Which pictures a TIFF file has: pages, without smaller copies of them, wherever the whole ones lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from tinct.media.image.tags import Tag, TagReader

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SUBDIRECTORIES = 254, 256, 257, 258, 259, 262, 330
# Bits of NewSubfileType: a smaller copy of another picture, a mask of transparency.
_REDUCED, _MASK = 1, 4
# A mosaic of coloured filters, and what is left of one after it was interpolated: what a camera's sensor saw.
_SENSOR = (32803, 34892)
_MOST_PAGES = 10_000
# Compressions by the numbers TIFF has for them, where libvips' packages cannot read them.
_COMPRESSIONS = {
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


@dataclass(frozen=True)
class Page:
    """One picture in a TIFF file.

    Attributes:
        index: of its page, from 0, smaller copies counted, as libvips counts.
        below: of its place among the page's subdirectories, -1 where it is the page itself.
        place: where its directory lies.
        width, height: in pixels, as stored.
        bits: of each channel.
        compression: its name where libvips cannot read it, else empty.
        raw: whether it is what a camera's sensor saw.
        reduced: whether it is a smaller copy, or a mask.
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

    @property
    def options(self) -> dict[str, int]:
        """What tells libvips' loader to read this one."""
        chosen = {"page": self.index} if self.index else {}
        return chosen if self.below < 0 else {**chosen, "subifd": self.below}


def is_tiff(head: bytes) -> bool:
    """Return whether a file's first bytes are those of a TIFF file."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_pages(file: BinaryIO) -> list[Page]:
    """Read which pictures a TIFF file has: of each page the whole one, without smaller copies and masks.

    A file of nothing but smaller copies has its largest one.

    Raises:
        ValueError: it is none, or damaged.
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

    return Page(
        index=index,
        below=below,
        place=place,
        width=number(_WIDTH, 0),
        height=number(_HEIGHT, 0),
        bits=number(_BITS, 1),
        compression=_COMPRESSIONS.get(number(_COMPRESSION, 1), ""),
        raw=number(_PHOTOMETRIC, 1) in _SENSOR,
        reduced=bool(number(_SUBFILE, 0) & (_REDUCED | _MASK)),
    )


def _area(page: Page) -> int:
    return page.width * page.height


def _whole(group: list[Page]) -> Page:
    """Return the largest of a page and its subdirectories, those that are no smaller copies first."""
    return max(group, key=lambda page: (not page.reduced, _area(page), -page.below))


def _without_pyramid(pages: list[Page]) -> list[Page]:
    """Leave out pages that halve the one before, as pyramids have that do not mark them."""
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

"""Finding photographs that occur twice: exact, near and mirrored copies, within a split and across splits.

A picture that is both in training and in validation is a leak: it makes every score of the validation too good.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from tinct.data.likeness import CHROMA_LEVELS, Layout, cell_chroma, close_pairs, detail, mirrored, stack_details
from tinct.data.pictures import Picture, find_splits
from tinct.errors import InputError
from tinct.media.image.small import read_small
from tinct.parallel import counted, ordered_map

EXACT, NEAR, MIRRORED = KINDS = ("exact", "near", "mirrored")
LONGEST = 256  # pixels; the size at which pictures are compared
LOOKALIKE_BITS = 3  # most of the 64 bits in which hashes of look-alikes differ
LOOKALIKE_DIFFERENCE = 6.0  # mean difference of their lumas, of 255, below this
_BANDS = 4  # of 16 bits each: hashes that differ in up to 3 bits share at least one
_ONES = np.array([number.bit_count() for number in range(1 << 16)], dtype=np.uint8)
_AT_ONCE = 1 << 20  # pairs that are compared together


class Fingerprint(NamedTuple):
    """A small description by which look-alikes of a picture are found.

    Attributes:
        hash: 64-bit difference hash, which compares neighbouring pixels of a 9x8 luma.
        luma: 16x16 luma, as 256 bytes.
    """

    hash: int
    luma: bytes


def fingerprint(rgb: NDArray[np.uint8], *, mirrored: bool = False) -> Fingerprint:
    """Compute the fingerprint of a picture (H, W, 3), as it is or mirrored left to right."""
    luma = cv2.cvtColor(np.ascontiguousarray(rgb[:, ::-1] if mirrored else rgb), cv2.COLOR_RGB2GRAY)
    tiny = cv2.resize(luma, (9, 8), interpolation=cv2.INTER_AREA)
    number = int.from_bytes(np.packbits(tiny[:, 1:] > tiny[:, :-1]).tobytes(), "big")
    return Fingerprint(number, cv2.resize(luma, (16, 16), interpolation=cv2.INTER_AREA).tobytes())


def hash_bands(number: int) -> list[int]:
    """Split a hash into four numbered bands; hashes of look-alikes share at least one."""
    return [band << 16 | (number >> (16 * band)) & 0xFFFF for band in range(_BANDS)]


@dataclass(frozen=True)
class Mark:
    """Everything by which copies of one picture are found; less than 4 KB.

    Attributes:
        name: of the picture, for users.
        split: the split it is in.
        digest: SHA-256 of its bytes.
        print: its fingerprint.
        mirrored: the fingerprint of its mirror image.
        detail: its luma at 48x48.
    """

    name: str
    split: str
    digest: bytes
    print: Fingerprint
    mirrored: Fingerprint
    detail: bytes

    @classmethod
    def of(cls, rgb: NDArray[np.uint8], *, content: bytes, name: str, split: str) -> Mark:
        """Compute the mark of a picture (H, W, 3), for which a small copy is enough, and its file's bytes."""
        digest = hashlib.sha256(content).digest()
        return cls(name, split, digest, fingerprint(rgb), fingerprint(rgb, mirrored=True), detail(rgb))


@dataclass(frozen=True)
class Duplicate:
    """Two copies of one picture: the name and the split of each.

    Attributes:
        kind: `exact` (the same bytes), `near` (recompressed, resized or recoloured) or `mirrored`.
    """

    first: str
    first_split: str
    second: str
    second_split: str
    kind: str

    @property
    def across(self) -> bool:
        """Whether the two are in different splits."""
        return self.first_split != self.second_split


def find_leaks(
    data: str | Path | Mapping[str, Sequence[Picture]], *, progress: Callable[[int, int], None] | None = None
) -> list[Duplicate]:
    """Find pictures that are in more than one split of a dataset.

    Args:
        data: a dataset that `tinct prepare` made, a folder with subfolders `train` and `val`, or the pictures of each
            split as `tinct.data.pictures.find_splits` returns them.
        progress: called with (done, total) after each picture.

    Returns:
        A pair for each leaked picture, `first` being in the earlier split, usually training; none if there is only one
        split. Pictures that cannot be read are skipped. It takes about 1 ms and 4 KB for each picture of 256 pixels.

    Raises:
        DataError: there is no such folder, no picture in it, or the dataset is damaged.
    """
    splits = data if isinstance(data, Mapping) else find_splits(data)
    if len(splits) < 2:
        return []
    listed = [(split, picture) for split, pictures in splits.items() for picture in pictures]

    def mark(item: tuple[str, Picture]) -> Mark | None:
        split, picture = item
        try:
            content = picture.content()
            rgb = read_small(content, longest=LONGEST, name=picture.name)
        except InputError:
            return None
        return Mark.of(rgb, content=content, name=picture.label, split=split)

    marks = [found for found in counted(ordered_map(mark, listed), len(listed), progress) if found is not None]
    return [pair for pair in find_duplicates(marks) if pair.across]


def find_duplicates(marks: Sequence[Mark]) -> list[Duplicate]:
    """Find pictures that are copies of each other.

    Args:
        marks: of the pictures; of two copies, the earlier in this order is the first.

    Returns:
        For each picture its first copy among the earlier ones of its own split and of each other split; if there are
        several kinds, of the first in `KINDS`. Sorted by the second picture.
    """
    best: dict[tuple[int, str], tuple[int, int]] = {}  # (later picture, split of the earlier) -> (kind, earlier)
    for kind, pairs in enumerate((_exact(marks), *_near(marks))):
        for earlier, later in pairs:
            if earlier < later:
                key = (later, marks[earlier].split)
                best[key] = min(best.get(key, (kind, earlier)), (kind, earlier))
    return [
        Duplicate(marks[earlier].name, split, marks[later].name, marks[later].split, KINDS[kind])
        for (later, split), (kind, earlier) in sorted(best.items())
    ]


def near_duplicates(pixels: NDArray[Any]) -> NDArray[np.intp]:
    """Find pictures with the same content in the same colours: copied, recompressed or resized.

    What many of the pictures share, such as the axes of a plot, is not a sign of a copy.

    Args:
        pixels: (N, H, W, 3) uint8, or (N, H, W, C) floats.

    Returns:
        (N,) the group of each picture, which is the smallest index in it. A picture without copies is a group of its
        own, and so is every flat picture.
    """
    pictures = pixels if pixels.dtype == np.uint8 else _as_pictures(pixels)
    vectors = stack_details([detail(picture) for picture in pictures])
    chroma = np.stack([cell_chroma(picture) for picture in pictures])
    likely = _likely([fingerprint(picture) for picture in pictures], vectors, beside=chroma)
    apart = np.sqrt(np.square(chroma[likely[:, 0]] - chroma[likely[:, 1]]).mean(axis=1))
    likely = likely[apart < CHROMA_LEVELS]
    copies = likely[Layout(vectors, likely).alike(likely)]
    ones = np.ones(len(copies))
    links = coo_array((ones, (copies[:, 0], copies[:, 1])), shape=(len(pictures), len(pictures)))
    group = connected_components(links, directed=False)[1]
    return np.unique(group, return_index=True)[1][group]


def _as_pictures(arrays: NDArray[Any]) -> NDArray[np.uint8]:
    """Convert arrays to grey pictures, all with one scale."""
    values = arrays.mean(axis=-1)
    low, high = float(values.min()), float(values.max())
    grey = np.rint(255 * (values - low) / max(high - low, 1e-12)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=-1)


def _near(marks: Sequence[Mark]) -> tuple[Iterator[tuple[int, int]], Iterator[tuple[int, int]]]:
    """Return the pairs that are near copies, and those that are mirrored ones."""
    if not marks:
        return iter(()), iter(())
    prints, vectors = [mark.print for mark in marks], stack_details([mark.detail for mark in marks])
    turned = mirrored(vectors)
    likely, likely_turned = (
        _likely(prints, vectors),
        _likely(prints, vectors, [mark.mirrored for mark in marks], turned),
    )
    layout = Layout(vectors, likely)
    return (
        map(tuple, likely[layout.alike(likely)].tolist()),
        map(tuple, likely_turned[layout.alike(likely_turned, turned)].tolist()),
    )


def _likely(
    prints: Sequence[Fingerprint],
    vectors: NDArray[np.float32],
    other_prints: Sequence[Fingerprint] | None = None,
    others: NDArray[np.float32] | None = None,
    *,
    beside: NDArray[np.float32] | None = None,
) -> NDArray[np.intp]:
    """Return pairs (P, 2) that may be copies, by hash or by coarse luma; each once."""
    by_hash = np.array(list(look_alikes(prints, other_prints)), dtype=np.intp).reshape(-1, 2)
    candidates = np.concatenate([by_hash, *close_pairs(vectors, others, beside=beside)])
    pairs: NDArray[np.intp] = np.unique(candidates[candidates[:, 0] < candidates[:, 1]], axis=0)
    return pairs


def _exact(marks: Sequence[Mark]) -> Iterator[tuple[int, int]]:
    firsts: dict[bytes, dict[str, int]] = {}
    for index, mark in enumerate(marks):
        by_split = firsts.setdefault(mark.digest, {})
        yield from ((earlier, index) for earlier in by_split.values())
        by_split.setdefault(mark.split, index)


def look_alikes(
    prints: Sequence[Fingerprint], others: Sequence[Fingerprint] | None = None
) -> Iterator[tuple[int, int]]:
    """Find pictures that look alike: copied, recompressed or resized.

    Their hashes differ in at most 3 of 64 bits, and their lumas by less than 6 of 255 on average. Crops and rotated
    pictures are not found.

    Args:
        prints: fingerprints of pictures.
        others: fingerprints to compare with them; default: they are compared with each other.

    Yields:
        Pairs of an index in `prints` and one in `others`, or (earlier, later); some occur more than once.
    """
    if not prints or (others is not None and not others):
        return
    ours, lumas = _stacked(prints)
    theirs, other_lumas = (ours, lumas) if others is None else _stacked(others)
    for first, second in _candidates(ours, theirs):
        close = _distance(ours[first], theirs[second]) <= LOOKALIKE_BITS
        if others is None:
            close &= first < second
        first, second = first[close], second[close]
        alike = np.abs(lumas[first] - other_lumas[second]).mean(axis=1) < LOOKALIKE_DIFFERENCE
        yield from zip(first[alike].tolist(), second[alike].tolist(), strict=True)


def _stacked(prints: Sequence[Fingerprint]) -> tuple[NDArray[np.uint64], NDArray[np.int16]]:
    lumas = np.frombuffer(b"".join(luma for _, luma in prints), dtype=np.uint8).reshape(len(prints), -1)
    return np.array([number for number, _ in prints], dtype=np.uint64), lumas.astype(np.int16)


def _candidates(
    ours: NDArray[np.uint64], theirs: NDArray[np.uint64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the pairs that have a band of 16 bits in common, many at a time."""
    for band in range(_BANDS):
        shift = np.uint64(16 * band)
        mine = ((ours >> shift) & np.uint64(0xFFFF)).astype(np.int64)
        other = ((theirs >> shift) & np.uint64(0xFFFF)).astype(np.int64)
        order = np.argsort(other, kind="stable")
        start = np.searchsorted(other[order], mine, side="left")
        count = np.searchsorted(other[order], mine, side="right") - start
        ends = np.cumsum(count)
        low = 0
        while low < len(mine):
            done = ends[low - 1] if low else 0
            high = max(low + 1, int(np.searchsorted(ends, done + _AT_ONCE, side="right")))
            some = count[low:high]
            first = np.repeat(np.arange(low, high), some)
            within = np.arange(len(first)) - np.repeat(ends[low:high] - some - done, some)
            yield first, order[np.repeat(start[low:high], some) + within]
            low = high


def _distance(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> NDArray[np.int64]:
    different = (first ^ second).view(np.uint16).reshape(-1, _BANDS)
    counted: NDArray[np.int64] = _ONES[different].sum(axis=1, dtype=np.int64)
    return counted

"""Where photographs are read from: tar shards, local or over http(s), or a plain folder."""

from __future__ import annotations

import hashlib
import http.client
import json
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.data.decoded import read_decoded
from tinct.data.ledger import draw
from tinct.data.prepare import FORMAT
from tinct.errors import DataError, UnreadableError
from tinct.media.image.formats import PICTURE_SUFFIXES
from tinct.media.image.small import read_small

# A photograph's file as bytes, or the photograph decoded, with its description.
Sample = tuple[bytes | NDArray[np.uint8], dict[str, Any]]


@dataclass(frozen=True)
class Source:
    """Where one split of a dataset is read from.

    Attributes:
        place: the dataset's folder or address, for messages.
        parts: shards (paths or addresses), or the picture files of a plain folder.
        counts: photographs in each part.
        digests: SHA-256 of each shard; empty for a plain folder and for datasets without them.
        shards: whether the parts are shards.
        size: longest edge that photographs are fitted into.
        draws: how often each photograph is drawn on average, in the source's order, 0 for never; None: each once.
        decoded: folder of the photographs decoded once and for all (`tinct.learn.feature_cache`), or empty.
    """

    place: str
    parts: tuple[str, ...]
    counts: tuple[int, ...]
    shards: bool
    size: int
    digests: tuple[str, ...] = ()
    draws: tuple[float, ...] | None = None
    decoded: str = ""

    @property
    def count(self) -> int:
        """Photographs that are drawn."""
        return sum(self.counts) if self.draws is None else sum(share > 0 for share in self.draws)

    def starts(self) -> list[int]:
        """Give the number of each part's first photograph, counted through the source."""
        return [0, *accumulate(self.counts)][:-1]


def open_source(data: str | Path, *, split: str, val: float = 0.1, seed: int = 0, size: int = 256) -> Source:
    """Find one split of a dataset.

    Args:
        data: a dataset of `tinct prepare` (a folder or an http(s) address), or a plain folder of photographs, which is
            split at random by `val` and `seed` and fitted into `size` while it is read.
        split: `train` or `val`.
        val: share kept for validation, for plain folders.
        seed: decides the split of plain folders.
        size: longest edge in pixels, for plain folders.

    Returns:
        Where to read.

    Raises:
        DataError: there is no dataset and no photograph, or the dataset has another format.
    """
    place = str(data).rstrip("/")
    card = _read_card(place)
    if card is None:
        return _open_folder(Path(data), split=split, val=val, seed=seed, size=size)
    if card.get("format") != FORMAT:
        raise DataError(
            f"{place}: a dataset of format {card.get('format')}, this tinct reads {FORMAT}; prepare it again"
        )
    try:
        shards = card["shards"][split]
        return Source(
            place,
            tuple(f"{place}/{shard['file']}" for shard in shards),
            tuple(int(shard["count"]) for shard in shards),
            True,
            int(card["size"]),
            tuple(str(shard["sha256"]) for shard in shards if "sha256" in shard),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{place}/dataset.json: damaged ({error!r}); prepare the dataset again") from error


def _read_card(place: str) -> dict[str, Any] | None:
    address = f"{place}/dataset.json"
    try:
        with _open(address) as stream:
            card: dict[str, Any] = json.load(stream)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{address}: cannot be read ({error}); prepare the dataset again") from error
    if not isinstance(card, dict):
        raise DataError(f"{address}: damaged; prepare the dataset again")
    return card


def _open_folder(folder: Path, *, split: str, val: float, seed: int, size: int) -> Source:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such dataset or folder")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    chosen = tuple(
        str(path)
        for path in files
        if (draw(seed, path.relative_to(folder).as_posix(), "split") < val) == (split == "val")
    )
    if not files:
        raise DataError(
            f"{folder}: no photographs and no dataset.json in it; run `tinct prepare` or name another folder"
        )
    return Source(str(folder), chosen, (1,) * len(chosen), False, size)


def _open(place: str) -> Any:
    """Open a path or an http(s) address for reading bytes."""
    if place.startswith(("http://", "https://")):
        try:
            return urllib.request.urlopen(place, timeout=60)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                raise FileNotFoundError(place) from error
            raise DataError(f"{place}: the server answered {error.code} {error.reason}") from error
        except OSError as error:
            raise DataError(f"{place}: cannot be reached ({error}); check the address and the network") from error
    return Path(place).open("rb")


def read_samples(parts: Iterable[str], source: Source) -> Iterator[Sample]:
    """Read photographs from parts of a source, one at a time; those that are never drawn are left out.

    Args:
        parts: some of `source.parts`.
        source: where they belong.

    Yields:
        The photograph's file as bytes (or the photograph itself, where the source is decoded), and its description;
        its `index` is its number in the source.

    Raises:
        DataError: a shard is missing, cut short, or damaged.
    """
    places = {part: place for place, part in enumerate(source.parts)}
    starts = source.starts()
    for part in parts:
        place = places[part]
        first = starts[place]
        if source.decoded:
            samples: Iterator[Sample] = read_decoded(source.decoded, first, source.counts[place])
        elif source.shards:
            samples = _read_shard(part, source.counts[place], source.digests[place] if source.digests else "")
        else:
            samples = iter([(b"", {"name": part, "category": Path(part).parent.name})])
        for index, (content, card) in enumerate(samples, first):
            if source.draws is not None and not source.draws[index]:
                continue
            read = content if source.shards or source.decoded else _read_file(part)
            yield read, {**card, "index": index}


def _read_shard(part: str, count: int, digest: str) -> Iterator[Sample]:
    found = 0
    try:
        with _open(part) as stream:
            checked: Any = _Hashed(stream)
            with tarfile.open(fileobj=checked, mode="r|") as tar:
                for sample in _pairs(tar, part):
                    found += 1
                    yield sample
            checked.finish()
    except (tarfile.TarError, OSError, EOFError, ValueError, http.client.HTTPException) as error:
        raise DataError(f"{part}: the shard is missing or damaged ({error}); prepare or copy it again") from error
    # tarfile takes a file that is cut short for a shorter one.
    if found != count or (digest and checked.digest != digest):
        raise DataError(f"{part}: is not what dataset.json says it is; prepare or copy it again")


def select(source: Source, *, subset: float = 1.0, categories: tuple[str, ...] = (), seed: int = 0) -> Source:
    """Choose some of a source's photographs.

    Args:
        source: all of them.
        subset: share to keep, above 0 and up to 1, drawn from each photograph's content or name and the seed: a smaller
            share is part of a larger one.
        categories: the only ones to keep; all where empty.
        seed: of the draw.

    Returns:
        The source, with `draws` of 1 and 0.

    Raises:
        DataError: nothing is left, or there is no such category.
    """
    if subset >= 1 and not categories:
        return source
    found: set[str] = set()
    draws = []
    for name, category in _names(source):
        found.add(category)
        kept = (not categories or category in categories) and draw(seed, name, "subset") < subset
        draws.append(float(kept))
    if missing := sorted(set(categories) - found):
        raise DataError(f"{source.place}: no category '{missing[0]}'; there are {', '.join(sorted(found)[:20])}")
    if not any(draws):
        raise DataError(f"{source.place}: no photograph is left of a share of {subset:g}; use a larger one")
    return replace(source, draws=tuple(draws))


def _names(source: Source) -> Iterator[tuple[str, str]]:
    """Give what tells a photograph from others, wherever it lies, and its category."""
    if not source.shards:
        for part in source.parts:
            yield Path(part).relative_to(source.place).as_posix(), Path(part).parent.name
        return
    for _, card in read_samples(source.parts, source):
        yield str(card.get("sha256") or card["name"]), str(card.get("category", ""))


class _Hashed:
    """A stream that is hashed while it is read."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        content: bytes = self._stream.read(size)
        self._hash.update(content)
        return content

    def finish(self) -> None:
        """Read what is left: a tar file ends in padding."""
        while self.read(1 << 16):
            pass

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def _read_file(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); take it out of the folder") from error


def _pairs(tar: tarfile.TarFile, part: str) -> Iterator[Sample]:
    jpeg = b""
    for entry in tar:
        file = tar.extractfile(entry)
        content = file.read() if file else b""
        if entry.name.endswith(".json"):
            card = json.loads(content)
            card["name"] = f"{part}: {card.get('name', entry.name)}"
            yield jpeg, card
            jpeg = b""
        else:
            jpeg = content


def decode(content: bytes | NDArray[np.uint8], card: dict[str, Any], source: Source) -> NDArray[np.uint8]:
    """Decode a photograph to (H, W, 3) sRGB uint8.

    Raises:
        DataError: it cannot be decoded; `card["name"]` is named.
    """
    if isinstance(content, np.ndarray):
        return content
    if not source.shards:
        try:
            return read_small(content, longest=source.size, name=card["name"])
        except UnreadableError as error:
            raise DataError(str(error)) from error
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB) if content else None
    if picture is None:
        raise DataError(f"{card['name']}: cannot be decoded; prepare the dataset again")
    return np.asarray(picture, dtype=np.uint8)


def pictures(source: Source, *, limit: int | None = None) -> Iterator[NDArray[np.uint8]]:
    """Give whole photographs, (H, W, 3) sRGB uint8, in the dataset's own order."""
    for content, card in islice(read_samples(source.parts, source), limit):
        yield decode(content, card, source)

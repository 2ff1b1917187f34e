"""Reading the datasets that `tinct prepare` makes: dataset.json, and tar shards of pictures with descriptions."""

from __future__ import annotations

import hashlib
import http.client
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinct.errors import DataError
from tinct.media.image.formats import PICTURE_SUFFIXES
from tinct.remote import UnreachableError, is_address, open_address

FORMAT = 1
DATASET_FILE = "dataset.json"


@dataclass(frozen=True)
class Shard:
    """A tar file of pictures.

    Attributes:
        place: its path or address.
        count: of the pictures in it.
        sha256: of the file; empty if dataset.json does not have it.
    """

    place: str
    count: int
    sha256: str = ""


@dataclass(frozen=True)
class DatasetCard:
    """The part of dataset.json that reading needs: the pictures' longer edge in pixels, and each split's shards."""

    size: int
    shards: dict[str, tuple[Shard, ...]]


def read_card(data: str | Path) -> DatasetCard | None:
    """Read a dataset's card; return None for a folder or an address without dataset.json.

    Raises:
        DataError: the file is damaged, of another format, or cannot be fetched.
    """
    place = str(data).rstrip("/")
    address = f"{place}/{DATASET_FILE}"
    try:
        with _open(address) as stream:
            card = json.load(stream)
        if card["format"] != FORMAT:
            raise DataError(
                f"{place}: a dataset of format {card['format']}, this tinct reads {FORMAT}; prepare it again"
            )
        shards = {
            split: tuple(
                Shard(f"{place}/{shard['file']}", int(shard["count"]), str(shard.get("sha256", ""))) for shard in listed
            )
            for split, listed in card["shards"].items()
        }
        return DatasetCard(int(card["size"]), shards)
    except FileNotFoundError:
        return None
    except UnreachableError as error:
        raise DataError(_unreachable(address, error)) from error
    except OSError as error:
        raise DataError(f"{address}: cannot be read ({error}); check the place") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{address}: damaged ({error!r}); prepare the dataset again") from error


def list_shard(shard: Shard) -> Iterator[tuple[str, int, int, dict[str, Any]]]:
    """Yield the key, offset, size and description of each picture in a local shard; no picture is read.

    Raises:
        DataError: the shard is missing or damaged.
    """
    places: dict[str, tuple[int, int]] = {}
    cards: dict[str, dict[str, Any]] = {}
    if not Path(shard.place).is_file():
        raise DataError(f"{shard.place}: the shard is missing; prepare the dataset again")
    try:
        with tarfile.open(shard.place, "r:") as tar:
            for member in tar:
                key, _, suffix = member.name.partition(".")
                if suffix.lower() == "json":
                    file = tar.extractfile(member)
                    cards[key] = json.loads(file.read()) if file else {}
                elif f".{suffix.lower()}" in PICTURE_SUFFIXES:
                    places[key] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError, ValueError) as error:
        raise DataError(f"{shard.place}: damaged shard ({error}); prepare the dataset again") from error
    for key, (offset, size) in places.items():
        yield key, offset, size, cards.get(key, {})


def read_shard(shard: Shard) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Stream each picture's bytes and description; at the end, the shard's count and SHA-256 are checked.

    Raises:
        DataError: the shard is missing, cut short, or differs from what dataset.json says.
    """
    count = 0
    try:
        with _open(shard.place) as stream:
            hashed: Any = _Hashed(stream)
            with tarfile.open(fileobj=hashed, mode="r|") as tar:
                for pair in _pairs(tar, shard.place):
                    count += 1
                    yield pair
            hashed.finish()
    except UnreachableError as error:
        raise DataError(_unreachable(shard.place, error)) from error
    except (tarfile.TarError, OSError, EOFError, ValueError, http.client.HTTPException) as error:
        raise DataError(
            f"{shard.place}: the shard is missing or damaged ({error}); prepare or copy it again"
        ) from error
    # tarfile may take a file that was cut short for a complete, shorter one.
    if count != shard.count or (shard.sha256 and hashed.digest != shard.sha256):
        raise DataError(f"{shard.place}: differs from what {DATASET_FILE} says; prepare or copy it again")


def _unreachable(place: str, error: UnreachableError) -> str:
    return f"{place}: cannot be reached ({error}); check the address and the network"


def _pairs(tar: tarfile.TarFile, place: str) -> Iterator[tuple[bytes, dict[str, Any]]]:
    jpeg = b""
    for member in tar:
        file = tar.extractfile(member)
        content = file.read() if file else b""
        if member.name.endswith(".json"):
            card = json.loads(content)
            card["name"] = f"{place}: {card.get('name', member.name)}"
            yield jpeg, card
            jpeg = b""
        else:
            jpeg = content


def _open(place: str) -> Any:
    return open_address(place) if is_address(place) else Path(place).open("rb")


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
        """Read the rest: a tar file ends in padding."""
        while self.read(1 << 16):
            pass

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

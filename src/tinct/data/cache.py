"""What several trainings on the same photographs share: the photographs, decoded once.

This changes no training: the same photographs come in the same order with the same pixels. They are kept under a name
that says what they are made of, and are made beside their place.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tinct.data.decoded import INDEX, PIXELS
from tinct.data.source import Source, decode, read_samples
from tinct.errors import OutputError


def decode_source(source: Source, folder: str | Path) -> Source:
    """Decode a source's photographs into one file, or find them decoded.

    Args:
        source: a split of a dataset; photographs that it never draws are decoded as well.
        folder: where caches are kept; may be shared by trainings that run at once.

    Returns:
        The source, which now reads the decoded photographs: the same ones in the same order. It takes as much room as
        the photographs have bytes uncompressed.

    Raises:
        DataError: a photograph cannot be read.
        OutputError: the file cannot be written; nothing is left behind.
    """
    target = Path(folder) / f"decoded-{source_key(source)}"
    if not target.is_dir():
        with made_beside(target) as partial:
            listed = []
            everything = replace(source, draws=None)
            with (partial / PIXELS).open("wb") as pixels:
                for content, card in read_samples(source.parts, everything):
                    picture = decode(content, card, source)
                    pixels.write(np.ascontiguousarray(picture).data)
                    kept = {name: value for name, value in card.items() if name != "index"}
                    listed.append((*picture.shape[:2], kept))
            (partial / INDEX).write_text(json.dumps(listed), encoding="utf-8")
    return replace(source, decoded=str(target))


def source_key(source: Source) -> str:
    """Give a name that changes with any photograph of a source."""
    told: list[Any] = [source.shards, source.size, source.counts, source.digests]
    if not source.digests:
        told.append(source.parts)
        if not source.place.startswith(("http://", "https://")):
            stats = [Path(part).stat() for part in source.parts]
            told.append([(stat.st_size, stat.st_mtime_ns) for stat in stats])
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]


class made_beside:  # noqa: N801 - reads as the state it is
    """Make a folder beside its place and rename it there; where another process was faster, take its."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._partial = target.with_name(f".{target.name}.{os.getpid()}.part")

    def __enter__(self) -> Path:
        try:
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir(parents=True)
        except OSError as error:
            raise OutputError(f"{self._target}: cannot be written ({error}); choose another folder") from error
        return self._partial

    def __exit__(self, kind: Any, error: Any, _: Any) -> None:
        try:
            if kind is None and not self._target.is_dir():
                self._partial.rename(self._target)
        except OSError as problem:
            if not self._target.is_dir():
                raise OutputError(f"{self._target}: cannot be written ({problem}); free space") from problem
        finally:
            shutil.rmtree(self._partial, ignore_errors=True)
        if isinstance(error, OSError):
            raise OutputError(f"{self._target}: cannot be written ({error}); free space or choose another") from error

"""What several trainings on the same photographs share: photographs decoded once, and frozen encoders' features.

Neither changes a training: the same photographs come in the same order with the same pixels, and features are those
that the encoder gives, but for rounding. Both are kept under a name that says what they are made of, and are made
beside their place.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tinct.errors import OutputError
from tinct.learn.augment import Augmentation
from tinct.learn.data import Crop, PhotoStream, loader
from tinct.learn.decoded import INDEX, PIXELS
from tinct.learn.networks.transfer import TransferNetwork
from tinct.learn.source import Source, decode, read_samples
from tinct.learn.tasks import split_rgb

_BATCH = 16


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
    target = Path(folder) / f"decoded-{_source_key(source)}"
    if not target.is_dir():
        with _made_beside(target) as partial:
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


@dataclass(frozen=True)
class FeatureFile:
    """A frozen encoder's features of the squares that are cut from a source's photographs in the same way each time.

    Attributes:
        path: the file of numbers, one photograph after the other.
        shape: (channels, h, w) of one photograph's.
        places: (n,) place in the file of each of the source's photographs; -1 where it has none.
        half: whether they are bfloat16, as mixed precision gives them; float32 otherwise.
    """

    path: str
    shape: tuple[int, int, int]
    places: tuple[int, ...]
    half: bool

    def read(self, indices: list[int]) -> torch.Tensor:
        """Give the features (N, channels, h, w) of photographs by their numbers in the source."""
        mapped = _mapped(self.path, self.half).reshape(-1, *self.shape)
        found = torch.from_numpy(mapped[[self.places[index] for index in indices]])
        return found.view(torch.bfloat16) if self.half else found


def can_store(network: torch.nn.Module, augmentation: Augmentation) -> bool:
    """Say whether an encoder gives the same for a photograph each time: it is frozen, and nothing is augmented."""
    plain = Augmentation(flip=False, random_crop=False, noise=(), contrast=0, brightness=0)
    return isinstance(network, TransferNetwork) and network.frozen and augmentation == plain


def store_features(
    network: TransferNetwork,
    source: Source,
    folder: str | Path,
    *,
    crop: int,
    space: str,
    half: bool,
    device: torch.device,
) -> FeatureFile:
    """Run a frozen encoder on all photographs that a source draws, or find its features.

    Args:
        network: whose encoder is run.
        source: the photographs.
        folder: where caches are kept.
        crop: edge of the squares, cut from the middle.
        space: `yuv` or `lab`, which luma the encoder sees.
        half: run it in mixed precision, in bfloat16.
        device: where it is run.

    Returns:
        The file.

    Raises:
        DataError: a photograph cannot be read.
        OutputError: the file cannot be written; nothing is left behind.
    """
    digest = hashlib.sha256(f"{_source_key(source)} {_drawn(source)} {crop} {space} {half}".encode())
    digest.update(f"{type(network).__name__} {torch.__version__}".encode())
    for name, value in network.encoder.state_dict().items():
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().tobytes())
    target = Path(folder) / f"features-{digest.hexdigest()[:32]}"
    if not target.is_dir():
        with _made_beside(target) as partial:
            shape: tuple[int, ...] = ()
            with (partial / PIXELS).open("wb") as file:
                for features in _encoded(network, source, crop=crop, space=space, half=half, device=device):
                    shape = tuple(features.shape[1:])
                    values = features.view(torch.int16) if half else features
                    file.write(values.contiguous().numpy().data)
            (partial / INDEX).write_text(json.dumps({"shape": shape}), encoding="utf-8")
    channels, height, width = json.loads((target / INDEX).read_text(encoding="utf-8"))["shape"]
    drawn = _drawn_places(source)
    return FeatureFile(str(target / PIXELS), (channels, height, width), drawn, half)


def _encoded(
    network: TransferNetwork, source: Source, *, crop: int, space: str, half: bool, device: torch.device
) -> Iterator[torch.Tensor]:
    """Give features (N, channels, h, w) of a source's photographs in their order."""
    plain = Crop(crop, zoom=1.0, random=False)
    stream = PhotoStream(source, crop=plain, batch_size=_BATCH, seed=0, epoch=0, endless=False)
    training = network.training
    network.eval().to(device)
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=half):
        for batch in loader(stream, workers=0):
            rgb = batch["rgb"].to(device).permute(0, 3, 1, 2).float().div_(255)
            luma = split_rgb(rgb, space)[0]
            features = network.encode(luma.contiguous(memory_format=torch.channels_last)).cpu()
            yield features.to(torch.bfloat16 if half else torch.float32).contiguous()
    network.train(training)


def _drawn_places(source: Source) -> tuple[int, ...]:
    if source.draws is None:
        return tuple(range(sum(source.counts)))
    places, found = [], 0
    for share in source.draws:
        places.append(found if share else -1)
        found += share > 0
    return tuple(places)


def _drawn(source: Source) -> str:
    return "all" if source.draws is None else "".join("1" if share else "0" for share in source.draws)


def _source_key(source: Source) -> str:
    """Give a name that changes with any photograph of a source."""
    told: list[Any] = [source.shards, source.size, source.counts, source.digests]
    if not source.digests:
        told.append(source.parts)
        if not source.place.startswith(("http://", "https://")):
            stats = [Path(part).stat() for part in source.parts]
            told.append([(stat.st_size, stat.st_mtime_ns) for stat in stats])
    return hashlib.sha256(repr(told).encode()).hexdigest()[:32]


@lru_cache(maxsize=8)
def _mapped(path: str, half: bool) -> NDArray[Any]:
    return np.memmap(path, dtype=np.int16 if half else np.float32, mode="r")


class _made_beside:  # noqa: N801 - reads as the state it is
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

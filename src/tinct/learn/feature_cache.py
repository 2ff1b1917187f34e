"""Frozen encoders' features, which several trainings on the same photographs share.

This changes no training: features are those that the encoder gives, but for rounding. They are kept under a name that
says what they are made of, and are made beside their place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import torch

from tinct.data.source import INDEX, PIXELS, Source, source_key
from tinct.files import folder_beside
from tinct.learn.feature_file import FeatureFile
from tinct.learn.networks.transfer import TransferNetwork
from tinct.learn.photo_stream import Crop, PhotoStream, loader
from tinct.learn.settings import Augmentation
from tinct.learn.tasks import split_rgb

_BATCH = 16


def can_store(network: torch.nn.Module, augmentation: Augmentation) -> bool:
    """Return whether an encoder gives the same for a photograph each time: it is frozen, and nothing is augmented."""
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
    digest = hashlib.sha256(f"{source_key(source)} {_drawn(source)} {crop} {space} {half}".encode())
    digest.update(f"{type(network).__name__} {torch.__version__}".encode())
    for name, value in network.encoder.state_dict().items():
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().tobytes())
    target = Path(folder) / f"features-{digest.hexdigest()[:32]}"
    if not target.is_dir():
        with folder_beside(target) as partial:
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
    """Return features (N, channels, h, w) of a source's photographs in their order."""
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

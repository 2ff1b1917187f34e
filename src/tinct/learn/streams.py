"""A training's streams of squares, for training and for validation, and a frozen encoder's features of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch

from tinct.data.source import INDEX, PIXELS, Source, source_key
from tinct.files import folder_beside
from tinct.learn.networks.layers import Network
from tinct.learn.networks.transfer import TransferNetwork
from tinct.learn.photo_stream import Crop, FeatureFile, PhotoStream, Share, loader
from tinct.learn.settings import AUGMENTATIONS, Augmentation, Training
from tinct.learn.tasks import split_rgb, unit_rgb

_BATCH = 16  # squares encoded at once


class Streams(lightning.LightningDataModule):
    """The training's photographs, streamed for each epoch: `train_source` to train on, `val_source` to validate on.

    `features` holds, for `train` and `val`, a frozen encoder's features of the squares, if they are stored.
    """

    def __init__(self, training: Training, train_source: Source, val_source: Source) -> None:
        super().__init__()
        self._training = training
        self.train_source = train_source
        self.val_source = val_source
        self.features: dict[str, FeatureFile] = {}

    def stored_features(
        self, network: Network, folder: Path, *, seen: int, half: bool, device: torch.device
    ) -> dict[str, FeatureFile]:
        """Store a frozen encoder's features of each square, unless they are stored already, if that saves work.

        Nothing is stored if the network has no frozen encoder, if squares are augmented, or if none of the photographs
        is seen twice (`seen` is the number that the training sees).

        Returns:
            The value for `features`.
        """
        training = self._training
        if not can_store(network, training.augmentation) or seen <= self.train_source.count:
            return {}
        assert isinstance(network, TransferNetwork)
        return {
            split: store_features(
                network, source, folder, crop=Crop.of(training, split), space=training.space, half=half, device=device
            )
            for split, source in (("train", self.train_source), ("val", self.val_source))
            if source.count
        }

    def train_dataloader(self) -> Any:
        """Stream an epoch of training squares."""
        training = self._training
        epoch = self.trainer.current_epoch if self.trainer else 0
        stream = PhotoStream(
            self.train_source,
            crop=Crop.of(training, "train"),
            batch_size=training.batch_size,
            seed=training.seed,
            epoch=epoch,
            endless=True,
            share=self._share(),
            features=self.features.get("train"),
            sevenfold=training.augmentation.sevenfold,
        )
        return loader(stream, workers=training.workers)

    def val_dataloader(self) -> Any:
        """Stream each validation square once; all processes get as many batches, since they wait for one another."""
        source, batch_size, share = self.val_source, self._training.batch_size, self._share()
        if not source.count:
            return []
        if source.count < share.ranks:
            share = Share()  # too few to divide: all processes measure the same
        stream = PhotoStream(
            source,
            crop=Crop.of(self._training, "val"),
            batch_size=batch_size,
            seed=0,
            epoch=0,
            endless=False,
            share=share,
            batches=share.batches(source.count, batch_size) if share.ranks > 1 else None,
            features=self.features.get("val"),
        )
        return loader(stream, workers=min(self._training.workers, 1))

    def _share(self) -> Share:
        return Share(self.trainer.global_rank, self.trainer.world_size) if self.trainer else Share()


def can_store(network: torch.nn.Module, augmentation: Augmentation) -> bool:
    """Return whether a network's encoder is frozen and nothing is augmented, so that its features never change."""
    return isinstance(network, TransferNetwork) and network.frozen and augmentation == AUGMENTATIONS["none"]


def store_features(
    network: TransferNetwork,
    source: Source,
    folder: str | Path,
    *,
    crop: Crop,
    space: str,
    half: bool,
    device: torch.device,
) -> FeatureFile:
    """Store a frozen encoder's features of all photographs that a source draws, unless they are stored already.

    Trainings on the same photographs share them: the name is a hash of the source, the encoder's weights and the crop.

    Args:
        network: whose encoder is used.
        source: the photographs.
        folder: of caches.
        crop: of the squares; not random.
        space: `yuv` or `lab`, whose luma the encoder sees.
        half: use mixed precision (bfloat16).
        device: on which the encoder runs.

    Raises:
        DataError: a photograph cannot be read.
        OutputError: the file cannot be written; nothing is left behind.
    """
    cut = f"{crop.size}" if crop.enlarge == 1 else f"{crop.size} x {crop.enlarge}"
    cut += " whole" * crop.whole + " lanczos" * crop.lanczos
    drawn = np.array([1.0] * sum(source.counts) if source.draws is None else source.draws) > 0
    which = "all" if source.draws is None else "".join("1" if one else "0" for one in drawn)
    digest = hashlib.sha256(f"{source_key(source)} {which} {cut} {space} {half}".encode())
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
    places = np.where(drawn, np.cumsum(drawn) - 1, -1)
    return FeatureFile(str(target / PIXELS), (channels, height, width), tuple(places.tolist()), half)


def _encoded(
    network: TransferNetwork, source: Source, *, crop: Crop, space: str, half: bool, device: torch.device
) -> Iterator[torch.Tensor]:
    """Yield features (N, channels, h, w) of a source's photographs, in their order."""
    stream = PhotoStream(source, crop=crop, batch_size=_BATCH, seed=0, epoch=0, endless=False)
    training = network.training
    network.eval().to(device)
    with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=half):
        for batch in loader(stream, workers=0):
            luma = split_rgb(unit_rgb(batch["rgb"].to(device)), space)[0]
            features = network.encode(luma.contiguous(memory_format=torch.channels_last)).cpu()
            yield features.to(torch.bfloat16 if half else torch.float32).contiguous()
    network.train(training)

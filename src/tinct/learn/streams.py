"""A training's two streams of squares: to learn from, and to validate on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import torch

from tinct.data.source import Source
from tinct.learn.feature_cache import can_store, store_features
from tinct.learn.feature_file import FeatureFile
from tinct.learn.networks.layers import Network
from tinct.learn.networks.transfer import TransferNetwork
from tinct.learn.photo_stream import Crop, PhotoStream, loader
from tinct.learn.settings import Training


class Streams(lightning.LightningDataModule):
    """The training's photographs, streamed anew for each epoch.

    Attributes:
        train_source: the photographs to learn from.
        val_source: those to validate on.
        features: a frozen encoder's features of the squares of `train` and of `val`, where they are stored.
    """

    def __init__(self, training: Training, train_source: Source, val_source: Source) -> None:
        """Take the settings and the two splits."""
        super().__init__()
        self._training = training
        self.train_source = train_source
        self.val_source = val_source
        self.features: dict[str, FeatureFile] = {}

    def steps_of_epoch(self, devices: int) -> int:
        """Return the steps of an epoch on a number of devices."""
        training = self._training
        if training.epoch_steps is not None:
            return training.epoch_steps
        count = min(self.train_source.count, training.limit or self.train_source.count)
        return max(1, count // (training.batch_size * devices))

    def val_batches(self, devices: int) -> int | float:
        """Return the batches of a validation: as many on each device, or those that are done first wait for ever."""
        return max(1, self.val_source.count // (self._training.batch_size * devices)) if devices > 1 else 1.0

    def store_features(self, network: Network, folder: Path, *, seen: int, half: bool, device: torch.device) -> None:
        """Store what a frozen encoder says of each square, or find it stored, where that saves work.

        Args:
            network: the network; nothing is done where it has no frozen encoder, or where squares are augmented.
            folder: where caches are kept.
            seen: photographs that the training will look at; nothing is done if it looks at none twice.
            half: whether the training is in mixed precision.
            device: where the encoder is run.
        """
        training = self._training
        if not can_store(network, training.augmentation) or seen <= self.train_source.count:
            return
        assert isinstance(network, TransferNetwork)
        for split, source in (("train", self.train_source), ("val", self.val_source)):
            if source.count:
                self.features[split] = store_features(
                    network, source, folder, crop=training.crop, space=training.space, half=half, device=device
                )

    def train_dataloader(self) -> Any:
        """Stream an epoch of training squares."""
        training = self._training
        crop = Crop(
            training.crop,
            zoom=training.zoom,
            random=training.augmentation.random_crop,
            enlarge=training.enlarge,
        )
        stream = PhotoStream(
            self.train_source,
            crop=crop,
            batch_size=training.batch_size,
            seed=training.seed,
            epoch=self.trainer.current_epoch if self.trainer else 0,
            endless=True,
            features=self.features.get("train"),
            **self._place(),
        )
        return loader(stream, workers=training.workers)

    def val_dataloader(self) -> Any:
        """Stream the validation squares, each once."""
        if not self.val_source.count:
            return []
        training = self._training
        crop = Crop(training.crop, zoom=1.0, random=False)
        stream = PhotoStream(
            self.val_source,
            crop=crop,
            batch_size=training.batch_size,
            seed=0,
            epoch=0,
            endless=False,
            features=self.features.get("val"),
            **self._place(),
        )
        return loader(stream, workers=min(training.workers, 1))

    def _place(self) -> dict[str, int]:
        if self.trainer is None:
            return {"rank": 0, "ranks": 1}
        return {"rank": self.trainer.global_rank, "ranks": self.trainer.world_size}

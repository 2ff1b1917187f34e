"""A training's settings and its folder.

A run is a folder:

    config.json           what was asked for, and the colour bins
    checkpoints/last.ckpt the state after the last finished epoch; best.ckpt the one with the lowest validation loss
    metrics.csv           one row per epoch; tensorboard/ holds the same
    samples/epoch-003.png validation photographs: grey, predicted, true
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tinct.color.bins import ColorBins
from tinct.errors import DataError
from tinct.learn.augment import Augmentation
from tinct.learn.networks.layers import Network
from tinct.learn.networks.registry import build


@dataclass(frozen=True)
class Training:
    """Everything that decides a training; two trainings with equal settings on one machine give equal networks.

    Attributes:
        data: a prepared dataset (folder or http(s) address) or a plain folder of photographs.
        network: name in `tinct.learn.networks.registry`.
        options: plain values of the network's options.
        task: `bins` (classification) or `regression`.
        space: `yuv` or `lab`.
        grid: cells of the bins' grid along each axis.
        bins: how many colour bins.
        rebalance: lambda of the bins' weights, 0..1.
        bins_from: photographs that the bins are learned from, at most.
        epochs: passes over the training photographs.
        batch_size: photographs a step, on each device.
        learning_rate: peak rate, or `auto` to look for it.
        weight_decay: AdamW's, on convolutions.
        decay: share of all steps over which the rate falls at the end.
        average: decay of the exponential moving average of the weights; 0 turns it off.
        clip: largest norm of the gradient; 0 turns clipping off.
        crop: edge of the training squares in pixels.
        zoom: see `tinct.learn.data.Crop`.
        augmentation: changes to the training pictures.
        seed: decides weights, order, crops and noise.
        workers: processes that read photographs.
        val: share kept for validation, for plain folders.
        precision: `auto` (bf16 where the processor has it), `bf16` or `float32`.
        devices: `auto`, `cpu`, or a number of accelerators.
        limit: photographs an epoch, at most (for trying things out).
    """

    data: str
    network: str = "tinct"
    options: dict[str, Any] = field(default_factory=dict)
    task: str = "bins"
    space: str = "yuv"
    grid: int = 16
    bins: int = 32
    rebalance: float = 0.4
    bins_from: int = 4000
    epochs: int = 30
    batch_size: int = 32
    learning_rate: float | str = 1e-3
    weight_decay: float = 0.02
    decay: float = 0.3
    average: float = 0.998
    clip: float = 1.0
    crop: int = 128
    zoom: float = 1.75
    augmentation: Augmentation = field(default_factory=Augmentation)
    seed: int = 0
    workers: int = 2
    val: float = 0.1
    precision: str = "auto"
    devices: str = "auto"
    limit: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON values."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Training:
        """Make a training from what `to_json` gave."""
        augmentation = dict(values["augmentation"])
        augmentation["noise"] = tuple(augmentation["noise"])
        return cls(**{**values, "augmentation": Augmentation(**augmentation)})


@dataclass(frozen=True)
class Run:
    """A training's folder, opened.

    Attributes:
        path: the folder.
        training: its settings.
        bins: its colour bins, or None for regression.
    """

    path: Path
    training: Training
    bins: ColorBins | None

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Read a run's settings.

        Raises:
            DataError: the folder is no run.
        """
        file = Path(path) / "config.json"
        if not file.is_file():
            raise DataError(f"{path}: no training run (it has no config.json); give the folder that --out named")
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            bins = ColorBins.from_card(values["bins"]) if values["bins"] else None
            return cls(Path(path), Training.from_json(values["training"]), bins)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{file}: damaged ({error})") from error

    @property
    def outputs(self) -> int:
        """Channels that the network gives."""
        return self.bins.count if self.bins is not None else 2

    def network(self) -> Network:
        """Build the run's network with fresh weights."""
        return build(self.training.network, outputs=self.outputs, options=self.training.options)

    def save(self) -> None:
        """Write config.json."""
        values = {"training": self.training.to_json(), "bins": self.bins.to_card() if self.bins else None}
        partial = self.path / "config.json.part"
        partial.write_text(json.dumps(values, indent=1), encoding="utf-8")
        partial.replace(self.path / "config.json")


def finished_epochs(state: dict[str, Any]) -> int:
    """Count the finished epochs of a loaded checkpoint; checkpoints are made at the ends of epochs only."""
    return int(state["loops"]["fit_loop"]["epoch_progress"]["current"]["ready"])

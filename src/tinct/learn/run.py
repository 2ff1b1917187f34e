"""A training's settings and its folder.

A run is a folder:

    config.json           what was asked for, and the colour bins
    checkpoints/last.ckpt the state after the last finished epoch; best.ckpt the one with the lowest validation loss
    metrics.csv           one row per epoch; tensorboard/ holds the same
    samples/epoch-003.png validation photographs: grey, predicted, true
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tinct.color.bins import ColorBins
from tinct.color.spaces import chroma_space
from tinct.errors import DataError, SettingError
from tinct.learn.augment import Augmentation
from tinct.learn.hardware import choose_devices, choose_precision
from tinct.learn.networks.layers import Network
from tinct.learn.networks.registry import build
from tinct.learn.tasks import Schedule
from tinct.media.files import written_beside


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
        initial: whose weights and bins to start from: the name of a model that comes with tinct, a model file, or
            its `.safetensors` twin; None starts anew.
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
    initial: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON values."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values

    def check(self) -> None:
        """Refuse settings that make no sense, before anything is written.

        Raises:
            SettingError: naming the first one.
        """
        chroma_space(self.space)
        network = build(self.network, outputs=2, options=self.options)
        rate = self.learning_rate
        augmentation = self.augmentation
        choose_precision(self.precision, accelerator=choose_devices(self.devices)[0])
        Schedule(steps=1, decay=self.decay)
        for fine, what in (
            (self.task in {"bins", "regression"}, f"task must be bins or regression, not '{self.task}'"),
            (self.grid >= 2 and self.bins >= 2, f"grid and bins must be at least 2, not {self.grid} and {self.bins}"),
            (0 <= self.rebalance <= 1, f"rebalance must lie in 0..1, not {self.rebalance}"),
            (self.epochs >= 1, f"epochs must be at least 1, not {self.epochs}"),
            (self.batch_size >= 1, f"the batch size must be at least 1, not {self.batch_size}"),
            (rate == "auto" or 0 < float(rate) < 10, f"the learning rate must be auto or lie in 0..10, not {rate}"),
            (0 <= self.average < 1, f"average must lie in 0..1, not {self.average}"),
            (
                self.crop > 0 and self.crop % network.multiple == 0,
                f"crop must be a multiple of {network.multiple} for network '{self.network}', not {self.crop}",
            ),
            (self.zoom >= 1, f"zoom must be at least 1, not {self.zoom}"),
            (self.limit is None or self.limit >= 1, f"limit must be at least 1, not {self.limit}"),
            (self.workers >= 0, f"workers must not be negative, not {self.workers}"),
            (0 <= augmentation.contrast < 1, f"contrast must lie in 0..1, not {augmentation.contrast}"),
            (0 <= augmentation.brightness < 1, f"brightness must lie in 0..1, not {augmentation.brightness}"),
            (all(variance > 0 for variance in augmentation.noise), "noise variances must be above 0"),
        ):
            if not fine:
                raise SettingError(what)

    def changed(self, changes: dict[str, Any]) -> Training:
        """Give this training with other settings.

        Args:
            changes: names of `Training` or `Augmentation` with their values.

        Raises:
            SettingError: there is no such setting.
        """
        shades = {name: value for name, value in changes.items() if name in Augmentation.__dataclass_fields__}
        plain = {name: value for name, value in changes.items() if name not in shades}
        if unknown := sorted(set(plain) - set(self.__dataclass_fields__)):
            raise SettingError(f"a training has no setting {', '.join(unknown)}")
        return replace(self, **plain, augmentation=replace(self.augmentation, **shades))

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
        with written_beside(self.path / "config.json") as partial:
            partial.write_text(json.dumps(values, indent=1), encoding="utf-8")


def finished_epochs(state: dict[str, Any]) -> int:
    """Count the finished epochs of a loaded checkpoint; checkpoints are made at the ends of epochs only."""
    return int(state["loops"]["fit_loop"]["epoch_progress"]["current"]["ready"])

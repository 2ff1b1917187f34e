"""Training: from a dataset and a network's name to a run that can be resumed, looked at and exported.

A run is a folder:

    config.json           what was asked for, and the colour bins
    checkpoints/last.ckpt the state after the last finished epoch; best.ckpt the one with the lowest validation loss
    metrics.csv           one row per epoch; tensorboard/ holds the same
    samples/epoch-003.png validation photographs: grey, predicted, true
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

from tinct.color.bins import ColorBins
from tinct.color.spaces import chroma_space
from tinct.errors import DataError, SettingError
from tinct.learn.augment import Augmentation
from tinct.learn.data import Crop, PhotoStream, Source, loader, open_source, pictures
from tinct.learn.networks.layers import Network
from tinct.learn.networks.registry import build, options_of
from tinct.learn.samples import SampleSheets
from tinct.learn.tasks import ColorizeTask, Schedule


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
        return asdict(self)

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


def train(
    training: Training,
    out: str | Path,
    *,
    resume: bool = False,
    initial: str | Path | None = None,
    progress: Callable[[], Callback] | None = None,
) -> Run:
    """Train a network.

    Args:
        training: what to do.
        out: the run's folder; must be new unless `resume`.
        resume: go on from the run's last finished epoch; `training` may then ask for more or fewer epochs, and for
            another rate, decay, crop or batch size, but not for another network, task or bins.
        initial: a `.safetensors` file of `tinct export` whose weights and bins to start from (fine-tuning).
        progress: makes a Lightning callback that shows progress; none is shown without it.

    Returns:
        The finished run.

    Raises:
        SettingError: a setting makes no sense, or `out` holds a run already and `resume` was not asked for.
        DataError: no photographs, or no run to resume.
    """
    chroma_space(training.space)
    options_of(training.network, training.options)
    if training.task not in {"bins", "regression"}:
        raise SettingError(f"no task '{training.task}'; there are: bins, regression")
    folder = Path(out)
    last = folder / "checkpoints" / "last.ckpt"
    train_source, val_source = (
        open_source(training.data, split=split, val=training.val, seed=training.seed) for split in ("train", "val")
    )
    if train_source.count == 0:
        raise DataError(f"{training.data}: no photographs to train on")
    run = _resumed(folder, training) if resume else _begun(folder, training, train_source, initial)
    with _quiet():
        lightning.seed_everything(training.seed, workers=True, verbose=False)
        network = run.network()
        if initial is not None and not last.exists():
            from tinct.learn.export import load_weights

            load_weights(network, initial)
        _fit(run, network, train_source, val_source, last if last.exists() else None, progress)
    return run


def _begun(folder: Path, training: Training, source: Source, initial: str | Path | None) -> Run:
    """Start a run's folder: learn the bins and write them down."""
    if (folder / "config.json").exists():
        raise SettingError(f"{folder} holds a training already; add --resume to go on with it, or name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    bins = None
    if training.task == "bins":
        if initial is not None:
            from tinct.learn.export import read_twin_card

            bins = ColorBins.from_card(read_twin_card(initial)["bins"])
        else:
            bins = ColorBins.learn(
                pictures(source, limit=training.bins_from),
                space=training.space,
                grid=training.grid,
                bins=training.bins,
                rebalance=training.rebalance,
            )
    run = Run(folder, training, bins)
    run.save()
    return run


def _resumed(folder: Path, training: Training) -> Run:
    """Open a run to go on with, and take over what may have changed."""
    run = Run.open(folder)
    before, now = run.training.to_json(), training.to_json()
    fixed = ("network", "options", "task", "space", "grid", "bins", "rebalance")
    if changed := [name for name in fixed if json.dumps(before[name]) != json.dumps(now[name])]:
        raise SettingError(f"{folder} was begun with another {', '.join(changed)}; resume with the same, or start anew")
    run = Run(folder, training, run.bins)
    run.save()
    return run


def _fit(
    run: Run,
    network: Network,
    train_source: Source,
    val_source: Source,
    checkpoint: Path | None,
    progress: Callable[[], Callback] | None,
) -> None:
    training = run.training
    streams = _Streams(training, train_source, val_source)
    accelerator, devices = _devices(training.devices)
    steps = streams.steps_of_epoch(devices if isinstance(devices, int) else 1)
    task = ColorizeTask(
        network.to(memory_format=torch.channels_last),
        space=training.space,
        bins=run.bins,
        augmentation=training.augmentation,
        learning_rate=0.0,
        weight_decay=training.weight_decay,
        schedule=Schedule(steps=steps * training.epochs, decay=training.decay),
    )
    common: dict[str, Any] = {
        "accelerator": accelerator,
        "devices": devices,
        "precision": _precision(training.precision),
        "gradient_clip_val": training.clip or None,
        "use_distributed_sampler": False,
        "enable_model_summary": False,
        "limit_train_batches": steps,
    }
    task.learning_rate = find_learning_rate(task, streams, common) if training.learning_rate == "auto" else float(
        training.learning_rate
    )
    callbacks: list[Callback] = [
        ModelCheckpoint(
            dirpath=run.path / "checkpoints",
            filename="best",
            monitor="val_loss" if val_source.count else None,
            save_last=True,
            enable_version_counter=False,
            save_on_train_epoch_end=False if val_source.count else True,
        ),
    ]
    if training.average > 0:
        callbacks.append(EMAWeightAveraging(decay=training.average, use_buffers=True))
    if val_source.count:
        callbacks.append(SampleSheets(val_source, run.path / "samples"))
    if progress is not None:
        callbacks.append(progress())
    trainer = lightning.Trainer(
        **common,
        max_epochs=training.epochs,
        callbacks=callbacks,
        logger=[
            CSVLogger(run.path, name="", version=""),
            TensorBoardLogger(run.path, name="tensorboard", version=""),
        ],
        log_every_n_steps=min(50, steps),
        reload_dataloaders_every_n_epochs=1,
        enable_progress_bar=progress is not None,
        num_sanity_val_steps=0,
    )
    trainer.fit(task, datamodule=streams, ckpt_path=checkpoint, weights_only=False if checkpoint else None)


class _Streams(lightning.LightningDataModule):
    """The training's photographs, streamed anew for each epoch."""

    def __init__(self, training: Training, train_source: Source, val_source: Source) -> None:
        super().__init__()
        self._training = training
        self._train_source = train_source
        self._val_source = val_source

    def steps_of_epoch(self, devices: int) -> int:
        training = self._training
        count = min(self._train_source.count, training.limit or self._train_source.count)
        return max(1, count // (training.batch_size * devices))

    def train_dataloader(self) -> Any:
        training = self._training
        crop = Crop(training.crop, zoom=training.zoom, random=training.augmentation.crop)
        stream = PhotoStream(
            self._train_source,
            crop=crop,
            batch_size=training.batch_size,
            seed=training.seed,
            epoch=self.trainer.current_epoch if self.trainer else 0,
            endless=True,
        )
        return loader(stream, workers=training.workers)

    def val_dataloader(self) -> Any:
        if not self._val_source.count:
            return []
        training = self._training
        crop = Crop(training.crop, zoom=1.0, random=False)
        stream = PhotoStream(
            self._val_source, crop=crop, batch_size=training.batch_size, seed=0, epoch=0, endless=False
        )
        return loader(stream, workers=min(training.workers, 1))


def find_learning_rate(task: ColorizeTask, streams: _Streams, common: dict[str, Any]) -> float:
    """Look for a learning rate by raising it over 100 steps (Smith 2017); the weights are put back afterwards."""
    from lightning.pytorch.tuner import Tuner

    task.learning_rate = 1e-6
    trainer = lightning.Trainer(
        **{**common, "limit_train_batches": 1.0},
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        limit_val_batches=0,
    )
    found = Tuner(trainer).lr_find(task, datamodule=streams, max_lr=0.1, num_training=100, update_attr=False)
    suggestion = found.suggestion() if found is not None else None
    if suggestion is None:
        raise DataError("no learning rate could be found from this dataset; give one with --lr (1e-3 is a good start)")
    return float(suggestion)


def _devices(wanted: str) -> tuple[str, int | str]:
    if wanted == "auto":
        return "auto", "auto"
    if wanted == "cpu":
        return "cpu", 1
    if not wanted.isdigit() or int(wanted) < 1:
        raise SettingError(f"devices must be auto, cpu or a number, not '{wanted}'")
    if torch.accelerator.device_count() < int(wanted):
        found = torch.accelerator.device_count()
        raise SettingError(f"{wanted} accelerators were asked for, but PyTorch finds {found}; use --devices auto")
    return "gpu", int(wanted)


def _precision(wanted: str) -> Any:
    if wanted not in {"auto", "bf16", "float32"}:
        raise SettingError(f"precision must be auto, bf16 or float32, not '{wanted}'")
    if wanted == "float32":
        return "32-true"
    return "bf16-mixed" if wanted == "bf16" or has_bfloat16() else "32-true"


def has_bfloat16() -> bool:
    """Say whether the accelerator or processor computes in bfloat16 by itself."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and torch.cpu._is_avx512_bf16_supported()


class _quiet:  # noqa: N801 - reads as the state it is
    """Keep Lightning's advice about its own settings off the screen while a training runs."""

    _names = ("lightning.pytorch", "lightning.fabric")

    def __enter__(self) -> None:
        self._levels = [logging.getLogger(name).level for name in self._names]
        for name in self._names:
            logging.getLogger(name).setLevel(logging.ERROR)
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.filterwarnings("ignore", module="lightning")

    def __exit__(self, *details: Any) -> None:
        self._warnings.__exit__(*details)
        for name, level in zip(self._names, self._levels, strict=True):
            logging.getLogger(name).setLevel(level)

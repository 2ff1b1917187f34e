"""Training: from a dataset and a network's name to a run that can be resumed, looked at and exported."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from scipy.ndimage import gaussian_filter1d

from tinct.color.bins import ColorBins
from tinct.errors import DataError, SettingError, TinctError
from tinct.learn.data import Crop, PhotoStream, Source, loader, open_source, pictures
from tinct.learn.hardware import choose_devices, choose_precision
from tinct.learn.networks.layers import Network
from tinct.learn.records import MetricsTable, SampleSheets
from tinct.learn.run import Run, Training, finished_epochs
from tinct.learn.tasks import ColorizeTask, Schedule, split_rgb
from tinct.learn.weights import load_weights, read_initial_card

# The moving average takes in the weights every so many steps; each step would cost 4 % of the time for no gain.
AVERAGE_EVERY = 5


def train(
    training: Training,
    out: str | Path,
    *,
    resume: bool = False,
    progress: Callable[[], Callback] | None = None,
) -> Run:
    """Train a network.

    Args:
        training: what to do.
        out: the run's folder; must be new unless `resume`.
        resume: go on from the run's last finished epoch; `training` may then ask for more or fewer epochs, and for
            another rate, decay, crop or batch size, but not for another network, task or bins.
        progress: makes a Lightning callback that shows progress; none is shown without it.

    Returns:
        The finished run.

    Raises:
        SettingError: a setting makes no sense, or `out` holds a run already and `resume` was not asked for.
        DataError: no photographs, or no run to resume.
    """
    training.check()
    folder = Path(out)
    last = folder / "checkpoints" / "last.ckpt"
    train_source, val_source = (
        open_source(training.data, split=split, val=training.val, seed=training.seed) for split in ("train", "val")
    )
    if train_source.count == 0:
        raise DataError(f"{training.data}: no photographs to train on")
    if int(os.environ.get("LOCAL_RANK", "0")) > 0:
        run = Run.open(folder)  # begun or resumed by the first of several devices' processes
    elif resume:
        run = _resumed(folder, training)
    else:
        run = _begun(folder, training, train_source)
    with _quiet():
        lightning.seed_everything(training.seed, workers=True, verbose=False)
        network = run.network()
        if training.initial is not None and not last.exists():
            load_weights(network, training.initial, _luma(training, train_source))
        try:
            _fit(run, network, train_source, val_source, last if last.exists() else None, progress)
        except TinctError as error:
            raise _unwrapped(error) from error
    return Run.open(folder)


def _unwrapped(error: TinctError) -> TinctError:
    """Give the one line of an error that a worker process wrapped in its traceback."""
    lines = str(error).strip().splitlines()
    if len(lines) <= 1:
        return error
    return type(error)(lines[-1].partition(": ")[2] or lines[-1])


def _luma(training: Training, source: Source) -> Iterator[torch.Tensor]:
    """Give luma of training photographs (N, 1, H, W), 64 at a time, as many as there are."""
    crop = Crop(training.crop, zoom=1.0, random=False)
    stream = PhotoStream(source, crop=crop, batch_size=64, seed=training.seed, epoch=0, endless=True, rank=0, ranks=1)
    for batch in loader(stream, workers=0):
        yield split_rgb(batch["rgb"].permute(0, 3, 1, 2).float() / 255, training.space)[0]


def _begun(folder: Path, training: Training, source: Source) -> Run:
    """Start a run's folder: learn the bins and write them down."""
    if (folder / "config.json").exists():
        raise SettingError(f"{folder} holds a training already; add --resume to go on with it, or name another folder")
    bins = None
    if training.initial is not None:
        card = read_initial_card(training.initial)
        if (card.network, card.task, card.space) != (training.network, training.task, training.space):
            raise SettingError(
                f"{training.initial} holds a network '{card.network}' for {card.task} in {card.space}; train the same"
            )
        bins = card.color_bins()
    elif training.task == "bins":
        bins = ColorBins.learn(
            pictures(source, limit=training.bins_from),
            space=training.space,
            grid=training.grid,
            bins=training.bins,
            rebalance=training.rebalance,
        )
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(folder, training, bins)
    run.save()
    return run


def _resumed(folder: Path, training: Training) -> Run:
    """Open a run to go on with, and take over what may have changed."""
    run = Run.open(folder)
    before, now = run.training.to_json(), training.to_json()
    fixed = ("network", "options", "task", "space", "grid", "bins", "rebalance", "seed", "val", "initial")
    if (before["average"] > 0) != (now["average"] > 0):
        raise SettingError(f"{folder} was begun {'with' if before['average'] else 'without'} an average; keep it so")
    if changed := [name for name in fixed if before[name] != now[name]]:
        raise SettingError(f"{folder} was begun with another {', '.join(changed)}; resume with the same, or start anew")
    if training.learning_rate == "auto":
        training = replace(training, learning_rate=run.training.learning_rate)
    run = replace(run, training=training)
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
    accelerator, devices = choose_devices(training.devices)
    steps = streams.steps_of_epoch(devices)
    task = ColorizeTask(
        network.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        space=training.space,
        bins=run.bins,
        augmentation=training.augmentation,
        learning_rate=0.0,
        weight_decay=training.weight_decay,
        schedule=Schedule(steps=_planned_steps(checkpoint, steps=steps, epochs=training.epochs), decay=training.decay),
        seed=training.seed,
    )
    common: dict[str, Any] = {
        "accelerator": accelerator,
        "devices": devices,
        "precision": choose_precision(training.precision, accelerator=accelerator),
        "gradient_clip_val": training.clip or None,
        "use_distributed_sampler": False,
        "enable_model_summary": False,
        "limit_train_batches": steps,
        # Several devices must see equally many batches, or those that are done first wait for ever.
        "limit_val_batches": max(1, val_source.count // (training.batch_size * devices)) if devices > 1 else 1.0,
        "default_root_dir": run.path,
        "plugins": [SafeCheckpointIO()],
    }
    if training.learning_rate == "auto":
        # Noted in the run, so that a resumed training goes on at the rate that was found.
        training = replace(training, learning_rate=find_learning_rate(task, streams, common))
        replace(run, training=training).save()
    task.learning_rate = float(training.learning_rate)
    trainer = lightning.Trainer(
        **common,
        max_epochs=training.epochs,
        callbacks=_callbacks(run, val_source, progress, multiple=network.multiple),
        logger=TensorBoardLogger(run.path, name="tensorboard", version=""),
        log_every_n_steps=min(50, steps),
        reload_dataloaders_every_n_epochs=1,
        enable_progress_bar=progress is not None,
        num_sanity_val_steps=0,
    )
    trainer.fit(task, datamodule=streams, ckpt_path=checkpoint, weights_only=False if checkpoint else None)


def _callbacks(
    run: Run, val_source: Source, progress: Callable[[], Callback] | None, *, multiple: int
) -> list[Callback]:
    """Give what happens at the end of each epoch: row of figures, sheet, average, and last the checkpoint."""
    callbacks: list[Callback] = [MetricsTable(run.path / "metrics.csv")]
    if val_source.count:
        # Before the average, which steps back when validation ends: the sheets show what is exported.
        callbacks.append(SampleSheets(val_source, run.path / "samples", multiple=multiple))
    if run.training.average > 0:
        decay = run.training.average**AVERAGE_EVERY
        callbacks.append(EMAWeightAveraging(decay=decay, update_every_n_steps=AVERAGE_EVERY, use_buffers=True))
    if progress is not None:
        callbacks.append(progress())
    folder = run.path / "checkpoints"
    last = ModelCheckpoint(folder, filename="last", enable_version_counter=False, save_on_train_epoch_end=True)
    if not val_source.count:
        return [*callbacks, last]
    best = ModelCheckpoint(
        folder, filename="best", monitor="val_loss", enable_version_counter=False, save_on_train_epoch_end=True
    )
    return [*callbacks, best, last]


def _planned_steps(checkpoint: Path | None, *, steps: int, epochs: int) -> int:
    """Count the steps of the whole training, those done already as they were done."""
    if checkpoint is None:
        return steps * epochs
    state = torch.load(checkpoint, map_location="cpu", weights_only=False, mmap=True)
    return int(state["global_step"]) + steps * max(0, epochs - finished_epochs(state))


class SafeCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints beside their place and renames them into it, so that a kill never costs the last one."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Save; see Lightning's class."""
        partial = Path(f"{path}.part")
        partial.parent.mkdir(parents=True, exist_ok=True)
        torch.save(checkpoint, partial)
        partial.replace(path)


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
        crop = Crop(training.crop, zoom=training.zoom, random=training.augmentation.random_crop)
        stream = PhotoStream(
            self._train_source,
            crop=crop,
            batch_size=training.batch_size,
            seed=training.seed,
            epoch=self.trainer.current_epoch if self.trainer else 0,
            endless=True,
            **self._place(),
        )
        return loader(stream, workers=training.workers)

    def val_dataloader(self) -> Any:
        if not self._val_source.count:
            return []
        training = self._training
        crop = Crop(training.crop, zoom=1.0, random=False)
        stream = PhotoStream(
            self._val_source,
            crop=crop,
            batch_size=training.batch_size,
            seed=0,
            epoch=0,
            endless=False,
            **self._place(),
        )
        return loader(stream, workers=min(training.workers, 1))

    def _place(self) -> dict[str, int]:
        if self.trainer is None:
            return {"rank": 0, "ranks": 1}
        return {"rank": self.trainer.global_rank, "ranks": self.trainer.world_size}


def find_learning_rate(task: ColorizeTask, streams: _Streams, common: dict[str, Any]) -> float:
    """Look for a learning rate by raising it from 1e-6 to 0.1 over 125 steps; the weights are put back afterwards.

    Returns:
        A tenth of the rate at which the smoothed loss was lowest (Smith 2017's range test, with the margin that is
        usual for Adam).

    Raises:
        DataError: the loss was never finite.
    """
    from lightning.pytorch.tuner import Tuner

    trainer = lightning.Trainer(
        **{**common, "limit_train_batches": 1.0, "limit_val_batches": 0},
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    # Lightning draws a bar of its own, which has no business in a file.
    screen = contextlib.nullcontext() if sys.stderr.isatty() else contextlib.redirect_stderr(io.StringIO())
    with screen:
        found = Tuner(trainer).lr_find(
            task, datamodule=streams, min_lr=1e-6, max_lr=0.1, num_training=125, update_attr=False
        )
    losses = np.array(found.results["loss"] if found is not None else [])
    if not np.isfinite(losses).any():
        raise DataError("no learning rate could be found from this dataset; give one with --lr (1e-3 is a good start)")
    smooth = gaussian_filter1d(np.where(np.isfinite(losses), losses, np.nanmax(losses)), sigma=4)
    # Lightning's running mean starts too low; its first quarter says nothing.
    start = len(smooth) // 4
    return float(found.results["lr"][start + int(smooth[start:].argmin())]) / 10


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

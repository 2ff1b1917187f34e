"""Train a network on a dataset, into a run that can be resumed, examined and exported."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, ProgressBar, Timer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from scipy.ndimage import gaussian_filter1d

from tinct.data.source import Source, decode_source
from tinct.errors import DataError, OutputError, TinctError
from tinct.files import locked, make_folder, not_written
from tinct.learn.averaging import AveragedWeights
from tinct.learn.devices import (
    Devices,
    choose_devices,
    choose_precision,
    first_alone,
    is_follower,
    joined,
    of_first,
    rank,
    torch_device,
)
from tinct.learn.graph import quiet
from tinct.learn.initial_weights import load_start, read_encoder
from tinct.learn.networks.layers import Network
from tinct.learn.photo_stream import FeatureFile
from tinct.learn.records import METRICS, MetricsTable, SampleSheets
from tinct.learn.run import Run, begin_run, finished_epochs, resampled, resume_run, steps_within
from tinct.learn.schedule import Schedule
from tinct.learn.settings import Training
from tinct.learn.streams import Streams
from tinct.learn.tasks import ColorizeTask
from tinct.stopping import kept_if_stopped

KEPT_EVERY = timedelta(minutes=10)  # a checkpoint is written this often within an epoch, in addition to its end


def train(
    training: Training,
    out: str | Path,
    *,
    resume: bool = False,
    cache: str | Path | None = None,
    progress: Callable[[], Callback] | None = None,
) -> Run:
    """Train a network.

    Args:
        training: the settings.
        out: the run's folder; must be new unless `resume`.
        resume: continue from the run's last checkpoint. `training` may then ask for more or fewer epochs, and for
            another rate, decay, crop or batch size, but not for another network, task or bins.
        cache: folder in which decoded photographs, and a frozen encoder's features, are kept for this and other
            trainings; without it nothing is kept. Results do not depend on it, except for rounding.
        progress: returns a Lightning callback that shows progress; default: none is shown.

    Returns:
        The finished run.

    Raises:
        SettingError: a setting makes no sense, or `out` already holds a run and `resume` is not set.
        DataError: there are no photographs, or there is no run to resume.
        ModelError: the initial weights cannot be used.
    """
    training.check()
    folder = Path(out)
    accelerator = choose_devices(training.devices, nodes=training.nodes).accelerator
    with _alone(folder), kept_if_stopped(lambda: _kept(folder)), joined(accelerator):
        return _train(training, folder, resume=resume, cache=cache, progress=progress)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lock a run's folder against other trainings; the processes of one training share the lock."""
    if rank() > 0:
        yield
        return
    new = not folder.exists()
    lock = make_folder(folder) / ".lock"
    try:
        with locked(lock, target=folder):
            yield
    except OSError as error:
        if error.errno is None:  # not from the disk, but from an interrupted call
            raise
        raise not_written(error.filename or folder, error, what="read or written") from error
    finally:
        if new and [*folder.iterdir()] == [lock]:  # refused before anything was written
            lock.unlink()
            folder.rmdir()


def _kept(folder: Path) -> str:
    if (folder / "checkpoints" / "last.ckpt").is_file():
        return f"the last checkpoint, at most ten minutes old, is kept in {folder}, --resume goes on"
    return f"no checkpoint was written yet, --resume begins {folder} anew"


def _train(
    training: Training,
    folder: Path,
    *,
    resume: bool,
    cache: str | Path | None,
    progress: Callable[[], Callback] | None,
) -> Run:
    last = folder / "checkpoints" / "last.ckpt"
    train_source, val_source = first_alone(lambda: _sources(training, cache))
    encoder = None if last.exists() else read_encoder(training)

    def begin() -> Run:
        if is_follower():
            return Run.open(folder)  # begun or resumed by the first process
        if resume:
            return resume_run(folder, training, encoder)
        return begin_run(folder, training, train_source, encoder)

    run = first_alone(begin)
    if training.resample > 0:
        train_source = first_alone(lambda: resampled(train_source, run))
    # Without Lightning's advice about its own settings.
    with quiet("lightning.pytorch", "lightning.fabric", module="lightning"):
        lightning.seed_everything(training.seed, workers=True, verbose=False)
        network = run.network()
        if not last.exists():
            load_start(network, training, train_source, encoder)
        streams = Streams(run.training, train_source, val_source)
        try:
            _fit(run, network, streams, last if last.exists() else None, progress, cache)
        except TinctError as error:
            raise _unwrapped(error) from error
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            fault = "a process that reads photographs died, perhaps because memory ran out"
            raise DataError(f"{folder}: {fault}; continue with --resume and fewer --workers") from error
    return Run.open(folder)


def _sources(training: Training, cache: str | Path | None) -> tuple[Source, Source]:
    train_source, val_source = training.source("train"), training.source("val")
    if train_source.count == 0:
        raise DataError(f"{training.data}: no photographs to train on")
    if cache is not None:
        train_source, val_source = (decode_source(source, cache) for source in (train_source, val_source))
    return training.chosen(train_source), val_source


def _unwrapped(error: TinctError) -> TinctError:
    """Return an error without the traceback that a worker process put around its message."""
    lines = str(error).strip().splitlines()
    if len(lines) <= 1:
        return error
    return type(error)(lines[-1].partition(": ")[2] or lines[-1])


def _fit(
    run: Run,
    network: Network,
    streams: Streams,
    checkpoint: Path | None,
    progress: Callable[[], Callback] | None,
    cache: str | Path | None,
) -> None:
    training = run.training
    devices = choose_devices(training.devices, nodes=training.nodes)
    device = torch_device(devices.accelerator)
    steps = training.steps_of_epoch(streams.train_source.count, processes=devices.processes)
    timer = None if training.minutes is None else Timer(timedelta(minutes=training.minutes), verbose=False)
    planned = _planned_steps(checkpoint, steps=steps, epochs=training.epochs)
    task = ColorizeTask(
        network.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        training,
        bins=run.bins,
        schedule=_schedule(training, steps=planned, timer=timer, device=device),
        chroma_scale=run.chroma_scale,
    )
    common = _settings_of_trainer(run, devices, steps=steps)
    if cache is not None:
        seen = steps * training.epochs * training.batch_size * devices.processes
        half = common["precision"] != "32-true"

        def stored() -> dict[str, FeatureFile]:
            return streams.stored_features(network, Path(cache), seen=seen, half=half, device=device)

        streams.features = first_alone(stored)
    if training.learning_rate == "auto":
        # Saved in the run, so that a resumed training continues at the rate that was found.
        task.learning_rate = of_first(find_learning_rate(task, streams, common), device)
        if rank() == 0:
            replace(run, training=replace(training, learning_rate=task.learning_rate)).save()
    callbacks = _callbacks(run, streams.val_source, progress, multiple=network.multiple, timer=timer)
    trainer = lightning.Trainer(
        **common,
        max_epochs=training.epochs,
        callbacks=callbacks,
        logger=TensorBoardLogger(run.path, name="tensorboard", version=""),
        log_every_n_steps=min(50, steps),
        reload_dataloaders_every_n_epochs=1,
        # Otherwise Lightning draws its own bar.
        enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in callbacks),
        num_sanity_val_steps=0,
    )
    trainer.fit(task, datamodule=streams, ckpt_path=checkpoint, weights_only=False if checkpoint else None)


def _settings_of_trainer(run: Run, devices: Devices, *, steps: int) -> dict[str, Any]:
    training = run.training
    return {
        "accelerator": devices.accelerator,
        "devices": devices.count,
        "num_nodes": devices.nodes,
        "strategy": "ddp" if devices.processes > 1 else "auto",
        "precision": choose_precision(training.precision, accelerator=devices.accelerator),
        "gradient_clip_val": training.clip or None,
        "use_distributed_sampler": False,
        "enable_model_summary": False,
        "limit_train_batches": steps,
        "default_root_dir": run.path,
        "plugins": [SafeCheckpointIO()],
    }


def _callbacks(
    run: Run, val_source: Source, progress: Callable[[], Callback] | None, *, multiple: int, timer: Timer | None
) -> list[Callback]:
    """Return what runs at the end of each epoch: table of figures, sheet, average, progress, and last checkpoints."""
    callbacks: list[Callback] = [MetricsTable(run.path / METRICS)]
    if timer is not None:
        callbacks.append(timer)
    if val_source.count:
        # Before the average, which puts the plain weights back when validation ends: sheets show the averaged ones.
        letterbox = run.training.letterbox
        callbacks.append(SampleSheets(val_source, run.path / "samples", multiple=multiple, letterbox=letterbox))
    if run.training.average > 0:
        callbacks.append(AveragedWeights(run.training.average))
    if progress is not None:
        callbacks.append(progress())
    folder = run.path / "checkpoints"
    last = ModelCheckpoint(folder, filename="last", enable_version_counter=False, save_on_train_epoch_end=True)
    # Also within long epochs; after resuming, the rest of such an epoch sees the photographs from its beginning again.
    within = ModelCheckpoint(folder, filename="last", enable_version_counter=False, train_time_interval=KEPT_EVERY)
    if not val_source.count:
        return [*callbacks, within, last]
    best = ModelCheckpoint(
        folder, filename="best", monitor="val_loss", enable_version_counter=False, save_on_train_epoch_end=True
    )
    return [*callbacks, within, best, last]


def _schedule(training: Training, *, steps: int, timer: Timer | None, device: torch.device) -> Schedule:
    """Return the schedule of the rate; if minutes may end the training first, it follows the share of time spent."""
    second = training.second_rate if training.schedule == "two-step" else None
    if timer is None or training.minutes is None:
        return Schedule(steps=steps, decay=training.decay, second_rate=second)
    seconds = 60 * training.minutes
    # By the first process's clock, since processes with different rates would drift apart.
    spent = lambda: of_first(float(timer.time_elapsed()) / seconds, device)  # noqa: E731
    return Schedule(steps=steps, decay=training.decay, second_rate=second, spent=spent)


def _planned_steps(checkpoint: Path | None, *, steps: int, epochs: int) -> int:
    """Return the steps of the whole training: those done before the checkpoint, and those still planned."""
    if checkpoint is None:
        return steps * epochs
    state = torch.load(checkpoint, map_location="cpu", weights_only=False, mmap=True)
    return int(state["global_step"]) - steps_within(state) + steps * max(0, epochs - finished_epochs(state))


class SafeCheckpointIO(TorchCheckpointIO):
    """Writes checkpoints beside their target and renames them, so that a kill never destroys the last one."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write a checkpoint; see Lightning's class."""
        beside = Path(f"{path}.part")
        beside.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.save(checkpoint, beside)
            beside.replace(path)
        except (OSError, RuntimeError) as error:  # PyTorch's own writer reports a full disk by the latter
            beside.unlink(missing_ok=True)
            raise OutputError(f"{path}: cannot be written; free some space, and continue with --resume") from error


def find_learning_rate(task: ColorizeTask, streams: Streams, common: dict[str, Any]) -> float:
    """Search for a learning rate by raising it from 1e-6 to 0.1 over 125 steps; the weights are restored afterwards.

    Returns:
        A tenth of the rate at which the smoothed loss was lowest (the usual margin for Adam).

    Raises:
        DataError: the loss was never finite.

    Source: Smith 2017, "Cyclical learning rates for training neural networks", section 3.3.
    """
    from lightning.pytorch.tuner import Tuner

    trainer = lightning.Trainer(
        **{**common, "limit_train_batches": 1.0, "limit_val_batches": 0},
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    # Lightning draws its own bar, which does not belong into a file.
    screen = contextlib.nullcontext() if sys.stderr.isatty() else contextlib.redirect_stderr(io.StringIO())
    with screen:
        search = Tuner(trainer).lr_find(
            task, datamodule=streams, min_lr=1e-6, max_lr=0.1, num_training=125, update_attr=False
        )
    losses = np.array(search.results["loss"] if search is not None else [])
    if not np.isfinite(losses).any():
        raise DataError("no learning rate could be found from this dataset; give one with --lr (1e-3 is a good start)")
    smooth = gaussian_filter1d(np.where(np.isfinite(losses), losses, np.nanmax(losses)), sigma=4)
    # Lightning's running mean of the loss starts too low, so its first quarter is ignored.
    start = len(smooth) // 4
    return float(search.results["lr"][start + int(smooth[start:].argmin())]) / 10

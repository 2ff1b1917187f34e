"""How long a training's steps take: tried beforehand, and counted while it runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ProgressBar
from torch.nn import functional

from tinct.files import written_beside
from tinct.learn.hardware import choose_devices, choose_precision
from tinct.learn.networks.registry import build
from tinct.learn.run import Training

_STEPS = 2  # timed, after one that is not
_OUTPUTS = {"bins": 0, "regression": 2, "rgb": 3}


def seconds_of_step(training: Training) -> float:
    """Try how long a step of a training takes, on pictures of noise.

    Args:
        training: what would be trained.

    Returns:
        Seconds; the reading of photographs, which other processes do, is not in it.
    """
    accelerator, _ = choose_devices(training.devices)
    half = choose_precision(training.precision, accelerator=accelerator) != "32-true"
    device = torch.device({"cpu": "cpu", "gpu": "cuda"}.get(accelerator, accelerator))
    outputs = _OUTPUTS[training.task] or training.bins
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build(training.network, outputs=outputs, options=training.options).to(device).train()
        luma = torch.rand(training.batch_size, 1, training.crop, training.crop, device=device)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    learned = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=1e-6)
    seconds = []
    for _ in range(1 + _STEPS):
        started = time.perf_counter()
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
            output = network(luma.contiguous(memory_format=torch.channels_last))
        truth = torch.zeros(output.shape[0], *output.shape[2:], dtype=torch.long, device=device)
        loss = functional.cross_entropy(output.float(), truth)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])


class Meter(ProgressBar):
    """Shows a training's steps, and notes the time that it took, which outlives an interruption."""

    def __init__(self, file: Path, show: Callable[[int, int], None]) -> None:
        """Name the file that the seconds are kept in, and say where steps are shown."""
        super().__init__()
        self._file = file
        self._show = show
        self._started = time.perf_counter()
        self._before = json.loads(file.read_text())["seconds"] if file.is_file() else 0.0

    def seconds(self, *, since: float | None = None) -> float:
        """Give the training's time up to now, with that of earlier runs."""
        return float(self._before) + time.perf_counter() - (self._started if since is None else since)

    def disable(self) -> None:
        """Do nothing: there is nothing on the screen of its own."""

    def enable(self) -> None:
        """Do nothing either."""

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Show the step."""
        limit = trainer.max_epochs or 1
        self._show(trainer.global_step, int(trainer.num_training_batches) * limit)

    def on_train_epoch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Note the time."""
        with written_beside(self._file) as partial:
            partial.write_text(json.dumps({"seconds": self.seconds()}), encoding="utf-8")

"""One training of a study: train the arm's network, export it as a model file, and measure its cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import ProgressBar

from tinct.errors import SettingError
from tinct.files import make_folder
from tinct.learn.export import Export, export
from tinct.learn.run import Run
from tinct.learn.settings import Training
from tinct.learn.train import train
from tinct.study.cost import cost_of
from tinct.study.folder import COST_FILE, EXPORTED_FILE, TRAINED_FILE, Exported, Study, Trained
from tinct.study.recipe import Arm
from tinct.study.values import read_json, write_json

Progress = Callable[[str, int, int], None]


def train_arm(study: Study, arm: Arm, seed: int, show: Progress) -> None:
    """Train an arm with a seed, or continue from its last checkpoint.

    Raises:
        SettingError: the training was begun with other settings.
    """
    training, run = study.training(arm, seed), study.run(arm, seed)
    begun = (run / "config.json").is_file()
    if begun:
        check_same(run, training)
    make_folder(run)
    meter = _Meter(run / "seconds.json", lambda done, total: show(f"training {arm.name}, seed {seed}", done, total))
    train(training, run, resume=begun, cache=study.path / "cache", progress=lambda: meter)
    curve = study.curve(arm, seed)
    write_json(run / TRAINED_FILE, Trained(meter.seconds / 60, int(curve["step"][-1]), len(curve["step"])))


def check_same(run: Path, planned: Training) -> None:
    """Check that a training was begun with the planned settings.

    Raises:
        SettingError: it was not; the settings that differ are named.
    """
    begun = Run.open(run).training
    if planned.learning_rate == "auto":
        begun = replace(begun, learning_rate="auto")
    before, now = asdict(begun), asdict(planned)
    if changed := [f"{name} {before[name]!r}, now {now[name]!r}" for name in before if before[name] != now[name]]:
        raise SettingError(
            f"{run}: was begun with other settings ({'; '.join(changed)}); give another --out, or delete that folder"
        )


def export_arm(study: Study, arm: Arm, seed: int) -> None:
    """Write an arm's model file, if it is missing or has other weights than the recipe now asks for."""
    model, wanted = study.model(arm, seed), study.exported(arm)
    note = model.with_name(EXPORTED_FILE)
    files = (model, model.with_suffix(".safetensors"), note)
    if all(file.is_file() for file in files) and read_json(note, Exported) == wanted:
        return
    note.unlink(missing_ok=True)
    settings = Export(
        name=f"{study.record.name}-{arm.folder}-{seed}",
        working_size=study.working_size(arm, seed),
        checkpoint=wanted.checkpoint,
        unweigh=wanted.unweigh,
    )
    export(study.run(arm, seed), model, settings, overwrite=True)
    write_json(note, wanted)


def measure_cost(study: Study, arm: Arm, seed: int) -> None:
    """Measure what an arm costs, if the report shows that and it is not measured yet."""
    run, model = study.run(arm, seed), study.model(arm, seed)
    if arm.of is None and "cost" in study.record.plots and not (run / COST_FILE).is_file():
        write_json(run / COST_FILE, cost_of(run, model, size=study.working_size(arm, seed)))


class _Meter(ProgressBar):
    """Shows the steps of a training, and records its time in a file, which survives an interruption."""

    def __init__(self, file: Path, show: Callable[[int, int], None]) -> None:
        super().__init__()
        self._file = file
        self._show = show
        self._started = time.perf_counter()
        self._before = read_json(file, dict[str, float])["seconds"] if file.is_file() else 0.0

    @property
    def seconds(self) -> float:
        """Seconds of training up to now, with those of earlier runs."""
        return self._before + time.perf_counter() - self._started

    def disable(self) -> None:
        """Do nothing: this bar draws nothing on the screen itself."""

    def enable(self) -> None:
        """Do nothing either."""

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Show the number of steps."""
        self._show(trainer.global_step, int(trainer.num_training_batches) * (trainer.max_epochs or 1))

    def on_train_epoch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        """Record the time."""
        write_json(self._file, {"seconds": self.seconds})

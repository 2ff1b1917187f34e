"""Run a study: train every arm with every seed, export it as a model, and measure it on the same pictures.

If it is run again after an interruption, even a kill, it continues: finished arms are kept, and a training continues
from its last checkpoint.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import ProgressBar

from tinct.data.colors import learn_bins
from tinct.data.pictures import find_pictures
from tinct.files import locked, make_folder
from tinct.learn.export import Export, export
from tinct.learn.train import train
from tinct.stopping import kept_if_stopped, kept_in
from tinct.study.backbone import Judge
from tinct.study.begin import Progress, begin_study, check_folder, check_same, find_dataset, now
from tinct.study.cost import cost_of
from tinct.study.folder import (
    BASELINES,
    BINS_FILE,
    COST_FILE,
    EXPORTED_FILE,
    TRAINED_FILE,
    Exported,
    Study,
    Trained,
)
from tinct.study.making import open_colorizer, picture_maker
from tinct.study.measure import EVALUATION_FILE, PICTURES_FOR_MEAN, Summary, Yardstick
from tinct.study.method import Method
from tinct.study.plan import Budget, Choices, check_trainings
from tinct.study.recipe import Arm, Recipe, read_recipe
from tinct.study.report.page import write_report
from tinct.study.values import plain_json, read_json, write_json

_BINS_FROM = 500  # pictures from which the study's own bins are learned


@dataclass(frozen=True)
class ArmRow:
    """One arm with one seed, finished.

    Attributes:
        arm: its name.
        seed: of its training.
        status: `done`, or `kept` if an earlier run had finished it.
        steps: of its training.
        minutes: of its training.
        metrics: metric -> mean over the validation pictures.
    """

    arm: str
    seed: int
    status: str
    steps: int
    minutes: float
    metrics: Mapping[str, float | None]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return plain_json(self)


def run_study(
    recipe: str | Path | Recipe,
    *,
    data: str | Path,
    out: str | Path,
    budget: str | Budget = "full",
    seeds: int | None = None,
    arms: Sequence[str] = (),
    encoder_weights: str | Path | None = None,
    from_scratch: bool = False,
    backbone: str | Path | None = None,
    told: Callable[[ArmRow], None] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Run a study, or continue one, and write its report.

    Args:
        recipe: a TOML file, the name of a recipe that comes with tinct, or a `Recipe`.
        data: a dataset made by `tinct prepare`, or a folder of photographs, which is prepared into the study's folder.
        out: the study's folder; see `tinct.study.folder`.
        budget: `full`: as the recipe says; `small`: ends within 30 minutes on two cores; or your own.
        seeds: number of seeds, in place of the recipe's.
        arms: only these arms; default: all.
        encoder_weights: file of the pretrained encoder, for networks that have one.
        from_scratch: start such encoders from random weights instead.
        backbone: weights of VGG-16 or SqueezeNet 1.1, for the metrics of `tinct.study.backbone`. A study that was
            measured without it, or with another, is measured again, but not trained again. A study that is continued
            without it keeps those metrics that it has.
        told: called for each arm and seed that is finished.
        progress: called with (what, done, total).

    Returns:
        The report.

    Raises:
        SettingError: the recipe makes no sense, or `out` holds something else.
        DataError: the dataset cannot be used, or a picture is both in training and in validation.
        ModelError: the backbone or the encoder weights cannot be used.
    """
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    if arms:
        chosen = chosen.only(tuple(arms))
    choices = Choices.of(budget=budget, seeds=seeds, encoder_weights=encoder_weights, from_scratch=from_scratch)
    judge = Judge(backbone) if backbone is not None else None
    folder = Path(out)
    show = progress or (lambda what, done, total: None)
    check_folder(folder, chosen)
    check_trainings(chosen, choices)
    make_folder(folder)
    with locked(folder / ".lock", target=folder), kept_if_stopped(lambda: kept_in(folder)):
        dataset = find_dataset(Path(data), folder, show)
        study = begin_study(chosen, dataset, folder, choices, show=show)
        _run_arms(study, dataset, judge, told, show)
        return write_report(folder, progress=partial(show, "writing the report"))


def _run_arms(
    study: Study, dataset: Path, judge: Judge | None, told: Callable[[ArmRow], None] | None, show: Progress
) -> None:
    study = _note_backbone(study, judge, done=False)
    yardstick = _yardstick(study, dataset, judge, show)
    for seed in study.seeds:
        for arm in study.arms:
            row = _run_arm(study, yardstick, arm, seed, show)
            if told:
                told(row)
    _note_backbone(study, judge, done=True).noted(finished=now())
    shutil.rmtree(study.path / "cache", ignore_errors=True)


def _yardstick(study: Study, dataset: Path, judge: Judge | None, show: Progress) -> Yardstick:
    """Return the yardstick for all arms, and measure the baselines by it if that is not done."""
    record = study.record
    file = study.path / BINS_FILE
    pictures = {
        "val": find_pictures(dataset, split="val", limit=record.pictures),
        "train": study.train_pictures(dataset, limit=record.train_pictures),
    }
    if not file.is_file():
        bins, _ = learn_bins(dataset, limit=_BINS_FROM, progress=partial(show, "counting colours"))
        write_json(file, {"bins": bins.to_card()})
    yardstick = Yardstick(pictures, study.bins(), record.by, judge)
    settings = study.measured_on()
    summaries = [_summary(study.baseline(name)) for name in BASELINES]
    if not all(summary and summary.settings == settings and _judged(summary, judge) for summary in summaries):
        write_json(file, {"bins": yardstick.bins.to_card(), "truth": yardstick.truth()})
        learned = find_pictures(dataset, split="train", limit=PICTURES_FOR_MEAN)
        advance = partial(show, "measuring the baselines")
        for measured in yardstick.baselines(learned, settings=settings, progress=advance):
            measured.save(study.baseline(measured.summary.name))
    return yardstick


def _summary(folder: Path) -> Summary | None:
    file = folder / EVALUATION_FILE
    return read_json(file, Summary) if file.is_file() else None


def _judged(summary: Summary, judge: Judge | None) -> bool:
    """Return whether a summary has the figures of the backbone, if there is a backbone."""
    return judge is None or (summary.backbone or {}).get("sha256") == judge.sha256


def _note_backbone(study: Study, judge: Judge | None, *, done: bool) -> Study:
    """Record the backbone once it has measured everything; until then, record that there is none."""
    before = study.record.backbone
    if judge is None or (before and before["sha256"] == judge.sha256):
        return study
    return study.noted(backbone=judge.describe() if done else None)


def _run_arm(study: Study, yardstick: Yardstick, arm: Arm, seed: int, show: Progress) -> ArmRow:
    status = "kept"
    if arm.of is None and not (study.run(arm, seed) / TRAINED_FILE).is_file():
        status = "done"
        _train_arm(study, arm, seed, show)
    summary = study.evaluated(arm, seed)
    if summary is None or not _judged(summary, yardstick.judge) or not study.model(arm, seed).is_file():
        status = "done"
        summary = _measure(study, yardstick, arm, seed, show)
    if seed == study.seeds[0]:  # the cost is the same with every seed
        _measure_cost(study, arm, seed)
    trained = study.trained(arm, seed)
    return ArmRow(arm.name, seed, status, trained.steps, trained.minutes, summary.metrics["val"])


def _measure(study: Study, yardstick: Yardstick, arm: Arm, seed: int, show: Progress) -> Summary:
    what = f"measuring {arm.name}, seed {seed}"
    show(what, 0, 1)
    _export_arm(study, arm, seed)
    measured = yardstick.measure(
        Method(arm.name, picture_maker(open_colorizer(study, arm, seed), arm)),
        seed=seed,
        settings=plain_json(study.evaluation_settings(arm, seed)),
        progress=partial(show, what),
    )
    measured.save(study.folder(arm, seed))
    return read_json(study.folder(arm, seed) / EVALUATION_FILE, Summary)


def _train_arm(study: Study, arm: Arm, seed: int, show: Progress) -> None:
    """Train an arm with a seed, or continue from its last checkpoint."""
    training, run = study.training(arm, seed), study.run(arm, seed)
    begun = (run / "config.json").is_file()
    if begun:
        check_same(run, training)
    make_folder(run)
    meter = _Meter(run / "seconds.json", partial(show, f"training {arm.name}, seed {seed}"))
    train(training, run, resume=begun, cache=study.path / "cache", progress=lambda: meter)
    curve = study.curve(arm, seed)
    write_json(run / TRAINED_FILE, Trained(meter.seconds / 60, int(curve["step"][-1]), len(curve["step"])))


def _export_arm(study: Study, arm: Arm, seed: int) -> None:
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


def _measure_cost(study: Study, arm: Arm, seed: int) -> None:
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

"""Run a study: every arm trained with every seed, written as a model and measured on the same pictures.

Run again after an interruption, even a killed one, it goes on: finished arms are not touched, and a training goes on
from its last finished epoch.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tinct.color.bins import ColorBins
from tinct.data.bins import learn_bins
from tinct.data.pictures import find_pictures, has_split
from tinct.errors import DataError, SettingError
from tinct.files import locked, make_folder
from tinct.study.backbone import Judge
from tinct.study.begin import Progress, begin_study, check_folder, find_dataset, now
from tinct.study.cost import cost_of
from tinct.study.evaluate import Method
from tinct.study.folder import (
    BASELINES,
    BINS_FILE,
    COST_FILE,
    EXPORTED_FILE,
    TRAINED_FILE,
    Study,
    check_same,
    read_json,
    write_json,
)
from tinct.study.making import open_colorizer, picture_maker
from tinct.study.measured import EVALUATION_FILE, Measured, Yardstick
from tinct.study.plan import BUDGETS, Budget, check_trainings
from tinct.study.probe import Meter
from tinct.study.recipe import Arm, Recipe, read_recipe

# The study's own bins, in which every arm's colours are counted, are learned from so many pictures.
_BINS_FROM = 500
# The mean colour is that of so many training pictures, whatever arms learn from; `tinct evaluate` takes the same.
_MEAN_OF = 500


@dataclass(frozen=True)
class ArmRow:
    """What became of one arm with one seed.

    Attributes:
        arm: its name.
        seed: of its training.
        status: `done`, or `kept` for what an earlier run had finished.
        steps: of its training.
        minutes: that its training took.
        metrics: metric -> mean over the validation pictures.
    """

    arm: str
    seed: int
    status: str
    steps: int
    minutes: float
    metrics: dict[str, float | None]

    def to_json(self) -> dict[str, Any]:
        """Give plain JSON values."""
        return asdict(self)


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
    """Run a study, or go on with one, and write its report.

    Args:
        recipe: a TOML file, the name of a recipe that comes with tinct, or one that was read.
        data: a dataset that `tinct prepare` made, or a folder of photographs, prepared into the study's folder.
        out: the study's folder; see `tinct.study.folder`.
        budget: `full`: as the recipe says; `small`: ends within 30 minutes on two cores; or one of one's own.
        seeds: how many seeds, instead of the recipe's.
        arms: only these arms; all without it.
        encoder_weights: file of the pretrained encoder, for networks that have one.
        from_scratch: start such encoders from nothing instead.
        backbone: weights of VGG-16 or SqueezeNet 1.1, for the metrics of `tinct.study.backbone`; of a study that was
            measured without, or with another, all is measured again, and nothing trained. A study that goes on without
            it keeps what it has of them.
        told: called for each arm and seed that is finished.
        progress: called with (what, done, total).

    Returns:
        The report.

    Raises:
        SettingError: the recipe makes no sense, or `out` holds something else.
        DataError: the dataset cannot be used, or a picture is in training and in validation.
        ModelError: the backbone or the encoder weights cannot be used.
    """
    if isinstance(budget, str) and budget not in BUDGETS:
        raise SettingError(f"no budget '{budget}'; there are: {', '.join(BUDGETS)}")
    chosen_budget = BUDGETS[budget] if isinstance(budget, str) else budget
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    if arms:
        chosen = chosen.only(tuple(arms))
    if encoder_weights is not None and not Path(encoder_weights).is_file():
        raise SettingError(f"{encoder_weights}: no such file of encoder weights; check the path")
    judge = Judge(backbone) if backbone is not None else None
    folder = Path(out)
    show = progress or (lambda what, done, total: None)
    check_folder(folder, chosen)
    check_trainings(
        chosen, encoder_weights=str(encoder_weights) if encoder_weights else None, from_scratch=from_scratch
    )
    make_folder(folder)
    with locked(folder / ".lock", target=folder):
        dataset = find_dataset(Path(data), folder, show)
        splits = {split: find_pictures(dataset, split=split) for split in ("train", "val") if has_split(dataset, split)}
        if not all(splits.get(split) for split in ("train", "val")):
            if dataset.parent == folder:
                raise DataError(f"{data}: has too few photographs to train on some and validate on others; add some")
            raise DataError(f"{dataset}: has no pictures to validate on; prepare it with  --val 0.2")
        given = {
            "encoder_weights": str(Path(encoder_weights).resolve()) if encoder_weights is not None else None,
            "from_scratch": from_scratch,
        }
        study = begin_study(chosen, chosen_budget, seeds, dataset, splits, folder, given, show)
        _note_backbone(study, judge, done=False)
        yardstick = _yardstick(study, dataset, judge, show)
        for seed in study.seeds:
            for arm in study.arms:
                row = _run_arm(study, yardstick, arm, seed, show)
                if told:
                    told(row)
        _note_backbone(study, judge, done=True)
        study.record["finished"] = now()
        study.save()
        shutil.rmtree(folder / "cache", ignore_errors=True)
        from tinct.study.report.write import write_report

        return write_report(folder, progress=lambda done, total: show("writing the report", done, total))


def _yardstick(study: Study, dataset: Path, judge: Judge | None, show: Progress) -> Yardstick:
    """Give what all arms are measured on, and measure the baselines on it."""
    record = study.record
    file = study.path / BINS_FILE
    pictures = {
        "val": find_pictures(dataset, split="val", limit=record["pictures"]),
        "train": study.train_pictures(dataset, limit=record["train_pictures"]),
    }
    if not file.is_file():
        bins, _ = learn_bins(
            dataset, limit=_BINS_FROM, progress=lambda done, total: show("counting colours", done, total)
        )
        write_json(file, {"bins": bins.to_card()})
    yardstick = Yardstick(pictures, study.bins(), record["by"], judge)
    settings = study.measured_on()
    if not all(_baseline_done(study, name, settings, judge) for name in BASELINES):
        write_json(file, {"bins": yardstick.bins.to_card(), "truth": yardstick.truth()})
        learned = find_pictures(dataset, split="train", limit=_MEAN_OF)
        for found in yardstick.baselines(
            learned, progress=lambda done, total: show("measuring the baselines", done, total)
        ):
            replace(found, settings=settings).save(study.baseline(found.name))
    return yardstick


def _baseline_done(study: Study, name: str, settings: dict[str, Any], judge: Judge | None) -> bool:
    folder = study.baseline(name)
    if not (folder / EVALUATION_FILE).is_file():
        return False
    return Measured.load(folder).settings == settings and _judged(folder, judge)


def _note_backbone(study: Study, judge: Judge | None, *, done: bool) -> None:
    """Note what measures the backbone's metrics once it has measured everything, and until then nothing."""
    before = study.record.get("backbone")
    if judge is None or (before and before["sha256"] == judge.sha256):
        return
    study.record["backbone"] = judge.describe() if done else None
    study.save()


def _judged(folder: Path, judge: Judge | None) -> bool:
    """Whether what was measured has all that is asked of it: the backbone's figures, where there is one."""
    by = read_json(folder / EVALUATION_FILE).get("backbone") or {}
    return judge is None or by.get("sha256") == judge.sha256


def _run_arm(study: Study, yardstick: Yardstick, arm: Arm, seed: int, show: Progress) -> ArmRow:
    """Train, export and measure one arm with one seed, as far as that is not done."""
    status = "kept"
    if arm.of is None and not (study.run(arm, seed) / TRAINED_FILE).is_file():
        status = "done"
        _train(study, arm, seed, show)
    measured = study.evaluated(arm, seed) and _judged(study.folder(arm, seed), yardstick.judge)
    if not measured or not study.model(arm, seed).is_file():
        status = "done"
        _evaluate(study, yardstick, arm, seed, show)
    if seed == study.seeds[0]:  # with another seed it would cost the same
        _weigh(study, arm, seed)
    trained = read_json(study.run(arm, seed) / TRAINED_FILE)
    metrics = read_json(study.folder(arm, seed) / EVALUATION_FILE)["metrics"]["val"]
    return ArmRow(arm.name, seed, status, trained["steps"], trained["minutes"], metrics)


def _train(study: Study, arm: Arm, seed: int, show: Progress) -> None:
    from tinct.learn.train import train

    training = study.training(arm, seed)
    run = study.run(arm, seed)
    begun = (run / "config.json").is_file()
    if begun:
        check_same(run, training)
    run.mkdir(parents=True, exist_ok=True)
    meter = Meter(run / "seconds.json", lambda done, total: show(f"training {arm.name}, seed {seed}", done, total))
    started = time.perf_counter()
    train(training, run, resume=begun, cache=study.path / "cache", progress=lambda: meter)
    curve = study.curve(arm, seed)
    write_json(
        run / TRAINED_FILE,
        {
            "minutes": meter.seconds(since=started) / 60,
            "steps": int(curve["step"][-1]),
            "epochs": len(curve["step"]),
        },
    )


def _evaluate(study: Study, yardstick: Yardstick, arm: Arm, seed: int, show: Progress) -> None:
    from tinct.learn.export import export

    what = f"measuring {arm.name}, seed {seed}"
    show(what, 0, 1)
    model = study.model(arm, seed)
    size = study.working_size(arm, seed)
    made = {"checkpoint": arm.evaluation.get("checkpoint", "last"), "unweigh": arm.evaluation.get("unweigh", 0.0)}
    note = model.with_name(EXPORTED_FILE)
    # A model of other settings, which the recipe had before, must not be measured under their new name.
    if not all(file.is_file() for file in (model, model.with_suffix(".safetensors"), note)) or read_json(note) != made:
        note.unlink(missing_ok=True)
        export(
            study.run(arm, seed),
            model,
            name=f"{study.record['name']}-{arm.folder}-{seed}",
            working_size=size,
            overwrite=True,
            **made,
        )
        write_json(note, made)
    method = Method(arm.name, picture_maker(open_colorizer(study, arm, seed), arm))
    found = yardstick.measure(
        method,
        seed=seed,
        settings=study.evaluation_settings(arm, seed),
        progress=lambda done, total: show(what, done, total),
    )
    found.save(study.folder(arm, seed))


def _weigh(study: Study, arm: Arm, seed: int) -> None:
    """Measure what an arm costs, where the report shows it."""
    run, model = study.run(arm, seed), study.model(arm, seed)
    if arm.of is None and "cost" in study.record["plots"] and not (run / COST_FILE).is_file():
        write_json(run / COST_FILE, cost_of(run, model, size=study.working_size(arm, seed)))


def bins_of_run(run: Path) -> ColorBins | None:
    """Give the bins that a training learned; None for one without."""
    card = json.loads((run / "config.json").read_text(encoding="utf-8"))["bins"]
    return ColorBins.from_card(card) if card else None

"""Run a study: every arm trained with every seed, written as a model and measured on the same pictures.

Run again after an interruption, even a killed one, it goes on: finished arms are not touched, and a training goes on
from its last finished epoch.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tinct.color.bins import ColorBins
from tinct.errors import DataError, SettingError
from tinct.media.files import locked
from tinct.study.bins import learn_bins
from tinct.study.cost import cost_of, machine, versions
from tinct.study.duplicates import find_leaks
from tinct.study.evaluate import Method
from tinct.study.folder import (
    BASELINES,
    BINS_FILE,
    COST_FILE,
    EXPORTED_FILE,
    FORMAT,
    STUDY_FILE,
    TRAINED_FILE,
    Study,
    check_same,
    read_json,
    write_json,
)
from tinct.study.making import open_colorizer, picture_maker
from tinct.study.measured import EVALUATION_FILE, Measured, Yardstick
from tinct.study.pictures import DATASET_FILE, Picture, find_pictures, find_splits, has_split, is_dataset
from tinct.study.plan import BUDGETS, Budget, Plan, make_plan
from tinct.study.probe import Meter, seconds_of_step
from tinct.study.recipe import Arm, Recipe, read_recipe

Progress = Callable[[str, int, int], None]
# The study's own bins, in which every arm's colours are counted, are learned from so many pictures.
_BINS_FROM = 500
# A plain folder is prepared with so many of its photographs kept for validation.
_VAL = 0.2
_NAMED = 3  # leaking pictures that a message names


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
        told: called for each arm and seed that is finished.
        progress: called with (what, done, total).

    Returns:
        The report.

    Raises:
        SettingError: the recipe makes no sense, or `out` holds something else.
        DataError: the dataset cannot be used, or a picture is in training and in validation.
    """
    if isinstance(budget, str) and budget not in BUDGETS:
        raise SettingError(f"no budget '{budget}'; there are: {', '.join(BUDGETS)}")
    chosen_budget = BUDGETS[budget] if isinstance(budget, str) else budget
    chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe)
    if arms:
        chosen = chosen.only(tuple(arms))
    if encoder_weights is not None and not Path(encoder_weights).is_file():
        raise SettingError(f"{encoder_weights}: no such file of encoder weights; check the path")
    folder = Path(out)
    show = progress or (lambda what, done, total: None)
    _check_folder(folder, chosen)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / ".lock", target=folder):
        dataset = _dataset(Path(data), folder, show)
        splits = {split: find_pictures(dataset, split=split) for split in ("train", "val") if has_split(dataset, split)}
        if not all(splits.get(split) for split in ("train", "val")):
            raise DataError(f"{dataset}: has no pictures to validate on; prepare it with  --val 0.2")
        given = {
            "encoder_weights": str(Path(encoder_weights).resolve()) if encoder_weights is not None else None,
            "from_scratch": from_scratch,
        }
        study = _begun(chosen, chosen_budget, seeds, dataset, splits, folder, given, show)
        yardstick = _yardstick(study, dataset, show)
        for seed in study.seeds:
            for arm in study.arms:
                row = _run_arm(study, yardstick, arm, seed, show)
                if told:
                    told(row)
        study.record["finished"] = _now()
        study.save()
        shutil.rmtree(folder / "cache", ignore_errors=True)
        from tinct.study.report import write_report

        return write_report(folder, progress=lambda done, total: show("writing the report", done, total))


def _check_folder(folder: Path, recipe: Recipe) -> None:
    """Refuse a folder that holds something else, or another recipe's study."""
    if folder.exists() and not folder.is_dir():
        raise SettingError(f"{folder}: is a file; name a folder with --out")
    if (folder / STUDY_FILE).is_file():
        begun = Study.open(folder).record
        if begun["name"] != recipe.name:
            raise SettingError(f"{folder}: holds a study of the recipe '{begun['name']}'; give another --out")
    elif folder.is_dir() and any(path.name not in (".lock", "dataset", "cache") for path in folder.iterdir()):
        raise SettingError(f"{folder}: is not empty and holds no study; name a new folder with --out")


def _dataset(data: Path, folder: Path, show: Progress) -> Path:
    """Give the prepared dataset; a plain folder is prepared into the study's."""
    if is_dataset(data):
        return data
    if len(find_splits(data)) > 1:
        raise DataError(
            f"{data}: has folders for training and validation of its own, which a study cannot follow; give one folder "
            "of all photographs, which it splits by itself, or a dataset of  tinct prepare"
        )
    from tinct.learn.prepare import prepare, prepared_from

    target = folder / "dataset"
    if is_dataset(target):
        if (places := prepared_from(target)) != [str(data.resolve())]:
            raise SettingError(f"{folder}: was begun on the photographs of {', '.join(places)}; give another --out")
    else:
        prepare([data], target, val=_VAL, progress=lambda done, total: show(f"preparing {data}", done, total))
    return target


def _begun(
    recipe: Recipe,
    budget: Budget,
    seeds: int | None,
    dataset: Path,
    splits: dict[str, list[Picture]],
    folder: Path,
    given: dict[str, Any],
    show: Progress,
) -> Study:
    """Begin a study, or open the one that was begun: then its plan stays as it was made."""
    digest = hashlib.sha256((dataset / DATASET_FILE).read_bytes()).hexdigest()
    asked = {
        "recipe": hashlib.sha256(recipe.text.encode()).hexdigest(),
        "budget": asdict(budget),
        "seeds": seeds,
        "arms": [arm.name for arm in recipe.arms],
        "data": digest,
        **given,
    }
    before = Study.open(folder).record if (folder / STUDY_FILE).is_file() else None
    if before is not None and before["asked"] == asked:
        return Study(folder, before)
    if before is not None and before["data"]["digest"] != digest:
        raise SettingError(f"{folder}: was begun on another dataset ({before['data']['place']}); give another --out")
    if before is None:
        _refuse_leaks(dataset, splits, show)
    plan = make_plan(
        recipe,
        data=str(dataset.resolve()),
        train=splits["train"],
        val=splits["val"],
        budget=budget,
        seeds=seeds,
        encoder_weights=given["encoder_weights"],
        from_scratch=given["from_scratch"],
        seconds_of_step=seconds_of_step,
    )
    _check_begun(plan, recipe, folder)
    study = Study(folder, _record(recipe, plan, budget, dataset, digest, splits, asked, before, folder))
    (folder / "recipe.toml").write_text(recipe.text, encoding="utf-8")
    study.save()
    return study


def _record(
    recipe: Recipe,
    plan: Plan,
    budget: Budget,
    dataset: Path,
    digest: str,
    splits: dict[str, list[Picture]],
    asked: dict[str, Any],
    before: dict[str, Any] | None,
    folder: Path,
) -> dict[str, Any]:
    trainings: dict[str, dict[str, Any]] = {}
    for (arm, seed), training in plan.trainings.items():
        trainings.setdefault(arm, {})[str(seed)] = training.to_json()
    kept = ("name", "title", "question", "paper", "reference", "axis", "plots", "by", "text")
    return {
        "format": FORMAT,
        **{key: getattr(recipe, key) for key in kept},
        "budget": budget.name,
        "notes": plan.notes,
        "seeds": list(plan.seeds),
        "pictures": plan.pictures,
        "train_pictures": plan.train_pictures,
        "data": {
            "place": str(dataset),
            "name": dataset.resolve().name if dataset.parent != folder else f"{folder.name}/dataset",
            "digest": digest,
            **{split: len(pictures) for split, pictures in splits.items()},
        },
        "arms": [asdict(arm) for arm in recipe.arms],
        "trainings": trainings,
        "versions": versions(),
        "machine": machine(),
        "begun": before["begun"] if before else _now(),
        "finished": None,
        "asked": asked,
    }


def _check_begun(plan: Plan, recipe: Recipe, folder: Path) -> None:
    """Refuse, before anything is written, to go on with trainings that were begun with other settings."""
    for (name, seed), training in plan.trainings.items():
        run = folder / "arms" / recipe.arm(name).folder / f"seed-{seed}"
        if (run / "config.json").is_file():
            check_same(run, training)


def _refuse_leaks(dataset: Path, splits: dict[str, list[Picture]], show: Progress) -> None:
    leaks = find_leaks(splits, progress=lambda done, total: show("looking for leaks", done, total))
    if not leaks:
        return
    named = "; ".join(f"{leak.second} is {leak.first} ({leak.kind})" for leak in leaks[:_NAMED])
    raise DataError(
        f"{dataset}: {len(leaks)} validation picture{'s are' if len(leaks) > 1 else ' is'} in training too, so no arm "
        f"could be told from one that learned by heart: {named}{' ...' if len(leaks) > _NAMED else ''}; prepare the "
        f"dataset again with  tinct prepare , which leaves duplicates out ( tinct data {dataset}  lists them)"
    )


def _yardstick(study: Study, dataset: Path, show: Progress) -> Yardstick:
    """Give what all arms are measured on, and measure the baselines on it."""
    record = study.record
    file = study.path / BINS_FILE
    limits = {"val": record["pictures"], "train": record["train_pictures"]}
    pictures = {
        split: find_pictures(dataset, split=split, limit=limit) if limit != 0 else [] for split, limit in limits.items()
    }
    if not file.is_file():
        bins, _ = learn_bins(
            dataset, limit=_BINS_FROM, progress=lambda done, total: show("counting colours", done, total)
        )
        write_json(file, {"bins": bins.to_card()})
    yardstick = Yardstick(pictures, study.bins(), record["by"])
    settings = {key: record[key] for key in ("pictures", "train_pictures", "by")}
    if not all(_baseline_done(study, name, settings) for name in BASELINES):
        write_json(file, {"bins": yardstick.bins.to_card(), "truth": yardstick.truth()})
        for found in yardstick.baselines(progress=lambda done, total: show("measuring the baselines", done, total)):
            replace(found, settings=settings).save(study.baseline(found.name))
    return yardstick


def _baseline_done(study: Study, name: str, settings: dict[str, Any]) -> bool:
    folder = study.baseline(name)
    return (folder / EVALUATION_FILE).is_file() and Measured.load(folder).settings == settings


def _run_arm(study: Study, yardstick: Yardstick, arm: Arm, seed: int, show: Progress) -> ArmRow:
    """Train, export and measure one arm with one seed, as far as that is not done."""
    status = "kept"
    if arm.of is None and not (study.run(arm, seed) / TRAINED_FILE).is_file():
        status = "done"
        _train(study, arm, seed, show)
    if not study.evaluated(arm, seed) or not study.model(arm, seed).is_file():
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


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")

"""Begin a study: check its folder, prepare its dataset, make its plan, and refuse what makes no sense."""

from __future__ import annotations

import datetime
import hashlib
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import structs

from tinct.data.duplicates import find_leaks
from tinct.data.pictures import Picture, find_pictures, find_splits, has_split, is_dataset
from tinct.data.prepare import prepare, prepared_from
from tinct.data.shards import DATASET_FILE
from tinct.data.source import open_source, select
from tinct.errors import DataError, SettingError
from tinct.files import written_beside
from tinct.learn.run import Run
from tinct.learn.settings import Training
from tinct.study.cost import machine, versions
from tinct.study.folder import FORMAT, STUDY_FILE, Asked, Dataset, Record, Study
from tinct.study.plan import Choices, Plan, make_plan
from tinct.study.recipe import Recipe

Progress = Callable[[str, int, int], None]  # called with (what, done, total)
_VAL = 0.2  # share of a plain folder's photographs that is kept for validation
_NAMED = 3  # leaking pictures that a message names
# If all arms learn from at least this many common training pictures, these are measured, even if the recipe wants more.
_ENOUGH = 20


def check_folder(folder: Path, recipe: Recipe) -> None:
    """Check that a folder is empty, or holds a study of the same recipe.

    Raises:
        SettingError: it does not.
    """
    if folder.exists() and not folder.is_dir():
        raise SettingError(f"{folder}: is a file; name a folder with --out")
    if (folder / STUDY_FILE).is_file():
        begun = Study.open(folder).record
        if begun.name != recipe.name:
            raise SettingError(f"{folder}: holds a study of the recipe '{begun.name}'; give another --out")
    elif folder.is_dir() and any(path.name not in (".lock", "dataset", "cache") for path in folder.iterdir()):
        raise SettingError(f"{folder}: is not empty and holds no study; give a new folder with --out")


def find_dataset(data: Path, folder: Path, show: Progress) -> Path:
    """Return the prepared dataset; a plain folder is prepared into the study's folder.

    Raises:
        DataError: there are no pictures to train on or to validate on, or a plain folder has splits of its own.
        SettingError: the study was begun on another folder.
    """
    dataset = data if is_dataset(data) else _prepared(data, folder, show)
    if not all(has_split(dataset, split) for split in ("train", "val")):
        if dataset != data:
            raise DataError(f"{data}: has too few photographs to train on some and validate on others; add some")
        raise DataError(f"{dataset}: has no pictures to validate on; prepare it with  --val 0.2")
    return dataset


def _prepared(data: Path, folder: Path, show: Progress) -> Path:
    if len(find_splits(data)) > 1:
        raise DataError(
            f"{data}: has its own folders for training and validation, which a study cannot use; give one folder of "
            "all photographs, which the study splits itself, or a dataset of  tinct prepare"
        )
    target = folder / "dataset"
    if is_dataset(target) and (folder / STUDY_FILE).is_file():
        if (places := prepared_from(target)) != [str(data.resolve())]:
            raise SettingError(f"{folder}: was begun on the photographs of {', '.join(places)}; give another --out")
    else:
        prepare([data], target, val=_VAL, progress=partial(show, f"preparing {data}"))
    return target


def begin_study(
    recipe: Recipe,
    dataset: Path,
    folder: Path,
    choices: Choices,
    *,
    show: Progress = lambda what, done, total: None,
) -> Study:
    """Begin a study, or open one that was begun with the same choices and keep its plan.

    Raises:
        SettingError: the folder holds another study, or a training makes no sense.
        DataError: a picture is both in training and in validation.
    """
    asked = Asked(
        **structs.asdict(choices),
        recipe=hashlib.sha256(recipe.text.encode()).hexdigest(),
        arms=[arm.name for arm in recipe.arms],
        data=hashlib.sha256((dataset / DATASET_FILE).read_bytes()).hexdigest(),
    )
    before = Study.open(folder).record if (folder / STUDY_FILE).is_file() else None
    if before is not None and before.asked.settled == asked.settled:
        return Study(folder, before)
    if before is not None and before.data.digest != asked.data:
        raise SettingError(f"{folder}: was begun on another dataset ({before.data.place}); give another --out")
    splits = {split: find_pictures(dataset, split=split) for split in ("train", "val")}
    if before is None:
        _refuse_leaks(dataset, folder, splits, show)
    plan = make_plan(recipe, choices, data=str(dataset.resolve()), **splits)
    for (name, seed), training in plan.trainings.items():  # before anything is written
        run = folder / "arms" / recipe.arm(name).folder / f"seed-{seed}"
        if (run / "config.json").is_file():
            check_same(run, training)
    name = dataset.resolve().name if dataset.parent != folder else f"{folder.name}/dataset"
    data = Dataset(str(dataset), name, asked.data, len(splits["train"]), len(splits["val"]))
    study = Study(folder, _record(recipe, plan, asked, data, splits["train"], before))
    with written_beside(folder / "recipe.toml") as beside:
        beside.write_text(recipe.text, encoding="utf-8")
    study.save()
    return study


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


def _record(
    recipe: Recipe, plan: Plan, asked: Asked, data: Dataset, train: Sequence[Picture], before: Record | None
) -> Record:
    trainings: dict[str, dict[int, Training]] = {}
    for (arm, seed), training in plan.trainings.items():
        trainings.setdefault(arm, {})[seed] = training
    planned: dict[str, Any] = {"seeds": plan.seeds, "pictures": plan.pictures, "train_pictures": plan.train_pictures}
    return Record(
        **{**structs.asdict(recipe), **planned},
        format=FORMAT,
        budget=asked.budget.name,
        notes=plan.notes,
        train_keys=seen_by_all(list(plan.trainings.values()), Path(data.place), train, count=plan.train_pictures),
        data=data,
        trainings=trainings,
        versions=versions(),
        machine=machine(),
        begun=before.begun if before else now(),
        backbone=before.backbone if before else None,
        asked=asked,
    )


def seen_by_all(
    trainings: Collection[Training], dataset: Path, train: Sequence[Picture], *, count: int
) -> list[str] | None:
    """Draw the names of `count` training pictures to measure on from those that every training learns from.

    `train` are the dataset's training pictures, in its order. If every training learns from all pictures, or if too few
    are common to all trainings, the answer is None: they are then drawn from the whole training split.
    """
    parts = {
        (training.subset, training.categories, training.seed)
        for training in trainings
        if training.subset < 1 or training.categories
    }
    if not parts or not count:
        return None
    source = open_source(dataset, split="train")
    kept = [True] * len(train)
    for subset, categories, seed in sorted(parts):
        draws = select(source, subset=subset, categories=categories, seed=seed).draws or kept
        kept = [before and bool(share) for before, share in zip(kept, draws, strict=True)]
    names = [picture.name for picture, keep in zip(train, kept, strict=True) if keep]
    if len(names) < min(count, _ENOUGH):
        return None
    return names if len(names) <= count else sorted(random.Random(0).sample(names, count))


def _refuse_leaks(dataset: Path, folder: Path, splits: dict[str, list[Picture]], show: Progress) -> None:
    leaks = find_leaks(splits, progress=partial(show, "looking for leaks"))
    if not leaks:
        return
    remedy = (
        "prepare it again into a new folder with  tinct prepare , which leaves duplicates out, mirrored ones too"
        if dataset.parent != folder
        else f"take one photograph of each pair out of the folder, and give an --out other than {folder}"
    ) + f" ( tinct data {dataset}  lists them)"
    named = "; ".join(f"{leak.second} is {leak.first} ({leak.kind})" for leak in leaks[:_NAMED])
    raise DataError(
        f"{dataset}: {len(leaks)} validation picture{'s are' if len(leaks) > 1 else ' is'} in training too, so that an "
        f"arm that learns by heart would look good: {named}{' ...' if len(leaks) > _NAMED else ''}; {remedy}"
    )


def now() -> str:
    """Return the current time, in UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")

"""Turn a recipe into trainings with all their settings, reduced to fit a budget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from msgspec import Struct

from tinct.data.pictures import Picture
from tinct.errors import SettingError
from tinct.learn.averaging import FEWEST_MEASURED
from tinct.learn.networks.layers import has_norms
from tinct.learn.networks.registry import build
from tinct.learn.networks.transfer import TransferNetwork
from tinct.learn.settings import Training
from tinct.study.recipe import Arm, Recipe

POINTS = 20  # a training whose length is given in steps is validated this many times, at most
NOTING = 0.2  # validations may cost this share of a training's steps
_VALIDATED = 0.35  # a photograph that is only looked at costs this share of a training photograph
# The end of an epoch costs this many steps beside the validation: a sheet, two checkpoints, and restarting the readers.
_EPOCHS_END = 2.0
_ENDLESS = 10_000  # epochs of a training whose length is given in minutes, which end it first


@dataclass(frozen=True)
class Budget:
    """How far a study is reduced; None leaves a value as in the recipe.

    Attributes:
        name: `full`, `small`, or another.
        minutes: for the whole study; half of them are for training, and each training stops after its share.
        steps: of the longest training, at most; the others are shortened by the same factor.
        shared_steps: of all trainings together, at most, counted in steps of the network `tinct`; each training gets
            the same number.
        points: validations of a training, at most.
        crop: edge of the training squares in pixels, at most.
        batch_size: photographs a step, at most.
        bins_from: photographs that bins are learned from, at most.
        seeds: number of seeds, at most.
        pictures: validation pictures to measure on, at most.
        train_pictures: training pictures to measure on, at most.
        workers: processes that read photographs.
    """

    name: str = "full"
    minutes: float | None = None
    steps: int | None = None
    shared_steps: int | None = None
    points: int | None = None
    crop: int | None = None
    batch_size: int | None = None
    bins_from: int | None = None
    seeds: int | None = None
    pictures: int | None = None
    train_pictures: int | None = None
    workers: int | None = None


# `small` ends within 30 minutes on two idle cores.
BUDGETS = {
    "full": Budget(),
    "small": Budget(
        "small",
        minutes=30,
        shared_steps=2000,
        points=8,
        crop=96,
        batch_size=16,
        bins_from=1000,
        seeds=2,
        pictures=80,
        train_pictures=40,
    ),
}
# About how long a step takes relative to a step of `tinct`, on squares of 96 pixels; other networks count as 1.
STEP_COST = {"flat": 0.25, "bottleneck": 0.4, "colorunet": 0.8, "squeezenet1_1": 0.4, "vgg16": 5.0}
# With fewer minutes for each training, a study keeps to one seed, since each training is also exported and measured.
_MINUTES_A_TRAINING = 1.5


class Choices(Struct, frozen=True, kw_only=True):
    """What a person chooses in addition to the recipe.

    Attributes:
        budget: how far the study is reduced.
        seeds: number of seeds, in place of the recipe's.
        encoder_weights: file of the pretrained encoder, for networks that have one.
        from_scratch: start such encoders from random weights instead.
    """

    budget: Budget = BUDGETS["full"]
    seeds: int | None = None
    encoder_weights: str | None = None
    from_scratch: bool = False

    @classmethod
    def of(
        cls, *, budget: str | Budget, seeds: int | None, encoder_weights: str | Path | None, from_scratch: bool
    ) -> Choices:
        """Check what was chosen.

        Raises:
            SettingError: there is no such budget or file, or the number of seeds is below 1.
        """
        if isinstance(budget, str):
            if budget not in BUDGETS:
                raise SettingError(f"no budget '{budget}'; there are: {', '.join(BUDGETS)}")
            budget = BUDGETS[budget]
        if seeds is not None and seeds < 1:
            raise SettingError(f"at least 1 seed is needed, not {seeds}")
        weights = None if encoder_weights is None else Path(encoder_weights).resolve()
        if weights is not None and not weights.is_file():
            raise SettingError(f"{encoder_weights}: no such file of encoder weights; check the path")
        file = None if weights is None else str(weights)
        return cls(budget=budget, seeds=seeds, encoder_weights=file, from_scratch=from_scratch)


@dataclass(frozen=True)
class Plan:
    """The trainings of a study, and how many pictures they are measured on.

    Attributes:
        trainings: (arm, seed) -> its training; none for arms that use another's.
        seeds: of the trainings.
        pictures: validation pictures to measure on, at most.
        train_pictures: training pictures to measure on.
        notes: what was reduced to fit the budget, in words.
    """

    trainings: dict[tuple[str, int], Training]
    seeds: tuple[int, ...]
    pictures: int | None
    train_pictures: int
    notes: list[str] = field(default_factory=list)


def make_plan(recipe: Recipe, choices: Choices, *, data: str, train: Sequence[Picture], val: Sequence[Picture]) -> Plan:
    """Return all trainings of a study, on a prepared dataset with these pictures to train and to validate on.

    Raises:
        SettingError: a training makes no sense; the arm is named.
    """
    trained = [arm for arm in recipe.arms if arm.of is None]
    budget = choices.budget
    seeds, notes = _seeds(recipe, choices, trainings=len(trained))
    whole: dict[str, Training] = {}
    for arm in trained:
        with _named(recipe, arm.name):
            whole[arm.name] = _training(arm, choices, data=data, train=train)
            whole[arm.name].check()
    cut = _cut(whole, budget, train, val, seeds=len(seeds))
    for arm in trained:
        if cut[arm.name].epoch_steps is not None and "epochs" not in arm.settings:
            cut[arm.name] = _spaced(cut[arm.name], len(val))
    notes += _differences(whole, cut, train)
    cut = {arm.name: cut[arm.name] if "average" in arm.settings else _averaged(cut[arm.name], train) for arm in trained}
    pictures = _least(recipe.pictures, budget.pictures)
    if recipe.pictures != pictures and pictures is not None and pictures < len(val):
        notes.append(f"measured on {pictures} validation pictures drawn at random, not on all {len(val)}")
    trainings = {(arm.name, seed): replace(cut[arm.name], seed=seed) for seed in seeds for arm in trained}
    for (name, _), training in trainings.items():
        with _named(recipe, name):
            training.check()
    _check_making(recipe, whole)
    return Plan(trainings, seeds, pictures, _least(recipe.train_pictures, budget.train_pictures) or 0, notes)


def check_trainings(recipe: Recipe, choices: Choices) -> None:
    """Check the settings of all trainings, as far as that is possible without the photographs.

    Raises:
        SettingError: a setting makes no sense; recipe and arm are named.
    """
    for arm in recipe.arms:
        if arm.of is None:
            plain = replace(arm, settings={key: value for key, value in arm.settings.items() if key != "categories"})
            with _named(recipe, arm.name):
                _training(plain, choices, data="", train=()).check()


def _check_making(recipe: Recipe, trainings: dict[str, Training]) -> None:
    for arm in recipe.arms:
        task = trainings[arm.of or arm.name].task
        given = arm.evaluation.given()
        if given.get("drawn") and task != "rgb":
            raise SettingError(
                f"{recipe.name}, arm '{arm.name}': drawn = true needs a network that outputs the whole picture, but "
                f'this one gives {task}; leave drawn out, or train with task = "rgb"'
            )
        if arm.of is not None and task != "bins" and {"temperature", "caution", "unweigh", "seeded"} & set(given):
            raise SettingError(
                f"{recipe.name}, arm '{arm.name}': '{arm.of}' gives colours itself, without bins, so temperature, "
                f"caution, unweigh and seeded have no effect; leave the arm out, or train '{arm.of}' with "
                'task = "bins"'
            )


def _seeds(recipe: Recipe, choices: Choices, *, trainings: int) -> tuple[tuple[int, ...], list[str]]:
    """Return the seeds, and a note if they are fewer than asked for."""
    seeds = recipe.seeds if choices.seeds is None else tuple(range(choices.seeds))
    budget = choices.budget
    most = budget.seeds or len(seeds)
    if budget.minutes is not None and most * trainings * _MINUTES_A_TRAINING > budget.minutes:
        most = 1
    if len(seeds) <= most:
        return seeds, []
    return seeds[:most], [f"{most} instead of {len(seeds)} seeds"]


@contextmanager
def _named(recipe: Recipe, arm: str) -> Iterator[None]:
    """Add recipe and arm to errors about a training."""
    try:
        yield
    except SettingError as error:
        raise SettingError(f"{recipe.name}, arm '{arm}': {error}") from error


def _training(arm: Arm, choices: Choices, *, data: str, train: Sequence[Picture]) -> Training:
    settings = dict(arm.settings)
    if settings.pop("augment", True) is False:
        settings["augmentation"] = "none"
    if isinstance(settings.get("categories"), int):
        settings["categories"] = _largest_categories(train, settings["categories"])
    present = {picture.category for picture in train}
    if missing := [name for name in settings.get("categories", ()) if name not in present]:
        raise SettingError(f"the dataset has no category '{missing[0]}'; there are: {', '.join(sorted(present))}")
    if (steps := settings.pop("steps", None)) is not None:
        settings["epochs"], settings["epoch_steps"] = _divided(steps, POINTS)
    elif "minutes" in settings and "epochs" not in settings:
        settings["epochs"] = _ENDLESS
    training = Training(data=data).changed(settings)
    if not isinstance(build(training.network, outputs=2, options=training.options), TransferNetwork):
        return training
    needed = training.encoder_weights == "required"
    if needed and choices.encoder_weights is None:
        raise SettingError(
            f"needs pretrained weights for '{training.network}'; give them with "
            f"--encoder-weights FILE, or choose other arms with --arms"
        )
    if (needed or training.encoder_weights is None) and not training.from_scratch:
        if choices.encoder_weights is not None:
            return replace(training, encoder_weights=choices.encoder_weights)
        if choices.from_scratch:
            return replace(training, from_scratch=True, options={**training.options, "frozen": False})
    return training


def _largest_categories(pictures: Sequence[Picture], count: int) -> tuple[str, ...]:
    sizes: dict[str, int] = {}
    for picture in pictures:
        sizes[picture.category] = sizes.get(picture.category, 0) + 1
    if not 1 <= count <= len(sizes):
        raise SettingError(
            f"asks for {count} categories, but the dataset has {len(sizes)} ({', '.join(sorted(sizes))}); "
            "sort photographs into a subfolder for each category, or leave out that arm with --arms"
        )
    return tuple(sorted(sizes, key=lambda name: (-sizes[name], name))[:count])


def _steps(training: Training, train: Sequence[Picture]) -> int:
    """Return the steps of a training on its share of the pictures; too many if its length is given in minutes."""
    kept = sum(1 for picture in train if not training.categories or picture.category in training.categories)
    return training.epochs * training.steps_of_epoch(max(1, round(kept * training.subset)))


def _cut(
    whole: dict[str, Training], budget: Budget, train: Sequence[Picture], val: Sequence[Picture], *, seeds: int
) -> dict[str, Training]:
    """Return trainings (arm -> training) that fit the budget, all shortened by the same factor."""
    totals = {name: _steps(training, train) for name, training in whole.items()}
    longest = max((totals[name] for name, training in whole.items() if training.epochs != _ENDLESS), default=1)
    most = budget.steps
    if budget.shared_steps is not None:
        cost = seeds * sum(STEP_COST.get(training.network, 1.0) for training in whole.values())
        most = _least(most, max(1, int(budget.shared_steps / cost)))
    minutes = None if budget.minutes is None else round(0.5 * budget.minutes / (seeds * len(whole)), 2)
    cut = {}
    for name, training in whole.items():
        fitted = _fitted(training, budget)
        steps = totals[name] if most is None else max(1, round(most * min(1.0, totals[name] / max(longest, most))))
        points = _least(training.epochs, budget.points) or training.epochs
        if training.epochs == _ENDLESS:
            if budget.steps is None:  # its minutes end it
                limits = [limit for limit in (training.minutes, minutes) if limit is not None]
                cut[name] = replace(fitted, minutes=min(limits, default=None))
                continue
            fitted = replace(fitted, minutes=None)
        if minutes is not None:
            fitted = replace(fitted, minutes=training.minutes or minutes)
        cut[name] = fitted if most is None and budget.points is None else _of_steps(fitted, steps, points=points)
    return cut


def _fitted(training: Training, budget: Budget) -> Training:
    """Return a training that fits the budget in everything but its length."""
    crop = training.crop
    if budget.crop is not None and budget.crop < crop:
        multiple = build(training.network, outputs=2, options=training.options).multiple
        crop = max(multiple, budget.crop // multiple * multiple)
    return replace(
        training,
        crop=crop,
        batch_size=_least(training.batch_size, budget.batch_size) or training.batch_size,
        bins_from=_least(training.bins_from, budget.bins_from) or training.bins_from,
        workers=training.workers if budget.workers is None else budget.workers,
    )


def _of_steps(training: Training, steps: int, *, points: int) -> Training:
    epochs, epoch_steps = _divided(steps, points)
    return replace(training, epochs=epochs, epoch_steps=epoch_steps, limit=None)


def _spaced(training: Training, validated: int) -> Training:
    """Return a training with longer epochs, if their ends, each with a validation, would cost too much."""
    steps = training.epochs * (training.epoch_steps or 1)
    network = build(training.network, outputs=2, options=training.options)
    measured = FEWEST_MEASURED if training.average > 0 and has_norms(network) else 0
    cost = _EPOCHS_END + _VALIDATED * (validated / training.batch_size + measured)
    affordable = max(1, int(NOTING * steps / cost))
    return training if affordable >= training.epochs else _of_steps(training, steps, points=affordable)


def _divided(steps: int, points: int) -> tuple[int, int]:
    """Return (epochs, steps of each): `points` equal epochs, or fewer, down to half, if that drops fewer steps."""
    fewest = max(1, min(points, steps) // 2)
    epochs = min(range(fewest, max(1, min(points, steps)) + 1), key=lambda count: (steps % count, -count))
    return epochs, steps // epochs


def _averaged(training: Training, train: Sequence[Picture]) -> Training:
    """Return a training that averages its weights over a tenth of the steps at most.

    The default average reaches 500 steps back, which in a short training would give the initial weights.
    """
    if training.epochs == _ENDLESS:
        return training
    steps = _steps(training, train)
    return replace(training, average=min(training.average, round(max(0.0, 1 - 10 / steps), 5)))


def _differences(whole: dict[str, Training], cut: dict[str, Training], train: Sequence[Picture]) -> list[str]:
    """Say what the budget has changed in the trainings."""
    notes = []
    for setting, words in (
        ("crop", "squares of {} instead of {} pixels"),
        ("batch_size", "{} instead of {} photographs a step"),
        ("bins_from", "bins learned from {} instead of {} photographs"),
    ):
        pairs = {(getattr(cut[name], setting), getattr(whole[name], setting)) for name in whole}
        notes += [words.format(now, before) for now, before in sorted(pairs) if now != before]
    for name, before in whole.items():
        if before.epochs == cut[name].epochs == _ENDLESS:
            if cut[name].minutes != before.minutes:
                notes.append(f"{name}: {cut[name].minutes:g} instead of {before.minutes:g} minutes")
            continue
        steps, planned = _steps(cut[name], train), _steps(before, train)
        if steps != planned:
            length = f"{planned}" if before.minutes is None else f"{before.minutes:g} minutes of"
            notes.append(f"{name}: {steps} instead of {length} steps")
    return notes


def _least(*values: int | None) -> int | None:
    given = [value for value in values if value is not None]
    return min(given) if given else None

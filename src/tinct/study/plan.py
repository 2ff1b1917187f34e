"""From a recipe to trainings: every setting settled, and the whole cut down to the time there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tinct.data.pictures import Picture
from tinct.errors import SettingError
from tinct.learn.networks.registry import build
from tinct.learn.networks.transfer import TransferNetwork
from tinct.learn.run import Training
from tinct.study.recipe import Arm, Recipe

# A training given in steps notes its figures so many times.
POINTS = 20
# A training given in minutes has no end but its time.
_ENDLESS = 10_000
NO_AUGMENTATION: dict[str, Any] = {
    "flip": False,
    "random_crop": False,
    "noise": (),
    "contrast": 0.0,
    "brightness": 0.0,
}


@dataclass(frozen=True)
class Budget:
    """How far a study is cut down; None leaves things as the recipe has them.

    Attributes:
        name: `full`, `small`, or another.
        minutes: for the whole study; steps are cut so that it ends within them.
        steps: of the longest training, at most; the others are cut by the same factor.
        points: how often a training notes its figures, at most.
        crop: edge of the training squares in pixels, at most.
        batch_size: photographs a step, at most.
        bins_from: photographs that bins are learned from, at most.
        seeds: so many, at most.
        pictures: validation pictures to measure on, at most.
        train_pictures: training pictures to measure on, at most.
        workers: processes that read photographs.
    """

    name: str = "full"
    minutes: float | None = None
    steps: int | None = None
    points: int | None = None
    crop: int | None = None
    batch_size: int | None = None
    bins_from: int | None = None
    seeds: int | None = None
    pictures: int | None = None
    train_pictures: int | None = None
    workers: int | None = None


BUDGETS = {
    "full": Budget(),
    "small": Budget(
        "small",
        minutes=30,
        points=8,
        crop=96,
        batch_size=16,
        bins_from=1000,
        seeds=2,
        pictures=80,
        train_pictures=40,
    ),
}
# What a study costs beside its trainings, in seconds on two cores: each training's export and measuring, each picture
# measured, and the report. Measured with `--budget small` on photographs of 256 pixels, and rounded up.
_SECONDS_EACH, _SECONDS_A_PICTURE, _SECONDS_ONCE = 25.0, 0.2, 150.0
# What is kept free for a machine that has other things to do.
_SPARE = 0.75


@dataclass(frozen=True)
class Plan:
    """What a study does.

    Attributes:
        trainings: (arm, seed) -> its training; none for arms that take another's.
        seeds: of the trainings.
        pictures: validation pictures to measure on, at most.
        train_pictures: training pictures to measure on.
        notes: what was changed to keep within the budget, in words.
    """

    trainings: dict[tuple[str, int], Training]
    seeds: tuple[int, ...]
    pictures: int | None
    train_pictures: int
    notes: list[str] = field(default_factory=list)


def make_plan(
    recipe: Recipe,
    *,
    data: str,
    train: Sequence[Picture],
    val: Sequence[Picture],
    budget: Budget,
    seeds: int | None = None,
    encoder_weights: str | None = None,
    from_scratch: bool = False,
    seconds_of_step: Callable[[Training], float] | None = None,
) -> Plan:
    """Settle every training of a study.

    Args:
        recipe: what to compare.
        data: the prepared dataset.
        train: its training pictures.
        val: its validation pictures.
        budget: how far to cut it down.
        seeds: how many seeds, instead of the recipe's.
        encoder_weights: file of the pretrained encoder, for networks that have one.
        from_scratch: start such encoders from nothing instead.
        seconds_of_step: measures how long a step of a training takes; needed where the budget has minutes.

    Raises:
        SettingError: a training makes no sense; the arm is named.
    """
    if seeds is not None and seeds < 1:
        raise SettingError(f"at least 1 seed is needed, not {seeds}")
    chosen = recipe.seeds if seeds is None else tuple(range(seeds))
    notes = []
    if budget.seeds is not None and len(chosen) > budget.seeds:
        chosen = chosen[: budget.seeds]
        notes.append(f"{len(chosen)} instead of {len(recipe.seeds)} seeds")
    trained = [arm for arm in recipe.arms if arm.of is None]
    first: dict[str, Training] = {}
    for arm in trained:
        with _named(recipe, arm.name):
            first[arm.name] = _training(
                arm, data=data, train=train, encoder_weights=encoder_weights, from_scratch=from_scratch
            )
            first[arm.name].check()
    photographs = {name: _photographs(training, train) for name, training in first.items()}
    totals = {name: steps_of(training, photographs[name]) for name, training in first.items()}
    longest = max((totals[name] for name, training in first.items() if training.epochs != _ENDLESS), default=1)
    cut = {name: _cut(training, budget, total=totals[name], longest=longest) for name, training in first.items()}
    pictures = _least(recipe.pictures, budget.pictures)
    train_pictures = _least(recipe.train_pictures, budget.train_pictures) or 0
    if budget.minutes is not None and seconds_of_step is not None:
        measured = (min(len(val), pictures or len(val)) + train_pictures) * _SECONDS_A_PICTURE
        others = _SECONDS_ONCE + (len(trained) * _SECONDS_EACH + len(recipe.arms) * measured) * len(chosen)
        if others > 0.6 * 60 * budget.minutes and len(chosen) > 1:
            chosen = chosen[:1]
            notes = [f"one seed instead of {len(recipe.seeds)}"]
            others = _SECONDS_ONCE + len(trained) * _SECONDS_EACH + len(recipe.arms) * measured
        left = max(0.1 * 60 * budget.minutes, _SPARE * (60 * budget.minutes - others)) / len(chosen)
        cut = _within(cut, left, seconds_of_step, val=len(val))
    notes += _differences(first, cut, train)
    cut = {arm.name: cut[arm.name] if "average" in arm.settings else _averaged(cut[arm.name], train) for arm in trained}
    if recipe.pictures != pictures and pictures is not None and pictures < len(val):
        notes.append(f"measured on {pictures} validation pictures drawn at random, not on all {len(val)}")
    trainings = {(arm.name, seed): replace(cut[arm.name], seed=seed) for seed in chosen for arm in trained}
    for (name, _), training in trainings.items():
        with _named(recipe, name):
            training.check()
    _check_making(recipe, first)
    return Plan(trainings, chosen, pictures, train_pictures, notes)


def check_trainings(recipe: Recipe, *, encoder_weights: str | None, from_scratch: bool) -> None:
    """Refuse settings of trainings that make no sense, as far as can be told without the photographs.

    Raises:
        SettingError: naming recipe and arm.
    """
    for arm in recipe.arms:
        if arm.of is None:
            plain = replace(arm, settings={key: value for key, value in arm.settings.items() if key != "categories"})
            with _named(recipe, arm.name):
                _training(plain, data="", train=(), encoder_weights=encoder_weights, from_scratch=from_scratch).check()


def _check_making(recipe: Recipe, trainings: dict[str, Training]) -> None:
    """Refuse arms whose pictures cannot be made as the recipe says."""
    for arm in recipe.arms:
        task = trainings[arm.of or arm.name].task
        if arm.evaluation.get("drawn") and task != "rgb":
            raise SettingError(
                f"{recipe.name}, arm '{arm.name}': drawn = true takes the picture of a network that gives the whole of "
                f'it, and this one gives {task}; leave drawn out, or train with task = "rgb"'
            )
        if (
            arm.of is not None
            and task != "bins"
            and {"temperature", "caution", "unweigh", "seeded"} & set(arm.evaluation)
        ):
            raise SettingError(
                f"{recipe.name}, arm '{arm.name}': '{arm.of}' gives colours itself and has no temperature, caution or "
                f"weights to take back; leave the arm out, or train '{arm.of}' with task = \"bins\""
            )


def steps_of(training: Training, photographs: int) -> int:
    """Give the steps of a training, at most those that its time allows, for so many photographs."""
    return training.epochs * _epoch_steps(training, photographs)


def _epoch_steps(training: Training, photographs: int) -> int:
    if training.epoch_steps is not None:
        return training.epoch_steps
    return max(1, min(photographs, training.limit or photographs) // training.batch_size)


@contextmanager
def _named(recipe: Recipe, arm: str) -> Iterator[None]:
    """Name recipe and arm in what is wrong with a training."""
    try:
        yield
    except SettingError as error:
        raise SettingError(f"{recipe.name}, arm '{arm}': {error}") from error


def _training(
    arm: Arm,
    *,
    data: str,
    train: Sequence[Picture],
    encoder_weights: str | None,
    from_scratch: bool,
) -> Training:
    """Turn an arm's settings into a training."""
    settings = dict(arm.settings)
    if settings.pop("augment", True) is False:
        settings = {**NO_AUGMENTATION, **settings}
    if isinstance(settings.get("categories"), int):
        settings["categories"] = largest_categories(train, settings["categories"])
    there = {category(picture) for picture in train}
    if missing := [name for name in settings.get("categories", ()) if name not in there]:
        raise SettingError(f"the dataset has no category '{missing[0]}'; there are: {', '.join(sorted(there))}")
    if (steps := settings.pop("steps", None)) is not None:
        settings["epochs"], settings["epoch_steps"] = _divided(steps, POINTS)
    elif "minutes" in settings and "epochs" not in settings:
        settings["epochs"] = _ENDLESS
    training = Training(data=data).changed(settings)
    if not isinstance(build(training.network, outputs=2, options=training.options), TransferNetwork):
        return training
    needed = training.encoder_weights == "required"
    if needed and encoder_weights is None:
        raise SettingError(
            f"needs pretrained weights for '{training.network}'; give them with "
            f"--encoder-weights FILE, or choose other arms with --arms"
        )
    if (needed or training.encoder_weights is None) and not training.from_scratch:
        if encoder_weights is not None:
            return replace(training, encoder_weights=encoder_weights)
        if from_scratch:
            return replace(training, from_scratch=True, options={**training.options, "frozen": False})
    return training


def largest_categories(pictures: Sequence[Picture], count: int) -> tuple[str, ...]:
    """Give the names of the categories that have the most pictures.

    Args:
        pictures: of the training split.
        count: how many categories, at least 1.

    Raises:
        SettingError: there are fewer.
    """
    sizes: dict[str, int] = {}
    for picture in pictures:
        sizes[category(picture)] = sizes.get(category(picture), 0) + 1
    if not 1 <= count <= len(sizes):
        raise SettingError(
            f"asks for {count} categories, and the dataset has {len(sizes)} ({', '.join(sorted(sizes))}); "
            "sort photographs into a subfolder for each category, or leave out that arm with --arms"
        )
    return tuple(sorted(sizes, key=lambda name: (-sizes[name], name))[:count])


def category(picture: Picture) -> str:
    """Give the name by which trainings choose a picture."""
    return picture.category


def _photographs(training: Training, train: Sequence[Picture]) -> int:
    kept = sum(1 for each in train if not training.categories or category(each) in training.categories)
    return max(1, round(kept * training.subset))


def _cut(training: Training, budget: Budget, *, total: int, longest: int) -> Training:
    """Bring a training within the budget's single limits; it has `total` steps, the study's longest `longest`."""
    crop = training.crop
    if budget.crop is not None and budget.crop < crop:
        multiple = build(training.network, outputs=2, options=training.options).multiple
        crop = max(multiple, budget.crop // multiple * multiple)
    changed = replace(
        training,
        crop=crop,
        batch_size=_least(training.batch_size, budget.batch_size) or training.batch_size,
        bins_from=_least(training.bins_from, budget.bins_from) or training.bins_from,
        workers=training.workers if budget.workers is None else budget.workers,
    )
    timed = training.epochs == _ENDLESS
    if budget.steps is None and (timed or (budget.points is None and budget.minutes is None)):
        return changed
    steps = total
    if budget.steps is not None:
        steps = max(1, round(budget.steps * min(1.0, total / max(longest, budget.steps))))
    changed = replace(changed, minutes=None) if timed else changed
    return _of_steps(changed, steps, points=_least(training.epochs, budget.points) or training.epochs)


def _of_steps(training: Training, steps: int, *, points: int) -> Training:
    epochs, epoch_steps = _divided(steps, points)
    return replace(training, epochs=epochs, epoch_steps=epoch_steps, limit=None)


def _divided(steps: int, points: int) -> tuple[int, int]:
    """Divide steps into so many equal epochs, or somewhat fewer where that leaves out fewer steps."""
    fewest = max(1, min(points, steps) // 2)
    epochs = min(range(fewest, max(1, min(points, steps)) + 1), key=lambda count: (steps % count, -count))
    return epochs, steps // epochs


def _within(
    cut: dict[str, Training], seconds: float, seconds_of_step: Callable[[Training], float], *, val: int
) -> dict[str, Training]:
    """Cut the steps of all trainings by one factor, so that they take so many seconds together, with one seed."""
    measured = {name: seconds_of_step(training) for name, training in cut.items()}
    share = seconds / len(cut)
    timed = {name: training for name, training in cut.items() if training.epochs == _ENDLESS}
    counted = {name: training for name, training in cut.items() if name not in timed}
    result = {}
    for name, training in timed.items():
        minutes = min(training.minutes or _ENDLESS, share / 60)
        steps = max(1, int(60 * minutes / measured[name] / POINTS))
        result[name] = replace(training, minutes=minutes, epoch_steps=training.epoch_steps or steps, limit=None)
    seconds = share * max(1, len(counted))
    # Looking at the validation pictures is a third of training on as many: no way back through the network.
    look = {name: measured[name] / 3 * max(1, val // training.batch_size) for name, training in counted.items()}
    looking = sum(look[name] * training.epochs for name, training in counted.items())
    fewer = min(1.0, 0.25 * seconds / max(1e-9, looking))
    points = {name: min(training.epochs, max(2, int(training.epochs * fewer))) for name, training in counted.items()}
    left = max(0.1 * seconds, seconds - sum(look[name] * points[name] for name in counted))
    factor = min(1.0, left / max(1e-9, sum(measured[name] * _steps(each) for name, each in counted.items())))
    for name, training in counted.items():
        steps = max(1, int(_steps(training) * factor))
        # A training that takes far longer than it should is stopped rather than the study's time overrun.
        expected = measured[name] * steps + look[name] * points[name]
        result[name] = replace(
            _of_steps(training, steps, points=points[name]),
            minutes=training.minutes or round(max(2.0, 1 + expected / 60 / _SPARE), 2),
        )
    return {name: result[name] for name in cut}


def _averaged(training: Training, train: Sequence[Picture]) -> Training:
    """Average the weights over a tenth of the steps at most.

    The training's own average reaches 500 steps back: a short training would end with the weights it began with.
    """
    if training.epochs == _ENDLESS:
        return training
    steps = steps_of(training, _photographs(training, train))
    return replace(training, average=min(training.average, round(max(0.0, 1 - 10 / steps), 5)))


def _steps(training: Training) -> int:
    return training.epochs * (training.epoch_steps or 1)


def _differences(first: dict[str, Training], cut: dict[str, Training], train: Sequence[Picture]) -> list[str]:
    """Say in words what the budget changed in the trainings."""
    notes = []
    for setting, words in (
        ("crop", "squares of {} instead of {} pixels"),
        ("batch_size", "{} instead of {} photographs a step"),
        ("bins_from", "bins learned from {} instead of {} photographs"),
    ):
        pairs = {(getattr(cut[name], setting), getattr(first[name], setting)) for name in first}
        notes += [words.format(now, before) for now, before in sorted(pairs) if now != before]
    for name, before in first.items():
        photographs = _photographs(before, train)
        steps, planned = steps_of(cut[name], photographs), steps_of(before, photographs)
        if steps != planned:
            whole = f"{planned}" if before.minutes is None else f"{before.minutes:g} minutes of"
            notes.append(f"{name}: {steps} instead of {whole} steps")
    return notes


def _least(*values: int | None) -> int | None:
    given = [value for value in values if value is not None]
    return min(given) if given else None

"""A study's recipe: a TOML file that says which trainings are compared, what they share and what is asked.

    title = "Does dropout help?"
    question = "Does it keep the network from learning its pictures by heart?"

    [shared]
    network = "vgg16"
    steps = 2000
    seeds = 3

    [[arms]]
    name = "without"

    [[arms]]
    name = "dropout"
    options = { regularization = "dropout" }

Every setting of `tinct.learn.run.Training` and its augmentation can be shared or an arm's own. `docs/studies.md` tells
the rest.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tinct.errors import SettingError
from tinct.study.recipe_values import (
    ARM_EVALUATION,
    EVALUATION,
    PLOTS,
    SHARED_ONLY,
    check_names,
    check_values,
    training_settings,
)

SUFFIX = ".toml"
# In a wheel the recipes lie in the package, in a checkout beside `src`.
_FOLDERS = (Path(__file__).parent.parent / "recipes", Path(__file__).parents[3] / "recipes")
_LENGTH = ("epochs", "epoch_steps", "limit")  # what `steps` stands for
_TOP: dict[str, Any] = {
    "title": str,
    "question": str,
    "paper": str,
    "axis": str,
    "reference": str,
    "plots": tuple[str, ...],
    "shared": dict[str, Any],
    "evaluation": dict[str, Any],
    "arms": list[Any],
}


@dataclass(frozen=True)
class Arm:
    """One of the things that are compared.

    Attributes:
        name: how it is called.
        of: the arm whose training it takes, for one that only differs in how pictures are made; None trains.
        own: the training's settings that it has of its own.
        settings: all its training's settings that the recipe names: the shared ones and its own.
        evaluation: how its pictures are made: `temperature`, `caution`, `size`, `unweigh`, `checkpoint`, `drawn`,
            `seeded`, where given.
    """

    name: str
    of: str | None
    own: dict[str, Any]
    settings: dict[str, Any]
    evaluation: dict[str, Any]

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return slug(self.name)


@dataclass(frozen=True)
class Recipe:
    """A study, as its file says it.

    Attributes:
        name: the file's name without its ending.
        title: of the report.
        question: what is asked.
        paper: what a paper found, to be set beside what is found here; may be empty.
        seeds: of the trainings; each arm is trained once with each.
        arms: what is compared.
        reference: the arm that the others are compared with.
        axis: the setting along which the metrics are drawn; empty for none.
        plots: what the report shows.
        pictures: validation pictures to measure on, at most; None for all.
        train_pictures: training pictures to measure on, beside them.
        by: `category` or `source`: metrics for each of these too; None for neither.
        text: the file as it is.
    """

    name: str
    title: str
    question: str
    paper: str
    seeds: tuple[int, ...]
    arms: tuple[Arm, ...]
    reference: str
    axis: str
    plots: tuple[str, ...]
    pictures: int | None
    train_pictures: int
    by: str | None
    text: str = field(repr=False)

    def arm(self, name: str) -> Arm:
        """Look up an arm.

        Raises:
            SettingError: there is none of that name.
        """
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise SettingError(f"recipe {self.name}: no arm '{name}'; there are: {', '.join(a.name for a in self.arms)}")

    def only(self, names: tuple[str, ...]) -> Recipe:
        """Give the recipe with some of its arms, and those whose trainings they take.

        Raises:
            SettingError: there is no such arm.
        """
        wanted = {self.arm(name).of or name for name in names} | set(names)
        arms = tuple(arm for arm in self.arms if arm.name in wanted)
        return replace(self, arms=arms, reference=self.reference if self.reference in wanted else arms[0].name)


def list_recipes() -> dict[str, Path]:
    """Give the recipes that come with tinct, by name."""
    for folder in _FOLDERS:
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}
    return {}


def read_recipe(recipe: str | Path) -> Recipe:
    """Read and check a recipe.

    Args:
        recipe: a TOML file, or the name of a recipe that comes with tinct.

    Raises:
        SettingError: there is no such recipe, or something in it makes no sense; the file and the key are named.
    """
    path = Path(recipe)
    if not path.is_file():
        shipped = list_recipes()
        if str(recipe) not in shipped:
            raise SettingError(
                f"{recipe}: no such file, and no recipe of that name comes with tinct; there are: {', '.join(shipped)}"
            )
        path = shipped[str(recipe)]
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path}: cannot be read ({error}); give a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{path}: no valid TOML ({error}); mend that line") from error
    return parse_recipe(values, name=path.stem, text=text, file=str(path))


def parse_recipe(values: Mapping[str, Any], *, name: str, text: str = "", file: str = "recipe") -> Recipe:
    """Make a recipe from what its file holds.

    Args:
        values: the file's tables.
        name: the recipe's name.
        text: the file as it is.
        file: what to call it in messages.

    Raises:
        SettingError: something makes no sense; the file and the key are named.
    """
    settings = training_settings()
    if lost := next((key for key in values if key not in _TOP and key in settings | SHARED_ONLY), None):
        raise SettingError(f"{file}: '{lost}' is of the trainings; write it below [shared], or below an arm of its own")
    check_names(values, _TOP, where=file)
    values = check_values(values, _TOP, where=file)
    for key in ("title", "question", "arms"):
        if not values.get(key):
            remedy = "add at least two tables [[arms]]" if key == "arms" else f'add a line  {key} = "..."'
            raise SettingError(f"{file}: {key} is missing; {remedy}")
    shared = dict(values.get("shared", {}))
    where = f"{file}, [shared]"
    check_names(shared, settings | SHARED_ONLY | ARM_EVALUATION, where=where)
    shared = check_values(shared, settings | SHARED_ONLY | ARM_EVALUATION, where=where)
    evaluation = dict(values.get("evaluation", {}))
    where = f"{file}, [evaluation]"
    check_names(evaluation, EVALUATION | ARM_EVALUATION, where=where)
    evaluation = check_values(evaluation, EVALUATION | ARM_EVALUATION, where=where)
    making = {key: source[key] for source in (shared, evaluation) for key in ARM_EVALUATION if key in source}
    seeds = _seeds(shared.pop("seeds", 1), where=f"{file}, [shared]")
    training = {key: value for key, value in shared.items() if key in settings}
    arms = _arms(values["arms"], training, making, file=file)
    reference = values.get("reference", arms[0].name)
    if reference not in {arm.name for arm in arms}:
        raise SettingError(f"{file}: reference = '{reference}' is no arm; name one of: {_names(arms)}")
    plots = values.get("plots", PLOTS)
    if unknown := [plot for plot in plots if plot not in PLOTS]:
        raise SettingError(f"{file}: plots has no '{unknown[0]}'; there are: {', '.join(PLOTS)}")
    axis = values.get("axis", "")
    if axis and axis not in settings | ARM_EVALUATION:
        raise SettingError(f"{file}: axis = '{axis}' is no setting; name one in which the arms differ, such as bins")
    return Recipe(
        name=name,
        title=values["title"],
        question=values["question"],
        paper=values.get("paper", ""),
        seeds=seeds,
        arms=arms,
        reference=reference,
        axis=axis,
        plots=tuple(plots),
        pictures=evaluation.get("pictures"),
        train_pictures=evaluation.get("train_pictures", 100),
        by=evaluation.get("by"),
        text=text,
    )


def slug(name: str) -> str:
    """Give a name that any file system takes."""
    return re.sub(r"[^a-z0-9.+]+", "-", name.lower()).strip("-.") or "arm"


def _seeds(value: int | tuple[int, ...], *, where: str) -> tuple[int, ...]:
    seeds = tuple(range(value)) if isinstance(value, int) else value
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise SettingError(f"{where}: seeds must be a number from 1 on, or different numbers from 0 on, not {value}")
    return seeds


def _arms(listed: list[Any], shared: dict[str, Any], making: dict[str, Any], *, file: str) -> tuple[Arm, ...]:
    arms: list[Arm] = []
    for number, table in enumerate(listed, start=1):
        where = f"{file}, [[arms]] number {number}"
        if not isinstance(table, dict) or not isinstance(table.get("name"), str) or not table["name"].strip():
            raise SettingError(f'{where}: has no name; add a line  name = "..."')
        where = f"{file}, arm '{table['name']}'"
        if "," in table["name"]:
            raise SettingError(f"{where}: a name has no comma, since --arms takes names with commas between")
        known = training_settings() | ARM_EVALUATION | {"name": str, "of": str}
        check_names(table, known, where=where)
        values = check_values(table, known, where=where)
        own = {key: value for key, value in values.items() if key in training_settings()}
        made = {**making, **{key: value for key, value in values.items() if key in ARM_EVALUATION}}
        if "of" in values:
            arms.append(_taken(values, own, made, arms, where=where))
            continue
        arms.append(Arm(values["name"], None, own, _merged(shared, own, where=where), made))
    if len(arms) < 2:
        raise SettingError(f"{file}: one arm compares nothing; add a second [[arms]]")
    folders = [arm.folder for arm in arms]
    for arm in arms:
        if folders.count(arm.folder) > 1:
            raise SettingError(f"{file}: two arms are called '{arm.name}' or alike; give each a name of its own")
    return tuple(arms)


def _taken(values: dict[str, Any], own: dict[str, Any], made: dict[str, Any], before: list[Arm], *, where: str) -> Arm:
    """Give an arm that takes another's training."""
    if own:
        raise SettingError(
            f"{where}: takes the training of '{values['of']}' and cannot have {', '.join(own)} of its own; "
            f"only {', '.join(ARM_EVALUATION)} may differ"
        )
    trained = {arm.name: arm for arm in before if arm.of is None}
    if values["of"] not in trained:
        raise SettingError(
            f"{where}: of = '{values['of']}' is no arm before it that trains; name one of: {', '.join(trained) or '-'}"
        )
    of = trained[values["of"]]
    return Arm(values["name"], of.name, {}, of.settings, {**of.evaluation, **made})


def _merged(shared: dict[str, Any], own: dict[str, Any], *, where: str) -> dict[str, Any]:
    """Give shared settings with an arm's own over them; options of a network go together where it is the same one."""
    settings = {**shared, **own}
    if "options" in shared and settings.get("network") == shared.get("network"):
        settings["options"] = {**shared["options"], **own.get("options", {})}
    elif "options" in shared and "options" not in own:
        del settings["options"]
    if "steps" in own:  # an arm's own steps stand for the shared epochs, and the other way round
        settings = {key: value for key, value in settings.items() if key not in _LENGTH}
    elif any(key in own for key in _LENGTH):
        settings.pop("steps", None)
    if "steps" in settings and (doubled := [key for key in _LENGTH if key in {**settings, **own}]):
        raise SettingError(f"{where}: steps and {doubled[0]} say the same; keep one of them")
    return settings


def _names(arms: tuple[Arm, ...]) -> str:
    return ", ".join(arm.name for arm in arms)

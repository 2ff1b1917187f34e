"""A study's recipe: a TOML file with a question, the trainings that are compared, and the settings they share.

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

Every setting of `tinct.learn.settings.Training` and its augmentation can be shared or an arm's own. See
`docs/studies.md`.
"""

from __future__ import annotations

import functools
import re
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from tinct.errors import SettingError
from tinct.study.measure import Grouping
from tinct.study.values import check_values

SUFFIX = ".toml"
# A wheel has the recipes in the package, a checkout beside `src`.
_FOLDERS = (Path(__file__).parent.parent / "recipes", Path(__file__).parents[3] / "recipes")
_LENGTH = ("epochs", "epoch_steps", "limit")  # the settings that `steps` replaces

Plot = Literal[
    "curves", "metrics", "axis", "groups", "sheets", "temperature", "confidence", "histograms", "quantisation", "cost"
]


class Making(Struct, frozen=True, omit_defaults=True):
    """How an arm's pictures are made with its network; for values that are UNSET, the model's own are used.

    Attributes:
        temperature: of decoding, above 0.
        caution: see `tinct.Colorizer`.
        size: working size of the network, in pixels.
        unweigh: how far the loss's weighting of rare colours is undone, 0..1.
        checkpoint: `last`: the weights of the last epoch; `best`: those with the lowest validation loss.
        drawn: use the whole picture that the network outputs, including its luma.
        seeded: spread colours from the pixels of which the network is surest.
    """

    temperature: Annotated[float, Meta(gt=0, le=100)] | UnsetType = UNSET
    caution: Annotated[float, Meta(ge=0, le=4)] | UnsetType = UNSET
    size: Annotated[int, Meta(ge=16, le=4096)] | UnsetType = UNSET
    unweigh: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    checkpoint: Literal["last", "best"] | UnsetType = UNSET
    drawn: bool | UnsetType = UNSET
    seeded: bool | UnsetType = UNSET

    def given(self) -> dict[str, Any]:
        """Return what is set, by name."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: value for name, value in values.items() if value is not UNSET}


@dataclass(frozen=True)
class Arm:
    """One of the things that are compared.

    Attributes:
        name: for people.
        of: the arm whose training it uses, if it differs only in how pictures are made; None: it has its own training.
        own: the settings of the training in which it differs from the shared ones.
        settings: all settings of the training in the recipe: the shared ones and its own.
        evaluation: how its pictures are made.
    """

    name: str
    of: str | None
    own: dict[str, Any]
    settings: dict[str, Any]
    evaluation: Making

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return slug(self.name)


class Recipe(Struct, frozen=True, kw_only=True):
    """The content of a recipe's file.

    Attributes:
        name: the file's name without its ending.
        title: of the report.
        question: what the study is to answer.
        paper: what a paper found, shown in the report; may be empty.
        seeds: of the trainings; each arm is trained once with each.
        arms: what is compared.
        reference: the arm that the others are compared with.
        axis: a setting; the metrics are drawn over its values; empty for none.
        plots: what the report shows.
        pictures: validation pictures to measure on, at most; None for all.
        train_pictures: training pictures to measure on too.
        by: `category` or `source`: also measure each of these; None for neither.
        text: the file's content.
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
    text: str

    def arm(self, name: str) -> Arm:
        """Return the arm of a name.

        Raises:
            SettingError: there is none.
        """
        for arm in self.arms:
            if arm.name == name:
                return arm
        raise SettingError(f"recipe {self.name}: no arm '{name}'; there are: {', '.join(a.name for a in self.arms)}")

    def only(self, names: tuple[str, ...]) -> Recipe:
        """Return the recipe with only some of its arms, and those whose trainings they use.

        Raises:
            SettingError: there is no such arm.
        """
        wanted = {self.arm(name).of or name for name in names} | set(names)
        arms = tuple(arm for arm in self.arms if arm.name in wanted)
        return structs.replace(self, arms=arms, reference=self.reference if self.reference in wanted else arms[0].name)


def _kinds(*structs: type) -> dict[str, Any]:
    return {name: kind for one in structs for name, kind in typing.get_type_hints(one, include_extras=True).items()}


# The types of the values at the top of a recipe's file, and of those that say how arms are made and measured.
_TOP = {
    "title": str,
    "question": str,
    "paper": str,
    "axis": str,
    "reference": str,
    "plots": tuple[Plot, ...],
    "shared": dict[str, Any],
    "evaluation": dict[str, Any],
    "arms": list[Any],
}
_MAKING = _kinds(Making)
_EVALUATION = {
    **_MAKING,
    "pictures": Annotated[int, Meta(ge=1)],
    "train_pictures": Annotated[int, Meta(ge=0)],
    "by": Grouping,
}


@functools.cache
def _training_kinds() -> dict[str, Any]:
    """Return the settings of a training that a recipe may have, with the type of each."""
    from tinct.learn.settings import Augmentation, Training

    kinds = _kinds(Training, Augmentation)
    for name in ("data", "seed", "val"):  # the study sets these, or recipes have other names for them
        del kinds[name]
    # `categories` may be a number: that many of the largest. `augment = false` turns all augmentation off.
    # `augmentation` is the name of a set.
    more = {
        "augmentation": str,
        "categories": int | tuple[str, ...],
        "steps": Annotated[int, Meta(ge=1)],
        "augment": bool,
    }
    return {**kinds, **more}


def list_recipes() -> dict[str, Path]:
    """Return the recipes that come with tinct, by name."""
    for folder in _FOLDERS:
        if folder.is_dir():
            return {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}
    return {}


def read_recipe(recipe: str | Path) -> Recipe:
    """Read and check a recipe: a TOML file, or the name of a recipe that comes with tinct.

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
        raise SettingError(f"{path}: is not valid TOML ({error}); correct that line") from error
    return parse_recipe(values, name=path.stem, text=text, file=str(path))


def parse_recipe(values: Mapping[str, Any], *, name: str, text: str = "", file: str = "recipe") -> Recipe:
    """Check the tables of a recipe's file, whose content is `text`; messages call it `file`.

    Raises:
        SettingError: something makes no sense; the file and the key are named.
    """
    training = _training_kinds()
    for key in values:
        if key not in _TOP and key in (training | {"seeds": int}):
            raise SettingError(f"{file}: '{key}' is a setting of trainings; write it below [shared], or below an arm")
    values = check_values(values, _TOP, where=file)
    for key in ("title", "question", "arms"):
        if not values.get(key):
            remedy = "add at least two tables [[arms]]" if key == "arms" else f'add a line  {key} = "..."'
            raise SettingError(f"{file}: {key} is missing; {remedy}")
    seeds_kind = {"seeds": int | tuple[int, ...]}
    shared = check_values(values.get("shared", {}), training | _MAKING | seeds_kind, where=f"{file}, [shared]")
    evaluation = check_values(values.get("evaluation", {}), _EVALUATION, where=f"{file}, [evaluation]")
    arms = _arms(
        values["arms"],
        {key: value for key, value in shared.items() if key in training},
        {key: value for key, value in {**shared, **evaluation}.items() if key in _MAKING},
        file=file,
    )
    reference, axis = values.get("reference", arms[0].name), values.get("axis", "")
    if reference not in {arm.name for arm in arms}:
        names = ", ".join(arm.name for arm in arms)
        raise SettingError(f"{file}: reference = '{reference}' is not an arm; name one of: {names}")
    if axis and axis not in training | _MAKING:
        raise SettingError(f"{file}: axis = '{axis}' is not a setting; name one in which the arms differ, such as bins")
    return Recipe(
        name=name,
        title=values["title"],
        question=values["question"],
        paper=values.get("paper", ""),
        seeds=_seeds(shared.get("seeds", 1), where=f"{file}, [shared]"),
        arms=arms,
        reference=reference,
        axis=axis,
        plots=values.get("plots", typing.get_args(Plot)),
        pictures=evaluation.get("pictures"),
        train_pictures=evaluation.get("train_pictures", 100),
        by=evaluation.get("by"),
        text=text,
    )


def slug(name: str) -> str:
    """Return the name in a form that every file system allows."""
    return re.sub(r"[^a-z0-9.+]+", "-", name.lower()).strip("-.") or "arm"


def _seeds(value: int | tuple[int, ...], *, where: str) -> tuple[int, ...]:
    seeds = tuple(range(value)) if isinstance(value, int) else value
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise SettingError(f"{where}: seeds must be a number from 1 on, or different numbers from 0 on, not {value}")
    return seeds


def _arms(tables: list[Any], shared: dict[str, Any], making: dict[str, Any], *, file: str) -> tuple[Arm, ...]:
    arms: list[Arm] = []
    kinds = {**_training_kinds(), **_MAKING, "name": str, "of": str}
    for number, table in enumerate(tables, start=1):
        if not isinstance(table, dict) or not isinstance(table.get("name"), str) or not table["name"].strip():
            raise SettingError(f'{file}, [[arms]] number {number}: has no name; add a line  name = "..."')
        where = f"{file}, arm '{table['name']}'"
        if "," in table["name"]:
            raise SettingError(f"{where}: a name may not contain a comma, since --arms separates names by commas")
        arms.append(_arm(check_values(table, kinds, where=where), shared, making, arms, where=where))
    if len(arms) < 2:
        raise SettingError(f"{file}: with one arm there is nothing to compare; add a second [[arms]]")
    folders = [arm.folder for arm in arms]
    for arm in arms:
        if folders.count(arm.folder) > 1:
            raise SettingError(f"{file}: two arms have the name '{arm.name}', or almost; give each its own name")
    return tuple(arms)


def _arm(
    table: dict[str, Any], shared: dict[str, Any], making: dict[str, Any], before: list[Arm], *, where: str
) -> Arm:
    """Return the arm of a checked table; with `of`, it uses the training of an earlier arm."""
    own = {key: value for key, value in table.items() if key in _training_kinds()}
    making = {**making, **{key: value for key, value in table.items() if key in Making.__struct_fields__}}
    of = table.get("of")
    if of is None:
        return Arm(table["name"], None, own, _merged(shared, own, where=where), Making(**making))
    if own:
        raise SettingError(
            f"{where}: uses the training of '{of}', so it cannot set {', '.join(own)}; "
            f"only {', '.join(Making.__struct_fields__)} may differ"
        )
    trained = {arm.name: arm for arm in before if arm.of is None}
    if of not in trained:
        raise SettingError(
            f"{where}: of = '{of}' is not an earlier arm with its own training; "
            f"name one of: {', '.join(trained) or '-'}"
        )
    evaluation = Making(**{**trained[of].evaluation.given(), **making})
    return Arm(table["name"], of, {}, trained[of].settings, evaluation)


def _merged(shared: dict[str, Any], own: dict[str, Any], *, where: str) -> dict[str, Any]:
    """Return the shared settings, overridden by an arm's own; options are merged if the network is the same."""
    settings = {**shared, **own}
    if "options" in shared and settings.get("network") == shared.get("network"):
        settings["options"] = {**shared["options"], **own.get("options", {})}
    elif "options" in shared and "options" not in own:
        del settings["options"]
    if "steps" in own:  # an arm's own steps replace the shared epochs, and the other way round
        settings = {key: value for key, value in settings.items() if key not in _LENGTH}
    elif any(key in own for key in _LENGTH):
        settings.pop("steps", None)
    if "steps" in settings and (doubled := [key for key in _LENGTH if key in {**settings, **own}]):
        raise SettingError(f"{where}: steps and {doubled[0]} both set the length; keep one of them")
    return settings

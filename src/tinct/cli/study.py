"""`tinct study`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinct.cli.options import (
    Backbone,
    examples,
    require_extra,
)
from tinct.cli.output import print_json, progress_of_steps, say
from tinct.errors import SettingError

if TYPE_CHECKING:
    from tinct.study.arms import ArmRow


@examples(
    "tinct study --list",
    "tinct study bins --data datasets/mine --out studies/bins --budget small",
    "tinct study mine.toml --data photos/ --out studies/mine --seeds 3",
    "tinct study transfer --data datasets/mine --out studies/transfer --encoder-weights squeezenet1_1.pth",
    "tinct study bins --data datasets/mine --out studies/bins --backbone squeezenet1_1.pth",
)
def study(
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="RECIPE", help="A recipe: a .toml file, or the name of one that comes with tinct."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DATASET|FOLDER", help="Train and measure on this prepared dataset, or folder of photos."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="STUDY", help="Keep the study in this folder.")] = None,
    budget: Annotated[
        str,
        typer.Option(metavar="full|small", help="Do all the recipe says, or finish within 30 minutes on two cores."),
    ] = "full",
    seeds: Annotated[
        int | None, typer.Option(metavar="N", help="Train each arm with this many seeds. Default: the recipe's.")
    ] = None,
    arms: Annotated[
        str | None, typer.Option(metavar="A,B", help="Take only these arms, by their names with commas between.")
    ] = None,
    encoder_weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Start encoders of vgg16 or squeezenet1_1 from these pretrained weights."),
    ] = None,
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Start such encoders from random weights, and train them too.")
    ] = False,
    backbone: Backbone = None,
    show_list: Annotated[bool, typer.Option("--list", help="List the recipes that come with tinct.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each arm and seed.")] = False,
) -> None:
    """Compare networks fairly: train every arm of a recipe, measure all on the same pictures, and write a report.

    Run again after an interruption, it continues; what is finished is kept. STUDY/report.html says what was found and
    which differences are no more than noise.
    """
    if show_list:
        _print_recipes(as_json=as_json)
        return
    if recipe is None:
        raise SettingError("RECIPE is missing; name one, or see them with  tinct study --list")
    if data is None:
        raise SettingError("--data is missing; name a dataset of  tinct prepare  or a folder of photographs")
    if out is None:
        raise SettingError("--out is missing; name a folder for the study")
    require_extra("learn", "a study")
    from tinct.study.arms import run_study

    with progress_of_steps(lines=True) as show:
        report = run_study(
            recipe,
            data=data,
            out=out,
            budget=budget,
            seeds=seeds,
            arms=tuple(name.strip() for name in arms.split(",")) if arms else (),
            encoder_weights=encoder_weights,
            from_scratch=from_scratch,
            backbone=backbone,
            told=lambda row: _print_row(row, as_json=as_json),
            progress=show,
        )
    if as_json:
        print_json({"report": str(report)})
    else:
        print(report)


def _print_recipes(*, as_json: bool) -> None:
    import tomllib

    from tinct.study.recipe import list_recipes

    for name, path in list_recipes().items():
        title = str(tomllib.loads(path.read_text(encoding="utf-8")).get("title", ""))
        if as_json:
            print_json({"name": name, "title": title, "file": str(path)})
        else:
            say(f"{name:<16}{title}")


def _print_row(row: ArmRow, *, as_json: bool) -> None:
    if as_json:
        print_json(row.to_json())
        return
    mean = row.metrics["ciede2000"]
    figure = f"CIEDE2000 {mean:.2f}" if mean is not None else ""
    say(f"{row.status}: {row.arm}, seed {row.seed}: {row.steps} steps, {row.minutes:.1f} min  {figure}", on_stderr=True)

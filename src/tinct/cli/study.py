"""What models are worth: `tinct study`, `tinct evaluate`, `tinct calibrate`, `tinct figure`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinct.cli.options import (
    AsJson,
    Backbone,
    EngineName,
    Limit,
    RayAddress,
    Seed,
    Split,
    Workers,
    examples,
    options_of,
    require_extra,
    takes,
)
from tinct.cli.output import print_json, print_left_out, progress, progress_of_steps, say, table_of
from tinct.coloring.settings import Decoding
from tinct.errors import SettingError

if TYPE_CHECKING:
    from tinct.study.arms import ArmRow
    from tinct.study.evaluate import Evaluation, Score


# Metric of an evaluation, heading, and the format of its figures.
COLUMNS = (
    ("ciede2000", "CIEDE2000 ↓", ".2f"),
    ("psnr", "PSNR dB ↑", ".2f"),
    ("ssim", "SSIM ↑", ".3f"),
    ("auc", "AuC % ↑", ".2f"),
    ("auc_rebalanced", "AuC rebal. % ↑", ".2f"),
    ("auc_within", "AuC within % ↑", ".2f"),
    ("colorfulness", "colourfulness", ".1f"),
    ("colorfulness_difference", "minus the truth's → 0", "+.1f"),
    ("colorfulness_ratio", "ratio to truth → 1", ".2f"),
    ("luma_change", "luma change ↓", ".2f"),
    ("perceptual", "perceptual distance ↓", ".3f"),
    ("recognition_top1", "still recognised % ↑", ".1f"),
    ("recognition_top5", "among five likeliest % ↑", ".1f"),
)


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


@examples(
    "tinct evaluate photo --data album/",
    "tinct evaluate photo run/model.onnx --data dataset/ --by source",
    "tinct evaluate photo --data album/ --temperature 1.1 --caution 0",
    "tinct evaluate photo --data dataset/ --backbone vgg16.pth",
    "tinct evaluate photo --data dataset/ --workers 8",
)
@takes(
    options_of(
        Decoding, "temperature", "caution", "saturation", "size", "views", "denoise", "tones", "runtime", "threads"
    )
)
def evaluate(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Models: names that `tinct models` lists, or model files.")
    ],
    data: Annotated[
        Path,
        typer.Option(metavar="DATASET|FOLDER", help="Measure on this dataset or folder of colour photographs."),
    ],
    split: Split = "val",
    by: Annotated[
        str | None, typer.Option(metavar="category|source", help="Also print the figures of each category or source.")
    ] = None,
    limit: Limit = None,
    resamples: Annotated[
        int, typer.Option(metavar="N", help="Set the number of bootstrap resamples for the 95 % intervals.")
    ] = 1000,
    seed: Seed = 0,
    backbone: Backbone = None,
    workers: Workers = None,
    engine: EngineName = "local",
    ray_address: RayAddress = None,
    as_json: AsJson = False,
    **decoding: Any,
) -> None:
    """Measure models on photographs whose colours are known, next to grey and mean-colour baselines."""
    from tinct.actors import Engine
    from tinct.study.evaluate import evaluate as run

    way = Engine(name=engine, ray_address=ray_address)
    with progress("evaluating") as advance:
        result = run(
            models,
            data,
            decoding=Decoding(**decoding),
            split=split,
            by=by,
            limit=limit,
            resamples=resamples,
            seed=seed,
            backbone=backbone,
            workers=workers,
            engine=way,
            progress=advance,
        )
    print_left_out(result.left_out)
    if as_json:
        print_json(result.to_json())
    else:
        _print_evaluation(result)


def _print_evaluation(result: Evaluation) -> None:
    from rich.console import Console

    console = Console()
    names = dict.fromkeys(score.group for score in result.groups)
    groups = [("", result.scores)] + [(name, [s for s in result.groups if s.group == name]) for name in names]
    for group, scores in groups:
        where = f"{result.data}{f' ({result.split})' if result.split else ''}{f': {group}' if group else ''}"
        count = f"{scores[0].pictures} picture{'s' * (scores[0].pictures != 1)}"
        rows = [["", *(score.method for score in scores)]]
        for metric, heading, style in COLUMNS:
            if metric not in result.absent:
                rows.append([heading, *(_cell(score, metric, style) for score in scores)])
        console.print(table_of(rows, title=f"{where}, {count}"))
    notes = [f"{result.pictures} pictures in {result.seconds:.1f} s", "in brackets: 95 % bootstrap intervals"]
    notes.append(f"the truth's colourfulness: {result.true_colorfulness:.1f}")
    if result.near_grey:
        notes.append(f"nearly grey originals: {result.near_grey}")
    if result.left_out:
        notes.append(f"left out: {len(result.left_out)}")
    console.print("; ".join(notes))
    for reason in dict.fromkeys(result.absent.values()):
        console.print(f"absent: {reason}", highlight=False)
    if result.settings["backbone"]:
        judge = result.settings["backbone"]
        console.print(
            f"perceptual distance: of LPIPS's kind, uncalibrated (all weights 1), by {judge['name']} "
            f"(SHA-256 {judge['sha256'][:12]}); still recognised: classified as the original is",
            highlight=False,
        )


def _cell(score: Score, metric: str, style: str) -> str:
    value = score.metrics[metric]
    # With one picture, there is no interval.
    interval = f" ({value.low:{style}}..{value.high:{style}})" if score.pictures > 1 else ""
    return f"{value.mean:{style}}{interval}"


@examples(
    "tinct calibrate photo --data dataset/",
    "tinct calibrate mine.onnx --data dataset/ --figure reliability.svg -o mine.onnx --overwrite",
)
@takes(options_of(Decoding, "size", "runtime"))
def calibrate(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A name that `tinct models` lists, or a model file; one with bins.")
    ],
    data: Annotated[
        Path,
        typer.Option(metavar="DATASET|FOLDER", help="Measure on these colour photographs, unknown to the model."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Write the model, with the temperature in its card, to this .onnx."
        ),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the reliability diagram into this .png, .svg or .pdf."),
    ] = None,
    split: Split = "val",
    limit: Limit = None,
    seed: Seed = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing model file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a few lines.")] = False,
    **decoding: Any,
) -> None:
    """Measure how well a model's probabilities are calibrated, and fit the temperature that corrects them.

    Confidence maps, hints and suggestions use it; the colours themselves do not change.
    """
    from tinct.study.calibration import LEAST, MOST
    from tinct.study.calibration import calibrate as run

    with progress("measuring") as advance:
        measured = run(
            Decoding(model=model, **decoding),
            data,
            split=split,
            limit=limit,
            seed=seed,
            figure=figure,
            out=output,
            overwrite=overwrite,
            progress=advance,
        )
    print_left_out(measured.left_out)
    if as_json:
        print_json(measured.to_json())
        return
    say(f"{measured.model}, {measured.pictures} pictures of {measured.data}: calibration {measured.temperature:.3f}")
    for when, result in (("before", measured.before), ("after", measured.after)):
        say(
            f"  {when:6}  expected calibration error {100 * result.error:.2f} %, log loss {result.log_loss:.3f}; "
            f"{100 * result.top:.1f} % sure, {100 * result.right:.1f} % right"
        )
    if measured.after.error > measured.before.error:
        say("  the fit minimises log loss, which did not improve the calibration error here")
    if not 1.01 * LEAST < measured.temperature < 0.99 * MOST:
        say("  the temperature is at the end of the range tried: this model knows next to nothing about these pictures")
    for path in (figure, output):
        if path is not None:
            say(str(path))


@examples(
    "tinct figure bins runs/mine -o bins.png",
    "tinct figure temperatures runs/mine -o temperatures.png --temperature 0.1 --temperature 0.5",
    "tinct figure against runs/augmented runs/plain -o against.png",
    "tinct figure colors photo --data album/ -o colors.svg",
)
def figure(
    kind: Annotated[
        str,
        typer.Argument(metavar="FIGURE", help="bins, temperatures, confidence, loss, colors or against."),
    ],
    trained: Annotated[
        list[str],
        typer.Argument(metavar="RUN|MODEL...", help="A training's folder, or a model; two trainings for `against`."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Draw into this .png, .svg or .pdf.")],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DATASET|FOLDER", help="Show these photographs instead of those the training validates on."
        ),
    ] = None,
    split: Split = "val",
    temperature: Annotated[
        list[float] | None, typer.Option(metavar="T", help="Decode at this temperature; may be given several times.")
    ] = None,
    limit: Limit = None,
    seed: Seed = 0,
) -> None:
    """Draw a figure of the ColorUNet paper for your own training.

    `bins`: colours, frequencies and weights (figure 1). `temperatures`: photographs from vivid to dull (4).
    `confidence`: how sure the network is of each pixel (7). `loss`: of training and validation (8). `colors`: how often
    each colour is true, predicted, and in the dataset (9). `against`: two trainings beside each other (10).
    """
    from tinct.study.figure import draw_figure

    with progress("drawing") as advance:
        drawn = draw_figure(
            kind,
            trained,
            output,
            data=data,
            split=split,
            temperatures=temperature or (),
            limit=limit,
            seed=seed,
            progress=advance,
        )
    say(str(drawn))

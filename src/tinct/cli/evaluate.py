"""`tinct evaluate`."""

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
    takes,
)
from tinct.cli.output import print_json, print_left_out, progress, table_of
from tinct.coloring.settings import Decoding

if TYPE_CHECKING:
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

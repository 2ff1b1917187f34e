"""`tinct figure`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.cli.options import (
    Limit,
    Seed,
    Split,
    examples,
)
from tinct.cli.output import progress, say


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

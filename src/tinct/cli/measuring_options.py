"""Options that `tinct evaluate`, `bins` and `study` share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Split = Annotated[str, typer.Option(metavar="train|val", help="Take this split of a dataset.")]
Backbone = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Measure perceptual distance and recognition kept too, by these weights of VGG-16 or SqueezeNet 1.1.",
    ),
]
Limit = Annotated[int | None, typer.Option(metavar="N", help="Take only this many pictures, chosen at random.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Set the seed of all that is random.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

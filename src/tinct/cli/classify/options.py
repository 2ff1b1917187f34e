"""Options that `tinct classify train` and `tinct classify doctor` have in common: how a network is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.errors import SettingError

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER",
        help="One subfolder a class; or train/, val/ and test/ with these; or a .csv of paths, labels and splits.",
    ),
]
Size = Annotated[
    str | None,
    typer.Option(
        metavar="WxH",
        help="Bring pictures to this size, or to squares of one edge. Default: their own, up to 128 pixels.",
    ),
]
Backbone = Annotated[str, typer.Option(metavar="NAME", help="The network of the weights: squeezenet1_1 or vgg16.")]
Standardize = Annotated[
    bool | None,
    typer.Option(
        "--standardize/--no-standardize",
        help="Subtract each channel's mean and divide by its spread, or do not. Default: do.",
        show_default=False,
    ),
]
Scale = Annotated[
    float | None,
    typer.Option(metavar="X", help="Without standardising, multiply by this; 255 gives 0 to 255. Default: 1."),
]
Rate = Annotated[float | None, typer.Option(metavar="RATE", help="Set the learning rate. Default: by network.")]
Optimizer = Annotated[str | None, typer.Option(metavar="NAME", help="Train by adamw, adam or sgd. Default: adamw.")]
Schedule = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Let the rate rise and fall (cosine), or keep it (constant). Default: cosine."),
]
BatchSize = Annotated[int | None, typer.Option(metavar="N", help="Number of pictures a step. Default: 32.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of all that is random.")]


def size_of(text: str | None, *, least: int = 16, most: int = 512) -> tuple[int, int] | None:
    """Read --size, one edge or WxH, as height and width.

    Raises:
        SettingError: it is something else, or an edge is below `least` or above `most`.
    """
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) == 1:
        parts *= 2
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and least <= int(part) <= most for part in parts):
        raise SettingError(f"--size needs one edge or WIDTHxHEIGHT, each {least} to {most} pixels, not '{text}'")
    return int(parts[1]), int(parts[0])

"""`tinct classify doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.cli.classify.options import (
    Backbone,
    BatchSize,
    Folder,
    Optimizer,
    Rate,
    Scale,
    Schedule,
    Seed,
    Size,
    Standardize,
    size_of,
)
from tinct.cli.diagnosis import print_diagnosis
from tinct.cli.learning_options import option_of, require_learn
from tinct.cli.output import print_json, progress

EPILOG = """Examples:

tinct classify doctor pictures/

tinct classify doctor pictures/ --network small_cnn --color-space rgb --as-first-written

tinct classify doctor pictures/ --no-standardize --scale 255 --lr 0.01 --augment hue=0.1"""


def doctor(
    folder: Folder,
    network: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Examine the training of this: small_cnn, color_first, long_kernels, two_branch, pretrained or "
            "color_statistics.",
        ),
    ] = "small_cnn",
    color_space: Annotated[
        str | None,
        typer.Option(
            metavar="SPACE",
            help="Let it see rgb, hsv, hsl, lab, yuv, xyz, or several joined by + (lab+hsv). Default: by network.",
        ),
    ] = None,
    size: Size = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Take pretrained features from this file.")
    ] = None,
    backbone: Backbone = "squeezenet1_1",
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="Set an option of the network.")
    ] = None,
    standardize: Standardize = None,
    scale: Scale = None,
    lr: Rate = None,
    optimizer: Optimizer = None,
    schedule: Schedule = None,
    batch_size: BatchSize = None,
    as_first_written: Annotated[
        bool,
        typer.Option(
            "--as-first-written",
            help="Train as one would write it first: Adam at a constant rate of 0.01 on numbers of 0 to 255, and "
            "nothing else.",
        ),
    ] = False,
    augment: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Change training pictures: flip, shift, brightness, mixup, hue, saturation, grey, per_image. 0 turns "
            "one off.",
        ),
    ] = None,
    steps: Annotated[
        int, typer.Option(metavar="N", help="Train so many steps in each experiment; costly networks get fewer.")
    ] = 100,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with status 1 if there is any finding.")] = False,
    seed: Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything that was measured as JSON.")] = False,
) -> None:
    """Find out by experiment why a training does not learn: findings in order of weight, with evidence and remedy.

    Take the same settings as the training in question. Labels are tested against shuffled ones, rates are passed
    through, one batch is learned by heart, and short trainings with one setting changed at a time show which it is.
    """
    require_learn("examining a training")
    from tinct.learn.doctor.recognition import examine
    from tinct.learn.doctor.trials import setup_of

    setup = setup_of(
        network,
        color_space=color_space,
        size=size_of(size),
        weights=None if weights is None else str(weights),
        backbone=backbone,
        options=dict(option_of(each) for each in option or []),
        values={
            "standardize": standardize,
            "scale": scale,
            "learning_rate": lr,
            "optimizer": optimizer,
            "schedule": schedule,
            "batch_size": batch_size,
            "seed": seed,
        },
        augmentation=dict(option_of(each, flag="--augment") for each in augment or []),
        as_first_written=as_first_written,
    )
    with progress("Examining") as advance:
        found = examine(folder, setup=setup, steps=steps, progress=advance)
    if as_json:
        print_json(found.to_json())
    else:
        print_diagnosis(found)
    if strict and found.findings:
        raise typer.Exit(1)

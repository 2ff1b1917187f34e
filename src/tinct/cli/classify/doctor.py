"""`tinct classify doctor`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tinct.cli.classify.options import Asked, Folder
from tinct.cli.options import Seed, examples, options_of, require_extra, takes
from tinct.cli.output import print_diagnosis, print_json, progress


@examples(
    "tinct classify doctor pictures/",
    "tinct classify doctor pictures/ --network small_cnn --color-space rgb --as-first-written",
    "tinct classify doctor pictures/ --no-standardize --scale 255 --lr 0.01 --augment hue=0.1",
)
@takes(options_of(Asked))
def doctor(
    folder: Folder,
    network: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Examine the training of this network: small_cnn, color_first, long_kernels, two_branch, pretrained "
            "or color_statistics.",
        ),
    ] = "small_cnn",
    color_space: Annotated[
        str | None,
        typer.Option(
            metavar="SPACE",
            help="Let it see this colour space: rgb, hsv, hsl, lab, yuv, xyz, or several joined by + (lab+hsv). "
            "Default: by network.",
        ),
    ] = None,
    steps: Annotated[
        int, typer.Option(metavar="N", help="Train this many steps in each experiment; costly networks get fewer.")
    ] = 100,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with status 1 if there is any finding.")] = False,
    seed: Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything that was measured as JSON.")] = False,
    **given: Any,
) -> None:
    """Find out by experiment why a training does not learn: findings by importance, with evidence and remedy.

    Give the same settings as for the training in question. Labels are compared with shuffled ones, a range of learning
    rates is tried, one batch is learned by heart, and short trainings with one setting changed at a time show which one
    is at fault.
    """
    require_extra("learn", "examining a training")
    from tinct.learn.doctor.recognition import examine
    from tinct.learn.doctor.trials import setup_of

    asked = Asked(**given)
    setup = setup_of(network, color_space=color_space, **asked.network(), **asked.fitting(seed=seed))
    with progress("Examining") as advance:
        diagnosis = examine(folder, setup=setup, steps=steps, progress=advance)
    if as_json:
        print_json(diagnosis.to_json())
    else:
        print_diagnosis(diagnosis)
    if strict and diagnosis.findings:
        raise typer.Exit(1)

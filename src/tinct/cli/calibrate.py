"""`tinct calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tinct.cli.options import (
    Limit,
    Seed,
    Split,
    examples,
    options_of,
    takes,
)
from tinct.cli.output import print_json, print_left_out, progress, say
from tinct.coloring.settings import Decoding


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

"""`tinct classify evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.cli.classify.text import print_evaluation
from tinct.cli.output import print_json, progress, say

EPILOG = """Examples:

tinct classify evaluate model.onnx test/ --confusion confusion.png"""


def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A file that `tinct classify train` wrote.")],
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Labelled pictures, as for training; of splits test/ is taken, or else val/."
        ),
    ],
    confusion: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw the confusion matrix here.")] = None,
    color_tests: Annotated[
        bool, typer.Option("--color-tests/--no-color-tests", help="Measure grey and hue-turned pictures too.")
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the drawing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Measure a model on labelled pictures: accuracy, each class, calibration, and how much of it is colour."""
    from tinct.recognize.evaluate import check_drawing, draw_confusion, evaluate_classifier

    if confusion is not None:
        check_drawing(confusion, overwrite=overwrite)
    with progress("Measuring") as advance:
        found = evaluate_classifier(model, folder, color_tests=color_tests, progress=advance)
    for _, reason in found.left_out:
        say(f"left out: {reason}", on_stderr=True)
    if confusion is not None:
        draw_confusion(found.scores, confusion, overwrite=overwrite)
    if as_json:
        print_json(found.to_json())
    else:
        print_evaluation(found)

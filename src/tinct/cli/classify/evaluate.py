"""`tinct classify evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinct.cli.options import examples
from tinct.cli.output import print_json, print_left_out, progress, say

if TYPE_CHECKING:
    from tinct.recognize.evaluate import Evaluation
    from tinct.runtime.scores import Scores


# A confusion matrix of more classes than this is not printed, only drawn.
MOST_SHOWN = 12


@examples("tinct classify evaluate model.onnx test/ --confusion confusion.png")
def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A file that `tinct classify train` wrote.")],
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Labelled pictures, as for training; if split, test/ is taken, or else val/."
        ),
    ],
    confusion: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw the confusion matrix here.")] = None,
    color_tests: Annotated[
        bool,
        typer.Option("--color-tests/--no-color-tests", help="Also measure the pictures in grey and with rotated hue."),
    ] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the drawing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Measure a model on labelled pictures: accuracy, each class, calibration, and how much depends on colour."""
    from tinct.recognize.evaluate import check_drawing, draw_confusion, evaluate_classifier

    if confusion is not None:
        check_drawing(confusion, overwrite=overwrite)
    with progress("Measuring") as advance:
        evaluation = evaluate_classifier(model, folder, color_tests=color_tests, progress=advance)
    print_left_out(evaluation.left_out)
    if confusion is not None:
        draw_confusion(evaluation.scores, confusion, overwrite=overwrite)
    if as_json:
        print_json(evaluation.to_json())
    else:
        _print_evaluation(evaluation)


def _print_evaluation(evaluation: Evaluation) -> None:
    scores = evaluation.scores
    count = int(scores.confusion.sum())
    low, high = scores.interval
    split = f" of the {evaluation.split} split" if evaluation.split else ""
    say(f"accuracy {100 * scores.accuracy:.1f} % ({100 * low:.1f} to {100 * high:.1f}) on {count} pictures{split}")
    say(f"balanced accuracy {100 * scores.balanced:.1f} %, log loss {scores.log_loss:.3f}")
    say("")
    _print_classes(scores)
    if len(scores.classes) <= MOST_SHOWN:
        _print_confusion(scores)
    say("")
    say(f"calibration error {100 * scores.calibration_error:.1f} %; confidence and accuracy:")
    for part in scores.reliability:
        say(f"  {100 * part.confidence:5.1f} %  {100 * part.accuracy:5.1f} %  of {part.count}")
    if evaluation.color_tests:
        tests = ", ".join(f"{name} {100 * value:.1f} %" for name, value in evaluation.color_tests.items())
        say(f"balanced accuracy in grey and with rotated hue: {tests}")


def _print_classes(scores: Scores) -> None:
    width = max(len(name) for name in (*scores.classes, "class"))
    say(f"{'class':<{width}}  precision  recall  pictures")
    totals = scores.confusion.sum(axis=1)
    for name, precision, recall, total in zip(scores.classes, scores.precision, scores.recall, totals, strict=True):
        shown = [f"{100 * value:.1f} %" if value is not None else "-" for value in (precision, recall)]
        say(f"{name:<{width}}  {shown[0]:>9}  {shown[1]:>6}  {int(total):>8}")


def _print_confusion(scores: Scores) -> None:
    say("")
    say("confusion: rows are true classes, columns predicted ones, in the same order")
    for row in scores.confusion:
        say("  " + " ".join(f"{int(value):>5}" for value in row))

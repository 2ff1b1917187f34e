"""`tinct classify predict`, `evaluate` and `example`, which need no extra."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinct.cli.options import EngineName, RayAddress, Seed, Workers, examples
from tinct.cli.output import print_json, print_left_out, progress, say
from tinct.stopping import kept_if_stopped

if TYPE_CHECKING:
    from tinct.recognize.evaluate import Evaluation
    from tinct.runtime.scores import Scores


# A confusion matrix of more classes than this is not printed, only drawn.
MOST_SHOWN = 12


@examples(
    "tinct classify predict model.onnx one.png two.png",
    "tinct classify predict model.onnx folder/ --csv found.csv",
    "tinct classify predict model.onnx archive/ --csv found.csv --workers 8",
)
def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A file that `tinct classify train` wrote.")],
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGES...", help="Pictures, or folders of them to any depth.")
    ],
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a table of all probabilities here.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the table.")] = False,
    threads: Annotated[int | None, typer.Option(metavar="N", help="Number of threads. Default: one a core.")] = None,
    workers: Workers = None,
    engine: EngineName = "local",
    ray_address: RayAddress = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for each picture.")] = False,
) -> None:
    """Print the class of each picture, and how probable it is.

    A file that cannot be read is reported on stderr; the others are still recognised, and the exit status is 1.
    """
    from tinct.actors import Engine, chosen_processes
    from tinct.files import check_target
    from tinct.recognize.classifier import Classifier, Recognized, find_inputs, write_table

    processes = chosen_processes(workers, Engine(name=engine, ray_address=ray_address))
    if csv is not None:
        check_target(csv, overwrite=overwrite)
    classifier = Classifier(model, threads=threads)
    paths = find_inputs(images, kind=classifier.card.kind, complain=lambda text: say(f"note: {text}", on_stderr=True))
    rows: list[Recognized] = []

    def kept() -> str:
        table = ", and no table was written" if csv is not None else ""
        return f"{len(rows)} of {len(paths)} rows were printed{table}; nothing else is kept"

    with kept_if_stopped(kept), progress("Recognising") as advance:
        for index, row in enumerate(classifier.rows(paths, processes=processes)):
            if as_json:
                print_json(row.to_json())
            elif row.prediction is not None:
                say(f"{row.path}  {row.prediction.label}  {100 * row.prediction.probability:.1f} %")
            if row.prediction is None and not as_json:
                say(f"failed: {row.message}", on_stderr=True)
            rows.append(row)
            advance(index + 1, len(paths))
    if csv is not None:
        write_table(rows, classifier.classes, csv, overwrite=overwrite)
    if any(row.prediction is None for row in rows):
        raise typer.Exit(1)


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


@examples(
    "tinct classify example blue/ --per-class 300",
    "tinct classify example harder/ --difficulty 0.5 --arrays numbers/",
)
def example(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Write the pictures here; a new or empty folder.")],
    per_class: Annotated[int, typer.Option(metavar="N", help="Number of pictures of each class.")] = 200,
    shift: Annotated[
        float,
        typer.Option(metavar="DB", help="Distance between the classes in decibels; 1 is about 3 degrees of hue."),
    ] = 1.0,
    difficulty: Annotated[
        float, typer.Option(metavar="X", help="Spread of the levels within a class, as a share of the shift.")
    ] = 0.15,
    stripes: Annotated[
        float, typer.Option(metavar="N", help="Mean number of bursts, and of hums, in a picture.")
    ] = 2.0,
    brightness: Annotated[float, typer.Option(metavar="X", help="Darken pictures by up to this share: 0 to 1.")] = 0.45,
    seed: Seed = 0,
    arrays: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Also write the values before the colour map here, as .npy.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Make spectrogram pictures of two classes that differ by a few degrees of hue, to try recognition on.

    Prints the best accuracy that any classifier can reach on them.
    """
    from tinct.recognize.example import Example, write_example

    chosen = Example(shift=shift, difficulty=difficulty, stripes=stripes, brightness=brightness, seed=seed)
    with progress("Drawing") as advance:
        written = write_example(folder, per_class=per_class, example=chosen, arrays=arrays, progress=advance)
    if as_json:
        print_json(written.to_json())
    else:
        print(f"{folder}: 2 classes of {per_class} pictures, {written.hue_shift:.1f} degrees of hue apart")
        print(f"at best, a classifier is right in {100 * written.optimum:.1f} % of such pictures")

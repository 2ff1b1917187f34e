"""`tinct classify`: its verbs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinct.cli.classify_options import (
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
from tinct.cli.classify_text import judged_line, print_evaluation, print_training
from tinct.cli.doctor import EPILOG as DOCTOR_EPILOG
from tinct.cli.doctor import doctor
from tinct.cli.learn import option_of, require_learn
from tinct.cli.output import print_json, progress, say

if TYPE_CHECKING:
    from tinct.learn.recognize.pick import Choices

TRAIN_EPILOG = """Examples:

tinct classify train pictures/ -o model.onnx

tinct classify train pictures/ -o model.onnx --network color_statistics --color-space all

tinct classify train pictures/ -o failing.onnx --network small_cnn --color-space rgb --as-first-written

tinct classify train table.csv -o model.onnx --weights squeezenet1_1.pth --time 30"""

PREDICT_EPILOG = """Examples:

tinct classify predict model.onnx one.png two.png

tinct classify predict model.onnx folder/ --csv found.csv"""

EVALUATE_EPILOG = """Examples:

tinct classify evaluate model.onnx test/ --confusion confusion.png"""

EXAMPLE_EPILOG = """Examples:

tinct classify example blue/ --per-class 300

tinct classify example harder/ --difficulty 0.5 --arrays numbers/"""


def register(app: typer.Typer) -> None:
    """Add the family."""
    family = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
    family.callback(help="Recognise pictures by their colours.")(_nothing)
    family.command(epilog=TRAIN_EPILOG)(train)
    family.command(epilog=PREDICT_EPILOG)(predict)
    family.command(epilog=EVALUATE_EPILOG)(evaluate)
    family.command(epilog=DOCTOR_EPILOG)(doctor)
    family.command(epilog=EXAMPLE_EPILOG)(example)
    app.add_typer(family, name="classify")


def _nothing() -> None:
    pass


def train(
    folder: Folder,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE.onnx", help="Write the model here.")],
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Try only this: color_statistics, color_first, small_cnn, long_kernels, two_branch or pretrained; "
            "may be given several times.",
        ),
    ] = None,
    color_space: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPACE",
            help="Try only this: rgb, hsv, hsl, lab, yuv, xyz, several joined by + (lab+hsv), or all for each of the "
            "six; may be given several times.",
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option("--time", metavar="MINUTES", help="Let all networks together train for so long.")
    ] = 3.0,
    folds: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            help="Cross-validate in so many folds; 1 measures on a fifth. Default: 5 below 600 pictures, 3 below "
            "2000, else 1; or the validation split, where there is one.",
        ),
    ] = None,
    size: Size = None,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Try pretrained features from this file: .pth, .safetensors or .npz."),
    ] = None,
    backbone: Backbone = "squeezenet1_1",
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="Set an option of the one network that is tried."),
    ] = None,
    standardize: Standardize = None,
    scale: Scale = None,
    lr: Rate = None,
    optimizer: Optimizer = None,
    schedule: Schedule = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", help="Pass so often over the pictures. Default: by network.")
    ] = None,
    batch_size: BatchSize = None,
    as_first_written: Annotated[
        bool,
        typer.Option(
            "--as-first-written",
            help="Train networks as one would write it first: Adam at a constant rate of 0.01 on numbers of 0 to 255, "
            "and nothing else.",
        ),
    ] = False,
    augment: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Change training pictures: flip, shift, brightness and mixup leave colours; hue, saturation, grey and "
            "per_image do not, and are refused where colour separates the classes. 0 turns one off.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Warn of changes that destroy the label, and go on.")] = False,
    seed: Seed = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """Learn to tell classes of pictures apart, by whatever does it best; write a model file that needs no PyTorch.

    Colour statistics and networks are tried, the best is picked by cross-validation or by the validation split, and
    how much of its decision is colour is measured on grey and hue-turned pictures. Stopped and run again, it goes on.
    """
    require_learn("learning to recognise")
    from tinct.learn.recognize.pick import Choices, fitting_of, train_classifier

    fitting, given = fitting_of(
        {
            "standardize": standardize,
            "scale": scale,
            "learning_rate": lr,
            "optimizer": optimizer,
            "schedule": schedule,
            "epochs": epochs,
            "batch_size": batch_size,
        },
        augmentation=dict(option_of(each, flag="--augment") for each in augment or []),
        as_first_written=as_first_written,
    )
    choices = Choices(
        networks=network,
        color_spaces=color_space,
        weights=None if weights is None else str(weights),
        backbone=backbone,
        options=dict(option_of(each) for each in option or []),
        size=size_of(size),
        folds=folds,
        minutes=minutes,
        fitting=fitting,
        given=given,
        force=force,
        seed=seed,
    )
    _train(folder, output, choices, train_classifier, overwrite=overwrite, as_json=as_json)


def _train(
    folder: Path, output: Path, choices: Choices, run: Callable[..., Any], *, overwrite: bool, as_json: bool
) -> None:
    try:
        with _stages() as advance:
            done = run(
                folder,
                output,
                choices=choices,
                overwrite=overwrite,
                progress=advance,
                found=None if as_json else lambda judged: say(judged_line(judged)),
            )
    except KeyboardInterrupt:
        say("tinct: stopped; the same command goes on with the next candidate", on_stderr=True)
        raise
    for path, reason in done.left_out:
        say(f"left out: {reason if path in reason else f'{path}: {reason}'}", on_stderr=True)
    for warning in done.warnings:
        say(f"note: {warning}", on_stderr=True)
    if as_json:
        print_json(done.to_json())
    else:
        print_training(done)


@contextmanager
def _stages() -> Iterator[Callable[[str, int, int], None]]:
    """Give a function that shows one piece of work after the other in a bar on stderr, where that is a terminal."""
    shown: list[tuple[str, Any, Callable[[int, int], None]]] = []

    def leave() -> None:
        if shown:
            shown.pop()[1].__exit__(None, None, None)

    def show(what: str, done: int, total: int) -> None:
        if not shown or shown[0][0] != what:
            leave()
            bar = progress(what)
            shown.append((what, bar, bar.__enter__()))
        shown[0][2](done, total)

    try:
        yield show
    finally:
        leave()


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A file that `tinct classify train` wrote.")],
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGES...", help="Pictures, or folders of them to any depth.")
    ],
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a table of all probabilities here.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the table.")] = False,
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="Run on so many threads. Default: one a core.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for each picture.")] = False,
) -> None:
    """Say what class each picture belongs to, and how probable it is.

    A file that cannot be read costs a line on stderr; the others go on, and the exit status is 1 at the end.
    """
    from tinct.classify.classifier import Classifier, find_inputs
    from tinct.classify.tables import check_table, write_table

    if csv is not None:
        check_table(csv, overwrite=overwrite)
    classifier = Classifier(model, threads=threads)
    paths = find_inputs(images, kind=classifier.card.kind, complain=lambda text: say(f"note: {text}", on_stderr=True))
    rows = []
    with progress("Recognising") as advance:
        for index, row in enumerate(classifier.rows(paths)):
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
    from tinct.classify.evaluate import check_drawing, draw_confusion, evaluate_classifier

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


def example(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Write the pictures here; a new or empty folder.")],
    per_class: Annotated[int, typer.Option(metavar="N", help="Make so many pictures of each class.")] = 200,
    shift: Annotated[
        float,
        typer.Option(metavar="DB", help="Set the classes apart by so many decibels; 1 is about 3 degrees of hue."),
    ] = 1.0,
    difficulty: Annotated[
        float, typer.Option(metavar="X", help="Spread the levels within a class by this share of the shift.")
    ] = 0.15,
    stripes: Annotated[float, typer.Option(metavar="N", help="Draw so many bursts, and hums, on average.")] = 2.0,
    brightness: Annotated[float, typer.Option(metavar="X", help="Darken pictures by up to this share: 0 to 1.")] = 0.45,
    seed: Annotated[int, typer.Option(metavar="N", help="Set the seed of all that is random.")] = 0,
    arrays: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the numbers before the colour map too, as .npy.")
    ] = None,
    signals: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the signals too, as .npy; 0.4 MB each.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON.")] = False,
) -> None:
    """Make spectrogram pictures of two classes that differ by a few degrees of hue, to try recognition on.

    The best accuracy that anything can reach on them is known, and printed.
    """
    from tinct.classify.example import Example, write_example

    chosen = Example(shift=shift, difficulty=difficulty, stripes=stripes, brightness=brightness, seed=seed)
    with progress("Drawing") as advance:
        made = write_example(
            folder, per_class=per_class, example=chosen, arrays=arrays, signals=signals, progress=advance
        )
    if as_json:
        print_json(made.to_json())
    else:
        print(f"{folder}: 2 classes of {per_class} pictures, {made.hue_shift:.1f} degrees of hue apart")
        print(f"nothing can be right more often than in {100 * made.optimum:.1f} % of such pictures")

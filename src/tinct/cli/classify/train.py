"""`tinct classify train`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from tinct.cli.classify.text import judged_line, print_training
from tinct.cli.learning_options import option_of, require_learn
from tinct.cli.output import print_json, progress, say

if TYPE_CHECKING:
    from tinct.learn.recognize.pick import Choices

EPILOG = """Examples:

tinct classify train pictures/ -o model.onnx

tinct classify train pictures/ -o model.onnx --network color_statistics --color-space all

tinct classify train pictures/ -o failing.onnx --network small_cnn --color-space rgb --as-first-written

tinct classify train table.csv -o model.onnx --weights squeezenet1_1.pth --time 30"""


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
        float, typer.Option("--time", metavar="MINUTES", help="Training time of all networks together.")
    ] = 3.0,
    folds: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            help="Number of folds of the cross-validation; 1 measures on a fifth. Default: 5 below 600 pictures, 3 "
            "below 2000, else 1; or the validation split, where there is one.",
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
        int | None, typer.Option(metavar="N", help="Number of passes over the pictures. Default: by network.")
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
    """Return a function that shows one stage after the other in a bar on stderr, where that is a terminal."""
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

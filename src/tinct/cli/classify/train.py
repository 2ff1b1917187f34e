"""`tinct classify train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinct.cli.classify.options import Asked, Folder
from tinct.cli.options import Seed, options_of, require_learn, takes
from tinct.cli.output import print_json, progress_of_steps, say

if TYPE_CHECKING:
    from tinct.learn.recognize.pick import Choices, TrainedClassifier
    from tinct.learn.recognize.trial import Judged

EPILOG = """Examples:

tinct classify train pictures/ -o model.onnx

tinct classify train pictures/ -o model.onnx --network color_statistics --color-space all

tinct classify train pictures/ -o failing.onnx --network small_cnn --color-space rgb --as-first-written

tinct classify train table.csv -o model.onnx --weights squeezenet1_1.pth --time 30"""


@takes(options_of(Asked))
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
    epochs: Annotated[
        int | None, typer.Option(metavar="N", help="Number of passes over the pictures. Default: by network.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Warn of changes that destroy the label, and go on.")] = False,
    seed: Seed = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
    **given: Any,
) -> None:
    """Learn to tell classes of pictures apart, by whatever does it best; write a model file that needs no PyTorch.

    Colour statistics and networks are tried, the best is picked by cross-validation or by the validation split, and
    how much of its decision is colour is measured on grey and hue-turned pictures. Stopped and run again, it goes on.
    """
    require_learn("learning to recognise")
    from tinct.learn.recognize.pick import Choices, fitting_of

    asked = Asked(**given)
    fitting, names = fitting_of(**asked.fitting(epochs=epochs))
    choices = Choices(
        **asked.network(),
        networks=network,
        color_spaces=color_space,
        folds=folds,
        minutes=minutes,
        fitting=fitting,
        given=names,
        force=force,
        seed=seed,
    )
    _train(folder, output, choices, overwrite=overwrite, as_json=as_json)


def _train(folder: Path, output: Path, choices: Choices, *, overwrite: bool, as_json: bool) -> None:
    from tinct.learn.recognize.pick import train_classifier

    try:
        with progress_of_steps() as advance:
            done = train_classifier(
                folder,
                output,
                choices=choices,
                overwrite=overwrite,
                progress=advance,
                found=None if as_json else lambda judged: say(_judged_line(judged)),
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
        _print_training(done)


def _judged_line(judged: Judged) -> str:
    """Format a candidate's row: name, accuracy with its interval, accuracy on grey pictures, seconds."""
    outcome, scores = judged.outcome, judged.scores
    name = f"{outcome.candidate.name:<44}"
    if scores is None or outcome.reason:
        return f"{name} not judged: {outcome.reason}"
    low, high = scores.interval
    parts = [f"{100 * scores.accuracy:5.1f} %  ({100 * low:.1f} to {100 * high:.1f})"]
    if abs(scores.balanced - scores.accuracy) >= 0.001:
        parts.append(f"balanced {100 * scores.balanced:5.1f} %")
    if "grey" in judged.color_tests:
        parts.append(f"grey {100 * judged.color_tests['grey']:5.1f} %")
    if outcome.epochs:
        parts.append(f"{outcome.epochs:.0f} epochs")
    parts.append(f"{outcome.seconds:.0f} s")
    return f"{name} {'  '.join(parts)}"


def _print_training(done: TrainedClassifier) -> None:
    metrics = done.card.metrics
    say("")
    say(f"picked: {done.card.name}, by {metrics['measured_on']}")
    for judged in done.table:
        say(f"  {_judged_line(judged)}")
    shares = {name: round(100 * value, 1) for name, value in done.card.color_tests.items()}
    if shares:
        turned = ", ".join(f"{value} % with {name} degrees" for name, value in shares.items() if name.startswith("hue"))
        known = f"{shares['plain']} % as they are, {shares['grey']} % in grey, {turned}"
        say(f"colour tests, classes counting alike: right in {known}")
        say(f"  {_meaning(done.card.color_tests, len(done.card.classes))}")
    say(f"calibrated at a temperature of {done.card.temperature:.2f}, on these same pictures; sure by, and right in:")
    for part in metrics["reliability"]:
        say(f"  {100 * part['confidence']:5.1f} %  {100 * part['accuracy']:5.1f} %  of {part['count']}")
    if done.test is not None:
        low, high = done.test.interval
        say(f"test split: {100 * done.test.accuracy:.1f} % ({100 * low:.1f} to {100 * high:.1f})")
    say(f"{done.path}: written")


def _meaning(tests: dict[str, float], classes: int) -> str:
    """Format in words how much of the decision is colour."""
    plain, grey, chance = tests["plain"], tests["grey"], 1 / classes
    if plain <= chance:
        return "as good as chance with colour and without"
    share = min(1.0, max(0.0, (plain - grey) / (plain - chance)))
    return f"{100 * share:.0f} % of what it knows beyond chance is colour"

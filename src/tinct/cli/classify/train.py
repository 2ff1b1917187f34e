"""`tinct classify train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinct.cli.classify.options import Asked, Folder
from tinct.cli.options import Seed, examples, options_of, require_extra, takes
from tinct.cli.output import print_json, print_left_out, progress_of_steps, say
from tinct.stopping import GOES_ON, kept_if_stopped

if TYPE_CHECKING:
    from tinct.learn.recognize.pick import TrainedClassifier
    from tinct.learn.recognize.trial import Judged


LITTLE = 0.1  # a smaller share of the accuracy beyond chance counts as nothing


@examples(
    "tinct classify train pictures/ -o model.onnx",
    "tinct classify train pictures/ -o model.onnx --network color_statistics --color-space all",
    "tinct classify train pictures/ -o failing.onnx --network small_cnn --color-space rgb --as-first-written",
    "tinct classify train table.csv -o model.onnx --weights squeezenet1_1.pth --time 30",
)
@takes(options_of(Asked))
def train(
    folder: Folder,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE.onnx", help="Write the model here.")],
    network: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Try only this network: color_statistics, color_first, small_cnn, long_kernels, two_branch or "
            "pretrained; may be given several times.",
        ),
    ] = None,
    color_space: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SPACE",
            help="Try only this colour space: rgb, hsv, hsl, lab, yuv, xyz, several joined by + (lab+hsv), or all for "
            "each of the six; may be given several times.",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            "--time",
            metavar="MINUTES",
            help="Set the time for everything; the simplest statistics are always tried. Default: 0.4 for up to 800 "
            "pictures, proportionally longer for more, at most 30.",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            help="Number of folds of the cross-validation; 1 measures on a fifth. Default: 5 below 600 pictures, 3 "
            "below 2000, else 1; or the validation split, if there is one.",
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(metavar="N", help="Number of passes over the pictures. Default: by network.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Only warn of augmentation that destroys the label, and go on.")
    ] = False,
    seed: Seed = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the model file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
    **given: Any,
) -> None:
    """Train a classifier of pictures with whatever method works best; the model file needs no PyTorch.

    Colour statistics and networks are tried, and the best is chosen by cross-validation or on the validation split. How
    much of its decision is colour is measured on the pictures in grey and with rotated hue. Stopped and run again, it
    continues.
    """
    require_extra("learn", "learning to recognise")
    from tinct.learn.recognize.candidates import Choices, fitting_of
    from tinct.learn.recognize.pick import train_classifier

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
    with kept_if_stopped(lambda: f"{GOES_ON} with the next candidate"), progress_of_steps() as advance:
        done = train_classifier(
            folder,
            output,
            choices=choices,
            overwrite=overwrite,
            progress=advance,
            report=None if as_json else lambda judged: say(_judged_line(judged)),
        )
    print_left_out(done.left_out)
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
        say(f"colour tests, balanced accuracy: {known}")
        for line in _meaning(done.card.color_tests, len(done.card.classes), metrics.get("learned_grey")):
            say(f"  {line}")
    say(f"calibrated at a temperature of {done.card.temperature:.2f}, on these same pictures; confidence and accuracy:")
    for part in metrics["reliability"]:
        say(f"  {100 * part['confidence']:5.1f} %  {100 * part['accuracy']:5.1f} %  of {part['count']}")
    if done.test is not None:
        low, high = done.test.interval
        say(f"test split: {100 * done.test.accuracy:.1f} % ({100 * low:.1f} to {100 * high:.1f})")
    say(f"{done.path}: written")


def _meaning(tests: dict[str, float], classes: int, learned_grey: float | None) -> list[str]:
    """Say in words what colour contributes: what the model loses in grey, and what can be learned without colour."""
    plain, grey, chance = tests["plain"], tests["grey"], 1 / classes
    if plain <= chance:
        return ["as good as chance with colour and without"]

    def lost(accuracy: float) -> float:
        return min(1.0, max(0.0, (plain - accuracy) / (plain - chance)))

    shown = f"on grey pictures, it loses {100 * lost(grey):.0f} % of its accuracy beyond chance"
    if learned_grey is None:
        return [f"{shown}; what can be learned in grey was not tried"]
    needed = lost(learned_grey)
    anew = f"trained on grey pictures, statistics are right in {100 * learned_grey:.1f} %"
    if needed <= LITTLE:
        meaning = "colour is not needed: the classes can be told apart in grey as well"
        meaning += ", though this model looks at colour" if lost(grey) > 0.5 else ""
    elif needed >= 1 - LITTLE:
        meaning = "colour is what tells the classes apart"
    else:
        meaning = f"{100 * needed:.0f} % of its accuracy beyond chance needs colour"
    return [f"{shown}; {anew}", meaning]

# ruff: noqa: RUF009 - `_asked` returns a field
"""`tinct classify train`, `doctor` and `labels`, which need the extra `learn`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinct.cli.options import Seed, examples, named_values, options_of, require_extra, takes
from tinct.cli.output import print_diagnosis, print_json, print_left_out, progress, progress_of_steps, say
from tinct.errors import SettingError
from tinct.stopping import GOES_ON, kept_if_stopped

if TYPE_CHECKING:
    from tinct.learn.recognize.pick import TrainedClassifier
    from tinct.learn.recognize.trial import Judged


LITTLE = 0.1  # a smaller share of the accuracy beyond chance counts as nothing
Folder = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER",
        help="A folder with one subfolder a class, or with train/, val/ and test/ that have such subfolders; or a .csv "
        "of paths, labels and splits.",
    ),
]


def _asked(metavar: str, text: str, default: Any = None) -> Any:
    return field(default=default, metadata={"metavar": metavar, "help": text})


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The options given on the command line; None means the network's own value."""

    size: str | None = _asked(
        "WxH", "Resize pictures to this size, or to squares of one edge. Default: their own, up to 128 pixels."
    )
    weights: str | None = _asked("FILE", "Take pretrained features from this file: .pth, .safetensors or .npz.")
    backbone: str = _asked("NAME", "The network of the weights: squeezenet1_1 or vgg16.", "squeezenet1_1")
    option: list[str] | None = _asked("NAME=VALUE", "Set an option of the network; may be given several times.")
    standardize: bool | None = _asked(
        "", "Subtract each channel's mean and divide by its standard deviation, or do not. Default: do."
    )
    scale: float | None = _asked("X", "Without standardising, multiply by this; 255 gives 0 to 255. Default: 1.")
    lr: float | None = _asked("RATE", "Set the learning rate. Default: by network.")
    optimizer: str | None = _asked("NAME", "Train with adamw, adam or sgd. Default: adamw.")
    schedule: str | None = _asked(
        "NAME", "Let the rate rise and fall (cosine), or keep it (constant). Default: cosine."
    )
    batch_size: int | None = _asked("N", "Take this many pictures a step. Default: 32.")
    as_first_written: bool = _asked(
        "",
        "Train networks like a typical first attempt: with Adam at a constant rate of 0.01 on values of 0 to 255, and "
        "nothing else.",
        False,
    )
    augment: list[str] | None = _asked(
        "NAME=VALUE",
        "Augment training pictures: flip, shift, brightness and mixup keep colours; hue, saturation, grey and "
        "per_image change them, and so destroy the label if colour separates the classes. 0 turns one off.",
    )

    def fitting(self, **more: Any) -> dict[str, Any]:
        """Return how networks are fitted, with more values of `Fitting`, as keywords of `fitting_of`."""
        values = {name: getattr(self, name) for name in ("standardize", "scale", "optimizer", "schedule", "batch_size")}
        return {
            "values": values | {"learning_rate": self.lr} | more,
            "augmentation": named_values(self.augment, flag="--augment"),
            "as_first_written": self.as_first_written,
        }

    def network(self) -> dict[str, Any]:
        """Return the network's size, pretrained weights and options.

        Raises:
            SettingError: the size or an option has the wrong form.
        """
        options = named_values(self.option)
        return {"size": size_of(self.size), "weights": self.weights, "backbone": self.backbone, "options": options}


def size_of(text: str | None, *, least: int = 16, most: int = 512) -> tuple[int, int] | None:
    """Read --size, one edge or WxH, as height and width.

    Raises:
        SettingError: it has another form, or an edge is below `least` or above `most`.
    """
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) == 1:
        parts *= 2
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and least <= int(part) <= most for part in parts):
        raise SettingError(f"--size needs one edge or WIDTHxHEIGHT, each {least} to {most} pixels, not '{text}'")
    return int(parts[1]), int(parts[0])


SHOWN = 10  # suspects on the screen


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


@examples("tinct classify labels pictures/", "tinct classify labels pictures/ -o looked-at/")
def labels(
    folder: Folder,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FOLDER", help="Write labels.csv, and labels.html with thumbnails, here."
        ),
    ] = None,
    seed: Seed = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """List the pictures whose labels look wrong, the likeliest first.

    Each picture is judged by colour statistics that were learned from others, and listed if these are as sure of
    another class as they are of that class's own pictures (confident learning). Look at them: some are merely unusual.
    """
    require_extra("learn", "looking for wrong labels")
    from tinct.learn.recognize.labels import find_wrong_labels
    from tinct.study.report.label_page import write_label_report

    with progress("Judging") as advance:
        report = find_wrong_labels(folder, seed=seed, progress=advance)
    print_left_out(report.left_out)
    written = write_label_report(report, output, overwrite=overwrite) if output is not None else []
    if as_json:
        rows = [{**vars(suspect), "path": str(suspect.path)} for suspect in report.suspects]
        print_json({**vars(report), "suspects": rows, "written": [str(place) for place in written]})
        return
    say(f"{len(report.suspects)} of {report.count} labels look wrong")
    known = f"{100 * report.accuracy:.1f} % of the labels (the largest class alone: {100 * report.chance:.1f} %)"
    say(f"statistics learned from other pictures agree with {known}")
    for suspect in report.suspects[:SHOWN]:
        say(f"  {suspect.path}: {suspect.label}, looks like {suspect.likely} ({100 * suspect.likely_share:.0f} %)")
    if len(report.suspects) > SHOWN:
        say(f"  and {len(report.suspects) - SHOWN} more" + ("" if written else "; -o FOLDER writes them all"))
    for place in written:
        say(f"{place}: written")

"""`tinct train`."""

from __future__ import annotations

import sys
from dataclasses import Field
from pathlib import Path
from typing import Annotated, Any

import typer

from tinct.cli.options import examples, named_values, option_of, require_extra, takes, type_of
from tinct.cli.output import print_diagnosis, progress, say
from tinct.errors import SettingError
from tinct.learn.settings import Augmentation, Training, settings


def _option(setting: Field[Any], default: Any) -> Any:
    """Return the option of a setting; None means not given, so that a resumed training keeps what it began with."""
    text, kind = setting.metadata["help"], str(setting.type)
    if default is True or setting.name == "noise":
        text += " Default: yes."
    elif isinstance(default, str | float | int) and default is not False:
        text += f" Default: {default}." if isinstance(default, str) else f" Default: {default:g}."
    if setting.name == "noise":
        type_: Any = bool
    else:
        type_ = list[str] if kind.startswith(("dict", "tuple[str")) else type_of(setting)
    return option_of(setting, type_ | None, text=text, show_default=False)


@examples(
    "tinct train datasets/mine --network tinct --out runs/mine",
    "tinct train datasets/mine --network colorunet --option width=32 --lr auto --out runs/wide",
    "tinct train datasets/mine --network vgg16 --encoder-weights vgg16.pth --task regression --space lab "
    "--out runs/vgg",
    "tinct train datasets/mine --network tinct --out runs/mine --resume",
    "tinct train datasets/mine --network tinct --out runs/mine --devices cpu:2",
    "torchrun --nnodes 2 --nproc-per-node 4 ... -m tinct train datasets/mine --network tinct --out runs/mine",
)
@takes({setting.name: (_option(setting, default), None) for setting, default in settings()})
def train(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATASET", help="A prepared dataset (a folder, http(s):// or s3://) or a folder of photos."
        ),
    ],
    out: Annotated[Path | None, typer.Option(metavar="RUN", help="Keep the training in this folder.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the state that was saved last.")] = False,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep decoded photographs and a frozen encoder's features here, for trainings to share.",
        ),
    ] = None,
    doctor: Annotated[
        bool,
        typer.Option("--doctor", help="Only find out by short experiments whether it would learn, and if not, why."),
    ] = False,
    **given: Any,
) -> None:
    """Train a network to colorize.

    RUN gets checkpoints, metrics (CSV and TensorBoard) and sample sheets after every epoch, a checkpoint also every ten
    minutes, and loss.png at the end. Without a terminal, a line is printed after each epoch. A training that was killed
    continues with --resume and keeps its settings; a finished one continues with --resume and more --epochs.
    """
    require_extra("learn", "training")
    changes = _changes({name: value for name, value in given.items() if value is not None and value != []})
    if doctor:
        _examine(Training(data=data).changed(changes))
        return
    if out is None:
        raise SettingError("name the training's folder with --out RUN")
    from tinct.learn.devices import rank
    from tinct.learn.networks.backbones import weights_sha256
    from tinct.learn.records import draw_losses, last_accuracies, worse_than_grey
    from tinct.learn.run import Run
    from tinct.learn.train import train as run

    begun = Run.open(out).training if resume else Training(data=data)
    training = begun.changed(changes)
    first = rank() == 0  # of several processes only one prints
    if training.encoder_weights is not None and not resume and first:
        print(f"encoder weights: {training.encoder_weights}, SHA-256 {weights_sha256(training.encoder_weights)}")
    run(training, out, resume=resume, cache=cache, progress=_progress_bar if sys.stderr.isatty() else _epoch_lines)
    if not first:
        return
    for line in last_accuracies(out):
        print(line)
    if warning := worse_than_grey(out):
        say(f"note: {warning}", on_stderr=True)
    draw_losses(out)
    print(f"{out}: trained; write a model file with  tinct export {out} -o model.onnx")


def _examine(training: Training) -> None:
    from tinct.learn.doctor.colorization import examine_with_data

    with progress("Examining") as advance:
        diagnosis = examine_with_data(training, progress=advance)
    print_diagnosis(diagnosis)


def _changes(given: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given as settings of a training."""
    changes = dict(given)
    if "options" in changes:
        changes["options"] = named_values(changes["options"])
    if "categories" in changes:
        changes["categories"] = tuple(changes["categories"])
    if "learning_rate" in changes:
        changes["learning_rate"] = _rate(changes["learning_rate"])
    if "noise" in changes:
        changes["noise"] = Augmentation.noise if changes["noise"] else ()
    return changes


def _rate(text: str) -> float | str:
    if text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        raise SettingError(f"--lr must be a number or auto, not '{text}'") from None


def _progress_bar() -> Any:
    from lightning.pytorch.callbacks import RichProgressBar

    return RichProgressBar(console_kwargs={"stderr": True})


def _epoch_lines() -> Any:
    from tinct.learn.records import EpochLines

    return EpochLines(lambda line: say(line, on_stderr=True))

"""`tinct train`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tinct.cli.learning_options import option_of, require_learn
from tinct.errors import SettingError

EPILOG = """Examples:

tinct train datasets/mine --network tinct --out runs/mine

tinct train datasets/mine --network colorunet --option width=32 --lr auto --out runs/wide

tinct train datasets/mine --network vgg16 --encoder-weights vgg16.pth --task regression --space lab --out runs/vgg

tinct train datasets/mine --network tinct --out runs/mine --resume"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(epilog=EPILOG)(train)


# The defaults of `tinct train` are those of `tinct.learn.run.Training`, told in the help. None means not given, so that
# a resumed training keeps what it was begun with.
TRAIN_HELP = {
    "network": "Train this network: flat, bottleneck, colorunet, tinct, vgg16, squeezenet1_1, efficientnet_lite0 or "
    "efficientnet_lite2. Default: tinct.",
    "option": "Set an option of the network; may be given several times.",
    "encoder_weights": "Start the encoder from this file of pretrained weights: .pth, .safetensors or .npz.",
    "from_scratch": "Start that encoder from nothing.",
    "task": "Predict colour bins, chroma itself, or the whole picture. Default: bins.",
    "space": "Choose the colour space. Default: yuv.",
    "grid": "Set the cells of the bins' grid along each axis. Default: 16.",
    "bins": "Keep so many colour bins. Default: 32.",
    "rebalance": "Set how alike rare and common bins weigh: 0 to 1, at 1 alike. Default: 0.4.",
    "resample": "Draw photographs of rare colours more often: 0 (all alike) to 1. Default: 0.",
    "subset": "Train on this share of the photographs. Default: 1.",
    "categories": "Train on this category only; may be given several times. Validation keeps all.",
    "epochs": "Pass so often over the photographs. Default: 30.",
    "batch_size": "Take so many photographs a step. Default: 32.",
    "lr": "Set the peak learning rate, or look for it. Default: 0.001.",
    "weight_decay": "Pull the convolutions' weights towards 0 by this. Default: 0.02.",
    "decay": "Let the rate fall over this last share of the steps. Default: 0.3.",
    "average": "Average the weights with this decay a step; 0 turns it off. Default: 0.998.",
    "clip": "Clip the gradient at this norm; 0 turns it off. Default: 1.",
    "crop": "Train on squares of this size. Default: 128.",
    "zoom": "Scale the shorter edge to at most this times the square. Default: 1.75.",
    "flip": "Mirror half of the photographs. Default: yes.",
    "random_crop": "Crop and scale at random. Default: yes.",
    "noise": "Add grain of several strengths. Default: yes.",
    "contrast": "Vary contrast by this, 0 for not at all. Default: 0.25.",
    "brightness": "Vary brightness by this, 0 for not at all. Default: 0.1.",
    "film": "Show this share of the photographs as early film saw them, blind to red. Default: 0.",
    "fading": "Show this share of them faded, dark or bright. Default: 0.",
    "blur": "Show this share of them out of focus. Default: 0.",
    "softness": "Spread each colour over the bins around it by this many grid cells, 0 for not at all. Default: 0.",
    "encoder_rate": "Let a pretrained encoder learn at this share of the rate. Default: 1.",
    "seed": "Set the seed of all that is random. Default: 0.",
    "workers": "Read photographs in so many processes. Default: 2.",
    "val": "Keep this share of a plain folder for validation. Default: 0.1.",
    "precision": "Compute in this precision; auto: bf16 where it is fast. Default: auto.",
    "devices": "Train on these devices. Default: auto, all accelerators or else the processor.",
    "limit": "Take so many photographs an epoch at most. Default: all.",
    "epoch_steps": "Take so many steps an epoch, however many photographs there are.",
    "minutes": "Stop after so many minutes, if the epochs have not passed by then.",
    "init": "Start from the weights and bins of this model: name, .onnx or .safetensors.",
}


def _setting(name: str, metavar: str, *flags: str) -> Any:
    return typer.Option(*flags, metavar=metavar, help=TRAIN_HELP[name], show_default=False)


def train(
    data: Annotated[
        str,
        typer.Argument(metavar="DATASET", help="A prepared dataset (folder or http(s) address) or a folder of photos."),
    ],
    out: Annotated[Path | None, typer.Option("--out", metavar="RUN", help="Keep the training in this folder.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last finished epoch.")] = False,
    network: Annotated[str | None, _setting("network", "NAME")] = None,
    options: Annotated[list[str] | None, _setting("option", "NAME=VALUE", "--option")] = None,
    encoder_weights: Annotated[Path | None, _setting("encoder_weights", "FILE")] = None,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help=TRAIN_HELP["from_scratch"])] = False,
    task: Annotated[str | None, _setting("task", "bins|regression|rgb")] = None,
    space: Annotated[str | None, _setting("space", "yuv|lab")] = None,
    grid: Annotated[int | None, _setting("grid", "N")] = None,
    bins: Annotated[int | None, _setting("bins", "N")] = None,
    rebalance: Annotated[float | None, _setting("rebalance", "LAMBDA")] = None,
    resample: Annotated[float | None, _setting("resample", "SHARE")] = None,
    subset: Annotated[float | None, _setting("subset", "SHARE")] = None,
    categories: Annotated[list[str] | None, _setting("categories", "NAME")] = None,
    epochs: Annotated[int | None, _setting("epochs", "N")] = None,
    batch_size: Annotated[int | None, _setting("batch_size", "N")] = None,
    lr: Annotated[str | None, _setting("lr", "RATE|auto")] = None,
    weight_decay: Annotated[float | None, _setting("weight_decay", "X")] = None,
    decay: Annotated[float | None, _setting("decay", "SHARE")] = None,
    average: Annotated[float | None, _setting("average", "X")] = None,
    clip: Annotated[float | None, _setting("clip", "NORM")] = None,
    crop: Annotated[int | None, _setting("crop", "PIXELS")] = None,
    zoom: Annotated[float | None, _setting("zoom", "X")] = None,
    flip: Annotated[bool | None, typer.Option(help=TRAIN_HELP["flip"], show_default=False)] = None,
    random_crop: Annotated[bool | None, typer.Option(help=TRAIN_HELP["random_crop"], show_default=False)] = None,
    noise: Annotated[bool | None, typer.Option(help=TRAIN_HELP["noise"], show_default=False)] = None,
    contrast: Annotated[float | None, _setting("contrast", "SHARE")] = None,
    brightness: Annotated[float | None, _setting("brightness", "SHARE")] = None,
    film: Annotated[float | None, _setting("film", "SHARE")] = None,
    fading: Annotated[float | None, _setting("fading", "SHARE")] = None,
    blur: Annotated[float | None, _setting("blur", "SHARE")] = None,
    softness: Annotated[float | None, _setting("softness", "CELLS")] = None,
    encoder_rate: Annotated[float | None, _setting("encoder_rate", "SHARE")] = None,
    seed: Annotated[int | None, _setting("seed", "N")] = None,
    workers: Annotated[int | None, _setting("workers", "N")] = None,
    val: Annotated[float | None, _setting("val", "SHARE")] = None,
    precision: Annotated[str | None, _setting("precision", "auto|bf16|float32")] = None,
    devices: Annotated[str | None, _setting("devices", "auto|cpu|N")] = None,
    limit: Annotated[int | None, _setting("limit", "N")] = None,
    epoch_steps: Annotated[int | None, _setting("epoch_steps", "N")] = None,
    minutes: Annotated[float | None, _setting("minutes", "M")] = None,
    initial: Annotated[str | None, _setting("init", "MODEL", "--init")] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keep decoded photographs and a frozen encoder's features here, for trainings to share.",
        ),
    ] = None,
    doctor: Annotated[
        bool,
        typer.Option("--doctor", help="Train nothing: find out by short experiments why it would or would not learn."),
    ] = False,
) -> None:
    """Train a network to colorize.

    Keep checkpoints, metrics (CSV and TensorBoard) and sample sheets in RUN after every epoch. A training that was
    killed goes on with --resume and keeps its settings; a finished one goes further with --resume and more --epochs.
    """
    given = {name: value for name, value in locals().items() if value is not None}
    for name in ("out", "resume", "cache", "doctor"):
        given.pop(name, None)
    require_learn("training")
    if doctor:
        from tinct.cli.diagnosis import examine_colorization

        examine_colorization(data, _changes(given))
        return
    if out is None:
        raise SettingError("name the training's folder with --out RUN")
    from tinct.learn.networks.backbones import weights_sha256
    from tinct.learn.records import last_accuracies
    from tinct.learn.run import Run, Training
    from tinct.learn.train import train as run

    begun = Run.open(out).training if resume else Training(data=data)
    training = begun.changed(_changes(given))
    if training.encoder_weights is not None and not resume:
        print(f"encoder weights: {training.encoder_weights}, SHA-256 {weights_sha256(training.encoder_weights)}")
    run(training, out, resume=resume, cache=cache, progress=_progress_bar if sys.stderr.isatty() else None)
    for line in last_accuracies(out):
        print(line)
    print(f"{out}: trained; write a model file with  tinct export {out} -o model.onnx")


def _changes(given: dict[str, Any]) -> dict[str, Any]:
    """Turn the options that were given into settings of a training."""
    changes = dict(given)
    if "options" in changes:
        changes["options"] = dict(option_of(text) for text in changes["options"])
    if "categories" in changes:
        changes["categories"] = tuple(changes["categories"])
    if "encoder_weights" in changes:
        changes["encoder_weights"] = str(changes["encoder_weights"])
    if not changes["from_scratch"]:
        del changes["from_scratch"]
    if "lr" in changes:
        changes["learning_rate"] = _rate(changes.pop("lr"))
    if "noise" in changes:
        from tinct.learn.augment import Augmentation

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

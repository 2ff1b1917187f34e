"""`tinct prepare`, `tinct train` and `tinct export`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from tinct.cli.output import print_json, progress
from tinct.errors import MissingExtraError, SettingError

PREPARE_EPILOG = """Examples:

tinct prepare photos/ -o datasets/mine

tinct prepare sun/ flickr/ --categories coast --categories field -o datasets/coast"""

TRAIN_EPILOG = """Examples:

tinct train datasets/mine --network tinct --out runs/mine

tinct train datasets/mine --network colorunet --option width=32 --lr auto --out runs/wide

tinct train datasets/mine --network tinct --out runs/mine --resume"""

EXPORT_EPILOG = """Examples:

tinct export runs/mine -o mine.onnx

tinct export runs/mine -o mine.onnx --half --temperature 0.4 --overwrite"""


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command(epilog=PREPARE_EPILOG)(prepare)
    app.command(epilog=TRAIN_EPILOG)(train)
    app.command(epilog=EXPORT_EPILOG)(export)


def _require_learn(what: str) -> None:
    import importlib.util

    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("lightning") is None:
        raise MissingExtraError("learn", what)


def _option(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign:
        raise SettingError(f"--option needs NAME=VALUE, not '{text}'")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def prepare(
    sources: Annotated[list[Path], typer.Argument(metavar="SRC...", help="Folders of photographs, to any depth.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DATASET", help="Make this dataset folder.")],
    size: Annotated[int, typer.Option(metavar="PIXELS", help="Fit photographs into this square; enlarge none.")] = 256,
    val: Annotated[float, typer.Option(metavar="SHARE", help="Keep this share for validation: 0 to 0.5.")] = 0.1,
    seed: Annotated[int, typer.Option(metavar="N", help="Set the seed of order and split.")] = 0,
    categories: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Take only this subfolder; may be given several times.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Make a dataset from folders of photographs: fitted, split, screened and packed.

    Leave out unreadable, near-grey, toned, tiny and duplicate photographs and cut frames off; rejected.csv lists them.
    Run again after an interruption, it goes on.
    """
    _require_learn("preparing a dataset")
    from tinct.learn.prepare import prepare as run

    with progress("Preparing") as advance:
        made = run(sources, output, size=size, val=val, seed=seed, categories=categories, progress=advance)
    if as_json:
        print_json({**vars(made), "path": str(made.path)})
    else:
        print(f"{made.path}: {made.train} photographs to train on, {made.val} to validate on")
        print(f"left out {made.rejected}, freed of frames {made.cropped}: see {made.path / 'rejected.csv'}")


Network = Annotated[str, typer.Option(metavar="NAME", help="Train this network: flat, bottleneck, colorunet or tinct.")]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="Set an option of the network; may be given several times."),
]


def train(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATASET", help="A prepared dataset (a folder or http(s) address) or a folder of photos."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="Keep the training in this folder.")],
    network: Network = "tinct",
    options: Options = None,
    task: Annotated[
        str, typer.Option(metavar="bins|regression", help="Predict colour bins, or chroma itself.")
    ] = "bins",
    space: Annotated[str, typer.Option(metavar="yuv|lab", help="Choose the colour space.")] = "yuv",
    grid: Annotated[int, typer.Option(metavar="N", help="Set the cells of the bins' grid along each axis.")] = 16,
    bins: Annotated[int, typer.Option(metavar="N", help="Keep so many colour bins.")] = 32,
    rebalance: Annotated[
        float, typer.Option(metavar="LAMBDA", help="Set how alike rare and common bins weigh: 0 to 1, at 1 alike.")
    ] = 0.4,
    epochs: Annotated[int, typer.Option(metavar="N", help="Pass so often over the photographs.")] = 30,
    batch_size: Annotated[int, typer.Option(metavar="N", help="Take so many photographs a step.")] = 32,
    lr: Annotated[str, typer.Option(metavar="RATE|auto", help="Set the peak learning rate, or look for it.")] = "0.001",
    decay: Annotated[
        float, typer.Option(metavar="SHARE", help="Let the rate fall over this last share of the steps.")
    ] = 0.3,
    crop: Annotated[int, typer.Option(metavar="PIXELS", help="Train on squares of this size.")] = 128,
    flip: Annotated[bool, typer.Option(help="Mirror half of the photographs.")] = True,
    random_crop: Annotated[bool, typer.Option(help="Crop and scale at random.")] = True,
    noise: Annotated[bool, typer.Option(help="Add grain of several strengths.")] = True,
    contrast: Annotated[float, typer.Option(metavar="SHARE", help="Vary contrast by this, 0 for not at all.")] = 0.25,
    brightness: Annotated[
        float, typer.Option(metavar="SHARE", help="Vary brightness by this, 0 for not at all.")
    ] = 0.1,
    seed: Annotated[int, typer.Option(metavar="N", help="Set the seed of all that is random.")] = 0,
    workers: Annotated[int, typer.Option(metavar="N", help="Read photographs in so many processes.")] = 2,
    precision: Annotated[
        str, typer.Option(metavar="auto|bf16|float32", help="Compute in this precision; auto: bf16 where it is fast.")
    ] = "auto",
    devices: Annotated[str, typer.Option(metavar="auto|cpu|N", help="Train on these devices.")] = "auto",
    limit: Annotated[int | None, typer.Option(metavar="N", help="Take so many photographs an epoch at most.")] = None,
    initial: Annotated[
        Path | None, typer.Option("--init", metavar="FILE", help="Start from the weights of this .safetensors file.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last finished epoch.")] = False,
) -> None:
    """Train a network to colorize.

    Keep checkpoints, metrics (CSV and TensorBoard) and sample sheets in RUN after every epoch. A training that was
    killed goes on with --resume; a finished one goes further with --resume and more --epochs.
    """
    _require_learn("training")
    from tinct.learn.augment import Augmentation
    from tinct.learn.run import Training
    from tinct.learn.train import train as run

    augmentation = Augmentation(
        flip=flip,
        crop=random_crop,
        noise=Augmentation.noise if noise else (),
        contrast=contrast,
        brightness=brightness,
    )
    training = Training(
        data=data,
        network=network,
        options=dict(_option(text) for text in options or []),
        task=task,
        space=space,
        grid=grid,
        bins=bins,
        rebalance=rebalance,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=_rate(lr),
        decay=decay,
        crop=crop,
        augmentation=augmentation,
        seed=seed,
        workers=workers,
        precision=precision,
        devices=devices,
        limit=limit,
    )
    run(training, out, resume=resume, initial=initial, progress=_progress_bar if sys.stderr.isatty() else None)
    print(f"{out}: trained; write a model file with  tinct export {out} -o model.onnx")


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


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a training.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Write this .onnx file.")],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name the model. Default: as the file.")] = None,
    checkpoint: Annotated[
        str, typer.Option(metavar="last|best", help="Take the last epoch or the one of lowest validation loss.")
    ] = "last",
    size: Annotated[int, typer.Option(metavar="PIXELS", help="Set the size at which the network looks.")] = 192,
    temperature: Annotated[
        float, typer.Option(metavar="T", help="Set the default temperature: towards 0 vivid, at 1 muted.")
    ] = 0.5,
    half: Annotated[bool, typer.Option("--half", help="Store the weights in half precision.")] = False,
    description: Annotated[str, typer.Option(metavar="TEXT", help="Say in a sentence what the model is for.")] = "",
    licence: Annotated[str, typer.Option(metavar="NAME", help="Name the terms of use.")] = "MIT",
    metrics: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Put figures into the card: a JSON file, as `tinct evaluate --json` prints."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there already.")] = False,
) -> None:
    """Write a training as a model file (.onnx) and its twin to train on from (.safetensors).

    The file is compared with PyTorch on noise and on photographs, and not written if they differ.
    """
    _require_learn("exporting a model")
    from tinct.learn.export import export as write
    from tinct.learn.export import read_metrics

    write(
        run,
        output,
        name=name,
        checkpoint=checkpoint,
        working_size=size,
        temperature=temperature,
        half=half,
        description=description,
        licence=licence,
        metrics=read_metrics(metrics) if metrics else None,
        overwrite=overwrite,
    )
    print(f"{output}  {output.stat().st_size / 1e6:.1f} MB, and its twin {output.with_suffix('.safetensors')}")

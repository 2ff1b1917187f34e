"""`tinct export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.cli.options import examples, require_extra


@examples(
    "tinct export runs/mine -o mine.onnx",
    "tinct export runs/mine -o mine.onnx --half --temperature 0.4 --overwrite",
)
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a training.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Write this .onnx file.")],
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Name the model. Default: the file's name.")] = None,
    checkpoint: Annotated[
        str, typer.Option(metavar="last|best", help="Take the last epoch or the one of lowest validation loss.")
    ] = "last",
    size: Annotated[int, typer.Option(metavar="PIXELS", help="Set the size at which it sees pictures.")] = 192,
    temperature: Annotated[
        float, typer.Option(metavar="T", help="Set the default temperature: towards 0 vivid, at 1 muted.")
    ] = 0.5,
    caution: Annotated[
        float, typer.Option(metavar="X", help="Set how much colour fades where opposite hues are likely: 0 to 4.")
    ] = 0.0,
    unweigh: Annotated[
        float, typer.Option(metavar="SHARE", help="Undo this share of the extra weight of rare colours: 0 to 1.")
    ] = 0.0,
    risk: Annotated[
        float,
        typer.Option(
            metavar="X",
            help="Decode to the colour with the least expected error, instead of to the mean; X is the softness of the "
            "minimum in CIEDE2000.",
        ),
    ] = 0.0,
    views: Annotated[
        int,
        typer.Option(metavar="1|2|4", help="Set how many views of a photograph are averaged."),
    ] = 1,
    half: Annotated[bool, typer.Option("--half", help="Store the weights in half precision.")] = False,
    description: Annotated[str, typer.Option(metavar="TEXT", help="Say in a sentence what the model is for.")] = "",
    licence: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name the terms of use. Default: MIT, or those of pretrained weights in it."),
    ] = None,
    metrics: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Put figures into the card: a JSON file, as `tinct evaluate --json` prints."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Write a training as a model file (.onnx), with a twin (.safetensors) from which training can continue.

    The model file is compared with PyTorch on noise and on photographs, and not written if they differ.
    """
    require_extra("learn", "exporting a model")
    from tinct.learn.export import Export, read_metrics
    from tinct.learn.export import export as write

    settings = Export(
        name=name,
        checkpoint=checkpoint,
        working_size=size,
        temperature=temperature,
        caution=caution,
        unweigh=unweigh,
        risk=risk,
        views=views,
        half=half,
        description=description,
        licence=licence,
        metrics=read_metrics(metrics) if metrics else {},
    )
    card = write(run, output, settings, overwrite=overwrite)
    if card.training["encoder"]:
        print(
            f"holds pretrained weights from {card.training['encoder']['name']}: check their terms before you share it"
        )
    print(f"{output}  {output.stat().st_size / 1e6:.1f} MB, and its twin {output.with_suffix('.safetensors')}")

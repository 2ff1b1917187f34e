"""Options that `tinct colorize`, `video`, `serve` and `turing` share."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def _denoise(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


Model = Annotated[
    str, typer.Option(metavar="NAME|FILE", help="Use this model: a name that `tinct models` lists, or a model file.")
]
Temperature = Annotated[
    float | None,
    typer.Option(metavar="T", help="Set how vivid: towards 0 more, at 1 muted. Default: the model's own."),
]
Caution = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        help="Fade colours where opposite hues are likely: 0 not at all, 1 much. Default: the model's own.",
    ),
]
Cautious = Annotated[
    bool, typer.Option("--cautious", help="Fade colours wherever the network is unsure of the hue, as --caution 2.")
]
Size = Annotated[
    int | None,
    typer.Option(metavar="PIXELS", help="Set the size at which the network looks. Default: the model's own."),
]
Denoise = Annotated[
    Any,
    typer.Option(parser=_denoise, metavar="auto|off|N", help="Denoise what the network sees, never the picture."),
]
Runtime = Annotated[str, typer.Option(metavar="auto|onnxruntime|openvino", help="Choose what runs the network.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there already.")]

"""`tinct demo`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tinct.cli.options import examples, options_of, takes
from tinct.cli.output import shown_rows
from tinct.coloring.settings import Decoding


@examples("tinct demo", "tinct demo -o look --model run/model.onnx")
@takes(options_of(Decoding, "model"))
def demo(
    output: Annotated[str, typer.Option("-o", "--output", metavar="FOLDER", help="Write to this folder.")] = "demo",
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for each picture.")] = False,
    **decoding: Any,
) -> None:
    """Colorize the photographs that come with scikit-image and scikit-learn.

    They are made grey first. Each result is written with a sheet that shows it between the grey picture and the
    original. Nothing is downloaded.
    """
    from tinct.coloring.photo.demo import colorize_demo

    with shown_rows("Colorizing", as_json=as_json) as show:
        colorize_demo(output, on_row=show, **decoding)

"""`tinct demo`: a first look on photographs that are installed already."""

from __future__ import annotations

from typing import Annotated

import typer

from tinct.cli.coloring_options import Model
from tinct.cli.output import shown_rows
from tinct.runtime import DEFAULT_MODEL

EPILOG = """Examples:

tinct demo

tinct demo -o look --model run/model.onnx"""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(epilog=EPILOG)(demo)


def demo(
    output: Annotated[str, typer.Option("-o", "--output", metavar="FOLDER", help="Write to this folder.")] = "demo",
    model: Model = DEFAULT_MODEL,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for each picture.")] = False,
) -> None:
    """Colorize the photographs that come with scikit-image and scikit-learn.

    Make them grey first, and write each result beside a sheet of before, after and the truth. Download nothing.
    """
    from tinct.coloring.photo.demo import colorize_demo

    with shown_rows("Colorizing", as_json=as_json) as show:
        colorize_demo(output, model=model, on_row=show)

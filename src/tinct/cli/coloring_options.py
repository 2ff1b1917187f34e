"""Options that the verbs that run a network share: the fields of `Decoding`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tinct.coloring.settings import help_of, metavar_of


def _denoise(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _option(name: str, **more: Any) -> Any:
    return typer.Option(metavar=metavar_of(name), help=help_of(name), **more)


Model = Annotated[str, _option("model")]
Temperature = Annotated[float | None, _option("temperature")]
Caution = Annotated[float | None, _option("caution")]
Cautious = Annotated[bool, typer.Option("--cautious", help=help_of("cautious"))]
Size = Annotated[int | None, _option("size")]
Views = Annotated[int | None, _option("views")]
Denoise = Annotated[Any, _option("denoise", parser=_denoise)]
Runtime = Annotated[str, _option("runtime")]
Threads = Annotated[int | None, _option("threads")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there already.")]

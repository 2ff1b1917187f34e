"""`tinct suggest`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tinct.cli.options import examples, options_of, takes
from tinct.cli.output import print_json, say
from tinct.coloring.settings import Decoding


@examples(
    "tinct suggest grandmother.jpg",
    "tinct suggest grandmother.jpg -o points.png --count 8",
    "tinct suggest grandmother.jpg --hint 25%,60%=#b03020 --json",
)
@takes(options_of(Decoding, "model", "size", "views", "denoise", "tones", "frames", "negative", "runtime", "threads"))
def suggest(
    picture: Annotated[str, typer.Argument(metavar="INPUT", help="A black-and-white photograph.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write the picture with the points and colours marked."),
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", metavar="N", help="Suggest at most this many points.")] = 5,
    hint: Annotated[
        list[str], typer.Option("--hint", metavar="X,Y=#RRGGBB", help="A colour known already; may be repeated.")
    ] = [],  # noqa: B006 - Typer makes a new list
    hints: Annotated[
        str | None, typer.Option("--hints", metavar="FILE", help="Read colours known already from this file.")
    ] = None,
    recolor: Annotated[bool, typer.Option("--recolor", help="Accept a picture that has colours already.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing picture.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
    **values: Any,
) -> None:
    """Say where a hint would help most, and which colours are plausible there.

    Give a point to `tinct colorize` as `--hint`, with one of these colours or another.
    """
    from tinct.coloring.hints.hint import gather_hints
    from tinct.coloring.photo.suggest import suggest_for

    points = suggest_for(
        picture,
        marked=output,
        count=count,
        hints=gather_hints(hint, hints),
        recolor=recolor,
        overwrite=overwrite,
        decoding=Decoding(**values),
    )
    if as_json:
        print_json({"source": picture, "points": [point.to_json() for point in points]})
        return
    for point in points:
        say(point.text())
    if output is not None:
        say(str(output))

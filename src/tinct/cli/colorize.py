"""`tinct colorize`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from tinct.cli.options import EngineName, RayAddress, examples, options_of, takes
from tinct.cli.output import exit_by, print_row, print_sum, shown_rows
from tinct.coloring.settings import PhotoSettings


@examples(
    "tinct colorize grandmother.jpg",
    "tinct colorize album/ --recursive -o coloured/",
    "tinct colorize archive/ -r -o coloured/ --engine ray --update",
    "tinct colorize s3://bucket/scans -r -o s3://bucket/coloured",
    "tinct colorize 'scans/*.tif' --compare --temperature 0.5",
    "tinct colorize grandmother.jpg --hint 25%,60%=#b03020 --overwrite",
    "tinct colorize grandmother.jpg --explain --overwrite",
    "tinct colorize - < old.png > new.png",
)
@takes(options_of(PhotoSettings))
def colorize(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT",
            help="Files, folders, patterns such as 'album/*.jpg', addresses such as s3://bucket/folder, or - for "
            "stdin.",
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE|FOLDER",
            help="Write to this file, folder or address, or - for stdout. Default: NAME_color.EXT beside each picture.",
        ),
    ] = None,
    hint: Annotated[
        list[str],
        typer.Option(
            "--hint",
            metavar="X,Y=#RRGGBB",
            help="Say which colour is where, in pixels (120,340=#b03020) or per cent (25%,60%=#b03020); may be "
            "repeated.",
        ),
    ] = [],  # noqa: B006 - Typer makes a new list
    hints: Annotated[
        str | None,
        typer.Option(
            "--hints", metavar="FILE", help="Read hints from this .json, or from strokes painted on a transparent .png."
        ),
    ] = None,
    recursive: Annotated[bool, typer.Option("-r", "--recursive", help="Look into subfolders too.")] = False,
    engine: EngineName = "local",
    ray_address: RayAddress = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one line of JSON for each picture (on stderr if the picture goes to stdout)."
        ),
    ] = False,
    **options: Any,
) -> None:
    """Colorize photographs at their full resolution.

    Pictures that already have colours are skipped, and existing results are kept. If a picture fails, the others are
    still colorized, and the exit status is 1. A last line counts all of these. `tinct status` shows what became of the
    pictures in an output folder.
    """
    from tinct.actors import Engine
    from tinct.coloring.hints.hint import gather_hints
    from tinct.coloring.photo.batch import colorize_files, colorize_stream
    from tinct.coloring.photo.plan import count_unseen

    way = Engine(name=engine, ray_address=ray_address)
    settings = PhotoSettings(hints=gather_hints(hint, hints), **options)
    if "-" in inputs or output == "-":
        row = colorize_stream(
            inputs,
            output=output,
            recursive=recursive,
            settings=settings,
            stdin=sys.stdin.buffer,
            stdout=sys.stdout.buffer,
        )
        print_row(row, as_json=as_json, results_on_stderr=row.target is None)
        return
    with shown_rows("Colorizing", as_json=as_json) as show:
        rows = colorize_files(inputs, output=output, recursive=recursive, settings=settings, engine=way, on_row=show)
    files, folders = count_unseen(inputs, recursive=recursive)
    news = files or folders or (len(rows) > 1 and any(row.status != "colorized" for row in rows))
    if news and not as_json:
        print_sum(rows, files=files, folders=folders)
    exit_by(rows)

"""Photographs: `tinct colorize`, `status` of what was made, `suggest` hints, `demo`, and the `models` for it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinct.cli.options import EngineName, RayAddress, examples, options_of, takes
from tinct.cli.output import exit_by, print_json, print_row, print_sum, say, shown_rows, table_of
from tinct.coloring.settings import Decoding, PhotoSettings

if TYPE_CHECKING:
    from tinct.runtime.modelfile import Card


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


@examples(
    "tinct status coloured/",
    "tinct status s3://bucket/coloured",
    "tinct status coloured/ --json | jq -r 'select(.status == \"failed\") | .source'",
    "tinct status coloured/ --parquet coloured.parquet",
)
def status(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER", help="A folder of results, or its address: the -o of tinct colorize or tinct video."
        ),
    ],
    parquet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the manifest as a Parquet file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for each picture or film.")] = False,
) -> None:
    """Show what became of the pictures or films of a folder: done, failed, missing, changed since, or in progress."""
    from tinct.coloring.photo.mirror import mirrored_results
    from tinct.coloring.photo.status import read_manifest, write_parquet

    with mirrored_results(folder) as (place, told):
        if as_json:
            for record in read_manifest(place):
                print_json({**record.to_json(), "target": record.target and told(record.target)})
        else:
            _print_status(place, named=folder)
        if parquet is not None:
            count = write_parquet(place, parquet)
            say(f"{parquet}  {count} pictures", on_stderr=as_json)


def _print_status(folder: str, *, named: str) -> None:
    from rich.console import Console

    from tinct.coloring.photo.status import summarize

    summary = summarize(folder)
    console = Console()
    rows = [(name, str(count)) for name, count in summary.statuses.most_common()]
    console.print(
        table_of([("status", summary.noun), *rows], title=f"{named}: {summary.statuses.total()} {summary.noun}")
    )
    for (model, settings), count in summary.made_by.most_common():
        say(f"{count} made by {model}: {settings}")
    if done := summary.statuses["colorized"]:
        together = f"{summary.seconds / 3600:.2f} h" if summary.seconds > 600 else f"{summary.seconds:.1f} s"
        unit = "a film" if summary.noun == "films" else "a picture"
        say(f"{summary.seconds / done:.2f} s {unit} in one worker, {together} together")
    if summary.running:
        say("a run is using this folder now")
    for source, message in summary.failures:
        say(f"failed: {message or source}")
    if summary.statuses["failed"] > len(summary.failures):
        say(f"and {summary.statuses['failed'] - len(summary.failures)} more failed: --json shows them")


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


@examples(
    "tinct models",
    "tinct models photo",
    "tinct models run/model.onnx --json",
)
def models(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME|FILE", help="Show these models. Default: all that come with tinct."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each whole card as one line of JSON.")] = False,
) -> None:
    """List the models that come with tinct, and what each says about itself."""
    from tinct.runtime.modelfile import list_models, read_card

    for name in names or list_models():
        card = read_card(name)
        if as_json:
            print_json(asdict(card))
        else:
            _print_card(name, card, whole=bool(names))


def _print_card(name: str, card: Card, *, whole: bool) -> None:
    kind = f"{len(card.bins['centers'])} colour bins" if card.bins else "chroma directly"
    print(f"{name}  {card.description}")
    print(
        f"    network {card.network}, {kind} in {card.space}, sees {card.working_size} pixels"
        f"{f', {card.views} views of a photograph' if card.views > 1 else ''}"
    )
    print(
        f"    temperature {card.temperature:g}, caution {card.caution:g}, licence {card.licence or '-'}, "
        f"made {card.created or '-'}"
    )
    if whole:
        for part in ("data", "training", "metrics"):
            for key, value in getattr(card, part).items():
                print(f"    {part}: {key}: {value}")

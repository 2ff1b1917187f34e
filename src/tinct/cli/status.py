"""`tinct status`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.cli.options import examples
from tinct.cli.output import print_json, say, table_of


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

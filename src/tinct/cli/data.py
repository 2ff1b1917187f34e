"""`tinct data`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinct.cli.options import Seed, examples
from tinct.cli.output import print_findings, print_json, progress, say, table_of

if TYPE_CHECKING:
    from tinct.data.findings import DataReport


SHOWN_CATEGORIES = 12


@examples(
    "tinct data datasets/mine",
    "tinct data datasets/mine --model photo -o looked-at/",
    "tinct data photos/ -o photos.html --strict",
)
def data(
    dataset: Annotated[
        Path,
        typer.Argument(
            metavar="DATASET|FOLDER",
            help="A dataset, or a folder of photographs; its subfolders train, val and test are splits.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FOLDER|FILE.html",
            help="Write the report as a page, or page, sample sheet, JSON and list of duplicates into a folder.",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(metavar="MODEL", help="Also compare with this model's colour bins; may be given several times."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="Look at this number of pictures of each split, chosen at random.")
    ] = None,
    seed: Seed = 0,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with status 1 if there is any warning.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Look for what would spoil a training (leaks, copies, grey pictures, imbalance), each with its remedy."""
    from tinct.data.survey import inspect_data
    from tinct.study.report.data_page import write_report

    with progress("looking") as advance:
        report = inspect_data(dataset, models=model or (), limit=limit, seed=seed, progress=advance)
    written = write_report(report, output) if output is not None else []
    if as_json:
        print_json(report.to_json())
    else:
        _print_report(report)
        for path in written:
            say(str(path))
    if strict and report.warnings:
        raise typer.Exit(1)


def _print_report(report: DataReport) -> None:
    from rich.console import Console
    from rich.text import Text

    from tinct.study.report.data_page import COVERAGE_LEGEND, category_rows, coverage_rows, fact_rows

    console = Console()
    console.print(table_of(fact_rows(report), title=report.data))
    categories = list(category_rows(report))
    if len(categories) > 2:
        console.print(table_of(categories[: SHOWN_CATEGORIES + 1], title="sources and categories"))
        if len(categories) > SHOWN_CATEGORIES + 1:
            console.print(f"and {len(categories) - SHOWN_CATEGORIES - 1} more")
    console.print(table_of(coverage_rows(report), title="colour bins"))
    console.print(COVERAGE_LEGEND, style="dim", highlight=False)
    console.print("\npalette:", end="")
    for color, share in report.palette:
        console.print(Text.assemble("  ", ("   ", f"on {color}"), f" {color} {share:.0%}"), end="", soft_wrap=True)
    console.print()
    print_findings(report.warnings, none="no warnings")

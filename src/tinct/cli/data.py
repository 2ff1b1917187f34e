"""Photographs to train on: `tinct prepare`, `tinct data`, `tinct bins`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinct.cli.options import Limit, Seed, Split, examples
from tinct.cli.output import print_findings, print_json, print_left_out, progress, say, table_of

if TYPE_CHECKING:
    from tinct.color.bins import ColorBins
    from tinct.data.findings import DataReport


SHOWN_CATEGORIES = 12


@examples(
    "tinct prepare photos/ -o datasets/mine",
    "tinct prepare sun/ flickr/ --categories coast --categories field -o datasets/coast",
)
def prepare(
    sources: Annotated[list[Path], typer.Argument(metavar="SRC...", help="Folders of photographs, to any depth.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DATASET", help="Make this dataset folder.")],
    size: Annotated[
        int, typer.Option(metavar="PIXELS", help="Shrink photographs to fit into this square; enlarge none.")
    ] = 256,
    val: Annotated[float, typer.Option(metavar="SHARE", help="Keep this share for validation: 0 to 0.5.")] = 0.1,
    seed: Annotated[int, typer.Option(metavar="N", help="Set the random seed of order and split.")] = 0,
    categories: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Take only this subfolder; may be given several times.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="near-grey|toned", help="Take this kind of photographs, too; may be given several times."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")] = False,
) -> None:
    """Make a dataset from folders of photographs: shrunk, split, screened and packed.

    Unreadable, near-grey, toned, tiny and duplicate photographs (mirrored copies too) are left out, and frames are cut
    off; rejected.csv lists these photographs, and rejected.jpg shows those that lack colours.
    Run again after an interruption, it continues.
    """
    from tinct.data.prepare import prepare as run
    from tinct.data.rules import FEW_TO_VALIDATE

    with progress("Preparing") as advance:
        dataset = run(
            sources,
            output,
            size=size,
            val=val,
            seed=seed,
            categories=categories,
            keep=keep or (),
            progress=advance,
        )
    if val > 0 and dataset.val < FEW_TO_VALIDATE:
        say(
            f"note: {dataset.val} photographs to validate on are few: differences show from {FEW_TO_VALIDATE} on, "
            "better from 500; give more, or prepare into a new folder with a larger --val",
            on_stderr=True,
        )
    if as_json:
        print_json({**vars(dataset), "path": str(dataset.path)})
    else:
        tests = f", {dataset.test} to test on" if dataset.test else ""
        print(f"{dataset.path}: {dataset.train} photographs to train on, {dataset.val} to validate on{tests}")
        print(
            f"left out {dataset.rejected} ({dataset.duplicates} copies, mirrored ones too), cut frames off "
            f"{dataset.cropped}: see {dataset.path / 'rejected.csv'}"
        )


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


@examples(
    "tinct bins dataset/ -o bins.png",
    "tinct bins album/ --space lab --grid 22 --bins 64",
    "tinct bins photo --json",
)
def bins(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATASET|FOLDER|RUN|MODEL",
            help="A dataset or folder of colour photographs, or a training or model, whose bins are shown as they are.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Draw figures into this .png, .svg or .pdf.")
    ] = None,
    space: Annotated[str, typer.Option(metavar="yuv|lab", help="Choose the colour space.")] = "yuv",
    grid: Annotated[int, typer.Option(metavar="N", help="Set the number of cells along each chroma axis.")] = 16,
    count: Annotated[int, typer.Option("--bins", metavar="N", help="Keep this many of the most frequent cells.")] = 32,
    rebalance: Annotated[
        float,
        typer.Option(
            metavar="LAMBDA", help="Set how equally bins are weighted: 0 by inverse frequency, 1 all equally."
        ),
    ] = 0.4,
    amplitude: Annotated[
        float | None,
        typer.Option(metavar="X", help="Choose the lambda at which the largest weight is X times the smallest."),
    ] = None,
    split: Split = "train",
    limit: Limit = None,
    seed: Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the bins' card as JSON.")] = False,
) -> None:
    """Show the colour bins of photographs or of a model: colours, frequencies and weights."""
    from tinct.data.colors import bins_of_model, learn_bins

    left_out: list[tuple[str, str]] = []
    if (Path(data) / "config.json").is_file():
        from tinct.study.figure import bins_of

        chosen = bins_of(data)
    elif Path(data).is_dir():
        with progress("counting colours") as advance:
            chosen, left_out = learn_bins(
                data,
                split=split,
                space=space,
                grid=grid,
                bins=count,
                rebalance=rebalance,
                limit=limit,
                seed=seed,
                progress=advance,
            )
    else:
        chosen = bins_of_model(data)
    if amplitude is not None:
        chosen = chosen.of_amplitude(amplitude)
    print_left_out(left_out)
    if output is not None:
        from tinct.study.report.figures import draw_bins

        draw_bins(chosen, output)
    if as_json:
        print_json(chosen.to_card())
    elif output is not None:
        say(str(output))
    else:
        _print_bins(chosen)


def _print_bins(chosen: ColorBins) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from tinct.color.bins import bin_colors

    first, second = ("U", "V") if chosen.space == "yuv" else ("a", "b")
    table = Table()
    for heading in ("bin", "colour", first, second, "frequency", "weight"):
        table.add_column(heading, justify="right")
    style = ".3f" if chosen.space == "yuv" else ".1f"
    for index, color in enumerate((bin_colors(chosen) * 255).round().astype(int)):
        swatch = Text("     ", style=f"on #{color[0]:02x}{color[1]:02x}{color[2]:02x}")
        center = [f"{value:{style}}" for value in chosen.centers[index]]
        table.add_row(str(index), swatch, *center, f"{chosen.frequencies[index]:.2%}", f"{chosen.weights[index]:.3g}")
    Console().print(table)
    apart = chosen.frequencies.max() / max(chosen.frequencies.min(), 1e-300)
    print(
        f"frequencies span 1 to {apart:,.0f} ({math.log10(apart):.1f} orders of magnitude), weights 1 to "
        f"{chosen.amplitude:,.3g} ({math.log10(chosen.amplitude):.1f}) with lambda {chosen.rebalance:.3g}"
    )

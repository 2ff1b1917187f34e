"""`tinct bins`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinct.cli.options import Limit, Seed, Split, examples
from tinct.cli.output import print_json, print_left_out, progress, say

if TYPE_CHECKING:
    from tinct.color.bins import ColorBins


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

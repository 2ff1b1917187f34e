"""`tinct classify example`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.cli.options import Seed, examples
from tinct.cli.output import print_json, progress


@examples(
    "tinct classify example blue/ --per-class 300",
    "tinct classify example harder/ --difficulty 0.5 --arrays numbers/",
)
def example(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Write the pictures here; a new or empty folder.")],
    per_class: Annotated[int, typer.Option(metavar="N", help="Number of pictures of each class.")] = 200,
    shift: Annotated[
        float,
        typer.Option(metavar="DB", help="Distance between the classes in decibels; 1 is about 3 degrees of hue."),
    ] = 1.0,
    difficulty: Annotated[
        float, typer.Option(metavar="X", help="Spread of the levels within a class, as a share of the shift.")
    ] = 0.15,
    stripes: Annotated[
        float, typer.Option(metavar="N", help="Mean number of bursts, and of hums, in a picture.")
    ] = 2.0,
    brightness: Annotated[float, typer.Option(metavar="X", help="Darken pictures by up to this share: 0 to 1.")] = 0.45,
    seed: Seed = 0,
    arrays: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Also write the values before the colour map here, as .npy.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Make spectrogram pictures of two classes that differ by a few degrees of hue, to try recognition on.

    Prints the best accuracy that any classifier can reach on them.
    """
    from tinct.recognize.example import Example, write_example

    chosen = Example(shift=shift, difficulty=difficulty, stripes=stripes, brightness=brightness, seed=seed)
    with progress("Drawing") as advance:
        written = write_example(folder, per_class=per_class, example=chosen, arrays=arrays, progress=advance)
    if as_json:
        print_json(written.to_json())
    else:
        print(f"{folder}: 2 classes of {per_class} pictures, {written.hue_shift:.1f} degrees of hue apart")
        print(f"at best, a classifier is right in {100 * written.optimum:.1f} % of such pictures")

"""`tinct classify example`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.cli.output import print_json, progress

EPILOG = """Examples:

tinct classify example blue/ --per-class 300

tinct classify example harder/ --difficulty 0.5 --arrays numbers/"""


def example(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Write the pictures here; a new or empty folder.")],
    per_class: Annotated[int, typer.Option(metavar="N", help="Make so many pictures of each class.")] = 200,
    shift: Annotated[
        float,
        typer.Option(metavar="DB", help="Set the classes apart by so many decibels; 1 is about 3 degrees of hue."),
    ] = 1.0,
    difficulty: Annotated[
        float, typer.Option(metavar="X", help="Spread the levels within a class by this share of the shift.")
    ] = 0.15,
    stripes: Annotated[float, typer.Option(metavar="N", help="Draw so many bursts, and hums, on average.")] = 2.0,
    brightness: Annotated[float, typer.Option(metavar="X", help="Darken pictures by up to this share: 0 to 1.")] = 0.45,
    seed: Annotated[int, typer.Option(metavar="N", help="Set the seed of all that is random.")] = 0,
    arrays: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the numbers before the colour map too, as .npy.")
    ] = None,
    signals: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the signals too, as .npy; 0.4 MB each.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was made as JSON.")] = False,
) -> None:
    """Make spectrogram pictures of two classes that differ by a few degrees of hue, to try recognition on.

    The best accuracy that anything can reach on them is known, and printed.
    """
    from tinct.recognize.example import Example, write_example

    chosen = Example(shift=shift, difficulty=difficulty, stripes=stripes, brightness=brightness, seed=seed)
    with progress("Drawing") as advance:
        made = write_example(
            folder, per_class=per_class, example=chosen, arrays=arrays, signals=signals, progress=advance
        )
    if as_json:
        print_json(made.to_json())
    else:
        print(f"{folder}: 2 classes of {per_class} pictures, {made.hue_shift:.1f} degrees of hue apart")
        print(f"nothing can be right more often than in {100 * made.optimum:.1f} % of such pictures")

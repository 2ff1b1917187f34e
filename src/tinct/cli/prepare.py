"""`tinct prepare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.cli.options import examples
from tinct.cli.output import print_json, progress, say


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

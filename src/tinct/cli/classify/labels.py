"""`tinct classify labels`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.cli.classify.options import Folder
from tinct.cli.options import Seed, examples, require_extra
from tinct.cli.output import print_json, print_left_out, progress, say

SHOWN = 10  # suspects on the screen


@examples("tinct classify labels pictures/", "tinct classify labels pictures/ -o looked-at/")
def labels(
    folder: Folder,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FOLDER", help="Write labels.csv, and labels.html with thumbnails, here."
        ),
    ] = None,
    seed: Seed = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
) -> None:
    """List the pictures whose labels look wrong, the likeliest first.

    Each picture is judged by colour statistics that were learned from others, and listed if these are as sure of
    another class as they are of that class's own pictures (confident learning). Look at them: some are merely unusual.
    """
    require_extra("learn", "looking for wrong labels")
    from tinct.learn.recognize.labels import find_wrong_labels
    from tinct.study.report.label_page import write_label_report

    with progress("Judging") as advance:
        report = find_wrong_labels(folder, seed=seed, progress=advance)
    print_left_out(report.left_out)
    written = write_label_report(report, output, overwrite=overwrite) if output is not None else []
    if as_json:
        rows = [{**vars(suspect), "path": str(suspect.path)} for suspect in report.suspects]
        print_json({**vars(report), "suspects": rows, "written": [str(place) for place in written]})
        return
    say(f"{len(report.suspects)} of {report.count} labels look wrong")
    known = f"{100 * report.accuracy:.1f} % of the labels (the largest class alone: {100 * report.chance:.1f} %)"
    say(f"statistics learned from other pictures agree with {known}")
    for suspect in report.suspects[:SHOWN]:
        say(f"  {suspect.path}: {suspect.label}, looks like {suspect.likely} ({100 * suspect.likely_share:.0f} %)")
    if len(report.suspects) > SHOWN:
        say(f"  and {len(report.suspects) - SHOWN} more" + ("" if written else "; -o FOLDER writes them all"))
    for place in written:
        say(f"{place}: written")

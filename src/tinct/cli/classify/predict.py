"""`tinct classify predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.cli.options import EngineName, RayAddress, Workers, examples
from tinct.cli.output import print_json, progress, say
from tinct.stopping import kept_if_stopped


@examples(
    "tinct classify predict model.onnx one.png two.png",
    "tinct classify predict model.onnx folder/ --csv found.csv",
    "tinct classify predict model.onnx archive/ --csv found.csv --workers 8",
)
def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A file that `tinct classify train` wrote.")],
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGES...", help="Pictures, or folders of them to any depth.")
    ],
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write a table of all probabilities here.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the table.")] = False,
    threads: Annotated[int | None, typer.Option(metavar="N", help="Number of threads. Default: one a core.")] = None,
    workers: Workers = None,
    engine: EngineName = "local",
    ray_address: RayAddress = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON for each picture.")] = False,
) -> None:
    """Print the class of each picture, and how probable it is.

    A file that cannot be read is reported on stderr; the others are still recognised, and the exit status is 1.
    """
    from tinct.actors import Engine, chosen_processes
    from tinct.files import check_target
    from tinct.recognize.classifier import Classifier, Recognized, find_inputs, write_table

    processes = chosen_processes(workers, Engine(name=engine, ray_address=ray_address))
    if csv is not None:
        check_target(csv, overwrite=overwrite)
    classifier = Classifier(model, threads=threads)
    paths = find_inputs(images, kind=classifier.card.kind, complain=lambda text: say(f"note: {text}", on_stderr=True))
    rows: list[Recognized] = []

    def kept() -> str:
        table = ", and no table was written" if csv is not None else ""
        return f"{len(rows)} of {len(paths)} rows were printed{table}; nothing else is kept"

    with kept_if_stopped(kept), progress("Recognising") as advance:
        for index, row in enumerate(classifier.rows(paths, processes=processes)):
            if as_json:
                print_json(row.to_json())
            elif row.prediction is not None:
                say(f"{row.path}  {row.prediction.label}  {100 * row.prediction.probability:.1f} %")
            if row.prediction is None and not as_json:
                say(f"failed: {row.message}", on_stderr=True)
            rows.append(row)
            advance(index + 1, len(paths))
    if csv is not None:
        write_table(rows, classifier.classes, csv, overwrite=overwrite)
    if any(row.prediction is None for row in rows):
        raise typer.Exit(1)

"""Write the report of `tinct classify labels`: a page from `templates/labels.html`, and its table."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct.errors import InputError
from tinct.files import already_there, make_folder, written_beside
from tinct.learn.recognize.labels import LabelReport
from tinct.media.image.small import read_small
from tinct.study.report.render import render

THUMBNAIL = 160  # pixels; the longer edge
TABLE, PAGE = "labels.csv", "labels.html"


def write_label_report(report: LabelReport, folder: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write labels.csv, and labels.html, a single page with a thumbnail of each suspect.

    Raises:
        OutputError: one of them exists already, or cannot be written.
    """
    place = make_folder(folder)
    if not overwrite and (there := [name for name in (TABLE, PAGE) if (place / name).exists()]):
        raise already_there(place / there[0])
    table = io.StringIO(newline="")
    rows = csv.writer(table)
    rows.writerow(["path", "label", "likely", "share_of_label", "share_of_likely"])
    for suspect in report.suspects:
        shares = f"{suspect.share:.4f}", f"{suspect.likely_share:.4f}"
        rows.writerow([suspect.path, suspect.label, suspect.likely, *shares])
    title = f"{len(report.suspects)} of {report.count} labels look wrong"
    shown = [(suspect, _thumbnail(suspect.path)) for suspect in report.suspects]
    page = render("labels.html", title=title, report=report, suspects=shown)
    written = []
    for name, text in ((TABLE, table.getvalue()), (PAGE, page)):
        with written_beside(place / name) as beside:
            beside.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
        written.append(place / name)
    return written


def _thumbnail(path: Path) -> NDArray[np.uint8] | None:
    try:
        return read_small(path.read_bytes(), longest=THUMBNAIL, name=str(path))
    except (InputError, OSError):
        return None

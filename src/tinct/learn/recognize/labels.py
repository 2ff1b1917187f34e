"""Which pictures have labels that look wrong: confident learning on predictions for pictures that were left out."""

from __future__ import annotations

import base64
import csv
import html
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color.decoding import softmax
from tinct.color.inputs import PICTURE
from tinct.color.spaces import FloatArray
from tinct.data.duplicates import near_duplicates
from tinct.data.labelled import common_size, find_labelled, load
from tinct.errors import InputError, OutputError
from tinct.files import make_folder, written_beside
from tinct.learn.recognize.candidates import STATISTICS_SPACE, statistics_of
from tinct.learn.recognize.folds import stratified_folds
from tinct.learn.recognize.statistics import JOINED, fit_head, measure_all
from tinct.media.image.small import read_small
from tinct.runtime.scores import fit_temperature

FOLDS = 5
THUMBNAIL = 160  # pixels; the longer edge
TABLE, PAGE = "labels.csv", "labels.html"


@dataclass(frozen=True)
class Suspect:
    """A picture whose label looks wrong.

    Attributes:
        path: the file.
        label: what it is filed under.
        likely: the class that it looks like.
        share: probability of its own label, 0..1.
        likely_share: probability of the other, 0..1.
    """

    path: Path
    label: str
    likely: str
    share: float
    likely_share: float


@dataclass(frozen=True)
class LabelReport:
    """What came of looking for wrong labels.

    Attributes:
        suspects: the likeliest first.
        count: pictures that were looked at.
        accuracy: share of them that is named as labelled, 0..1; where it is near chance, suspects mean little.
        chance: share of the largest class.
        left_out: path and reason of each that could not be read.
    """

    suspects: list[Suspect]
    count: int
    accuracy: float
    chance: float
    left_out: list[tuple[str, str]]


def find_wrong_labels(
    source: str | Path, *, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> LabelReport:
    """Find pictures or arrays whose labels look wrong.

    Each is judged by statistics learned from the others, copies of it left out as well. A network that has seen a wrong
    label has learned it by heart; what has not seen it says what the picture looks like.

    Args:
        source: as `tinct.data.labelled.find_labelled` takes it; splits do not matter.
        seed: of the folds and the forest.
        progress: called with (done, total) of what is read and measured.

    Raises:
        DataError: no classes, one class, a class of one picture, nothing readable.
    """
    labelled = find_labelled(source)
    loaded = load(labelled, size=common_size(labelled), progress=progress)
    labels, classes = loaded.labelled.labels, loaded.labelled.classes
    features = statistics_of(STATISTICS_SPACE if labelled.kind == PICTURE else "", loaded.pixels)
    values = measure_all(loaded.pixels, features, progress=progress)
    logits = np.zeros((len(labels), len(classes)), dtype=np.float32)
    for fold in stratified_folds(labels, near_duplicates(loaded.compared), folds=FOLDS, seed=seed):
        head = fit_head(JOINED, values[fold.train], labels[fold.train], classes=len(classes), seed=seed)
        logits[fold.val] = head.logits(values[fold.val])
    shares = softmax(logits, temperature=fit_temperature(logits, labels))
    paths = loaded.labelled.paths
    return LabelReport(
        [
            Suspect(paths[row], classes[labels[row]], classes[other], float(shares[row, labels[row]]),
                    float(shares[row, other]))
            for row, other in confident_errors(shares, labels)
        ],
        len(labels),
        float((shares.argmax(axis=1) == labels).mean()),
        float(np.bincount(labels).max() / len(labels)),
        loaded.left_out,
    )  # fmt: skip


def confident_errors(shares: FloatArray, labels: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Return the rows whose labels are confidently contradicted, and by which class, the clearest first.

    A row counts for the likeliest of the classes that it is as sure of as rows of that class are on average.

    Args:
        shares: (N, classes) probabilities by models that have not seen the row.
        labels: (N,).

    Source: Northcutt, Jiang & Chuang 2021, "Confident learning", section 3.1 (the confident joint) and the ranking by
        normalised margin of section 3.2.
    """
    classes = shares.shape[1]
    sure = np.array(
        [shares[labels == label, label].mean() if (labels == label).any() else np.inf for label in range(classes)]
    )
    confident = np.where(shares >= sure, shares, -1.0)
    named = confident.argmax(axis=1)
    rows = np.flatnonzero((confident.max(axis=1) >= 0) & (named != labels))
    margins = shares[rows, labels[rows]] - shares[rows, named[rows]]
    return [(int(row), int(named[row])) for row in rows[np.argsort(margins, kind="stable")]]


def write_label_report(report: LabelReport, folder: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write labels.csv and labels.html, a page with a thumbnail of each, which needs nothing beside it.

    Raises:
        OutputError: they are there already, or cannot be written.
    """
    place = make_folder(folder)
    if not overwrite and (there := [name for name in (TABLE, PAGE) if (place / name).exists()]):
        raise OutputError(f"{place / there[0]}: is there already; give another folder, or --overwrite")
    table = io.StringIO(newline="")
    rows = csv.writer(table)
    rows.writerow(["path", "label", "likely", "share_of_label", "share_of_likely"])
    for suspect in report.suspects:
        shares = f"{suspect.share:.4f}", f"{suspect.likely_share:.4f}"
        rows.writerow([suspect.path, suspect.label, suspect.likely, *shares])
    written = []
    for name, text in ((TABLE, table.getvalue()), (PAGE, _page(report))):
        with written_beside(place / name) as beside:
            beside.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
        written.append(place / name)
    return written


def _page(report: LabelReport) -> str:
    cards = "".join(
        f"<figure>{_thumbnail(suspect.path)}<figcaption><b>{html.escape(suspect.label)}</b>, looks like "
        f"<b>{html.escape(suspect.likely)}</b> ({100 * suspect.likely_share:.0f} %)<br>"
        f"{html.escape(str(suspect.path))}</figcaption></figure>"
        for suspect in report.suspects
    )
    title = f"{len(report.suspects)} of {report.count} labels look wrong"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>body{{font:15px/1.4 '
        "system-ui,sans-serif;margin:2rem}main{display:flex;flex-wrap:wrap;gap:1rem}figure{margin:0;width:180px;"
        "overflow-wrap:anywhere}img{max-width:160px;image-rendering:auto;border:1px solid #8888}</style>"
        f"<h1>{title}</h1><p>Judged by statistics that had not seen the picture; they name "
        f"{100 * report.accuracy:.1f} % as labelled, naming the largest class would {100 * report.chance:.1f} %.</p>"
        f"<main>{cards}</main></html>\n"
    )


def _thumbnail(path: Path) -> str:
    """Return a picture as an element of a page; nothing for an array."""
    try:
        rgb = read_small(path.read_bytes(), longest=THUMBNAIL, name=str(path))
    except (InputError, OSError):
        return ""
    done, content = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(content.tobytes()).decode()}">' if done else ""

"""Measure a classifier on labelled pictures, and draw its confusion matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyvips
from numpy.typing import NDArray

from tinct.color.inputs import COLOR_TESTS, PICTURE
from tinct.color.spaces import FloatArray
from tinct.data.labelled import Labelled, find_labelled
from tinct.data.pictures import TEST, VAL
from tinct.errors import DataError, InputError, OutputError
from tinct.files import check_target, written_beside
from tinct.recognize.classifier import BATCH, Classifier, batched
from tinct.runtime.scores import Scores, balanced, score

# The drawing of a confusion matrix:
CELL = 56  # edge of a cell in pixels
LONGEST_NAME = 24  # characters of a class's name; longer ones are cut
INK = (40, 40, 40)
PAPER = (255, 255, 255)
RIGHT = np.array([49, 130, 206])  # fill of the diagonal
WRONG = np.array([209, 69, 59])  # fill of all other cells


@dataclass(frozen=True)
class Evaluation:
    """How good a model is on a folder.

    Attributes:
        split: which split was measured, or empty for everything.
        scores: on its pictures.
        color_tests: balanced accuracy on the same pictures in grey, and with rotated hue; empty for arrays.
        left_out: path and reason of each picture that could not be read.
        wrong: path, true class, predicted class and its probability, of each wrong picture, the most certain first.
    """

    split: str
    scores: Scores
    color_tests: dict[str, float]
    left_out: list[tuple[str, str]]
    wrong: list[tuple[str, str, str, float]]

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation as plain JSON values."""
        return {
            "split": self.split,
            **self.scores.to_json(),
            "color_tests": self.color_tests,
            "left_out": [{"path": path, "reason": reason} for path, reason in self.left_out],
            "wrong": [
                {"path": path, "truth": truth, "named": named, "probability": share}
                for path, truth, named, share in self.wrong
            ],
        }


def evaluate_classifier(
    model: str | Path | Classifier,
    source: str | Path,
    *,
    color_tests: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Measure a model on labelled pictures.

    Args:
        model: a model file, or one that is open.
        source: a folder or table as for training. If it has splits, the test split is measured, or else validation.
        color_tests: measure the pictures in grey and with rotated hue, too.
        progress: called with (done, total).

    Raises:
        DataError: there is no such folder, nothing in it, or a class that the model does not know.
        ModelError: the model file is missing or damaged.
    """
    classifier = model if isinstance(model, Classifier) else Classifier(model)
    labelled, split = _chosen(find_labelled(source, classes=classifier.classes))
    if labelled.kind != classifier.card.kind:
        raise DataError(f"{source}: holds {labelled.kind}s, but the model was trained on {classifier.card.kind}s")
    changes: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {"plain": lambda pixels: pixels}
    if color_tests and labelled.kind == PICTURE:
        changes |= COLOR_TESTS
    shares: dict[str, list[FloatArray]] = {name: [] for name in changes}
    read = np.zeros(len(labelled.paths), dtype=bool)
    left_out = []
    for batch in batched(enumerate(labelled.paths), BATCH):
        pixels = []
        for index, path in batch:
            try:
                pixels.append(classifier.prepare(path))
                read[index] = True
            except InputError as error:
                left_out.append((str(path), str(error)))
            if progress:
                progress(index + 1, len(labelled.paths))
        for name, change in changes.items() if pixels else ():
            shares[name].append(classifier.probabilities(list(change(np.stack(pixels)))))
    if not read.any():
        raise DataError(f"{source}: none of {len(labelled.paths)} files can be read; the first: {left_out[0][1]}")
    return _evaluation(
        labelled.part(read), split, {name: np.concatenate(parts) for name, parts in shares.items()}, left_out
    )


def _chosen(labelled: Labelled) -> tuple[Labelled, str]:
    """Return the split to measure: test, or else validation, or everything if there are no splits."""
    for split in (TEST, VAL):
        if split in labelled.splits:
            return labelled.part(np.array(labelled.splits) == split), split
    return labelled, ""


def _evaluation(
    labelled: Labelled, split: str, shares: dict[str, FloatArray], left_out: list[tuple[str, str]]
) -> Evaluation:
    plain, labels = shares["plain"], labelled.labels
    named = plain.argmax(axis=1)
    wrong = [
        (str(labelled.paths[row]), labelled.classes[labels[row]], labelled.classes[named[row]], float(plain[row].max()))
        for row in np.flatnonzero(named != labels)
    ]
    tests = {
        name: balanced(probabilities.argmax(axis=1), labels)
        for name, probabilities in shares.items()
        if name != "plain"
    }
    return Evaluation(
        split, score(plain, labels, labelled.classes), tests, left_out, sorted(wrong, key=lambda row: -row[3])
    )


def draw_confusion(scores: Scores, path: str | Path, *, overwrite: bool = False) -> None:
    """Draw a confusion matrix: rows are true classes, columns predicted ones, cells shares of the row and counts.

    Raises:
        OutputError: it is not a .png, already exists, or cannot be written.
    """
    target = Path(path)
    check_drawing(target, overwrite=overwrite)
    with written_beside(target) as beside:
        beside.write_bytes(cv2.imencode(".png", confusion_picture(scores)[..., ::-1])[1].tobytes())


def check_drawing(target: Path, *, overwrite: bool) -> None:
    """Check the target of a drawing, before any work.

    Raises:
        OutputError: it is not a .png, already exists, or its folder does not exist.
    """
    if target.suffix.lower() != ".png":
        raise OutputError(f"{target}: a confusion matrix is drawn as PNG; name a .png file")
    check_target(target, overwrite=overwrite)


def confusion_picture(scores: Scores) -> NDArray[np.uint8]:
    """Draw a confusion matrix: (H, W, 3) sRGB uint8; blue on the diagonal, red off it, darker for larger shares."""
    names = [_text(name) for name in scores.classes]
    corner = [_text("predicted →"), _text("truth ↓")]
    left = max(text.shape[1] for text in [*names, *corner]) + 24
    count = len(names)
    canvas = np.full((left + CELL * count + 16, left + CELL * count + 16, 3), 255, dtype=np.uint8)
    totals = np.maximum(scores.confusion.sum(axis=1, keepdims=True), 1)
    shares = scores.confusion / totals
    for row in range(count):
        for column in range(count):
            top, start = left + CELL * row, left + CELL * column
            color = RIGHT if row == column else WRONG
            fill = np.rint(255 + shares[row, column] * (color - 255)).astype(np.uint8)
            canvas[top : top + CELL - 1, start : start + CELL - 1] = fill
            _number(canvas, int(scores.confusion[row, column]), top, start, light=shares[row, column] > 0.6)
    for place, name in enumerate(names):
        height, width = name.shape
        top = left + CELL * place + (CELL - height) // 2
        _ink(canvas, name, top, left - 12 - width)
        _ink(canvas, np.rot90(name), left - 12 - width, top)  # upwards above the column
    for place, text in enumerate(corner):
        _ink(canvas, text, left - 12 - (2 - place) * (text.shape[0] + 8), left - 12 - text.shape[1])
    return canvas


def _number(canvas: NDArray[np.uint8], value: int, top: int, left: int, *, light: bool) -> None:
    if not value:
        return
    text, size = str(value), 0.5
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    at = (left + (CELL - width) // 2, top + (CELL + height) // 2)
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, PAPER if light else INK, 1, cv2.LINE_AA)


def _ink(canvas: NDArray[np.uint8], mask: NDArray[np.uint8], top: int, left: int) -> None:
    """Draw a mask of letters (H, W), 255 where there is ink, on the canvas."""
    top, left = max(0, top), max(0, left)
    part = canvas[top : top + mask.shape[0], left : left + mask.shape[1]]
    share = mask[: part.shape[0], : part.shape[1], None].astype(np.float32) / 255
    part[...] = np.rint(part * (1 - share) + np.array(INK) * share)


def _text(name: str) -> NDArray[np.uint8]:
    """Draw a name in any script, by Pango: (H, W) uint8, 255 where there is ink."""
    short = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
    escaped = "".join(f"&#{ord(letter)};" if letter in "<>&" else letter for letter in short)
    try:
        drawn: NDArray[np.uint8] = pyvips.Image.text(escaped, font="sans 12", dpi=90).numpy()
    except pyvips.Error:  # no fonts are installed, or the name has nothing visible
        return np.zeros((12, 12), dtype=np.uint8)
    return drawn if drawn.ndim == 2 else drawn[..., 0]

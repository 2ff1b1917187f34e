"""What a training records: a table, a sheet of photographs and a line after each epoch, and a drawing at its end."""

from __future__ import annotations

import csv
import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from tinct.color.spaces import chroma_space
from tinct.data.source import Source, pictures
from tinct.errors import DataError
from tinct.files import make_folder, written_beside
from tinct.learn.photo_stream import Crop, cut

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tinct.learn.tasks import ColorizeTask

METRICS, PLOT = "metrics.csv", "loss.png"
_SHOWN = 12  # photographs of a sheet
# Columns of metrics.csv; those that a task does not measure stay empty. `ColorizeTask` explains the accuracies.
COLUMNS = (
    "epoch",
    "step",
    "learning_rate",
    "train_loss",
    "val_loss",
    "train_accuracy_bins",
    "val_accuracy_bins",
    "train_accuracy_10",
    "val_accuracy_10",
    "val_chroma_error",
    "val_grey_error",
    "val_chroma_ratio",
)
_OLD_COLUMNS = {"val_accuracy_bins": "val_accuracy"}  # column -> its name in older runs
_TOLD = {"train_loss": "loss", "val_loss": "in validation", "val_chroma_error": "chroma error"}
_ACCURACIES = {
    "accuracy_10": "lie within 10 Lab units of the truth (CIE 1976)",
    "accuracy_bins": "have the right bin as their likeliest",
}


def epoch_rows(table: Path) -> list[dict[str, str]]:
    """Read the rows of a metrics.csv, one for each epoch; none if there is no such file yet.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with table.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"{table}: cannot be read ({error.strerror}); check its permissions, or delete it") from error


def read_curves(table: Path) -> dict[str, list[float]]:
    """Read the columns of a metrics.csv: name -> its figures, NaN if there is none; empty if no epoch is finished.

    Raises:
        DataError: it cannot be read.
    """
    rows = epoch_rows(table)
    return {name: [float(row[name] or "nan") for row in rows] for name in (rows[0] if rows else ())}


def plot_curves(axes: Axes, curves: Mapping[str, list[float]], lines: Mapping[str, Mapping[str, Any]]) -> None:
    """Plot columns over the steps: name -> style of its line, with a `label`; columns without figures are left out."""
    for name, style in lines.items():
        if np.isfinite(curves.get(name, [])).any():
            axes.plot(curves["step"], curves[name], **style)
    if axes.lines:
        axes.legend()


def last_accuracies(run: Path) -> list[str]:
    """Return sentences about the accuracies of the last epoch of a training's folder; none if it has none."""
    rows = epoch_rows(run / METRICS)
    told = []
    for name, words in _ACCURACIES.items():
        shares = [
            f"{100 * float(rows[-1][f'{split}_{name}']):.1f} % in {where}"
            for split, where in (("val", "validation"), ("train", "training"))
            if rows and rows[-1].get(f"{split}_{name}")
        ]
        if shares:
            told.append(f"{name}: of the valid pixels, {' and '.join(shares)} {words}")
    return told


def worse_than_grey(run: Path) -> str | None:
    """Return a sentence if, in the last epoch, the network's colours were no nearer to the truth than grey."""
    rows = epoch_rows(run / METRICS)
    error, grey = (rows[-1].get(name) if rows else None for name in ("val_chroma_error", "val_grey_error"))
    if not error or not grey or float(error) < float(grey):
        return None
    return (
        f"its colours are no nearer to the truth than grey: chroma error {float(error):.4g} in validation, "
        f"{float(grey):.4g} for grey; train longer, or look for the cause with  tinct train --doctor"
    )


def draw_losses(run: Path) -> Path | None:
    """Draw losses and chroma error over the steps into loss.png, and return it; None if no epoch is finished.

    Raises:
        OutputError: it cannot be written.
    """
    curves = read_curves(run / METRICS)
    if not curves:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    marker = "." if len(curves["step"]) < 30 else None
    panels = {
        "loss": {"train_loss": "training", "val_loss": "validation"},
        "chroma error in validation": {"val_chroma_error": "the network", "val_grey_error": "grey"},
    }
    for axes, (title, lines) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        plot_curves(axes, curves, {name: {"label": words, "marker": marker} for name, words in lines.items()})
        axes.set(title=title, xlabel="step")
    with written_beside(run / PLOT) as beside:
        figure.savefig(beside, format="png", dpi=110)
    return run / PLOT


class MetricsTable(Callback):
    """Writes metrics.csv, one row per finished epoch."""

    def __init__(self, path: Path) -> None:
        """Set the file; if it exists, it is continued."""
        super().__init__()
        self._path = path
        self._rows: list[dict[str, str]] = []

    def on_train_start(self, trainer: Trainer, task: LightningModule) -> None:
        """Keep the rows of the epochs before the checkpoint; later ones are trained again."""
        self._rows = [
            {name: row.get(name) or row.get(_OLD_COLUMNS.get(name, "")) or "" for name in COLUMNS}
            for row in epoch_rows(self._path)
            if int(row["epoch"]) < trainer.current_epoch
        ]

    def on_train_epoch_end(self, trainer: Trainer, task: LightningModule) -> None:
        """Add a row and write the table."""
        if not trainer.is_global_zero:
            return
        measured = {name: float(value) for name, value in trainer.callback_metrics.items()}
        measured["train_loss"] = measured.get("train_loss_epoch", measured.get("train_loss", float("nan")))
        measured["learning_rate"] = trainer.optimizers[0].param_groups[0]["lr"]
        figures = {name: f"{measured[name]:.6g}" for name in COLUMNS if name in measured}
        self._rows.append({"epoch": str(trainer.current_epoch), "step": str(trainer.global_step), **figures})
        with written_beside(self._path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, COLUMNS)
            table.writeheader()
            table.writerows(self._rows)


class EpochLines(Callback):
    """Prints a line after each epoch, for logs and pipes, where there is no progress bar."""

    def __init__(self, write: Callable[[str], None]) -> None:
        """Set the function that prints a line."""
        super().__init__()
        self._write = write
        self._began = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, task: LightningModule) -> None:
        """Print the line."""
        if not trainer.is_global_zero:
            return
        measured = {name: float(value) for name, value in trainer.callback_metrics.items()}
        measured.setdefault("train_loss", measured.get("train_loss_epoch", float("nan")))
        figures = ", ".join(f"{words} {measured[name]:.4g}" for name, words in _TOLD.items() if name in measured)
        grey = f" (grey: {measured['val_grey_error']:.4g})" if "val_grey_error" in measured else ""
        count, seconds = trainer.current_epoch + 1, time.monotonic() - self._began
        of = f" of {trainer.max_epochs}" if trainer.max_epochs and trainer.max_epochs > 0 else ""
        self._write(f"epoch {count}{of}, step {trainer.global_step}: {figures}{grey}, {seconds:.0f} s")


class SampleSheets(Callback):
    """Writes `epoch-NNN.png`, one row per photograph: grey, predicted, true."""

    def __init__(self, source: Source, folder: Path, *, multiple: int, letterbox: bool = False) -> None:
        """Choose the first photographs of a source; they are shown whole in a letterbox, or else cropped.

        They are shown at the multiple of `multiple` nearest to 160 pixels.
        """
        super().__init__()
        self._folder = folder
        size = multiple * max(1, round(160 / multiple))
        crop = Crop(size, zoom=1.0, random=False, whole=letterbox)
        cuts = [cut(picture, crop, random.Random(0)) for picture in pictures(source, limit=_SHOWN)]
        self._squares, self._masks = [square for square, _ in cuts], [mask for _, mask in cuts] if letterbox else None

    def on_validation_epoch_end(self, trainer: Trainer, task: LightningModule) -> None:
        """Write the sheet."""
        if trainer.is_global_zero and not trainer.sanity_checking:
            content = cv2.imencode(".png", draw(task, self._squares, self._masks)[..., ::-1])[1].tobytes()
            with written_beside(make_folder(self._folder) / f"epoch-{trainer.current_epoch:03d}.png") as partial:
                partial.write_bytes(content)


def draw(task: ColorizeTask, squares: list[np.ndarray], masks: list[np.ndarray] | None = None) -> np.ndarray:
    """Draw a sheet (rows, columns, 3) sRGB uint8 of what a training's network predicts.

    Args:
        task: the training.
        squares: pictures (size, size, 3) sRGB uint8, size a multiple of the network's.
        masks: (size, size) bool each, true inside the photograph; the rest is drawn black.
    """
    space = chroma_space(task.space)
    rgb = np.stack(squares).astype(np.float32) / 255
    luma, _ = space.split(rgb)
    with torch.no_grad():
        output = task(torch.from_numpy(luma)[:, None].to(task.device))
        values = (output if task.task == "rgb" else task.decode(output)).float().cpu()
    size = rgb.shape[1]
    larger = torch.nn.functional.interpolate(values, size=(size, size), mode="bilinear").permute(0, 2, 3, 1).numpy()
    painted = larger if task.task == "rgb" else np.clip(space.join(luma, larger), 0, 1)
    if masks is not None:
        painted = painted * np.stack(masks)[..., None]
    grey = np.repeat(luma[..., None], 3, axis=-1)
    half = (len(rgb) + 1) // 2
    cells = [np.concatenate(row, axis=1) for row in zip(grey, painted, rgb, strict=True)]
    if len(cells) % 2:
        cells.append(np.zeros_like(cells[0]))
    sheet = np.concatenate([np.concatenate(cells[:half]), np.concatenate(cells[half:])], axis=1)
    return (sheet * 255 + 0.5).astype(np.uint8)

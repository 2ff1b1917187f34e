"""Report how a training to colorize went: a line for each epoch, a warning at the end, and a drawing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from tinct.files import written_beside
from tinct.learn.records import METRICS, epoch_rows

PLOT = "loss.png"
_SHOWN = {"train_loss": "loss", "val_loss": "in validation", "val_chroma_error": "chroma error"}


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
        figures = ", ".join(f"{words} {measured[name]:.4g}" for name, words in _SHOWN.items() if name in measured)
        grey = f" (grey: {measured['val_grey_error']:.4g})" if "val_grey_error" in measured else ""
        count, seconds = trainer.current_epoch + 1, time.monotonic() - self._began
        of = f" of {trainer.max_epochs}" if trainer.max_epochs and trainer.max_epochs > 0 else ""
        self._write(f"epoch {count}{of}, step {trainer.global_step}: {figures}{grey}, {seconds:.0f} s")


def worse_than_grey(run: Path) -> str | None:
    """Return a sentence if, in the last epoch, the network's colours were no nearer to the truth than grey."""
    rows = epoch_rows(run / METRICS)
    error, grey = (_number(rows[-1], name) if rows else None for name in ("val_chroma_error", "val_grey_error"))
    if error is None or grey is None or error < grey:
        return None
    return (
        f"its colours are no nearer to the truth than grey: chroma error {error:.4g} in validation, {grey:.4g} for "
        "grey; train longer, or look for the cause with  tinct train --doctor"
    )


def draw_losses(run: Path) -> Path | None:
    """Draw losses and chroma error over the steps into loss.png, and return it; None if no epoch is finished.

    Raises:
        OutputError: it cannot be written.
    """
    rows = epoch_rows(run / METRICS)
    if not rows:
        return None
    from matplotlib.figure import Figure

    steps = [int(row["step"]) for row in rows]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    panels = (
        (left, "loss", {"train_loss": "training", "val_loss": "validation"}),
        (right, "chroma error in validation", {"val_chroma_error": "the network", "val_grey_error": "grey"}),
    )
    for axes, title, lines in panels:
        for name, words in lines.items():
            points = [(step, value) for step, row in zip(steps, rows, strict=True)
                      if (value := _number(row, name)) is not None]  # fmt: skip
            if points:
                axes.plot(*zip(*points, strict=True), marker="." if len(points) < 30 else None, label=words)
        axes.set_title(title)
        axes.set_xlabel("step")
        if axes.lines:
            axes.legend()
    with written_beside(run / PLOT) as beside:
        figure.savefig(beside, format="png", dpi=110)
    return run / PLOT


def _number(row: Mapping[str, str], name: str) -> float | None:
    return float(row[name]) if row.get(name) else None

"""A training's folder.

A run is a folder:

    config.json           what was asked for, and the colour bins
    checkpoints/last.ckpt the state after the last finished epoch; best.ckpt the one with the lowest validation loss
    metrics.csv           one row per epoch; tensorboard/ holds the same
    samples/epoch-003.png validation photographs: grey, predicted, true
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinct.color.bins import ColorBins
from tinct.errors import DataError
from tinct.files import written_beside
from tinct.learn.networks.layers import Network
from tinct.learn.networks.registry import build
from tinct.learn.settings import Training
from tinct.runtime.modelfile import OUTPUT_CHANNELS

# Of runs and cards that were written before they noted their scale; see `tinct.learn.tasks.CHROMA_SCALES`.
OLD_CHROMA_SCALES = {"yuv": 1.0, "lab": 110.0}


@dataclass(frozen=True)
class Run:
    """A training's folder, opened.

    Attributes:
        path: the folder.
        training: its settings.
        bins: its colour bins, or None for other tasks.
        chroma_scale: what chroma is divided by to be learned outright.
        encoder: where the encoder's weights come from: the file's `name` and `sha256`; None for weights of its own.
    """

    path: Path
    training: Training
    bins: ColorBins | None
    chroma_scale: float = 1.0
    encoder: dict[str, str] | None = None

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Read a run's settings.

        Raises:
            DataError: the folder is no run.
        """
        file = Path(path) / "config.json"
        if not file.is_file():
            raise DataError(f"{path}: no training run (it has no config.json); give the folder that --out named")
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            bins = ColorBins.from_card(values["bins"]) if values["bins"] else None
            training = Training.from_json(values["training"])
            scale = float(values.get("chroma_scale", OLD_CHROMA_SCALES[training.space]))
            return cls(Path(path), training, bins, scale, values.get("encoder"))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{file}: damaged ({error})") from error

    @property
    def outputs(self) -> int:
        """Channels that the network gives."""
        return self.bins.count if self.bins is not None else OUTPUT_CHANNELS[self.training.task]

    def network(self) -> Network:
        """Build the run's network with fresh weights."""
        return build(self.training.network, outputs=self.outputs, options=self.training.options)

    def save(self) -> None:
        """Write config.json."""
        values = {
            "training": self.training.to_json(),
            "bins": self.bins.to_card() if self.bins else None,
            "chroma_scale": self.chroma_scale,
            "encoder": self.encoder,
        }
        with written_beside(self.path / "config.json") as partial:
            partial.write_text(json.dumps(values, indent=1), encoding="utf-8")


def finished_epochs(state: dict[str, Any]) -> int:
    """Count the finished epochs of a loaded checkpoint; checkpoints are made at the ends of epochs only."""
    return int(state["loops"]["fit_loop"]["epoch_progress"]["current"]["ready"])

"""A training's folder: begun, opened, gone on with.

config.json           what was asked for, and the colour bins
resample.npy          how often each photograph is drawn, where those of rare colours are drawn more often
checkpoints/last.ckpt the state after the last finished epoch, or later within one that takes more than ten minutes;
                      best.ckpt the one with the lowest validation loss
metrics.csv           one row per epoch; tensorboard/ holds the same
samples/epoch-003.png validation photographs: grey, predicted, true
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.bins import ColorBins
from tinct.color.spaces import chroma_space
from tinct.data.source import Source, decode, pictures, read_samples
from tinct.errors import DataError, SettingError
from tinct.files import make_folder, written_beside
from tinct.learn.networks.layers import Network
from tinct.learn.networks.registry import build
from tinct.learn.settings import Training
from tinct.learn.tasks import CHROMA_SCALES
from tinct.learn.weights import Encoder, read_initial_card
from tinct.runtime.modelfile import OUTPUT_CHANNELS

# Scales of chroma in runs and cards that do not note theirs, which are older than `CHROMA_SCALES` of tasks.py.
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

    def network(self) -> Network:
        """Build the run's network with fresh weights."""
        outputs = self.bins.count if self.bins is not None else OUTPUT_CHANNELS[self.training.task]
        return build(self.training.network, outputs=outputs, options=self.training.options)

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
    """Count the finished epochs of a loaded checkpoint."""
    return int(state["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])


def steps_within(state: dict[str, Any]) -> int:
    """Count the steps of a loaded checkpoint's epoch that was under way; 0 where it was made at the end of one."""
    loops = state["loops"]["fit_loop"]
    if loops["epoch_progress"]["current"]["ready"] == finished_epochs(state):
        return 0
    return int(loops["epoch_loop.batch_progress"]["current"]["processed"])


def begin_run(folder: Path, training: Training, source: Source, encoder: Encoder | None) -> Run:
    """Start a run's folder: learn the bins and write config.json.

    Raises:
        SettingError: the folder holds a training already, or the model to start from is for something else.
    """
    if (folder / "config.json").exists():
        raise SettingError(f"{folder} holds a training already; add --resume to go on with it, or name another folder")
    bins = None
    scale = CHROMA_SCALES[training.space]
    told = None if encoder is None else {"name": encoder.name, "sha256": encoder.sha256}
    if training.initial is not None:
        card = read_initial_card(training.initial)
        if (card.network, card.task, card.space) != (training.network, training.task, training.space):
            raise SettingError(
                f"{training.initial} holds a network '{card.network}' for {card.task} in {card.space}; train the same"
            )
        bins = card.color_bins()
        scale = float(card.training.get("chroma_scale") or OLD_CHROMA_SCALES[training.space])
        told = card.training.get("encoder")
    elif training.task == "bins":
        bins = learn_bins(training, source)
    make_folder(folder)
    run = Run(folder, training, bins, scale, told)
    run.save()
    return run


def learn_bins(training: Training, source: Source) -> ColorBins:
    """Learn colour bins from a training's photographs, as its settings say.

    Raises:
        SettingError: the weights cannot have the amplitude that was asked for.
    """
    bins = ColorBins.learn(
        pictures(source, limit=training.bins_from),
        space=training.space,
        grid=training.grid,
        bins=training.bins,
        rebalance=training.rebalance,
    )
    return bins if training.amplitude is None else bins.of_amplitude(training.amplitude)


def resume_run(folder: Path, training: Training, encoder: Encoder | None) -> Run:
    """Open a run to go on with, and take over what may have changed.

    Raises:
        SettingError: something changed that may not.
        DataError: the folder is no run.
    """
    run = Run.open(folder)
    before, now = run.training.to_json(), training.to_json()
    fixed = (
        *("network", "options", "task", "space", "grid", "bins", "rebalance", "seed", "val", "initial"),
        *("amplitude", "from_scratch", "subset", "categories", "resample"),
    )
    if (before["average"] > 0) != (now["average"] > 0):
        raise SettingError(f"{folder} was begun {'with' if before['average'] else 'without'} an average; keep it so")
    if changed := [name for name in fixed if before[name] != now[name]]:
        raise SettingError(f"{folder} was begun with another {', '.join(changed)}; resume with the same, or start anew")
    if encoder is not None and run.encoder is not None and encoder.sha256 != run.encoder["sha256"]:
        raise SettingError(f"{folder} was begun with other encoder weights ({run.encoder['name']}); give the same file")
    if training.learning_rate == "auto":
        training = replace(training, learning_rate=run.training.learning_rate)
    run = replace(run, training=training)
    run.save()
    return run


def resampled(source: Source, run: Run) -> Source:
    """Return a source that draws photographs of rare colours more often, as a run's `resample` says.

    This is the other way to rebalance, beside the bins' weights in the loss. The shares are kept in the run's folder.
    """
    file = run.path / "resample.npy"
    if file.is_file():
        shares = np.load(file)
    else:
        bins = run.bins if run.bins is not None else learn_bins(run.training, source)
        shares = draw_shares(source, bins, strength=run.training.resample)
        with written_beside(file) as partial, partial.open("wb") as stream:
            np.save(stream, shares)
    return replace(source, draws=tuple(float(share) for share in shares))


def draw_shares(source: Source, bins: ColorBins, *, strength: float) -> NDArray[np.float64]:
    """Return how often each photograph is to be drawn.

    Args:
        source: photographs; those that are never drawn stay so.
        bins: colour bins with their frequencies.
        strength: 0..1; a photograph's share is the mean weight of its pixels, with the weights of Billaut et al. 2018
            for a lambda of 1 - strength: at 0 all are alike, at 1 a pixel counts as much as its colour is rare.

    Returns:
        (n,) shares in the source's order, with a mean of 1 over those that are drawn.
    """
    space = chroma_space(bins.space)
    weights = replace(bins, rebalance=1 - strength).weights
    shares = np.zeros(sum(source.counts))
    for content, card in read_samples(source.parts, source):
        rgb = decode(content, card, source).astype(np.float32) / 255
        shares[card["index"]] = weights[bins.encode(space.split(rgb)[1])].mean()
    drawn = shares > 0
    shares[drawn] /= shares[drawn].mean()
    return shares

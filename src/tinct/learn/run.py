"""A training's folder: begin one, open it, resume it.

config.json           the settings and the colour bins
resample.npy          how often each photograph is drawn, if those with rare colours are drawn more often
checkpoints/last.ckpt the state after the last finished epoch, or later within an epoch of more than ten minutes;
                      best.ckpt is the one with the lowest validation loss
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
from tinct.learn.initial_weights import Encoder, read_initial_card
from tinct.learn.networks.layers import Network
from tinct.learn.networks.registry import build
from tinct.learn.settings import Training
from tinct.learn.tasks import CHROMA_SCALES
from tinct.runtime.modelfile import OUTPUT_CHANNELS

# Scales of chroma in old runs and cards, which do not record theirs.
OLD_CHROMA_SCALES = {"yuv": 1.0, "lab": 110.0}


@dataclass(frozen=True)
class Run:
    """A training's folder, opened.

    Attributes:
        path: the folder.
        training: its settings.
        bins: its colour bins; None for other tasks.
        chroma_scale: what chroma is divided by for the squared error.
        encoder: `name` and `sha256` of the file of the encoder's initial weights; None if there is none.
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
            DataError: the folder is not a run, or is damaged.
        """
        file = Path(path) / "config.json"
        if not file.is_file():
            raise DataError(f"{path}: is not a training run (it has no config.json); give the folder that --out named")
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            bins = ColorBins.from_card(values["bins"]) if values["bins"] else None
            training = Training.from_json(values["training"])
            scale = float(values.get("chroma_scale", OLD_CHROMA_SCALES[training.space]))
            return cls(Path(path), training, bins, scale, values.get("encoder"))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{file}: damaged ({error}); give another run, or train again") from error

    def network(self) -> Network:
        """Return the run's network with random weights."""
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
    """Return the number of finished epochs of a loaded checkpoint."""
    return int(state["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])


def steps_within(state: dict[str, Any]) -> int:
    """Return the number of steps done of a loaded checkpoint's unfinished epoch; 0 if it was written at an end."""
    loops = state["loops"]["fit_loop"]
    if loops["epoch_progress"]["current"]["ready"] == finished_epochs(state):
        return 0
    return int(loops["epoch_loop.batch_progress"]["current"]["processed"])


def begin_run(folder: Path, training: Training, source: Source, encoder: Encoder | None) -> Run:
    """Begin a run's folder: learn the bins and write config.json.

    Raises:
        SettingError: the folder already holds a training, or the initial model has another network or task.
    """
    if (folder / "config.json").exists():
        raise SettingError(f"{folder} already holds a training; continue it with --resume, or give another folder")
    bins = None
    scale = CHROMA_SCALES[training.space]
    origin = None if encoder is None else {"name": encoder.name, "sha256": encoder.sha256}
    if training.initial is not None:
        card = read_initial_card(training.initial)
        if (card.network, card.task, card.space) != (training.network, training.task, training.space):
            raise SettingError(
                f"{training.initial} holds a network '{card.network}' for {card.task} in {card.space}; train the same"
            )
        bins = card.color_bins()
        scale = float(card.training.get("chroma_scale") or OLD_CHROMA_SCALES[training.space])
        origin = card.training.get("encoder")
    elif training.task == "bins":
        bins = learn_bins(training, source)
    make_folder(folder)
    run = Run(folder, training, bins, scale, origin)
    run.save()
    return run


def learn_bins(training: Training, source: Source) -> ColorBins:
    """Learn colour bins from a training's photographs, with its settings.

    Raises:
        SettingError: the bins' weights cannot have the amplitude asked for.
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
    """Open a run to continue it, with the settings that may change.

    Raises:
        SettingError: a setting differs that may not change.
        DataError: the folder is not a run.
    """
    run = Run.open(folder)
    before, now = run.training.to_json(), training.to_json()
    fixed = (
        *("network", "options", "task", "space", "grid", "bins", "rebalance", "seed", "val", "initial"),
        *("amplitude", "from_scratch", "subset", "categories", "resample"),
    )
    if (before["average"] > 0) != (now["average"] > 0):
        how = "above 0" if before["average"] else "0"
        raise SettingError(f"{folder} was begun with an average {how}; resume with such a value")
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
    """Return a source that draws photographs with rare colours more often, by the run's `resample`.

    This is an alternative to the bins' weights in the loss. The shares are kept in the run's folder.
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
    """Return how often each photograph is drawn: (n,) shares with a mean of 1 over those that are drawn at all.

    A photograph's share is the mean weight of its pixels, with the weights of Billaut et al. 2018 for a lambda of 1 -
    `strength` (0..1): at 0 all weights are equal, at 1 they are inverse frequencies.
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

"""Everything that is measured of labelled pictures and of a recogniser's training on them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.inputs import INPUT_SPACES, PICTURE, input_space
from tinct.data.file_losses import FileFacts
from tinct.data.labelled import Loaded
from tinct.learn.doctor.changes import ChangeFacts, Split
from tinct.learn.doctor.evidence import Evidence, heart_json
from tinct.learn.doctor.plain import CHANCE, CurvePoint, LabelTest, chance_p, channel_moments, clearly_better
from tinct.learn.doctor.probes import ByHeart, Seen
from tinct.learn.doctor.trials import Setup, Trial


@dataclass(frozen=True)
class ChannelFacts:
    """A channel as a network gets it.

    Attributes:
        name: such as `rgb.red`.
        mean: over all pixels.
        spread: standard deviation over all pixels.
        signal: standard deviation of the classes' means.
    """

    name: str
    mean: float
    spread: float
    signal: float

    @property
    def size(self) -> float:
        """The root mean square over all pixels."""
        return math.hypot(self.mean, self.spread)

    @property
    def ratio(self) -> float:
        """The signal divided by the root mean square."""
        return self.signal / max(self.size, 1e-9)


@dataclass
class Examination:
    """Everything that was measured.

    Attributes:
        loaded: the pictures.
        setup: the training in question.
        counts: pictures of each class, before some were chosen.
        groups: near-duplicates, as `near_duplicates` returns them.
        twins: pairs of the same picture in two classes.
        leaks: number of pictures of val or test with a near-duplicate in train.
        copies: number of pictures that are near-duplicates of an earlier one.
        grey: (N,) which pictures are grey.
        files: what the files have lost; None for arrays.
        split: pictures that the short trainings use.
        test: whether plain statistics tell the classes apart.
        spaces: the same with only the channels' means and deviations in each colour space; None for arrays.
        curve: accuracy with more and more pictures.
        reference: whether plain statistics, fitted to the training pictures, are right on each picture to measure on.
        changes: what augmentation costs.
        channels: the channels that the network gets, in the colour space asked for.
        others: the same, unscaled, in every colour space.
        most: steps of each short training, as asked for.
        steps: steps of each short training; fewer if the network is costly.
        operations: that one picture costs, forward and backward.
        probed: what the probes measured of the network.
        seen: how much of a picture the network sees at once.
        wider: a wider network's attempt to learn the batch by heart, if the network itself cannot.
        asked: the short training as asked for.
        trials: short trainings with something changed, and their settings.
    """

    loaded: Loaded
    setup: Setup
    counts: dict[str, int]
    groups: NDArray[np.intp]
    twins: list[tuple[int, int]]
    leaks: int
    copies: int
    grey: NDArray[np.bool_]
    files: FileFacts | None
    split: Split
    test: LabelTest
    spaces: LabelTest | None
    curve: tuple[CurvePoint, ...]
    reference: NDArray[np.bool_]
    changes: list[ChangeFacts]
    channels: list[ChannelFacts] = field(default_factory=list)
    others: list[ChannelFacts] = field(default_factory=list)
    most: int = 0
    steps: int = 0
    operations: float = 0.0
    probed: Evidence = field(default_factory=Evidence)
    seen: Seen = field(default_factory=Seen)
    wider: ByHeart | None = None
    asked: Trial | None = None
    trials: list[tuple[Trial, Setup]] = field(default_factory=list)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.loaded.labelled.classes)

    @property
    def chance(self) -> float:
        """Accuracy of always naming the commonest class, on the pictures to measure on."""
        truth = self.loaded.labelled.labels[self.split.val]
        return float(np.bincount(truth).max() / len(truth))

    @property
    def telling(self) -> bool:
        """Whether plain statistics tell the classes apart."""
        return self.test.p <= CHANCE

    def falls_short(self, trial: Trial) -> bool:
        """Return whether a short training is clearly worse than plain statistics, or no better than chance."""
        return clearly_better(self.reference, trial.right) or chance_p(trial.right, self.chance) > CHANCE

    @property
    def failing(self) -> bool:
        """Whether the training as asked for falls short."""
        return self.asked is not None and self.falls_short(self.asked)

    def helps(self, name: str) -> Trial | None:
        """Return the trial of this name, if it did clearly better than the training as asked for."""
        for trial, _ in self.trials:
            if trial.name == name and self.asked is not None:
                return trial if clearly_better(trial.right, self.asked.right) else None
        return None


def channels_as_seen(examined: Examination, mean: list[float], std: list[float]) -> list[ChannelFacts]:
    """Return the channels as the network gets them: minus `mean`, divided by `std`."""
    rows = _moments(examined, examined.setup.color_space)
    return [
        ChannelFacts(row.name, (row.mean - one) / other, row.spread / other, row.signal / other)
        for row, one, other in zip(rows, mean, std, strict=True)
    ]


def channels_of_spaces(examined: Examination) -> list[ChannelFacts]:
    if examined.loaded.labelled.kind != PICTURE:
        return _moments(examined, "")
    return [row for name in INPUT_SPACES for row in _moments(examined, name)]


def _moments(examined: Examination, space: str) -> list[ChannelFacts]:
    labels = examined.loaded.labelled.labels[examined.split.train]
    means, spreads = channel_moments(examined.loaded.pixels[examined.split.train], color_space=space)
    names = input_space(space).channels if space else [f"channel {index + 1}" for index in range(means.shape[1])]
    middle = means.mean(axis=0)
    spread = np.sqrt((spreads.astype(np.float64) ** 2 + (means - middle) ** 2).mean(axis=0))
    by_class = np.stack([means[labels == label].mean(axis=0) for label in np.unique(labels)])
    signal = by_class.std(axis=0)
    return [ChannelFacts(*row) for row in zip(names, middle.tolist(), spread.tolist(), signal.tolist(), strict=True)]


def measurements(examined: Examination) -> dict[str, Any]:
    """Return all numbers as plain values."""
    probed = examined.probed.to_json()
    return {
        "classes": examined.counts,
        "looked_at": {"train": len(examined.split.train), "val": len(examined.split.val)},
        "chance": examined.chance,
        "rate": examined.setup.fitting.learning_rate if examined.setup.learns_by_steps else None,
        "grey": float(examined.grey.mean()),
        "copies": examined.copies,
        "leaks": examined.leaks,
        "files": asdict(examined.files) if examined.files else None,
        "labels": examined.test.to_json(),
        "spaces": examined.spaces.to_json() if examined.spaces else None,
        "curve": [asdict(point) for point in examined.curve],
        "reference": float(examined.reference.mean()),
        "changes": [asdict(change) for change in examined.changes],
        "channels": [{**asdict(channel), "ratio": channel.ratio} for channel in examined.channels],
        "other_channels": [{**asdict(channel), "ratio": channel.ratio} for channel in examined.others],
        "steps": examined.steps,
        **probed,
        "by_heart": [*probed["by_heart"], *([heart_json(examined.wider)] if examined.wider else [])],
        "sees": examined.seen.pixels,
        "trials": [trial.to_json() for trial in (examined.asked, *(other for other, _ in examined.trials)) if trial],
    }

"""Short trainings of a recogniser: as asked, and with one setting changed at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinct.color.inputs import PICTURE
from tinct.learn.doctor.changes import NOTHING, Split
from tinct.learn.doctor.plain import interval
from tinct.learn.doctor.probes import Probe, UnitFacts, dead_units
from tinct.learn.networks.recognizers import NETWORKS
from tinct.learn.recognize.fit import Fitting, Trained, begin_network, fit_network, make_optimizer

# Steps of a short training: from about this many on, a sound set-up is well above chance on plain colours.
STEPS = 100
# A network that costs more gets fewer: this many floating-point operations take about 15 seconds on two cores.
WORK = 1.2e12
FEWEST_STEPS = 20
# Pictures of a batch that is learned by heart, and of a probe for dead units.
BATCH, PROBED = 24, 64


@dataclass(frozen=True)
class Setup:
    """A training in question.

    Attributes:
        network: `color_statistics` or a name in `tinct.learn.networks.recognizers.NETWORKS`.
        options: the network's own.
        color_space: what it sees; nothing for arrays.
        fitting: how it is trained; only the number of passes is the doctor's own.
        size: height and width that pictures are brought to; their own, up to 128 pixels, without it.
    """

    network: str = "small_cnn"
    options: dict[str, Any] = field(default_factory=dict)
    color_space: str = "rgb"
    fitting: Fitting = field(default_factory=Fitting)
    size: tuple[int, int] | None = None

    @property
    def learns_by_steps(self) -> bool:
        """Whether gradients train it; statistics, and the last layer on pretrained features, are fitted outright."""
        return self.network in NETWORKS and self.network != "pretrained"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        values = asdict(self)
        values["options"].pop("weights", None)
        return values


@dataclass(frozen=True)
class Trial:
    """What came of a short training.

    Attributes:
        name: what was changed; `as asked`.
        losses: mean loss of each pass.
        right: of each picture to measure on, whether it was right.
        learned: share of the pictures trained on that were right.
        named: how many different classes were named.
        units: dead ReLUs after the training.
        broken: the loss or the logits are no numbers.
    """

    name: str
    losses: tuple[float, ...]
    right: NDArray[np.bool_]
    learned: float
    named: int
    units: tuple[UnitFacts, ...]
    broken: bool

    @property
    def accuracy(self) -> float:
        """Share of the pictures to measure on that was right."""
        return float(self.right.mean())

    def to_json(self) -> dict[str, Any]:
        """Return plain values; a loss that is no number is None."""
        low, high = interval(self.right)
        return {
            "name": self.name,
            "losses": [loss if math.isfinite(loss) else None for loss in self.losses],
            "accuracy": self.accuracy,
            "interval": [low, high],
            "learned": self.learned,
            "named": self.named,
            "broken": self.broken,
        }


@dataclass(frozen=True)
class Bench:
    """Pictures to try trainings on.

    Attributes:
        pixels: (N, H, W, 3) uint8, or (N, H, W, C) float32.
        labels: (N,).
        classes: how many there are.
        split: which to train on and to measure on.
        steps: of each short training.
    """

    pixels: NDArray[Any]
    labels: NDArray[np.intp]
    classes: int
    split: Split
    steps: int

    @property
    def train(self) -> NDArray[Any]:
        """The pictures to train on."""
        picked: NDArray[Any] = self.pixels[self.split.train]
        return picked

    def begin(self, setup: Setup) -> Trained:
        """Return a set-up's network before its first step."""
        random = np.random.default_rng(setup.fitting.seed)
        return begin_network(
            setup.network, self.train, self.classes, setup.color_space, setup.options, setup.fitting, random
        )

    def run(self, name: str, setup: Setup) -> Trial:
        """Train a set-up for the bench's steps and measure it."""
        truth = self.labels[self.split.train]
        fitting = setup.fitting
        passes = max(1, round(self.steps / math.ceil(len(truth) / fitting.batch_size)))
        trained = fit_network(
            setup.network,
            self.train,
            truth,
            classes=self.classes,
            color_space=setup.color_space,
            options=setup.options,
            fitting=replace(fitting, epochs=passes, minutes=None),
        )
        logits = trained.logits(self.pixels[self.split.val])
        named = logits.argmax(axis=1)
        some = self.train[:PROBED]
        return Trial(
            name,
            tuple(trained.losses),
            np.asarray(named == self.labels[self.split.val]),
            float((trained.logits(some).argmax(axis=1) == truth[: len(some)]).mean()),
            len(np.unique(named)),
            tuple(dead_units(trained.network, trained.channels(some))) if setup.learns_by_steps else (),
            not np.isfinite(logits).all() or not all(map(math.isfinite, trained.losses)),
        )

    def probe(self, setup: Setup) -> tuple[Probe, Callable[[nn.Module], float]]:
        """Make a set-up ready for experiments on one batch: pictures as they are, unmixed and unsmoothed.

        Returns:
            The probe, and what measures the share of its batch that is right.
        """
        plain = replace(setup, fitting=replace(setup.fitting, augmentation=_still(setup.fitting), smoothing=0.0))
        chosen = self.split.train[batch_of_all(self.labels[self.split.train])]
        first = self.begin(plain)
        values = first.channels(self.pixels[chosen])
        truth = torch.from_numpy(self.labels[chosen].astype(np.int64))

        def loss(network: nn.Module) -> torch.Tensor:
            return nn.functional.cross_entropy(network(values), truth)

        def right(network: nn.Module) -> float:
            with torch.no_grad():
                return float((network(values).argmax(dim=1) == truth).float().mean())

        def optimizer(network: nn.Module, rate: float) -> torch.optim.Optimizer:
            return make_optimizer(network, replace(plain.fitting, learning_rate=rate, weight_decay=0.0))

        return Probe(
            lambda: self.begin(plain).network, loss, optimizer, math.log(self.classes), setup.fitting.clip
        ), right


def batch_of_all(labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Choose a small batch, as indices of labels (N,), that has all classes alike, as far as they go."""
    by_class = [list(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    chosen: list[int] = []
    while len(chosen) < BATCH and any(by_class):
        chosen += [int(rows.pop(0)) for rows in by_class if rows]
    return np.array(chosen, dtype=np.intp)


def _still(fitting: Fitting) -> Any:
    """Leave pictures unchanged, but for standardising each by itself, which is part of what the network sees."""
    return replace(NOTHING, per_image=fitting.augmentation.per_image)


def steps_for(network: nn.Module, values: torch.Tensor, *, batch_size: int, most: int = STEPS) -> tuple[int, float]:
    """Return how many steps of a network are affordable.

    Args:
        network: before its first step.
        values: (N, C, H, W) some pictures as it sees them.
        batch_size: pictures a step.
        most: steps, at most.

    Returns:
        The steps, and the operations that one picture costs, there and back.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(values[:2])
    operations = 3 * counter.get_total_flops() / 2  # the way back costs twice the way there
    return max(min(FEWEST_STEPS, most), min(most, int(WORK / max(operations * batch_size, 1)))), float(operations)


def setup_of(
    network: str,
    *,
    color_space: str | None = None,
    size: tuple[int, int] | None = None,
    weights: str | None = None,
    backbone: str = "squeezenet1_1",
    options: dict[str, Any] | None = None,
    values: dict[str, Any] | None = None,
    augmentation: dict[str, Any] | None = None,
    as_first_written: bool = False,
) -> Setup:
    """Return the training that `tinct classify train` would do with such settings, and its defaults for the others.

    Args:
        network: which.
        color_space: what it sees; that in which the network is tried first without it, or RGB as first written.
        size: height and width of pictures.
        weights: a file of pretrained weights.
        backbone: what they belong to.
        options: the network's own.
        values: of `Fitting`; None where a value was not asked for.
        augmentation: of `Augmentation`.
        as_first_written: begin with `Fitting.as_first_written`.

    Raises:
        SettingError: settings that make no sense.
    """
    from tinct.learn.recognize.candidates import Choices, choose_candidates, fitting_of

    fitting, given = fitting_of(values or {}, augmentation=augmentation or {}, as_first_written=as_first_written)
    spaces = [color_space] if color_space else ["rgb"] if as_first_written else None
    asked = Choices(
        [network], spaces, weights, backbone, options or {}, fitting=fitting, given=given, seed=fitting.seed
    )
    candidate = choose_candidates(PICTURE, asked)[0]
    return Setup(network, candidate.options, candidate.color_space, asked.fitting_for(candidate), size)

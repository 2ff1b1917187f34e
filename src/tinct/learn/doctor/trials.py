"""A recogniser's training in question, the results of short ones, and how long these may be."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinct.color.inputs import PICTURE
from tinct.learn.doctor.evidence import Outcome
from tinct.learn.doctor.probes import finite
from tinct.learn.networks.recognizers import NETWORKS
from tinct.learn.recognize.fit import Fitting

# Steps of a short training. After about this many, a sound training is well above chance if classes differ in colour.
STEPS = 100
# A costly network gets fewer steps: this many floating-point operations take about 15 seconds on two cores.
WORK = 1.2e12
FEWEST_STEPS = 20  # but at least this many
BATCH = 24  # pictures in the batch that is learned by heart


@dataclass(frozen=True)
class Setup:
    """A training in question.

    Attributes:
        network: `color_statistics` or a name in `tinct.learn.networks.recognizers.NETWORKS`.
        options: the network's own.
        color_space: of its input; empty for arrays.
        fitting: how it is trained; the doctor sets only the number of passes itself.
        size: height and width that pictures are scaled to; default: their own, up to 128 pixels.
    """

    network: str = "small_cnn"
    options: dict[str, Any] = field(default_factory=dict)
    color_space: str = "rgb"
    fitting: Fitting = field(default_factory=Fitting)
    size: tuple[int, int] | None = None

    @property
    def learns_by_steps(self) -> bool:
        """Whether it is trained by gradients; statistics, and the layer on pretrained features, are fitted directly."""
        return self.network in NETWORKS and self.network != "pretrained"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        values = asdict(self)
        values["options"].pop("weights", None)
        return values


@dataclass(frozen=True)
class Trial(Outcome):
    """The result of a recogniser's short training.

    Attributes:
        named: number of different classes that it names.
    """

    named: int

    def to_json(self) -> dict[str, Any]:
        """Return plain values; a loss that is not finite is None."""
        return {"losses": finite(self.losses), **super().to_json(), "named": self.named}


def batch_of_all(labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return indices into labels (N,) for a small batch with the same number of each class, as far as there are."""
    by_class = [list(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    chosen: list[int] = []
    while len(chosen) < BATCH and any(by_class):
        chosen += [int(rows.pop(0)) for rows in by_class if rows]
    return np.array(chosen, dtype=np.intp)


def steps_for(network: nn.Module, values: torch.Tensor, *, batch_size: int, most: int = STEPS) -> tuple[int, float]:
    """Return how many steps of a network are affordable.

    Args:
        network: before its first step.
        values: (N, C, H, W) some pictures as it sees them.
        batch_size: pictures a step.
        most: steps, at most.

    Returns:
        The steps, and the floating-point operations that one picture costs, forward and backward.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(values[:2])
    operations = 3 * counter.get_total_flops() / 2  # backward costs twice as much as forward; for two pictures
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
    """Return the training that `tinct classify train` would run with these settings, and its defaults for the others.

    Args:
        network: its name.
        color_space: of its input; default: the one in which the network is tried first, or RGB if as first written.
        size: height and width of pictures.
        weights: file of pretrained weights.
        backbone: name of the network that the weights belong to.
        options: the network's own.
        values: fields of `Fitting`; None for those not asked for.
        augmentation: fields of `Augmentation`.
        as_first_written: start from `Fitting.as_first_written`.

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

"""What is tried to tell classes apart, and fitting any of it the same way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.features import ArrayFeatures, ColorFeatures
from tinct.color.inputs import ARRAY, INPUT_SPACES, PICTURE, input_space
from tinct.color.spaces import FloatArray
from tinct.errors import SettingError
from tinct.learn.networks.recognizers import NETWORKS
from tinct.learn.recognize.fit import Fitting, Trained, fit_network
from tinct.learn.recognize.statistics import HEADS, Head, fit_head, measure_all

COLOR_STATISTICS = "color_statistics"
ALL_NETWORKS = (COLOR_STATISTICS, *NETWORKS)
ALL_SPACES = "all"
# The spaces each is tried in where none is asked for: those it did best in on the benchmarks, the first one first.
DEFAULT_SPACES = {
    COLOR_STATISTICS: ("rgb+hsv+lab",),
    "color_first": ("lab+hsv",),
    "small_cnn": ("lab",),
    "long_kernels": ("lab",),
    "two_branch": ("rgb",),
    "pretrained": ("rgb",),
}
# The order in which networks are tried; those that cost most come last.
ORDER = (COLOR_STATISTICS, "pretrained", "small_cnn", "color_first", "long_kernels", "two_branch")
# Passes over the pictures that are enough for a network, if there is time for so many.
EPOCHS = {"small_cnn": 20, "color_first": 40, "long_kernels": 20, "two_branch": 30}
# Theirs at full width takes half an hour on two cores for a thousand pictures; --option width=1 asks for it.
DEFAULT_OPTIONS: dict[str, dict[str, Any]] = {"two_branch": {"width": 0.25}}
RATES = {"small_cnn": 1e-3, "long_kernels": 1e-3, "two_branch": 1e-3, "color_first": 4e-3}


@dataclass(frozen=True)
class Candidate:
    """One thing to try.

    Attributes:
        network: `color_statistics` or a name in `NETWORKS`.
        color_space: what it sees; empty for arrays.
        head: `logistic` or `boosting` for colour statistics, otherwise empty.
        options: of the network.
    """

    network: str
    color_space: str
    head: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How it is called in tables: network, head, colour space, options."""
        head = f"/{self.head}" if self.head else ""
        head += f"/{self.options['backbone']}" if "backbone" in self.options else ""
        options = "".join(
            f" {key}={value}" for key, value in self.options.items() if key not in ("weights", "backbone")
        )
        return f"{self.network}{head} {self.color_space or 'array'}{options}"


@dataclass
class Fitted:
    """A candidate that was fitted.

    Attributes:
        candidate: which.
        features: what measures statistics; None for networks.
        head: the classifier on statistics; None for networks.
        trained: the network; None for statistics.
    """

    candidate: Candidate
    features: ColorFeatures | ArrayFeatures | None = None
    head: Head | None = None
    trained: Trained | None = None

    def logits(self, pixels: NDArray[Any]) -> FloatArray:
        """Give (N, classes) for pictures (N, H, W, 3) uint8, or arrays (N, H, W, C)."""
        if self.head is not None and self.features is not None:
            return self.head.logits(measure_all(pixels, self.features))
        if self.trained is None:
            raise SettingError(f"{self.candidate.name} was not fitted")
        return self.trained.logits(pixels)


def fit_candidate(
    candidate: Candidate,
    pixels: NDArray[Any],
    labels: NDArray[np.intp],
    *,
    classes: int,
    fitting: Fitting,
    measured: FloatArray | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Fitted:
    """Fit a candidate.

    Args:
        candidate: which.
        pixels: (N, H, W, 3) uint8, or (N, H, W, C) float32 for arrays.
        labels: (N,).
        classes: how many there are.
        fitting: how networks are trained; of statistics only its seed counts.
        measured: (N, features) where the statistics of these pictures were measured already.
        progress: called with (done, total) epochs.

    Raises:
        SettingError: options or settings that make no sense.
        ModelError: pretrained weights cannot be read.
    """
    if candidate.network == COLOR_STATISTICS:
        features = features_of(candidate, pixels)
        values = measure_all(pixels, features) if measured is None else measured
        head = fit_head(candidate.head, values, labels, classes=classes, seed=fitting.seed)
        return Fitted(candidate, features, head)
    trained = fit_network(
        candidate.network,
        pixels,
        labels,
        classes=classes,
        color_space=candidate.color_space,
        options=candidate.options,
        fitting=fitting,
        progress=progress,
    )
    return Fitted(candidate, trained=trained)


def features_of(candidate: Candidate, pixels: NDArray[Any]) -> ColorFeatures | ArrayFeatures:
    """Say which statistics a candidate takes of such pictures or arrays."""
    if not candidate.color_space:
        return ArrayFeatures(channels=int(pixels.shape[-1]))
    return ColorFeatures(space=candidate.color_space)


def choose_candidates(
    kind: str,
    *,
    networks: list[str] | None = None,
    color_spaces: list[str] | None = None,
    weights: str | None = None,
    backbone: str = "squeezenet1_1",
    options: dict[str, Any] | None = None,
    size: tuple[int, int] | None = None,
) -> list[Candidate]:
    """Say what is tried.

    Args:
        kind: `picture` or `array`.
        networks: only these; all that fit without it.
        color_spaces: only these, `all` for all six; those that suit each network without it.
        weights: a file of pretrained weights, without which `pretrained` is left out.
        backbone: what the weights belong to, `squeezenet1_1` or `vgg16`.
        options: of the networks; only where one network is chosen.
        size: height and width of the pictures; long kernels are made to fit into it.

    Raises:
        SettingError: no such network or space; options for several networks; pretrained without weights; colour
            spaces for arrays.
    """
    for name in networks or []:
        if name not in ALL_NETWORKS:
            raise SettingError(f"no network '{name}'; there are {', '.join(ALL_NETWORKS)}")
    if options and (networks is None or len(networks) != 1):
        raise SettingError("options belong to one network; name it with --network")
    if options and networks == [COLOR_STATISTICS]:
        raise SettingError(f"{COLOR_STATISTICS} has no options; leave --option away")
    if networks and "pretrained" in networks and (weights is None or kind == ARRAY):
        raise SettingError("pretrained features need pictures and --weights FILE, .npz for squeezenet1_1 or .pth")
    if color_spaces and kind == ARRAY:
        raise SettingError("arrays have no colours; leave --color-space away")
    chosen = [name for name in ORDER if networks is None or name in networks]
    if weights is None or kind == ARRAY:
        chosen = [name for name in chosen if name != "pretrained"]
    found: list[Candidate] = []
    for name in chosen:
        given = {**DEFAULT_OPTIONS.get(name, {}), **(options or {})}
        if name == "long_kernels" and size and not options:
            given = _kernels_that_fit(size)
        if name == "pretrained":
            given |= {"weights": str(weights), "backbone": backbone}
        for space in _spaces(name, kind, color_spaces):
            heads = HEADS if name == COLOR_STATISTICS else ("",)
            found += [Candidate(name, space, head, given) for head in heads]
    if not found:
        raise SettingError("nothing is left to try; ask for other networks or colour spaces")
    return found


def _kernels_that_fit(size: tuple[int, int]) -> dict[str, Any]:
    """Give shorter kernels where two of 30 and two of 3 are longer than an edge, and no options otherwise."""
    # Each edge loses 2 (long - 1) + 2 (3 - 1) pixels, and one has to be left.
    longest = (min(size) - 5) // 2 + 1
    return {} if longest >= 30 else {"long": max(3, longest)}


def _spaces(network: str, kind: str, asked: list[str] | None) -> list[str]:
    if kind != PICTURE:
        return [""]
    if network == "pretrained":  # it was trained on RGB and sees nothing else
        return ["rgb"] if asked is None or ALL_SPACES in asked or "rgb" in asked else []
    if asked is None:
        return list(DEFAULT_SPACES[network])
    names: list[str] = []
    for each in asked:
        names += list(INPUT_SPACES) if each == ALL_SPACES else [input_space(each).name]
    return list(dict.fromkeys(names))


def fitting_for(candidate: Candidate, fitting: Fitting, *, given: frozenset[str]) -> dict[str, Any]:
    """Give the epochs and rate that suit a network, where they were not given."""
    values: dict[str, Any] = {}
    if "epochs" not in given:
        values["epochs"] = EPOCHS.get(candidate.network, fitting.epochs)
    if "learning_rate" not in given:
        values["learning_rate"] = RATES.get(candidate.network, fitting.learning_rate)
    return values

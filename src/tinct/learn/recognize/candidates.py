"""The candidates that are tried to tell classes apart, and one function that fits any of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color.features import ArrayFeatures, ColorFeatures
from tinct.color.inputs import ARRAY, INPUT_SPACES, input_space
from tinct.color.spaces import FloatArray
from tinct.errors import SettingError
from tinct.learn.networks.recognizers import NETWORKS, PRETRAINED
from tinct.learn.recognize.augment import Augmentation
from tinct.learn.recognize.fit import Fitting, Trained, fit_network
from tinct.learn.recognize.heads import HEADS, HISTOGRAM, SHARES, STRENGTH, Head, fit_head, measure_all

COLOR_STATISTICS = "color_statistics"
ALL_NETWORKS = (COLOR_STATISTICS, *NETWORKS)
ALL_SPACES = "all"
MINUTES = 0.4  # default time of a training, for all candidates
MINUTES_FOR = 800  # for more pictures than this, the default time grows in proportion
MOST_MINUTES = 30.0  # of the default time
MOST_FOLDS = 20
STATISTICS_SPACE = "rgb+hsv+lab"  # the colour space in which colour statistics did best in benchmarks
# Statistics are measured on pictures reduced to this edge: larger ones add nothing about colours, and take longer.
STATISTICS_EDGE = 64
STATISTICS_CELLS = 8  # of the colour histogram, along each channel
FEWEST_STEPS = 200  # a network gets at least this many steps: with few pictures, more passes over them


@dataclass(frozen=True)
class Candidate:
    """One thing to try.

    Attributes:
        network: `color_statistics` or a name in `NETWORKS`.
        color_space: its input; empty for arrays.
        head: `logistic`, `forest`, `histogram`, `joined` or `boosting` for colour statistics, otherwise empty.
        options: of the network; for colour statistics `strength` and `shares`, once cross-validation has chosen them.
    """

    network: str
    color_space: str
    head: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name in tables: network, head, colour space, options."""
        parts = [self.network, self.head, self.options.get("backbone", "")]
        hidden = ("weights", "backbone", "strength", "shares")  # shown elsewhere, or not asked for
        shown = [f" {key}={value}" for key, value in self.options.items() if key not in hidden]
        return f"{'/'.join(filter(None, parts))} {self.color_space or 'array'}{''.join(shown)}"


@dataclass
class Fitted:
    """A fitted candidate: a head on features, or a network."""

    candidate: Candidate
    features: ColorFeatures | ArrayFeatures | None = None
    head: Head | None = None
    trained: Trained | None = None

    @property
    def epochs(self) -> int:
        """Passes over the pictures; 0 for statistics and pretrained features, whose classifier is fitted directly."""
        return 0 if self.trained is None or self.candidate.network == PRETRAINED else len(self.trained.losses)

    def logits(self, pixels: NDArray[Any]) -> FloatArray:
        """Compute (N, classes) for pictures (N, H, W, 3) uint8, or arrays (N, H, W, C)."""
        if self.head is not None and self.features is not None:
            return self.head.logits(measure_all(pixels, self.features))
        assert self.trained is not None
        return self.trained.logits(pixels)


def fit_candidate(
    candidate: Candidate,
    pixels: NDArray[Any],
    labels: NDArray[np.intp],
    *,
    classes: int,
    fitting: Fitting,
    measured: FloatArray | None = None,
    fewest: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Fitted:
    """Fit a candidate to pictures (N, H, W, 3) uint8, or arrays (N, H, W, C) float32, of classes (N,).

    Args:
        candidate: to be fitted.
        pixels: the pictures or arrays.
        labels: their classes.
        classes: number of classes.
        fitting: how networks are trained; colour statistics use only its seed, boosting also its minutes.
        measured: (N, features) of these pictures, if they are known already.
        fewest: passes over the pictures that a network must complete in its time.
        progress: called with (done, total) epochs.

    Raises:
        SettingError: options or settings that make no sense, or the time is too short.
        ModelError: pretrained weights cannot be read.
    """
    if candidate.network == COLOR_STATISTICS:
        features = features_of(candidate, pixels)
        values = measure_all(pixels, features) if measured is None else measured
        head = fit_head(
            candidate.head,
            values,
            labels,
            classes=classes,
            seed=fitting.seed,
            strength=candidate.options.get("strength", STRENGTH),
            cells=features.cells**3 if isinstance(features, ColorFeatures) else 0,
            shares=candidate.options.get("shares", SHARES[0]),
            seconds=None if fitting.minutes is None else 60 * fitting.minutes,
        )
        return Fitted(candidate, features, head)
    trained = fit_network(
        candidate.network,
        pixels,
        labels,
        classes=classes,
        color_space=candidate.color_space,
        options=candidate.options,
        fitting=fitting,
        fewest=fewest,
        progress=progress,
    )
    return Fitted(candidate, trained=trained)


def features_of(candidate: Candidate, pixels: NDArray[Any]) -> ColorFeatures | ArrayFeatures:
    """Return the statistics of a candidate, for pictures or arrays like these."""
    return statistics_of(candidate.color_space, pixels, cells=STATISTICS_CELLS)


def statistics_of(space: str, pixels: NDArray[Any], *, cells: int = 0) -> ColorFeatures | ArrayFeatures:
    """Return statistics of pictures in a colour space or, if that is empty, of arrays like these."""
    if not space:
        return ArrayFeatures(channels=int(pixels.shape[-1]))
    return ColorFeatures(space=space, texture=True, cells=cells, longest_edge=STATISTICS_EDGE)


@dataclass(frozen=True)
class Choices:
    """What a training is asked for.

    Attributes:
        networks: try only these; default: all that fit.
        color_spaces: try only these, or all six if `all`; default: the one that suits each network.
        weights: a file of pretrained weights; without it, `pretrained` is not tried.
        backbone: the network of the weights, `squeezenet1_1` or `vgg16`.
        options: of the network, if only one is tried.
        size: height and width to which pictures are scaled; default: their own, up to 128 pixels.
        folds: of the cross-validation; 1: measure on one fifth; default: by the number of pictures.
        minutes: for everything; default: by the number of pictures, see `time_for`.
        fitting: how networks are trained.
        given: names of the fields of `fitting` that were asked for; the others are chosen for each network.
        force: only warn of augmentation that destroys the label.
        seed: of everything random.
    """

    networks: list[str] | None = None
    color_spaces: list[str] | None = None
    weights: str | None = None
    backbone: str = "squeezenet1_1"
    options: dict[str, Any] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    folds: int | None = None
    minutes: float | None = None
    fitting: Fitting = field(default_factory=Fitting)
    given: frozenset[str] = frozenset()
    force: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise a SettingError if a value is out of its range."""
        if self.minutes is not None and not self.minutes > 0:
            raise SettingError(f"--time needs more than 0 minutes, not {self.minutes:g}")
        if self.folds is not None and not 1 <= self.folds <= MOST_FOLDS:
            raise SettingError(f"--folds must be 1 (one fifth is held out) to {MOST_FOLDS}, not {self.folds}")

    def time_for(self, pictures: int) -> float:
        """Return the minutes for everything; by default 0.4 for up to 800 pictures, and more in proportion."""
        return self.minutes or min(MOST_MINUTES, max(MINUTES, MINUTES * pictures / MINUTES_FOR))

    def fitting_for(self, candidate: Candidate, *, pictures: int | None = None) -> Fitting:
        """Return how a candidate is trained: with its own default epochs and rate, unless others were asked for.

        `pictures` is the number to train on; with few, a network makes more passes over them.
        """
        fitting = replace(self.fitting, seed=self.seed)
        if candidate.network not in NETWORKS:
            return fitting
        network = NETWORKS[candidate.network]
        steps = math.ceil(pictures / fitting.batch_size) if pictures else FEWEST_STEPS
        epochs = max(network.epochs, math.ceil(FEWEST_STEPS / steps))
        suited: dict[str, Any] = {"epochs": epochs, "learning_rate": network.learning_rate}
        return replace(fitting, **{name: value for name, value in suited.items() if name not in self.given})


def fitting_of(
    values: dict[str, Any], *, augmentation: dict[str, Any], as_first_written: bool = False
) -> tuple[Fitting, frozenset[str]]:
    """Return how networks are trained, and which of `values` were asked for.

    Args:
        values: fields of `Fitting`; None for those not asked for.
        augmentation: fields of `Augmentation`.
        as_first_written: start from `Fitting.as_first_written` instead of the defaults.

    Raises:
        SettingError: there is no such augmentation, or a value makes no sense.
    """
    begin = Fitting.as_first_written() if as_first_written else Fitting()
    changes = vars(begin.augmentation).copy()
    for name, value in augmentation.items():
        if name not in changes:
            raise SettingError(f"no change '{name}' to pictures; there are {', '.join(changes)}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise SettingError(f"--augment {name} needs a number of 0 to 1, not {value!r}")
        changes[name] = bool(value) if isinstance(changes[name], bool) else float(value)
    asked = {name: value for name, value in values.items() if value is not None}
    given = frozenset(asked) | ({"epochs", "learning_rate"} if as_first_written else set())
    return replace(begin, **asked, augmentation=Augmentation(**changes)), given


def choose_candidates(
    kind: str, choices: Choices | None = None, *, size: tuple[int, int] | None = None
) -> list[Candidate]:
    """Return the candidates for `picture` or `array`, in the order in which they are tried.

    `size` is the pictures' (height, width), to which long kernels are adapted.

    Raises:
        SettingError: no such network, space or file; options for several networks; pretrained without weights; colour
            spaces for arrays.
    """
    choices = choices or Choices()
    _check_choices(kind, choices)
    candidates: list[Candidate] = []
    for name in ALL_NETWORKS:
        if choices.networks is not None and name not in choices.networks:
            continue
        if name == PRETRAINED and (choices.weights is None or kind == ARRAY):
            continue
        options = {**(NETWORKS[name].options if name in NETWORKS else {}), **choices.options}
        if name == "long_kernels" and size and not choices.options:
            options = _kernels_that_fit(size)
        if name == PRETRAINED:
            options |= {"weights": str(choices.weights), "backbone": choices.backbone}
        for space in _spaces(name, kind, choices.color_spaces):
            heads: tuple[str, ...] = HEADS if name == COLOR_STATISTICS else ("",)
            if kind == ARRAY:  # arrays have no colours to count
                heads = tuple(head for head in heads if head != HISTOGRAM)
            candidates += [Candidate(name, space, head, options) for head in heads]
    if not candidates:
        raise SettingError("no network goes with these colour spaces; choose others")
    return candidates


def _check_choices(kind: str, choices: Choices) -> None:
    networks = choices.networks or []
    for name in networks:
        if name not in ALL_NETWORKS:
            raise SettingError(f"no network '{name}'; there are {', '.join(ALL_NETWORKS)}")
    if choices.options and len(networks) != 1:
        raise SettingError("options belong to one network; name it with --network")
    if choices.options and networks == [COLOR_STATISTICS]:
        raise SettingError(f"{COLOR_STATISTICS} has no options; leave out --option")
    if PRETRAINED in networks and (choices.weights is None or kind == ARRAY):
        raise SettingError("pretrained features need pictures and --weights FILE, .npz for squeezenet1_1 or .pth")
    if choices.weights is not None and not Path(choices.weights).is_file():
        raise SettingError(f"{choices.weights}: no such file of weights; check the path")
    if choices.color_spaces and kind == ARRAY:
        raise SettingError("arrays have no colours; leave out --color-space")


def _kernels_that_fit(size: tuple[int, int]) -> dict[str, Any]:
    """Return options for shorter kernels if the default ones do not fit; otherwise no options."""
    # Each edge loses 2 (long - 1) + 2 (3 - 1) pixels, and at least one must be left.
    longest = (min(size) - 5) // 2 + 1
    return {} if longest >= 30 else {"long": max(3, longest)}


def _spaces(network: str, kind: str, asked: list[str] | None) -> list[str]:
    if kind == ARRAY:
        return [""]
    if network == PRETRAINED:  # it was trained on RGB
        return ["rgb"] if asked is None or ALL_SPACES in asked or "rgb" in asked else []
    if asked is None:
        return [NETWORKS[network].color_space if network in NETWORKS else STATISTICS_SPACE]
    names: list[str] = []
    for space in asked:
        names += list(INPUT_SPACES) if space == ALL_SPACES else [input_space(space).name]
    return list(dict.fromkeys(names))

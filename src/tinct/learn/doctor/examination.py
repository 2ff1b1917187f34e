"""Everything that is measured of labelled pictures and of a recogniser's training on them, and its experiments."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinct.color.inputs import INPUT_SPACES, PICTURE, input_space
from tinct.data.file_losses import FileFacts
from tinct.data.labelled import Loaded
from tinct.data.pictures import TEST, TRAIN, VAL
from tinct.errors import SettingError
from tinct.learn.doctor.changes import NOTHING, ChangeFacts, Split, suspects
from tinct.learn.doctor.evidence import HEART_STEPS, USUAL_RATE, Measured, run_probes
from tinct.learn.doctor.plain import CurvePoint, LabelTest, channel_moments
from tinct.learn.doctor.probes import ByHeart, Probe, dead_units, learn_by_heart, receptive_field
from tinct.learn.doctor.trials import Setup, Trial, batch_of_all, steps_for
from tinct.learn.recognize.fit import Fitting, Trained, begin_network, fit_network, make_optimizer

PROBED = 64  # pictures on which dead ReLUs are counted
RANGE_STEPS = 60  # of the range test; costly networks get fewer, and fewer to learn a batch by heart
FEWEST = 20  # but at least this many of each

# Four times the default width of each network that has one.
WIDER: dict[str, float] = {"small_cnn": 64, "long_kernels": 64, "two_branch": 1.0, "color_first": 128}
STACKED = "lab+hsv"
# Names of trainings in `tried`, beside those with one setting changed.
TOGETHER, OTHER_NETWORK = "all of these", "another network"


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


@dataclass(kw_only=True)
class Examination(Measured):
    """Everything that was measured.

    Attributes:
        loaded: the pictures.
        setup: the training in question.
        counts: pictures of each class, before some were chosen.
        groups: near-duplicates, as `near_duplicates` returns them.
        twins: pairs of the same picture in two classes.
        grey: (N,) which pictures are grey.
        files: what the files have lost; None for arrays.
        split: pictures that the short trainings use.
        spaces: `test` with only the channels' means and deviations in each colour space; None for arrays.
        curve: accuracy with more and more pictures.
        changes: what augmentation costs.
        channels: the channels that the network gets, in the colour space asked for.
        others: the same, unscaled, in every colour space.
        most: steps of each short training, as asked for.
        steps: steps of each short training; fewer if the network is costly.
        operations: that one picture costs, forward and backward.
        wider: a wider network's attempt to learn the batch by heart, if the network itself cannot.
        setups: the settings of each training in `tried`.
    """

    test: LabelTest
    reference: NDArray[np.bool_]
    asked: Trial | None = None
    loaded: Loaded
    setup: Setup
    counts: dict[str, int]
    groups: NDArray[np.intp]
    twins: list[tuple[int, int]]
    grey: NDArray[np.bool_]
    files: FileFacts | None
    split: Split
    spaces: LabelTest | None
    curve: tuple[CurvePoint, ...]
    changes: list[ChangeFacts]
    channels: list[ChannelFacts] = field(default_factory=list)
    others: list[ChannelFacts] = field(default_factory=list)
    most: int = 0
    steps: int = 0
    operations: float = 0.0
    wider: ByHeart | None = None
    setups: dict[str, Setup] = field(default_factory=dict)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.loaded.labelled.classes)

    @property
    def leaks(self) -> int:
        """Number of pictures of val or test with a near-duplicate in train."""
        splits = np.array(self.loaded.labelled.splits)
        return int(np.isin(self.groups[(splits == VAL) | (splits == TEST)], self.groups[splits == TRAIN]).sum())

    @property
    def copies(self) -> int:
        """Number of pictures that are near-duplicates of an earlier one."""
        return int((self.groups != np.arange(len(self.groups))).sum())

    def to_json(self) -> dict[str, Any]:
        """Return all numbers as plain values."""
        probed = self.probed.to_json()
        return {
            "classes": self.counts,
            "looked_at": {"train": len(self.split.train), "val": len(self.split.val)},
            "chance": self.chance,
            "rate": self.setup.fitting.learning_rate if self.setup.learns_by_steps else None,
            "grey": float(self.grey.mean()),
            "copies": self.copies,
            "leaks": self.leaks,
            "files": asdict(self.files) if self.files else None,
            "labels": self.test.to_json(),
            "spaces": self.spaces.to_json() if self.spaces else None,
            "curve": [asdict(point) for point in self.curve],
            "reference": float(self.reference.mean()),
            "changes": [asdict(change) for change in self.changes],
            "channels": [{**asdict(channel), "ratio": channel.ratio} for channel in self.channels],
            "other_channels": [{**asdict(channel), "ratio": channel.ratio} for channel in self.others],
            "steps": self.steps,
            **probed,
            "by_heart": [*probed["by_heart"], *([self.wider.to_json()] if self.wider else [])],
            "sees": self.seen.pixels,
            "trials": self.trials_json(),
        }


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


def _begin(examined: Examination, setup: Setup) -> Trained:
    """Return the network of a training before its first step."""
    random = np.random.default_rng(setup.fitting.seed)
    pixels = examined.loaded.pixels[examined.split.train]
    return begin_network(
        setup.network, pixels, examined.classes, setup.color_space, setup.options, setup.fitting, random
    )


def _run(examined: Examination, setup: Setup) -> Trial:
    """Train for some steps, and measure the result."""
    train, val = examined.split.train, examined.split.val
    pixels, labels = examined.loaded.pixels, examined.loaded.labelled.labels
    steps = examined.steps or examined.most
    passes = max(1, round(steps / math.ceil(len(train) / setup.fitting.batch_size)))
    trained = fit_network(
        setup.network,
        pixels[train],
        labels[train],
        classes=examined.classes,
        color_space=setup.color_space,
        options=setup.options,
        fitting=replace(setup.fitting, epochs=passes, minutes=None),
    )
    logits = trained.logits(pixels[val])
    named, some = logits.argmax(axis=1), train[:PROBED]
    return Trial(
        tuple(trained.losses),
        np.asarray(named == labels[val]),
        float((trained.logits(pixels[some]).argmax(axis=1) == labels[some]).mean()),
        tuple(dead_units(trained.network, trained.channels(pixels[some]))) if setup.learns_by_steps else (),
        not np.isfinite(logits).all() or not all(map(math.isfinite, trained.losses)),
        len(np.unique(named)),
    )


def _probe(examined: Examination, setup: Setup) -> Probe:
    """Prepare experiments on one batch, without augmentation and label smoothing."""
    # Nothing is changed, except that each picture is standardised if the fitting does that.
    still = replace(NOTHING, per_image=setup.fitting.augmentation.per_image)
    plain = replace(setup, fitting=replace(setup.fitting, augmentation=still, smoothing=0.0))
    train, labels = examined.split.train, examined.loaded.labelled.labels
    chosen = train[batch_of_all(labels[train])]
    values = _begin(examined, plain).channels(examined.loaded.pixels[chosen])
    truth = torch.from_numpy(labels[chosen].astype(np.int64))

    def loss(network: nn.Module) -> torch.Tensor:
        return nn.functional.cross_entropy(network(values), truth)

    def right(network: nn.Module) -> float:
        with torch.no_grad():
            return float((network(values).argmax(dim=1) == truth).float().mean())

    def optimizer(network: nn.Module, rate: float) -> torch.optim.Optimizer:
        return make_optimizer(network, replace(plain.fitting, learning_rate=rate, weight_decay=0.0))

    guess = math.log(examined.classes)
    return Probe(
        lambda: _begin(examined, plain).network, loss, optimizer, guess, accuracy=right, clip=setup.fitting.clip
    )


def experiment(examined: Examination, *, steps: int, tick: Callable[[], None]) -> None:
    """Run everything that needs the network, and add the results to the examination.

    Args:
        examined: what was measured of the data.
        steps: of each short training, at most.
        tick: called after each experiment.
    """
    setup = examined.setup
    examined.most = steps
    if setup.learns_by_steps:
        trained = _begin(examined, setup)
        values = trained.channels(examined.loaded.pixels[examined.split.train[:PROBED]])
        size = setup.fitting.batch_size
        examined.steps, examined.operations = steps_for(trained.network, values, batch_size=size, most=steps)
        examined.channels = channels_as_seen(examined, trained.mean, trained.std)
        examined.others = channels_of_spaces(examined)
        examined.seen = receptive_field(trained.network, values[:8])
        tick()
        _try_batch(examined, values, share=examined.steps / steps)
        tick()
    examined.asked = _run(examined, setup)
    examined.probed.after = examined.asked.units
    tick()
    if setup.learns_by_steps and examined.failing and examined.telling:
        _vary(examined, tick)


def _try_batch(examined: Examination, values: torch.Tensor, *, share: float) -> None:
    """Run the range test, and learn one batch by heart: as asked for and, if that fails, with changes."""
    setup = examined.setup
    turns = max(FEWEST, round(HEART_STEPS * share))
    rate = setup.fitting.learning_rate
    range_steps = max(FEWEST, round(RANGE_STEPS * share))
    examined.probed = run_probes(_probe(examined, setup), values, rate=rate, range_steps=range_steps, heart_steps=turns)
    hearts = examined.probed.hearts
    if not hearts[-1].known and not setup.fitting.standardize:
        sound = _probe(examined, _fitted(setup, standardize=True))
        hearts.append(learn_by_heart(sound, name="standardised, at a usual rate", rate=USUAL_RATE, steps=turns))
    if not any(heart.known for heart in hearts) and setup.network in WIDER:
        width = WIDER[setup.network]
        try:
            wider = _probe(examined, replace(setup, options={**setup.options, "width": width}))
        except SettingError:  # the width does not go with the other options
            return
        name = f"with a width of {width:g}"
        examined.wider = learn_by_heart(wider, name=name, rate=min(rate, USUAL_RATE), steps=turns)


def _vary(examined: Examination, tick: Callable[[], None]) -> None:
    """Train again with one setting changed at a time; if none learns, with all changed, then with another network."""
    setup = examined.setup
    changes = _changes(examined)

    def run(name: str, changed: Setup) -> None:
        examined.tried[name], examined.setups[name] = _run(examined, changed), changed
        tick()

    for name, change in changes.items():
        run(name, change(setup))
    if any(map(examined.works, examined.tried)):
        return
    sound = setup
    for change in changes.values():
        sound = change(sound)
    if not setup.fitting.standardize:  # the rate that suits unscaled input may not suit standardised input
        sound = _fitted(sound, learning_rate=USUAL_RATE)
    if len(changes) > 1:
        run(TOGETHER, sound)
    if not examined.works(TOGETHER):
        name = "color_first" if setup.network != "color_first" else "small_cnn"
        run(OTHER_NETWORK, Setup(name, {}, STACKED if setup.color_space else "", Fitting(seed=setup.fitting.seed)))


def _changes(examined: Examination) -> dict[str, Callable[[Setup], Setup]]:
    """Return the changes to try: everything that may be why nothing is learned."""
    setup = examined.setup
    fitting = setup.fitting
    changes: dict[str, Callable[[Setup], Setup]] = {}
    if guilty := suspects(examined.changes, fitting.augmentation):
        off = {name: getattr(NOTHING, name) for name in guilty}
        changes["augmentation"] = lambda one: _fitted(one, augmentation=replace(one.fitting.augmentation, **off))
    if not fitting.standardize:
        changes["standardised"] = lambda one: _fitted(one, standardize=True)
    rate = examined.probed.better_rate
    if rate is not None:
        changes["rate"] = lambda one: _fitted(one, learning_rate=rate)
    if setup.color_space not in ("", STACKED):
        changes["colour space"] = lambda one: replace(one, color_space=STACKED)
    return changes


def _fitted(setup: Setup, **changes: Any) -> Setup:
    return replace(setup, fitting=replace(setup.fitting, **changes))

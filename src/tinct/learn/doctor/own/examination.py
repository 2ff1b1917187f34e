"""Everything that is measured of a user's training, and the order of all experiments with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinct.data.duplicates import near_duplicates
from tinct.learn.doctor.evidence import HEART_STEPS, USUAL_RATE, Measured, heart_lines, range_line, run_probes
from tinct.learn.doctor.own.answers import ALWAYS_ONE, FREE, THROUGH, kind_of_answers, make_reading, reaches
from tinct.learn.doctor.own.case import Case, Looked, Run, Suspect
from tinct.learn.doctor.own.given import Sample
from tinct.learn.doctor.own.network_suspects import moments
from tinct.learn.doctor.own.suspects import scheduled_rates, suspects, wrong_rate
from tinct.learn.doctor.plain import (
    FeatureSet,
    LabelTest,
    check_labels,
    feature_sets,
    named_by_statistics,
    side_by_side,
)
from tinct.learn.doctor.probes import ByHeart, learn_by_heart, range_of_rates, receptive_field
from tinct.learn.doctor.trials import BATCH, batch_of_all, steps_for

EDGE = 64  # pixels: plain statistics are computed on pictures no larger than this
NUMBERS = 2000  # of each input that is not a picture, plain statistics use at most this many
RANGE_STEPS = 50  # of the learning rate range test
# A schedule that falls below this share of the rate within a short training may be why nothing is learned.
TAKEN_AWAY = 0.01
TOGETHER = "all mends"  # name of the training with all mends in `tried`
PLAIN_UNITS = 256  # of the hidden layer of the plain network


@dataclass(kw_only=True)
class Examined(Measured):
    """What was measured; `tried` holds the training with each suspect's mend, by its kind, and `TOGETHER`.

    Attributes:
        case: the training as asked for.
        classes: their names.
        looked: what is known before any training.
        given: whether the held-out samples came from a loader of their own.
        labels: (N,) classes of the training samples; None if there are no classes.
        held_test: `test` for the held-out samples, if they came from a loader of their own.
        named: (M,) the class that plain statistics name for each held-out sample.
        groups: (N + M,) near-duplicates among training and held-out samples, as `near_duplicates` returns them.
        suspects: possible faults.
        needed: kinds of the suspects without whose mend all the other mends are not enough.
        plain_heart: a plain network's attempt to learn the batch by heart, if the user's network cannot.
    """

    asked: Run | None = None
    case: Case
    classes: list[str]
    looked: Looked
    given: bool
    labels: NDArray[np.intp] | None
    held_test: LabelTest | None = None
    named: NDArray[np.intp] | None = None
    groups: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    suspects: list[Suspect] = field(default_factory=list)
    needed: set[str] = field(default_factory=set)
    plain_heart: ByHeart | None = None

    @property
    def explained(self) -> bool:
        """Whether a mend alone, or all of them together, make it work."""
        return any(map(self.works, self.tried))

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "chance": self.chance,
            "guess": self.case.reading.guess,
            "task": self.case.reading.kind,
            "answers": self.looked.answers,
            "steps": self.case.steps,
            "labels": self.test.to_json() if self.test else None,
            "reference": None if self.reference is None else float(self.reference.mean()),
            "sees": self.seen.pixels,
            **self.probed.to_json(),
            "trials": sorted(self.trials_json(), key=lambda trial: bool(trial["name"] == TOGETHER)),  # it comes last
        }


def begin(
    bare: Case, train: Sample, held: Sample, some: Sample, *, given: bool, classes: int | Sequence[str] | None
) -> Examined:
    """Look at some outputs, and find out what kind of task it is.

    Args:
        bare: the training, whose answers cannot be read yet.
        train: samples to train on.
        held: samples to measure on.
        some: samples to look at.
        given: whether `held` came from a loader of its own.
        classes: number of classes, or their names; None: counted from the labels.
    """
    network = bare.make()
    with torch.no_grad():
        outputs = network.eval()(some.inputs).detach()
    answers = kind_of_answers(network, some.inputs)
    reading = make_reading(bare.loss, outputs, some.targets, answers)
    labels, truth = reading.labels(train.targets), reading.labels(held.targets)
    count = 0 if labels is None or truth is None else int(max(labels.max(), truth.max())) + 1
    names = [str(name) for name in (range(classes) if isinstance(classes, int) else classes or range(count))]
    return Examined(
        case=replace(bare, train=train, held=held, reading=reading),
        classes=names + [str(label) for label in range(len(names), count)],
        looked=Looked(answers, outputs, some),
        given=given,
        labels=labels,
        truth=truth,
    )


def look_at_samples(examined: Examined) -> None:
    """Measure what needs no network: copies, plain statistics, and whether they tell the classes apart."""
    train, held = examined.case.train, examined.case.held
    both = torch.cat([train.inputs, held.inputs]) if train.inputs.shape[1:] == held.inputs.shape[1:] else train.inputs
    values = both.detach().float().cpu()
    examined.groups = _copies(values, picture=train.is_picture)
    if examined.labels is None or len(np.unique(examined.labels)) < 2 or not train.inputs.is_floating_point():
        return
    sets = _features(values, picture=train.is_picture)
    count, classes = len(train.inputs), len(examined.classes)
    # A copy would be recognized by its original.
    alone = np.flatnonzero(examined.groups[:count] == np.arange(count))
    if len(alone) < 2 * classes or len(np.unique(examined.labels[alone])) < 2:
        return
    examined.test = check_labels(_rows(sets, alone), examined.labels[alone], classes=classes)
    if examined.given and examined.truth is not None and not examined.telling and len(np.unique(examined.truth)) > 1:
        examined.held_test = check_labels(_rows(sets, np.arange(count, len(values))), examined.truth, classes=classes)
    if examined.truth is not None and len(values) > count:
        joined = side_by_side(sets)
        examined.named = named_by_statistics(joined[:count], examined.labels, joined[count:])
        examined.reference = examined.named == examined.truth


def _rows(sets: list[FeatureSet], chosen: NDArray[np.intp]) -> list[FeatureSet]:
    return [FeatureSet(features.name, features.extent, features.values[chosen]) for features in sets]


def _pixels_of(values: torch.Tensor) -> NDArray[np.uint8]:
    """Return inputs (N, C, H, W) as uint8 pictures (N, H, W, 3), all scaled alike to 0..255."""
    arrays = np.moveaxis(values.numpy(), 1, -1)
    low, high = np.quantile(arrays, (0.001, 0.999))
    scaled = np.clip(np.rint(255 * (arrays - low) / max(float(high - low), 1e-12)), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(scaled, 3, axis=-1) if scaled.shape[-1] == 1 else scaled)


def _copies(values: torch.Tensor, *, picture: bool) -> NDArray[np.intp]:
    if picture and min(values.shape[2:]) >= 16:
        return near_duplicates(_pixels_of(values))
    first: dict[bytes, int] = {}
    return np.array([first.setdefault(row.numpy().tobytes(), index) for index, row in enumerate(values)], np.intp)


def _features(values: torch.Tensor, *, picture: bool) -> list[FeatureSet]:
    if not picture:
        flat = values.reshape(len(values), -1).numpy()
        kept = np.linspace(0, flat.shape[1] - 1, min(flat.shape[1], NUMBERS)).astype(int)
        return [FeatureSet("values", 0, np.nan_to_num(flat[:, kept]))]
    arrays = np.ascontiguousarray(np.moveaxis(values.numpy(), 1, -1))
    height, width = arrays.shape[1:3]
    scale = EDGE / max(height, width)
    if scale < 1:
        size = (max(4, round(width * scale)), max(4, round(height * scale)))
        small = [cv2.resize(array, size, interpolation=cv2.INTER_AREA) for array in arrays]
        arrays = np.stack(small).reshape(len(arrays), size[1], size[0], -1)
    return feature_sets(arrays) if arrays.shape[-1] == 3 else feature_sets(np.repeat(arrays, 3, axis=-1))


def sample_without_copies(sample: Sample, random: np.random.Generator) -> tuple[Sample, Sample]:
    """Return training and held-out samples: a third is held out, copies stay on one side, the order is kept."""
    groups = _copies(sample.inputs.detach().float().cpu(), picture=sample.is_picture)
    heads = random.permutation(np.unique(groups))
    held = np.isin(groups, heads[: max(1, len(heads) // 3)])
    return sample.part(np.flatnonzero(~held)), sample.part(np.flatnonzero(held))


def examine(examined: Examined, planned: int | None, steps: int) -> None:
    """Make all experiments.

    Args:
        examined: what is known so far; everything that is measured is added to it.
        planned: number of steps that the user plans; None: unknown.
        steps: of each short training, at most.
    """
    case = examined.case
    look_at_samples(examined)
    most, _ = steps_for(case.make(), case.train.inputs, batch_size=case.batch_size, most=steps)
    case = replace(case, steps=min(most, planned or most))
    lowest = min(rate for _, rate in scheduled_rates(case))
    # Over so few steps, a rate that rises or falls slowly is as good as a constant one.
    examined.case = case = case if lowest < TAKEN_AWAY * case.asked_rate else replace(case, schedule=None)
    examined.looked = replace(examined.looked, planned=planned)
    if case.train.is_picture:
        examined.seen = receptive_field(case.make(), examined.looked.some.inputs[:4])
    chosen = _batch(examined)
    probe_batch(examined, chosen, HEART_STEPS)
    train_as_asked(examined)
    if examined.failing and examined.telling:
        try_mends(examined)
        for attempt in (_try_adam, _try_plain_network):
            if not examined.explained and not any(heart.known for heart in examined.probed.hearts):
                attempt(examined, chosen)


def probe_batch(examined: Examined, chosen: NDArray[np.intp], heart_steps: int) -> None:
    """Probe the network with a batch: these samples of those to train on, learned by heart in at most so many steps."""
    case, some = examined.case, examined.looked.some.inputs
    batch, rate = case.probe(chosen), case.asked_rate
    examined.probed = run_probes(batch, some, rate=rate, range_steps=RANGE_STEPS, heart_steps=heart_steps)


def train_as_asked(examined: Examined) -> None:
    """Train as asked for, and list possible faults."""
    examined.asked = examined.case.run()
    examined.probed.after = examined.asked.units
    examined.suspects = list(suspects(examined.case, examined.looked, examined.probed))


def _batch(examined: Examined) -> NDArray[np.intp]:
    """Choose a small batch with as many samples of each class as there are, and no input twice."""
    count = len(examined.case.train.inputs)
    alone = np.flatnonzero(examined.groups[:count] == np.arange(count))
    if examined.labels is None:
        return alone[:BATCH]
    return alone[batch_of_all(examined.labels[alone])]


def try_mends(examined: Examined) -> None:
    """Train with each suspect mended; if no single mend is enough, with all mends, and with all but one."""
    case = examined.case
    mends = [suspect for suspect in examined.suspects if suspect.mend(case) is not case]
    for suspect in mends:
        examined.tried[suspect.kind] = suspect.mend(case).run()
    if len(mends) == 0 or any(map(examined.works, examined.tried)):
        return

    def all_but(left_out: str) -> Case:
        mended = case
        for suspect in mends:
            mended = suspect.mend(mended) if suspect.kind != left_out else mended
        return mended

    examined.tried[TOGETHER] = all_but("").run()
    if not examined.works(TOGETHER):
        other = _rate_of_mended(examined, all_but("rate-high"))
        if other is None:
            return
        mends = [*(suspect for suspect in mends if not suspect.kind.startswith("rate-")), other]
        examined.tried[TOGETHER] = all_but("").run()
        if not examined.works(TOGETHER):
            return
        examined.suspects = [*_without_rates(examined), other]
    examined.needed = {suspect.kind for suspect in mends if examined.falls_short(all_but(suspect.kind).run())}


def _without_rates(examined: Examined) -> list[Suspect]:
    return [suspect for suspect in examined.suspects if not suspect.kind.startswith("rate-")]


def _rate_of_mended(examined: Examined, mended: Case) -> Suspect | None:
    """Return the rate that suits a training with everything else mended; None if it is about the one asked for."""
    rates = range_of_rates(replace(mended, rate=None).probe(_batch(examined)), steps=RANGE_STEPS)
    asked, other = examined.probed.rate, replace(examined.probed, range=rates).better_rate
    if rates.suggested is None or asked is None or other is None:
        return None
    return wrong_rate(asked, other, [f"with all else mended, {range_line(rates)}"])


def _try_adam(examined: Examined, chosen: NDArray[np.intp]) -> None:
    """Train with Adam instead of plain gradient descent, at the usual rate.

    Through several layers the gradients may be so small that plain descent gets nowhere at any rate of the range test.
    """
    case, asked = examined.case, examined.probed.rate
    if case.step is not None or asked is None or not isinstance(case.begin(case.make()), torch.optim.SGD):
        return
    by_adam = replace(case, optimizer=None, rate=None)
    heart = learn_by_heart(by_adam.probe(chosen), name="by Adam", rate=USUAL_RATE, steps=HEART_STEPS)
    examined.probed.hearts.append(heart)
    outcome = by_adam.run()
    if examined.falls_short(outcome):
        return
    breaks = None if examined.probed.range is None else examined.probed.range.breaks
    kind = "rate-high" if breaks is not None and asked >= breaks else "rate-low"
    how = "large" if kind == "rate-high" else "small"
    suspect = Suspect(
        kind, 90, f"the steps of plain gradient descent at a rate of {asked:g} are too {how}; with Adam it learns",
        heart_lines(examined.probed.hearts), f"use torch.optim.Adam at a rate of {USUAL_RATE:g}, or a "
        f"{'lower' if kind == 'rate-high' else 'much higher'} rate",
        lambda one: replace(one, optimizer=None, rate=None),
    )  # fmt: skip
    examined.suspects = [*_without_rates(examined), suspect]
    examined.tried[kind] = outcome


def _try_plain_network(examined: Examined, chosen: NDArray[np.intp]) -> None:
    """Let a plain network learn the same batch by heart with the same loss, on standardised input."""
    case, some, outputs = examined.case, examined.looked.some, examined.looked.outputs
    if not some.inputs.is_floating_point() or examined.looked.answers == ALWAYS_ONE:
        return
    free = math.isfinite(reaches(case.loss, some.targets, outputs, FREE))
    through = THROUGH[FREE if free else examined.looked.answers]
    mean, spread = moments(case.train.inputs) if case.train.inputs.ndim > 1 else (torch.zeros(1), torch.ones(1))
    torch.manual_seed(case.seed)
    first, shape = nn.Linear(some.inputs[0].numel(), PLAIN_UNITS), outputs.shape[1:]
    last = nn.Linear(PLAIN_UNITS, max(1, outputs[0].numel()))
    shaped = nn.Unflatten(1, shape) if shape else nn.Flatten(0)
    network = nn.Sequential(nn.Flatten(), first, nn.ReLU(), last, shaped).to(some.inputs.device)
    plain = replace(case, model=network, optimizer=None, feed=lambda given: (given - mean) / spread, read=through)
    batch = plain.probe(chosen)
    examined.plain_heart = learn_by_heart(batch, name="a plain network", rate=USUAL_RATE, steps=HEART_STEPS)

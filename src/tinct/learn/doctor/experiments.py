"""Experiments on a recogniser's training: range of rates, one batch by heart, short trainings with one change each."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch

from tinct.errors import SettingError
from tinct.learn.doctor.changes import NOTHING, suspects
from tinct.learn.doctor.evidence import USUAL_RATE, run_probes
from tinct.learn.doctor.examination import Examination, channels_as_seen, channels_of_spaces
from tinct.learn.doctor.probes import ByHeart, learn_by_heart, receptive_field
from tinct.learn.doctor.trials import PROBED, Bench, Setup, steps_for
from tinct.learn.recognize.fit import Fitting

RANGE_STEPS = 60  # of the range test; costly networks get fewer
HEART_STEPS = 80  # of learning one batch by heart; costly networks get fewer
FEWEST = 20  # but at least this many of each
BY_HEART = 0.1  # learning by heart ends at this share of the loss of guessing
KNOWN = 0.95  # a batch is known by heart from this accuracy on

# Four times the default width of each network that has one.
WIDER: dict[str, float] = {"small_cnn": 64, "long_kernels": 64, "two_branch": 1.0, "color_first": 128}
STACKED = "lab+hsv"


def experiment(examined: Examination, *, steps: int, tick: Callable[[], None]) -> None:
    """Run everything that needs the network, and add the results to the examination.

    Args:
        examined: what was measured of the data.
        steps: of each short training, at most.
        tick: called after each experiment.
    """
    setup, labels = examined.setup, examined.loaded.labelled.labels
    examined.most = steps
    bench = Bench(examined.loaded.pixels, labels, examined.classes, examined.split, steps)
    if setup.learns_by_steps:
        trained = bench.begin(setup)
        values = trained.channels(bench.train[:PROBED])
        size = setup.fitting.batch_size
        examined.steps, examined.operations = steps_for(trained.network, values, batch_size=size, most=steps)
        bench = replace(bench, steps=examined.steps)
        examined.channels = channels_as_seen(examined, trained.mean, trained.std)
        examined.others = channels_of_spaces(examined)
        examined.seen = receptive_field(trained.network, values[:8])
        tick()
        _probe(examined, bench, values, share=examined.steps / steps)
        tick()
    examined.asked = bench.run("as asked", setup)
    examined.probed.after = examined.asked.units
    tick()
    if setup.learns_by_steps and examined.failing and examined.telling:
        _vary(examined, bench, tick)


def _probe(examined: Examination, bench: Bench, values: torch.Tensor, *, share: float) -> None:
    """Run the range test, and learn one batch by heart: as asked for and, if that fails, with changes."""
    setup = examined.setup
    turns = max(FEWEST, round(HEART_STEPS * share))
    stop = BY_HEART * math.log(examined.classes)
    probe, right = bench.probe(setup)
    rate = setup.fitting.learning_rate
    examined.probed = run_probes(
        probe,
        values,
        rate=rate,
        known=knows,
        stop=stop,
        range_steps=max(FEWEST, round(RANGE_STEPS * share)),
        heart_steps=turns,
        accuracy=right,
    )
    hearts = examined.probed.hearts

    def attempt(name: str, asked: Setup, rate: float) -> ByHeart:
        probe, right = bench.probe(asked)
        return learn_by_heart(probe, name=name, rate=rate, steps=turns, accuracy=right, stop=stop)

    if not knows(hearts[-1]) and not setup.fitting.standardize:
        sound = _fitted(setup, standardize=True)
        hearts.append(attempt("standardised, at a usual rate", sound, USUAL_RATE))
    if not any(map(knows, hearts)) and setup.network in WIDER:
        wider = replace(setup, options={**setup.options, "width": WIDER[setup.network]})
        try:
            examined.wider = attempt(f"with a width of {WIDER[setup.network]:g}", wider, min(rate, USUAL_RATE))
        except SettingError:  # the width does not go with the other options
            examined.wider = None


def knows(heart: ByHeart) -> bool:
    """Return whether the batch was learned by heart."""
    return heart.accuracy >= KNOWN


def _vary(examined: Examination, bench: Bench, tick: Callable[[], None]) -> None:
    """Train again with one setting changed at a time; if none learns, with all changed, then with another network."""
    setup = examined.setup
    changes = _changes(examined)

    def run(name: str, changed: Setup) -> None:
        examined.trials.append((bench.run(name, changed), changed))
        tick()

    for name, change in changes.items():
        run(name, change(setup))
    if any(not examined.falls_short(trial) for trial, _ in examined.trials):
        return
    sound = setup
    for change in changes.values():
        sound = change(sound)
    if not setup.fitting.standardize:  # the rate that suits unscaled input may not suit standardised input
        sound = _fitted(sound, learning_rate=USUAL_RATE)
    if len(changes) > 1:
        run("all of these", sound)
    if not examined.trials or examined.falls_short(examined.trials[-1][0]):
        name = "color_first" if setup.network != "color_first" else "small_cnn"
        run("another network", Setup(name, {}, STACKED if setup.color_space else "", Fitting(seed=setup.fitting.seed)))


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

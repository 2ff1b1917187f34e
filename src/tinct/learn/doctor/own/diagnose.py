"""Find out why somebody's own PyTorch training does not learn: the order of all experiments."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from tinct.errors import DataError, SettingError
from tinct.learn.doctor.evidence import USUAL_RATE, conclude, heart_lines, range_line, run_probes
from tinct.learn.doctor.findings import Diagnosis, Finding, percent
from tinct.learn.doctor.own import rules
from tinct.learn.doctor.own.answers import (
    ALWAYS_ONE,
    FREE,
    NUMBERS,
    THROUGH,
    Reading,
    kind_of_answers,
    make_reading,
    reaches,
)
from tinct.learn.doctor.own.broken import not_numbers, what_breaks
from tinct.learn.doctor.own.case import Case, Loss, Optimizer, Schedule, Step
from tinct.learn.doctor.own.examined import BY_HEART, Examined, look_at_samples, sample_without_copies
from tinct.learn.doctor.own.input_suspects import moments
from tinct.learn.doctor.own.keras_parts import check_parts, torch_loss
from tinct.learn.doctor.own.plain_net import PlainNet
from tinct.learn.doctor.own.sample import Sample, read_sample, undisturbed
from tinct.learn.doctor.own.steps import step_suspects
from tinct.learn.doctor.own.suspect import Looked, Suspect
from tinct.learn.doctor.own.suspects import scheduled_rates, suspects
from tinct.learn.doctor.plain import how_it_fails, interval
from tinct.learn.doctor.probes import ByHeart, learn_by_heart, range_of_rates, receptive_field
from tinct.learn.doctor.trials import BATCH, batch_of_all, steps_for

STEPS = 100  # of a short training
RANGE_STEPS = 50  # of the learning rate range test
HEART_STEPS = 80  # of learning one batch by heart
MEASURED = 200  # samples to measure on, at most
LOOKED_AT = 64  # samples to look at before any training, at most
# A schedule that falls below this share of the rate within a short training may be why nothing is learned.
TAKEN_AWAY = 0.01


def diagnose(
    model: nn.Module,
    train_loader: Iterable[Any],
    loss: Loss,
    *,
    optimizer: Optimizer = None,
    val_loader: Iterable[Any] | None = None,
    classes: int | Sequence[str] | None = None,
    epochs: float | None = None,
    step: Step | None = None,
    scheduler: Schedule = None,
    scheduler_every: int = 1,
    steps: int = STEPS,
    seed: int = 0,
) -> Diagnosis:
    """Find out by experiment whether a PyTorch training learns and, if it does not, why.

    Only copies of the model and the optimizer are run: weights, buffers, gradients, modes, the optimizer's state and
    the state of every random generator are left as they were.

    Args:
        model: in its state before the training, in the mode (`train()` or `eval()`) in which it is trained; a Keras 3
            model on PyTorch works too.
        train_loader: yields batches (inputs (N, ...), targets (N, ...)), in several passes.
        loss: function of (outputs, targets); a Keras loss, which takes (targets, outputs), works too.
        optimizer: the model's, or a function of parameters, as `partial(torch.optim.SGD, lr=0.1)`; default: Adam, 1e-3.
        val_loader: samples to measure on; default: a third of the training samples is held out.
        classes: number of classes, or their names; default: counted from the labels.
        epochs: number planned; without it, the diagnosis never says that they are too few.
        step: the user's own step (model, optimizer, (inputs, targets)), which is then examined too.
        scheduler: schedule of this optimizer's rate, or a function that makes one from an optimizer.
        scheduler_every: batches between two calls of `scheduler.step()`: `len(train_loader)` for once an epoch.
        steps: of each short training, at most; costly networks get fewer.
        seed: of all experiments. The same seed gives the same diagnosis.

    Returns:
        What is wrong, the likeliest first, with evidence and remedy; `print` shows it.

    Raises:
        DataError: the loader yields nothing that can be examined.
        SettingError: settings that make no sense, or a model that cannot be copied.
    """
    began = time.perf_counter()
    if steps < 1 or scheduler_every < 1 or (epochs is not None and epochs <= 0):
        raise SettingError("steps, scheduler_every and epochs must be above 0")
    check_parts(model, optimizer)
    loss = torch_loss(loss)
    with undisturbed(model, train_loader, val_loader):
        device = next(model.parameters(), torch.zeros(0)).device
        train = read_sample(train_loader, device)
        given = None if val_loader is None else read_sample(val_loader, device)
        bare = Case(model, loss, optimizer, train, train, Reading(NUMBERS, loss), steps, train.batch_size, step,
                    scheduler, scheduler_every, seed=seed)  # fmt: skip
        if broken := _breaks(bare):
            return _stopped(model, loss, broken, began)
        examined = _begin(bare, given, classes)
        _examine(examined, None if epochs is None else max(1, round(epochs * train.batches)), steps)
    return _concluded(examined, began)


def _breaks(bare: Case) -> list[Finding]:
    """Return what stops a training at its first step; an empty list if nothing does."""
    train = bare.train
    batch = train.part(np.arange(min(train.batch_size, len(train.inputs))))
    return list(not_numbers(train)) or list(what_breaks(bare.set_modes(bare.make()), bare.loss, batch))


def _concluded(examined: Examined, began: float) -> Diagnosis:
    case = examined.case
    setup = {
        "loss": _name(case.loss),
        "optimizer": _name(case.optimizer or torch.optim.Adam),
        "rate": examined.probed.rate,
        "batch_size": case.batch_size,
        "steps": case.steps,
    }
    return conclude(
        examined,
        (rules.mended, rules.data, rules.network),
        subject=_name(type(case.model)),
        setup=setup,
        verdict=_verdict,
        facts=_facts(examined),
        measurements=examined.to_json(),
        began=began,
    )


def _name(thing: Any) -> str:
    return getattr(thing, "__name__", type(thing).__name__)


def _stopped(model: nn.Module, loss: Loss, broken: list[Finding], began: float) -> Diagnosis:
    return conclude(
        broken, (lambda rows: rows,), subject=type(model).__name__, setup={"loss": _name(loss)},
        verdict=lambda rows, findings: f"it cannot learn: {findings[0].title}",
        facts=["no training was tried, since already its first step fails"], measurements={}, began=began,
    )  # fmt: skip


def _begin(bare: Case, given: Sample | None, classes: int | Sequence[str] | None) -> Examined:
    """Hold samples out, look at some outputs, and find out what kind of task it is."""
    random = np.random.default_rng(bare.seed)
    train, held = (bare.train, given) if given is not None else sample_without_copies(bare.train, random)
    if len(held.inputs) > MEASURED:
        held = held.part(random.permutation(len(held.inputs))[:MEASURED])
    if len(train.inputs) < 2:
        raise DataError("the loader yields too few different samples to train on and to measure on; give it more")
    some = train.part(np.linspace(0, len(train.inputs) - 1, min(LOOKED_AT, len(train.inputs))).astype(int))
    network = bare.make()
    with torch.no_grad():
        outputs = network.eval()(some.inputs).detach()
    answers = kind_of_answers(network, some.inputs)
    reading = make_reading(bare.loss, outputs, some.targets, answers)
    case = replace(bare, train=train, held=held, reading=reading)
    labels, measured = reading.labels(train.targets), reading.labels(held.targets)
    count = 0 if labels is None or measured is None else int(max(labels.max(), measured.max())) + 1
    names = [str(name) for name in (range(classes) if isinstance(classes, int) else classes or range(count))]
    names += [str(label) for label in range(len(names), count)]
    return Examined(case, names, Looked(answers, outputs, some, None), given is not None, labels, measured)


def _examine(examined: Examined, planned: int | None, steps: int) -> None:
    """Make all experiments."""
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
    probe, right = case.probe(chosen, case.reading.guess)
    stop = BY_HEART * case.reading.guess
    examined.probed = run_probes(
        probe, examined.looked.some.inputs, rate=case.asked_rate, known=examined.knows, stop=stop,
        range_steps=RANGE_STEPS, heart_steps=HEART_STEPS, accuracy=right, alike=3.0,
    )  # fmt: skip
    examined.asked = case.run()
    examined.probed.after = examined.asked.units
    examined.suspects = [*step_suspects(case), *suspects(case, examined.looked, examined.probed)]
    if examined.failing and examined.telling:
        _try_mends(examined)
        if not examined.explained and not any(map(examined.knows, examined.probed.hearts)):
            _try_adam(examined, chosen, stop)
        if not examined.explained and not any(map(examined.knows, examined.probed.hearts)):
            examined.plain_heart = _plain_heart(examined, chosen, stop)


def _batch(examined: Examined) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Choose a small batch with as many samples of each class as there are, and no input twice."""
    count = len(examined.case.train.inputs)
    alone = np.flatnonzero(examined.groups[:count] == np.arange(count))
    if examined.labels is None:
        return alone[:BATCH]
    return alone[batch_of_all(examined.labels[alone])]


def _try_mends(examined: Examined) -> None:
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

    examined.together = all_but("").run()
    if examined.falls_short(examined.together):
        other = _rate_of_mended(examined, all_but("rate-high"))
        if other is None:
            return
        mends = [*(suspect for suspect in mends if not suspect.kind.startswith("rate-")), other]
        examined.together = all_but("").run()
        if examined.falls_short(examined.together):
            return
        examined.suspects = [*_without_rates(examined), other]
    examined.needed = {suspect.kind for suspect in mends if examined.falls_short(all_but(suspect.kind).run())}


def _without_rates(examined: Examined) -> list[Suspect]:
    return [suspect for suspect in examined.suspects if not suspect.kind.startswith("rate-")]


def _rate_of_mended(examined: Examined, mended: Case) -> Suspect | None:
    """Return the rate that suits a training with everything else mended; None if it is about the one asked for."""
    probe, _ = replace(mended, rate=None).probe(_batch(examined), examined.case.reading.guess)
    rates, asked = range_of_rates(probe, steps=RANGE_STEPS), examined.probed.rate
    if rates.suggested is None or asked is None or 1 / 3 <= asked / rates.suggested <= 3:
        return None
    other, high = rates.suggested, rates.suggested < asked
    return Suspect(
        "rate-high" if high else "rate-low", 90, f"the learning rate is too {'high' if high else 'low'}",
        [f"asked for: {asked:g}", f"with all else mended, {range_line(rates)}"], f"use a rate of about {other:.1g}",
        lambda one: replace(one, rate=other),
    )  # fmt: skip


def _try_adam(examined: Examined, chosen: np.ndarray[Any, np.dtype[np.intp]], stop: float) -> None:
    """Train with Adam instead of plain gradient descent, at the usual rate.

    Through several layers the gradients may be so small that plain descent gets nowhere at any rate of the range test.
    """
    case, asked = examined.case, examined.probed.rate
    if case.step is not None or asked is None or not isinstance(case.begin(case.make()), torch.optim.SGD):
        return
    by_adam = replace(case, optimizer=None, rate=None)
    probe, right = by_adam.probe(chosen, case.reading.guess)
    heart = learn_by_heart(probe, name="by Adam", rate=USUAL_RATE, steps=HEART_STEPS, accuracy=right, stop=stop)
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


def _plain_heart(examined: Examined, chosen: np.ndarray[Any, np.dtype[np.intp]], stop: float) -> ByHeart | None:
    """Let a plain network learn the same batch by heart with the same loss, on standardised input."""
    case, some = examined.case, examined.looked.some
    if not some.inputs.is_floating_point() or examined.looked.answers == ALWAYS_ONE:
        return None
    free = math.isfinite(reaches(case.loss, some.targets, examined.looked.outputs, FREE))
    through = THROUGH[FREE if free else examined.looked.answers]
    mean, spread = moments(case.train.inputs) if case.train.inputs.ndim > 1 else (torch.zeros(1), torch.ones(1))
    network = PlainNet(some.inputs, examined.looked.outputs, seed=case.seed)
    plain = replace(case, model=network, optimizer=None, feed=lambda given: (given - mean) / spread, read=through)
    probe, right = plain.probe(chosen, case.reading.guess)
    return learn_by_heart(probe, name="a plain network", rate=1e-3, steps=HEART_STEPS, accuracy=right, stop=stop)


def _verdict(examined: Examined, findings: list[Finding]) -> str:
    asked = examined.asked
    if asked is None:
        return "it was not tried"
    low, high = interval(asked.right)
    reached = (
        f"after {len(asked.losses)} steps, {percent(asked.accuracy)} ({percent(low)} to {percent(high)}) of "
        f"{len(asked.right)} held-out samples are right"
    )
    if not examined.failing:
        return f"it learns: {reached}" + (f"; but {findings[0].title}" if findings else "")
    known = examined.held is not None
    start = how_it_fails(asked.right, examined.chance, measured_on="samples") if known else "it does not learn"
    return f"{start}: {reached}; {findings[0].title if findings else 'no experiment shows why'}"


def _facts(examined: Examined) -> list[str]:
    train, held = examined.case.train, examined.case.held
    lines = [f"each short training took {examined.case.steps} steps on {len(train.inputs)} samples of shape "
             f"{tuple(train.inputs.shape[1:])}, and was measured on {len(held.inputs)} others"]  # fmt: skip
    if examined.held is not None:
        lines.append(f"{len(examined.classes)} classes; chance is {percent(examined.chance)}")
        if examined.reference is not None:
            lines[-1] += f"; plain statistics reach {percent(float(examined.reference.mean()))}"
        if examined.looked.outputs[0].numel() == 1:
            lines.append("a single output tells two classes apart by its sign, or, after a sigmoid, by whether it is "
                         "above 0.5; argmax or torch.max over it always gives the first class")  # fmt: skip
    lines.append(f"the best constant answer has a loss of {examined.case.reading.guess:.4g}")
    if examined.probed.range is not None:
        lines.append(f"rates: {range_line(examined.probed.range)}")
    known = next((heart for heart in examined.probed.hearts if examined.knows(heart)), None)
    lines.append(f"one batch was learned by heart in {len(known.losses)} steps ({known.name})" if known else
                 f"no attempt learned one batch by heart in {HEART_STEPS} steps")  # fmt: skip
    return lines


def by_heart(
    model: nn.Module,
    batch: tuple[torch.Tensor, torch.Tensor],
    loss: Loss,
    *,
    optimizer: Optimizer = None,
    steps: int = 200,
    seed: int = 0,
) -> Diagnosis:
    """Find out whether a model learns one batch by heart; there are findings only if it does not. See `diagnose`."""
    began = time.perf_counter()
    loss = torch_loss(loss)
    with undisturbed(model):
        sample = Sample(*batch, len(batch[0]), 1, same_order=True)
        bare = Case(model, loss, optimizer, sample, sample, Reading(NUMBERS, loss), steps, len(batch[0]), seed=seed)
        if broken := _breaks(bare):
            return _stopped(model, loss, broken, began)
        network = bare.make()
        with torch.no_grad():
            outputs = network.eval()(sample.inputs).detach()
        answers = kind_of_answers(network, sample.inputs)
        case = replace(bare, reading=make_reading(loss, outputs, sample.targets, answers))
        guess, labels = case.reading.guess, case.reading.labels(sample.targets)
        examined = Examined(case, [], Looked(answers, outputs, sample, None), False, labels, labels)
        examined.groups = np.arange(2 * len(sample.inputs))
        probe, right = case.probe(np.arange(len(sample.inputs)), guess)
        examined.probed = run_probes(
            probe, sample.inputs, rate=case.asked_rate, known=examined.knows, stop=BY_HEART * guess,
            range_steps=RANGE_STEPS, heart_steps=steps, accuracy=right, alike=3.0,
        )  # fmt: skip
        heart = examined.probed.hearts[0]
        if not examined.knows(heart):
            examined.asked = case.run()
            examined.suspects = list(suspects(case, examined.looked, examined.probed))
            _try_mends(examined)
    last = f"{percent(heart.accuracy)} right, " if labels is not None else ""
    text = f"{last}loss {heart.losses[0]:.4g} to {heart.losses[-1]:.4g} in {len(heart.losses)} steps"
    known = examined.knows(heart)
    unknown = Finding("no-overfit", 65, "it cannot learn one batch by heart", heart_lines([heart]),
                      "see the other findings; if there are none, try `tinct.learn.diagnose`")  # fmt: skip
    return conclude(
        examined, () if known else (rules.mended, lambda one: [unknown]), subject=type(model).__name__,
        setup={"loss": _name(loss)}, verdict=lambda one, rows: f"it {'learns' if known else 'does not learn'}: {text}",
        facts=[], measurements=examined.probed.to_json(), began=began,
    )  # fmt: skip

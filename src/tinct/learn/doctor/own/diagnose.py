"""Find out why somebody's own PyTorch training does not learn, or whether a model learns one batch by heart."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from tinct.errors import DataError, SettingError
from tinct.learn.doctor.evidence import HEART_STEPS, heart_lines, range_line
from tinct.learn.doctor.findings import Diagnosis, Finding, in_order, percent
from tinct.learn.doctor.own import rules
from tinct.learn.doctor.own.answers import NUMBERS, Loss, Reading
from tinct.learn.doctor.own.broken import not_numbers, what_breaks
from tinct.learn.doctor.own.case import Case, Optimizer, Schedule, Step
from tinct.learn.doctor.own.examination import (
    Examined,
    begin,
    examine,
    probe_batch,
    sample_without_copies,
    train_as_asked,
    try_mends,
)
from tinct.learn.doctor.own.given import Sample, check_parts, pair, read_sample, torch_loss, undisturbed
from tinct.learn.doctor.plain import how_it_fails, with_interval

STEPS = 100  # of a short training
MEASURED = 200  # samples to measure on, at most
LOOKED_AT = 64  # samples to look at before any training, at most


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
        sample = read_sample(train_loader, device)
        given = None if val_loader is None else read_sample(val_loader, device)
        bare = Case(model, loss, optimizer, sample, sample, Reading(NUMBERS, loss), steps, sample.batch_size, step,
                    scheduler, scheduler_every, seed=seed)  # fmt: skip
        found = _stopped(bare)
        if found is None:
            examined = _hold_out(bare, given, classes)
            examine(examined, None if epochs is None else max(1, round(epochs * sample.batches)), steps)
            found = _concluded(examined)
    return replace(found, seconds=time.perf_counter() - began)


def assert_learns(
    model: nn.Module, batch: Any, loss: Loss, *, optimizer: Optimizer = None, steps: int = 200, seed: int = 0
) -> None:
    """Check that a model learns one batch by heart; for a test of the user's own code.

    A model, loss and optimizer that fit together learn a handful of samples by heart, whatever they show. The model
    itself is left as it was.

    Args:
        model: in the mode in which it is trained.
        batch: (inputs, targets), 4 to 32 samples of several classes.
        loss: function of (outputs, targets).
        optimizer: as for `tinct.learn.diagnose`.
        steps: at most.
        seed: of everything random, such as dropout.

    Raises:
        AssertionError: it does not; the message is the diagnosis.
        DataError: the batch does not hold two tensors.
        SettingError: the model is not a PyTorch module, or the optimizer is a Keras optimizer.

    >>> import torch
    >>> from torch import nn
    >>> batch = torch.randn(8, 5, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 2
    >>> _ = torch.manual_seed(0)
    >>> assert_learns(nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 2)), batch, nn.CrossEntropyLoss())
    """
    check_parts(model, optimizer)
    loss = torch_loss(loss)
    inputs, targets = pair(batch)
    device = next(model.parameters(), torch.zeros(0)).device
    count = len(inputs)
    with undisturbed(model):
        sample = Sample(inputs.to(device), targets.to(device), count, 1, same_order=True)
        bare = Case(model, loss, optimizer, sample, sample, Reading(NUMBERS, loss), steps, count, seed=seed)
        found = _stopped(bare) or _not_by_heart(bare)
    if found is not None:
        raise AssertionError(f"the model does not learn this batch\n{found}")


def _not_by_heart(bare: Case) -> Diagnosis | None:
    """Return why a network does not learn its samples by heart; None if it does."""
    sample = bare.train
    every = np.arange(len(sample.inputs))
    examined = begin(bare, sample, sample, sample, given=False, classes=None)
    examined.groups = np.concatenate([every, every + len(every)])
    probe_batch(examined, every, bare.steps)
    heart = examined.probed.hearts[0]
    if heart.known:
        return None
    train_as_asked(examined)
    try_mends(examined)
    right = "" if examined.labels is None or heart.accuracy is None else f"{percent(heart.accuracy)} right, "
    losses = f"loss {heart.losses[0]:.4g} to {heart.losses[-1]:.4g} in {len(heart.losses)} steps"
    setup = {"loss": _name(bare.loss)}
    unknown = Finding("no-overfit", 65, "it cannot learn one batch by heart", heart_lines([heart]),
                      "see the other findings; if there are none, try `tinct.learn.diagnose`")  # fmt: skip
    findings = in_order([*rules.mended(examined), unknown])
    return Diagnosis(type(bare.model).__name__, setup, f"it does not learn: {right}{losses}", [], findings)


def _stopped(bare: Case) -> Diagnosis | None:
    """Return what stops a training at its first step; None if nothing does."""
    sample = bare.train
    batch = sample.part(np.arange(min(sample.batch_size, len(sample.inputs))))
    broken = list(not_numbers(sample)) or list(what_breaks(bare.set_modes(bare.make()), bare.loss, batch))
    if not broken:
        return None
    findings = in_order(broken)
    facts = ["no training was tried, since already its first step fails"]
    verdict = f"it cannot learn: {findings[0].title}"
    return Diagnosis(type(bare.model).__name__, {"loss": _name(bare.loss)}, verdict, facts, findings)


def _hold_out(bare: Case, given: Sample | None, classes: int | Sequence[str] | None) -> Examined:
    """Hold samples out if none are given, and look at some of the others."""
    random = np.random.default_rng(bare.seed)
    train, held = (bare.train, given) if given is not None else sample_without_copies(bare.train, random)
    if len(held.inputs) > MEASURED:
        held = held.part(random.permutation(len(held.inputs))[:MEASURED])
    if len(train.inputs) < 2:
        raise DataError("the loader yields too few different samples to train on and to measure on; give it more")
    some = train.part(np.linspace(0, len(train.inputs) - 1, min(LOOKED_AT, len(train.inputs))).astype(int))
    return begin(bare, train, held, some, given=given is not None, classes=classes)


def _concluded(examined: Examined) -> Diagnosis:
    case = examined.case
    findings = in_order([*rules.mended(examined), *rules.data(examined), *rules.network(examined)])
    setup = {
        "loss": _name(case.loss),
        "optimizer": _name(case.optimizer or torch.optim.Adam),
        "rate": examined.probed.rate,
        "batch_size": case.batch_size,
        "steps": case.steps,
    }
    verdict, facts = _verdict(examined, findings), _facts(examined)
    return Diagnosis(type(case.model).__name__, setup, verdict, facts, findings, examined.to_json())


def _name(thing: Any) -> str:
    return getattr(thing, "__name__", type(thing).__name__)


def _verdict(examined: Examined, findings: list[Finding]) -> str:
    asked = examined.asked
    if asked is None:
        return "it was not tried"
    tried, samples = len(asked.losses), len(asked.right)
    reached = f"after {tried} steps, {with_interval(asked.right)} of {samples} held-out samples are right"
    if not examined.failing:
        return f"it learns: {reached}" + (f"; but {findings[0].title}" if findings else "")
    known = examined.truth is not None
    start = how_it_fails(asked.right, examined.chance, measured_on="samples") if known else "it does not learn"
    return f"{start}: {reached}; {findings[0].title if findings else 'no experiment shows why'}"


def _facts(examined: Examined) -> list[str]:
    train, held = examined.case.train, examined.case.held
    lines = [f"each short training took {examined.case.steps} steps on {len(train.inputs)} samples of shape "
             f"{tuple(train.inputs.shape[1:])}, and was measured on {len(held.inputs)} others"]  # fmt: skip
    if examined.truth is not None:
        lines.append(f"{len(examined.classes)} classes; chance is {percent(examined.chance)}")
        if examined.reference is not None:
            lines[-1] += f"; plain statistics reach {percent(float(examined.reference.mean()))}"
        if examined.looked.outputs[0].numel() == 1:
            lines.append("a single output tells two classes apart by its sign, or, after a sigmoid, by whether it is "
                         "above 0.5; argmax or torch.max over it always gives the first class")  # fmt: skip
    lines.append(f"the best constant answer has a loss of {examined.case.reading.guess:.4g}")
    if examined.probed.range is not None:
        lines.append(f"rates: {range_line(examined.probed.range)}")
    known = next((heart for heart in examined.probed.hearts if heart.known), None)
    lines.append(f"one batch was learned by heart in {len(known.losses)} steps ({known.name})" if known else
                 f"no attempt learned one batch by heart in {HEART_STEPS} steps")  # fmt: skip
    return lines

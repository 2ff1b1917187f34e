"""A user's training as it is, or with something changed in it, and what may be wrong with it.

Only copies of the model are ever run.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinct.errors import SettingError
from tinct.learn.doctor.evidence import USUAL_RATE, Outcome
from tinct.learn.doctor.own.answers import NUMBERS, Loss, Map, Reading
from tinct.learn.doctor.own.given import Sample
from tinct.learn.doctor.own.undone import NOTHING, Undone
from tinct.learn.doctor.probes import Probe, dead_units, take_step

Step = Callable[[nn.Module, torch.optim.Optimizer, tuple[torch.Tensor, torch.Tensor]], Any]
Optimizer = torch.optim.Optimizer | Callable[[Any], torch.optim.Optimizer] | None
Schedule = torch.optim.lr_scheduler.LRScheduler | Callable[[Any], torch.optim.lr_scheduler.LRScheduler] | None
AT_ONCE = 128  # samples in a batch when a network is measured


def same(values: torch.Tensor) -> torch.Tensor:
    """Return the values unchanged."""
    return values


@dataclass(frozen=True)
class Run(Outcome):
    """The result of a short training; `learned_in_training` is `learned` in the modes in which it was trained."""

    learned_in_training: float


@dataclass(frozen=True)
class Case:
    """A training, with any changes made to it.

    Attributes:
        model: the user's; never run itself.
        loss: function of (outputs, targets).
        optimizer: as for `diagnose`.
        train: samples to train on.
        held: held-out samples.
        reading: how outputs become answers.
        steps: of a short training.
        batch_size: of a short training.
        step: the user's own step; None: the doctor's.
        schedule: of the rate, as for `diagnose`; None: the rate is constant.
        schedule_every: batches from one step of the schedule to the next.
        rate: learning rate; None: the optimizer's own.
        feed: applied to inputs before the model.
        read: applied to outputs before the loss.
        shuffle: shuffle the samples; if False, they keep the loader's order, provided that it is the same in each pass.
        whole: give the optimizer every parameter that takes part.
        undone: calls that do nothing in the forward pass.
        alter: functions that change a copy of the model; they add and remove no module.
        groups: values set in all the optimizer's parameter groups.
        training: put every module into training mode; if False, modules keep the modes of the given model.
        seed: of everything random.
    """

    model: nn.Module
    loss: Loss
    optimizer: Optimizer
    train: Sample
    held: Sample
    reading: Reading
    steps: int
    batch_size: int
    step: Step | None = None
    schedule: Schedule = None
    schedule_every: int = 1
    rate: float | None = None
    feed: Map = same
    read: Map = same
    shuffle: bool = False
    whole: bool = False
    undone: Undone = NOTHING
    alter: tuple[Callable[[nn.Module], Any], ...] = ()
    groups: Mapping[str, Any] = field(default_factory=dict)
    training: bool = False
    seed: int = 0

    def make(self) -> nn.Module:
        """Return a copy of the model, ready for the first step; the same one each time.

        Raises:
            SettingError: the model cannot be copied.
        """
        torch.manual_seed(self.seed)
        try:
            network = copy.deepcopy(self.model)
        except (RuntimeError, TypeError) as error:
            remedy = "do not keep results of a forward pass in its attributes"
            raise SettingError(f"the model cannot be copied ({error}); {remedy}") from error
        network.zero_grad(set_to_none=True)
        for alter in self.alter:
            alter(network)
        return network

    def altered(self, change: Callable[[nn.Module], Any]) -> Case:
        """Return the training with one more change made to each copy of the model."""
        return replace(self, alter=(*self.alter, change))

    def set_modes(self, network: nn.Module) -> nn.Module:
        """Put a copy into the modes in which it is trained."""
        for module, given in zip(network.modules(), self.model.modules(), strict=True):
            module.training = given.training or self.training
        return network

    def begin(self, network: nn.Module, rate: float | None = None) -> torch.optim.Optimizer:
        """Return the optimizer, in its state before the first step, for a copy of the model."""
        if isinstance(self.optimizer, torch.optim.Optimizer):
            memo = {id(one): other for one, other in zip(self.model.parameters(), network.parameters(), strict=True)}
            made = copy.deepcopy(self.optimizer, memo)
            made.state.clear()
        else:
            wanted = [weight for weight in network.parameters() if weight.requires_grad] or list(network.parameters())
            made = self.optimizer(wanted) if self.optimizer else torch.optim.Adam(wanted, lr=USUAL_RATE)
        if self.whole:
            held = {id(weight) for group in made.param_groups for weight in group["params"]}
            values = self.feed(self.train.inputs[:2])
            taking_part = [*network.parameters(), *(leaves(network(values)) if self.train.batch_size > 1 else [])]
            missing = {id(weight): weight for weight in taking_part if id(weight) not in held and weight.requires_grad}
            if missing:
                made.add_param_group({"params": list(missing.values()), "lr": made.param_groups[0]["lr"]})
        for group in made.param_groups:
            group.update(self.groups)
        wanted_rate = rate or self.rate
        if wanted_rate is not None:
            for group in made.param_groups:
                group["lr"] = wanted_rate
        return made

    def begin_schedule(self, optimizer: torch.optim.Optimizer) -> Any:
        """Return the schedule for a copy of the optimizer; None if the rate is constant."""
        if isinstance(self.schedule, torch.optim.lr_scheduler.LRScheduler):
            return copy.deepcopy(self.schedule, {id(self.schedule.optimizer): optimizer})
        return None if self.schedule is None else self.schedule(optimizer)

    @property
    def asked_rate(self) -> float:
        """The optimizer's own rate; the highest of its groups."""
        return max(float(group["lr"]) for group in self.begin(self.make()).param_groups)

    def answer(self, network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        """Return the outputs (N, ...) of a copy in its current modes, as the loss gets them."""
        with self.undone.running():
            outputs = network(self.feed(inputs))
        return self.read(outputs)

    def value(self, network: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss on some samples, in the modes of training."""
        return self.loss(self.answer(self.set_modes(network), inputs), targets)

    def probe(self, chosen: NDArray[np.intp]) -> Probe:
        """Return a probe of one batch of training samples."""
        batch = self.train.part(chosen)

        def accuracy(network: nn.Module) -> float:
            return float(self.right(network, batch).mean())

        def loss(network: nn.Module) -> torch.Tensor:
            return self.value(network, batch.inputs, batch.targets)

        guess, by_accuracy = self.reading.guess, self.reading.kind != NUMBERS
        return Probe(self.make, loss, self.begin, guess, accuracy=accuracy, by_accuracy=by_accuracy)

    def right(self, network: nn.Module, sample: Sample) -> NDArray[np.bool_]:
        """Return (N,) whether a network, in its current modes, is right on each sample."""
        rows = []
        with torch.no_grad():
            for start in range(0, len(sample.inputs), AT_ONCE):
                outputs = self.answer(network, sample.inputs[start : start + AT_ONCE])
                rows.append(self.reading.right(outputs, sample.targets[start : start + AT_ONCE]))
        return np.concatenate(rows)

    def run(self) -> Run:
        """Train for some steps and measure."""
        network = self.make()
        optimizer = self.begin(network)
        schedule = self.begin_schedule(optimizer)
        losses: list[float] = []
        for chosen in self._batches():
            losses.append(self._step(network, optimizer, self.train.inputs[chosen], self.train.targets[chosen]))
            if not math.isfinite(losses[-1]):
                break
            if schedule is not None and len(losses) % self.schedule_every == 0:
                by_loss = isinstance(schedule, torch.optim.lr_scheduler.ReduceLROnPlateau)
                schedule.step(*([losses[-1]] if by_loss else []))
        some = self.train.part(np.arange(min(len(self.train.inputs), AT_ONCE)))
        # Inference first: training mode changes the running statistics of batch norm.
        right, learned = self.right(network.eval(), self.held), float(self.right(network, some).mean())
        units = tuple(dead_units(network, self.feed(some.inputs[:64])))
        in_training = float(self.right(self.set_modes(network), some).mean())
        broken = not math.isfinite(losses[-1])  # the first such loss is the last
        return Run(tuple(losses), right, learned, units, broken, in_training)

    def _step(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, inputs: torch.Tensor, targets: torch.Tensor
    ) -> float:
        """Take one step; return the loss before it."""
        before = math.nan
        if self.step is not None:  # the user's step does not return its loss
            with torch.no_grad():
                before = float(self.loss(self.answer(network.eval(), inputs), targets))
        loss = self.take(network, optimizer, inputs, targets)
        return before if loss is None else loss

    def take(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, inputs: torch.Tensor, targets: torch.Tensor
    ) -> float | None:
        """Take the user's own step on a copy, or the doctor's if there is none; return the loss of the latter."""
        if self.step is not None:
            with self.undone.running():
                self.step(self.set_modes(network), optimizer, (self.feed(inputs), targets))
            return None
        return take_step(network, self.value(network, inputs, targets), optimizer)

    def _batches(self) -> Iterator[torch.Tensor]:
        count, done = len(self.train.inputs), 0
        random = torch.Generator().manual_seed(self.seed)
        size = min(self.batch_size, count)
        while done < self.steps:
            mixed = self.shuffle or not self.train.same_order
            order = torch.randperm(count, generator=random) if mixed else torch.arange(count)
            for start in range(0, count - size + 1, size):
                if done < self.steps:
                    yield order[start : start + size]
                    done += 1


@dataclass(frozen=True)
class Suspect:
    """A possible fault.

    Attributes:
        kind: of the finding.
        weight: of the finding, if the mend makes the training work.
        title: what is wrong.
        evidence: what raised the suspicion.
        remedy: what to do.
        mend: returns the training without the fault; by default the training as it is: there is no mend.
        alone: weight of the finding if no training proves it; 0: it is not a finding then.
        failing: the same, if the training as asked for falls short.
    """

    kind: str
    weight: int
    title: str
    evidence: list[str]
    remedy: str
    mend: Callable[[Case], Case] = field(default=lambda case: case, repr=False)
    alone: int = 0
    failing: int = 0


@dataclass(frozen=True)
class Looked:
    """What is known before any training.

    Attributes:
        answers: which answers the network can give; see `kind_of_answers`.
        outputs: (N, ...) of some samples, before the first step.
        some: those samples.
        planned: number of steps that the user plans; None: unknown.
    """

    answers: str
    outputs: torch.Tensor
    some: Sample
    planned: int | None = None


def leaves(output: torch.Tensor) -> list[torch.Tensor]:
    """Return the leaf tensors from which an output was computed, and which get gradients."""
    tensors: dict[int, torch.Tensor] = {}
    todo, seen = [output.grad_fn], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            tensors[id(node.variable)] = node.variable
        todo += [function for function, _ in node.next_functions]
    return list(tensors.values())

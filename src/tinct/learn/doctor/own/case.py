"""Somebody's training as it is, or with something changed in it; only copies of the model are ever run."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinct.errors import SettingError
from tinct.learn.doctor.evidence import USUAL_RATE
from tinct.learn.doctor.own.answers import Reading
from tinct.learn.doctor.own.sample import Sample
from tinct.learn.doctor.own.undone import NOTHING, Undone
from tinct.learn.doctor.probes import Probe, UnitFacts, dead_units

Map = Callable[[torch.Tensor], torch.Tensor]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Step = Callable[[nn.Module, torch.optim.Optimizer, tuple[torch.Tensor, torch.Tensor]], Any]
Optimizer = torch.optim.Optimizer | Callable[[Any], torch.optim.Optimizer] | None
Schedule = torch.optim.lr_scheduler.LRScheduler | Callable[[Any], torch.optim.lr_scheduler.LRScheduler] | None
# Samples that are answered at once when a network is measured.
AT_ONCE = 128


def same(values: torch.Tensor) -> torch.Tensor:
    """Change nothing."""
    return values


@dataclass(frozen=True)
class Outcome:
    """What came of a short training.

    Attributes:
        losses: of each step.
        right: of each sample held out, whether it was right, in inference mode.
        learned: share of those trained on that was right, in inference mode.
        learned_in_training: the same in the modes in which it was trained.
        units: ReLUs after it.
    """

    losses: tuple[float, ...]
    right: NDArray[np.bool_]
    learned: float
    learned_in_training: float
    units: tuple[UnitFacts, ...]

    @property
    def accuracy(self) -> float:
        """Share of those held out that was right."""
        return float(self.right.mean())

    @property
    def broken(self) -> bool:
        """Whether a loss is no number."""
        return not all(map(math.isfinite, self.losses))


@dataclass(frozen=True)
class Case:
    """A training, with what is changed in it.

    Attributes:
        model: never run itself.
        loss: of outputs and targets.
        optimizer: as `diagnose` takes it.
        train: samples to train on.
        held: samples held out.
        reading: how outputs become answers.
        steps: of a short training.
        batch_size: of its batches.
        step: the user's own step; None: the doctor's.
        schedule: of the rate, as `diagnose` takes it; None: the rate stays.
        schedule_every: batches from one step of the schedule to the next.
        rate: None: the optimizer's own.
        feed: is done to inputs first.
        read: is done to outputs before the loss.
        shuffle: mix the samples; else they come as the loader gives them, if it gives the same order each time.
        fresh: start from PyTorch's own initial weights.
        unfreeze: train every parameter.
        whole: give the optimizer every parameter that takes part.
        undone: of what the forward pass does.
        alter: each changes a copy of the model, its modules kept in number.
        groups: values of all the optimizer's groups, instead of its own.
        training: put every module into training mode; else modes are those of the model as it was given.
        seed: of all chance.
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
    fresh: bool = False
    unfreeze: bool = False
    whole: bool = False
    undone: Undone = NOTHING
    alter: tuple[Callable[[nn.Module], None], ...] = ()
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
            raise SettingError(f"the model cannot be copied ({error}); keep no results of a run in its attributes") from error  # fmt: skip # noqa: E501
        network.zero_grad(set_to_none=True)
        if self.fresh:
            for module in network.modules():
                if callable(getattr(module, "reset_parameters", None)):
                    module.reset_parameters()  # type: ignore[operator]
        for alter in self.alter:
            alter(network)
        if self.unfreeze:
            network.requires_grad_(True)
        return network

    def set_modes(self, network: nn.Module) -> nn.Module:
        """Put a copy into the modes in which it is trained."""
        for module, given in zip(network.modules(), self.model.modules(), strict=True):
            module.training = given.training or self.training
        return network

    def begin(self, network: nn.Module, rate: float | None = None) -> torch.optim.Optimizer:
        """Return the optimizer as it is before its first step, for a copy of the model."""
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
        """Return the schedule as it is given, for a copy of the optimizer; None where the rate stays."""
        if isinstance(self.schedule, torch.optim.lr_scheduler.LRScheduler):
            return copy.deepcopy(self.schedule, {id(self.schedule.optimizer): optimizer})
        return None if self.schedule is None else self.schedule(optimizer)

    @property
    def asked_rate(self) -> float:
        """The optimizer's own rate; the highest of its groups."""
        return max(float(group["lr"]) for group in self.begin(self.make()).param_groups)

    def answer(self, network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        """Return the outputs (N, ...) of a copy in its present modes, as the loss gets them."""
        with self.undone.running():
            outputs = network(self.feed(inputs))
        return self.read(outputs)

    def value(self, network: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the loss on some samples, in the modes of training."""
        return self.loss(self.answer(self.set_modes(network), inputs), targets)

    def probe(self, chosen: NDArray[np.intp], guess: float) -> tuple[Probe, Callable[[nn.Module], float]]:
        """Make this ready for experiments on one batch; with what measures the share of it that is right."""
        batch = self.train.part(chosen)

        def right(network: nn.Module) -> float:
            return float(self.right(network, batch).mean())

        def loss(network: nn.Module) -> torch.Tensor:
            return self.value(network, batch.inputs, batch.targets)

        return Probe(self.make, loss, self.begin, guess), right

    def right(self, network: nn.Module, sample: Sample) -> NDArray[np.bool_]:
        """Return of each sample whether a network in its present modes has it right."""
        rows = []
        with torch.no_grad():
            for start in range(0, len(sample.inputs), AT_ONCE):
                outputs = self.answer(network, sample.inputs[start : start + AT_ONCE])
                rows.append(self.reading.right(outputs, sample.targets[start : start + AT_ONCE]))
        return np.concatenate(rows)

    def run(self) -> Outcome:
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
        # Inference first: training mode changes what batch norm has seen.
        right, learned = self.right(network.eval(), self.held), float(self.right(network, some).mean())
        units = tuple(dead_units(network, self.feed(some.inputs[:64])))
        in_training = float(self.right(self.set_modes(network), some).mean())
        return Outcome(tuple(losses), right, learned, in_training, units)

    def _step(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, inputs: torch.Tensor, targets: torch.Tensor
    ) -> float:
        """Take one step; return the loss before it."""
        before = math.nan
        if self.step is not None:  # it does not say its loss
            with torch.no_grad():
                before = float(self.loss(self.answer(network.eval(), inputs), targets))
        loss = self.take(network, optimizer, inputs, targets)
        return before if loss is None else loss

    def take(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, inputs: torch.Tensor, targets: torch.Tensor
    ) -> float | None:
        """Take a step on a copy, the user's own where there is one; return the loss, None of the user's own."""
        if self.step is not None:
            with self.undone.running():
                self.step(self.set_modes(network), optimizer, (self.feed(inputs), targets))
            return None
        loss = self.value(network, inputs, targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return float(loss.detach())

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


def leaves(output: torch.Tensor) -> list[torch.Tensor]:
    """Return the tensors that an output was computed from and that gradients are gathered in."""
    gathered: dict[int, torch.Tensor] = {}
    todo, seen = [output.grad_fn], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            gathered[id(node.variable)] = node.variable
        todo += [parent for parent, _ in node.next_functions]
    return list(gathered.values())

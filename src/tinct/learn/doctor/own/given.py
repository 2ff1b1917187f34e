"""Take over what a user hands over: check model and optimizer, read the loader, and leave everything as it was.

Keras 3 on PyTorch is taken too: its models are modules; its losses take (targets, outputs).
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sized
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from tinct.errors import DataError, SettingError
from tinct.learn.doctor.own.answers import Loss

MOST_BATCHES = 200  # read from a loader, at most
MOST_NUMBERS = 1 << 26  # of the inputs read, about at most
KEPT = 480  # samples kept of those read, at most
COMPARED = 4  # batches whose labels are compared between two passes


@dataclass(frozen=True)
class Sample:
    """Samples of a loader, in its order.

    Attributes:
        inputs: (N, ...) as the model takes them.
        targets: (N, ...) as the loss takes them.
        batch_size: of the first batch.
        batches: number of batches in the loader; if it has no length, in the part that was read.
        same_order: whether two passes gave the same labels in the same order.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    batch_size: int
    batches: int
    same_order: bool

    def part(self, chosen: Any) -> Sample:
        """Return the samples of these indices (M,)."""
        index = torch.as_tensor(np.asarray(chosen), dtype=torch.long, device=self.inputs.device)
        return replace(self, inputs=self.inputs[index], targets=self.targets[index])

    @property
    def is_picture(self) -> bool:
        """Whether the inputs are floating-point pictures (N, 1 or 3 channels, H, W)."""
        shape = self.inputs.shape
        return len(shape) == 4 and shape[1] in (1, 3) and min(shape[2:]) >= 4 and self.inputs.is_floating_point()


@contextmanager
def undisturbed(model: nn.Module, *loaders: Any) -> Iterator[None]:
    """Restore a model's gradients and the state of every random generator in the end.

    The generators are those of Python, NumPy, PyTorch and the loaders. In the context gradients are computed, and
    warnings are not shown.
    """
    # A loss may have terms of the model's own weights.
    gradients = [(weight, weight.grad) for weight in model.parameters()]
    for weight, _ in gradients:
        weight.grad = None
    python, numbers = random.getstate(), np.random.get_state()  # noqa: NPY002
    owners = [owner for loader in loaders for owner in (loader, getattr(loader, "sampler", None))]
    own = [getattr(owner, "generator", None) for owner in owners]
    generators = [generator for generator in own if isinstance(generator, torch.Generator)]
    states = [generator.get_state() for generator in generators]
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    try:
        with (
            torch.random.fork_rng(devices=devices),
            warnings.catch_warnings(),
            torch.enable_grad(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for weight, gradient in gradients:
            weight.grad = gradient
        random.setstate(python)
        np.random.set_state(numbers)  # noqa: NPY002
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)


def read_sample(loader: Iterable[Any], device: torch.device) -> Sample:
    """Read some batches of a loader.

    Raises:
        DataError: it yields nothing, it allows one pass only, or its batches are not pairs of tensors.
    """
    if iter(loader) is loader:
        raise DataError("the loader can be iterated only once; give a DataLoader or a list of batches")
    inputs, targets, numbers = [], [], 0
    for batch in loader:
        one, other = pair(batch)
        inputs.append(one.detach())
        targets.append(other.detach())
        numbers += one.numel()
        if len(inputs) >= MOST_BATCHES or numbers > MOST_NUMBERS:
            break
    if not inputs:
        raise DataError("the loader yields no batch; check that its dataset is not empty, nor smaller than one batch "
                        "with drop_last=True")  # fmt: skip
    again = [pair(batch)[1] for _, batch in zip(range(COMPARED), loader, strict=False)]
    same = all(torch.equal(one, other) for one, other in zip(targets, again, strict=False))
    size, batches = len(inputs[0]), len(loader) if isinstance(loader, Sized) else len(inputs)
    try:
        whole = Sample(torch.cat(inputs).to(device), torch.cat(targets).to(device), size, batches, same)
    except RuntimeError as error:
        raise DataError(f"the loader's samples differ in shape ({error}); bring them to one shape") from error
    count = len(whole.inputs)
    if count <= KEPT:
        return whole
    return whole.part(np.linspace(0, count - 1, KEPT).astype(int))


def pair(batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return inputs and targets of a batch: the first two items of a sequence, or of a mapping's values.

    Raises:
        DataError: there are fewer than two, they are not tensors, or the batch is empty.
    """
    values = list(batch.values()) if isinstance(batch, Mapping) else batch
    if not isinstance(values, (tuple, list)) or len(values) < 2:
        raise DataError("each batch of the loader must be (inputs, targets); wrap the loader in one that yields them")
    try:
        one, other = torch.as_tensor(values[0]), torch.as_tensor(values[1])
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"a batch must hold tensors, inputs first and targets second ({error})") from error
    if not one.ndim or not len(one):
        raise DataError("a batch of the loader is empty; leave it out")
    return one, other


def _of_keras(thing: Any) -> bool:
    """Return whether something belongs to Keras, or to a class derived from one of Keras."""
    owners = (thing, *type(thing).__mro__)
    return any(str(getattr(owner, "__module__", "")).partition(".")[0] == "keras" for owner in owners)


def torch_loss(loss: Loss) -> Loss:
    """Return a loss of (outputs, targets) from any loss; Keras losses take (targets, outputs)."""
    if not _of_keras(loss):
        return loss

    def swapped(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return loss(targets, outputs)

    swapped.__name__ = getattr(loss, "__name__", type(loss).__name__)
    return swapped


def check_parts(model: Any, optimizer: Any) -> None:
    """Check that the model is a PyTorch module, and that the optimizer is not a Keras optimizer.

    Raises:
        SettingError: otherwise.
    """
    if not isinstance(model, nn.Module):
        remedy = "set the environment variable KERAS_BACKEND to torch before `import keras`" if _of_keras(model) else (
            "give a torch.nn.Module"
        )  # fmt: skip
        raise SettingError(f"the model is not a PyTorch module, but a {type(model).__name__}; {remedy}")
    if _of_keras(optimizer):
        name = type(optimizer).__name__
        like = f"torch.optim.{name}" if hasattr(torch.optim, name) else "torch.optim.Adam"
        raise SettingError(f"a Keras optimizer cannot be copied; give functools.partial({like}, lr=...) instead")

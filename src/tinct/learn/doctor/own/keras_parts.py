"""Keras 3 on PyTorch: its models are modules; its losses take (targets, outputs)."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tinct.errors import SettingError
from tinct.learn.doctor.own.case import Loss


def of_keras(thing: Any) -> bool:
    """Return whether something belongs to Keras, or to a class derived from one of Keras."""
    owners = (thing, *type(thing).__mro__)
    return any(str(getattr(owner, "__module__", "")).partition(".")[0] == "keras" for owner in owners)


def torch_loss(loss: Loss) -> Loss:
    """Return a loss of (outputs, targets) from any loss; Keras losses take (targets, outputs)."""
    if not of_keras(loss):
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
        remedy = "set the environment variable KERAS_BACKEND to torch before `import keras`" if of_keras(model) else (
            "give a torch.nn.Module"
        )  # fmt: skip
        raise SettingError(f"the model is not a PyTorch module, but a {type(model).__name__}; {remedy}")
    if of_keras(optimizer):
        name = type(optimizer).__name__
        like = f"torch.optim.{name}" if hasattr(torch.optim, name) else "torch.optim.Adam"
        raise SettingError(f"a Keras optimizer cannot be copied; give functools.partial({like}, lr=...) instead")

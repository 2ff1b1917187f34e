"""Suspend function calls in a forward pass: those that cut off gradients, dropout, clamps, or one ReLU."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from tinct.learn.doctor.probes import RELUS

_set_grad_enabled: Any = torch._C._set_grad_enabled
_data: Any = torch.Tensor.data
_CUTS = (torch.Tensor.detach, torch.Tensor.detach_, _data.__get__)
# Step functions, whose gradient is 0 wherever it exists.
_STEPS = {
    getattr(place, name) for name in ("round", "sign", "floor", "ceil", "trunc") for place in (torch, torch.Tensor)
}
# Functions that limit numbers to bounds; beyond these, their gradient is 0.
CLAMPS = {
    *(getattr(place, name) for name in ("clamp", "clip", "clamp_", "clip_") for place in (torch, torch.Tensor)),
    nn.functional.hardtanh,
}


@dataclass(frozen=True)
class Undone:
    """The calls that do nothing in each forward pass.

    Attributes:
        cuts: `no_grad`, `detach` and `.data` do nothing, and rounding passes gradients through unchanged.
        dropout: `nn.functional.dropout` returns its input.
        clamps: `clamp` returns its input.
        relu: index of the ReLU, in the order of the calls, that returns its input; None: no ReLU does.
    """

    cuts: bool = False
    dropout: bool = False
    clamps: bool = False
    relu: int | None = None

    def running(self) -> AbstractContextManager[Any]:
        """Return a context for one forward pass."""
        return nullcontext() if self == NOTHING else _Mode(self)


NOTHING = Undone()


class _Mode(TorchFunctionMode):
    def __init__(self, undone: Undone) -> None:
        super().__init__()
        self.undone, self.relus = undone, 0
        self.learning = torch.is_grad_enabled()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        undone, given = self.undone, kwargs or {}
        values = args[0] if args else given.get("input")
        if undone.cuts:
            if func in _CUTS:
                return values
            if func is _set_grad_enabled and not values:
                return func(self.learning)
            if func in _STEPS:
                return values + (func(*args, **given) - values).detach()
        if (undone.dropout and func is nn.functional.dropout) or (undone.clamps and func in CLAMPS):
            return values
        if func in RELUS:
            self.relus += 1
            if self.relus - 1 == undone.relu:
                return values
        return func(*args, **given)

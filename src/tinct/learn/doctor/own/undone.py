"""What a forward pass does by functions, undone while it runs: what cuts it off from its gradient, dropout, a ReLU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from tinct.learn.doctor.probes import ReluMode

_set_grad_enabled: Any = torch._C._set_grad_enabled
_data: Any = torch.Tensor.data
_CUTS = (torch.Tensor.detach, torch.Tensor.detach_, _data.__get__)
# Steps, whose gradient is 0 wherever they have one.
_STEPS = {
    getattr(place, name) for name in ("round", "sign", "floor", "ceil", "trunc") for place in (torch, torch.Tensor)
}
# Functions that cut numbers off at bounds; their gradient is 0 beyond.
CLAMPS = {
    *(getattr(place, name) for name in ("clamp", "clip", "clamp_", "clip_") for place in (torch, torch.Tensor)),
    nn.functional.hardtanh,
}


@dataclass(frozen=True)
class Undone:
    """What is undone in each forward pass.

    Attributes:
        cuts: `no_grad`, `detach` and `.data` do nothing, and gradients pass through rounding as if it did nothing.
        dropout: `dropout` lets everything pass.
        clamps: `clamp` lets everything pass.
        relu: the ReLU of this number, in the order of the calls, lets everything pass; None: none does.
    """

    cuts: bool = False
    dropout: bool = False
    clamps: bool = False
    relu: int | None = None

    def running(self) -> AbstractContextManager[Any]:
        """Return a context for one forward pass."""
        return nullcontext() if self == NOTHING else _Mode(self)


NOTHING = Undone()


class _Mode(ReluMode):
    def __init__(self, undone: Undone) -> None:
        super().__init__()
        self.undone, self.relus = undone, 0
        self.learning = torch.is_grad_enabled()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if self.undone.cuts:
            if func in _CUTS:
                return args[0]
            if func is _set_grad_enabled and not args[0]:
                return func(self.learning)
            if func in _STEPS:
                values = args[0] if args else given["input"]
                return values + (func(*args, **given) - values).detach()
        if self.undone.dropout and func is nn.functional.dropout:
            return args[0] if args else given["input"]
        if self.undone.clamps and func in CLAMPS:
            return args[0] if args else given["input"]
        return super().__torch_function__(func, types, args, kwargs)

    def relu(self, func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
        self.relus += 1
        if self.relus - 1 == self.undone.relu:
            return args[0] if args else kwargs["input"]
        return super().relu(func, args, kwargs)

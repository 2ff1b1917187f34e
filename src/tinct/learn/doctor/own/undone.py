"""What a forward pass does by functions, undone while it runs: what cuts it off from its gradient, dropout, a ReLU."""

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


@dataclass(frozen=True)
class Undone:
    """What is undone in each forward pass.

    Attributes:
        cuts: `no_grad`, `detach` and `.data` do nothing.
        dropout: `dropout` lets everything pass.
        relu: the ReLU of this number, in the order of the calls, lets everything pass; None: none does.
    """

    cuts: bool = False
    dropout: bool = False
    relu: int | None = None

    def running(self) -> AbstractContextManager[Any]:
        """Return a context for one forward pass."""
        return nullcontext() if self == NOTHING else _Mode(self)


NOTHING = Undone()


class _Mode(TorchFunctionMode):
    def __init__(self, undone: Undone) -> None:
        super().__init__()
        self.undone, self.relus, self.inside = undone, 0, False
        self.learning = torch.is_grad_enabled()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if self.undone.cuts:
            if func in _CUTS:
                return args[0]
            if func is _set_grad_enabled and not args[0]:
                return func(self.learning)
        if self.undone.dropout and func is nn.functional.dropout:
            return args[0] if args else given["input"]
        if func not in RELUS or self.inside:
            return func(*args, **given)
        self.relus += 1
        if self.relus - 1 == self.undone.relu:
            return args[0] if args else given["input"]
        self.inside = True  # one way of writing a ReLU calls another
        try:
            return func(*args, **given)
        finally:
            self.inside = False

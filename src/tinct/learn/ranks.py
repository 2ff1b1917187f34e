"""The processes of one training: which one this is, what the first does for all, and what they share.

Either Lightning starts the other processes, or torchrun starts all of them, on one machine or on several.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import distributed

from tinct.errors import TinctError

Value = TypeVar("Value")

# How long the other processes wait for the first one, which may be decoding a whole dataset.
PATIENCE = timedelta(hours=6)


def by_torchrun() -> bool:
    """Return whether torchrun started this process."""
    return distributed.is_available() and distributed.is_torchelastic_launched()


def rank() -> int:
    """Return this process's number among those of the training: 0 for the first or the only one."""
    return int(os.environ.get("RANK" if by_torchrun() else "LOCAL_RANK", "0"))


def is_follower() -> bool:
    """Return whether Lightning started this process; the first process had then prepared everything for it."""
    return not by_torchrun() and rank() > 0


@contextmanager
def joined(accelerator: str) -> Iterator[None]:
    """Join the processes that torchrun started, on `cpu` or `gpu`, as long as the block runs."""
    if not by_torchrun() or distributed.is_initialized():
        yield
        return
    backend = "gloo" if accelerator == "cpu" else distributed.get_default_backend_for_device(_device())
    distributed.init_process_group(backend, timeout=PATIENCE)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def _device() -> torch.device:
    """Select this process's accelerator, also for communication, and return it."""
    torch.accelerator.set_device_index(int(os.environ["LOCAL_RANK"]))
    device = torch.accelerator.current_accelerator()
    assert device is not None
    return device


def process_count() -> int:
    """Return the number of joined processes; 1 if they are not joined."""
    return int(distributed.get_world_size()) if distributed.is_initialized() else 1


def first_alone(make: Callable[[], Value]) -> Value:
    """Call `make` in the first of several joined processes, and return its value, or raise its TinctError, in all.

    The value is pickled. If processes are not joined, each calls `make` itself.
    """
    if not distributed.is_initialized():
        return make()
    made: list[Any] = [None]
    if rank() == 0:
        try:
            made = [make()]
        except TinctError as error:
            made = [error]
    distributed.broadcast_object_list(made)
    if isinstance(made[0], TinctError):
        raise made[0]
    return made[0]


def mean_over_ranks(value: torch.Tensor) -> torch.Tensor:
    """Return the mean of a tensor over all processes, without gradient."""
    if not distributed.is_initialized():
        return value
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total / process_count()


def of_first(value: float, device: torch.device) -> float:
    """Return the first process's number in all of them."""
    if not distributed.is_initialized():
        return value
    shared = torch.tensor(value, dtype=torch.float32, device=device)
    distributed.broadcast(shared, src=0)
    return float(shared)

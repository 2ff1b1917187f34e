"""The devices, the precision and the processes of a training.

Either Lightning starts the other processes, or torchrun starts all of them, on one machine or on several.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import distributed

from tinct.errors import SettingError, TinctError

Value = TypeVar("Value")

# How long the other processes wait for the first one, which may be decoding a whole dataset.
PATIENCE = timedelta(hours=6)


@dataclass(frozen=True)
class Devices:
    """The devices that a training runs on."""

    accelerator: str  # Lightning's name: `cpu` or `gpu`
    count: int = 1  # devices, or processes, on each machine
    nodes: int = 1  # machines

    @property
    def processes(self) -> int:
        """Number of processes on all machines."""
        return self.count * self.nodes


def choose_devices(wanted: str, *, nodes: int | None = None) -> Devices:
    """Return the devices to train on.

    Args:
        wanted: `auto` (all accelerators, or else the processor), `cpu`, `cpu:N` (N processes on the processor), or a
            number of accelerators on each machine. Under torchrun, `auto` and `cpu` mean the processes that it started.
        nodes: number of machines; default: those on which torchrun started the training.

    Raises:
        SettingError: there are fewer accelerators, the value is not allowed, or torchrun started another number.
    """
    there = torch.accelerator.device_count()
    kind, number = wanted, ""
    if wanted not in ("auto", "cpu"):
        kind, number = ("cpu", wanted.removeprefix("cpu:")) if wanted.startswith("cpu:") else ("gpu", wanted)
        if not (number.isascii() and number.isdigit() and int(number) > 0):
            raise SettingError(f"devices must be auto, cpu, cpu:N or a number, not '{wanted}'")
    if kind == "gpu" and there < int(number):
        remedy = f"use --devices auto, or cpu:{number} for as many processes on the processor"
        raise SettingError(f"{number} accelerators were asked for, but PyTorch finds {there}; {remedy}")
    if kind == "auto":
        kind, number = ("gpu", str(there)) if there else ("cpu", "")
    if by_torchrun():
        return _as_started(kind, None if wanted == "auto" or not number else int(number), nodes)
    if nodes is not None and nodes > 1:
        raise SettingError("a training on several machines is started by torchrun on each of them (docs/scale.md)")
    return Devices(kind, int(number or 1))


def _as_started(accelerator: str, count: int | None, nodes: int | None) -> Devices:
    """Return the processes that torchrun started; raise a SettingError if another number was asked for."""
    here, everywhere = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    started = Devices(accelerator, here, everywhere // here)
    wanted = Devices(accelerator, here if count is None else count, started.nodes if nodes is None else nodes)
    if wanted != started or everywhere % here:
        raise SettingError(
            f"torchrun started {everywhere} processes, {here} of them on this machine; --devices and --nodes ask for "
            f"{wanted.count} on each of {wanted.nodes}"
        )
    return started


def torch_device(accelerator: str) -> torch.device:
    """Return PyTorch's device for Lightning's accelerator, `cpu` or `gpu`."""
    device = torch.accelerator.current_accelerator() if accelerator != "cpu" else None
    return device if device is not None else torch.device("cpu")


def choose_precision(wanted: str, *, accelerator: str) -> Any:
    """Return Lightning's precision for `auto` (bfloat16 if it is fast), `bf16` or `float32` on `cpu` or `gpu`.

    Raises:
        SettingError: another value.
    """
    if wanted not in {"auto", "bf16", "float32"}:
        raise SettingError(f"precision must be auto, bf16 or float32, not '{wanted}'")
    if wanted == "float32":
        return "32-true"
    return "bf16-mixed" if wanted == "bf16" or has_bfloat16(accelerator) else "32-true"


def has_bfloat16(accelerator: str = "cpu") -> bool:
    """Return whether the processor, or the accelerator, has instructions for bfloat16."""
    if accelerator != "cpu":
        return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported())
    return bool(
        torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        and torch.cpu._is_avx512_bf16_supported()
    )


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

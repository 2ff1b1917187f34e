"""Choose the devices and the precision of a training."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch

from tinct.errors import SettingError
from tinct.learn.ranks import by_torchrun


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
        if not _is_count(number):
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


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0


def _as_started(accelerator: str, count: int | None, nodes: int | None) -> Devices:
    """Return the processes that torchrun started.

    Raises:
        SettingError: another number was asked for.
    """
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
    """Return Lightning's precision.

    Args:
        wanted: `auto` (bfloat16 if it is fast), `bf16` or `float32`.
        accelerator: `cpu` or `gpu`.

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

"""What a training runs on: devices and precision."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch

from tinct.errors import SettingError
from tinct.learn.ranks import by_torchrun


@dataclass(frozen=True)
class Devices:
    """What a training runs on: Lightning's accelerator, devices (or processes) of each machine, and machines."""

    accelerator: str
    count: int = 1
    nodes: int = 1

    @property
    def processes(self) -> int:
        """All that work at one step."""
        return self.count * self.nodes


def choose_devices(wanted: str, *, nodes: int | None = None) -> Devices:
    """Return what to train on.

    Args:
        wanted: `auto` (all accelerators, or the processor), `cpu`, `cpu:N` (N processes on the processor), or a number
            of accelerators of each machine. Under torchrun, `auto` and `cpu` are as many as it started.
        nodes: machines; those that torchrun started it on without it.

    Raises:
        SettingError: fewer accelerators are there, the word is another, or torchrun started another number.
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
    """Return the processes that torchrun started, where these are those asked for."""
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
        wanted: `auto` (bfloat16 where it is fast), `bf16` or `float32`.
        accelerator: `cpu` or `gpu`.

    Raises:
        SettingError: the word is another.
    """
    if wanted not in {"auto", "bf16", "float32"}:
        raise SettingError(f"precision must be auto, bf16 or float32, not '{wanted}'")
    if wanted == "float32":
        return "32-true"
    return "bf16-mixed" if wanted == "bf16" or has_bfloat16(accelerator) else "32-true"


def has_bfloat16(accelerator: str = "cpu") -> bool:
    """Return whether the processor, or the accelerator, computes in bfloat16 by itself."""
    if accelerator != "cpu":
        return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported())
    return bool(
        torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        and torch.cpu._is_avx512_bf16_supported()
    )

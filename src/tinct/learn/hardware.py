"""What a training runs on: devices and precision."""

from __future__ import annotations

from typing import Any

import torch

from tinct.errors import SettingError


def choose_devices(wanted: str) -> tuple[str, int]:
    """Return Lightning's accelerator and number of devices.

    Args:
        wanted: `auto` (all accelerators, or the processor), `cpu`, or a number of accelerators.

    Raises:
        SettingError: fewer accelerators are there, or the word is another.
    """
    there = torch.accelerator.device_count()
    if wanted == "cpu" or (wanted == "auto" and not there):
        return "cpu", 1
    if wanted == "auto":
        return "gpu", there
    if not wanted.isdigit() or int(wanted) < 1:
        raise SettingError(f"devices must be auto, cpu or a number, not '{wanted}'")
    if there < int(wanted):
        raise SettingError(f"{wanted} accelerators were asked for, but PyTorch finds {there}; use --devices auto")
    return "gpu", int(wanted)


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

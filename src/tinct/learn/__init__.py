"""Training, which needs PyTorch: `pip install 'tinct[learn]'`. The public names are imported on first use."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from tinct.errors import MissingExtraError

if TYPE_CHECKING:
    from tinct.learn.doctor.findings import Diagnosis as Diagnosis
    from tinct.learn.doctor.own.callback import DoctorCallback as DoctorCallback
    from tinct.learn.doctor.own.diagnose import assert_learns as assert_learns
    from tinct.learn.doctor.own.diagnose import diagnose as diagnose

# Public name -> the module that defines it.
_HOMES = {
    "Diagnosis": "tinct.learn.doctor.findings",
    "DoctorCallback": "tinct.learn.doctor.own.callback",
    "assert_learns": "tinct.learn.doctor.own.diagnose",
    "diagnose": "tinct.learn.doctor.own.diagnose",
}

__all__ = ["Diagnosis", "DoctorCallback", "assert_learns", "diagnose"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tinct.learn' has no attribute '{name}'")
    if find_spec("torch") is None:
        raise MissingExtraError("learn", f"tinct.learn.{name}")
    return getattr(import_module(_HOMES[name]), name)

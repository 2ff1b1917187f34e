"""A signal ends a run, wherever it comes, and the run says what it kept."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tinct.stopping import Stopped, kept_if_stopped

_LOST = """
import ctypes, signal, sys, time
from tinct.stopping import stop_on_signals

stop_on_signals()
numbers = (ctypes.c_int * 3)(3, 1, 2)
compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)

@compare
def ask(first, second):
    signal.raise_signal(signal.SIGTERM)
    return 0

ctypes.CDLL(None).qsort(numbers, 3, 4, ask)
print("came back", flush=True)
time.sleep(30)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_signal_that_c_code_swallowed_is_told_again() -> None:
    done = subprocess.run([sys.executable, "-c", _LOST], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "came back\n", "")


def test_what_is_kept_is_noted_on_what_stops_it_alone() -> None:
    with pytest.raises(Stopped) as stopped, kept_if_stopped(lambda: "all of it"):
        raise Stopped(130)
    assert stopped.value.__notes__ == ["all of it"]
    with pytest.raises(ValueError, match="x") as failed, kept_if_stopped(lambda: "nothing"):
        raise ValueError("x")
    assert not hasattr(failed.value, "__notes__")

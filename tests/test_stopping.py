"""A signal ends a run, wherever it comes, and the run says what it kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

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


_LEFT = """
import os, signal
from tinct.stopping import said_if_stopped, stop_on_signals

stop_on_signals()
try:
    with said_if_stopped():
        raise SystemExit(3)
finally:
    os.kill(os.getpid(), signal.SIGTERM)
"""

_TWICE = """
import os, signal, time
from tinct.stopping import kept_if_stopped, said_if_stopped, stop_on_signals

stop_on_signals()
with said_if_stopped(), kept_if_stopped(lambda: "a cup is kept"):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)  # as timeout(1) does
        print("cleaned up", flush=True)
"""


# A signal to the whole group kills workers, too, and what waits for them fails in turn.
_FAILED = """
import os, signal, time
from tinct.stopping import kept_if_stopped, said_if_stopped, stop_on_signals

class Pool:
    def __del__(self):
        raise RuntimeError("a worker was killed")

stop_on_signals()
with said_if_stopped(), kept_if_stopped(lambda: "a cup is kept"):
    pool = Pool()
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)
    finally:
        del pool
        raise ValueError("a worker died")
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("program", "ended"),
    [
        (_LEFT, (3, "", "")),
        (_TWICE, (143, "cleaned up\n", "tinct: stopped; a cup is kept\n")),
        (_FAILED, (130, "", "tinct: stopped; a cup is kept\n")),
    ],
    ids=["all is done", "told twice", "others fail of it"],
)
def test_a_signal_more_changes_nothing(program: str, ended: tuple[int, str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        # Whatever runs these tests in the background may have had it ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert (done.returncode, done.stdout, done.stderr) == ended


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("number", "imported", "verb"),
    [(signal.SIGINT, "typer.core", "evaluate"), (signal.SIGTERM, "numpy._core.multiarray", "data")],
)
def test_told_to_stop_amid_an_import_it_says_that_nothing_is_kept(
    number: signal.Signals, imported: str, verb: str, tmp_path: Path, camera_png: Path
) -> None:
    """Each import is a line on stderr; the signal comes after one of them, and before the others."""
    pictures = {"evaluate": ("photo", "--data", camera_png.parent), "data": (camera_png.parent,)}[verb]
    process = subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "tinct", verb, *map(str, pictures)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whatever runs these tests in the background may have had the signal ignored.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    assert process.stderr is not None
    names = iter(process.stderr.readline, "")
    assert any(line.rpartition("|")[2].strip() == imported for line in names)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    said = [line for line in err.splitlines() if not line.startswith("import time:")]
    assert (process.returncode, out) == (128 + number, "")
    assert said == [
        "tinct: stopped; nothing of this run is kept, existing files are unchanged; the same command starts again"
    ]


def test_what_is_kept_is_noted_on_what_stops_it_alone() -> None:
    with pytest.raises(Stopped) as stopped, kept_if_stopped(lambda: "all of it"):
        raise Stopped(130)
    assert stopped.value.__notes__ == ["all of it"]
    with pytest.raises(ValueError, match="x") as failed, kept_if_stopped(lambda: "nothing"):
        raise ValueError("x")
    assert not hasattr(failed.value, "__notes__")

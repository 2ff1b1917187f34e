"""`tinct` in processes that are forked from one which has imported everything: a run begins in milliseconds.

What is killed at a random moment is then at work, and not still importing; and fifty rounds are minutes, not an hour.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SERVE = """
import importlib, json, os, sys, traceback
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
from tinct.cli import main
print("ready", flush=True)
for line in sys.stdin:
    order = json.loads(line)
    pid = os.fork()
    if not pid:
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.setsid()
        sys.argv = ["tinct", *order["arguments"]]
        code = 1
        try:
            main()
            code = 0
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 0 if leaving.code is None else 1
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """How a run ended: exit status, negative where a signal killed it, and what it said."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


class Launcher:
    """A process to fork runs from, one at a time."""

    def __init__(self, *imported: str, folder: Path | None = None) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1", "COLUMNS": "100"}
        # Whatever runs tests in the background may have had the signals ignored.
        reset = lambda: [signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)]  # noqa: E731
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, json.dumps(imported)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=environment,
            preexec_fn=reset,
        )
        self._place = Path(tempfile.mkdtemp(prefix="tinct-faults-"))
        self.pid = 0
        assert self._line() == "ready"

    def begin(self, *arguments: object) -> int:
        """Begin a run in the background; return its process id."""
        assert self._process.stdin is not None
        order = {"arguments": [str(value) for value in arguments], "out": self._file("out"), "err": self._file("err")}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self.pid = int(self._line())
        return self.pid

    def end(self) -> Ended:
        """Wait for the run to end."""
        code = int(self._line())
        texts = [Path(self._file(name)).read_text(errors="replace") for name in ("out", "err")]
        return Ended(code, *texts)

    def said(self) -> str:
        """Return what the run printed on stdout until now."""
        return Path(self._file("out")).read_text(errors="replace")

    def run(self, *arguments: object) -> Ended:
        self.begin(*arguments)
        return self.end()

    def stopped(self, *arguments: object, number: int, after: float) -> Ended:
        """Begin a run, send it and its own processes a signal after some seconds, and wait for its end."""
        pid = self.begin(*arguments)
        time.sleep(after)
        # Its end may have come before; nothing else has its number as long as the launcher has not waited for it.
        send(pid, number)
        return self.end()

    def close(self) -> None:
        self._process.communicate(timeout=60)  # at the end of its input it ends

    def _file(self, name: str) -> str:
        return str(self._place / name)

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the launcher died"
        return line


def send(pid: int, number: int) -> None:
    """Send a signal to a run; SIGKILL to all processes of its session, as where a machine kills it."""
    try:
        if number == signal.SIGKILL:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


@contextmanager
def launching(*imported: str) -> Iterator[Launcher]:
    launcher = Launcher(*imported)
    try:
        yield launcher
    finally:
        if launcher.pid:
            send(launcher.pid, signal.SIGKILL)
        launcher.close()

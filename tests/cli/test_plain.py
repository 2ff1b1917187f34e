"""Plain values of options: read as Typer reads them, without what it would import."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from typer._click.exceptions import BadParameter
from typer._coercion import build_runtime_param, resolve_type_descriptor
from typer.core import TyperOption
from typer.models import OptionInfo

from tinct.cli.plain import _PlainParam

VALUES = ["", "a b", "7", "-7", "007", " 7", "1_000", "1e3", "0.25", "-.5", "1.", "nan", "9" * 20, "yes", "off", "True"]


def read(make: Any, kind: Any, value: Any, info: OptionInfo | None = None) -> Any:
    """Return what a parameter of a kind is read as, or the message that refuses it."""
    option = TyperOption(param_decls=["--x"], type_descriptor=resolve_type_descriptor(kind, info or OptionInfo()))
    try:
        result = make(option.type_descriptor).coerce(value, param=option, ctx=None)
    except BadParameter as error:
        return error.format_message()
    return repr(result), type(result)


@pytest.mark.parametrize("kind", [str, int, float, bool], ids=str)
def test_values_are_read_as_typer_reads_them(kind: Any) -> None:
    for value in (*VALUES, None, 3, 0.5, True):
        assert read(_PlainParam.of, kind, value) == read(build_runtime_param, kind, value), value


@pytest.mark.parametrize("kind", [list[str], list[int]], ids=str)
def test_lists_are_read_as_typer_reads_them(kind: Any) -> None:
    for value in VALUES:
        values = [value, "1"]
        assert read(_PlainParam.of, kind, values) == read(build_runtime_param, kind, values), value


def test_numbers_with_limits_are_read_by_typer() -> None:
    limited = OptionInfo(min=0, max=9)
    for value in ("9", "10", "ten"):
        assert read(_PlainParam.of, int, value, limited) == read(build_runtime_param, int, value, limited)


def test_a_program_leaves_with_its_status_when_all_at_its_end_is_done() -> None:
    script = """
import atexit, sys, threading, time
import tinct.__main__

def late():
    time.sleep(0.2)
    print("thread")

def main():
    atexit.register(print, "at exit")
    threading.Thread(target=late).start()
    sys.stdout.write("out ")
    sys.exit(3)

class Slow:
    def __del__(self):
        print("taken down")

kept = [Slow()]
tinct.__main__.main = main
tinct.__main__.program()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out thread\nat exit\n", "")


def test_a_command_looks_for_garbage_as_often_as_python_does() -> None:
    script = """
import gc, tinct.cli, tinct.__main__
usual = gc.get_threshold()
tinct.cli.main = lambda: print(gc.get_threshold() == usual)
tinct.__main__.program()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"

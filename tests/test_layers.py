"""The shape of the code: layers, length, how fast it loads, and extras that are named where they are missed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import tinct

PACKAGE = Path(tinct.__file__).parent
PROJECT = Path(__file__).parents[1]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT, timeout=120)


def test_imports_go_down_the_layers_only():
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = run(sys.executable, "-c", program, "--no-cache")
    assert done.returncode == 0, done.stdout
    assert ", 0 broken" in done.stdout


def test_importing_tinct_is_quick():
    program = "import time; start = time.perf_counter(); import tinct; print(time.perf_counter() - start)"
    assert min(float(run(sys.executable, "-c", program).stdout) for _ in range(3)) < 0.15


def test_measuring_without_its_extra_names_it():
    program = """
import sys
sys.modules["skimage"] = None
import numpy as np
from tinct.errors import MissingExtraError
from tinct.study.metrics import Truth, compare
picture = np.zeros((9, 9, 3), np.uint8)
try:
    compare(Truth.of(picture), picture)
except MissingExtraError as error:
    print(error)
"""
    assert run(sys.executable, "-W", "error", "-c", program).stdout.strip().endswith("run  pip install 'tinct[learn]'")


def sources() -> list[Path]:
    kinds = {".py", ".js", ".css", ".html"}
    folders = (PACKAGE, PROJECT / "tests", PROJECT / "benchmarks")
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in kinds]
    return [path for path in paths if "node_modules" not in path.parts]


def test_files_fit_in_400_lines():
    lengths = {str(path.relative_to(PROJECT)): len(path.read_text("utf-8").splitlines()) for path in sources()}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_functions_fit_in_60_lines_from_def_to_end():
    """Signatures of commands apart, which are their options and helps."""
    too_long = {}
    for path in (path for path in sources() if path.suffix == ".py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[0].lineno if path.parent.name in {"cli", "classify"} else node.lineno
                if node.end_lineno - first + 1 > 60:
                    too_long[f"{path.relative_to(PROJECT)}, {node.name}"] = node.end_lineno - first + 1
    assert too_long == {}

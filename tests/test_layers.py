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


def test_files_fit_in_400_lines_and_functions_in_50():
    too_long = []
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > 400:
            too_long.append(f"{path.relative_to(PACKAGE)}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                if length > 50:
                    too_long.append(f"{path.relative_to(PACKAGE)}, {node.name}: {length} lines")
    assert not too_long

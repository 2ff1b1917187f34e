"""The wheel: built twice it is the same to the byte, and installed without extras it does its work on each Python."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
_WORK = """
import sys
from importlib.util import find_spec
import numpy as np
import tinct
assert find_spec("torch") is None
assert "site-packages" in tinct.__file__
picture = np.tile(np.arange(64, dtype=np.uint8) * 3, (48, 1))
print(tinct.colorize(picture).shape, sys.version_info[:2])
"""


def build(folder: Path, *, date: str) -> Path:
    """Build a wheel from a copy of what the repository holds, in a place of its own."""
    source = folder / "source"
    shutil.copytree(PROJECT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copytree(PROJECT / "recipes", source / "recipes")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, source / name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-cache-dir",
        "-w",
        str(folder),
        str(source),
    ]
    subprocess.run(command, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": date}, timeout=300)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"), date="1700000000")


def python_of(version: str) -> str | None:
    """Return an interpreter of a version that starts, whoever installed it."""
    places = [shutil.which(f"python{version}"), *Path.home().glob(f".pyenv/versions/{version}.*/bin/python")]
    for place in filter(None, places):
        tried = subprocess.run([str(place), "-c", "import venv, ensurepip"], capture_output=True, check=False)
        if tried.returncode == 0:
            return str(place)
    return None


@pytest.mark.slow
def test_built_twice_it_is_the_same(wheel: Path, tmp_path: Path) -> None:
    first, second = (
        hashlib.sha256(path.read_bytes()).hexdigest() for path in (wheel, build(tmp_path, date="1700000000"))
    )
    assert first == second
    names = zipfile.ZipFile(wheel).namelist()
    for needed in (
        "tinct/models/photo.onnx",
        "tinct/web/static/index.html",
        "tinct/recipes/bins.toml",
        "tinct/py.typed",
    ):
        assert needed in names
    assert [name for name in names if name.startswith("tests") or "__pycache__" in name] == []


@pytest.mark.slow
@pytest.mark.parametrize("version", PYTHONS)
def test_installed_it_works(wheel: Path, tmp_path: Path, version: str) -> None:
    python = python_of(version)
    if python is None:
        pytest.skip(f"needs Python {version}")
    subprocess.run([python, "-m", "venv", str(tmp_path / "own")], check=True)
    own = tmp_path / "own" / ("Scripts" if os.name == "nt" else "bin")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    install = [own / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel]
    subprocess.run(install, check=True, env=environment, timeout=500)
    done = subprocess.run([own / "python", "-c", _WORK], capture_output=True, text=True, check=True, env=environment)
    major, minor = version.split(".")
    assert done.stdout == f"(48, 64, 3) ({major}, {minor})\n"
    shown = subprocess.run([own / "tinct", "models"], capture_output=True, text=True, check=True, env=environment)
    assert "photo" in shown.stdout

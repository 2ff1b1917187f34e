"""What may import what: the core without PyTorch, quickly, and the public names."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import tinct

CORE = ("color", "runtime", "media", "colorize", "classify", "web", "cli")
# What a plain `pip install tinct` does not bring.
EXTRAS = (
    "PIL", "torch", "torchvision", "lightning", "kornia", "webdataset", "sklearn", "skimage", "matplotlib", "onnx",
    "onnxscript", "safetensors", "tensorboard", "openvino", "pooch",
)  # fmt: skip

BLOCK = f"""
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ImportError(f"{{name}} is not part of the core")

sys.meta_path.insert(0, Blocker())
"""


def run(code):
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)


def core_modules():
    names = []
    for room in CORE:
        place = Path(tinct.__file__).parent / room
        if place.is_dir():
            names += [f"tinct.{room}", *(m.name for m in pkgutil.walk_packages([str(place)], f"tinct.{room}."))]
    return names


def test_the_core_imports_where_only_its_own_dependencies_are_installed():
    imports = "\n".join(f"import {name}" for name in ["tinct", "tinct.errors", *core_modules()])
    done = run(BLOCK + imports)
    assert done.returncode == 0, done.stderr


def test_the_core_colorizes_where_only_its_own_dependencies_are_installed(tiny_model, tmp_path):
    work = f"""
import numpy as np
import tinct
colorizer = tinct.Colorizer({str(tiny_model)!r}, runtime="onnxruntime")
grey = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
colored = colorizer(grey)
assert colored.shape == (48, 64, 3) and colored.dtype == np.uint8 and np.ptp(colored, axis=-1).max() > 0
"""
    done = run(BLOCK + work)
    assert done.returncode == 0, done.stderr


def test_what_needs_an_extra_names_it(tmp_path):
    work = """
from tinct.errors import MissingExtraError
import numpy as np
from tinct.study.metrics import Truth, compare
picture = np.zeros((9, 9, 3), np.uint8)
try:
    compare(Truth.of(picture), picture)
except MissingExtraError as error:
    assert "pip install 'tinct[learn]'" in str(error), error
else:
    raise AssertionError("nothing was raised")
"""
    done = run(BLOCK + work)
    assert done.returncode == 0, done.stderr


def test_importing_tinct_is_quick_and_loads_nothing_heavy():
    code = """
import sys, time
start = time.perf_counter()
import tinct
seconds = time.perf_counter() - start
heavy = {"numpy", "torch", "cv2", "pyvips", "onnxruntime", "av", "scipy", "typer", "rich"} & set(sys.modules)
assert not heavy, heavy
print(seconds)
"""
    seconds = [float(run(code).stdout) for _ in range(3)]
    assert min(seconds) < 0.15


def test_the_public_names_are_these_and_all_there():
    assert sorted(tinct.__all__) == ["ColorBins", "Colorizer", "TinctError", "__version__", "colorize"]
    for name in tinct.__all__:
        assert getattr(tinct, name) is not None
    assert dir(tinct) == sorted(tinct.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tinct.nothing  # noqa: B018


def test_every_source_file_fits_in_400_lines():
    root = Path(tinct.__file__).parent
    long = {
        str(path.relative_to(root)): count
        for path in root.rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not long

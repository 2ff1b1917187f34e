"""Using a network needs nothing but the core's own dependencies: everything else raises here when imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tinct

CORE = ("color", "runtime", "media", "data", "coloring", "recognize", "web", "cli")
EXTRAS = (
    *("torch", "torchvision", "lightning", "kornia", "webdataset", "sklearn", "skimage", "matplotlib", "onnx"),
    *("onnxscript", "safetensors", "tensorboard", "openvino", "PIL", "pooch", "ray", "pyarrow"),
)
# A module that is None cannot be imported, and importlib does not find it.
BARRED = f"import sys\nfor name in {EXTRAS!r}: sys.modules[name] = None\n"


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", BARRED + script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def core_modules() -> list[str]:
    root = Path(tinct.__file__).parent
    files = [path for room in CORE for path in sorted((root / room).rglob("*.py"))]
    names = [".".join(path.relative_to(root.parent).with_suffix("").parts) for path in files]
    return [
        "tinct",
        "tinct.errors",
        "tinct.files",
        "tinct.parallel",
        *(name.removesuffix(".__init__") for name in names),
    ]


def test_every_core_module_can_be_imported() -> None:
    modules = core_modules()
    assert {"tinct.color.bins", "tinct.coloring.photo.colorizer", "tinct.data.prepare", "tinct.cli.train"} <= set(
        modules
    )
    done = run(f"import importlib\nfor name in {modules!r}: importlib.import_module(name)")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_picture_is_colorized(camera_png: Path, tiny_model: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    script = "from tinct.cli import main; main()"
    arguments = (
        "colorize",
        str(camera_png),
        "-o",
        str(target),
        "--model",
        str(tiny_model),
        "--compare",
        "--confidence",
    )
    done = run(script, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.png", "out_confidence.png", "out_sheet.png"]


def test_a_picture_is_recognised_and_a_folder_measured(camera_png: Path, tmp_path: Path) -> None:
    model = Path(__file__).parent / "golden" / "tiny_classifier.onnx"
    for name in ("low", "high"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(camera_png.read_bytes())
    script = "from tinct.cli import main; main()"
    done = run(script, "classify", "predict", str(model), str(tmp_path), "--csv", str(tmp_path / "t.csv"))
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 2)
    arguments = ("classify", "evaluate", str(model), str(tmp_path), "--confusion", str(tmp_path / "c.png"))
    done = run(script, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("accuracy 50.0 %")
    assert (tmp_path / "c.png").is_file()


def test_a_dataset_is_prepared_and_looked_at(chelsea_png: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(chelsea_png.read_bytes())
    script = "from tinct.cli import main; main()"
    done = run(script, "prepare", str(tmp_path / "photos"), "-o", str(tmp_path / "set"), "--val", "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{tmp_path / 'set'}: 1 photographs to train on")
    done = run(script, "data", str(tmp_path / "set"), "--json")
    assert (done.returncode, done.stderr) == (0, "")


def test_array_in_array_out(tiny_model: Path) -> None:
    script = (
        "import numpy, tinct\n"
        "grey = numpy.linspace(0, 255, 40 * 60).reshape(40, 60).astype('uint8')\n"
        "print(tinct.colorize(grey, model=sys.argv[1]).shape)"
    )
    done = run(script, str(tiny_model))
    assert (done.returncode, done.stdout, done.stderr) == (0, "(40, 60, 3)\n", "")


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("train", ".", "--out", "run"), "learn"),
        (("classify", "train", ".", "-o", "x.onnx"), "learn"),
        (("demo", "-o", "look"), "demo"),
        (("colorize", "{camera}", "--model", "{model}", "--runtime", "openvino", "-o", "x.png"), "openvino"),
    ],
)
def test_missing_extra_is_one_line(
    arguments: tuple[str, ...], extra: str, camera_png: Path, tiny_model: Path, tmp_path: Path
) -> None:
    filled = [argument.format(camera=camera_png, model=tiny_model) for argument in arguments]
    done = run(f"import os; os.chdir({str(tmp_path)!r})\nfrom tinct.cli import main; main()", *filled)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("tinct: ")
    assert done.stderr.endswith(f"run  pip install 'tinct[{extra}]'\n")
    assert done.stderr.count("\n") == 1

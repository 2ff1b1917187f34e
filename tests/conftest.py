"""What all tests share: the tiny model files, and pictures that come with scikit-image and scikit-learn."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest

from photographs import colorful_piece, photograph, photograph_file, write_picture

# Beside each other, tests' own threads only get in each other's way; set before any library reads it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# What is kept between runs would be the user's, or another test's.
os.environ["TINCT_CACHE"] = "off"

GOLDEN = Path(__file__).parent / "golden"


# Files that take ten seconds or more, the longest first. With `--dist loadfile` a file is one worker's: begun last, one
# of these would let the others wait.
LONG = (
    *("learn/recognize/test_pick.py", "study/test_arms.py", "learn/doctor/test_recognition.py", "learn/test_export.py"),
    *("study/report/test_report.py", "cli/test_cli.py", "cli/test_train.py", "learn/test_ranks.py"),
    *("learn/networks/test_transfer.py", "faults/test_kills.py", "faults/test_stops.py", "cli/test_video.py"),
    *("learn/test_train.py", "web/turing/test_turing.py", "web/test_page.py", "web/test_page_queue.py"),
    *("web/test_page_picture.py", "learn/doctor/test_colorization.py"),
)


def pytest_configure(config: pytest.Config) -> None:
    """Let pytest-xdist hand files out as they are collected, and not by their numbers of tests."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long."""
    places = {f"tests/{name}": place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(LONG)))


@pytest.fixture(scope="session")
def tiny_model() -> Path:
    """A model file of the task `bins` (YUV, 12 bins, stride 2, multiple 8) with fixed random weights."""
    return GOLDEN / "tiny_bins.onnx"


@pytest.fixture(scope="session")
def tiny_chroma_model() -> Path:
    """A model file of the task `regression` (Lab, stride 2, multiple 8) with fixed random weights."""
    return GOLDEN / "tiny_chroma.onnx"


@pytest.fixture(scope="session")
def seeing_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, which gives what its first layer sees as well, so that it can compare pictures."""
    import onnx  # it takes long

    from tinct.runtime.modelfile import read_card

    model = onnx.load(tiny_model)
    inner = next(node.output[0] for node in model.graph.node if node.op_type == "Relu")
    model.graph.node.append(onnx.helper.make_node("Identity", [inner], ["features_2"]))
    shape = ["batch", None, "h", "w"]
    model.graph.output.append(onnx.helper.make_tensor_value_info("features_2", onnx.TensorProto.FLOAT, shape))
    card = dataclasses.replace(read_card(tiny_model), features={"features_2": 2})
    onnx.helper.set_model_props(model, {"tinct": card.to_json()})
    place = tmp_path_factory.mktemp("seeing") / "seeing.onnx"
    onnx.save(model, place)
    return place


@pytest.fixture
def few_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let forests have a tenth of their trees, which take most of the time that is spent on a dozen pictures."""
    from tinct.learn.recognize import heads  # it imports PyTorch

    monkeypatch.setattr(heads, "TREES", 30)


@pytest.fixture(scope="session")
def diverged_model(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model of bins with weights that are no numbers."""
    from diverged import diverge  # it imports NumPy

    return diverge(tiny_model, tmp_path_factory.mktemp("diverged") / "diverged.onnx")


@pytest.fixture(scope="session")
def camera_png() -> Path:
    """scikit-image's cameraman, 512 x 512, 8-bit grey, as it lies in the installed package."""
    return photograph_file("camera")


@pytest.fixture(scope="session")
def chelsea_png() -> Path:
    """scikit-image's cat, 451 x 300, 8-bit colour."""
    return photograph_file("chelsea")


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 48 different colour photographs in two subfolders, 160 x 160 and 120 x 160 pixels."""
    import numpy as np  # it takes long

    folder = tmp_path_factory.mktemp("shared") / "photos0"  # always of one name, which decides on the split
    rng = np.random.default_rng(3)
    places = {"indoors": ("astronaut", "coffee", "chelsea", "motorcycle_left"), "outdoors": ("china", "flower")}
    for category, names in places.items():
        for index in range(24):
            picture = photograph(names[index % len(names)])
            piece = colorful_piece(picture, 160 if index % 3 else 120, 160, rng)
            write_picture(folder / category / f"{index:02d}.png", piece)
    return folder


# What is said loudly where tests were skipped for want of a program: what was not tested, the program, how to get it.
_PROGRAMS = {
    "make browser": ("the page", "Chromium"),
    "make exiftool": ("metadata", "ExifTool"),
    "make faults": ("full and read-only disks", "the right to mount"),
}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was not tested for want of a program."""
    for remedy, (what, program) in _PROGRAMS.items():
        unseen = [report for report in terminalreporter.stats.get("skipped", []) if remedy in str(report.longrepr)]
        if unseen:
            words = f"{len(unseen)} tests of {what} did NOT run: {program} is missing. Install it with: {remedy}"
            terminalreporter.write_sep("!", words, red=True, bold=True)

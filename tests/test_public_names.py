"""The public names, pinned: adding or losing one is a decision, not an accident."""

from __future__ import annotations

import subprocess
import sys

import tinct


def test_public_names() -> None:
    assert sorted(tinct.__all__) == [
        *("Classifier", "ColorBins", "Colorizer", "Editor", "Hint", "TinctError", "VideoSettings", "__version__"),
        *("colorize", "colorize_video", "load_hints", "parse_hint"),
    ]
    assert dir(tinct) == sorted(tinct.__all__)
    for name in tinct.__all__:
        assert getattr(tinct, name) is not None


def test_colorize_can_be_called_whatever_was_imported_first() -> None:
    for first in ("import tinct", "import tinct.coloring.photo.colorizer", "import tinct.coloring", "import tinct.cli"):
        script = f"{first}\nimport tinct\nassert callable(tinct.colorize), {first!r}"
        subprocess.run([sys.executable, "-c", script], check=True)


def test_no_other_name() -> None:
    assert not hasattr(tinct, "nonesuch")


def test_importing_loads_next_to_nothing() -> None:
    heavy = "numpy torch onnxruntime openvino cv2 pyvips scipy av typer rich"
    script = f"import sys, tinct; print([name for name in {heavy.split()!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"

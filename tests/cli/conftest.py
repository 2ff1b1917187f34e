"""What the tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import pytest
import pyvips


@pytest.fixture
def album(tmp_path: Path, camera_png: Path) -> Path:
    """A folder of two grey photographs, one.jpg and two.png."""
    folder = tmp_path / "album"
    folder.mkdir()
    camera = pyvips.Image.new_from_file(str(camera_png))
    camera.resize(0.3).write_to_file(str(folder / "one.jpg"))
    camera.resize(0.2).write_to_file(str(folder / "two.png"))
    return folder

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coloring.film.films import Paint
from tinct.coloring.film.colorize import VideoResult, colorize_video
from tinct.coloring.settings import VideoSettings


@pytest.fixture
def paint(tiny_model: Path) -> Paint:
    """Colorizes a film with the tiny model; settings are keywords."""

    def run(source: Path, target: Path | None = None, on_frame: Any = None, **settings: Any) -> VideoResult:
        chosen = {"runtime": "onnxruntime", "denoise": "off", "threads": 2} | settings
        return colorize_video(source, target, settings=VideoSettings(model=tiny_model, **chosen), on_frame=on_frame)

    return run

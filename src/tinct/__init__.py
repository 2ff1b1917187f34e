"""tinct gives colour to black-and-white photographs and films.

The public names load on first use, so that `import tinct` stays fast and needs no PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tinct.classify.classifier import Classifier as Classifier
    from tinct.color.bins import ColorBins as ColorBins
    from tinct.colorize.colorizer import Colorizer as Colorizer
    from tinct.colorize.editor import Editor as Editor
    from tinct.colorize.hints import Hint as Hint
    from tinct.colorize.hints import load_hints as load_hints
    from tinct.colorize.hints import parse_hint as parse_hint
    from tinct.colorize.video import colorize_video as colorize_video
    from tinct.colorize.video_settings import VideoSettings as VideoSettings
    from tinct.errors import TinctError as TinctError

# Where each public name lives.
_HOMES = {
    "Classifier": "tinct.classify.classifier",
    "ColorBins": "tinct.color.bins",
    "Colorizer": "tinct.colorize.colorizer",
    "Editor": "tinct.colorize.editor",
    "Hint": "tinct.colorize.hints",
    "TinctError": "tinct.errors",
    "VideoSettings": "tinct.colorize.video_settings",
    "colorize_video": "tinct.colorize.video",
    "load_hints": "tinct.colorize.hints",
    "parse_hint": "tinct.colorize.hints",
}

__all__ = [
    "Classifier",
    "ColorBins",
    "Colorizer",
    "Editor",
    "Hint",
    "TinctError",
    "VideoSettings",
    "__version__",
    "colorize",
    "colorize_video",
    "load_hints",
    "parse_hint",
]


def __getattr__(name: str) -> Any:
    if name == "colorize":  # the package of this name can be called; see there why
        return import_module("tinct.colorize")
    if name not in _HOMES:
        raise AttributeError(f"module 'tinct' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

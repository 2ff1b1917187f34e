"""tinct gives colour to black-and-white photographs and films.

The public names load on first use, so that `import tinct` stays fast and needs no PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Unpack

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pathlib import Path

    from tinct.color.bins import ColorBins as ColorBins
    from tinct.coloring.film.colorize import colorize_video as colorize_video
    from tinct.coloring.hints.hint import Hint as Hint
    from tinct.coloring.hints.hint import load_hints as load_hints
    from tinct.coloring.hints.hint import parse_hint as parse_hint
    from tinct.coloring.photo.colorizer import Colorizer as Colorizer
    from tinct.coloring.photo.editor import Editor as Editor
    from tinct.coloring.settings import Options
    from tinct.coloring.settings import VideoSettings as VideoSettings
    from tinct.errors import TinctError as TinctError
    from tinct.recognize.classifier import Classifier as Classifier

# Where each public name lives.
_HOMES = {
    "Classifier": "tinct.recognize.classifier",
    "ColorBins": "tinct.color.bins",
    "Colorizer": "tinct.coloring.photo.colorizer",
    "Editor": "tinct.coloring.photo.editor",
    "Hint": "tinct.coloring.hints.hint",
    "TinctError": "tinct.errors",
    "VideoSettings": "tinct.coloring.settings",
    "colorize_video": "tinct.coloring.film.colorize",
    "load_hints": "tinct.coloring.hints.hint",
    "parse_hint": "tinct.coloring.hints.hint",
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
    if name not in _HOMES:
        raise AttributeError(f"module 'tinct' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)


def colorize(
    picture: Any,
    target: str | Path | None = None,
    *,
    model: str | Path = "photo",
    hints: Any = (),
    recolor: bool = False,
    overwrite: bool = False,
    **options: Unpack[Options],
) -> Any:
    """Colour a picture; the result has the picture's type. For several pictures, make a `tinct.Colorizer` once.

    Args:
        picture: a path, a file's bytes, a PIL image, or an array, (H, W) grey or (H, W, 3) sRGB. The result of a path
            is written beside it, as NAME_color.EXT, and its path is returned.
        target: the file to write, if the picture is a path or bytes; its path is returned.
        model: the name of a model that comes with tinct, or the path of a model file.
        hints: known colours: texts such as "25%,60%=#b03020", `tinct.Hint`s, or the path of a file of hints; see
            docs/hints.md.
        recolor: colour a picture that already has colours.
        overwrite: replace an existing file; for paths.
        options: those of `tinct.Colorizer`: `runtime`, `temperature`, `caution`, `cautious`, `saturation`, `size`,
            `views`, `denoise` and `threads`.

    Raises:
        TinctError: as `tinct.Colorizer` and its call.
    """
    from tinct.coloring.photo.colorizer import Colorizer

    return Colorizer(model, **options)(picture, target, hints=hints, recolor=recolor, overwrite=overwrite)

"""Colour for photographs and films: the main job.

This package is also the function `tinct.colorize(picture)`: Python binds a package's name to the package as soon as
any part of it is imported, so the package itself has to be what can be called:

    tinct.colorize(picture, *, model="photo", runtime="auto", temperature=None, caution=None, size=None,
                   views=None, denoise="auto", threads=None, hints=(), recolor=False, overwrite=False)

gives a picture of the same kind as it was given; `help(tinct.Colorizer)` explains the options.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(
        self,
        picture: Any,
        *,
        model: str | Path = "photo",
        runtime: str = "auto",
        temperature: float | None = None,
        caution: float | None = None,
        size: int | None = None,
        views: int | None = None,
        denoise: str | float = "auto",
        threads: int | None = None,
        hints: Any = (),
        recolor: bool = False,
        overwrite: bool = False,
    ) -> Any:
        """Colour a picture; the result is of the same kind. For several, make a `tinct.Colorizer` once.

        Args:
            picture: a path (the result goes beside it, as NAME_color.EXT, and its path is given back), a file's bytes,
                a PIL image, or an array, (H, W) grey or (H, W, 3) sRGB.
            model: the name of a model that comes with tinct, or the path of a model file.
            runtime: `auto`, `onnxruntime` or `openvino`.
            temperature: lower is more vivid, 1 is the mean; the model's own without it.
            caution: how much colour fades where opposite hues are likely, 0..4; the model's own without it.
            size: the network's working size in pixels; the model's own without it.
            views: of the picture, whose answers are averaged: 1, 2 or 4; the model's own without it.
            denoise: how the network's small copy is denoised: `auto`, `off`, or a strength.
            threads: processor threads; as many as there are cores without it.
            hints: what is known of its colours: texts such as "25%,60%=#b03020", `tinct.Hint`s, or the path of a file
                of hints; see docs/hints.md.
            recolor: colour pictures that have colours already.
            overwrite: replace a result that is there already; for paths.

        Raises:
            TinctError: as `tinct.Colorizer` and its call.
        """
        from tinct.colorize.colorizer import Colorizer

        colorizer = Colorizer(
            model,
            runtime=runtime,
            temperature=temperature,
            caution=caution,
            size=size,
            views=views,
            denoise=denoise,
            threads=threads,
        )
        return colorizer(picture, hints=hints, recolor=recolor, overwrite=overwrite)


sys.modules[__name__].__class__ = _CallablePackage

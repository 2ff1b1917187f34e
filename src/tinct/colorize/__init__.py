"""Colour for photographs and films: the main job.

This package is also the function `tinct.colorize(picture)`: Python binds a package's name to the package as soon as
any part of it is imported, so the package itself has to be what can be called.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(self, picture: Any, **options: Any) -> Any:
        from tinct.colorize.colorizer import colorize

        return colorize(picture, **options)


sys.modules[__name__].__class__ = _CallablePackage

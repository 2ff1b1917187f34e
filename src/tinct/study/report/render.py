"""Render HTML pages from templates with a common frame and style; a page is one file that loads nothing else."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import cv2
import jinja2
import numpy as np
from numpy.typing import NDArray

from tinct.errors import OutputError

_JPEG_QUALITY = 88


def render(template: str, **values: Any) -> str:
    """Fill a template of `templates`, which extends `base.html`; text is escaped, but not `markupsafe.Markup`."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tinct.study.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["data_address"] = data_address
    return environment


def data_address(rgb: NDArray[np.uint8]) -> str:
    """Return a picture (H, W, 3) sRGB as a data URL."""
    return "data:image/jpeg;base64," + base64.b64encode(encoded(rgb, ".jpg")).decode("ascii")


def encoded(rgb: NDArray[np.uint8], suffix: str) -> bytes:
    """Return the bytes of a picture file with this suffix, from sRGB (H, W, 3).

    Raises:
        OutputError: it cannot be encoded.
    """
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if suffix == ".jpg" else []
    done, content = cv2.imencode(suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise OutputError("a picture for the page cannot be encoded; look for a damaged picture in the dataset")
    return bytes(content.tobytes())

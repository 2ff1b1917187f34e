"""Sheets about pictures: before and after side by side, and maps of how sure the network was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyvips
from numpy.typing import NDArray

from tinct.color.resize import resized
from tinct.color.spaces import FloatArray
from tinct.errors import OutputError, SettingError, UnreadableError, one_line
from tinct.files import written_beside
from tinct.media.image.formats import LEAST_QUALITY, format_of, save_options
from tinct.media.image.opening import open_image, open_source, save

PANEL = 800  # longest edge of one picture of a before/after sheet, in pixels
GAP = 8  # between two pictures, in pixels
MAP = 480  # smaller confidence maps are enlarged to this longest edge, in pixels
# The text below confidence maps; the narrowest sheet has room for 80 letters a line.
LEGEND = (
    "Dark: the network was unsure, another colour is as likely. Bright: it was sure.",
    "Left: of places shown as 0.6, about 60 in 100 have the right colour bin.",
    "Right: 1 is a tie with the second colour, 10+ a clear choice.",
)
RATIO_TOP = 10.0  # the ratio map's last colour: ten times as likely as the second or more


def compare_sheet(
    pictures: Sequence[str | Path | bytes], target: str | Path, *, panel: int = PANEL, page: int = 0
) -> Path:
    """Write pictures side by side, such as before, after and the truth: upright, each edge at most `panel` pixels.

    `page` is the page to take of the first picture, if it is a TIFF file with several.

    Raises:
        UnreadableError: a picture cannot be read.
        OutputError: the sheet cannot be written.
        SettingError: there are no pictures, or the panel is smaller than a pixel.
    """
    if not pictures or panel < 1:
        raise SettingError("a sheet needs at least one picture and a panel of at least 1 pixel")
    panels = [_thumbnail(picture, panel, page=0 if number else page) for number, picture in enumerate(pictures)]
    sheet = pyvips.Image.arrayjoin(panels, across=len(panels), shim=GAP, background=[255, 255, 255], valign="centre")
    return write_sheet(sheet, Path(target))


def confidence_sheet(probability: FloatArray, ratio: FloatArray, target: str | Path) -> Path:
    """Write two maps with scales and a legend: how sure the network was, and how clearly it chose.

    Args:
        probability: (h, w) the likeliest bin's probability, 0..1.
        ratio: (h, w) its ratio to the second likeliest bin's, at least 1; shown on a logarithmic scale up to 10.
        target: the file; its ending chooses the format.

    Raises:
        OutputError: the file cannot be written.
        SettingError: the maps have no pixels or differ in size.

    Source: Billaut, de Rochemonteix & Thibault 2018, section 4.2.2.
    """
    if probability.ndim != 2 or 0 in probability.shape or probability.shape != ratio.shape:
        raise SettingError(f"two maps of one size are needed, not {probability.shape} and {ratio.shape}")
    marks = [(value, f"{value:g}") for value in (0, 0.25, 0.5, 0.75, 1)]
    left = _map_panel(np.clip(probability, 0, 1), "probability of the likeliest colour", marks)
    logarithm = np.log(np.clip(ratio, 1, RATIO_TOP)) / np.log(RATIO_TOP)
    ticks = [(float(np.log(value) / np.log(RATIO_TOP)), f"{value:g}") for value in (1, 2, 5)]
    right = _map_panel(logarithm, "times as likely as the second", [*ticks, (1.0, f"{RATIO_TOP:g}+")])
    gap = np.full((left.shape[0], 3 * GAP, 3), 255, dtype=np.uint8)
    sheet = np.concatenate([left, gap, right], axis=1)
    sheet = np.concatenate([sheet, _legend(sheet.shape[1])], axis=0)
    return write_sheet(sheet, Path(target))


def _thumbnail(picture: str | Path | bytes, edge: int, *, page: int) -> Any:
    """Return a picture as 8-bit sRGB without alpha, upright, its longest edge at most `edge`."""
    name = "the picture" if isinstance(picture, bytes) else str(picture)
    options = {"height": edge, "size": "down", "export_profile": "srgb"}
    try:
        source = picture if isinstance(picture, bytes) else Path(picture)
        image = open_image(source, page=page, access="sequential")
        if not str(image.get("vips-loader")).startswith("jpegload"):
            image = image.thumbnail_image(edge, **options)
        elif isinstance(source, bytes):  # decoded smaller
            image = pyvips.Image.thumbnail_buffer(source, edge, **options)
        else:
            image = pyvips.Image.thumbnail_source(open_source(source), edge, **options)
        if image.interpretation != "srgb" or image.format != "uchar":
            image = image.colourspace("srgb").cast("uchar")
        if image.hasalpha():
            image = image.flatten(background=[255, 255, 255])
        return image.copy_memory()
    except pyvips.Error as error:
        reason = one_line(error)[:200]
        raise UnreadableError(f"{name}: cannot be read for the sheet ({reason})") from error


def _map_panel(values: FloatArray, title: str, marks: Sequence[tuple[float, str]]) -> NDArray[np.uint8]:
    """Draw values 0..1 as (h, w, 3) RGB, a title above, a scale with marks (place 0..1, text) below."""
    height, width = values.shape
    scale = max(MAP / max(height, width), 1.0)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    picture = resized((values * 255).astype(np.uint8), size[::-1])
    panel_width = max(size[0], 360)
    colored = np.full((size[1], panel_width, 3), 255, dtype=np.uint8)
    colored[:, : size[0]] = cv2.applyColorMap(picture, cv2.COLORMAP_VIRIDIS)
    top = np.full((34, panel_width, 3), 255, dtype=np.uint8)
    _text(top, title, 0, 22)
    ramp = np.tile(np.linspace(0, 255, panel_width).astype(np.uint8), (14, 1))
    legend = np.full((50, panel_width, 3), 255, dtype=np.uint8)
    legend[10:24] = cv2.applyColorMap(ramp, cv2.COLORMAP_VIRIDIS)
    for place, text in marks:
        text_width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)[0][0]
        _text(legend, text, min(max(round(place * panel_width - text_width / 2), 0), panel_width - text_width), 42)
    panel: NDArray[np.uint8] = np.concatenate([top, colored, legend], axis=0)[:, :, ::-1]  # OpenCV draws in BGR
    return panel


def _legend(width: int) -> NDArray[np.uint8]:
    canvas = np.full((20 * len(LEGEND) + 12, width, 3), 255, dtype=np.uint8)
    for number, line in enumerate(LEGEND):
        _text(canvas, line, 0, 20 * (number + 1))
    return canvas


def _text(canvas: NDArray[np.uint8], text: str, left: int, baseline: int) -> None:
    cv2.putText(canvas, text, (left, baseline), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (40, 40, 40), 1, cv2.LINE_AA)


def write_sheet(image: Any, target: Path) -> Path:
    """Write a libvips image, or (h, w, 3) sRGB, in the format of the target's ending; OutputError if that fails."""
    form = format_of(target)
    image = pyvips.Image.new_from_array(image) if isinstance(image, np.ndarray) else image
    options = save_options(form, quality=LEAST_QUALITY, lossless=False, deep=False, huge=False)
    try:
        with written_beside(target) as beside:
            save(image, form.name, beside, options)
    except pyvips.Error as error:
        reason = one_line(error)[:200]
        raise OutputError(f"{target}: the sheet cannot be written ({reason}); choose another folder") from error
    return target

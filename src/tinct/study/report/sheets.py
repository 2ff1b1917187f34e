"""Make a report's pictures: the same photographs by every arm, at several temperatures, and how sure it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.coloring.photo.colorizer import Colorizer
from tinct.data.pictures import Picture, find_pictures
from tinct.study.making import open_colorizer, picture_maker
from tinct.study.measure import leave_grey
from tinct.study.method import Pixels, grey_of
from tinct.study.recipe import Arm
from tinct.study.report.figures import new_figure, save_figure
from tinct.study.report.tables import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST = 176  # pixels: longer edge of a picture on the page
VAL_SHOWN = 6  # validation photographs on the sheet of predictions
TRAIN_SHOWN = 4  # training photographs on the sheet of predictions
DETAIL_SHOWN = 3  # photographs on the sheets of temperatures and of confidence
TEMPERATURES = (0.05, 0.2, 0.4, 0.7, 1.0)
RATIO_TOP = 10.0  # ratios of confidence above this look the same; the paper's figure 7 goes to about 10


@dataclass(frozen=True)
class Sheet:
    """Rows of pictures, each (H, W, 3) uint8 sRGB, under a heading for each column; `name` is that of its file."""

    name: str
    caption: str
    headings: list[str]
    rows: list[list[Pixels]]


def make_sheets(results: Results, *, progress: Callable[[int, int], None] | None = None) -> list[Sheet]:
    """Make the pictures that the recipe asks for, with the models of the first seed.

    `progress` is called with (done, total) after each arm.
    """
    plots = results.study.record.plots
    chosen = {split: _chosen(results, split) for split in ("val", "train")}
    grey = {split: [grey_of(picture) for picture in pictures] for split, pictures in chosen.items()}
    made: dict[str, dict[str, list[Pixels]]] = {"val": {}, "train": {}}
    details: list[Sheet] = []
    for done, arm in enumerate(results.arms, start=1):
        colorizer = open_colorizer(results.study, arm, results.study.finished(arm)[0])
        if "sheets" in plots:
            for split in chosen:
                make = picture_maker(colorizer, arm)
                made[split][arm.name] = [make(luma) for luma in grey[split]]
        if arm.of is None and colorizer.session.bins is not None:
            lumas = grey["val"][:DETAIL_SHOWN]
            if "temperature" in plots:
                details.append(_temperatures(arm, colorizer, lumas))
            if "confidence" in plots:
                details.append(_confidences(arm, colorizer, lumas))
        if progress:
            progress(done, len(results.arms))
    return [*(_predictions(chosen, grey, made) if "sheets" in plots else ()), *details]


def _predictions(
    chosen: dict[str, list[Pixels]], grey: dict[str, list[Pixels]], made: dict[str, dict[str, list[Pixels]]]
) -> list[Sheet]:
    return [
        Sheet(
            f"predictions-{split}",
            f"Photographs of the {words} split, drawn at random.",
            ["truth", "grey", *made[split]],
            [
                [truth, leave_grey(luma), *pictures]
                for truth, luma, *pictures in zip(chosen[split], grey[split], *made[split].values(), strict=True)
            ],
        )
        for split, words in (("val", "validation"), ("train", "training"))
        if chosen[split]
    ]


def _chosen(results: Results, split: str) -> list[Pixels]:
    """Draw photographs to show, the same each time the report is written."""
    place = results.study.record.data.place
    pictures: list[Picture] = (
        find_pictures(place, split="val", limit=VAL_SHOWN, seed=1)
        if split == "val"
        else results.study.train_pictures(place, limit=TRAIN_SHOWN, seed=1)
    )
    return [picture.read(longest=LONGEST) for picture in pictures]


def _temperatures(arm: Arm, colorizer: Colorizer, lumas: list[Pixels]) -> Sheet:
    rows = [[colorizer.array(luma, temperature=temperature) for temperature in TEMPERATURES] for luma in lumas]
    return Sheet(
        f"temperature-{arm.folder}",
        f"{arm.name}: the same network at several temperatures, from the likeliest colour to the mean.",
        [f"T {temperature:g}" for temperature in TEMPERATURES],
        rows,
    )


def _confidences(arm: Arm, colorizer: Colorizer, lumas: list[Pixels]) -> Sheet:
    rows = [[colorizer(luma), *maps] for luma in lumas if (maps := confidence_maps(colorizer, luma))]
    return Sheet(
        f"confidence-{arm.folder}",
        f"{arm.name}: dark is unsure, light is sure. Probability of the likeliest bin, from 0 to 1; its ratio to that "
        f"of the second likeliest, from 1 to {RATIO_TOP:g} or more.",
        ["picture", "probability", "ratio"],
        rows,
    )


def confidence_maps(colorizer: Colorizer, luma: Pixels) -> list[Pixels]:
    """Return two pictures (H, W, 3) of a network's confidence for luma (H, W) uint8; none if it has no bins.

    Dark is unsure, light is sure: the likeliest bin's probability, and its ratio to the second's, up to `RATIO_TOP`.
    """
    sure = colorizer.predict(luma.astype(np.float32) / 255).confidence
    if sure is None:
        return []
    probability, ratio = sure
    clear = np.log(np.clip(ratio, 1, RATIO_TOP)) / np.log(RATIO_TOP)
    return [_heat(probability, luma.shape), _heat(clear, luma.shape)]


def _heat(values: NDArray[Any], shape: tuple[int, ...]) -> Pixels:
    """Return values (h, w) in 0..1 as a picture from dark to light, in the size `shape`."""
    from matplotlib import colormaps

    colors = (colormaps["inferno"](np.clip(values, 0, 1))[..., :3] * 255).round().astype(np.uint8)
    return np.asarray(cv2.resize(colors, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def write_sheet(sheet: Sheet, folder: Path) -> None:
    """Write a sheet as a PNG and an SVG file."""
    if not sheet.rows:
        return
    figure = sheet_figure(sheet)
    for suffix in ("png", "svg"):
        save_figure(figure, folder / f"{sheet.name}.{suffix}", dpi=130)


def sheet_figure(sheet: Sheet, *, cell: float = 1.5, tight: bool = False) -> Figure:
    """Return a sheet as a figure with the headings above the columns; a picture is `cell` inches wide.

    Rows are as high as columns are wide or, if `tight`, as high as their pictures.
    """
    columns, rows = len(sheet.headings), len(sheet.rows)
    heights = [max(picture.shape[0] / picture.shape[1] for picture in row) if tight else 1.0 for row in sheet.rows]
    figure = new_figure(cell * columns, cell * sum(heights) + 0.4)
    for row, (pictures, all_axes) in enumerate(
        zip(sheet.rows, figure.subplots(rows, columns, squeeze=False, height_ratios=heights), strict=True)
    ):
        for axes, picture, heading in zip(all_axes, pictures, sheet.headings, strict=True):
            axes.imshow(picture)
            axes.set_axis_off()
            if row == 0:
                axes.set_title(heading, fontsize=8)
    return figure

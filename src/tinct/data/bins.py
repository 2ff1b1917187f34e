"""The colour bins of a folder, a dataset or a model file."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct.color.bins import ColorBins, ColorHistogram
from tinct.data.pictures import Picture, find_pictures
from tinct.errors import InputError, ModelError
from tinct.parallel import ahead
from tinct.runtime.modelfile import read_card
from tinct.runtime.session import core_count


def learn_bins(
    data: str | Path,
    *,
    split: str = "train",
    space: str = "yuv",
    grid: int = 16,
    bins: int = 32,
    rebalance: float = 0.4,
    limit: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[ColorBins, list[tuple[str, str]]]:
    """Choose colour bins from the pictures of a folder or a dataset; memory does not grow with their number.

    Args:
        data: a folder of photographs, searched to any depth, or a dataset that `tinct prepare` made.
        split: `train` or `val`, for a dataset.
        space: `yuv` or `lab`.
        grid: cells along each chroma axis, at least 2.
        bins: how many cells to keep.
        rebalance: lambda of the weights, 0..1.
        limit: so many pictures, chosen at random; all without it.
        seed: decides the choice.
        progress: called with (done, total) after each picture.

    Returns:
        The bins, and (picture, reason) of those that could not be read.

    Raises:
        SettingError: an option is out of range.
        DataError: there is no picture to learn from.
    """
    histogram = ColorHistogram(space=space, grid=grid)
    pictures = find_pictures(data, split=split, limit=limit, seed=seed)
    left_out: list[tuple[str, str]] = []

    def read(picture: Picture) -> tuple[str, NDArray[np.uint8] | str]:
        try:
            return picture.name, picture.read(longest=256)
        except InputError as error:
            return picture.name, str(error)

    workers = core_count()
    with ThreadPoolExecutor(workers) as pool:
        for done, (name, result) in enumerate(ahead(pool, read, pictures, depth=2 * workers), start=1):
            if isinstance(result, str):
                left_out.append((name, result))
            else:
                histogram.add(result)
            if progress:
                progress(done, len(pictures))
    return ColorBins.from_histogram(histogram, bins=bins, rebalance=rebalance), left_out


def bins_of_model(model: str | Path) -> ColorBins:
    """Give the colour bins of a model.

    Args:
        model: the name of a model that comes with tinct, or a model file.

    Raises:
        ModelError: there is no such model, it is damaged, or it predicts chroma itself and has no bins.
    """
    bins = read_card(model).color_bins()
    if bins is None:
        raise ModelError(f"{model}: predicts chroma itself (regression) and has no colour bins; give one that has")
    return bins

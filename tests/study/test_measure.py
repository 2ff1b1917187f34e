"""What a study measured, and where it cannot be kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinct.color.bins import ColorBins
from tinct.errors import OutputError
from tinct.study.measure import Measured, Summary, count_bins
from tinct.study.report.tables import write_tables


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file/arm: the folder cannot be made"):
        Measured(Summary("arm", 0, None, {}, {}, {}, []), {}).save(tmp_path / "file" / "arm")
    with pytest.raises(OutputError, match=r"file/tables: the folder cannot be made"):
        write_tables({}, tmp_path / "file" / "tables")


def test_every_pixel_is_counted_in_its_bin() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    bins = ColorBins.learn([rgb], grid=8, bins=4)
    counts = count_bins(bins, rgb)
    assert (counts.shape, counts.sum()) == ((4,), 63)
    assert count_bins(bins, np.repeat(rgb, 2, axis=0)).tolist() == (2 * counts).tolist()

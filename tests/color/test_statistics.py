"""Colourfulness and its kin."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from reference import slow_metrics as slow
from tinct.color.statistics import as_unit_rgb, colorfulness, median, quantiles


def solid(color, shape=(8, 8)):
    return np.full((*shape, 3), color, dtype=np.uint8)


def test_colorfulness_of_plain_colors_and_greys():
    # One colour has no spread: 0.3 * hypot(255, 127.5) for red, 0.3 * 255 for blue.
    assert colorfulness(solid((255, 0, 0))) == pytest.approx(85.53, abs=0.01)
    assert colorfulness(solid((0, 0, 255))) == pytest.approx(76.5, abs=0.01)
    assert colorfulness(np.arange(48, dtype=np.uint8).repeat(3).reshape(6, 8, 3)) == 0


def test_colorfulness_is_the_papers_formula_for_every_kind_of_array():
    image = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    for same in (image, image.astype(np.uint16) * 257, image / 255):
        assert colorfulness(same) == pytest.approx(slow.colorfulness(image), rel=1e-5)


def test_as_unit_rgb_scales_by_the_types_range():
    assert as_unit_rgb(np.array([0, 255], dtype=np.uint8)).tolist() == [0, 1]
    assert as_unit_rgb(np.array([0, 65535], dtype=np.uint16)).tolist() == [0, 1]
    assert as_unit_rgb(np.array([0.0, 0.5])).dtype == np.float32


@pytest.mark.parametrize("size", [1, 2, 7, 500])
def test_medians_and_quantiles_are_numpys(size: int) -> None:
    values = np.random.default_rng(size).random((size, 6), dtype=np.float32)
    assert median(values) == np.median(values)
    assert (median(values, axis=0) == np.median(values, axis=0)).all()
    shares = [0, 0.01, 0.2, 0.5, 0.95, 0.99, 1]
    assert quantiles(values, shares) == pytest.approx(np.quantile(values, shares), abs=1e-6)


def test_a_photographs_way_imports_no_masked_arrays() -> None:
    lines = [
        "import sys",
        "import numpy as np",
        "from tinct.color import denoise, page_layout, scan_kinds, tonal_range, toning",
        "rgb = np.random.default_rng(0).random((96, 96, 3), np.float32)",
        "luma = rgb[..., 0]",
        "own = toning.OwnColors.of(rgb)",
        "tonal_range.normal_tones(luma), own.off_tone, own.are_some, page_layout.find_photographs(rgb)",
        "scan_kinds.negative_odds(luma), scan_kinds.dots_apart([luma * 255]), denoise.estimate_noise(luma)",
        "sys.exit('numpy.ma' in sys.modules)",
    ]
    code = "\n".join(lines)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Arrays are averaged where they shrink and interpolated where they grow, whatever their type and channels."""

import numpy as np
import pytest

from tinct.color.resize import resized, shrunk, small_size


@pytest.mark.parametrize("channels", [(), (1,), (3,), (7,)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_shape_and_type_are_kept(channels, dtype):
    values = np.random.default_rng(0).integers(0, 200, (12, 20, *channels)).astype(dtype)
    for size in ((6, 10), (24, 40), (12, 20), (24, 10)):
        result = resized(values, size)
        assert result.shape == (*size, *channels)
        assert result.dtype == dtype


def test_halving_is_the_mean_of_four():
    values = np.random.default_rng(0).uniform(size=(8, 12, 6)).astype(np.float32)
    np.testing.assert_allclose(resized(values, (4, 6)), values.reshape(4, 2, 6, 2, 6).mean((1, 3)), rtol=1e-5)


def test_more_channels_than_opencv_takes_at_once():
    values = np.random.default_rng(0).uniform(size=(4, 5, 600)).astype(np.float32)
    larger = resized(values, (9, 11))
    np.testing.assert_allclose(larger[..., 17], resized(np.ascontiguousarray(values[..., 17]), (9, 11)), rtol=1e-6)


def test_sizes_are_roots_of_areas_and_never_larger():
    assert small_size(400, 100, size=100) == (200, 50)
    assert small_size(40, 10, size=100) == (40, 10)
    assert shrunk(np.zeros((400, 100)), 100).shape == (200, 50)

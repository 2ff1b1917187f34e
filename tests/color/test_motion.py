"""Flow points back to where things were, and what is moved along it arrives."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from tinct.color.motion import (
    STILL,
    camera_at,
    camera_motion,
    consistent,
    flow,
    inverse,
    joined,
    levels,
    motion_of_camera,
    resized,
    reverse,
    seen_before,
    turned,
    warp,
)
from tinct.errors import InputError


def texture(height: int = 72, width: int = 96, *, seed: int = 1, scale: float = 2.5) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(height, width)), scale, mode="wrap")
    return (0.5 + 0.15 * noise / noise.std()).clip(0, 1).astype(np.float32)


@pytest.mark.parametrize("fine", [False, True])
def test_flow_points_to_where_things_were(fine):
    previous = texture()
    current = np.roll(previous, (3, -5), (0, 1))  # everything moved down by 3 and left by 5
    inner = flow(current, previous, fine=fine)[12:-12, 12:-12]
    np.testing.assert_allclose(np.median(inner, axis=(0, 1)), [5, -3], atol=0.2)
    np.testing.assert_allclose(inner.mean(axis=(0, 1)), [5, -3], atol=0.5)


def test_flow_does_not_mind_exposure_and_is_the_same_every_time():
    previous = texture()
    current = np.roll(previous, (2, 4), (0, 1)) * 0.8 + 0.15
    found = flow(current, previous)
    np.testing.assert_allclose(np.median(found, axis=(0, 1)), [-4, -2], atol=0.3)
    np.testing.assert_array_equal(found, flow(current, previous))
    np.testing.assert_array_equal(found, flow(levels(current), levels(previous)))


@pytest.mark.parametrize("shape", [(1, 1), (9, 200), (16, 16), (48, 64)])
def test_flow_of_small_and_of_blank_pictures(shape):
    picture = np.random.default_rng(1).random(shape, dtype=np.float32)
    for pair in [(picture, picture), (np.zeros_like(picture), np.zeros_like(picture)), (picture, 0 * picture)]:
        found = flow(*pair)
        assert found.shape == (*shape, 2)
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
    np.testing.assert_allclose(flow(picture, picture), 0, atol=0.05)


def test_flow_needs_two_planes_of_one_size():
    with pytest.raises(InputError, match="one size"):
        flow(texture(), texture(40, 40))
    with pytest.raises(InputError, match="one size"):
        flow(np.zeros((4, 4, 3)), np.zeros((4, 4, 3)))


@pytest.mark.parametrize("channels", [(), (1,), (2,), (34,), (130,), (300,)])
def test_warp_against_scipy(channels):
    rng = np.random.default_rng(2)
    values = ndimage.gaussian_filter(rng.random((20, 30, *channels)), (2, 2, *(0 for _ in channels))).astype(np.float32)
    motion = rng.normal(0, 3, (20, 30, 2)).astype(np.float32)
    rows, columns = np.mgrid[:20, :30]
    places = [rows + motion[..., 1], columns + motion[..., 0]]
    planes = values.reshape(20, 30, -1)
    expected = [
        ndimage.map_coordinates(planes[..., channel], places, order=1, mode="nearest")
        for channel in range(planes.shape[-1])
    ]
    moved = warp(values, motion)
    assert moved.shape == values.shape
    # OpenCV rounds places to 1/32 of a pixel.
    np.testing.assert_allclose(moved.reshape(20, 30, -1), np.stack(expected, axis=-1), atol=0.01)


def test_values_of_another_size_move_as_far():
    motion = np.zeros((40, 60, 2), dtype=np.float32)
    motion[..., 0], motion[..., 1] = 6, -4
    values = texture(20, 30)
    np.testing.assert_allclose(warp(values, motion)[2:, :-3], values[:-2, 3:], atol=1e-6)
    np.testing.assert_allclose(resized(motion, (10, 120))[5, 60], [12, -1])


def test_flow_is_trusted_where_going_back_and_forth_returns():
    ground, thing = texture(seed=3), texture(seed=4)
    earlier, later = ground.copy(), ground.copy()
    earlier[16:56, 20:60] = thing[16:56, 20:60]
    later[16:56, 26:66] = thing[16:56, 20:60]  # the thing moved right by 6, and uncovered what was behind it
    trusted = consistent(flow(earlier, later, fine=True), flow(later, earlier, fine=True))
    assert trusted[20:52, 20:25].mean() < 0.5  # uncovered
    assert trusted[20:52, 32:62].mean() > 0.9  # the thing itself
    assert trusted[:, 76:].mean() > 0.95  # what stood still


def test_what_comes_from_outside_is_not_trusted():
    motion = np.zeros((10, 20, 2), dtype=np.float32)
    motion[..., 0] = 4
    np.testing.assert_array_equal(consistent(-motion, motion)[0], [True] * 16 + [False] * 4)


def test_inverse_turns_flow_round():
    rows, columns = np.mgrid[:60, :80].astype(np.float32)
    motion = np.stack([4 + 2 * np.sin(rows / 12), 3 * np.cos(columns / 15)], axis=-1)
    back = inverse(motion)
    # Going there and back ends where it began, away from the border.
    np.testing.assert_allclose((back + warp(motion, back))[10:-10, 10:-10], 0, atol=0.15)
    assert np.abs(back + motion)[10:-10, 10:-10].max() > 0.5  # which merely changing the sign does not do


def test_a_cameras_shift_turn_and_zoom_are_found_and_undone():
    earlier = (255 * texture(192, 256, scale=3)).astype(np.uint8)
    camera = cv2.getRotationMatrix2D((128, 96), 3, 1.05).astype(np.float32)
    camera[:, 2] += (6, -4)
    later = turned(earlier, camera)
    found = camera_motion(later, earlier)
    inside = seen_before(camera, later.shape) == 1
    assert np.abs(motion_of_camera(found, later.shape) - motion_of_camera(camera, later.shape))[inside].max() < 0.3
    np.testing.assert_allclose(joined(camera, reverse(camera)), STILL, atol=1e-4)
    moved = warp(earlier, motion_of_camera(camera, later.shape))
    assert np.abs(moved - later)[inside].mean() < 1  # OpenCV's own drawing agrees


def test_a_cameras_motion_at_another_size_is_the_same_motion():
    camera = np.array([[1.02, 0.05, 6], [-0.05, 1.02, -4]], dtype=np.float32)
    small = motion_of_camera(camera_at(camera, (192, 256), (48, 64)), (48, 64))
    expected = resized(motion_of_camera(camera, (192, 256)), (48, 64))
    np.testing.assert_allclose(small, expected, atol=1e-3)


def test_a_camera_before_a_blank_wall_stands_still():
    blank = np.full((96, 128), 90, dtype=np.uint8)
    assert camera_motion(blank, blank) is STILL

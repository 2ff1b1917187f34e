"""Smoothing along the motion: colours stay with the things they belong to, and go when the picture goes."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from tinct.coloring.film.smoothing import KernelSmoother, MotionSmoother, Smoother

# Luma is twice the size of the distributions, as the shipped network gives them.
SHAPE = (72, 96)
SMALL = (36, 48)


def texture(seed: int, *, contrast: float = 40) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), 2, mode="wrap")
    return 120 + contrast * noise / noise.std()


def as_levels(luma: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(luma), 0, 255).astype(np.uint8)


def distribution(bins: np.ndarray, rng: np.random.Generator, *, count: int = 4) -> np.ndarray:
    """What a wavering network says: mostly the true bin of (h, w), more or less of it from frame to frame."""
    sure = np.clip(rng.normal(0.7, 0.2), 0.3, 1)
    values = np.full((*bins.shape, count), (1 - sure) / (count - 1), dtype=np.float32)
    np.put_along_axis(values, bins[..., None], np.float32(sure), axis=-1)
    return values


def smoothed(
    smoother: Smoother, frames: list, lumas: list, *, cuts: tuple[int, ...] = (), unknown: tuple[int, ...] = ()
) -> list:
    results = []
    for index, (values, luma) in enumerate(zip(frames, lumas, strict=True)):
        missing = index in unknown
        results += smoother.push(None if missing else values, luma, cut=index in cuts, unknown=missing)
    return results + smoother.flush()


def wavering(results: list) -> float:
    """The mean change from frame to frame."""
    return float(np.mean([np.abs(b - a).mean() for a, b in pairwise(results)]))


def still(count: int = 24, *, seed: int = 5, bin_: int = 0) -> tuple[list, list]:
    rng = np.random.default_rng(seed)
    bins = np.full(SMALL, bin_)
    return [distribution(bins, rng) for _ in range(count)], [as_levels(texture(seed))] * count


def test_what_does_not_change_stays_exactly_so():
    frames = [np.full((*SMALL, 4), 0.25, dtype=np.float32)] * 14
    lumas = [as_levels(np.roll(texture(1), 2 * index, axis=1)) for index in range(14)]
    results = smoothed(MotionSmoother(), frames, lumas)
    assert len(results) == 14
    np.testing.assert_allclose(results, 0.25, atol=1e-6)


def test_wavering_calms_down_from_the_first_frame_on():
    frames, lumas = still(40)
    results = smoothed(MotionSmoother(), frames, lumas)
    assert wavering(results) < 0.25 * wavering(frames)
    assert wavering(results[:4]) < 0.5 * wavering(frames)


def test_a_pan_is_calmed_as_a_still_picture_is():
    rng = np.random.default_rng(9)
    wide = np.concatenate([texture(12), texture(13)], axis=1)
    halves = (wide[::2, ::2] > 120).astype(int)
    frames = [distribution(halves[:, 2 * index : 2 * index + SMALL[1]], rng) for index in range(20)]
    lumas = [as_levels(wide[:, 4 * index : 4 * index + SHAPE[1]]) for index in range(20)]

    def along(results: list) -> float:
        """The mean change of what stays in sight."""
        return float(np.mean([np.abs(b[4:-4, 4:-6] - a[4:-4, 6:-4]).mean() for a, b in pairwise(results)]))

    results = smoothed(MotionSmoother(), frames, lumas)
    assert along(results) < 0.06 * along(frames)
    assert along(results[:4]) < 0.1 * along(frames)  # here the frames after count most


def moving_thing() -> tuple[list, list, list]:
    """Twenty frames of a thing of bin 1 that crosses a ground of bin 0: frames, lumas, true bins."""
    rng = np.random.default_rng(3)
    ground, thing = texture(10), texture(11, contrast=60)
    frames, lumas, truth = [], [], []
    for index in range(20):
        left = 4 + 4 * index
        luma = ground.copy()
        luma[20:52, left : left + 24] = thing[20:52, 20:44][:, : SHAPE[1] - left]
        bins = np.zeros(SMALL, dtype=int)
        bins[10:26, left // 2 : left // 2 + 12] = 1
        frames.append(distribution(bins, rng))
        lumas.append(as_levels(luma))
        truth.append(bins)
    return frames, lumas, truth


def test_a_thing_takes_its_colors_along_and_leaves_none_behind():
    frames, lumas, truth = moving_thing()
    last = 15
    ours = smoothed(MotionSmoother(), frames, lumas)[last]
    kernel = smoothed(KernelSmoother(), frames, lumas)[last]
    trail = np.zeros(SMALL, dtype=bool)
    trail[12:24, 2 : 2 + 2 * last - 2] = True
    inside = ndimage.binary_erosion(truth[last] == 1, iterations=3)
    usual = float(np.mean([values[0, 0, 1] for values in frames]))  # of the thing's bin where it never was
    assert kernel[trail][:, 1].mean() > usual + 0.1  # the plain kernel smears the thing's colour over its way
    assert ours[trail][:, 1].mean() < usual + 0.03
    assert ours[inside][:, 1].mean() > kernel[inside][:, 1].mean() + 0.05


@pytest.mark.parametrize(("dissolve", "allowed"), [(0, 0.03), (10, 0.07)])
def test_a_missed_cut_and_a_dissolve_shed_the_old_colors(dissolve, allowed):
    first, luma = still(15, seed=20, bin_=0)
    second, other = still(15, seed=21, bin_=1)
    steps = np.linspace(0, 1, dissolve + 2)[1:-1]
    between = [as_levels((1 - step) * luma[0] + step * other[0]) for step in steps]
    middle = [((1 - step) * first[0] + step * second[0]).astype(np.float32) for step in steps]
    frames, lumas = first + middle + second, luma + between + other
    after = 15 + dissolve + (2 if dissolve else 0)  # two frames after a dissolve; at once after a cut
    results = smoothed(MotionSmoother(), frames, lumas)
    pure = smoothed(MotionSmoother(), second, other)
    excess = np.mean(results[after][..., 0]) - np.mean(pure[after - 15 - dissolve][..., 0])
    assert excess < allowed
    paper = smoothed(KernelSmoother(), frames, lumas)[after]
    assert np.mean(paper[..., 0]) - np.mean(pure[after - 15 - dissolve][..., 0]) > allowed + 0.03


def test_nothing_passes_a_cut():
    first, luma = still(11, seed=30, bin_=0)
    second, other = still(9, seed=30, bin_=1)  # the same picture: only the cut tells
    together = smoothed(MotionSmoother(), first + second, luma + other, cuts=(11,))
    apart = smoothed(MotionSmoother(), first, luma) + smoothed(MotionSmoother(), second, other)
    assert len(together) == 20
    np.testing.assert_array_equal(together, apart)


def test_blank_frames_lend_nothing_and_are_remembered_through():
    frames, lumas = still(24)
    frames[10:13] = [None] * 3
    lumas[10:13] = [np.zeros(SHAPE, dtype=np.uint8)] * 3
    results = smoothed(MotionSmoother(), frames, lumas)
    assert [index for index, values in enumerate(results) if values is None] == [10, 11, 12]
    seen = [values for values in results if values is not None]
    assert wavering(seen) < 0.3 * wavering([values for values in frames if values is not None])


def test_flicker_of_exposure_and_grain_shed_nothing():
    frames, lumas = still(40)
    rng = np.random.default_rng(4)
    old = [as_levels(luma * rng.normal(1, 0.08) + rng.normal(0, 8, SHAPE)) for luma in lumas]
    assert wavering(smoothed(MotionSmoother(), frames, old)) < 0.45 * wavering(frames)


def test_chroma_is_smoothed_as_well_as_distributions():
    rng = np.random.default_rng(6)
    frames = [np.full((*SMALL, 2), (-0.1, 0.2), dtype=np.float32) + np.float32(rng.normal(0, 0.05)) for _ in range(30)]
    results = smoothed(MotionSmoother(), frames, [as_levels(texture(1))] * 30)
    assert results[0].shape == (*SMALL, 2)
    np.testing.assert_allclose(np.mean(results, axis=(0, 1, 2)), np.mean(frames, axis=(0, 1, 2)), atol=0.01)
    assert wavering(results) < 0.25 * wavering(frames)


def test_frames_after_a_frame_calm_it_as_well():
    frames, lumas = still(40)
    causal = smoothed(MotionSmoother(block=1, look_ahead=0), frames, lumas)
    both = smoothed(MotionSmoother(), frames, lumas)
    assert len(causal) == len(both) == 40
    assert MotionSmoother(block=1, look_ahead=0).delay == 0
    assert MotionSmoother().delay <= 8
    np.testing.assert_allclose(causal[0], frames[0], atol=1e-6)
    assert wavering(both[:4]) < 0.6 * wavering(causal[:4])
    assert wavering(both) < 0.8 * wavering(causal)


def test_frames_about_which_nothing_was_said_get_the_colors_of_their_neighbours_along_the_motion():
    frames, lumas, truth = moving_thing()
    odd = tuple(range(1, 20, 2))
    results = smoothed(MotionSmoother(), frames, lumas, unknown=odd)
    for index in odd:
        for bin_ in (0, 1):
            inside = ndimage.binary_erosion(truth[index] == bin_, iterations=3)
            assert results[index][inside][:, bin_].mean() > 0.5
        np.testing.assert_allclose(results[index].sum(axis=-1), 1, atol=1e-5)
    whole = smoothed(MotionSmoother(), frames, lumas)
    assert np.mean([np.abs(ours - theirs).mean() for ours, theirs in zip(results, whole, strict=True)]) < 0.05


def test_what_nobody_can_say_stays_unsaid_and_no_shot_learns_from_another():
    frames, lumas = still(12)
    assert smoothed(MotionSmoother(), frames[:3], lumas[:3], unknown=(0, 1, 2)) == [None] * 3
    foreign = [np.roll(values, 1, axis=-1) for values in frames]
    results = smoothed(MotionSmoother(), frames[:5] + foreign[5:], lumas, cuts=(5,), unknown=(4, 5, 11))
    assert all(values is not None for values in results)
    assert results[4][..., 0].mean() > 0.5 > results[5][..., 0].mean()
    assert results[5][..., 1].mean() > 0.5


@pytest.mark.parametrize("stop", [1, 2, 9, 14])
def test_a_film_with_unknown_frames_goes_on_where_it_was(stop):
    frames, lumas, _ = moving_thing()
    odd = tuple(range(1, 20, 2))
    whole = smoothed(MotionSmoother(), frames, lumas, unknown=odd)
    first, second = MotionSmoother(), MotionSmoother()
    results = []
    for index in range(stop):
        missing = index in odd
        results += first.push(None if missing else frames[index], lumas[index], unknown=missing)
    second.restore(first.state())
    rest = tuple(index - stop for index in odd if index >= stop)
    results += smoothed(second, frames[stop:], lumas[stop:], unknown=rest)
    assert len(results) == len(frames)
    np.testing.assert_array_equal(results, whole)

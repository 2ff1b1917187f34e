"""Smoothing over time: the paper's kernel against SciPy, and what every smoother promises."""

import numpy as np
import pytest
from scipy import signal

from tinct.coloring.film.smoothing import LONGEST_SPAN, KernelSmoother, Smoother, Smoothing
from tinct.errors import InputError, SettingError

LUMA = np.zeros((12, 16), dtype=np.uint8)
WAYS = ["off", "paper", "0.5,3", "motion"]


def distributions(count: int, *, shape: tuple[int, int, int] = (6, 8, 5), seed: int = 1) -> list[np.ndarray]:
    shares = np.random.default_rng(seed).random((count, *shape)) ** 4
    return list((shares / shares.sum(axis=-1, keepdims=True)).astype(np.float32))


def lumas(count: int, *, seed: int = 2) -> list[np.ndarray]:
    picture = np.random.default_rng(seed).integers(0, 256, (48, 64), dtype=np.uint8)
    return [np.roll(picture, index, axis=1)[:24, :32] for index in range(count)]


def smoothed(smoother: Smoother, frames: list, pictures: list | None = None) -> list:
    results = []
    for index, values in enumerate(frames):
        results += smoother.push(values, LUMA if pictures is None else pictures[index])
    return results + smoother.flush()


def direct(frames: list[np.ndarray], *, alpha: float, span: int) -> np.ndarray:
    """The paper's sum, by SciPy, divided by the weights there were."""
    weights = np.exp(-alpha * np.arange(span + 1))
    sums = signal.lfilter(weights, [1.0], np.stack(frames).astype(np.float64), axis=0)
    return sums / np.cumsum(np.pad(weights, (0, max(0, len(frames) - span - 1)))[: len(frames)])[:, None, None, None]


@pytest.mark.parametrize(
    ("text", "alpha", "span"), [("paper", 0.2, 20), ("0.2,20", 0.2, 20), ("0,4", 0, 4), ("1.5,1", 1.5, 1)]
)
def test_kernel_is_the_papers_sum(text, alpha, span):
    frames = distributions(60)
    results = np.stack(smoothed(Smoothing.parse(text).start(), frames))
    assert results.dtype == np.float32
    np.testing.assert_allclose(results, direct(frames, alpha=alpha, span=span), atol=2e-7)
    np.testing.assert_allclose(results.sum(axis=-1), 1, atol=1e-6)


def test_kernel_does_not_drift():
    frames = distributions(4000, shape=(1, 2, 3))
    smoother = KernelSmoother(alpha=0.0, span=7)
    results = smoothed(
        smoother, [values * np.float32(1e4 if index < 2000 else 1) for index, values in enumerate(frames)]
    )
    np.testing.assert_allclose(results[-1], np.mean(frames[-8:], axis=0), atol=1e-7)


def test_kernel_leaves_blank_frames_out():
    frames: list = distributions(12)
    frames[0] = frames[5] = frames[6] = None
    results = smoothed(KernelSmoother(alpha=0.3, span=4), frames)
    assert [index for index, values in enumerate(results) if values is None] == [0, 5, 6]
    weights = {8: 1, 7: np.exp(-0.3), 4: np.exp(-1.2)}  # of the frames 4 to 8
    expected = sum(weight * frames[index].astype(float) for index, weight in weights.items()) / sum(weights.values())
    np.testing.assert_allclose(results[8], expected, atol=1e-6)


def test_off_gives_back_what_it_was_given():
    frames = distributions(3)
    smoother = Smoothing.parse("off").start()
    assert all(smoother.push(values, LUMA)[0] is values for values in frames)
    assert smoother.flush() == []


@pytest.mark.parametrize("way", WAYS)
def test_every_frame_comes_out_in_order_and_in_time(way):
    smoother = Smoothing.parse(way).start()
    frames: list = distributions(30)
    frames[0] = frames[13] = frames[14] = None
    pictures = lumas(30)
    count = 0
    for index, (values, luma) in enumerate(zip(frames, pictures, strict=True)):
        for result in smoother.push(values, luma, cut=index == 17):
            assert (result is None) == (frames[count] is None)
            if result is not None:
                assert result.shape == (6, 8, 5)
                np.testing.assert_allclose(result.sum(axis=-1), 1, atol=1e-5)
                assert result.min() > -1e-7
            count += 1
        assert index + 1 - smoother.delay <= count <= index + 1
    assert count + len(smoother.flush()) == 30
    assert smoother.flush() == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stop", [0, 1, 7, 14, 22])
def test_an_interrupted_film_goes_on_with_identical_results(way, stop, tmp_path):
    frames: list = distributions(26)
    frames[12] = frames[13] = None
    pictures = lumas(26)
    whole = smoothed(Smoothing.parse(way).start(), frames, pictures)
    first, second = Smoothing.parse(way).start(), Smoothing.parse(way).start()
    results = []
    for values, luma in zip(frames[:stop], pictures[:stop], strict=True):
        results += first.push(values, luma)
    np.savez(tmp_path / "state.npz", **first.state())
    with np.load(tmp_path / "state.npz") as stored:
        second.restore(dict(stored))
    results += smoothed(second, frames[stop:], pictures[stop:])
    assert len(results) == len(whole)
    for ours, theirs in zip(results, whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_foreign_states_and_sizes_are_refused():
    kernel, motion = Smoothing.parse("paper").start(), Smoothing.parse("motion").start()
    for values in distributions(3):
        kernel.push(values, LUMA)
        motion.push(values, LUMA)
    for smoother, state in [(motion, kernel.state()), (kernel, motion.state()), (kernel, {}), (motion, {})]:
        with pytest.raises(InputError, match="saved state"):
            smoother.restore(state)
    with pytest.raises(InputError, match="saved state"):
        Smoothing.parse("0.5,1").start().restore(kernel.state())
    for smoother in (kernel, motion):
        with pytest.raises(InputError, match="one size"):
            smoother.push(distributions(1, shape=(3, 4, 5))[0], LUMA)


@pytest.mark.parametrize("text", ["off", "motion", "paper", "0.3,10", "0.0,0", "0.123456789,250"])
def test_settings_are_read_and_written(text):
    assert str(Smoothing.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "on", "0.2", "0.2,", ",20", "0.2,20,3", "-0.1,5", "nan,5", "inf,5", "0.2,-1", "0.2,2.5", "0.2,251", "Paper"],
)
def test_senseless_settings_are_refused(text):
    assert LONGEST_SPAN == 250
    with pytest.raises(SettingError, match="smoothing must be off, motion, paper, or ALPHA,FRAMES"):
        Smoothing.parse(text)

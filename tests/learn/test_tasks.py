"""Losses, schedules and augmentation, against plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tinct.color.bins import ColorBins
from tinct.color.spaces import chroma_space
from tinct.learn.augment import Augmenter
from tinct.learn.networks.registry import build
from tinct.learn.schedule import Schedule
from tinct.learn.settings import Augmentation, Training
from tinct.learn.tasks import BinTable, ColorizeTask, shrink, split_rgb


@pytest.fixture(scope="module")
def bins() -> ColorBins:
    rng = np.random.default_rng(0)
    return ColorBins.learn([rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)], bins=12, rebalance=0.3)


def _task(bins: ColorBins | None, *, space: str = "yuv") -> ColorizeTask:
    torch.manual_seed(0)
    training = Training("", task="bins" if bins else "regression", space=space, weight_decay=0.0)
    network = build("flat", outputs=bins.count if bins else 2)
    return ColorizeTask(network, training, bins=bins, schedule=Schedule(steps=10, decay=0.3))


@pytest.mark.parametrize("space", ["yuv", "lab"])
def test_tensors_split_as_arrays_do(space: str) -> None:
    rgb = np.random.default_rng(1).random((5, 7, 3), dtype=np.float32)
    luma, chroma = split_rgb(torch.from_numpy(rgb).permute(2, 0, 1)[None], space)
    expected_luma, expected_chroma = chroma_space(space).split(rgb)
    np.testing.assert_allclose(luma[0, 0], expected_luma, atol=1e-4)
    np.testing.assert_allclose(chroma[0].permute(1, 2, 0), expected_chroma, atol=2e-2 if space == "lab" else 1e-5)


@pytest.mark.parametrize("space", ["yuv", "lab"])
def test_splitting_stays_exact_in_mixed_precision(space: str) -> None:
    rgb = torch.cat([torch.full((1, 3, 4, 4), 0.7), torch.rand(1, 3, 4, 4)])
    luma, chroma = split_rgb(rgb, space)
    with torch.autocast("cpu", torch.bfloat16):
        mixed_luma, mixed_chroma = split_rgb(rgb, space)
    assert mixed_luma.dtype == mixed_chroma.dtype == torch.float32
    assert torch.equal(luma, mixed_luma)
    assert torch.equal(chroma, mixed_chroma)
    assert mixed_chroma[0].abs().max() < (1e-6 if space == "yuv" else 1e-2)


def test_the_table_encodes_and_decodes_as_the_bins_do(bins: ColorBins) -> None:
    rng = np.random.default_rng(2)
    chroma = rng.uniform(-0.8, 0.8, (6, 9, 2)).astype(np.float32)
    logits = rng.normal(size=(6, 9, bins.count)).astype(np.float32)
    table = BinTable(bins)
    found = table.encode(torch.from_numpy(chroma).permute(2, 0, 1)[None])
    np.testing.assert_array_equal(found[0], bins.encode(chroma))
    decoded = table.decode(torch.from_numpy(logits).permute(2, 0, 1)[None], 0.4)
    np.testing.assert_allclose(decoded[0].permute(1, 2, 0), bins.decode(logits, temperature=0.4), atol=1e-5)


def test_the_loss_is_the_weighted_cross_entropy_of_valid_pixels(bins: ColorBins) -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(2, bins.count, 4, 4)).astype(np.float32)
    chroma = rng.uniform(-0.4, 0.4, (2, 2, 4, 4)).astype(np.float32)
    mask = (rng.random((2, 1, 4, 4)) < 0.6).astype(np.float32)
    found = _task(bins).loss(torch.from_numpy(logits), torch.from_numpy(chroma), torch.from_numpy(mask))
    total, count = 0.0, 0
    for n, y, x in np.ndindex(2, 4, 4):
        if mask[n, 0, y, x]:
            truth = bins.encode(chroma[n, :, y, x][None])[0]
            scores = logits[n, :, y, x].astype(np.float64)
            total -= bins.weights[truth] * (scores[truth] - np.log(np.exp(scores).sum()))
            count += 1
    assert found.item() == pytest.approx(total / count, rel=1e-5)


def test_padding_changes_no_loss(bins: ColorBins) -> None:
    for task in (_task(bins), _task(None)):
        output = torch.randn(1, bins.count if task.table else 2, 8, 8)
        chroma = torch.rand(1, 2, 8, 8) - 0.5
        whole = task.loss(output[:, :, :5], chroma[:, :, :5], torch.ones(1, 1, 5, 8))
        mask = torch.zeros(1, 1, 8, 8)
        mask[:, :, :5] = 1
        assert task.loss(output, chroma, mask).item() == pytest.approx(whole.item(), rel=1e-6)


def test_regression_scales_lab_so_that_units_do_not_matter() -> None:
    task = _task(None, space="lab")
    chroma = torch.full((1, 2, 4, 4), 64.0)
    assert task.loss(torch.full((1, 2, 4, 4), 0.5), chroma, torch.ones(1, 1, 4, 4)).item() == pytest.approx(0)
    assert task.decode(torch.full((1, 2, 4, 4), 0.5)).mean().item() == pytest.approx(64)


def test_blocks_partly_outside_the_photograph_do_not_count() -> None:
    values = torch.arange(16.0).view(1, 1, 4, 4)
    mask = torch.ones(1, 1, 4, 4)
    mask[..., 3] = 0
    small, valid = shrink(values, mask, 2)
    assert small[0, 0, 0, 0] == 2.5
    assert valid[0, 0].tolist() == [[1, 0], [1, 0]]


def test_the_schedule_rises_stays_and_falls() -> None:
    schedule = Schedule(steps=1000, decay=0.25, warmup=100)
    factors = [schedule(step) for step in range(1000)]
    assert factors[0] == pytest.approx(0.01)
    assert factors[99:750] == [1.0] * 651
    assert factors[875] == pytest.approx(0.5)
    assert factors[-1] == pytest.approx(0.01)


def test_two_steps_have_two_rates_and_nothing_between() -> None:
    schedule = Schedule(steps=1000, decay=0.25, second_rate=0.1)
    assert [schedule(step) for step in range(1000)] == [1.0] * 750 + [0.1] * 250
    assert Schedule(steps=10, decay=0.0, second_rate=0.1)(9) == 1.0
    assert Schedule(steps=10, decay=0.5, second_rate=0.1, spent=lambda: 0.4)(0) == 1.0
    assert Schedule(steps=10, decay=0.5, second_rate=0.1, spent=lambda: 0.6)(0) == 0.1


def test_augmentation_changes_light_and_grain_but_mirrors_whole_pictures() -> None:
    torch.manual_seed(0)
    augmenter = Augmenter(Augmentation())
    rgb = torch.rand(16, 3, 8, 8)
    mask = (torch.rand(16, 1, 8, 8) > 0.5).float()
    turned, turned_mask = augmenter.geometry(rgb, mask)
    mirrored = 0
    for before, after, inside, inside_after in zip(rgb, turned, mask, turned_mask, strict=True):
        same = torch.equal(before, after)
        assert torch.equal(before if same else before.flip(-1), after)
        assert torch.equal(inside if same else inside.flip(-1), inside_after)
        mirrored += not same
    assert 2 <= mirrored <= 14
    luma = torch.full((200, 1, 16, 16), 0.5)
    varied = augmenter.luma(luma)
    grain = varied.flatten(1).std(dim=1)
    assert 0.4 < (grain > 0).float().mean() < 0.8
    assert grain.max() == pytest.approx(3e-3**0.5, rel=0.2)
    assert varied.min() >= 0
    assert varied.max() <= 1


def test_augmentation_can_be_turned_off() -> None:
    augmenter = Augmenter(Augmentation(flip=False, noise=(), contrast=0, brightness=0))
    rgb, mask = torch.rand(4, 3, 8, 8), torch.ones(4, 1, 8, 8)
    assert torch.equal(augmenter.geometry(rgb, mask)[0], rgb)
    assert torch.equal(augmenter.luma(rgb[:, :1]), rgb[:, :1])

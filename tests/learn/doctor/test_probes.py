"""Experiments on networks of which the answer is known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from tinct.learn.doctor.probes import (
    LayerFacts,
    Probe,
    UnitFacts,
    born_dead,
    dead_units,
    explode,
    gradients,
    learn_by_heart,
    range_of_rates,
    receptive_field,
    vanish,
)
from tinct.learn.doctor.trials import steps_for


def probe(make, values, truth):
    def optimizer(network, rate):
        return torch.optim.Adam(network.parameters(), lr=rate)

    def loss(network):
        return nn.functional.cross_entropy(network(values), truth)

    def right(network):
        with torch.no_grad():
            return float((network(values).argmax(dim=1) == truth).float().mean())

    return Probe(make, loss, optimizer, math.log(2), accuracy=right)


def line(scale=1.0):
    """A linear classifier of two separable clouds."""
    torch.manual_seed(0)
    truth = torch.arange(32) % 2
    values = scale * (torch.randn(32, 4) + 2 * truth[:, None])

    def make():
        torch.manual_seed(1)
        return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))

    return probe(make, values, truth)


def test_the_range_test_finds_where_learning_begins_and_ends():
    found = range_of_rates(line(), steps=60)
    assert found.lowest is not None
    assert found.suggested == pytest.approx(found.lowest / 10)
    assert 1e-3 < found.lowest <= 1
    larger = range_of_rates(line(scale=30), steps=60)
    assert larger.breaks is not None
    assert larger.lowest < found.lowest


def test_a_loss_that_never_falls_suggests_nothing():
    values, truth = torch.zeros(8, 4), torch.arange(8) % 2
    found = range_of_rates(probe(lambda: nn.Linear(4, 2, bias=False), values, truth), steps=30)
    assert found.lowest is None
    assert found.suggested is None


def test_a_batch_is_learned_by_heart_or_not():
    one = line()
    known = learn_by_heart(one, name="a", rate=0.03, steps=80)
    assert known.accuracy >= 0.95
    assert known.known
    assert len(known.losses) < 80
    assert learn_by_heart(one, name="b", rate=1e-7, steps=5).losses[-1] > 0.3
    assert math.isinf(learn_by_heart(one, name="c", rate=1e30, steps=9).losses[-1])
    by_loss = replace(one, by_accuracy=False)
    assert not learn_by_heart(by_loss, name="d", rate=0.03, steps=1).known
    assert learn_by_heart(by_loss, name="e", rate=0.03, steps=80).known


@pytest.mark.parametrize("inplace", [False, True])
def test_dead_units_are_counted_however_a_relu_is_written(inplace):
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3)
            self.relu = nn.ReLU(inplace=inplace)
            with torch.no_grad():
                self.first.bias[:3] = -1e3

        def forward(self, values):
            values = self.relu(self.first(values))
            return torch.relu(self.second(nn.functional.relu(values))).mean(dim=(2, 3))

    rows = dead_units(Mixed(), torch.randn(16, 1, 9, 9))
    assert [row.name for row in rows] == ["ReLU 1 of 3", "ReLU 2 of 3", "ReLU 3 of 3"]
    assert [row.dead for row in rows[:2]] == [0.75, 0.75]
    assert rows[0].units == 4
    assert dead_units(nn.Sequential(nn.Conv2d(1, 2, 3), nn.SiLU()), torch.randn(4, 1, 9, 9)) == []


def test_gradients_by_layer():
    rows = gradients(line())
    assert [row.name for row in rows] == ["0", "2"]
    assert all(row.ratio > 0 for row in rows)


def test_the_receptive_field_is_that_of_the_layers():
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3)]
    pooled = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    torch.manual_seed(0)
    values = torch.randn(8, 3, 40, 40)
    found = receptive_field(pooled, values)
    assert (found.pixels, found.joined) == (10, False)  # 3, 5, 6 by pooling, and two steps of 2 more
    flat = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 38 * 38, 2))
    assert receptive_field(flat, values).joined
    assert receptive_field(nn.Sequential(nn.Flatten(), nn.Linear(4800, 2)), values).pixels == 0


def test_costly_networks_get_fewer_steps():
    cheap = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten())
    values = torch.zeros(2, 3, 32, 32)
    steps, operations = steps_for(cheap, values, batch_size=32, most=90)
    assert steps == 90
    assert operations == pytest.approx(3 * 2 * 2 * 27 * 30 * 30)
    costly = nn.Sequential(nn.Conv2d(3, 900, 9, padding=4), nn.Conv2d(900, 900, 3))
    assert steps_for(costly, values, batch_size=32, most=90)[0] == 20


def test_gradients_are_judged_by_the_ratio_to_their_weights():
    def layers(*ratios):
        return [LayerFacts(str(index), 1.0, ratio) for index, ratio in enumerate(ratios)]

    assert [explode(layers(*ratios)) for ratios in ((1, 99), (1, 101), (math.nan, 1), (1, math.inf), ())] == [
        False, True, True, True, False,
    ]  # fmt: skip
    # It is the first layer that counts: one that stands still further up is no sign of a vanishing gradient.
    assert [vanish(layers(*ratios)) for ratios in ((1e-5, 1), (1e-3, 1), (1, 1e-5), ())] == [True, False, False, False]


def test_only_units_that_are_nearly_all_dead_pass_nothing_on():
    units = [UnitFacts("a", 20, dead, dead) for dead in (0.5, 0.94, 0.95, 1.0)]
    assert [each.dead for each in born_dead(units)] == [0.95, 1.0]

"""What every registered network must do: forward, backward, odd sizes, seeds, save and load.

A network joins by its line in the registry; nothing is to be added here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tinct.errors import SettingError
from tinct.learn.networks.registry import FAMILIES, build, options_of
from tinct.learn.networks.transfer import TransferNetwork

SMALL = {
    "tinct": {"widths": [8, 16, 24], "blocks": [0, 1, 1]},
    "vgg16": {"width": 8, "frozen": False},
    "squeezenet1_1": {"width": 8, "frozen": False},
    "efficientnet_lite0": {"widths": [32, 24, 16, 16], "encoder_width": 0.25},
    "efficientnet_lite2": {"widths": [32, 24, 16, 16], "encoder_width": 0.25},
}


def _small(name: str, outputs: int = 5) -> torch.nn.Module:
    torch.manual_seed(0)
    return build(name, outputs=outputs, options=SMALL.get(name))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 2), (1, 5)])
def test_shape_follows_stride_for_any_multiple(name: str, rows: int, columns: int) -> None:
    network = _small(name).eval()
    height, width = (side * max(network.multiple, 8) for side in (rows, columns))
    with torch.no_grad():
        output = network(torch.rand(2, 1, height, width))
    assert output.shape == (2, 5, height // network.stride, width // network.stride)
    assert network.stride in {1, 2, 4}
    assert network.multiple % network.stride == 0
    assert torch.isfinite(output).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_every_weight_learns(name: str) -> None:
    network = _small(name).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    for _ in range(3):  # residual branches and heads that begin at zero need a step before all gradients flow
        loss = network(torch.rand(4, 1, 64, 64)).square().mean() + network(torch.rand(4, 1, 64, 64)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    still = [key for key, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert still == []


@pytest.mark.parametrize("name", FAMILIES)
def test_it_can_overfit_one_batch(name: str) -> None:
    network = _small(name, outputs=2).train()
    torch.manual_seed(1)
    # Patches no smaller than what the network can tell apart, where it thinks at a small size only.
    patch = max(4, network.multiple if isinstance(network, TransferNetwork) else 0)
    edge = max(32, 2 * patch)
    luma = torch.rand(4, 1, edge // patch, edge // patch).repeat_interleave(patch, 2).repeat_interleave(patch, 3)
    size = edge // network.stride
    target = torch.nn.functional.adaptive_avg_pool2d(torch.cat([luma, 1 - luma], dim=1), size)
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    losses = []
    for _ in range(60):
        loss = (network(luma) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("name", FAMILIES)
def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    first, second = _small(name).state_dict(), _small(name).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", FAMILIES)
def test_saved_and_loaded_it_gives_the_same(name: str, tmp_path: Path) -> None:
    network = _small(name)
    network(torch.rand(2, 1, 64, 64))  # so that batch norms have seen something
    save_file(network.state_dict(), tmp_path / "w.safetensors")
    torch.manual_seed(9)
    other = build(name, outputs=5, options=SMALL.get(name))
    other.load_state_dict(load_file(tmp_path / "w.safetensors"))
    luma = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        assert torch.equal(network.eval()(luma), other.eval()(luma))


@pytest.mark.parametrize("name", FAMILIES)
def test_pictures_of_a_batch_do_not_mix(name: str) -> None:
    network = _small(name).eval()
    luma = torch.rand(3, 1, 64, 64)
    with torch.no_grad():
        together, alone = network(luma), network(luma[1:2])
    np.testing.assert_allclose(together[1:2], alone, atol=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_unknown_options_are_named(name: str) -> None:
    with pytest.raises(SettingError, match="colour"):
        options_of(name, {"colour": 1})


def test_unknown_networks_list_the_known() -> None:
    with pytest.raises(
        SettingError,
        match="flat, bottleneck, colorunet, tinct, vgg16, squeezenet1_1, efficientnet_lite0, efficientnet_lite2",
    ):
        build("resnet", outputs=2)


def test_colorunet_is_as_large_as_published() -> None:
    network = build("colorunet", outputs=32)
    assert sum(weight.numel() for weight in network.parameters()) == pytest.approx(142_000, rel=0.01)


def test_published_batch_norm_never_learns_its_statistics() -> None:
    network = build("colorunet", outputs=4, options={"as_published": True}).train()
    for module in network.modules():
        module.training = True  # as Lightning does, without asking the module
    network(torch.rand(2, 1, 64, 64))
    means = [value for key, value in network.state_dict().items() if key.endswith("running_mean")]
    assert means
    assert all(not value.any() for value in means)


def test_options_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(SettingError, match="same length"):
        build("tinct", outputs=2, options={"widths": [8, 16], "blocks": [1]})


@pytest.mark.parametrize(
    ("name", "options", "wanted"),
    [
        ("vgg16", {"width": "3"}, "option width of network 'vgg16' must be a whole number without quotes, not '3'"),
        ("vgg16", {"width": True}, "a whole number"),
        ("vgg16", {"frozen": "no"}, "true or false"),
        ("vgg16", {"dropout": "0.2"}, "a number"),
        ("tinct", {"widths": ["a"]}, "a list of which each is a whole number"),
        ("tinct", {"widths": 32}, "a list"),
    ],
)
def test_values_of_the_wrong_kind_are_told_by_name(name: str, options: dict[str, Any], wanted: str) -> None:
    with pytest.raises(SettingError, match=wanted):
        options_of(name, options)
    assert options_of("vgg16", {"dropout": 0.3}).dropout == 0.3
    assert options_of("tinct", {"widths": [8, 16]}).widths == (8, 16)

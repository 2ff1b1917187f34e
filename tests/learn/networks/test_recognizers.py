"""Networks that recognise: sizes, options, what they can and cannot see, and their way into a model file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import update_bn

from tinct.color.spaces import hsv_to_rgb
from tinct.errors import SettingError
from tinct.learn.networks.backbones import SqueezeNet
from tinct.learn.networks.recognizers import build
from tinct.learn.recognize.augment import Augmentation, augment
from tinct.learn.recognize.export import write_classifier
from tinct.learn.recognize.fit import Fitting, fit_network
from tinct.runtime.classifier import ClassifierCard

SMALL = {
    "small_cnn": {"width": 4},
    "long_kernels": {"width": 4, "long": 9, "layers": 4},
    "two_branch": {"width": 0.05},
    "color_first": {"width": 8, "colors": 8},
}


def plain_pictures(count=64, seed=0, degrees=12):
    """Blue pictures of two hues and of any brightness."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    hue = 0.6 + labels * degrees / 360 + random.normal(0, 0.003, count)
    value = random.uniform(0.3, 0.9, (count, 1, 1)) * random.uniform(0.9, 1, (count, 32, 32))
    hsv = np.stack([np.broadcast_to(hue[:, None, None], value.shape), np.full_like(value, 0.7), value], axis=-1)
    return np.rint(hsv_to_rgb(hsv) * 255).astype(np.uint8), labels


@pytest.mark.parametrize("name", sorted(SMALL))
def test_logits_for_other_edges_gradients_everywhere_and_a_file_that_says_the_same(name, tmp_path):
    pixels, labels = plain_pictures(8)
    pixels = pixels[:, :29, :]
    fitted = fit_network(
        name, pixels, labels, classes=3, color_space="lab+hsv", options=SMALL[name], fitting=Fitting(epochs=1)
    )
    logits = fitted.logits(pixels)
    assert logits.shape == (8, 3)
    network = fitted.network.train()
    network(torch.randn(4, 7, 29, 32)).square().sum().backward()
    assert all(each.grad is not None and torch.isfinite(each.grad).all() for each in network.parameters())
    card = ClassifierCard(
        name="t",
        network=name,
        classes=["a", "b", "c"],
        kind="picture",
        size=[29, 32],
        color_space="lab+hsv",
        mean=fitted.mean,
        std=fitted.std,
        features=None,
        temperature=1.0,
    )
    write_classifier(fitted.network.eval(), card, tmp_path / "m.onnx", trial=pixels, expected=fitted.logits(pixels))


def test_two_branch_is_the_published_network():
    network = build("two_branch", channels=3, classes=8, size=(128, 128), options={})
    shapes = [tuple(each.weight.shape) for each in network.modules() if isinstance(each, torch.nn.Conv2d)]
    branch = [(48, 3, 11, 11), (128, 24, 3, 3), (192, 128, 3, 3), (192, 96, 3, 3), (128, 96, 3, 3)]
    assert shapes == branch * 2
    dense = [tuple(each.weight.shape) for each in network.modules() if isinstance(each, torch.nn.Linear)]
    assert dense == [(4096, 256 * 36), (4096, 4096), (8, 4096)]


def test_long_kernels_alternate_and_say_when_they_do_not_fit():
    network = build("long_kernels", channels=3, classes=2, size=(96, 96), options={})
    kernels = [each.kernel_size for each in network.convolutions]
    assert kernels == [(30, 3), (3, 30), (30, 3), (3, 30)]
    assert all(each.padding == (0, 0) for each in network.convolutions)
    with pytest.raises(SettingError, match="do not fit into 40x40"):
        build("long_kernels", channels=3, classes=2, size=(40, 40), options={})
    with pytest.raises(SettingError, match="no option 'depth'; it has width"):
        build("small_cnn", channels=3, classes=2, size=(40, 40), options={"depth": 3})
    with pytest.raises(SettingError, match="cannot be built"):
        build("small_cnn", channels=3, classes=2, size=(40, 40), options={"width": "wide"})
    with pytest.raises(SettingError, match="no network 'resnet'"):
        build("resnet", channels=3, classes=2, size=(40, 40), options={})


@pytest.mark.parametrize("name", ["small_cnn", "color_first"])
def test_plain_hues_are_learned(name):
    pixels, labels = plain_pictures(128)
    fitted = fit_network(
        name, pixels, labels, classes=2, color_space="lab", options=SMALL[name], fitting=Fitting(epochs=12)
    )
    others, truth = plain_pictures(64, seed=1)
    assert (fitted.logits(others).argmax(axis=1) == truth).mean() > 0.9
    assert fitted.losses[-1] < fitted.losses[0]


def test_standardising_each_picture_by_itself_takes_the_plain_hue_away():
    pixels, labels = plain_pictures(128)
    fitting = Fitting(epochs=8, augmentation=Augmentation(per_image=True))
    fitted = fit_network(
        "small_cnn", pixels, labels, classes=2, color_space="rgb", options=SMALL["small_cnn"], fitting=fitting
    )
    others, truth = plain_pictures(64, seed=1)
    assert (fitted.logits(others).argmax(axis=1) == truth).mean() < 0.75


def test_standardisation_is_the_training_sets_or_turned_off():
    pixels, labels = plain_pictures(16)
    plain = fit_network("small_cnn", pixels, labels, classes=2, color_space="rgb", fitting=Fitting(epochs=1))
    assert plain.mean == pytest.approx(pixels.mean(axis=(0, 1, 2)) / 255, abs=1e-4)
    raw = Fitting(epochs=1, standardize=False, scale=255)
    fitted = fit_network("small_cnn", pixels, labels, classes=2, color_space="rgb", fitting=raw)
    assert (fitted.mean, fitted.std) == ([0, 0, 0], [1 / 255] * 3)


def test_batch_norms_of_averaged_weights_are_measured_with_these_weights():
    pixels, labels = plain_pictures(48)
    unchanged = Augmentation(flip=False, shift=0, brightness=0, mixup=0)
    fitting = Fitting(epochs=6, batch_size=48, learning_rate=0.05, schedule="constant", augmentation=unchanged)
    fitted = fit_network(
        "color_first", pixels, labels, classes=2, color_space="lab", options=SMALL["color_first"], fitting=fitting
    )
    measured = {name: value.clone() for name, value in fitted.network.state_dict().items() if "running" in name}
    update_bn([fitted.channels(pixels)], fitted.network)
    assert measured
    for name, value in measured.items():
        torch.testing.assert_close(value, fitted.network.state_dict()[name], rtol=1e-3, atol=1e-5, msg=name)


def test_the_same_seed_gives_the_same_network():
    pixels, labels = plain_pictures(16)
    one, same, other = (
        fit_network(
            "small_cnn", pixels, labels, classes=2, color_space="rgb", fitting=Fitting(epochs=2, seed=seed)
        ).logits(pixels)
        for seed in (0, 0, 1)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_default_changes_leave_hue_and_saturation_and_the_others_are_told():
    pixels, _ = plain_pictures(8)
    changed = augment(pixels, Augmentation(), np.random.default_rng(0))
    from tinct.color.spaces import rgb_to_hsv

    before, after = rgb_to_hsv(pixels / 255), rgb_to_hsv(changed)
    assert np.abs(before[..., 0].mean(axis=(1, 2)) - after[..., 0].mean(axis=(1, 2))).max() < 0.005
    assert np.abs(before[..., 1].mean() - after[..., 1].mean()) < 0.01
    assert np.abs(before[..., 2].mean(axis=(1, 2)) - after[..., 2].mean(axis=(1, 2))).max() > 0.02
    assert Augmentation().destroys_color == []
    assert Augmentation(hue=0.1, grey=0.2, per_image=True).destroys_color == ["hue", "grey", "per_image"]
    grey = augment(pixels, Augmentation(grey=1), np.random.default_rng(0))
    assert np.ptp(grey, axis=-1).max() == 0
    with pytest.raises(SettingError, match="rate"):
        Fitting(learning_rate=0)


def test_what_one_would_write_first_is_adam_at_one_rate_on_numbers_to_255():
    pixels, labels = plain_pictures(32)
    fitting = replace(Fitting.as_first_written(), epochs=1)
    fitted = fit_network("small_cnn", pixels, labels, classes=2, color_space="rgb", fitting=fitting)
    assert (fitted.mean, fitted.std) == ([0, 0, 0], [1 / 255] * 3)
    assert fitting.clip is None
    assert fitting.augmentation.destroys_color == []
    assert np.allclose(augment(pixels, fitting.augmentation, np.random.default_rng(0)) * 255, pixels, atol=1e-3)
    with pytest.raises(SettingError, match="optimizer of adamw, adam, sgd"):
        Fitting(optimizer="lion")


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_other_optimizers_at_a_constant_rate_learn_too(optimizer):
    pixels, labels = plain_pictures(64, degrees=60)
    fitting = Fitting(epochs=16, optimizer=optimizer, schedule="constant", learning_rate=0.01, clip=None, average=0)
    fitted = fit_network("small_cnn", pixels, labels, classes=2, color_space="hsv", fitting=fitting)
    assert (fitted.logits(pixels).argmax(axis=1) == labels).mean() > 0.9


def test_pretrained_features_are_kept_and_the_last_layer_is_fitted(tmp_path):
    torch.manual_seed(0)
    backbone = SqueezeNet(head=False)
    torch.save(backbone.features.state_dict(prefix="features."), tmp_path / "w.pth")
    pixels, labels = plain_pictures(40, degrees=60)
    options = {"weights": str(tmp_path / "w.pth")}
    fitted = fit_network("pretrained", pixels, labels, classes=2, color_space="rgb", options=options)
    assert (fitted.logits(pixels).argmax(axis=1) == labels).mean() > 0.9
    kept = fitted.network.backbone.features.state_dict()
    assert all(torch.equal(value, kept[key]) for key, value in backbone.features.state_dict().items())
    with pytest.raises(SettingError, match="need --color-space rgb"):
        fit_network("pretrained", pixels, labels, classes=2, color_space="hsv", options=options)

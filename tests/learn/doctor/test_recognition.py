"""The doctor tells purpose-made failures apart."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from torch import nn

from learn.doctor import made_up
from learn.doctor.made_up import without_hue, write
from tinct.color.spaces import hsv_to_rgb
from tinct.errors import DataError, SettingError
from tinct.learn.doctor import about_training
from tinct.learn.doctor.changes import ChangeFacts
from tinct.learn.doctor.recognition import examine
from tinct.learn.doctor.trials import Setup, setup_of
from tinct.learn.networks import recognizers as networks
from tinct.learn.recognize.augment import Augmentation
from tinct.learn.recognize.fit import Fitting

SMALL = Setup(options={"width": 8}, fitting=Fitting(learning_rate=2e-3, batch_size=16))
STEPS = 60
# The edge of pictures: the networks halve it three times, and their time goes by its square.
EDGE = 16


def plain_pictures(count=240):
    return made_up.plain_pictures(count, size=EDGE)


@pytest.fixture(scope="module")
def blue(tmp_path_factory):
    return write(tmp_path_factory.mktemp("blue"), *plain_pictures())


def diagnose(folder, setup=SMALL):
    return examine(folder, setup=setup, steps=STEPS)


def test_a_good_set_up_has_nothing_to_report(blue):
    seen = []
    found = examine(blue, setup=SMALL, steps=STEPS, progress=lambda done, total: seen.append((done, total)))
    assert found.kinds == []
    assert found.verdict.startswith("it learns: ")
    assert found.measurements["trials"][0]["interval"][0] > 0.8
    assert found.measurements["labels"]["p"] < 0.01
    assert len(found.measurements["trials"]) == 1  # nothing else had to be tried
    assert seen[0][0] == 1
    assert all(done <= total for done, total in seen)
    assert json.loads(json.dumps(found.to_json()))["findings"] == []
    assert diagnose(blue).to_json() | {"seconds": 0} == found.to_json() | {"seconds": 0}


def test_unscaled_input_at_a_high_rate(blue):
    first = replace(SMALL, fitting=replace(Fitting.as_first_written(), learning_rate=0.03, batch_size=16))
    found = diagnose(blue, first)
    assert found.verdict.startswith("it does not learn")
    assert found.kinds[0] in ("unscaled-input", "rate-high")
    assert {"unscaled-input", "rate-high"} <= set(found.kinds)
    assert not {"random-labels", "augmentation", "grey-pictures", "dead-network"} & set(found.kinds)
    scaled = next(each for each in found.findings if each.kind == "unscaled-input")
    assert any("rgb.blue" in line for line in scaled.evidence)
    assert "standardise" in scaled.remedy


def test_random_labels(tmp_path):
    pictures, labels = plain_pictures()
    found = diagnose(write(tmp_path, pictures, np.random.default_rng(1).permutation(labels)))
    assert found.kinds[0] == "random-labels"
    assert not found.findings[0].sure  # no test proves that labels are random
    assert found.measurements["labels"]["p"] > 0.05
    assert not {"unscaled-input", "rate-high", "augmentation", "dead-network", "data-are-fine"} & set(found.kinds)


@pytest.mark.parametrize("change", [{"hue": 0.1}, {"per_image": True}])
def test_augmentation_that_destroys_the_label(blue, change):
    fitting = replace(SMALL.fitting, augmentation=Augmentation(**change))
    found = diagnose(blue, replace(SMALL, fitting=fitting))
    assert found.kinds[0] == "augmentation"
    (name,) = change
    assert {"hue": "hue jitter", "per_image": "each picture by itself"}[name] in found.findings[0].title
    assert any("without it" in line for line in found.findings[0].evidence)
    assert not {"random-labels", "rate-high", "rate-low", "color-space", "dead-network"} & set(found.kinds)


def test_grey_pictures(tmp_path):
    pictures, labels = plain_pictures()
    found = diagnose(write(tmp_path, without_hue(pictures), labels))
    assert found.kinds[0] == "grey-pictures"
    assert found.findings[0].level == "serious"
    assert not {"random-labels", "augmentation", "dead-network", "rate-high"} & set(found.kinds)


def test_a_dead_network(blue, monkeypatch):
    class Dead(networks.SmallCNN):
        def __init__(self, channels, classes, size, *, width=8):
            super().__init__(channels, classes, size, width=width)
            nn.init.constant_(self.features[3].bias, -100.0)

    monkeypatch.setitem(networks.NETWORKS, "dead", networks.Recognizer(Dead))
    found = diagnose(blue, replace(SMALL, network="dead"))
    assert found.kinds[0] == "dead-network"
    assert "ReLU 2 of 4" in found.findings[0].title
    assert not {"random-labels", "augmentation", "unscaled-input", "grey-pictures"} & set(found.kinds)


def test_a_rate_so_low_that_nothing_moves(blue):
    found = diagnose(blue, replace(SMALL, fitting=replace(SMALL.fitting, learning_rate=1e-6)))
    assert found.kinds[0] == "rate-low"
    assert not {"rate-high", "unscaled-input", "random-labels"} & set(found.kinds)


@pytest.mark.slow
def test_a_network_whose_gradients_vanish(blue, monkeypatch):
    class Deep(nn.Module):
        def __init__(self, channels, classes, size):
            super().__init__()
            layers = [nn.Conv2d(channels, 8, 3, stride=4), nn.Sigmoid()]
            for _ in range(8):
                layers += [nn.Conv2d(8, 8, 3, padding=1), nn.Sigmoid()]
            self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))

        def forward(self, values):
            return self.layers(values)

    monkeypatch.setitem(networks.NETWORKS, "deep", networks.Recognizer(Deep))
    found = diagnose(blue, replace(SMALL, network="deep", options={}))
    assert "vanishing-gradients" in found.kinds
    assert found.findings[0].level == "serious"
    assert "data-are-fine" in found.kinds


@pytest.mark.slow
def test_a_network_that_sees_too_little(tmp_path, monkeypatch):
    random = np.random.default_rng(0)
    labels = np.arange(240) % 2
    # Whether two dots of one picture lie near each other or far apart, anywhere: only what sees both can tell.
    pictures = np.full((240, 48, 48, 3), (60, 90, 160), dtype=np.uint8)
    for picture, label in zip(pictures, labels, strict=True):
        for _ in range(6):
            top, left, gap = int(random.integers(0, 46)), int(random.integers(0, 14)), 12 + 12 * int(label)
            picture[top : top + 2, left : left + 2] = picture[top : top + 2, left + gap : left + gap + 2] = 200

    class Narrow(nn.Module):
        def __init__(self, channels, classes, size):
            super().__init__()
            self.layers = nn.Sequential(
                *(nn.Conv2d(channels, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))
            )

        def forward(self, values):
            return self.layers(values)

    monkeypatch.setitem(networks.NETWORKS, "narrow", networks.Recognizer(Narrow))
    found = diagnose(write(tmp_path, pictures, labels), replace(SMALL, network="narrow", options={}))
    assert found.measurements["sees"] == 3
    assert "grey-pictures" not in found.kinds
    assert "receptive-field" in found.kinds


def of_hues(labels, hues, *, saturation, values=(0.3, 0.9)):
    """Give pictures (N, EDGE, EDGE, 3) uint8, each of its class's hue, lighter and darker."""
    random = np.random.default_rng(0)
    hue = np.asarray(hues)[labels] + random.normal(0, 0.003, len(labels))
    value = random.uniform(*values, (len(labels), 1, 1)) * random.uniform(0.9, 1, (len(labels), EDGE, EDGE))
    hue, level = np.broadcast_to(hue[:, None, None] % 1, value.shape), np.full_like(value, saturation)
    return np.rint(hsv_to_rgb(np.stack([hue, level, value], axis=-1)) * 255).astype(np.uint8)


def test_a_network_that_is_too_small(tmp_path):
    labels = np.arange(240) % 8
    folder = write(tmp_path, of_hues(labels, np.arange(8) / 8, saturation=0.7), labels, names="abcdefgh")
    found = diagnose(folder, replace(SMALL, options={"width": 1}))
    assert found.kinds[0] == "too-small"
    assert any("with a width of 64" in line and "100 % right" in line for line in found.findings[0].evidence)
    assert not {"random-labels", "no-overfit", "rate-high", "dead-network"} & set(found.kinds)
    assert "too-small" not in diagnose(folder, replace(SMALL, options={"width": 16})).kinds


@pytest.mark.slow
def test_a_color_space_that_hides_the_difference(tmp_path):
    labels = np.arange(240) % 2
    # Hardly any colour under light of any strength: XYZ has a share of both in each of its channels.
    pictures = of_hues(labels, (0.6, 0.78), saturation=0.08, values=(0.1, 0.95))
    folder = write(tmp_path, pictures, labels)
    found = diagnose(folder, replace(SMALL, color_space="xyz"))
    assert found.kinds[0] == "color-space"
    assert found.findings[0].title == "xyz is not the colour space for these classes"
    assert any("in lab+hsv" in line for line in found.findings[0].evidence)
    assert "color-space" not in diagnose(folder, replace(SMALL, color_space="lab")).kinds


@pytest.mark.slow
def test_a_network_whose_gradients_explode(blue, monkeypatch):
    class Steep(nn.Module):
        def __init__(self, channels, classes, size, *, spread=1.0):
            super().__init__()
            layers = [nn.Conv2d(channels, 8, 3, stride=4), nn.ReLU()]
            for _ in range(6):
                layers += [nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()]
            self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))
            for layer in layers[::2]:
                nn.init.normal_(layer.weight, std=spread)

        def forward(self, values):
            return self.layers(values)

    monkeypatch.setitem(networks.NETWORKS, "steep", networks.Recognizer(Steep))
    found = diagnose(blue, replace(SMALL, network="steep", options={}))
    assert found.kinds[0] == "exploding-gradients"
    assert "vanishing-gradients" not in found.kinds
    tame = diagnose(blue, replace(SMALL, network="steep", options={"spread": 0.17}))  # He et al.: sqrt(2 / 72)
    assert "exploding-gradients" not in tame.kinds


def test_statistics_are_examined_without_a_training(blue):
    found = diagnose(blue, setup_of("color_statistics"))
    assert found.kinds == []
    assert found.measurements["trials"] == []


def test_settings_are_those_of_the_training():
    setup = setup_of("small_cnn", as_first_written=True, values={"learning_rate": 0.1}, augmentation={"hue": 0.2})
    assert (setup.color_space, setup.fitting.scale, setup.fitting.learning_rate) == ("rgb", 255, 0.1)
    assert setup.fitting.augmentation.hue == 0.2
    assert setup_of("color_first").color_space == "lab+hsv"
    with pytest.raises(SettingError, match="no network"):
        setup_of("resnet")
    with pytest.raises(SettingError, match="--weights"):
        setup_of("pretrained")


def test_what_cannot_be_examined_is_refused(tmp_path, blue):
    with pytest.raises(SettingError, match="at least 1 step"):
        examine(blue, steps=0)
    pictures, _ = plain_pictures(5)
    with pytest.raises(DataError, match="class 'b' has 1 picture"):
        examine(write(tmp_path / "one", pictures, [0, 0, 0, 0, 1]))


def test_arrays_are_examined_as_they_are(tmp_path):
    random = np.random.default_rng(0)
    for index in range(80):
        folder = tmp_path / "ab"[index % 2]
        folder.mkdir(exist_ok=True)
        np.save(folder / f"{index}.npy", random.normal(10 + 0.5 * (index % 2), 1, (24, 24)).astype(np.float32))
    found = diagnose(tmp_path)
    assert found.setup["color_space"] == ""
    assert found.kinds == []


def test_hue_jitter_is_named_where_too_few_pictures_prove_it():
    change = Augmentation(hue=0.1)
    found = SimpleNamespace(
        setup=replace(SMALL, fitting=replace(SMALL.fitting, augmentation=change)),
        changes=[ChangeFacts("all", 0.95, 0.725, 0.012)],
        failing=True,
        asked=None,
        helps=lambda name: None,
    )
    (finding,) = about_training._changes(found)
    assert (finding.kind, finding.sure, finding.weight >= 70) == ("augmentation", False, True)
    assert finding.title.startswith("hue jitter")
    found.changes = [ChangeFacts("all", 0.95, 0.725, 0.2)]  # as likely by chance
    assert list(about_training._changes(found)) == []
    found.changes, found.failing = [ChangeFacts("all", 0.95, 0.725, 0.012)], False
    assert list(about_training._changes(found)) == []


def test_ten_pictures_are_too_few_to_say_that_nothing_is_learned(tmp_path):
    pictures, labels = plain_pictures()
    some = np.concatenate([np.flatnonzero(labels == label)[:5] for label in (0, 1)])
    found = diagnose(write(tmp_path, pictures[some], labels[some]))
    assert found.verdict.startswith("too few pictures to say whether it learns")

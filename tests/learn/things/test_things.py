"""Training the network that tells things apart: samples, made clicks, learning, and the file."""

import cv2
import numpy as np
import pytest
import torch

from tinct.errors import DataError
from tinct.learn.things.export import initial_weights, write
from tinct.learn.things.fit import Fitting, fit, measure, standardise, tell
from tinct.learn.things.head import ThingHead
from tinct.learn.things.samples import REST, Sample, clicks, held, look, prepare
from tinct.runtime.session import Session
from tinct.runtime.thing import FEATURES, ThingModel

CHANNELS = dict(zip(FEATURES, (6, 5, 4), strict=True))


def sample(parted=frozenset()):
    """A square of kind 2, half of it red and half blue, on a rest of grey."""
    luma = np.full((128, 128), 100, dtype=np.uint8)
    colors = np.full((64, 64, 3), 128, dtype=np.float32)
    regions = np.ones((64, 64), dtype=np.uint16)
    regions[16:48, 16:48] = 2
    colors[16:48, 16:32, 1], colors[16:48, 32:48, 1] = 190, 60
    return Sample(luma, colors, regions, np.array([0, REST, 2], dtype=np.int16), parted)


def seen(place=1):
    """Features that are alike within the square, and another value around it."""
    features = {}
    for name, stride in zip(FEATURES, (8, 16, 32), strict=True):
        values = np.zeros((CHANNELS[name], 128 // stride, 128 // stride), dtype=np.float16)
        inside = slice(32 // stride, 96 // stride)
        values[0], values[1] = 1, 0
        values[0, inside, inside], values[1, inside, inside] = 0, place
        features[name] = values
    return features


def test_samples_have_regions_and_are_held_by_photograph(tmp_path):
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    picture = rng.integers(0, 255, (150, 220, 3), dtype=np.uint8)
    mask = np.zeros((150, 220), dtype=np.uint8)
    mask[20:60, 20:80] = mask[90:140, 100:200] = 7
    cv2.imwrite(str(tmp_path / "images" / "a.jpg"), picture)
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), mask)
    assert prepare(tmp_path / "images", tmp_path / "masks", tmp_path / "samples", name="made") == 2
    paths = sorted((tmp_path / "samples").glob("*.npz"))
    assert [path.name for path in paths] == ["made_a_0.npz", "made_a_1.npz"]
    assert len({held(path) for path in paths}) == 1
    whole = Sample.read(paths[0])
    assert whole.luma.shape == (160, 224)
    assert sorted(whole.kinds.tolist()) == [REST, 0, 7, 7]
    (features,) = look(paths[:1], Session("photo", runtime="onnxruntime"), tmp_path / "seen")
    with np.load(features) as file:
        assert file["features_16"].shape == (120, 10, 14)
    (tmp_path / "masks" / "a.png").unlink()
    with pytest.raises(DataError, match="no mask"):
        prepare(tmp_path / "images", tmp_path / "masks", tmp_path / "samples", name="made")


def test_a_click_owns_its_thing():
    generator = np.random.default_rng(3)
    away, own, counts = clicks(sample(), 20, generator=generator)
    assert away.shape == own.shape == counts.shape == (20, 1, 32, 32)
    inside = np.zeros((32, 32), dtype=bool)
    inside[8:24, 8:24] = True
    on_square = [bool(inside[np.unravel_index(there[0].argmin(), there[0].shape)]) for there in away]
    assert 0 < sum(on_square) < 20
    for square, owned in zip(on_square, own, strict=True):
        assert owned[0][inside].mean() == (1 if square else 0)


def test_a_click_on_a_thing_with_parts_owns_its_part():
    generator = np.random.default_rng(3)
    away, own, counts = clicks(sample(parted=frozenset({2})), 20, generator=generator)
    for there, owned in zip(away[:, 0], own[:, 0], strict=True):
        row, column = np.unravel_index(there.argmin(), there.shape)
        if 9 < row < 23 and 9 < column < 15:
            assert owned[9:23, 9:15].min() == 1
            assert owned[9:23, 17:23].max() == 0
    assert counts.min() >= 0


def test_it_learns_what_belongs_together():
    pairs = [(sample(), seen())]
    head = ThingHead(CHANNELS)
    standardise(head, [seen()])
    before = measure(head, pairs)
    fit(head, lambda generator: pairs[0], Fitting(steps=60, clicks=3, pictures=1, rate=5e-3))
    after = measure(head, pairs)
    assert after["intersection_over_union"] > max(70, before["intersection_over_union"])


@pytest.mark.slow
def test_the_file_says_what_was_trained(tmp_path):
    head = ThingHead({"features_8": 48, "features_16": 120, "features_32": 352})
    session = Session("photo", runtime="onnxruntime")
    card = write(head, session, tmp_path / "things.onnx", size=224, data={"samples": {"made": 1}})
    model = ThingModel(tmp_path / "things.onnx")
    assert model.card == card
    assert model.fits(session.features)
    luma = np.random.default_rng(0).random((96, 160)).astype(np.float32)
    features = session.features(luma)
    given = {name: np.moveaxis(values, -1, 0) for name, values in features.items()}
    made = Sample(
        (luma * 255).astype(np.uint8), np.zeros((48, 80, 3), np.float32), *[np.zeros(1, np.int16)] * 2, frozenset()
    )
    expected = tell(head, made, given, np.array([[0.4, 0.6]]))
    told = model.odds((made.luma / np.float32(255)), features, np.array([[0.4, 0.6]]))
    np.testing.assert_allclose(told, expected, atol=0.05)
    for path, exact in (("things.onnx", False), ("things.safetensors", True)):
        initial = initial_weights(tmp_path / path)
        for name, weights in head.state_dict().items():
            torch.testing.assert_close(initial[name], weights, rtol=0 if exact else 1e-3, atol=0 if exact else 1e-6)

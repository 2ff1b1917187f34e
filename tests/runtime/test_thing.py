"""The network that tells things apart: when it fits a model, what it is told of a hint, what it says."""

import numpy as np
import pytest
import skimage.data

from tinct.color.spaces import rgb_to_yuv
from tinct.errors import ModelError
from tinct.runtime.session import Session
from tinct.runtime.thing import FEATURES, ThingCard, ThingModel, distance, seen_shape, shipped


@pytest.fixture(scope="module")
def session():
    return Session("photo", runtime="onnxruntime")


def test_it_fits_the_model_that_comes_with_it(session):
    assert session.things is shipped()
    assert shipped().path.stat().st_size < 2e6


def test_it_fits_no_model_that_sees_otherwise(session):
    rng = np.random.default_rng(0)
    order = {name: rng.permutation(len(shipped().card.sight[name])) for name in FEATURES}

    def mixed(luma):
        return {name: values[..., order[name]] for name, values in session.features(luma).items()}

    assert not shipped().fits(mixed)
    assert not shipped().fits(lambda luma: {})
    assert not shipped().fits(lambda luma: {name: values[..., 1:] for name, values in session.features(luma).items()})
    assert Session("colorunet").things is None


def test_distance_is_that_to_the_nearest_point():
    places = np.array([[0.1, 0.2], [0.9, 0.7]])
    away = distance(places, (64, 96))
    assert away.shape == (16, 24)
    expected = min(np.hypot(3.5 - 0.1 * 16, 20.5 - 0.2 * 24), np.hypot(3.5 - 0.9 * 16, 20.5 - 0.7 * 24))
    assert away[3, 20] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("height", "width"), [(3000, 2000), (40, 700), (1, 1)])
def test_it_looks_at_multiples_of_32(height, width):
    shape = seen_shape(height, width, size=224)
    assert all(side % 32 == 0 and side >= 32 for side in shape)


def test_a_hint_on_a_face_keeps_to_the_face(session):
    picture = skimage.data.astronaut().astype(np.float32) / 255
    luma = shipped().seen_at(rgb_to_yuv(picture)[..., 0])
    odds = shipped().odds(luma, session.features(luma), np.array([[0.25, 0.45]]))
    height, width = odds.shape
    assert (height, width) == (luma.shape[0] // 4, luma.shape[1] // 4)
    assert odds[round(0.25 * height), round(0.45 * width)] > 0
    assert 0.005 < (odds > 0).mean() < 0.1
    assert odds[height // 2 :].max() < 0  # the suit, and the table


def test_features_of_another_picture_are_refused(session):
    luma = np.full((64, 96), 0.5, dtype=np.float32)
    with pytest.raises(ModelError, match="failed on a picture"):
        shipped().odds(luma, session.features(luma[:32]), np.array([[0.5, 0.5]]))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ModelError, match="things apart"):
        ThingModel(Session("colorunet").path)
    with pytest.raises(ModelError, match="is wrong"):
        ThingCard(name="x", network="thing_head", temperature=1.0, size=8, certain=0.0).check()

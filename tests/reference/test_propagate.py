"""The sparse solve against a dense one of the same quadratic, written out pixel by pixel."""

import numpy as np
import pytest

from reference.slow_propagate import minimum
from tinct.color.propagate import Propagator, propagate


@pytest.fixture
def scene():
    generator = np.random.default_rng(3)
    luma = np.where(np.arange(13) < 6, 0.3, 0.6)[None] + generator.normal(0, 0.02, (11, 13))
    places = np.array([[2, 2], [8, 10], [5, 4]])
    values = generator.normal(0, 0.2, (3, 2))
    target = generator.normal(0, 0.2, (11, 13, 2))
    trust = 10.0 ** generator.uniform(-5, 0, (11, 13))
    features = generator.uniform(0.5, 1, (11, 13, 4))
    features /= np.linalg.norm(features, axis=-1, keepdims=True)
    return luma, places, values, target, trust, features


def test_hints_alone(scene):
    luma, places, values, *_ = scene
    np.testing.assert_allclose(propagate(luma, places, values), minimum(luma, places, values), atol=2e-5)


def test_with_a_data_term_and_features(scene):
    luma, places, values, target, trust, features = scene
    wanted = minimum(luma, places, values, target=target, trust=trust, features=features)
    once = propagate(luma, places, values, target=target, trust=trust, features=features)
    np.testing.assert_allclose(once, wanted, atol=1e-5)
    kept = Propagator(luma, trust=trust, features=features)
    np.testing.assert_allclose(kept.spread(places, values, target=target), wanted, atol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 7, 120])
def test_factorised_once_or_anew_is_one_result(scene, count):
    luma, *_, target, trust, _ = scene
    generator = np.random.default_rng(count)
    flat = generator.permutation(luma.size)[:count]
    places = np.stack(np.divmod(flat, luma.shape[1]), axis=1)
    values = generator.normal(0, 0.2, (count, 2))
    kept = Propagator(luma, trust=trust)
    for _ in range(2):
        found = kept.spread(places, values, target=target)
        np.testing.assert_allclose(found, minimum(luma, places, values, target=target, trust=trust), atol=1e-5)

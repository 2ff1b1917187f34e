"""References: what is alike takes their colours, what is not keeps its own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tinct.color.decoding import softmax
from tinct.coloring.hints.reference import Reference, consulting, likeness, read_references, taken
from tinct.coloring.photo.colorizer import Colorizer
from tinct.errors import InputError, SettingError, UnreadableError
from tinct.runtime.modelfile import read_card
from tinct.runtime.session import Session

PLACES = (6, 8)
BINS, DEPTH = 4, 400
Array = NDArray[np.float32]


def seen(seed: int) -> tuple[Array, Array]:
    """Features of two depths, in which each place of a picture is unlike all others."""
    fine = np.random.default_rng(seed).normal(size=(*PLACES, DEPTH)).astype(np.float32)
    coarse = np.random.default_rng(seed + 1).normal(size=(*PLACES, DEPTH)).astype(np.float32)
    return fine, coarse


def reference(features: tuple[Array, ...], bins: NDArray[np.int64]) -> Reference:
    shares = np.eye(BINS, dtype=np.float32)[bins]
    return Reference(
        "reference.png", np.zeros(PLACES, dtype=np.float32), features, shares, np.zeros((6, 8, 3), np.float32)
    )


def network(features: tuple[Array, ...], logits: Array) -> Any:
    named = dict(zip(("features_8", "features_16"), features, strict=True))
    return SimpleNamespace(run_with_features=lambda luma: (logits, named))


def answered(session: Any, *references: Reference) -> Array:
    return softmax(consulting(session, references)(np.zeros((48, 64), dtype=np.float32)))


def test_a_thing_seen_again_takes_its_colours_wherever_it_is_now() -> None:
    features = seen(0)
    # Larger patches of one thing, since weights are evened out over neighbours.
    bins = np.repeat(np.repeat(np.array([[0, 1], [2, 3]]), 3, axis=0), 4, axis=1)
    mirrored = tuple(np.ascontiguousarray(values[:, ::-1]) for values in features)
    unsure = np.zeros((*PLACES, BINS), dtype=np.float32)
    found = answered(network(mirrored, unsure), reference(features, bins))
    np.testing.assert_array_equal(found.argmax(axis=-1), bins[:, ::-1])
    assert found.max(axis=-1).min() > 0.9


def test_a_picture_of_something_else_changes_nothing() -> None:
    logits = np.random.default_rng(5).normal(size=(*PLACES, BINS)).astype(np.float32)
    own = seen(0)
    session = network(own, logits)
    for strange in (seen(50), tuple(-values for values in own)):
        found = answered(session, reference(strange, np.full(PLACES, 2)))
        assert np.abs(found - softmax(logits)).max() < 0.02


def test_of_the_references_colours_the_plausible_one_wins() -> None:
    """Two halves of the reference are alike to everything; the network knows which of their colours can be."""
    kind = tuple(np.broadcast_to(values[:1, :1], (*PLACES, DEPTH)) + 0.9 * seen(9)[0] for values in seen(3))
    others = tuple(np.broadcast_to(values[:1, :1], (*PLACES, DEPTH)) + 0.9 * seen(11)[0] for values in seen(3))
    bins = np.where(np.arange(PLACES[1]) < 4, 1, 2) * np.ones(PLACES, dtype=int)
    logits = np.tile(np.log(np.array([0.4, 0.28, 0.02, 0.3], dtype=np.float32)), (*PLACES, 1))
    alone = softmax(logits).mean(axis=(0, 1))
    told = answered(network(kind, logits), reference(others, bins)).mean(axis=(0, 1))
    assert told[1] >= alone[1]
    assert told[2] < told[1]
    assert told[0] <= alone[0]


def test_likeness_is_the_cosine_without_what_all_places_share() -> None:
    features = seen(7)
    shared = tuple(values + 100 for values in features)
    found = likeness(shared, features)
    assert found.shape == (48, 48)
    same = likeness(features, features)
    np.testing.assert_allclose(np.diag(same), 1, atol=1e-4)
    assert same.max() <= 1 + 1e-4


def test_more_references_are_asked_one_after_the_other() -> None:
    features = seen(0)
    unsure = np.zeros((*PLACES, BINS), dtype=np.float32)
    first, second = (reference(features, np.full(PLACES, number)) for number in (1, 2))
    assert (answered(network(features, unsure), first, second).argmax(axis=-1) == 2).all()


def test_what_is_taken_comes_from_where_it_is_seen_and_of_two_from_the_later() -> None:
    features, strange = seen(0), seen(50)
    mirrored = tuple(np.ascontiguousarray(values[:, ::-1]) for values in features)
    bins = np.zeros(PLACES, dtype=int)
    (alone,) = taken(mirrored, [reference(features, bins)])
    assert alone.same.shape == alone.kind.shape == PLACES
    assert alone.same.min() > 0.9
    rows, columns = np.mgrid[: PLACES[0], : PLACES[1]]
    np.testing.assert_allclose(alone.places[..., 0], (PLACES[1] - 1 - columns + 0.5) / PLACES[1], atol=1e-5)
    np.testing.assert_allclose(alone.places[..., 1], (rows + 0.5) / PLACES[0], atol=1e-5)
    earlier, other, later = taken(mirrored, [reference(values, bins) for values in (features, strange, features)])
    assert later.same.min() > 0.9
    assert earlier.same.max() < 0.1
    assert other.same.max() == 0


def test_what_cannot_be_a_reference_is_told(tiny_model: Path, camera_png: Path, chelsea_png: Path) -> None:
    with pytest.raises(SettingError, match="cannot compare pictures; leave the references out, or use photo"):
        Colorizer(tiny_model, runtime="onnxruntime", references=(chelsea_png,))
    session = SimpleNamespace(
        card=SimpleNamespace(features={"features_8": 8}, name="seeing"), bins=read_card(tiny_model).color_bins()
    )
    with pytest.raises(InputError, match=r"camera.png: has no colours to take"):
        read_references((camera_png,), session, size=64)  # type: ignore[arg-type]
    with pytest.raises(UnreadableError, match=r"gone.png: cannot be opened"):
        read_references(("gone.png",), session, size=64)  # type: ignore[arg-type]


def test_a_references_colours_are_those_of_its_places(tiny_model: Path, chelsea_png: Path) -> None:
    session = Session(tiny_model, runtime="onnxruntime")
    bins = session.bins
    assert bins is not None
    rgb = cv2.imread(str(chelsea_png))[..., ::-1].astype(np.float32) / 255
    seeing = SimpleNamespace(features=lambda luma: {"features_8": luma[::8, ::8, None]})
    found = Reference.of(rgb, seeing, bins, size=96, name="chelsea")  # type: ignore[arg-type]
    assert found.shares.shape == (*found.features[0].shape[:2], bins.count)
    np.testing.assert_allclose(found.shares.sum(axis=-1), 1, atol=1e-5)
    chroma = bins.decode(np.log(found.shares + 1e-9), temperature=1.0).mean(axis=(0, 1))
    expected = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV)[..., 1:].mean(axis=(0, 1)) - 0.5
    np.testing.assert_allclose(chroma, expected, atol=0.03)

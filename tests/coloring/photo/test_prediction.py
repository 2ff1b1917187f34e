"""What a network answers: several views of one photograph are averaged, each put back in its place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.prediction import anchored, averaged
from tinct.errors import SettingError
from tinct.runtime.modelfile import Card, read_card
from tinct.runtime.session import Session


def ramp(size: int) -> np.ndarray:
    """A picture whose luma says where each pixel is, at any size."""
    across = (np.arange(size, dtype=np.float32) + 0.5) / size
    return np.ascontiguousarray(np.broadcast_to(across, (size, size)))


@pytest.mark.parametrize(("views", "sizes"), [(1, [48]), (2, [48, 48]), (4, [48, 48, 64, 64])])
def test_every_view_is_put_back_in_its_place(views: int, sizes: list[int]) -> None:
    seen: list[np.ndarray] = []

    def run(luma: np.ndarray) -> np.ndarray:
        seen.append(luma)
        half = cv2.resize(luma, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        return np.stack([half, np.full_like(half, len(seen))], axis=-1)

    output, first = averaged(run, ramp, size=48, views=views)
    assert [len(luma) for luma in seen] == sizes
    np.testing.assert_array_equal(first, ramp(48))
    assert len(output) == sizes[-1] // 2
    np.testing.assert_allclose(output[..., 0], ramp(len(output)), atol=0.02)
    np.testing.assert_allclose(output[..., 1], np.mean(range(1, views + 1)), atol=1e-6)
    assert [luma[0, 0] > 0.5 for luma in seen] == [False, True, False, True][:views]


@pytest.mark.parametrize("views", [1, 2, 4])
def test_a_view_and_its_mirror_in_one_run_are_those_in_two(tiny_model: Path, views: int) -> None:
    session = Session(tiny_model)
    batches: list[int] = []

    def run_batch(lumas: np.ndarray) -> np.ndarray:
        batches.append(len(lumas))
        return session.run_batch(lumas)

    alone, _ = averaged(session.run, ramp, size=48, views=views)
    together, _ = averaged(session.run, ramp, size=48, views=views, run_batch=run_batch)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert batches == [2] * (views // 2)


def test_a_picture_too_small_to_be_looked_at_from_nearer_has_two_views() -> None:
    calls: list[int] = []

    def run(luma: np.ndarray) -> np.ndarray:
        calls.append(len(luma))
        return luma[..., None]

    averaged(run, lambda size: ramp(min(size, 40)), size=48, views=4)
    assert calls == [40, 40]


def test_a_larger_picture_keeps_the_colours_of_the_models_own_size_and_adds_detail() -> None:
    def run(luma: np.ndarray) -> np.ndarray:
        return (luma + np.float32(len(luma)))[..., None]  # another answer at each size

    detail = np.where(np.indices((48, 48)).sum(axis=0) % 2, 0.1, -0.1).astype(np.float32)
    np.testing.assert_allclose(anchored(run, size=24)(ramp(48) + detail)[..., 0], ramp(48) + detail + 24, atol=1e-4)
    np.testing.assert_array_equal(anchored(run, size=48)(ramp(48)), run(ramp(48)))


def test_only_beyond_the_models_own_size_the_network_looks_twice(tiny_model: Path, camera_png: Path) -> None:
    luma = cv2.imread(str(camera_png), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
    own = read_card(tiny_model).working_size
    first = Colorizer(tiny_model, runtime="onnxruntime", denoise="off", views=1)
    plain = first.session.run
    larger = first.changed(size=2 * own).predict(luma)
    np.testing.assert_allclose(larger.output, anchored(plain, size=own)(larger.network_luma), atol=1e-5)
    same = first.predict(luma)
    np.testing.assert_allclose(same.output, plain(same.network_luma), atol=1e-5)


def test_a_mirrored_photograph_gets_the_mirrored_colours(tiny_model: Path, camera_png: Path) -> None:
    grey = cv2.imread(str(camera_png), cv2.IMREAD_GRAYSCALE)
    for views, alike in ((1, False), (2, True), (4, True)):
        colorizer = Colorizer(tiny_model, runtime="onnxruntime", size=96, views=views, denoise="off")
        one, other = colorizer.array(grey), colorizer.array(np.ascontiguousarray(grey[:, ::-1]))[:, ::-1]
        assert (np.abs(one.astype(int) - other).max() <= 2) == alike


def test_the_model_says_how_many_unless_asked(tiny_model: Path) -> None:
    assert Colorizer(tiny_model, runtime="onnxruntime").views == read_card(tiny_model).views == 1
    assert Colorizer(tiny_model, runtime="onnxruntime", views=4).views == 4
    assert Colorizer().views == read_card("photo").views > 1
    with pytest.raises(SettingError, match="1, 2 or 4 views, not 3"):
        Colorizer(tiny_model, views=3)
    card = json.loads(replace(read_card(tiny_model), views=3).to_json())
    with pytest.raises(Exception, match="views 3"):
        Card.from_json(json.dumps(card), source="x.onnx")

"""`POST /v1/classify`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from tinct.recognize.classifier import Classifier
from web.helpers import encoded, photo_file

MODEL = Path(__file__).parents[2] / "golden" / "tiny_classifier.onnx"


@pytest.fixture(scope="module")
def recogniser(make_client: Callable[..., TestClient]) -> TestClient:
    return make_client(classifiers=[Classifier(MODEL, threads=1)])


def blue(level: int) -> bytes:
    return encoded(".png", np.full((40, 40, 3), (level, 0, 0), np.uint8))  # OpenCV's order: blue first


def test_a_picture_is_recognised_as_by_the_classifier_itself(recogniser: TestClient) -> None:
    for level in (40, 220):
        picture = np.full((40, 40, 3), (0, 0, level), np.uint8)
        expected = Classifier(MODEL, threads=1).predict(picture)
        found = recogniser.post("/v1/classify", files=photo_file(blue(level))).json()
        assert (found["model"], found["label"]) == ("tiny_classifier", expected.label)
        assert found["probability"] == pytest.approx(expected.probability, abs=1e-5)
        assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_it_is_listed(recogniser: TestClient) -> None:
    listed = recogniser.get("/v1/models").json()["models"][1]
    assert (listed["name"], listed["task"], listed["classes"]) == ("tiny_classifier", "classify", ["low", "high"])


def test_failures_in_words(recogniser: TestClient, client: TestClient) -> None:
    assert recogniser.post("/v1/classify", files=photo_file(b"garbage")).status_code == 415
    response = recogniser.post("/v1/classify", files=photo_file(blue(40)), data={"model": "cars"})
    assert response.status_code == 404
    assert "tiny_classifier" in response.json()["error"]
    response = client.post("/v1/classify", files=photo_file(blue(40)))
    assert response.status_code == 404
    assert "--classifier" in response.json()["error"]

"""Calibration finds the temperature that was hidden, and its figures are those of the definition."""

import json

import cv2
import numpy as np
import pytest

from tinct.color.decoding import softmax
from tinct.errors import DataError, ModelError, OutputError, SettingError
from tinct.runtime.modelfile import read_card
from tinct.study.calibration import calibrate, fit_temperature, reliability


def drawn(temperature, count=20000):
    """Logits, and labels drawn from them at a temperature."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (count, 6))
    shares = softmax(logits, temperature=temperature).astype(np.float64)
    labels = (shares.cumsum(axis=1) < rng.uniform(size=(count, 1))).sum(axis=1)
    return logits, np.minimum(labels, 5)


@pytest.mark.parametrize("hidden", [0.5, 1.0, 2.5])
def test_the_hidden_temperature_is_found_and_mends_the_error(hidden):
    logits, labels = drawn(hidden)
    found = fit_temperature(logits, labels)
    np.testing.assert_allclose(found, hidden, rtol=0.05)
    before, after = reliability(logits, labels), reliability(logits, labels, temperature=found)
    assert after.error < 0.015
    assert after.log_loss <= before.log_loss + 1e-3
    if hidden != 1:
        assert before.error > 0.05
        assert (before.top > before.right) == (hidden > 1)


def test_the_error_is_that_of_the_definition():
    logits = np.log([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.4, 0.6]])
    found = reliability(logits, np.array([0, 1, 0, 1]))
    # Two pixels of confidence 0.9, half of them right, and two of 0.6, both right.
    np.testing.assert_allclose(found.error, 0.5 * abs(0.9 - 0.5) + 0.5 * abs(0.6 - 1), atol=1e-6)
    assert (found.top, found.right) == (pytest.approx(0.75), 0.75)
    assert sum(found.share) == 1
    assert np.isnan(found.confidence).sum() == 13


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    folder = tmp_path_factory.mktemp("album")
    rng = np.random.default_rng(0)
    for number in range(6):
        colors = cv2.resize(rng.integers(0, 256, (4, 5, 3)).astype(np.uint8), (80, 64), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{number}.png"), colors)
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def test_a_model_is_measured_and_written_with_what_was_found(tiny_model, album, tmp_path):
    out = tmp_path / "mended.onnx"
    found = calibrate(tiny_model, album, figure=tmp_path / "plot.svg", out=out)
    assert found.pictures == 6
    assert [name for name, _ in found.left_out] == [str(album / "broken.png")] or len(found.left_out) == 1
    assert (tmp_path / "plot.svg").read_text().lstrip().startswith("<?xml")
    card = read_card(out)
    assert card.calibration == round(found.temperature, 3)
    before = read_card(tiny_model)
    assert (card.name, card.temperature, card.bins) == (before.name, before.temperature, before.bins)
    json.dumps(found.to_json(), allow_nan=False)
    again = calibrate(out, album)
    assert again.temperature == found.temperature
    with pytest.raises(OutputError, match="already exists"):
        calibrate(tiny_model, album, out=out)


def test_what_cannot_be_calibrated(tiny_model, tiny_chroma_model, album, tmp_path):
    with pytest.raises(ModelError, match="no probabilities"):
        calibrate(tiny_chroma_model, album)
    with pytest.raises(SettingError, match=r"\.svg"):
        calibrate(tiny_model, album, figure=tmp_path / "plot.txt")
    with pytest.raises(SettingError, match=r"\.onnx"):
        calibrate(tiny_model, album, out=tmp_path / "plot.txt")
    with pytest.raises(DataError, match="at least two"):
        calibrate(tiny_model, album, limit=1)

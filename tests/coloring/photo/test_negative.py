"""Negatives are told by what the model sees in them, and positives are not."""

import cv2
import numpy as np
import pytest

from photographs import COLORED, GREY, photograph
from tinct.color.scan_kinds import NEGATIVE, negative_odds
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.negative import looks_negative
from tinct.runtime.session import Session


def luma(name: str) -> np.ndarray:
    grey = cv2.cvtColor(photograph(name), cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.float32) / 255


@pytest.fixture(scope="module")
def session():
    return Session("photo", threads=1)


def test_negatives_are_told_that_luma_alone_does_not_tell(session):
    told = {name for name in (*COLORED, "camera", "coins") if looks_negative(session, 1 - luma(name))}
    beside = {name for name in (*COLORED, "camera", "coins") if negative_odds(1 - luma(name)) > NEGATIVE}
    assert told > beside


@pytest.mark.parametrize("name", [*COLORED, *GREY])
def test_positives_are_none(session, name):
    assert not looks_negative(session, luma(name))


def test_models_that_see_nothing_tell_by_luma_alone(tiny_model):
    tiny = Session(tiny_model, runtime="onnxruntime", threads=1)
    for name in (*COLORED, "camera"):
        assert looks_negative(tiny, 1 - luma(name)) == (negative_odds(1 - luma(name)) > NEGATIVE)


def test_a_colorizer_says_so(session):
    colorizer = Colorizer("photo", threads=1)
    levels = np.rint((1 - luma("astronaut")) * 255).astype(np.uint8)
    data = bytes(cv2.imencode(".png", levels)[1])
    assert any("looks like a negative" in remark for remark in colorizer.encoded(data)[1].remarks)

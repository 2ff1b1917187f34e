"""Things told by a network of their own bound hints, and several hints share a thing by nearness."""

import numpy as np
import pytest

from tinct.coloring.hints.hint import parse_hint
from tinct.coloring.hints.spreading import HintSpreader, place_hints
from tinct.coloring.hints.things_by_network import PointedThings, look_for_things
from tinct.runtime.session import Session
from tinct.runtime.thing import FEATURES

HEIGHT, WIDTH = 96, 160


class Told:
    """A network that knows one thing, which reaches from the left to a column."""

    def __init__(self, edge):
        self.edge = edge
        self.asked = 0

    def seen_at(self, luma):
        return luma

    def odds(self, luma, features, places):
        self.asked += 1
        assert set(features) == set(FEATURES)
        odds = np.full((HEIGHT // 4, WIDTH // 4), -9, dtype=np.float32)
        odds[:, : self.edge // 4] = 9
        return odds if luma[0, 0] < luma[0, -1] else np.ascontiguousarray(odds[:, ::-1])


def plain():
    """One grey, a little darker to the left, by which the picture is told from its mirror image."""
    return np.linspace(0.399, 0.401, WIDTH, dtype=np.float32)[None].repeat(HEIGHT, axis=0)


def spreader(told):
    luma = plain()
    things = PointedThings(told, luma, lambda values: dict.fromkeys(FEATURES, values))
    shares = np.full((HEIGHT // 4, WIDTH // 4, 3), 1 / 3, dtype=np.float32)
    return HintSpreader(luma, shares=shares, features=things)


def placed(*texts):
    return place_hints([parse_hint(text) for text in texts], width=WIDTH, height=HEIGHT)


@pytest.fixture
def alone(monkeypatch):
    """The network without the regression, to which a made picture of one grey is nothing."""
    monkeypatch.setattr(PointedThings, "beside", lambda self, luma, answers: self)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("edge", [60, 120])
def test_a_hint_fills_its_thing_and_stays_inside(edge):
    share = spreader(Told(edge)).shares(placed("20,48=#ff0000")).share
    column = edge * share.shape[1] // WIDTH
    assert share[8:-8, 4 : column - 8].min() > 0.9
    assert share[:, column + 10 :].max() < 0.1


@pytest.mark.usefixtures("alone")
def test_of_two_hints_on_a_thing_each_wins_near_itself():
    chroma = spreader(Told(WIDTH)).shares(placed("20,48=#ff4040", "140,48=#4040ff")).chroma
    blue = chroma[chroma.shape[0] // 2, :, 0]
    assert blue[len(blue) // 6] < -0.03
    assert blue[-len(blue) // 6] > 0.1


@pytest.mark.usefixtures("alone")
def test_a_hint_that_stays_is_asked_about_once():
    told = Told(80)
    several = spreader(told)
    several.shares(placed("20,48=#ff0000"))
    several.shares(placed("20,48=#00ff00", "30,20=#ff0000"))
    assert told.asked == 4  # two hints, each of the picture and of its mirror image


@pytest.mark.usefixtures("alone")
def test_the_picture_and_its_mirror_image_count_alike():
    class Doubting(Told):
        def odds(self, luma, features, places):
            assert places[0, 1] == pytest.approx(0.25 if luma[0, 0] < luma[0, -1] else 0.75)
            return super().odds(luma, features, places) + np.float32(0 if luma[0, 0] < luma[0, -1] else 4)

    things = PointedThings(Doubting(80), plain(), lambda values: dict.fromkeys(FEATURES, values))
    odds = things.odds(np.array([[0.5, 0.25]]))
    assert odds[5, 5] == 11
    assert odds[5, -5] == -7


def test_the_regression_has_a_say_beside_it():
    """It sees a border in the middle of what the network takes for one thing."""
    luma = plain()
    halves = np.zeros((HEIGHT // 16, WIDTH // 16, 2), dtype=np.float32)
    halves[:, :5, 0] = halves[:, 5:, 1] = 1
    alone = PointedThings(Told(WIDTH), luma, lambda values: dict.fromkeys(FEATURES, halves))
    joined = alone.beside(luma, np.full((HEIGHT // 4, WIDTH // 4, 3), 3**-0.5, dtype=np.float32))
    place = np.array([[0.5, 0.125]])
    less = alone.odds(place) - joined.odds(place)
    assert less[12, 30] > less[12, 10] + 2


def test_it_is_taken_where_it_fits(monkeypatch):
    session = Session("photo", runtime="onnxruntime")
    luma = np.linspace(0, 1, 64 * 96, dtype=np.float32).reshape(64, 96)
    assert isinstance(look_for_things(session, luma), PointedThings)
    monkeypatch.setitem(vars(session), "things", None)
    assert look_for_things(session, luma).shape == (4, 6, 120)

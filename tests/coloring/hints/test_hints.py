"""Hints are read from text, JSON and painted layers, and what is wrong is named."""

import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinct.coloring.hints.hint import (
    FilmHint,
    Hint,
    as_hints,
    gather_hints,
    hints_from_json,
    hints_to_json,
    load_hints,
    parse_hint,
)
from tinct.coloring.hints.spreading import place_hints
from tinct.errors import InputError, SettingError, UnreadableError


def test_text():
    assert parse_hint("120,340=#b03020") == Hint(points=((120, 340),), color=(176, 48, 32))
    assert parse_hint(" 25%,60.5%=#F00 ") == Hint(points=((25, 60.5),), color=(255, 0, 0), unit="percent")
    assert parse_hint("1,2 3,4=0000ff").points == ((1, 2), (3, 4))
    assert str(parse_hint("25%,60%=#b03020")) == "25%,60%=#b03020"


@pytest.mark.parametrize(
    "text", ["", "120,340", "120=#fff", "a,b=#fff", "1,2=red", "1,2=#ffff", "1;2=#fff", "1%,2=#fff"]
)
def test_text_that_is_no_hint(text):
    with pytest.raises(SettingError, match=r"hint|colour"):
        parse_hint(text)


def test_json_forms(tmp_path):
    path = tmp_path / "hints.json"
    entries = [
        {"x": 3, "y": 4, "color": "#b03020"},
        {"points": [[10, 20], [30, 40.5]], "color": "#fff", "unit": "percent", "width": 2},
    ]
    for value in (entries, {"hints": entries}):
        path.write_text(json.dumps(value))
        first, second = load_hints(path)
        assert first == Hint(points=((3, 4),), color=(176, 48, 32))
        assert second == Hint(points=((10, 20), (30, 40.5)), color=(255, 255, 255), unit="percent", width=2)


@given(
    st.lists(
        st.builds(
            Hint,
            points=st.lists(st.tuples(st.floats(0, 99), st.floats(0, 99)), min_size=1, max_size=4).map(tuple),
            color=st.tuples(*[st.integers(0, 255)] * 3),
            unit=st.sampled_from(["pixels", "percent"]),
            width=st.floats(0, 10),
            joined=st.booleans(),
            canvas=st.none() | st.tuples(st.integers(1, 999), st.integers(1, 999)),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_json_and_back(hints):
    assert hints_from_json(json.loads(json.dumps(hints_to_json(hints))), name="x") == hints


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "holds no hints"),
        ({"a": 1}, "holds no hints"),
        ([3], "hint 1: must be an object"),
        ([{"x": 1, "y": 2, "color": "#fff"}, {"x": 1, "color": "#fff"}], "hint 2: 'y' is missing"),
        ([{"x": 1, "y": 2, "colour": "#fff"}], "hint 1: unknown: colour"),
        ([{"x": "1", "y": 2, "color": "#fff"}], "'1' is not a number"),
        ([{"x": 1, "y": 2, "color": 7}], "color must be a text"),
        ([{"points": [[1]], "color": "#fff"}], "list of"),
        ([{"points": [], "color": "#fff"}], "at least one point"),
        ([{"x": 1, "y": 2, "color": "#fff", "unit": "cm"}], "pixels or percent"),
        ([{"x": 1, "y": 2, "color": "#fff", "width": -1}], "at least 0"),
        ([{"x": 1, "y": 2, "color": "#fff", "canvas": [1]}], "canvas"),
    ],
)
def test_json_that_is_wrong(value, message):
    with pytest.raises(InputError, match=message):
        hints_from_json(value, name="h.json")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(UnreadableError, match="cannot be read"):
        load_hints(tmp_path / "none.json")
    with pytest.raises(UnreadableError, match="no such file of hints"):
        load_hints(tmp_path / "none.png")
    broken = tmp_path / "broken.json"
    broken.write_text('[{"x": 1')
    with pytest.raises(UnreadableError, match="is not valid JSON"):
        load_hints(broken)
    text = tmp_path / "hints.txt"
    text.write_text("120,340=#fff")
    with pytest.raises(UnreadableError, match="neither JSON"):
        load_hints(text)
    opaque = tmp_path / "opaque.png"
    cv2.imwrite(str(opaque), np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(InputError, match="no transparency"):
        load_hints(opaque)
    empty = tmp_path / "empty.png"
    cv2.imwrite(str(empty), np.zeros((20, 20, 4), np.uint8))
    with pytest.raises(InputError, match="nothing is painted"):
        load_hints(empty)


def test_painted_strokes_lie_where_they_were_painted(tmp_path):
    layer = np.zeros((300, 1200, 4), np.uint8)
    layer[100:110, 200:400] = (32, 48, 176, 255)
    layer[250:260, 900:910] = (200, 0, 0, 255)
    path = tmp_path / "layer.png"
    cv2.imwrite(str(path), layer)
    hints = load_hints(path)
    assert {hint.color for hint in hints} == {(176, 48, 32), (0, 0, 200)}
    # On a picture of twice the size the strokes lie at the same places.
    placed = place_hints(hints, width=2400, height=600)
    places, owners = placed.on_grid(60, 240)
    colors = placed.colors[owners]
    red = places[colors[:, 0] > 0.5]
    assert set(red[:, 0]) <= {20, 21}
    assert (red[:, 1].min(), red[:, 1].max()) == (39, 80)  # the layer is read in cells of 3 pixels
    with pytest.raises(InputError, match="proportions"):
        place_hints(hints, width=600, height=600)


def test_placing():
    placed = place_hints(
        [parse_hint("0,0=#fff"), parse_hint("99,49=#000"), parse_hint("100%,100%=#f00")], width=100, height=50
    )
    places, owners = placed.on_grid(5, 10)
    assert places.tolist() == [[0, 0], [4, 9]]
    assert owners.tolist() == [0, 2]  # of two on one pixel the last
    for text in ("100,0=#fff", "0,50=#fff", "-1,0=#fff", "101%,0%=#fff"):
        with pytest.raises(InputError, match="outside the picture of 100 x 50"):
            place_hints([parse_hint(text)], width=100, height=50)
    with pytest.raises(SettingError, match="no hints"):
        place_hints([], width=100, height=50)


def test_strokes_are_joined_and_wide():
    stroke = Hint(points=((10, 10), (90, 10)), color=(1, 2, 3), width=10)
    places, _ = place_hints([stroke], width=100, height=50).on_grid(50, 100)
    assert len(places) > 600
    apart = Hint(points=((10, 10), (90, 10)), color=(1, 2, 3), joined=False)
    assert len(place_hints([apart], width=100, height=50).on_grid(50, 100)[0]) == 2


def test_whatever_a_caller_has(tmp_path):
    one = parse_hint("1,2=#fff")
    path = tmp_path / "hints.json"
    path.write_text(json.dumps(hints_to_json([one])))
    for value in ("1,2=#fff", ["1,2=#fff"], one, [one], path, str(path)):
        assert as_hints(value) == [one]
    assert as_hints(()) == []
    with pytest.raises(SettingError, match="not int"):
        as_hints([3])
    assert gather_hints(["3,4=#000"], path) == (one, parse_hint("3,4=#000"))


def test_a_hint_that_darkens():
    hint = parse_hint("25%,60%=#4080d0:darken")
    assert hint.darken
    assert str(hint) == "25%,60%=#4080d0:darken"
    assert hints_from_json(hints_to_json([hint]), name="x") == [hint]
    assert not parse_hint("25%,60%=#4080d0").darken
    with pytest.raises(SettingError, match="luma of films stays"):
        FilmHint(hint=hint, frame=3)

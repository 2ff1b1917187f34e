"""The settings of decoding are checked where they are made, and every way in takes all of them."""

import inspect
from dataclasses import fields
from typing import get_type_hints

import pytest

import tinct
import tinct.cli.colorize
import tinct.cli.suggest
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.settings import Decoding, Options, PhotoSettings, VideoSettings, help_of
from tinct.errors import SettingError


def test_the_keywords_are_the_fields():
    hints = get_type_hints(Decoding)
    assert get_type_hints(Options) == {field.name: hints[field.name] for field in fields(Decoding)[1:]}
    assert all(help_of(field.name).endswith(".") for field in fields(Decoding))
    for settings in (Decoding, PhotoSettings, VideoSettings):
        described = [field for field in fields(settings) if field.name not in ("hints", "shots") and field.metadata]
        assert all(field.metadata["help"].endswith(".") for field in described)
        assert all(field.metadata["metavar"] for field in described if field.default is not False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"temperature": float("nan")}, "temperature must be above 0"),
        ({"caution": 4.5}, "caution must lie in 0..4"),
        ({"cautious": True, "caution": 1.0}, "only one of them"),
        ({"saturation": -0.1}, "saturation must lie in 0..4"),
        ({"saturation": float("nan")}, "saturation must lie in 0..4"),
        ({"size": 8}, "working size must lie in 16..4096"),
        ({"views": 3}, "1, 2 or 4 views"),
        ({"denoise": "much"}, "denoise must be auto, off, or a number in 0..100"),
        ({"denoise": 101}, "denoise must be auto"),
        ({"tones": "faded"}, "tones must be auto or off"),
        ({"frames": "none"}, "frames must be auto or off"),
        ({"runtime": "abacus"}, "no runtime 'abacus'"),
        ({"threads": 0}, "at least 1 thread"),
    ],
)
def test_a_value_out_of_range_is_refused(options, message):
    with pytest.raises(SettingError, match=message):
        Decoding(**options)


def test_cautious_is_a_caution_of_2(tiny_model):
    colorizer = Colorizer(tiny_model, cautious=True)
    assert colorizer.caution == 2
    assert Colorizer(tiny_model).caution == 0
    assert colorizer.changed(caution=1.0).caution == 1
    assert colorizer.changed(temperature=0.7, caution=None).caution == 2


def test_a_changed_colorizer_shares_the_network(tiny_model):
    colorizer = Colorizer(Decoding(model=tiny_model, denoise="12"))
    assert colorizer.decoding.denoise == 12
    other = colorizer.changed(size=64, temperature=0.3)
    assert other.session is colorizer.session
    assert (other.size, other.temperature, other.decoding.denoise) == (64, 0.3, 12)
    assert colorizer.temperature != 0.3


@pytest.mark.parametrize("verb", [tinct.cli.colorize.colorize, tinct.cli.suggest.suggest])
def test_the_command_line_takes_every_option_that_has_an_effect(verb):
    without = (
        {"temperature", "caution", "cautious", "saturation", "references", "keep"}
        if verb is tinct.cli.suggest.suggest
        else set()
    )
    options = inspect.signature(verb).parameters
    names = {field.name for field in fields(Decoding)} - without
    assert {name: options[name].default for name in names} == {name: getattr(Decoding, name) for name in names}


def test_colorize_takes_every_option(tiny_model, camera_png, tmp_path):
    picture = tmp_path / "camera.png"
    picture.write_bytes(camera_png.read_bytes())
    every = {"runtime": "onnxruntime", "temperature": 0.6, "cautious": True, "size": 64, "views": 2, "denoise": "off"}
    every |= {"tones": "off", "frames": "off", "negative": True}
    assert tinct.colorize(picture, model=tiny_model, threads=1, **every) == tmp_path / "camera_color.png"
    with pytest.raises(TypeError, match="vividness"):
        tinct.colorize(picture, model=tiny_model, vividness=1)

"""An editor runs the network once, and what it shows is what it saves."""

import cv2
import numpy as np
import pytest

from tinct.coloring.hints.hint import Hint, parse_hint
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.editor import Editor
from tinct.errors import AlreadyColorError, InputError, SettingError

RED = parse_hint("25%,50%=#b03020")


@pytest.fixture(scope="module")
def colorizer(tiny_model):
    return Colorizer(tiny_model, threads=1)


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """Left dark, right bright, with grain; 300 x 200."""
    levels = np.where(np.arange(300) < 150, 90, 170)[None].repeat(200, axis=0)
    grain = np.random.default_rng(0).normal(0, 1, levels.shape)
    path = tmp_path_factory.mktemp("editor") / "two.png"
    cv2.imwrite(str(path), np.clip(levels + grain, 0, 255).astype(np.uint8))
    return path


def chroma_of(rgb):
    values = rgb.astype(float)
    return values[..., 0] - values[..., 2]


def test_preview_and_file_agree_and_are_those_of_colorize(picture, colorizer, tmp_path):
    editor = Editor(picture, colorizer=colorizer)
    plain = colorizer.photo(picture, tmp_path / "plain.png")
    assert plain.target is not None
    np.testing.assert_array_equal(editor.preview(), cv2.imread(str(plain.target))[..., ::-1])
    shown = editor.preview([RED], temperature=0.7)
    editor.save(tmp_path / "hinted.png", hints=[RED], temperature=0.7)
    np.testing.assert_array_equal(shown, cv2.imread(str(tmp_path / "hinted.png"))[..., ::-1])
    again = colorizer.photo(picture, tmp_path / "again.png", hints=[RED], temperature=0.7)
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "hinted.png").read_bytes()
    assert again.temperature == 0.7


def test_the_network_runs_once(picture, colorizer, monkeypatch, tmp_path):
    editor = Editor(picture, colorizer=colorizer, preview=150)
    monkeypatch.setattr(type(colorizer.session), "run", lambda *_: pytest.fail("the network ran again"))
    first = editor.preview()
    assert first.shape == (100, 150, 3)
    assert not np.array_equal(first, editor.preview([RED]))
    assert not np.array_equal(first, editor.preview(temperature=3.0))
    assert not np.array_equal(first, editor.preview(caution=4.0))
    np.testing.assert_array_equal(first, editor.preview())
    assert editor.save(tmp_path / "out.png", hints=[RED]).width == 300
    assert editor.encoded(suffix=".jpg", hints=[RED])[0][:2] == b"\xff\xd8"


def test_a_hint_colours_its_side_and_not_the_other(picture, colorizer):
    editor = Editor(picture, colorizer=colorizer)
    plain, hinted = editor.preview(), editor.preview([RED])
    change = np.abs(chroma_of(hinted) - chroma_of(plain))
    assert change[80:120, 40:110].min() > 60
    assert change[:, 165:].max() <= 8


def test_arrays_and_bytes(picture, colorizer):
    levels = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    shown = Editor(picture, colorizer=colorizer).preview([RED])
    np.testing.assert_array_equal(Editor(levels, colorizer=colorizer).preview([RED]), shown)
    np.testing.assert_array_equal(Editor(picture.read_bytes(), colorizer=colorizer).preview([RED]), shown)
    deep = Editor(levels / 255.0, colorizer=colorizer)
    assert np.abs(deep.preview([RED]).astype(int) - shown).max() <= 1
    np.testing.assert_array_equal(deep.grey()[..., 0], levels)


def test_it_suggests_and_knows_how_sure_it_is(picture, colorizer):
    editor = Editor(picture, colorizer=colorizer)
    assert editor.confidence()[0].max() <= 1
    found = editor.suggest(3)
    assert 1 <= len(found) <= 3
    first = found[0]
    assert 0 <= first.x < 300
    assert 0 <= first.y < 200
    assert first.gain >= found[-1].gain
    hint = Hint(points=((float(first.x), float(first.y)),), color=first.colors[0])
    assert all((item.x, item.y) != (first.x, first.y) for item in editor.suggest(3, hints=[hint]))


def test_closing_lets_go_and_saving_still_works(picture, colorizer, tmp_path):
    with Editor(picture, colorizer=colorizer) as editor:
        shown = editor.preview([RED])
    assert not editor.prediction._kept
    editor.save(tmp_path / "out.png", hints=[RED])
    np.testing.assert_array_equal(shown, cv2.imread(str(tmp_path / "out.png"))[..., ::-1])


def test_what_cannot_be_edited_is_refused(picture, colorizer, tmp_path, tiny_chroma_model):
    with pytest.raises(SettingError, match=r"64\.\.4096"):
        Editor(picture, colorizer=colorizer, preview=10)
    colors = tmp_path / "colors.png"
    cv2.imwrite(str(colors), np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    with pytest.raises(AlreadyColorError):
        Editor(colors, colorizer=colorizer)
    editor = Editor(picture, colorizer=colorizer)
    with pytest.raises(InputError, match="outside the picture of 300 x 200"):
        editor.preview([parse_hint("300,20=#fff")])
    with pytest.raises(SettingError, match="above 0"):
        editor.preview(temperature=0)
    with pytest.raises(SettingError, match=r"1\.\.50"):
        editor.suggest(0)
    plain = Editor(picture, colorizer=Colorizer(tiny_chroma_model, threads=1))
    assert plain.confidence() is None
    assert not np.array_equal(plain.preview(), plain.preview([RED]))
    with pytest.raises(SettingError, match="no temperature"):
        plain.preview(temperature=1.0)
    with pytest.raises(SettingError, match="cannot tell where it is unsure"):
        plain.suggest(1)


def test_saturation_makes_everything_stronger_hints_too_and_the_file_agrees(picture, colorizer, tmp_path):
    editor = Editor(picture, colorizer=colorizer)
    grey = editor.preview([RED], saturation=0)
    np.testing.assert_array_equal(grey, editor.grey())
    weak, usual = (chroma_of(editor.preview([RED], saturation=strength)) for strength in (0.5, 1.0))
    assert np.abs(weak - usual / 2).max() <= 3  # whole numbers
    assert usual[100, 75] > 60
    editor.save(tmp_path / "out.png", hints=[RED], saturation=0.5)
    np.testing.assert_array_equal(
        cv2.imread(str(tmp_path / "out.png"))[..., ::-1], editor.preview([RED], saturation=0.5)
    )
    levels = cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(colorizer.array(levels, saturation=0)[..., 0], levels)
    for strength, ending in ((1.0, "no hints"), (0.5, "saturation 0.5")):
        stages = {stage.name: stage.decided for stage in colorizer.changed(saturation=strength).explain(picture)}
        assert stages["guide"].endswith(ending)


def test_what_a_reading_shows_is_what_is_saved(picture, colorizer, tmp_path):
    editor = Editor(picture, colorizer=colorizer)
    readings = editor.readings()
    assert readings
    assert editor.readings() is readings
    first = editor.preview([RED], reading=1)
    assert not np.array_equal(first, editor.preview([RED]))
    editor.save(tmp_path / "out.png", hints=[RED], reading=1)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "out.png"))[..., ::-1], first)
    assert f"reading {readings[0].name}".encode() in (tmp_path / "out.png").read_bytes().replace(b"=", b" ")
    with pytest.raises(SettingError, match=f"readings 0..{len(readings)}, not 9"):
        editor.preview(reading=9)

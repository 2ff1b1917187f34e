"""What is asked for, what the film is, what codecs and containers can do: put together, or refused with a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from media.video import clips
from tinct.errors import OutputError, SettingError
from tinct.media.video.codecs import CODECS, CONTAINERS, NAMED
from tinct.media.video.probe import open_film
from tinct.media.video.recipe import choose_recipe, default_target


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    made = {}
    for name, codec, form, size in [
        ("grey.mkv", "ffv1", "yuv420p", (96, 64)),
        ("deep.mkv", "ffv1", "yuv420p10le", (96, 64)),
        ("deeper.mkv", "ffv1", "gray16le", (96, 64)),
        ("odd.mkv", "ffv1", "yuv420p", (97, 65)),
        ("wide.mkv", "ffv1", "yuv422p10le", (96, 64)),
        ("clear.mkv", "ffv1", "yuva420p", (96, 64)),
        ("tall.mkv", "ffv1", "yuv440p", (96, 64)),
        ("fine.mkv", "ffv1", "yuv444p", (96, 64)),
        ("full.mkv", "ffv1", "gray", (96, 64)),
        ("old.avi", "mpeg4", "yuv420p", (96, 64)),
    ]:
        path = clips.write_clip(folder / name, codec=codec, form=form, size=size, frames=2, planes=lambda _: ())
        made[path.stem] = open_film(path)
    return made


@pytest.mark.parametrize(
    ("film", "target", "asked", "codec", "bits"),
    [
        ("grey", "a.mp4", {}, "h264", 8),
        ("grey", "a.mkv", {}, "h264", 8),
        ("grey", "a.MOV", {}, "h264", 8),
        ("grey", "a.webm", {}, "vp9", 8),
        ("deep", "a.mp4", {}, "h264", 10),
        ("grey", "a.mp4", {"bits": 10}, "h264", 10),
        ("deep", "a.mp4", {"bits": 8}, "h264", 8),
        ("deep", "a.webm", {}, "vp9", 8),
        ("grey", "a.mov", {"codec": "prores"}, "prores", 10),
        ("deeper", "a.mkv", {"codec": "ffv1"}, "ffv1", 16),
        ("deeper", "a.mkv", {}, "h264", 10),
        ("grey", "a.mkv", {"named": "archive"}, "ffv1", 8),
        ("deep", "a.mkv", {"named": "archive"}, "ffv1", 10),
        ("grey", "a.mkv", {"named": "master"}, "hevc", 10),
        ("grey", "a.mkv", {"named": "master", "bits": 12}, "hevc", 12),
        ("deep", "a.mp4", {"named": "share"}, "h264", 8),
        ("grey", "a.mov", {"named": "edit"}, "prores", 10),
        ("grey", "a.webm", {"named": "small"}, "av1", 8),
    ],
)
def test_codec_and_bits(films, film, target, asked, codec, bits):
    recipe = choose_recipe(films[film], target, **asked)
    assert (recipe.codec.name, recipe.bits) == (codec, bits)
    assert recipe.container.suffix == Path(target).suffix.lower()
    lost = bits < films[film].depth
    assert any("bits of luma" in remark for remark in recipe.remarks) == lost


def test_settings_reach_the_encoder_under_its_own_names(films):
    def options(target, **asked):
        return dict(choose_recipe(films["grey"], target, **asked).options)

    # Without cpu-independent, x264 gives other bytes for the same frames now and then.
    same = {"x264-params": "cpu-independent=1:rc-lookahead=20"}
    assert options("a.mp4") == {"crf": "18", "preset": "medium"} | same
    assert options("a.mp4", crf=0, preset="fast") == {"crf": "0", "preset": "fast"} | same
    assert options("a.webm", crf=40, preset="5")["cpu-used"] == "5"
    assert options("a.mov", codec="prores", preset="lt")["profile"] == "lt"
    assert options("a.mkv", named="master", crf=9) == options("a.mkv", codec="hevc", crf=9, preset="slow")
    assert "crf" not in options("a.mkv", codec="ffv1")
    assert choose_recipe(films["grey"], "a.mp4").describe() == "h264, 8 bits, crf 18, preset medium"


def test_every_named_setting_can_be_written(films):
    for name, named in NAMED.items():
        recipe = choose_recipe(films["grey"], f"a{named.suffix}", named=name)
        assert recipe.codec.name == named.codec
    for codec in CODECS.values():
        assert set(codec.suffixes) <= set(CONTAINERS)


def test_planes_have_the_size_that_the_codec_needs(films):
    assert choose_recipe(films["grey"], "a.mp4").chroma_shape == (32, 48)
    assert choose_recipe(films["grey"], "a.mov", codec="prores").chroma_shape == (64, 48)
    odd = choose_recipe(films["odd"], "a.mp4")
    assert (odd.width, odd.height, odd.chroma_shape) == (98, 66, (33, 49))
    assert any("even width and height" in remark for remark in odd.remarks)
    lossless = choose_recipe(films["odd"], "a.mkv", codec="ffv1")
    assert (lossless.width, lossless.height, lossless.chroma_shape, lossless.remarks) == (97, 65, (33, 49), ())


@pytest.mark.parametrize(
    ("film", "target", "asked", "form", "remark"),
    [
        ("wide", "a.mp4", {}, "yuv422p10le", None),
        ("fine", "a.mp4", {}, "yuv444p", None),
        ("fine", "a.mkv", {"codec": "hevc", "bits": 12}, "yuv444p12le", None),
        ("fine", "a.webm", {}, "yuv444p", None),
        ("fine", "a.webm", {"codec": "av1"}, "yuv420p", "its 4:4:4 chroma became 4:2:0"),
        ("tall", "a.mp4", {}, "yuv420p", "its 4:4:0 chroma became 4:2:0"),
        ("wide", "a.mp4", {"named": "share"}, "yuv420p", "its 4:2:2 chroma became 4:2:0"),
        ("wide", "a.mkv", {"named": "archive"}, "yuv422p10le", None),
        ("fine", "a.mov", {"named": "edit"}, "yuv444p10le", None),
        ("fine", "a.mov", {"codec": "prores", "preset": "hq"}, "yuv422p10le", "its 4:4:4 chroma became 4:2:2"),
        ("grey", "a.mov", {"codec": "prores", "preset": "4444"}, "yuv444p10le", None),
        ("grey", "a.mp4", {"sampling": "444"}, "yuv444p", None),
        ("wide", "a.mp4", {"sampling": "420", "bits": 10}, "yuv420p10le", "its 4:2:2 chroma became 4:2:0"),
    ],
)
def test_chroma_keeps_its_size_where_the_codec_has_it(films, film, target, asked, form, remark):
    recipe = choose_recipe(films[film], target, **asked)
    assert recipe.form == form
    across, down = {"420": (2, 2), "422": (2, 1), "444": (1, 1)}[form[3:6]]
    assert recipe.chroma_shape == (64 // down, 96 // across)
    assert [said for said in recipe.remarks if "chroma" in said] == ([remark] if remark else [])
    if recipe.codec.name == "prores":
        assert (dict(recipe.options)["profile"] == "4444") == (form[3:6] == "444")


def test_transparency_is_told(films):
    assert choose_recipe(films["clear"], "a.mkv", codec="ffv1").remarks == ("its transparency is left out",)
    assert choose_recipe(films["grey"], "a.mkv", codec="ffv1").remarks == ()


def test_full_range_is_said_where_it_can_be(films):
    said = choose_recipe(films["full"], "a.mp4")
    assert (said.full_range, said.tags.range, said.remarks) == (True, 2, ())
    scaled = choose_recipe(films["full"], "a.mov", codec="prores")
    assert (scaled.full_range, scaled.tags.range) == (False, 1)
    assert any("limited" in remark for remark in scaled.remarks)


@pytest.mark.parametrize(
    ("target", "asked", "error", "words"),
    [
        ("a.avi", {}, OutputError, "AVI keeps no times of frames; choose one of .mp4, .mov, .m4v, .mkv, .webm, or"),
        ("a.gif", {}, OutputError, "256 colours"),
        ("a.xyz", {}, OutputError, r"a\.xyz: films are not written as \.xyz"),
        ("a", {}, OutputError, "without a suffix"),
        ("a.mp4", {"codec": "h265"}, SettingError, "no codec h265; choose one of h264, hevc"),
        ("a.mp4", {"codec": "ffv1"}, SettingError, "cannot hold ffv1; write .mkv, or choose one of the codecs h264"),
        ("a.webm", {"codec": "h264"}, SettingError, "write .mp4 or .mov or .m4v or .mkv"),
        ("a.webm", {"bits": 10}, SettingError, "vp9 takes 8 bits here, not 10; codecs with 10 bits: h264, hevc"),
        ("a.mp4", {"bits": 9}, SettingError, "h264 takes 8 or 10 bits here, not 9$"),
        ("a.mp4", {"crf": 52}, SettingError, r"0\.\.51, not 52"),
        ("a.mov", {"codec": "prores", "crf": 10}, SettingError, "choose a preset instead: proxy, lt"),
        ("a.mkv", {"codec": "ffv1", "crf": 10}, SettingError, "lossless"),
        ("a.mkv", {"codec": "ffv1", "preset": "slow"}, SettingError, "leave it out"),
        ("a.mp4", {"preset": "6"}, SettingError, "h264 has no preset 6; choose one of ultrafast"),
        ("a.mp4", {"named": "tiny"}, SettingError, "no settings named tiny; choose one of archive"),
        ("a.mp4", {"named": "archive"}, SettingError, "cannot hold ffv1"),
        ("a.webm", {"codec": "av1", "sampling": "422"}, SettingError, "av1 takes chroma of 420 here, not 422"),
        ("a.mov", {"codec": "prores", "sampling": "444", "preset": "lt"}, SettingError, "with the preset 4444"),
        ("a.mkv", {"named": "archive", "codec": "h264"}, SettingError, "archive means the codec ffv1, not h264"),
    ],
)
def test_what_does_not_go_together_is_refused_with_what_does(films, target, asked, error, words):
    with pytest.raises(error, match=words):
        choose_recipe(films["grey"], target, **asked)


def test_where_a_result_goes_if_nobody_says(films, tmp_path):
    grey, old = films["grey"], films["old"]
    assert default_target(grey) == grey.path.with_name("grey_color.mkv")
    assert default_target(grey, folder=tmp_path) == tmp_path / "grey_color.mkv"
    assert default_target(grey, named="edit").name == "grey_color.mov"
    assert default_target(grey, named="archive").name == "grey_color.mkv"
    assert default_target(grey, codec="vp9").name == "grey_color.mkv"
    assert default_target(old).name == "old_color.mp4"
    assert default_target(old, codec="vp9").name == "old_color.webm"


def test_the_result_of_a_link_lies_beside_the_link(tmp_path):
    (tmp_path / "there").mkdir()
    clips.write_clip(tmp_path / "there" / "in.mkv", codec="ffv1", frames=3)
    link = tmp_path / "link.mkv"
    link.symlink_to(tmp_path / "there" / "in.mkv")
    assert default_target(open_film(link)) == tmp_path / "link_color.mkv"

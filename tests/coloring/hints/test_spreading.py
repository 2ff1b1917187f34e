"""Hints reach what belongs together, stop at edges, and leave the rest to the bit."""

import numpy as np
import pytest

from tinct.color.upsample import color_rows, fit_guide
from tinct.coloring.hints.hint import Hint, parse_hint
from tinct.coloring.hints.spreading import HintSpreader, likeness, place_hints

HEIGHT, WIDTH = 120, 180


def three_things():
    """Left 0.3, a strip of 0.6, right 0.3 again, with grain."""
    column = np.arange(WIDTH)
    levels = np.where((column < 60) | (column >= 76), 0.3, 0.6)[None].repeat(HEIGHT, axis=0)
    return (levels + np.random.default_rng(0).normal(0, 0.004, levels.shape)).astype(np.float32)


def seen(left, middle, right):
    """Shares of three bins over the things, at a quarter of the size."""
    shares = np.empty((30, 45, 3), dtype=np.float32)
    shares[:, :15], shares[:, 15:19], shares[:, 19:] = left, middle, right
    return shares


def placed(*texts):
    return place_hints([parse_hint(text) for text in texts], width=WIDTH, height=HEIGHT)


ONE, OTHER = (0.8, 0.1, 0.1), (0.1, 0.1, 0.8)


def change(spreader, luma, hints):
    guide = fit_guide(luma, np.zeros((30, 45, 2), np.float32))
    return np.abs(spreader.added(guide, spreader.shares(hints)).chroma(luma) - guide.chroma(luma)).max(axis=-1)


def test_a_hint_fills_its_thing_and_no_other():
    luma = three_things()
    spreader = HintSpreader(luma, shares=seen(ONE, OTHER, OTHER))
    found = change(spreader, luma, placed("30,60=#ff0000"))
    assert found[:, 3:54].min() > 0.4
    assert found[:, 68:].max() < 0.03


def test_far_from_a_hint_nothing_changes_at_all():
    luma = np.tile(three_things(), (1, 3))
    spreader = HintSpreader(luma, shares=np.concatenate([seen(ONE, OTHER, OTHER)] + [seen(OTHER, OTHER, OTHER)] * 2, 1))
    hints = place_hints([parse_hint("30,60=#ff0000")], width=3 * WIDTH, height=HEIGHT)
    assert change(spreader, luma, hints)[:, 300:].max() == 0


def test_what_the_network_sees_alike_follows_across_a_gap():
    luma = three_things()
    alike = change(HintSpreader(luma, shares=seen(ONE, OTHER, ONE)), luma, placed("45,60=#ff0000"))
    unlike = change(HintSpreader(luma, shares=seen(ONE, OTHER, OTHER)), luma, placed("45,60=#ff0000"))
    near = np.s_[50:70, 80:95]
    assert alike[near].mean() > 0.05
    assert alike[near].mean() > 5 * unlike[near].mean()


def test_without_a_distribution_luma_alone_decides():
    luma = three_things()
    found = change(HintSpreader(luma), luma, placed("30,60=#ff0000"))
    assert found[:, 3:54].min() > 0.3
    assert found[:, 68:].max() < 0.05


def test_the_colour_at_the_hint_is_the_hints():
    luma = three_things() + np.float32(0.2)  # brighter than both colours
    hints = placed("30,60=#b03020", "68,60=#3050a0")
    share, colors, _ = HintSpreader(luma, shares=seen(ONE, OTHER, ONE)).shares(hints)
    places, owners = hints.on_grid(*share.shape)
    np.testing.assert_array_equal(share[tuple(places.T)], 1)
    np.testing.assert_allclose(colors[tuple(places.T)], hints.yuv[owners, 1:], atol=1e-6)
    assert share.min() >= 0
    assert share.max() <= 1


@pytest.mark.parametrize("level", [0.05, 0.15, 0.4])
def test_in_the_dark_chroma_keeps_its_proportion_to_luma(level):
    luma = np.full((HEIGHT, WIDTH), level, dtype=np.float32)
    hints = placed("30,60=#d8c0a0")  # beige
    asked = hints.yuv[0, 1:] / hints.yuv[0, 0]
    spreader = HintSpreader(luma, shares=seen(ONE, ONE, ONE))
    colors = spreader.shares(hints).chroma
    np.testing.assert_allclose(colors[10:90, 10:60] / level, np.broadcast_to(asked, (80, 50, 2)), rtol=0.02)


def test_in_brighter_places_chroma_is_what_was_asked():
    luma = np.full((HEIGHT, WIDTH), 0.8, dtype=np.float32)
    hints = placed("30,60=#602010")
    colors = HintSpreader(luma, shares=seen(ONE, ONE, ONE)).shares(hints).chroma
    np.testing.assert_allclose(colors[10:90, 10:60], np.broadcast_to(hints.yuv[0, 1:], (80, 50, 2)), rtol=0.02)


def sight(edge):
    """What a network sees in two things, at a sixteenth of the size, up to a column and from it on."""
    features = np.zeros((8, 11, 2), dtype=np.float32)
    features[:, :edge, 0] = features[:, edge:, 1] = 1
    return features


def test_what_the_network_tells_apart_bounds_a_hint():
    luma = np.full((HEIGHT, WIDTH), 0.4, dtype=np.float32)  # no edge at all
    hints = placed("25,60=#ff0000")
    near, far = (
        HintSpreader(luma, shares=seen(ONE, ONE, ONE), features=sight(edge)).shares(hints).share for edge in (4, 8)
    )
    small, large = (round(place * near.shape[1] / WIDTH) for place in (50, 85))
    assert near[20:-20, 5:small].min() > 0.9
    assert near[:, large:].max() < 0.05
    assert far[20:-20, 5:large].min() > 0.9


def test_two_hints_of_one_thing_win_near_themselves():
    luma = np.full((HEIGHT, WIDTH), 0.4, dtype=np.float32)
    hints = placed("20,60=#ff4040", "130,60=#4040ff")
    spreader = HintSpreader(luma, shares=seen(ONE, ONE, ONE), features=sight(10))
    blue = spreader.shares(hints).chroma[:, :, 0]
    across = blue[blue.shape[0] // 2]
    first, last = (round(place * len(across) / WIDTH) for place in (20, 130))
    assert across[first + 8] < -0.03
    assert across[last - 8] > 0.1
    assert np.all(np.diff(across[first:last]) > -1e-3)


def test_darkening_lowers_luma_to_the_colours_own():
    luma = np.full((HEIGHT, WIDTH), 0.95, dtype=np.float32)
    guide = fit_guide(luma, np.zeros((30, 45, 2), np.float32))
    asked = place_hints([parse_hint("30,60=#4080d0")], width=WIDTH, height=HEIGHT)
    darkened = place_hints([parse_hint("30,60=#4080d0:darken")], width=WIDTH, height=HEIGHT)
    spreader = HintSpreader(luma, shares=seen(ONE, OTHER, OTHER))
    assert spreader.pale(asked) == (0,)
    assert spreader.pale(darkened) == ()
    plain, dimmed = (
        color_rows(luma, spreader.added(guide, spreader.shares(hints)), top=0, height=HEIGHT, dtype=np.uint8)
        for hints in (asked, darkened)
    )
    assert plain[60, 30].min() > 225
    np.testing.assert_allclose(dimmed[60, 30], (0x40, 0x80, 0xD0), atol=3)
    np.testing.assert_array_equal(dimmed[:, 150:], plain[:, 150:])


@pytest.mark.parametrize(("level", "color"), [(0.95, "#f4f4f4"), (0.5, "#4080d0"), (0.95, "#ffffc0"), (0.1, "#4080d0")])
def test_colours_that_show_are_not_told_of(level, color):
    luma = np.full((HEIGHT, WIDTH), level, dtype=np.float32)
    assert HintSpreader(luma).pale(placed(f"30,60={color}")) == ()


def test_long_strokes_are_exact_everywhere():
    luma = three_things()
    stroke = Hint(points=((5, 5), (55, 115)), color=(255, 0, 0), width=4)
    hints = place_hints([stroke], width=WIDTH, height=HEIGHT)
    share = HintSpreader(luma, shares=seen(ONE, OTHER, OTHER)).shares(hints).share
    places, _ = hints.on_grid(*share.shape)
    assert len(places) > 200
    np.testing.assert_array_equal(share[tuple(places.T)], 1)


def test_likeness_is_near_and_alike():
    shares = np.repeat(seen(ONE, OTHER, ONE)[::5, ::5].reshape(-1, 3), 1, axis=0)
    found = likeness(shares, np.full((6, 9), 0.5, np.float32))
    np.testing.assert_allclose(np.diag(found), 1, atol=1e-6)
    np.testing.assert_allclose(found, found.T, atol=1e-6)
    assert found[0, 1] > 100 * found[2, 3]
    assert found[0, 1] > found[0, 2]


@pytest.mark.parametrize("shape", [(2, 300), (300, 2), (9, 9)])
def test_narrow_pictures(shape):
    luma = np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)
    hints = place_hints([parse_hint("50%,50%=#ff0000")], width=shape[1], height=shape[0])
    share = HintSpreader(luma).shares(hints).share
    assert share.max() == 1

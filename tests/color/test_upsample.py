"""The guided filter keeps colours beside their edges; colouring keeps luma whatever the chroma."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from skimage.color import rgb2ycbcr

from tinct.color.spaces import RGB_TO_YUV, rgb_to_yuv, yuv_to_rgb
from tinct.color.upsample import ChromaGuide, chroma_planes, color_rows, even_out, fit_guide, yuv_colors
from tinct.errors import InputError, SettingError

WEIGHTS = RGB_TO_YUV[0].astype(np.float64)


def enlarged(guide: ChromaGuide, luma: np.ndarray) -> np.ndarray:
    """The U and V planes a guide gives for a full-size luma."""
    height, width = luma.shape
    planes = guide.rows(0, height, height=height, width=width)
    red = planes[0] * luma + planes[1]
    blue = planes[2] * luma + planes[3]
    return np.stack([blue / 2.03211, red / 1.13983], axis=-1)


def two_regions(size: int) -> tuple[np.ndarray, np.ndarray]:
    """A dark disc on a light ground, with chroma of opposite sign in each."""
    rows, columns = np.mgrid[0:size, 0:size]
    inside = np.hypot(rows - size * 0.48, columns - size * 0.53) < size * 0.3
    luma = np.where(inside, 0.35, 0.7).astype(np.float32)
    chroma = np.where(inside[..., None], np.float32([0.15, -0.1]), np.float32([-0.1, 0.12]))
    return luma, chroma


def test_chroma_stays_on_its_side_of_an_edge():
    luma, chroma = two_regions(1536)
    small = cv2.resize(luma, (512, 512), interpolation=cv2.INTER_AREA)
    # What a network gives: chroma at an eighth of the guide's size, colours already mixed along the edge.
    coarse = cv2.GaussianBlur(cv2.resize(chroma, (64, 64), interpolation=cv2.INTER_AREA), (0, 0), 0.7)
    result = enlarged(fit_guide(small, coarse), luma)
    plain = cv2.resize(coarse, (1536, 1536), interpolation=cv2.INTER_LINEAR)
    contrast = np.abs(chroma[768, 768] - chroma[0, 0]).max()
    wrong, wrong_plain = (np.abs(each - chroma).max(axis=-1) / contrast for each in (result, plain))
    assert wrong.mean() < 0.65 * wrong_plain.mean()
    # A network pixel is 24 pixels wide here. Beside the edge the neighbour's share is a sixth instead of a half.
    assert wrong_plain.max() > 0.5
    assert wrong.max() < 0.2
    edge = cv2.dilate(cv2.Canny((luma * 255).astype(np.uint8), 50, 100), np.ones((3, 3)))
    away = cv2.distanceTransform(255 - edge, cv2.DIST_L2, 5)
    assert wrong[away > 72].max() < 0.02


def test_no_halo_where_luma_has_an_edge_and_chroma_has_none():
    luma, _ = two_regions(512)
    chroma = np.full((64, 64, 2), [0.1, -0.05], np.float32)
    assert np.abs(enlarged(fit_guide(luma, chroma), luma) - chroma[0, 0]).max() < 1e-4


def test_calm_places_keep_small_colored_things():
    luma = np.full((96, 96), 0.5, np.float32)
    chroma = np.zeros((24, 24, 2), np.float32)
    chroma[11:13, 11:13] = [0.2, -0.1]  # two network pixels, of the same luma as what is around
    result = enlarged(fit_guide(luma, chroma), luma)
    plain = cv2.resize(chroma, (96, 96), interpolation=cv2.INTER_LINEAR)
    assert result[48, 48, 0] > 0.8 * plain[48, 48, 0]


def test_no_worse_than_enlarging_chroma_alone_on_a_photograph(chelsea_png):
    yuv = rgb_to_yuv(cv2.imread(str(chelsea_png))[:296, :448, ::-1].astype(np.float32) / 255)
    luma, chroma = np.ascontiguousarray(yuv[..., 0]), yuv[..., 1:]
    coarse = cv2.GaussianBlur(cv2.resize(chroma, (448 // 8, 296 // 8), interpolation=cv2.INTER_AREA), (0, 0), 1.2)
    plain = cv2.resize(coarse, (448, 296), interpolation=cv2.INTER_LINEAR)
    result = enlarged(fit_guide(luma, coarse), luma)
    assert np.square(result - chroma).mean() < 1.02 * np.square(plain - chroma).mean()


@pytest.mark.parametrize("width", [70, 2100])  # rows are enlarged in one of two ways
def test_rows_of_a_part_are_those_of_the_whole(width):
    guide = ChromaGuide(np.random.default_rng(2).normal(0, 0.2, (4, 9, 13)).astype(np.float32))
    whole = guide.rows(0, 50, height=50, width=width)
    parts = np.concatenate([guide.rows(top, 7, height=50, width=width) for top in range(0, 49, 7)], axis=1)
    np.testing.assert_array_equal(parts, whole[:, :49])
    reference = np.stack([cv2.resize(plane, (width, 50), interpolation=cv2.INTER_LINEAR) for plane in guide.planes])
    np.testing.assert_allclose(whole, reference, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    levels=npst.arrays(np.uint16, npst.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24)),
    seed=st.integers(0, 2**32 - 1),
    strength=st.sampled_from([0.05, 0.3, 2.0]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
)
def test_luma_is_kept_for_any_chroma(levels, seed, strength, dtype):
    full = np.iinfo(dtype).max
    grey = levels.astype(np.int64) % (full + 1)
    planes = np.random.default_rng(seed).normal(0, strength, (4, 3, 4)).astype(np.float32)
    luma = grey.astype(np.float32) / np.float32(full)
    rgb = color_rows(luma, ChromaGuide(planes), top=0, height=len(grey), dtype=dtype)
    assert rgb.dtype == dtype
    difference = np.abs(rgb.astype(np.float64) @ WEIGHTS - grey)
    assert difference.max() <= (0.301 if dtype is np.uint8 else 0.35)
    if dtype is np.uint8:  # nearer than half a step: turned back to grey it is the same number
        np.testing.assert_array_equal(np.rint(rgb.astype(np.float64) @ WEIGHTS), grey)


def test_floats_keep_luma_and_lose_chroma_only_out_of_gamut():
    generator = np.random.default_rng(3)
    luma = generator.random((30, 40), dtype=np.float32)
    guide = ChromaGuide(generator.normal(0, 0.3, (4, 5, 6)).astype(np.float32))
    rgb = color_rows(luma, guide, top=0, height=30, dtype=np.float32)
    assert rgb.min() >= 0
    assert rgb.max() <= 1
    np.testing.assert_allclose(rgb @ WEIGHTS, luma, atol=2e-6)
    wanted = yuv_to_rgb(np.concatenate([luma[..., None], enlarged(guide, luma)], axis=-1))
    inside = (wanted > 0.001).all(axis=-1) & (wanted < 0.999).all(axis=-1)
    assert 0.05 < inside.mean() < 0.95
    np.testing.assert_allclose(rgb[inside], wanted[inside], atol=2e-3)
    # Out of gamut the hue stays: chroma is scaled, so the order of the channels is kept.
    assert (np.argsort(rgb[~inside] + wanted[~inside] * 1e-6) == np.argsort(wanted[~inside])).mean() > 0.99


def test_yuv_colors_keep_luma():
    generator = np.random.default_rng(4)
    luma, chroma = generator.random((20, 30)), generator.normal(0, 0.3, (20, 30, 2))
    rgb = yuv_colors(luma, chroma)
    np.testing.assert_allclose(rgb @ WEIGHTS, luma, atol=1e-5)
    assert (rgb >= 0).all()
    assert (rgb <= 1).all()


@pytest.mark.parametrize(("height", "width"), [(480, 640), (427, 641)])
def test_a_fit_every_few_pixels_is_that_at_every_pixel(chelsea_png, height, width):
    yuv = rgb_to_yuv(cv2.imread(str(chelsea_png))[..., ::-1].astype(np.float32) / 255)
    luma = np.ascontiguousarray(cv2.resize(yuv, (width, height), interpolation=cv2.INTER_AREA)[..., 0])
    chroma = cv2.resize(yuv[..., 1:], (width // 12, height // 12), interpolation=cv2.INTER_AREA)
    chroma += np.random.default_rng(9).normal(0, 0.01, chroma.shape).astype(np.float32)
    few, every = (
        color_rows(luma, guide, top=0, height=height, dtype=np.uint8).astype(int)
        for guide in (fit_guide(luma, chroma), fit_guide(luma, chroma, cells=1000))
    )
    apart = np.abs(few - every)
    assert 0 < np.mean(apart > 0) < 0.2
    assert np.mean(apart > 1) < 1e-3
    assert apart.max() <= 6


def test_wrong_arguments_are_named():
    luma, chroma = np.zeros((8, 8), np.float32), np.zeros((4, 4, 2), np.float32)
    with pytest.raises(InputError, match="chroma"):
        fit_guide(luma, chroma[..., 0])
    with pytest.raises(SettingError, match="radius"):
        fit_guide(luma, chroma, radius=0)
    with pytest.raises(SettingError, match="epsilon"):
        fit_guide(luma, chroma, epsilon=0)


def test_films_get_the_colours_that_photographs_get():
    luma = np.random.default_rng(5).random((40, 60), dtype=np.float32) * 0.6 + 0.2
    chroma = np.random.default_rng(6).normal(0, 0.05, (10, 15, 2)).astype(np.float32)
    guide = fit_guide(luma, chroma)
    rgb = color_rows(luma, guide, top=0, height=40, dtype=np.float32)
    expected = rgb2ycbcr(rgb)
    blue, red = chroma_planes(luma, guide, weights=(0.299, 0.114))
    np.testing.assert_allclose(blue * 224 + 128, expected[..., 1], atol=0.02)
    np.testing.assert_allclose(red * 224 + 128, expected[..., 2], atol=0.02)


@pytest.mark.parametrize("weights", [(0.299, 0.114), (0.2126, 0.0722)])
def test_films_colours_stay_in_gamut(weights):
    luma = np.random.default_rng(7).random((300, 400), dtype=np.float32)
    guide = fit_guide(luma, np.random.default_rng(8).normal(0, 0.5, (30, 40, 2)).astype(np.float32))
    blue, red = chroma_planes(luma, guide, weights=weights)
    red_out, blue_out = luma + 2 * (1 - weights[0]) * red, luma + 2 * (1 - weights[1]) * blue
    green_out = (luma - weights[0] * red_out - weights[1] * blue_out) / (1 - sum(weights))
    for channel in (red_out, green_out, blue_out):
        assert channel.min() > -1e-4
        assert channel.max() < 1 + 1e-4
    assert np.hypot(blue, red).mean() > 0.05


def test_smooth_places_get_even_colours_and_edges_and_texture_keep_theirs() -> None:
    luma = np.full((112, 144), 0.4, np.float32)
    luma[:, 72:] = 0.8
    chroma = np.zeros((56, 72, 2), np.float32)
    chroma[20:26, 10:16, 0] = 0.2  # a blue patch on the smooth left
    chroma[:, 36:, 1] = 0.2  # what is right of the edge is red
    even = even_out(luma, chroma)
    assert even.shape == chroma.shape
    assert even.dtype == np.float32
    assert np.abs(even[..., 0]).max() < 0.4 * 0.2
    assert even[..., 0].mean() == pytest.approx(chroma[..., 0].mean(), rel=0.1)
    # Luma's step is where red begins, so it does not leak.
    np.testing.assert_allclose(even[..., 1], chroma[..., 1], atol=0.02)
    texture = np.random.default_rng(0).random((112, 144), dtype=np.float32)
    kept = even_out(np.kron(texture[::2, ::2], np.ones((2, 2), np.float32)), chroma)
    assert kept[22, 12, 0] > 0.8 * 0.2


def test_even_colours_stay_exactly_what_they_are() -> None:
    luma = np.random.default_rng(1).random((64, 64), dtype=np.float32)
    chroma = np.full((16, 16, 2), 0.1, np.float32)
    np.testing.assert_allclose(even_out(luma, chroma), chroma, atol=1e-5)

"""One frame of a film: codes in and out, the colours of a photograph, black borders, its own colours, and spots."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.color import rgb2ycbcr, ycbcr2rgb

from tinct.color.toning import OwnColors
from tinct.coloring.film.frames import FrameColorizer, spot_share
from tinct.coloring.photo.colorizer import Colorizer
from tinct.media.video.form import FrameForm
from tinct.media.video.read import Frame

FORM = FrameForm(
    luma_shape=(96, 128),
    depth=8,
    full_range=False,
    matrix="bt601",
    area=(0, 96, 0, 128),
    chroma_shape=(48, 64),
    chroma_depth=8,
)


@pytest.fixture(scope="module")
def picture(chelsea_png: Path) -> np.ndarray:
    rgb = cv2.imread(str(chelsea_png))[:, :, ::-1]
    return cv2.resize(rgb, (128, 96), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def codes(picture: np.ndarray) -> np.ndarray:
    return np.rint(rgb2ycbcr(picture)).astype(np.uint8)  # limited range, BT.601


def painted(colorizer: FrameColorizer, luma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    look = colorizer.look(luma)
    return colorizer.planes(look, colorizer.answer(look.seen))


def frame(codes: np.ndarray) -> Frame:
    luma, blue, red = (np.ascontiguousarray(codes[..., channel]) for channel in range(3))
    half = (64, 48)
    chroma = tuple(cv2.resize(plane, half, interpolation=cv2.INTER_AREA) for plane in (blue, red))
    return Frame(number=0, pts=0, duration=None, luma=luma, chroma=chroma)  # type: ignore[arg-type]


def test_a_frame_gets_the_colours_of_a_photograph(tiny_model: Path, codes: np.ndarray) -> None:
    colorizer = Colorizer(tiny_model, runtime="onnxruntime", denoise="off", tones="off")
    luma = codes[..., 0]
    u, v = painted(FrameColorizer(colorizer, FORM), luma)
    grey = (np.clip((luma.astype(np.float32) - 16) / 219, 0, 1) * 255).round().astype(np.uint8)
    expected = rgb2ycbcr(colorizer.array(grey))
    for plane, channel in ((u, 1), (v, 2)):
        assert (plane.shape, plane.dtype) == ((48, 64), np.uint8)
        wanted = cv2.resize(expected[..., channel], (64, 48), interpolation=cv2.INTER_AREA)
        assert np.abs(wanted - 128).mean() > 1.5  # there is colour to get right
        assert np.abs(plane - wanted).mean() < 1.0


@pytest.mark.parametrize(("chroma_shape", "depth"), [((96, 64), 8), ((96, 128), 8), ((48, 64), 10)])
def test_other_forms_hold_the_same_colours(
    tiny_model: Path, codes: np.ndarray, chroma_shape: tuple[int, int], depth: int
) -> None:
    colorizer = Colorizer(tiny_model, runtime="onnxruntime", denoise="off")
    plain = painted(FrameColorizer(colorizer, FORM), codes[..., 0])
    assert len(plain) == 2
    form = replace(FORM, chroma_shape=chroma_shape, chroma_depth=depth)
    for plane, reference in zip(painted(FrameColorizer(colorizer, form), codes[..., 0]), plain, strict=True):
        assert (plane.shape, plane.dtype) == (chroma_shape, np.uint8 if depth == 8 else np.uint16)
        small = cv2.resize(plane.astype(np.float32), (64, 48), interpolation=cv2.INTER_AREA) / 2 ** (depth - 8)
        assert np.abs(small - reference).mean() < 1.0


def test_deep_and_full_range_luma_is_the_same_picture(tiny_model: Path, codes: np.ndarray) -> None:
    colorizer = Colorizer(tiny_model, runtime="onnxruntime", denoise="off")
    plain = FrameColorizer(colorizer, FORM).look(codes[..., 0])
    deep = FrameColorizer(colorizer, replace(FORM, depth=10)).look(codes[..., 0].astype(np.uint16) << 2)
    np.testing.assert_allclose(deep.seen, plain.seen, atol=0.01)
    full = np.clip((codes[..., 0].astype(np.float32) - 16) * 255 / 219, 0, 255).round().astype(np.uint8)
    other = FrameColorizer(colorizer, replace(FORM, full_range=True)).look(full)
    np.testing.assert_allclose(other.seen, plain.seen, atol=0.01)


def test_black_borders_stay_black_and_are_not_seen(tiny_model: Path, codes: np.ndarray) -> None:
    colorizer = FrameColorizer(
        Colorizer(tiny_model, runtime="onnxruntime", denoise="off"), replace(FORM, area=(12, 84, 8, 120))
    )
    luma = np.full((96, 128), 16, np.uint8)
    luma[12:84, 8:120] = cv2.resize(codes[..., 0], (112, 72), interpolation=cv2.INTER_AREA)
    u, v = painted(colorizer, luma)
    inside = np.zeros((48, 64), bool)
    inside[6:42, 4:60] = True
    for plane in (u, v):
        assert (plane[~inside] == 128).all()
        assert np.abs(plane[inside].astype(int) - 128).mean() > 1
    noisy = luma.copy()
    noisy[:12] = 200
    np.testing.assert_array_equal(colorizer.look(noisy).seen, colorizer.look(luma).seen)


def test_colours_of_its_own_are_known_from_a_tone(tiny_model: Path, codes: np.ndarray) -> None:
    colorizer = FrameColorizer(Colorizer(tiny_model, runtime="onnxruntime"), FORM)
    assert colorizer.is_colored(frame(codes))
    grey, sepia = codes.copy(), codes.copy()
    grey[..., 1:] = 128
    sepia[..., 1], sepia[..., 2] = 118, 138
    assert not colorizer.is_colored(frame(grey))
    assert not colorizer.is_colored(frame(sepia))
    assert not colorizer.is_colored(replace(frame(codes), chroma=None))


def test_own_colours_fit_another_form(tiny_model: Path, codes: np.ndarray) -> None:
    plain = Colorizer(tiny_model, runtime="onnxruntime")
    own = frame(codes).chroma
    assert own is not None
    kept = FrameColorizer(plain, FORM).own_planes(own)
    assert all(np.array_equal(*pair) for pair in zip(kept, own, strict=True))
    deep = FrameColorizer(plain, replace(FORM, chroma_depth=10)).own_planes(own)
    assert all(np.array_equal(plane, values.astype(int) << 2) for plane, values in zip(deep, own, strict=True))


def test_what_is_stored_shows_the_right_colours(tiny_model: Path, codes: np.ndarray) -> None:
    """Shown as players do (scikit-image's BT.601), the result has the luma of the film, in gamut."""
    colorizer = FrameColorizer(
        Colorizer(tiny_model, runtime="onnxruntime"), replace(FORM, chroma_shape=FORM.luma_shape)
    )
    luma = codes[..., 0]
    u, v = painted(colorizer, luma)
    rgb = ycbcr2rgb(np.dstack([luma, u, v]).astype(np.float64))
    assert rgb.min() > -0.02
    assert rgb.max() < 1.02


def test_saturation_strengthens_a_frame_s_colours(tiny_model: Path, codes: np.ndarray) -> None:
    usual, weak, grey = (
        np.stack(painted(FrameColorizer(Colorizer(tiny_model, saturation=strength), FORM), codes[..., 0])).astype(int)
        for strength in (1.0, 0.5, 0.0)
    )
    assert (grey == 128).all()
    assert np.abs(usual - 128).max() > 5
    # Where the usual ones do not leave the gamut, half as strong, as far as whole numbers go.
    assert np.median(np.abs((weak - 128) - (usual - 128) / 2)) <= 0.5


@pytest.mark.parametrize("toned", [False, True])
def test_a_spot_is_found_to_its_edges_and_nothing_beside_it(toned: bool) -> None:
    random = np.random.default_rng(3)
    luma = np.kron(random.uniform(0.2, 0.8, (12, 16)), np.ones((8, 8))).astype(np.float32)
    blue, red = (random.normal(0, 2 / 255, luma.shape).astype(np.float32) for _ in range(2))
    if toned:  # sepia, stronger where it is bright
        blue, red = blue - 0.12 * luma, red + 0.08 * luma
    here = np.s_[40:56, 40:72]
    assert spot_share(_colors(luma, blue, red), blue, red) is None
    blue[here], red[here] = 0.1, -0.2
    share = spot_share(_colors(luma, blue, red), blue, red)
    assert share is not None
    assert share[41:55, 41:71].min() > 0.95
    share[38:58, 38:74] = 0
    assert share.max() < 0.1


def _colors(luma: np.ndarray, blue: np.ndarray, red: np.ndarray) -> OwnColors:
    rgb = np.stack([luma + 1.402 * red, luma - 0.344 * blue - 0.714 * red, luma + 1.772 * blue], axis=-1)
    return OwnColors.of(np.clip(rgb, 0, 1).astype(np.float32))

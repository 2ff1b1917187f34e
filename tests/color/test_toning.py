"""Colour photographs are told from grey and toned ones."""

import cv2
import numpy as np
import pytest

from photographs import COLORED, GREY, photograph, toned
from tinct.color.toning import color_off_tone, is_colored

KINDS = ("sepia", "cyanotype", "faded", "grey")


def as_jpeg(rgb: np.ndarray, quality: int) -> np.ndarray:
    levels = np.clip(rgb[..., ::-1] * 255, 0, 255).astype(np.uint8)
    return cv2.imdecode(cv2.imencode(".jpg", levels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1)[..., ::-1] / 255


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("quality", [0, 50, 90])
def test_toned_pictures_count_as_grey(camera_png, kind, quality):
    rgb = toned(cv2.imread(str(camera_png), 0) / 255, kind)
    assert not is_colored(as_jpeg(rgb, quality) if quality else rgb)


def test_grain_of_three_colors_is_no_color(camera_png):
    grey = cv2.imread(str(camera_png), 0)[..., None] / 255
    assert not is_colored(np.clip(grey + np.random.default_rng(1).normal(0, 0.05, (512, 512, 3)), 0, 1))


def test_a_photograph_has_colors(chelsea_png):
    assert is_colored(cv2.imread(str(chelsea_png))[..., ::-1] / 255)
    assert not is_colored(np.zeros((20, 20, 1)))
    assert color_off_tone(np.zeros((20, 20, 3))) == 0


def test_a_few_colored_things_in_a_grey_picture_are_seen(camera_png):
    rgb = toned(cv2.imread(str(camera_png), 0) / 255, "grey")
    rgb[100:260, 200:360, 0] += 0.25
    assert is_colored(np.clip(rgb, 0, 1))


@pytest.mark.parametrize("name", COLORED)
def test_color_photographs_are_seen_as_such_and_their_greys_and_tones_as_none(name):
    rgb = photograph(name) / 255
    assert is_colored(rgb)
    assert is_colored(as_jpeg(rgb, 60))
    grey = rgb @ [0.299, 0.587, 0.114]
    assert [kind for kind in KINDS if is_colored(as_jpeg(toned(grey, kind), 60))] == []


@pytest.mark.parametrize("name", ["astronaut", "coffee", "motorcycle_left", "china", "flower"])
def test_old_color_photographs_that_faded_have_colors_of_their_own(name):
    rgb = photograph(name) / 255
    faded = toned(rgb @ [0.299, 0.587, 0.114], "faded")
    assert is_colored(as_jpeg(0.5 * faded + 0.5 * rgb, 75))


@pytest.mark.parametrize("name", GREY)
@pytest.mark.parametrize("kind", KINDS)
def test_grey_photographs_are_none_in_any_tone(name, kind):
    assert not is_colored(as_jpeg(toned(photograph(name)[..., 0] / 255, kind), 60))


def uneven(rgb: np.ndarray, share: float, *, corner: bool = False) -> np.ndarray:
    slope = np.linspace(-1, 1, rgb.shape[1])[None, :] * np.ones((rgb.shape[0], 1))
    if corner:
        slope = (slope + np.linspace(-1, 1, rgb.shape[0])[:, None]) / 2
    return rgb * np.stack([1 + share * slope, np.ones_like(slope), 1 - share * slope], axis=-1)


def stained(rgb: np.ndarray, share: float) -> np.ndarray:
    size = (rgb.shape[0] * rgb.shape[1]) ** 0.5
    noise = np.random.default_rng(3).normal(size=rgb.shape[:2]).astype(np.float32)
    field = cv2.GaussianBlur(noise, (0, 0), 0.1 * size)
    patches = cv2.GaussianBlur((field > np.quantile(field, 1 - share)).astype(np.float32), (0, 0), 0.01 * size)
    return rgb * (1 - patches[..., None] * [0.03, 0.1, 0.33])


def apart(rgb: np.ndarray) -> np.ndarray:
    return np.stack([np.roll(rgb[..., 0], 1, axis=0), rgb[..., 1], rgb[..., 2]], axis=-1)


SPOILED = {
    "uneven by 4 %": lambda rgb: uneven(rgb, 0.04),
    "uneven by 10 %": lambda rgb: uneven(rgb, 0.1),
    "uneven from corner to corner": lambda rgb: uneven(rgb, 0.1, corner=True),
    "stains over 20 %": lambda rgb: stained(rgb, 0.2),
    "stains over 35 %": lambda rgb: stained(rgb, 0.35),
    "red a line apart": apart,
    "uneven, and red a line apart": lambda rgb: apart(uneven(rgb, 0.06)),
}


@pytest.mark.parametrize("name", ["astronaut", "coffee", "china", "chelsea", "camera"])
@pytest.mark.parametrize("spoiling", SPOILED)
def test_greys_in_uneven_light_with_stains_or_fringes_are_none(name, spoiling):
    grey = photograph(name) / 255 @ [0.299, 0.587, 0.114]
    spoiled = [SPOILED[spoiling](toned(grey, kind)) for kind in ("grey", "sepia")]
    assert [color_off_tone(as_jpeg(rgb, 85)) for rgb in spoiled if is_colored(as_jpeg(rgb, 85))] == []


def silvered(luma: np.ndarray) -> np.ndarray:
    """Sepia, with a bluish sheen in the dark towards the edges, as silver leaves it."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, count) for count in luma.shape), indexing="ij")
    sheen = np.maximum(np.abs(x), np.abs(y)) ** 4 * (1 - luma) ** 2
    return luma[..., None] * [1, 0.86, 0.66] + [0.05, 0.02, 0] + sheen[..., None] * [0, 0.06, 0.14]


@pytest.mark.parametrize("name", ["astronaut", "rocket", "flower"])
def test_silver_that_shines_in_the_dark_is_none(name):
    grey = photograph(name) / 255 @ [0.299, 0.587, 0.114]
    assert not is_colored(as_jpeg(silvered(grey), 85))


@pytest.mark.parametrize("name", ["coffee", "china"])
def test_muted_photographs_have_colors(name):
    rgb = photograph(name) / 255
    assert is_colored(as_jpeg(0.75 * (rgb @ [0.299, 0.587, 0.114])[..., None] + 0.25 * rgb, 85))


@pytest.mark.parametrize("size", [(9, 9), (16, 40), (24, 24)])
def test_small_pictures_have_colors_too(size):
    rgb = np.zeros((*size, 3))
    rgb[:, : size[1] // 2] = (0.8, 0.3, 0.2)
    rgb[:, size[1] // 2 :] = (0.2, 0.5, 0.5)
    rgb[: size[0] // 2] *= 0.7
    assert is_colored(rgb)

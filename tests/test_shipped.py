"""What comes with the project is there and is what it says: model files, their cards, the README's pictures."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import skimage.io
from skimage.color import deltaE_ciede2000, rgb2lab

from tinct.coloring.photo.colorizer import Colorizer
from tinct.runtime import DEFAULT_MODEL
from tinct.runtime.modelfile import find_model, list_models, read_card

PROJECT = Path(__file__).parents[1]


def test_the_default_model_is_shipped() -> None:
    assert list_models()[0] == DEFAULT_MODEL == "photo"


@pytest.mark.parametrize("name", list_models())
def test_models_are_small_and_say_what_they_are(name: str) -> None:
    card = read_card(name)
    assert card.name == name
    assert find_model(name).stat().st_size < 45e6
    assert card.licence in {"MIT", "MIT AND Apache-2.0"}  # see NOTICE.md beside the models
    assert card.description
    assert card.data["photographs"] > 1000
    assert card.training["finished"]["steps"] > 1000


def test_the_models_stay_small_together() -> None:
    assert sum(find_model(name).stat().st_size for name in list_models()) < 60e6


def test_the_default_model_gives_a_night_sky_its_blue() -> None:
    rocket = cv2.imread(str(Path(skimage.__file__).parent / "data" / "rocket.jpg"), cv2.IMREAD_COLOR_RGB)
    result = Colorizer(runtime="onnxruntime").array(cv2.cvtColor(rocket, cv2.COLOR_RGB2GRAY))
    sky = (slice(20, 150), slice(120, 300))
    found, truth = result[sky].reshape(-1, 3).mean(axis=0), rocket[sky].reshape(-1, 3).mean(axis=0)
    assert found[2] > found[0] + 10
    assert np.abs(found - truth).max() < 45


def test_the_readme_shows_pictures_that_are_there() -> None:
    shown = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (PROJECT / "README.md").read_text(encoding="utf-8"))
    assert shown
    assert [name for name in shown if not (PROJECT / name).is_file()] == []


def test_the_default_model_takes_colours_from_a_reference(tmp_path: Path) -> None:
    """One half of a photograph in colour tells of the same things seen again, mirrored and darker."""
    rgb = skimage.data.astronaut()[:, :, :3]
    reference = tmp_path / "again.png"
    skimage.io.imsave(reference, (255 * (rgb[40:, ::-1] / 255) ** 1.2).astype(np.uint8), check_contrast=False)
    grey = np.rint(rgb @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)

    def error(*references: Path) -> float:
        colored = Colorizer(runtime="onnxruntime", references=references).array(grey)
        return float(deltaE_ciede2000(rgb2lab(colored), rgb2lab(rgb)).mean())

    alone = error()
    assert error(reference) < 0.7 * alone

"""Each stage says what was decided, from the objects that ran."""

import cv2
import numpy as np
import pytest

from tinct.coloring.hints.hint import Hint
from tinct.coloring.photo.batch import colorize_files
from tinct.coloring.photo.colorizer import Colorizer
from tinct.coloring.photo.explain import stages_of
from tinct.coloring.settings import PhotoSettings

STAGES = [
    "reader",
    "profile",
    "photographs",
    "original",
    "toning",
    "tones",
    "denoise",
    "size",
    "views",
    "temperature",
    "caution",
    "guide",
    "clipping",
]


def test_the_stages_say_what_was_decided(tiny_model, camera_png):
    colorizer = Colorizer(tiny_model, temperature=0.3, size=64, views=2, denoise="off", threads=1)
    red = Hint(points=((25.0, 60.0),), color=(176, 48, 32), unit="percent")
    decided = {stage.name: stage.decided for stage in colorizer.explain(camera_png, hints=[red])}
    assert list(decided) == STAGES
    assert decided["reader"] == "pngload, 512 x 512 pixels, 8 bits a channel"
    assert decided["toning"] == "grey values only"
    assert decided["tones"] == "the network's copy left as it is (tones auto)"
    assert decided["denoise"] == "the network's copy left as it is (denoise off)"
    assert "saw 64 x 64 pixels" in decided["size"]
    assert decided["size"].endswith("(asked for)")
    assert decided["views"] == "2 averaged (asked for)"
    assert decided["temperature"] == "0.3 (asked for)"
    assert decided["caution"] == "0 (the model's own)"
    assert decided["guide"] == "chroma fitted to luma at 512 x 512 pixels; hints: 1"


def test_grain_profile_and_depth_are_named(tiny_model, camera_png, tmp_path):
    grey = cv2.imread(str(camera_png), 0).astype(np.float32) * 257
    noisy = np.clip(grey + np.random.default_rng(0).normal(0, 12 * 257, grey.shape), 0, 65535).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "noisy.png"), noisy)
    decided = {stage.name: stage.decided for stage in Colorizer(tiny_model, size=512).explain(tmp_path / "noisy.png")}
    assert decided["reader"].endswith("16 bits a channel")
    assert decided["profile"] == "nothing converted: sRGB or grey values as they are"
    assert decided["denoise"].startswith("the network's copy smoothed for grain of ")


def test_a_result_is_explained_by_what_made_it(tiny_model, chelsea_png, tmp_path):
    colorizer = Colorizer(tiny_model, threads=1)
    result = colorizer.photo(chelsea_png, tmp_path / "out.png", recolor=True, temperature=0.9)
    stages = stages_of(result.trace)
    assert stages[4].decided.startswith("colours of its own, coloured anew")
    assert stages[9].decided == "0.9 (asked for)"
    written = cv2.imread(str(result.target))[..., ::-1]
    shown = cv2.resize(written, stages[11].picture.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(shown.astype(int) - stages[11].picture).mean() < 2


def test_the_stages_share_clipped_pixels(tiny_chroma_model, camera_png):
    stages = Colorizer(tiny_chroma_model, threads=1).explain(camera_png)
    clipped = stages[-1]
    assert stages[9].decided == "none: the model predicts chroma directly"
    share = 100 * (clipped.picture[..., 0] > 0).mean()
    assert clipped.decided.startswith(f"{share:.1f} % of the pixels lose chroma")


def test_rows_and_pictures(tiny_model, camera_png, tmp_path):
    (tmp_path / "camera.png").write_bytes(camera_png.read_bytes())
    settings = PhotoSettings(model=tiny_model, explain_to=tmp_path / "why")
    row = colorize_files([tmp_path / "camera.png"], settings=settings)[0]
    assert list(row.to_json()["stages"]) == STAGES
    names = [path.name for path in sorted((tmp_path / "why" / "camera.png").iterdir())]
    assert names == ["02_profile.png", "07_denoise.png", "10_temperature.png", "12_guide.png", "13_clipping.png"]
    again = colorize_files([tmp_path / "camera.png"], settings=settings)[0]
    assert again.status == "exists"
    assert "; explained as it would be coloured now; replace it with --overwrite" in again.message
    assert again.stages == row.stages
    plain = colorize_files([tmp_path / "camera.png"], settings=PhotoSettings(model=tiny_model))[0]
    assert "stages" not in plain.to_json()


def test_pictures_of_one_name_do_not_meet(tiny_model, camera_png, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / "album" / folder).mkdir(parents=True)
        (tmp_path / "album" / folder / "a.png").write_bytes(camera_png.read_bytes())
    settings = PhotoSettings(model=tiny_model, explain_to=tmp_path / "why")
    rows = colorize_files([tmp_path / "album"], recursive=True, settings=settings)
    assert [row.status for row in rows] == ["colorized", "colorized"]
    for folder in ("one", "two"):
        assert len(list((tmp_path / "why" / folder / "a.png").iterdir())) == 5


@pytest.mark.parametrize("bits", [8, 16])
def test_bytes_are_explained_too(tiny_model, bits):
    grey = np.full((40, 56), 99, dtype=np.uint8 if bits == 8 else np.uint16)
    content = cv2.imencode(".png", grey)[1].tobytes()
    assert f"{bits} bits" in Colorizer(tiny_model).explain(content)[0].decided
